"""`REPLICA_URL`: lists and status come from the replica, say how old they are, and from the primary if it is down."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import event
from sqlalchemy.engine import make_url

from tests.api.door import Door, opened, settings_for
from tests.workqueue.desk import DAY, NOON, Desk

LISTS = ("/complaints", "/overview", "/units/status", "/units/sudin/status", "/changes")
LAG = "tanggap-replica-lag"


def _away(url: str) -> str:
    """A database of the same kind that is not there."""
    if url.startswith("sqlite"):
        return "sqlite:////nowhere/at/all.db"
    away = make_url(url).update_query_dict({"host": "/nowhere"})
    return away.render_as_string(hide_password=False)


async def _open(door: Door) -> Desk:
    door.clock.now = NOON
    desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
    await desk.build()
    await desk.report("JK1", NOON - DAY, unit="sudin")
    return desk


@pytest.fixture
async def replicated(database_url: str) -> AsyncIterator[Door]:
    """The same database through a second engine."""
    settings = settings_for(database_url, rate_limit="off", replica_url=database_url)
    async with opened(settings) as door:
        await _open(door)
        yield door


async def test_lists_and_status_come_from_the_replica_and_say_how_old_they_are(replicated: Door) -> None:
    headers, told = await replicated.token("viewer"), list[str]()
    event.listen(replicated.house.engine.sync_engine, "before_cursor_execute", lambda *given: told.append(given[2]))
    for path in LISTS:
        answer = await replicated.client.get(f"/api/v1{path}", headers=headers)
        assert answer.status_code == 200
        assert float(answer.headers[LAG]) == 0
        assert not [each for each in told if "FROM complaint" in each], path
    assert LAG not in (await replicated.client.get("/api/v1/complaints/JK1", headers=headers)).headers
    assert [each for each in told if "FROM complaint" in each], "one complaint comes from the primary"


async def test_a_tag_speaks_of_the_replica_that_answered(replicated: Door) -> None:
    headers = await replicated.token("viewer")
    first = await replicated.client.get("/api/v1/overview", headers=headers)
    held = {**headers, "If-None-Match": first.headers["etag"]}
    again = await replicated.client.get("/api/v1/overview", headers=held)
    assert (again.status_code, again.headers[LAG]) == (304, first.headers[LAG])


async def test_who_has_just_written_reads_from_the_primary(replicated: Door) -> None:
    headers = await replicated.token("officer", "sudin")
    moved = await replicated.client.post("/api/v1/complaints/JK1/moves", json={"move": "claim"}, headers=headers)
    assert moved.status_code == 200
    listed = await replicated.client.get("/api/v1/complaints", headers=headers)
    assert LAG not in listed.headers
    assert listed.json()["items"][0]["version"] == moved.json()["version"]
    others = await replicated.client.get("/api/v1/complaints", headers=await replicated.token("viewer"))
    assert LAG in others.headers


async def test_a_replica_that_is_down_is_told_once_and_the_primary_answers(database_url: str, log: io.StringIO) -> None:
    settings = settings_for(database_url, rate_limit="off", replica_url=_away(database_url))
    async with opened(settings) as door:
        await _open(door)
        headers = await door.token("viewer")
        for path in LISTS * 2:
            answer = await door.client.get(f"/api/v1{path}", headers=headers)
            assert (answer.status_code, LAG in answer.headers) == (200, False)
    assert log.getvalue().count("replica_gone") == 1
