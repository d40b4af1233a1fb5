"""Processes killed while they pull: nothing is lost and nothing is doubled against a run that nobody disturbed."""

from __future__ import annotations

import asyncio
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.clock import utc_now
from app.complaint.events import Timing
from app.db.changes import database_now
from app.db.metadata import metadata
from app.db.session import make_engine, reading, writing
from tests.processes import ended, start, until

TOKEN = "feed-token"
KILLS = {"crm": 8, "jaki": 6, "worker": 6}
MOST_WAIT_S = {"crm": 0.8, "jaki": 0.2, "worker": 0.6}
RATES = {"crm": 120, "jaki": 8}
FAST = {"crm": 500, "jaki": 500}


class Site:
    """One database, and the programs that work on it."""

    def __init__(self, url: str, folder: Path, feeds: str) -> None:
        self.url, self.folder, self.feeds = url, folder, feeds
        self.engine: AsyncEngine = make_engine(url)
        self.chance = random.Random(20_261_124)

    def start(self, *arguments: str, lease_seconds: int = 2) -> Any:
        log = self.folder / f"{self.engine.dialect.name}-{arguments[0]}.log"
        return start(*arguments, output=log, database_url=self.url, lease_seconds=lease_seconds, log_level="ERROR")

    async def run(self, *arguments: str) -> int | None:
        return await ended(self.start(*arguments))

    async def add_sources(self, rates: dict[str, int], days: int = 6) -> None:
        since = (utc_now() - timedelta(days=days)).date().isoformat()
        for name, rate in rates.items():
            options = ["--connector", name, "--url", self.feeds, "--since", since, "--option", f"rate={rate}"]
            assert await self.run("source", "add", name, *options, "--token", TOKEN) == 0

    async def holders(self) -> dict[str, str]:
        """Which process holds which source, as long as its lease lasts."""
        source = metadata.tables["source"]
        async with reading(self.engine) as connection:
            now = await database_now(connection)
            statement = select(source.c.name, source.c.lease_owner).where(source.c.lease_until >= now)
            return {row.name: row.lease_owner for row in await connection.execute(statement)}

    async def make_due(self) -> None:
        async with writing(self.engine) as connection:
            await connection.execute(update(metadata.tables["source"]).values(next_run_at=utc_now()))

    async def kill_one(self, what: str) -> bool:
        """Start a process, kill it at some instant of its pull; whether it was pulling when it died."""
        names = set(RATES) if what == "worker" else {what}
        if what == "worker":
            await self.make_due()
        process = self.start("worker") if what == "worker" else self.start("pull", what)
        owner = f"{socket.gethostname()}:{process.pid}"

        async def holds() -> bool:
            return owner in {held for name, held in (await self.holders()).items() if name in names}

        if not await until(holds, process):
            return False
        await asyncio.sleep(self.chance.uniform(0, MOST_WAIT_S[what]))
        process.kill()
        await ended(process)
        died_pulling = await holds()

        async def is_free() -> bool:
            return not names & set(await self.holders())

        await until(is_free)
        return died_pulling

    async def kill_many(self, what: str) -> int:
        kills = 0
        while kills < KILLS[what]:
            kills += await self.kill_one(what)
        return kills

    async def rows(self, name: str) -> list[Any]:
        async with reading(self.engine) as connection:
            return list(await connection.execute(select(metadata.tables[name])))


@pytest.fixture(scope="module")
async def feeds(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The make-believe city in a process of its own, its time standing still."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["--port", str(port), "--token", TOKEN, "--per-day", "50", "--freeze-at", utc_now().isoformat()]
    process = start("demo-feeds", *arguments, output=tmp_path_factory.mktemp("feeds") / "feeds.log")
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(trust_env=False) as client:

        async def answers() -> bool:
            try:
                return (await client.get(f"{url}/healthz")).is_success
            except httpx.TransportError:
                return False

        assert await until(answers, process)
    yield url
    process.kill()


@pytest.fixture
async def site(database_url: str, tmp_path: Path, feeds: str) -> AsyncIterator[Site]:
    built = Site(database_url, tmp_path, feeds)
    await built.add_sources(RATES)
    yield built
    await built.engine.dispose()


@pytest.fixture(scope="module")
async def control(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, feeds: str) -> AsyncIterator[Site]:
    """A database that was pulled in peace."""
    folder = tmp_path_factory.mktemp("control")
    file = folder / "control.db"
    file.write_bytes(sqlite_template.read_bytes())
    built = Site(f"sqlite:///{file}", folder, feeds)
    await built.add_sources(FAST)
    assert [await built.run("pull", name) for name in RATES] == [0, 0]
    yield built
    await built.engine.dispose()


def dated(when: datetime | None, timing: Timing) -> datetime | None:
    """An instant that the source gives; one of our own looks is another one in each run."""
    return when if timing is Timing.DATED else None


async def what_is_held(site: Site) -> dict[str, Counter[Any]]:
    """All that a database holds of the city, told without ids and without the instants of our looks."""
    units = {row.id: row.code for row in await site.rows("unit")} | {None: None}
    sources = {row.id: row.name for row in await site.rows("source")} | {None: None}
    names = {row.complaint_id: (sources[row.source_id], row.external_id) for row in await site.rows("source_record")}
    complaints = {row.id: row.ticket_code or names[row.id] for row in await site.rows("complaint")}
    return {
        "complaints": Counter(
            (
                *(complaints[row.id], row.status, row.source_status, units[row.unit_id], row.reported_at, row.channel),
                *(row.subject, row.text, row.category_code, row.kelurahan_code, tuple(row.connectors)),
                *(row.is_private, row.is_open, row.hops, row.rework_count, row.reopen_count, row.conflict_count),
            )
            for row in await site.rows("complaint")
        ),
        "records": Counter(
            (sources[row.source_id], row.external_id, complaints[row.complaint_id], row.content_hash, row.source_status)
            for row in await site.rows("source_record")
        ),
        "history": Counter(
            (
                *(complaints[row.complaint_id], row.kind, row.status, row.word, units[row.unit_id], row.timing),
                *(sources[row.source_id], dated(row.occurred_at, row.timing), row.effect),
            )
            for row in await site.rows("complaint_event")
        ),
        "clocks": Counter(
            (
                *(complaints[row.complaint_id], row.clock, row.cycle, row.family, row.state, units[row.unit_id]),
                *(row.timing, dated(row.stopped_at, row.timing), dated(row.due_at, row.timing)),
            )
            for row in await site.rows("sla_clock")
        ),
        "rejects": Counter((sources[row.source_id], row.content_hash) for row in await site.rows("reject")),
    }


@pytest.mark.timeout(300)
async def test_killing_whoever_pulls_loses_nothing_and_doubles_nothing(site: Site, control: Site) -> None:
    kills = sum(await asyncio.gather(site.kill_many("crm"), site.kill_many("jaki"))) + await site.kill_many("worker")
    assert kills >= 20
    assert [await site.run("pull", name) for name in RATES] == [0, 0]
    found, wanted = await what_is_held(site), await what_is_held(control)
    for name in wanted:
        assert found[name] - wanted[name] == Counter(), f"{name} that the control run has not"
        assert wanted[name] - found[name] == Counter(), f"{name} that were lost"
    assert sum(found["complaints"].values()) > 200
    assert await site.run("sla", "verify") == 0

    runs = await site.rows("source_run")
    assert all(run.pulled == run.created + run.linked + run.updated + run.unchanged + run.rejected for run in runs)
    assert sum(run.created for run in runs) == len(await site.rows("complaint"))
    assert sum(run.created + run.linked for run in runs) == len(await site.rows("source_record"))
    assert Counter(run.state for run in runs)["lost"] >= kills
    assert not {run.state for run in runs} & {"running", "failed"}


@pytest.mark.timeout(120)
async def test_of_two_workers_one_pulls_each_source_and_each_step_is_raised_once(site: Site) -> None:
    workers = [site.start("worker", lease_seconds=60) for _ in range(2)]
    clock, run = metadata.tables["sla_clock"], metadata.tables["source_run"]

    async def is_settled() -> bool:
        async with reading(site.engine) as connection:
            done = await connection.scalar(select(func.count()).where(run.c.state == "done"))
            waiting = await connection.scalar(select(func.count()).where(clock.c.next_fire_at <= utc_now()))
        return done == len(RATES) and not waiting

    assert await until(is_settled)
    for worker in workers:
        worker.terminate()
    assert [await ended(worker) for worker in workers] == [0, 0]
    assert Counter(each.source_id for each in await site.rows("source_run")) == dict.fromkeys([1, 2], 1)
    steps = Counter((row.complaint_id, row.clock, row.cycle, row.rule, row.step) for row in await site.rows("alert"))
    assert steps
    assert set(steps.values()) == {1}
    assert await site.holders() == {}
