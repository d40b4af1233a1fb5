"""`GET /changes`: pages and cursors over requests, the long poll, and what a caller of a part of the tree learns."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import event

from app.complaint.lifecycle import Move
from tests.api.door import Door
from tests.workqueue.desk import DAY, NOON, Desk

CHANGES = "/api/v1/changes"


class Reader:
    def __init__(self, door: Door, desk: Desk, headers: dict[str, str]) -> None:
        self.door, self.desk, self.headers = door, desk, headers

    async def get(self, status: int = 200, **query: Any) -> Any:
        answer = await self.door.client.get(CHANGES, params=query, headers=self.headers)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def reader(door: Door) -> Reader:
    door.clock.now = NOON
    desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
    await desk.build()
    return Reader(door, desk, await door.token("viewer"))


async def test_pages_follow_their_cursor_to_an_empty_one(reader: Reader) -> None:
    for number in range(5):
        await reader.desk.report(f"JK{number}", NOON - DAY, unit="sudin")
    seen, cursor, sizes = [], None, []
    while True:
        page = await reader.get(limit=2, wait=5 if len(seen) < 5 else 0, **({"cursor": cursor} if cursor else {}))
        assert set(page) == {"items", "next_cursor", "as_of", "sources"}
        if not page["items"]:
            break
        sizes.append(len(page["items"]))
        seen += [item["ticket_code"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [f"JK{number}" for number in range(5)]
    assert page["next_cursor"] == cursor
    assert max(sizes) == 2


async def test_an_item_is_what_the_list_shows(reader: Reader) -> None:
    await reader.desk.report("JK1", NOON - DAY, unit="sudin")
    listed = (await reader.door.client.get("/api/v1/complaints", headers=reader.headers)).json()["items"]
    assert (await reader.get(wait=10))["items"] == listed


async def test_the_next_page_is_linked(reader: Reader) -> None:
    await reader.desk.report("JK1", NOON - DAY, unit="sudin")
    answer = await reader.door.client.get(CHANGES, params={"wait": 10}, headers=reader.headers)
    assert f"cursor={answer.json()['next_cursor']}" in answer.headers["link"]


async def test_from_now_on_there_is_nothing_yet(reader: Reader) -> None:
    await reader.desk.report("JK1", NOON - DAY, unit="sudin")
    await reader.get(wait=10)
    begun = await reader.get(cursor="now")
    assert begun["items"] == []
    await reader.desk.report("JK2", NOON - DAY, unit="sudin")
    page = await reader.get(cursor=begun["next_cursor"], wait=10)
    assert [item["ticket_code"] for item in page["items"]] == ["JK2"]


async def test_a_long_poll_ends_with_the_change_and_holds_no_connection(reader: Reader) -> None:
    begun = await reader.get(cursor="now")
    pool = reader.door.house.engine.pool
    waiting = [asyncio.create_task(reader.get(cursor=begun["next_cursor"], wait=30)) for _ in range(20)]
    await asyncio.sleep(0.3)
    async with asyncio.timeout(10):
        while pool.checkedout() > 1:  # type: ignore[attr-defined]  # at most the one look at the changes
            await asyncio.sleep(0.01)
    await reader.desk.report("JK1", NOON - DAY, unit="sudin")
    async with asyncio.timeout(20):
        pages = await asyncio.gather(*waiting)
    assert {page["items"][0]["ticket_code"] for page in pages} == {"JK1"}


async def test_a_long_poll_in_which_nothing_comes_ends_empty_where_it_began(reader: Reader) -> None:
    begun = await reader.get(cursor="now")
    loop = asyncio.get_running_loop()
    started = loop.time()
    page = await reader.get(cursor=begun["next_cursor"], wait=1)
    assert (page["items"], page["next_cursor"]) == ([], begun["next_cursor"])
    assert loop.time() - started >= 1


async def test_who_waits_in_one_unit_is_not_asked_for_by_another(reader: Reader) -> None:
    here = Reader(reader.door, reader.desk, await reader.door.token("officer", "sudin"))
    begun = await here.get(cursor="now")
    waiting = asyncio.create_task(here.get(cursor=begun["next_cursor"], wait=2))
    await asyncio.sleep(0.1)
    told: list[str] = []
    engine = reader.door.house.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *given: told.append(given[2]))
    await reader.desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    assert (await waiting)["items"] == []
    pages = [each for each in told if "ORDER BY complaint.change_no" in each]
    assert len(pages) <= 1, "the last look alone"


async def test_what_left_the_units_is_told_as_deleted(reader: Reader) -> None:
    here = Reader(reader.door, reader.desk, await reader.door.token("officer", "sudin"))
    found = await reader.desk.report("JK1", NOON - DAY, unit="sudin")
    page = await here.get(wait=10)
    await reader.desk.move(found, Move.FORWARD, unit="kelurahan-a", reason="Bukan kami")
    page = await here.get(cursor=page["next_cursor"], wait=10)
    assert page["items"] == [{"id": found, "ticket_code": "JK1", "deleted": True}]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cursor", "x"), ("cursor", ""), ("cursor", "NOW"), ("wait", "31"), ("wait", "-1"), ("wait", "soon"),
        ("limit", "0"), ("limit", "201"), ("since", "now"), ("unit", "sudin"),
    ],
)  # fmt: skip
async def test_a_value_that_is_not_understood_is_named(reader: Reader, name: str, value: str) -> None:
    refused = await reader.get(422, **{name: value})
    assert [each["field"] for each in refused["errors"]] == [name]


async def test_a_cursor_of_other_units_says_to_begin_again(reader: Reader) -> None:
    cursor = (await reader.get())["next_cursor"]
    here = Reader(reader.door, reader.desk, await reader.door.token("officer", "sudin"))
    refused = await here.get(422, cursor=cursor)
    assert "begin again" in refused["errors"][0]["message"]
    listed = await reader.door.client.get("/api/v1/complaints", params={"cursor": cursor}, headers=reader.headers)
    assert listed.status_code == 422
