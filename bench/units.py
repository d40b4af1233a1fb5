"""What the figures of units cost beside the least that they could cost: `python -m bench.units`.

Open figures stand beside one bare aggregate over the open complaints, those of a period beside reading the rows that
they are kept in with the bare driver. With several sizes the same days get more past behind them, and nothing of it may
be felt.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import utc_now
from app.complaint.clocks import Rulebook
from app.db.rulebook import Rulebooks
from app.db.session import make_engine, reading
from app.db.tables.units import Unit
from app.units.ground import LIVE
from app.units.periods import Period, before, read_period
from app.units.slices import WHOLE_CUT, knife
from app.units.status import Group, below, gather_open, read_statuses
from app.units.tallies import open_tallies
from bench.databases import plain_dsn
from bench.figures import Figure, Goal, show_table
from bench.generator import Filled
from bench.machine import show_machine
from bench.sizes import add_size_options, each_size

_ZONE = ZoneInfo("Asia/Jakarta")
_GOAL = Goal.within(3)
_GROWTH_GOAL = Goal.within(1.3)
_ENOUGH_S = 1.0
"""For how long what is quick is asked again and again: a machine that is shared is slow for seconds."""
_OPEN = """
    SELECT count(*), count(*) FILTER (WHERE next_due_at < %(now)s),
        count(*) FILTER (WHERE next_due_at >= %(now)s AND next_due_at < %(now)s + interval '1 day'),
        count(*) FILTER (WHERE assignee_id IS NULL), min(reported_at)
    FROM complaint WHERE is_open
"""
_ROWS = (
    """
    SELECT unit_id, clock, cycle, state, elapsed_s, paused_s, started_at, due_at, stopped_at FROM sla_clock
    WHERE (started_at >= %(since)s AND started_at < %(until)s) OR (due_at >= %(since)s AND due_at < %(until)s)
        OR (stopped_at >= %(since)s AND stopped_at < %(until)s)
    """,
    """
    SELECT unit_id, reported_at, reopen_count, rework_count, hops FROM complaint
    WHERE reported_at >= %(since)s AND reported_at < %(until)s
    """,
    "SELECT unit_id, held_s FROM stint WHERE ended_at >= %(since)s AND ended_at < %(until)s",
)

Work = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Place:
    """One database: both connections to it, the rules, and the units by kind of question."""

    ours: AsyncConnection
    bare: psycopg.AsyncConnection[tuple[object, ...]]
    rules: Rulebook
    city: Group
    everyone: Sequence[Group]
    now: datetime

    async def open(self, groups: Sequence[Group]) -> object:
        """Our open figures of these groups."""
        cut = knife(LIVE, WHOLE_CUT, below(groups, self.rules), tells_units=len(groups) > 1)
        found = await open_tallies(self.ours, cut, with_unrouted=False, now=self.now)
        return gather_open(found, groups, self.rules)

    async def period(self, groups: Sequence[Group], span: Period) -> object:
        """All our figures of these groups; the open ones are a small part of them."""
        return await read_statuses(self.ours, groups, self.rules, period=span, with_unrouted=False, now=self.now)

    async def bare_open(self) -> object:
        """One bare aggregate over the open complaints."""
        return await (await self.bare.execute(_OPEN, {"now": self.now})).fetchall()

    async def bare_rows(self, span: Period) -> object:
        """The rows of the period, read and dropped."""
        edges = {"since": span.since, "until": span.until}
        return [len(await (await self.bare.execute(each, edges)).fetchall()) for each in _ROWS]


def main() -> None:
    """Take every figure twice for each size and print both takes; with several sizes, how the figures grow."""
    parser = argparse.ArgumentParser(prog="python -m bench.units", description=__doc__)
    add_size_options(parser)
    parser.add_argument("--times", type=int, default=7, help="runs of each figure, at least; the quickest counts (7)")
    options = parser.parse_args()
    show_machine("Units")
    best = {held.rows["complaint"]: asyncio.run(_measure(url, held, options.times)) for url, held in each_size(options)}
    for smaller, larger in pairwise(sorted(best)):
        grown = (Figure(what, best[larger][what], best[smaller][what], _GROWTH_GOAL) for what in best[larger])
        show_table(f"growth: ours at {larger:,} / at {smaller:,} complaints, the same days", grown)


async def _measure(url: str, filled: Filled, times: int) -> dict[str, float]:
    """The seconds of ours by figure, the better of two takes."""
    engine = make_engine(url)
    best: dict[str, float] = {}
    async with reading(engine) as ours, await psycopg.AsyncConnection.connect(plain_dsn(url), autocommit=True) as bare:
        place = await _place(ours, bare)
        print(f"sizes:    {filled}\n          {len(place.everyone)} units; the quickest of {times} runs or more")
        for take in (1, 2):
            figures = [await _figure(question, times) for question in _questions(place)]
            show_table(f"take {take} at {filled.rows['complaint']:,} complaints", figures)
            best = {each.what: min(each.ours_s, best.get(each.what, math.inf)) for each in figures}
    await engine.dispose()
    return best


async def _place(ours: AsyncConnection, bare: psycopg.AsyncConnection[tuple[object, ...]]) -> Place:
    units = (await ours.execute(select(Unit.id, Unit.parent_id).where(Unit.is_active))).all()
    newest = await (await bare.execute("SELECT max(received_at) FROM complaint")).fetchone()
    now = newest[0] if newest is not None and isinstance(newest[0], datetime) else utc_now()
    city = tuple(row.id for row in units if row.parent_id is None)
    return Place(ours, bare, await Rulebooks().current(ours), city, [(row.id,) for row in units], now)


@dataclass(frozen=True, slots=True)
class Question:
    """What is measured: its name, its raw limit, our work, and what the ratio should be."""

    what: str
    raw: Work
    work: Work
    goal: Goal | None = _GOAL


def _questions(place: Place) -> Iterator[Question]:
    """All that is measured; hundreds of units by themselves have no goal beside one aggregate of everything."""
    month = read_period("30d", now=place.now, zone=_ZONE)
    former = before(month, now=place.now, zone=_ZONE)
    everyone = partial(place.open, place.everyone)
    yield Question("open, whole city / one bare aggregate", place.bare_open, partial(place.open, [place.city]))
    yield Question("open, every unit / the same aggregate", place.bare_open, everyone, goal=None)
    for name, span in (("30 days", month), ("the 30 days before", former)):
        rows, whole = partial(place.bare_rows, span), partial(place.period, [place.city], span)
        each = partial(place.period, place.everyone, span)
        yield Question(f"{name}, whole city / its rows read", rows, whole)
        yield Question(f"{name}, every unit / its rows read", rows, each)


async def _figure(question: Question, times: int) -> Figure:
    """The quickest of some runs, and of many of what takes milliseconds; ours and the raw limit take turns."""
    best: Mapping[Work, list[float]] = {question.raw: [], question.work: []}
    while len(best[question.work]) <= times or sum(best[question.work]) < _ENOUGH_S:
        for each, taken in best.items():
            begun = time.perf_counter()
            await each()
            taken.append(time.perf_counter() - begun)
    return Figure(question.what, min(best[question.work]), min(best[question.raw]), question.goal)


if __name__ == "__main__":
    main()
