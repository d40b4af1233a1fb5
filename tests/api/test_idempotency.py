"""`Idempotency-Key`: a write that comes again is answered as before and done once, whatever happened in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from datetime import timedelta
from typing import Any

import orjson
import pytest
from fastapi import APIRouter
from sqlalchemy import select

from app.complaint.lifecycle import Move
from app.db.complaints import lock
from app.db.session import reading, writing
from app.people.answers import KEPT, forget_answers
from app.people.attempts import RequestHash
from tests.api.door import Door, opened, settings_for
from tests.api.test_problems import assert_problem, fail_at_commit
from tests.workqueue.desk import DAY, NOON, Desk, table

API = "/api/v1"
COMPLAINTS = f"{API}/complaints"
MOVES = f"{COMPLAINTS}/JK1/moves"
ANSWER = {"move": "respond", "text": "Kami periksa hari ini."}
KEY = {"Idempotency-Key": "0b9f6c1e-1f0e-4f5e-9d3a-6a1f2f7c0d11"}

router = APIRouter(prefix=API)
router.post("/fail-at-commit")(fail_at_commit)


@pytest.fixture
async def desk(door: Door) -> AsyncIterator[Desk]:
    door.clock.now = NOON
    desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
    await desk.build()
    await desk.report("JK1", NOON - DAY / 2, unit="sudin")
    yield desk


@pytest.fixture
async def officer(door: Door, desk: Desk) -> dict[str, str]:
    return await door.token("officer", "kota") | KEY


async def _taken(desk: Desk, wanted: Move) -> int:
    return sum(row.move == wanted for row in await desk.rows("complaint_event"))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/JK1/moves", ANSWER),
        ("/JK1/notes", {"text": "Sudah ditelepon."}),
        ("/moves", {"refs": ["JK1"]} | ANSWER),
    ],
)
async def test_a_repeat_is_answered_as_before_and_done_once(
    door: Door, desk: Desk, officer: dict[str, str], path: str, body: Any
) -> None:
    first = await door.client.post(COMPLAINTS + path, json=body, headers=officer)
    assert first.status_code in (200, 201), first.text
    written = len(await desk.rows("complaint_event"))
    door.clock.now += timedelta(hours=3)
    again = await door.client.post(COMPLAINTS + path, json=body, headers=officer)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    for name in ("etag", "location", "content-type", "cache-control"):
        assert again.headers.get(name) == first.headers.get(name)
    assert (again.headers["idempotent-replayed"], "idempotent-replayed" in first.headers) == ("true", False)
    assert len(await desk.rows("complaint_event")) == written
    other = {**officer, "Idempotency-Key": "another"}
    assert (await door.client.post(COMPLAINTS + path, json=body, headers=other)).status_code == first.status_code
    assert len(await desk.rows("complaint_event")) > written


async def test_a_connection_that_breaks_after_the_write_is_safe_to_repeat(
    door: Door, desk: Desk, officer: dict[str, str]
) -> None:
    with pytest.raises(ConnectionResetError):
        await door.app(*_broken(MOVES, ANSWER, officer))
    assert await _taken(desk, Move.RESPOND) == 1
    again = await door.client.post(MOVES, json=ANSWER, headers=officer)
    assert (again.status_code, again.json()["version"]) == (200, 2)
    assert await _taken(desk, Move.RESPOND) == 1


async def test_a_key_stands_for_one_request_of_one_caller(door: Door, desk: Desk, officer: dict[str, str]) -> None:
    await desk.report("JK2", NOON - DAY / 2, unit="sudin")
    await door.client.post(MOVES, json=ANSWER, headers=officer)
    for path, body in ((MOVES, {**ANSWER, "text": "Lain"}), (MOVES.replace("JK1", "JK2"), ANSWER)):
        refused = assert_problem(await door.client.post(path, json=body, headers=officer), 422, "invalid_input")
        assert [each["field"] for each in refused["errors"]] == ["Idempotency-Key"]
    other = await door.token("officer", "kota") | KEY
    assert (await door.client.post(MOVES, json=ANSWER, headers=other)).json()["version"] == 3


@pytest.mark.parametrize("key", ["", "x" * 201, "dua kata"])
async def test_what_is_no_key_is_refused(door: Door, desk: Desk, officer: dict[str, str], key: str) -> None:
    answer = await door.client.post(MOVES, json=ANSWER, headers={**officer, "Idempotency-Key": key})
    assert_problem(answer, 422, "invalid_input")
    assert await _taken(desk, Move.RESPOND) == 0


async def test_what_failed_is_tried_anew(door: Door, desk: Desk, officer: dict[str, str]) -> None:
    await desk.move(1, Move.CLAIM, "citra")
    claim = {"move": "claim"}
    assert_problem(await door.client.post(MOVES, json=claim, headers=officer), 409, "already_claimed")
    await desk.move(1, Move.RELEASE, "citra")
    assert (await door.client.post(MOVES, json=claim, headers=officer)).status_code == 200


async def test_a_day_later_the_key_is_free_and_nothing_of_the_answer_is_left(
    door: Door, desk: Desk, officer: dict[str, str]
) -> None:
    await door.client.post(MOVES, json=ANSWER, headers=officer)
    for now, left in ((NOON + KEPT - timedelta(seconds=1), 1), (NOON + KEPT, 0)):
        async with writing(door.house.engine) as connection:
            await forget_answers(connection, now=now)
        assert len(await desk.rows("kept_answer")) == left
    door.clock.now = NOON + KEPT
    assert (await door.client.post(MOVES, json=ANSWER, headers=officer)).json()["version"] == 3


async def test_an_answer_past_its_day_is_replaced_before_anybody_purged_it(
    door: Door, desk: Desk, officer: dict[str, str]
) -> None:
    for version in (2, 3):
        answer = await door.client.post(MOVES, json=ANSWER, headers=officer)
        assert answer.json()["version"] == version
        door.clock.now += KEPT


async def test_a_secret_is_shown_again_to_its_maker_and_lies_sealed(door: Door, desk: Desk) -> None:
    admin = await door.token() | KEY
    wanted = {"name": "pengirim", "role": "viewer"}
    answers = [await door.client.post(f"{API}/admin/tokens", json=wanted, headers=admin) for _ in range(2)]
    assert answers[0].status_code == 201 and answers[0].content == answers[1].content
    [kept] = await desk.rows("kept_answer")
    assert answers[0].json()["token"].encode() not in kept.sealed
    assert [row.name for row in await desk.rows("api_token")].count("pengirim") == 1


async def test_a_file_that_is_sent_again_is_taken_once(door: Door, desk: Desk) -> None:
    admin = await door.token() | KEY
    answers = []
    for content in (b"a;b\n1;2\n", b"a;b\n1;2\n", b"a;b\n1;3\n"):
        file = {"file": ("laporan.csv", content, "text/csv")}
        answers.append(await door.client.post(f"{API}/imports", data={"profile": "lapor"}, files=file, headers=admin))
    assert [each.status_code for each in answers] == [202, 202, 422], answers[0].text
    assert answers[0].content == answers[1].content
    assert answers[0].headers["location"] == answers[1].headers["location"]
    assert len(await desk.rows("import_job")) == 1


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_a_repeat_while_the_first_still_runs_is_told_to_wait(
    door: Door, desk: Desk, officer: dict[str, str]
) -> None:
    async with writing(door.house.engine) as other:
        await lock(other, 1)
        both = {asyncio.create_task(door.client.post(MOVES, json=ANSWER, headers=officer)) for _ in range(2)}
        done, running = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    [refused], [taken] = [each.result() for each in done], [await each for each in running]
    assert_problem(refused, 409, "key_in_use")
    assert (refused.headers["retry-after"], taken.status_code) == ("1", 200)
    assert (await door.client.post(MOVES, json=ANSWER, headers=officer)).content == taken.content


async def test_of_many_that_come_at_once_one_is_done(door: Door, desk: Desk, officer: dict[str, str]) -> None:
    sent = (door.client.post(MOVES, json=ANSWER, headers=officer) for _ in range(8))
    answers = await asyncio.gather(*sent)
    assert {each.status_code for each in answers} <= {200, 409}
    assert len({each.content for each in answers if each.status_code == 200}) == 1
    assert await _taken(desk, Move.RESPOND) == 1


async def test_a_commit_that_fails_leaves_neither_the_write_nor_its_answer(database_url: str) -> None:
    async with opened(settings_for(database_url, rate_limit="off"), router) as door:
        for _ in range(2):
            assert_problem(await door.client.post(f"{API}/fail-at-commit", headers=KEY), 500, "internal")
        async with reading(door.house.engine) as connection:
            assert (await connection.execute(select(table("kept_answer")))).all() == []


async def test_every_write_of_the_document_takes_a_key(door: Door) -> None:
    paths = (await door.client.get("/openapi.json", headers=await door.token())).json()["paths"]
    writes = [each for operations in paths.values() for method, each in operations.items() if method != "get"]
    guarded = [each for each in writes if "security" in each]
    assert len(guarded) > 20
    for operation in guarded:
        assert "Idempotency-Key" in {each["name"] for each in operation["parameters"]}


@pytest.mark.parametrize("size", [1, 3, 7, 1_000])
def test_the_hash_of_a_form_depends_on_its_parts_alone(size: int) -> None:
    def hashed(boundary: str, value: str) -> str:
        body = f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n{value}\r\n--{boundary}--\r\n'.encode()
        found = RequestHash("POST /x?\n", boundary.encode())
        for start in range(0, len(body), size):
            found.add(body[start : start + size])
        return found.hexdigest()

    assert hashed("abcabcabd", "abcab") == hashed("0123456789", "abcab")
    assert hashed("abcabcabd", "abcab") != hashed("abcabcabd", "abcac")


def _broken(path: str, body: object, headers: dict[str, str]) -> tuple[Any, Any, Any]:
    """A request whose client is gone when the answer comes."""
    content = orjson.dumps(body)
    sent = {**headers, "host": "tanggap.test", "content-type": "application/json"}
    sent["content-length"] = str(len(content))
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": ("203.0.113.5", 1),
        "server": ("tanggap.test", 80), "headers": [(k.lower().encode(), v.encode()) for k, v in sent.items()],
    }  # fmt: skip

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(_message: MutableMapping[str, Any]) -> None:
        raise ConnectionResetError

    return scope, receive, send
