"""Three workers, sources that go wrong in every way, killed pullers: every ticket once, every bad record once.

The size for every day is small; `CHAOS=full pytest tests/intake/test_chaos.py` is 2,000 records and 50 kills on each
database.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import or_, update

from app.clock import utc_now
from app.db.changes import database_now
from app.db.metadata import metadata
from app.db.session import writing
from app.demo.faults import Fault
from tests.intake.test_kills import TOKEN, Site
from tests.processes import start, until


@dataclass(frozen=True)
class Size:
    """How much is pulled, how often somebody is killed, and after how many seconds of a pull at most."""

    per_day: int
    days: int
    kills: int
    records: int
    most_wait_s: float


SIZES = {"small": Size(40, 6, 8, 300, 0.7), "full": Size(80, 16, 50, 2_000, 3.0)}
SIZE = SIZES[os.environ.get("CHAOS", "small")]
SHARE = "25%"
WORKERS = 3
RATES = {"crm": 60, "jaki": 12}
LEASE_S = 2


class Storm(Site):
    """A database, three workers on it, and somebody who kills whichever pulls."""

    def __init__(self, url: str, folder: Path, feeds: str) -> None:
        super().__init__(url, folder, feeds)
        self.workers: dict[str, Any] = {}

    def fill(self) -> None:
        """As many workers as there should be."""
        self.workers = {name: each for name, each in self.workers.items() if each.exitcode is None}
        while len(self.workers) < WORKERS:
            process = self.start("worker", lease_seconds=LEASE_S)
            self.workers[f"{socket.gethostname()}:{process.pid}"] = process

    async def hurry(self) -> None:
        """Every source that nobody holds is due now, whatever its circuit says."""
        source = metadata.tables["source"]
        async with writing(self.engine) as connection:
            now = await database_now(connection)
            free = or_(source.c.lease_until.is_(None), source.c.lease_until < now)
            await connection.execute(update(source).where(free).values(next_run_at=now - timedelta(seconds=1)))

    async def strike(self) -> int:
        """Kill whoever pulls at some instant of its pull; how many sources lost their puller."""
        self.fill()
        pulled: dict[str, str] = {}

        async def somebody_pulls() -> bool:
            await self.hurry()
            pulled.clear()
            pulled.update({name: held for name, held in (await self.holders()).items() if held in self.workers})
            return bool(pulled)

        await until(somebody_pulls)
        await asyncio.sleep(self.chance.uniform(0, SIZE.most_wait_s))
        victim = self.chance.choice(sorted(set(pulled.values())))
        struck = [name for name, held in (await self.holders()).items() if held == victim]
        self.workers[victim].kill()
        await asyncio.to_thread(self.workers.pop(victim).join)
        return len(struck)

    async def rage(self, kills: int) -> int:
        """So many pulls cut short."""
        done = 0
        while done < kills:
            # JAKI has nothing new to tell in a city that stands still: it is asked for everything now and then.
            if done % 3 == 0:
                await self.start_over("jaki")
            done += bool(await self.strike())
        return done

    async def calm(self) -> None:
        """Nobody works any more, and no lease is left."""
        for worker in self.workers.values():
            worker.kill()
        for worker in self.workers.values():
            await asyncio.to_thread(worker.join)
        self.workers = {}

        async def is_free() -> bool:
            return not await self.holders()

        await until(is_free)

    async def pull_all(self) -> None:
        """One pull of each source, which must succeed."""
        for name in RATES:
            code = await self.run("pull", name)
            assert code == 0, (self.folder / f"{self.engine.dialect.name}-pull.log").read_text()[-1_000:]

    async def start_over(self, *names: str) -> None:
        """The sources are read again from their first day."""
        source = metadata.tables["source"]
        async with writing(self.engine) as connection:
            await connection.execute(update(source).where(source.c.name.in_(names)).values(cursor=None))


@pytest.fixture(scope="module")
async def city(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The make-believe city with faults, its time standing still."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [
        "--token",
        TOKEN,
        "--per-day",
        str(SIZE.per_day),
        "--freeze-at",
        utc_now().isoformat(),
        "--faults",
        SHARE,
    ]
    log = tmp_path_factory.mktemp("storm") / "feeds.log"
    process = start("demo-feeds", "--port", str(port), *options, output=log)
    url = f"http://127.0.0.1:{port}"

    async def answers() -> bool:
        try:
            return (await ask(url, "GET", "/healthz")).is_success
        except httpx.TransportError:
            return False

    assert await until(answers, process)
    yield url
    process.kill()


@pytest.fixture
async def storm(database_url: str, tmp_path: Path, city: str) -> AsyncIterator[Storm]:
    built = Storm(database_url, tmp_path, city)
    await built.add_sources(RATES, days=SIZE.days)
    yield built
    await built.calm()
    await built.engine.dispose()


async def ask(url: str, method: str, path: str, **params: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.request(method, url + path, params=params)


async def what_is_told(site: Site) -> dict[str, Counter[Any]]:
    """What a database holds of the city, without what depends on when and how often we looked."""
    sources = {row.id: row.name for row in await site.rows("source")}
    records = await site.rows("source_record")
    names = {row.complaint_id: (sources[row.source_id], row.external_id) for row in records}
    complaints = {row.id: row.ticket_code or names[row.id] for row in await site.rows("complaint")}
    return {
        "complaints": Counter(
            (
                *(complaints[row.id], row.status, row.source_status, row.reported_at, row.channel, row.subject),
                *(row.text, row.category_code, row.kelurahan_code, row.is_private, row.is_open, tuple(row.connectors)),
            )
            for row in await site.rows("complaint")
        ),
        "records": Counter(
            (sources[row.source_id], row.external_id, complaints[row.complaint_id], row.content_hash) for row in records
        ),
        "rejects": Counter(
            (sources[row.source_id], row.external_id, row.content_hash) for row in await site.rows("reject")
        ),
        "quotes": Counter((complaints[row.complaint_id], row.code) for row in await site.rows("quoted_code")),
    }


@pytest.fixture(scope="module")
async def peace(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, city: str) -> dict[str, Counter[Any]]:
    """What a database holds that was filled from the same city without trouble on the way."""
    folder = tmp_path_factory.mktemp("peace")
    file = folder / "peace.db"
    file.write_bytes(sqlite_template.read_bytes())
    calm = Site(f"sqlite:///{file}", folder, city)
    await calm.add_sources(dict.fromkeys(RATES, 500), days=SIZE.days)
    await ask(city, "POST", "/faults", share="0")
    assert [await calm.run("pull", name) for name in RATES] == [0, 0]
    held = await what_is_told(calm)
    await calm.engine.dispose()
    return held


@pytest.mark.timeout(1_800 if SIZE is SIZES["full"] else 300)
async def test_whatever_goes_wrong_every_ticket_is_there_once_and_every_bad_record_once(
    storm: Storm, peace: dict[str, Counter[Any]], city: str
) -> None:
    assert sum(peace["records"].values()) >= SIZE.records
    await ask(city, "POST", "/faults", share="0.25")
    kills = await storm.rage(SIZE.kills)
    assert kills >= SIZE.kills
    await storm.calm()
    happened = (await ask(city, "GET", "/faults")).json()["happened"]
    # In a small city few answers are asked for before the killing ends: which kinds come to pass is a matter of luck.
    assert len(happened) == len(Fault) if SIZE is SIZES["full"] else happened
    await ask(city, "POST", "/faults", share="0")
    # The first pull ends the pass that was under way, the second one asks again for what came without its detail.
    await storm.pull_all()
    await storm.pull_all()

    found = await what_is_told(storm)
    for name, wanted in peace.items():
        assert set(found[name]) - set(wanted) == set(), f"{name} that the city never told"
        assert set(wanted) - set(found[name]) == set(), f"{name} that were lost"
        assert not found[name] or set(found[name].values()) == {1}, f"{name} that are there twice"
    assert len(found["rejects"]) > 0
    await assert_tallies_add_up(storm)

    await storm.start_over(*RATES)
    await storm.pull_all()
    last = sorted(await storm.rows("source_run"), key=lambda run: run.id)[-2:]
    assert [(run.state, run.created, run.linked, run.updated) for run in last] == [("done", 0, 0, 0)] * 2
    assert sum(run.unchanged for run in last) == len(found["records"])
    assert await what_is_told(storm) == found
    assert await storm.run("sla", "verify") == 0


async def assert_tallies_add_up(storm: Storm) -> None:
    runs = await storm.rows("source_run")
    assert all(run.pulled == run.created + run.linked + run.updated + run.unchanged + run.rejected for run in runs)
    assert sum(run.created for run in runs) == len(await storm.rows("complaint"))
    assert sum(run.created + run.linked for run in runs) == len(await storm.rows("source_record"))
    assert sum(run.rejected for run in runs) == sum(row.times_seen for row in await storm.rows("reject"))
    assert "running" not in {run.state for run in runs}
