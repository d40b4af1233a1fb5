"""`REPLICA_URL` with a real hot standby: it follows, it stands still and says so, it goes away and nobody notices."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from app.complaint.lifecycle import Move
from app.db.migrate import upgrade
from app.db.session import writing
from app.workqueue.actions import MoveRequest, move
from tests import postgres
from tests.api.door import Door, opened, settings_for
from tests.workqueue.desk import NOON, Desk

API = "/api/v1"
LAG = "tanggap-replica-lag"
LISTS = (
    "/complaints",
    "/overview",
    "/units/status",
    "/alerts",
    "/sources",
    "/units",
    "/units/sudin/outlook",
    "/changes",
)
PATIENCE_S = 30


@dataclass
class Pair:
    """A service that writes to a primary and reads from its standby."""

    door: Door
    desk: Desk
    standby: postgres.Server
    viewer: dict[str, str]

    async def get(self, path: str, **headers: str) -> Any:
        answer = await self.door.client.get(f"{API}{path}", headers={**self.viewer, **headers})
        assert answer.status_code in (200, 304), (path, answer.text)
        return answer

    async def until(self, path: str, holds: Any, **headers: str) -> Any:
        """The first answer that is as it should become."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds(answer := await self.get(path, **headers)):
                await asyncio.sleep(0.05)
        return answer

    async def ask_standby(self, statement: str) -> None:
        await asyncio.to_thread(_execute, self.standby.dsn, statement)


@pytest.fixture
def dialect() -> str:
    """What stands beside it is PostgreSQL's alone."""
    return "postgresql"


@pytest.fixture
def servers() -> Iterator[tuple[postgres.Server, postgres.Server]]:
    try:
        primary = postgres.start(**postgres.FOLLOWED)
    except postgres.NoPostgres as error:
        pytest.skip(str(error))
    try:
        upgrade(primary.dsn)
        try:
            standby = postgres.follow(primary)
        except postgres.NoPostgres as error:
            pytest.skip(str(error))
        try:
            yield primary, standby
        finally:
            standby.stop()
    finally:
        primary.stop()


@pytest.fixture
async def pair(servers: tuple[postgres.Server, postgres.Server]) -> AsyncIterator[Pair]:
    primary, standby = servers
    async with opened(settings_for(primary.dsn, rate_limit="off", replica_url=standby.dsn)) as door:
        door.clock.now = NOON
        desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
        await desk.build()
        await desk.report("JK1", NOON - timedelta(hours=1), unit="sudin")
        viewer = await door.token("viewer")
        pair = Pair(door, desk, standby, viewer)
        await pair.until("/complaints", lambda answer: _codes(answer) == ["JK1"])
        yield pair


async def test_a_standby_follows_stands_still_goes_on_and_dies(pair: Pair, log: io.StringIO) -> None:
    """One story, since the two servers take longer to start than all of it."""
    await _it_is_not_behind(pair)
    held = await _it_stands_still(pair)
    await _it_goes_on(pair, held)
    await _it_tells_what_commits_late(pair)
    await _it_dies(pair)
    assert log.getvalue().count("replica_gone") == 1


async def _it_is_not_behind(pair: Pair) -> None:
    for path in LISTS:
        assert float((await pair.get(path)).headers[LAG]) == 0, path


async def _it_stands_still(pair: Pair) -> str:
    """It says how old it is and keeps answering; who writes reads what they wrote. The tag of what it shows."""
    await pair.ask_standby("SELECT pg_wal_replay_pause()")
    officer = await pair.door.token("officer", "sudin")
    claimed = await pair.door.client.post(f"{API}/complaints/JK1/moves", json={"move": "claim"}, headers=officer)
    assert claimed.status_code == 200
    own = await pair.door.client.get(f"{API}/complaints", headers=officer)
    assert (LAG in own.headers, own.json()["items"][0]["version"]) == (False, claimed.json()["version"])
    old = await pair.until("/complaints", lambda answer: float(answer.headers[LAG]) > 0)
    assert old.json()["items"][0]["version"] < claimed.json()["version"]
    older = await pair.until("/complaints", lambda answer: float(answer.headers[LAG]) > float(old.headers[LAG]))
    same = await pair.get("/complaints", **{"If-None-Match": older.headers["etag"]})
    assert (same.status_code, float(same.headers[LAG]) > 0) == (304, True)
    for path in LISTS:
        assert float((await pair.get(path)).headers[LAG]) > 0, path
    return str(older.headers["etag"])


async def _it_goes_on(pair: Pair, held: str) -> None:
    await pair.ask_standby("SELECT pg_wal_replay_resume()")
    new = await pair.until("/complaints", lambda answer: answer.status_code == 200, **{"If-None-Match": held})
    assert new.json()["items"][0]["assignee"] is not None
    await pair.until("/complaints", lambda answer: float(answer.headers[LAG]) == 0)


async def _it_tells_what_commits_late(pair: Pair) -> None:
    """What began first and ends last is another answer, and whoever waits for changes is told both."""
    said = MoveRequest(move=Move.RESPOND, text="Sudah dicek.")
    before, settled = await pair.get("/complaints"), (await pair.get("/changes?cursor=now")).json()["next_cursor"]
    async with writing(pair.door.house.engine) as late:
        await move(late, 1, said, pair.desk.asker("dewi"), await pair.desk.rules(late), seen=None, now=NOON)
        await pair.desk.report("JK2", NOON - timedelta(hours=1), unit="sudin")
        held = await pair.until("/complaints", lambda answer: answer.headers["etag"] != before.headers["etag"])
        waiting = asyncio.create_task(pair.get(f"/changes?cursor={settled}&wait=20"))
        await pair.get("/complaints")
    new = await pair.until("/complaints", lambda answer: answer.status_code == 200, **_holding(held))
    assert sorted(_codes(await waiting)) == sorted(_codes(held)) == ["JK1", "JK2"]
    versions = [{each["ticket_code"]: each["version"] for each in answer.json()["items"]} for answer in (held, new)]
    assert versions[1]["JK1"] > versions[0]["JK1"]


async def _it_dies(pair: Pair) -> None:
    """Every read is answered all the same, by the primary; one that waits for a change too."""
    waiting = asyncio.create_task(pair.get("/changes?cursor=now&wait=20"))
    await asyncio.sleep(0)
    pair.standby.process.kill()
    pair.standby.process.wait()
    for path in LISTS * 2:
        assert LAG not in (await pair.get(path)).headers, path
    await pair.desk.move(1, Move.RELEASE, "dewi", now=NOON)
    assert LAG not in (await waiting).headers


def _codes(answer: Any) -> list[str]:
    return [each["ticket_code"] for each in answer.json()["items"]]


def _holding(answer: Any) -> dict[str, str]:
    return {"If-None-Match": answer.headers["etag"]}


def _execute(dsn: str, statement: str) -> None:
    engine = create_engine(dsn, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
