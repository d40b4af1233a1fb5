"""What the rows say of each unit by itself: one statement for each group of figures, over all units asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    CompoundSelect,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.cycles import CITIZEN_CLOCKS
from app.db.among import among
from app.db.column_types import UtcDateTime
from app.db.cursors import PREPARED
from app.db.tables.complaints import IS_OPEN
from app.sla.scorecard import AGE_LIMITS, Scorecard
from app.sla.terms import State
from app.units.figures import DayTally, HoldingTally, OpenTally
from app.units.periods import Period
from app.units.slices import Blade, Knife, Rows, kept

_JUDGED = (State.MET, State.MISSED, State.RUNNING, State.PAUSED)
_STOPPED = (State.MET, State.MISSED)
_STILL_OPEN = (State.RUNNING, State.PAUSED)
_DAY_AHEAD = timedelta(hours=24)
_OF_CLOCKS = (
    "complaint_id", "unit_id", "clock", "cycle", "state", "elapsed_s", "paused_s", "started_at", "due_at", "stopped_at",
)  # fmt: skip

Key = tuple[int | None, str | None]
"""A unit, and the part of a cut that a figure belongs to."""


async def open_tallies(
    connection: AsyncConnection, knife: Knife, *, with_unrouted: bool, now: datetime
) -> dict[Key, OpenTally]:
    """The open complaints of each of the units, and under None those that no unit holds.

    It reads open complaints only, however many are closed.
    """
    edges = {f"reported_{place}": now - limit for place, limit in enumerate(AGE_LIMITS)}
    values = {**knife.values, "now": now, "ahead": now + _DAY_AHEAD, **edges}
    rows = await connection.execute(_open_statement(knife.blade, with_unrouted), values)
    return {(row[0], row[1]): _open_tally(row[1:]) for row in rows}


async def cycle_tallies(
    connection: AsyncConnection, knife: Knife, period: Period
) -> tuple[dict[tuple[Key, str], Scorecard], dict[tuple[Key, int], DayTally]]:
    """For each unit and clock: the cycles that started in the period, were due in it, and stopped in it.

    The citizen's clocks belong to the unit that holds the complaint, the others to the unit that ran them. Then, for
    each unit and day of the period (by its place in it), what was due and what was resolved on it.
    """
    cards: dict[tuple[Key, str], Scorecard] = {}
    days: dict[tuple[Key, int], DayTally] = defaultdict(DayTally)
    statement = _cycle_statement(knife.blade, len(period.days))
    for what, unit_id, value, clock, place, *figures in await connection.execute(statement, _values(knife, period)):
        if what == "clock":
            cards[(unit_id, value), clock] = _scorecard(*figures)
        else:
            days[(unit_id, value), place] += _day_tally(what, clock, figures[0], figures[1])
    return cards, days


async def reported_tallies(
    connection: AsyncConnection, knife: Knife, period: Period
) -> dict[tuple[Key, int], DayTally]:
    """For each unit and day of the period: the complaints reported on it, and what became of them."""
    rows = await connection.execute(_reported_statement(knife.blade, len(period.days)), _values(knife, period))
    return {
        ((unit_id, value), place): DayTally(received=count, reopened=reopened, sent_back=sent_back, hops=int(hops))
        for unit_id, value, place, count, reopened, sent_back, hops in rows
    }


async def holding_tallies(connection: AsyncConnection, knife: Knife, period: Period) -> dict[Key, HoldingTally]:
    """For each unit: its stints that ended in the period, and what it had in them of the citizens' wait."""
    return {
        (unit_id, value): HoldingTally(stints=count, held_s=int(held_s or 0))
        for unit_id, value, count, held_s in await connection.execute(
            _holding_statement(knife.blade, len(period.days)), _values(knife, period)
        )
    }


def _values(knife: Knife, period: Period) -> dict[str, object]:
    midnights = {f"day_{place}": day.since for place, day in enumerate(period.days)}
    return {**knife.values, "since": period.since, "until": period.until, **midnights}


@kept
def _open_statement(blade: Blade, with_unrouted: int) -> Rows:
    complaint = blade.ground.complaint.c
    place = among(complaint.unit_id, "units")
    due_at, reported_at, holder = complaint.next_due_at, complaint.reported_at, blade.holder(complaint.unit_id)
    now, ahead = _instant("now"), _instant("ahead")
    statement: Rows = (
        select(
            holder,
            blade.value,
            func.count(),
            _count(due_at < now),
            _count(and_(due_at >= now, due_at < ahead)),
            _count(complaint.assignee_id.is_(None)),
            func.min(reported_at, type_=UtcDateTime),
            *(_count(reported_at >= _instant(f"reported_{each}")) for each in range(len(AGE_LIMITS))),
        )
        .select_from(blade.ground.complaint)
        .where(IS_OPEN, or_(place, complaint.unit_id.is_(None)) if with_unrouted else place)
        .group_by(holder, *blade.groups)
    )
    # The open ones are found by their own index, however many units are asked for; what a cut keeps of them differs.
    return statement.prefix_with(PREPARED) if blade.is_whole else blade.narrow(statement)


@kept
def _cycle_statement(blade: Blade, days: int) -> CompoundSelect[Any]:
    cycle = _cycles(blade, days)
    return union_all(_by_clock(cycle), _due_by_day(cycle), _stopped_by_day(cycle))


@kept
def _reported_statement(blade: Blade, days: int) -> Rows:
    complaint = blade.ground.complaint.c
    statement: Rows = (
        select(
            blade.holder(complaint.unit_id).label("unit_id"),
            blade.value,
            _place(complaint.reported_at, days).label("place"),
            complaint.reopen_count,
            complaint.rework_count,
            complaint.hops,
        )
        .select_from(blade.ground.complaint)
        .where(among(complaint.unit_id, "units"), _is_in(complaint.reported_at))
    )
    found = blade.narrow(statement).subquery("reported").c
    figures = (func.count(), _count(found.reopen_count > 0), _count(found.rework_count > 0), func.sum(found.hops))
    keys = found.unit_id, found.value, found.place
    return select(*keys, *figures).group_by(*keys)


@kept
def _holding_statement(blade: Blade, _days: int) -> Rows:
    stint = blade.ground.stint.c
    holder = blade.holder(stint.unit_id)
    statement: Rows = (
        select(holder, blade.value, func.count(), func.sum(stint.held_s))
        .select_from(blade.ground.stint)
        .where(among(stint.unit_id, "units"), _is_in(stint.ended_at), stint.held_s.is_not(None))
        .group_by(holder, *blade.groups)
    )
    return blade.narrow(statement, stint.complaint_id)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((condition, 1)))


def _open_tally(row: Sequence[Any]) -> OpenTally:
    _, count, overdue, due_24h, unassigned, oldest_at, *at_most = row
    reached = [0, *at_most, count]
    ages = tuple(upper - lower for lower, upper in pairwise(reached))
    return OpenTally(
        open=count, overdue=overdue, due_24h=due_24h, unassigned=unassigned, ages=ages, oldest_at=oldest_at
    )


def _cycles(blade: Blade, days: int) -> CTE:
    """The cycles that anything happened to in the period, read once: on which of its days were they due and stopped?

    `due_on` stands where the cycle is in the cohort of its due date, `stopped_on` where it stopped with a known time.
    """
    happened = _happened(blade)
    clock, speaks = happened.c, blade.ground.speaks
    due, stopped, started = _is_in(clock.due_at), _is_in(clock.stopped_at), _is_in(clock.started_at)
    judged_due, dated_stop = and_(due, clock.state.in_(_JUDGED)), and_(stopped, clock.state.in_(_STOPPED))
    statement: Rows = (
        select(
            blade.holder(clock.unit_id).label("unit_id"),
            blade.value,
            clock.clock,
            clock.state,
            clock.elapsed_s,
            clock.paused_s,
            case((started, 1)).label("started"),
            case((judged_due, _place(clock.due_at, days))).label("due_on"),
            case((dated_stop, _place(clock.stopped_at, days))).label("stopped_on"),
        )
        .select_from(happened)
        .where(*([speaks(happened)] if speaks else []))
    )
    return blade.narrow(statement, clock.complaint_id).cte("cycle")


def _happened(blade: Blade) -> CTE:
    """The rows of clocks that anything happened to in the period, found before anybody asks which of them speak.

    Asked together, a planner that dreads the second question prefers to read the whole past of every unit.
    """
    clock = blade.ground.clock.c
    names = (*_OF_CLOCKS, "id") if blade.ground.speaks else _OF_CLOCKS
    is_within = or_(*(_is_in(at) for at in (clock.started_at, clock.due_at, clock.stopped_at)))
    statement: Rows = select(*(clock[name] for name in names)).where(among(clock.unit_id, "units"), is_within)
    return statement.cte("happened").prefix_with("MATERIALIZED")


def _by_clock(cycle: CTE) -> Rows:
    due, stopped = cycle.c.due_on.is_not(None), cycle.c.stopped_on.is_not(None)
    return select(
        literal_column("'clock'").label("what"),
        cycle.c.unit_id,
        cycle.c.value,
        cycle.c.clock,
        literal_column("0").label("place"),
        func.count(cycle.c.started),
        _count(and_(due, cycle.c.state == State.MET)),
        _count(and_(due, cycle.c.state == State.MISSED)),
        _count(and_(due, cycle.c.state.in_(_STILL_OPEN))),
        func.sum(case((stopped, cycle.c.elapsed_s), else_=0)),
        func.sum(case((stopped, cycle.c.paused_s), else_=0)),
        func.aggregate_strings(case((stopped, cast(cycle.c.elapsed_s, String))), ","),
    ).group_by(cycle.c.unit_id, cycle.c.value, cycle.c.clock)


def _due_by_day(cycle: CTE) -> Rows:
    figures = (func.count(), _count(cycle.c.state == State.MET))
    return _by_day(cycle, "due", cycle.c.due_on, *figures).where(cycle.c.clock.in_(sorted(CITIZEN_CLOCKS)))


def _stopped_by_day(cycle: CTE) -> Rows:
    none: ColumnElement[int] = literal_column("0")
    return _by_day(cycle, "stopped", cycle.c.stopped_on, func.count(), none).where(cycle.c.clock == "resolve")


def _by_day(cycle: CTE, what: str, place: ColumnElement[int], *figures: ColumnElement[Any]) -> Rows:
    """Two figures of each day, as wide as the figures of a clock, so that one statement brings all."""
    zero: ColumnElement[int] = literal_column("0")
    return (
        select(
            literal_column(f"'{what}'"), cycle.c.unit_id, cycle.c.value, cycle.c.clock, place, *figures,
            zero, zero, zero, zero, cast(null(), String),
        )
        .where(place.is_not(None))
        .group_by(cycle.c.unit_id, cycle.c.value, cycle.c.clock, place)
    )  # fmt: skip


def _scorecard(
    received: int, met: int, missed: int, running_overdue: int, elapsed_s: int, paused_s: int, times: str | None
) -> Scorecard:
    """The figures of one clock; sums come as decimals from PostgreSQL, times as one text of numbers."""
    times_s = tuple(sorted(int(each) for each in times.split(","))) if times else ()
    return Scorecard(
        received=received,
        met=met,
        missed=missed,
        running_overdue=running_overdue,
        elapsed_s=int(elapsed_s),
        paused_s=int(paused_s),
        times_s=times_s,
    )


def _day_tally(what: str, clock: str, count: int, met: int) -> DayTally:
    if what == "stopped":
        return DayTally(resolved=count)
    if clock == "respond":
        return DayTally(respond_due=count, respond_met=met)
    return DayTally(resolve_due=count, resolve_met=met)


def _instant(name: str) -> BindParameter[datetime]:
    return bindparam(name, type_=UtcDateTime)


def _is_in(at: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(at >= _instant("since"), at < _instant("until"))


def _place(at: ColumnElement[Any], days: int) -> ColumnElement[int]:
    """On which day of the period `at` lies, found by halving: local days need no function of the database this way."""

    def within(first: int, last: int) -> ColumnElement[int]:
        if first == last:
            return literal_column(str(first))
        middle = (first + last + 1) // 2
        return case((at < _instant(f"day_{middle}"), within(first, middle - 1)), else_=within(middle, last))

    return within(0, days - 1)
