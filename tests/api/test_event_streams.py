"""`GET /changes/stream` through the real server: events in order, one look for all, an end that loses nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import event, update

from app.api import event_streams
from app.commands.serving import make_server
from app.complaint.roles import Role
from app.db.changes import next_change
from app.db.rulebook import Rulebooks
from app.db.scope import WHOLE
from app.db.session import make_engine, writing
from app.db.tables.complaints import Complaint
from app.people.tokens import NewToken, create_token, revoke_token
from app.vault import Vault
from tests.api.door import settings_for
from tests.conftest import DIALECTS
from tests.workqueue.desk import DAY, NOON, Desk

STREAM = "/api/v1/changes/stream"
PATIENCE_S = 30


@dataclass
class Served:
    """A service on a port of its own, and the city behind it."""

    server: Any
    url: str
    desk: Desk

    async def token(self, role: Role = Role.VIEWER, *units: str) -> tuple[int, dict[str, str]]:
        async with writing(self.desk.engine) as connection:
            made = await create_token(connection, NewToken("layar", role, units), actor="tests", now=NOON)
        return made.id, {"Authorization": f"Bearer {made.token}"}

    @property
    def streams(self) -> event_streams.Streams:
        found: event_streams.Streams = self.server.config.app.state.streams
        return found


@pytest.fixture
def dialect(request: pytest.FixtureRequest) -> str:
    """PostgreSQL unless a test says other: what is streamed is what `GET /changes` tells, which is held on both."""
    return str(getattr(request, "param", "postgresql"))


@pytest.fixture
async def served(database_url: str) -> AsyncIterator[Served]:
    settings = settings_for(database_url, rate_limit="off", streams_per_caller=60)
    server = make_server(settings, host="127.0.0.1", port=0)
    engine = make_engine(database_url)
    desk = Desk(engine, Rulebooks(), Vault(settings.data_key_bytes()))
    await desk.build()
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Served(server, f"http://127.0.0.1:{port}", desk)
    server.should_exit = True
    async with asyncio.timeout(PATIENCE_S):
        await running
    await engine.dispose()


class Events:
    """The events of one open stream."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer, self._lines = answer, answer.aiter_lines()
        self.comments = 0

    async def next(self) -> tuple[str, Any]:
        """Id and data of the next event.

        Raises: StopAsyncIteration, when the stream has ended.
        """
        found: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE_S):
            while True:
                line = await anext(self._lines)
                if not line and "data" in found:
                    return found["id"], json.loads(found["data"])
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(": ")
                    found[name] = value

    async def codes(self, count: int) -> list[str]:
        return [(await self.next())[1]["ticket_code"] for _ in range(count)]


@asynccontextmanager
async def opened(served: Served, headers: dict[str, str], **query: str) -> AsyncIterator[Events]:
    async with (
        httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client,
        client.stream("GET", f"{served.url}{STREAM}", headers=headers, params=query) as answer,
    ):
        yield Events(answer)


@pytest.mark.parametrize("dialect", DIALECTS, indirect=True)
async def test_changes_come_as_events_and_go_on_behind_the_last_id(served: Served) -> None:
    _, headers = await served.token()
    for number in range(3):
        await served.desk.report(f"JK{number}", NOON - DAY, unit="sudin")
    async with opened(served, headers) as events:
        assert events.answer.headers["content-type"].startswith("text/event-stream")
        assert events.answer.headers["cache-control"] == "no-store"
        assert await events.codes(2) == ["JK0", "JK1"]
        last, _ = await events.next()
        await served.desk.report("JK3", NOON - DAY, unit="sudin")
        assert await events.codes(1) == ["JK3"]
    await served.desk.report("JK4", NOON - DAY, unit="sudin")
    async with opened(served, {**headers, "Last-Event-ID": last}) as events:
        assert await events.codes(2) == ["JK3", "JK4"]
    async with opened(served, headers, cursor=last) as events:
        assert await events.codes(2) == ["JK3", "JK4"]


async def test_an_event_is_an_item_of_the_changes(served: Served) -> None:
    _, headers = await served.token()
    await served.desk.report("JK1", NOON - DAY, unit="sudin")
    async with opened(served, headers) as events, httpx.AsyncClient(trust_env=False) as client:
        id_, data = await events.next()
        page = await client.get(f"{served.url}/api/v1/changes", params={"wait": 10}, headers=headers)
        (item,) = page.json()["items"]
        assert {**data, "clocks": None, "next_due": None} == {**item, "clocks": None, "next_due": None}
        assert id_ == page.json()["next_cursor"]


async def test_from_now_on_nothing_old_comes(served: Served) -> None:
    _, headers = await served.token()
    await served.desk.report("JK1", NOON - DAY, unit="sudin")
    async with opened(served, headers) as everything:
        await everything.next()
    async with opened(served, headers, cursor="now") as events:
        await served.desk.report("JK2", NOON - DAY, unit="sudin")
        assert await events.codes(1) == ["JK2"]


async def test_a_stream_of_a_part_of_the_tree_tells_that_alone(served: Served) -> None:
    _, headers = await served.token(Role.OFFICER, "sudin")
    async with opened(served, headers) as events:
        await served.desk.report("JK1", NOON - DAY, unit="kelurahan-a")
        await served.desk.report("JK2", NOON - DAY, unit="sudin")
        assert await events.codes(1) == ["JK2"]


async def test_many_streams_are_one_look_and_one_page(served: Served) -> None:
    _, headers = await served.token()
    async with asyncio.TaskGroup() as group, asyncio.timeout(PATIENCE_S):
        ready: list[asyncio.Event] = [asyncio.Event() for _ in range(50)]
        told: list[str] = []

        async def follow(mine: asyncio.Event) -> list[str]:
            async with opened(served, headers, cursor="now") as events:
                mine.set()
                return await events.codes(1)

        tasks = [group.create_task(follow(each)) for each in ready]
        for each in ready:
            await each.wait()
        engine = served.server.config.app.state.house.engine.sync_engine
        event.listen(engine, "before_cursor_execute", lambda *given: told.append(given[2]))
        await served.desk.report("JK1", NOON - DAY, unit="sudin")
    assert [each.result() for each in tasks] == [["JK1"]] * 50
    pages = [each for each in told if "ORDER BY complaint.change_no" in each]
    assert len(pages) <= 3, "a page for each place in which streams stand, not for each stream"


async def test_silence_is_kept_alive_by_comments(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "HEARTBEAT_S", 0.1)
    _, headers = await served.token()
    async with opened(served, headers, cursor="now") as events:
        await asyncio.sleep(1)
        await served.desk.report("JK1", NOON - DAY, unit="sudin")
        await events.codes(1)
        assert events.comments >= 2


async def test_a_revoked_token_ends_its_stream_before_anything_new_is_told(served: Served) -> None:
    token_id, headers = await served.token()
    async with opened(served, headers, cursor="now") as events:
        async with writing(served.desk.engine) as connection:
            await revoke_token(connection, token_id, scope=WHOLE, actor="tests", now=NOON)
        await asyncio.sleep(1.1)
        await served.desk.report("JK1", NOON - DAY, unit="sudin")
        with pytest.raises(StopAsyncIteration):
            await events.next()


async def test_a_revoked_token_ends_its_stream_though_nothing_comes(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streams, "RECHECK_S", 1.0)
    token_id, headers = await served.token()
    async with opened(served, headers, cursor="now") as events:
        async with writing(served.desk.engine) as connection:
            await revoke_token(connection, token_id, scope=WHOLE, actor="tests", now=NOON)
        with pytest.raises(StopAsyncIteration):
            await events.next()


async def test_one_stream_too_many_is_told_when_to_come_back(served: Served) -> None:
    _, headers = await served.token()
    served.streams._limit = 1
    async with opened(served, headers, cursor="now"):
        async with opened(served, headers) as refused:
            assert refused.answer.status_code == 429
            assert int(refused.answer.headers["retry-after"]) > 0
        _, others = await served.token()
        async with opened(served, others) as another:
            assert another.answer.status_code == 200
    async with asyncio.timeout(PATIENCE_S):
        while served.streams.count:
            await asyncio.sleep(0.01)
    async with opened(served, headers) as again:
        assert again.answer.status_code == 200


async def test_who_takes_nothing_is_left_and_holds_up_nobody(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "SLOW_S", 0.5)
    _, headers = await served.token()
    await served.desk.report_many(100, NOON - DAY, unit="sudin")
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"GET {STREAM} HTTP/1.1\r\nHost: {host}\r\n{head}\r\n".encode())
    await reader.readexactly(15)
    async with asyncio.timeout(PATIENCE_S):
        while served.streams.count:
            # Nobody reads: what the network holds fills up, then the stream waits, then it is given up.
            await _touch_all(served.desk)
            await asyncio.sleep(0.1)
    async with opened(served, headers) as events:
        await events.next()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def _touch_all(desk: Desk) -> None:
    async with writing(desk.engine) as connection:
        await connection.execute(update(Complaint).values(change_no=await next_change(connection)))


async def test_a_server_that_stops_ends_its_streams_whole(served: Served) -> None:
    _, headers = await served.token()
    await served.desk.report("JK1", NOON - DAY, unit="sudin")
    async with opened(served, headers) as events:
        await events.next()
        served.server.should_exit = True
        with pytest.raises(StopAsyncIteration):
            await events.next()


@pytest.mark.parametrize("name", ["cursor", "Last-Event-ID"])
async def test_a_place_that_is_none_is_refused_before_anything_is_streamed(served: Served, name: str) -> None:
    _, headers = await served.token()
    query, given = ({"cursor": "x"}, {}) if name == "cursor" else ({}, {name: "x"})
    async with opened(served, {**headers, **given}, **query) as refused:
        assert refused.answer.status_code == 422
        await refused.answer.aread()
        assert [each["field"] for each in refused.answer.json()["errors"]] == [name]
