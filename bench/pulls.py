"""One pull of JAKI's pages in a process of its own, with its time and memory at some marks on the way."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncEngine

from app.clock import utc_now
from app.db.rulebook import Rulebooks
from app.db.session import make_engine
from app.intake.run import Intake, Report, pull
from app.vault import Vault
from bench.databases import KEY
from bench.records import PageClient
from connectors.jaki.client import PAGE_SIZE
from connectors.jaki.connector import build

SOURCE = "jaki"


@dataclass(frozen=True, slots=True)
class Mark:
    """How long a pull took to store so many records, and the most memory that it held until then."""

    records: int
    seconds: float
    memory_mb: float


@dataclass(slots=True)
class _Watch:
    """Takes a mark whenever a page is asked for behind which enough records are stored."""

    wanted: list[int]
    begun: float = 0.0
    marks: list[Mark] = field(default_factory=list)

    def note(self, page: int) -> None:
        if page == 0:
            self.begun = time.perf_counter()
        elif page * PAGE_SIZE in self.wanted:
            self.take(page * PAGE_SIZE)

    def take(self, records: int) -> None:
        self.marks.append(Mark(records, time.perf_counter() - self.begun, _peak_mb()))


async def pull_pages(engine: AsyncEngine, client: PageClient) -> Report:
    """One pull of the source `jaki`, with the pages of `client` in place of HTTP."""
    intake = Intake(
        engine=engine,
        rulebooks=Rulebooks(),
        vault=Vault(KEY),
        owner="bench",
        lease_span=timedelta(minutes=5),
        zone=ZoneInfo("Asia/Jakarta"),
        now=utc_now,
    )
    return await pull(intake, SOURCE, build(url="http://jaki.invalid", token=None, options={}), client)


def measure_pull(url: str, folder: Path, records: int, marks: Sequence[int] = ()) -> tuple[list[Mark], dict[str, int]]:
    """The marks of a pull of the first `records` records, the last one at its end, and its tally."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (url, folder, records, list(marks)))


def _measure(url: str, folder: Path, records: int, marks: list[int]) -> tuple[list[Mark], dict[str, int]]:
    watch = _Watch(marks)
    report = asyncio.run(_pull(url, PageClient(folder, -(-records // PAGE_SIZE), watch.note)))
    watch.take(records)
    return watch.marks, report.tally.as_columns()


async def _pull(url: str, client: PageClient) -> Report:
    engine = make_engine(url)
    try:
        return await pull_pages(engine, client)
    finally:
        await engine.dispose()


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
