"""What the rows say of each unit by itself: one statement for each group of figures, over all units asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    String,
    and_,
    case,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
    text,
    union_all,
    values,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from app.complaint.cycles import CITIZEN_CLOCKS
from app.db.column_types import UtcDateTime
from app.db.judging import speaks
from app.db.tables.complaints import Complaint, SlaClock
from app.db.tables.units import UnitAncestor
from app.sla.scorecard import AGE_LIMITS, Scorecard
from app.sla.terms import State
from app.units.figures import DayTally, OpenTally, together
from app.units.periods import Period

# Spelled as the partial indexes spell their condition: SQLite recognises it in no other form.
_OPEN = text("complaint.is_open")
_JUDGED = (State.MET, State.MISSED, State.RUNNING, State.PAUSED)
_STOPPED = (State.MET, State.MISSED)
_STILL_OPEN = (State.RUNNING, State.PAUSED)
_DAY_AHEAD = timedelta(hours=24)

UnitIds = Sequence[int]


async def open_tallies(
    connection: AsyncConnection, tops: UnitIds, *, with_unrouted: bool, now: datetime
) -> dict[int | None, OpenTally]:
    """The open complaints of each unit in or below `tops`, and under None those that no unit holds.

    It reads open complaints only, however many are closed.
    """
    place = Complaint.unit_id.in_(_below(tops))
    due_at, reported_at = Complaint.next_due_at, Complaint.reported_at
    statement = (
        select(
            Complaint.unit_id,
            func.count(),
            _count(due_at < now),
            _count(and_(due_at >= now, due_at < now + _DAY_AHEAD)),
            _count(Complaint.assignee_id.is_(None)),
            func.min(reported_at, type_=UtcDateTime),
            *(_count(reported_at >= now - limit) for limit in AGE_LIMITS),
        )
        .where(_OPEN, or_(place, Complaint.unit_id.is_(None)) if with_unrouted else place)
        .group_by(Complaint.unit_id)
    )
    return {row[0]: _open_tally(row) for row in await connection.execute(statement)}


async def cycle_tallies(connection: AsyncConnection, tops: UnitIds, period: Period) -> dict[tuple[int, str], Scorecard]:
    """For each unit and clock: the cycles that started in the period, were due in it, and stopped in it.

    The citizen's clocks belong to the unit that holds the complaint, the others to the unit that ran them.
    """
    parts = union_all(
        _cycles(tops, SlaClock.started_at, period, received=func.count()),
        _cycles(
            tops,
            SlaClock.due_at,
            period,
            met=_count(SlaClock.state == State.MET),
            missed=_count(SlaClock.state == State.MISSED),
            running_overdue=_count(SlaClock.state.in_(_STILL_OPEN)),
        ).where(SlaClock.state.in_(_JUDGED)),
        _cycles(
            tops,
            SlaClock.stopped_at,
            period,
            elapsed_s=func.sum(SlaClock.elapsed_s),
            paused_s=func.sum(SlaClock.paused_s),
            times=func.aggregate_strings(cast(SlaClock.elapsed_s, String), ","),
        ).where(SlaClock.state.in_(_STOPPED)),
    )
    found: dict[tuple[int, str], list[Scorecard]] = defaultdict(list)
    for unit_id, clock, *figures in await connection.execute(parts):
        found[unit_id, clock].append(_scorecard(*figures))
    return {key: together(cards) for key, cards in found.items()}


async def day_tallies(connection: AsyncConnection, tops: UnitIds, period: Period) -> dict[tuple[int, int], DayTally]:
    """For each unit and day of the period (by its place in it): what was reported, due and resolved."""
    day = _days(period)
    reported = (
        select(Complaint.unit_id, day.c.n, literal_column("'received'").label("what"), *_reported_figures())
        .join_from(day, Complaint, _within(Complaint.reported_at, day))
        .where(Complaint.unit_id.in_(_below(tops)))
        .group_by(Complaint.unit_id, day.c.n)
    )
    due = _daily(SlaClock.due_at, day, tops, literal_column("'_due'"), _count(SlaClock.state == State.MET))
    stopped = _daily(SlaClock.stopped_at, day, tops, literal_column("'_stopped'"), literal_column("0"))
    parts = union_all(
        reported,
        due.where(SlaClock.state.in_(_JUDGED)),
        stopped.where(SlaClock.state.in_(_STOPPED), SlaClock.clock == "resolve"),
    )
    found: dict[tuple[int, int], DayTally] = defaultdict(DayTally)
    for unit_id, place, *figures in await connection.execute(parts):
        found[unit_id, place] += _day_tally(*figures)
    return found


def _below(tops: UnitIds) -> Select[int]:
    return select(UnitAncestor.unit_id).where(UnitAncestor.ancestor_id.in_(tops))


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((condition, 1)))


def _open_tally(row: Sequence[Any]) -> OpenTally:
    _, count, overdue, due_24h, unassigned, oldest_at, *at_most = row
    reached = [0, *at_most, count]
    ages = tuple(upper - lower for lower, upper in pairwise(reached))
    return OpenTally(
        open=count, overdue=overdue, due_24h=due_24h, unassigned=unassigned, ages=ages, oldest_at=oldest_at
    )


Instant = InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]


def _cycles(tops: UnitIds, at: Instant, period: Period, **figures: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    """A part of the scorecards: the cycles whose `at` lies in the period; figures that it does not give are empty."""
    nothing: dict[str, ColumnElement[Any]] = {
        name: literal_column("''" if name == "times" else "0")
        for name in ("received", "met", "missed", "running_overdue", "elapsed_s", "paused_s", "times")
    }
    columns = [part.label(name) for name, part in {**nothing, **figures}.items()]
    return (
        select(SlaClock.unit_id, SlaClock.clock, *columns)
        .where(SlaClock.unit_id.in_(_below(tops)), at >= period.since, at < period.until, speaks())
        .group_by(SlaClock.unit_id, SlaClock.clock)
    )


def _scorecard(
    received: int, met: int, missed: int, running_overdue: int, elapsed_s: int, paused_s: int, times: str
) -> Scorecard:
    """One part; sums come as decimals from PostgreSQL, times as one text of numbers."""
    times_s = tuple(int(each) for each in times.split(",")) if times else ()
    return Scorecard(
        received=received,
        met=met,
        missed=missed,
        running_overdue=running_overdue,
        elapsed_s=int(elapsed_s),
        paused_s=int(paused_s),
        times_s=times_s,
    )


def _days(period: Period) -> CTE:
    """The days of the period as a table of its own, so that what a local day is needs no function of the database."""
    table = values(column("n", Integer), column("since", UtcDateTime), column("until", UtcDateTime))
    return table.data([(place, day.since, day.until) for place, day in enumerate(period.days)]).cte("day")


def _within(at: Instant, day: CTE) -> ColumnElement[bool]:
    return and_(at >= day.c.since, at < day.c.until)


def _reported_figures() -> tuple[ColumnElement[Any], ...]:
    return (
        func.count().label("count"),
        _count(Complaint.reopen_count > 0).label("reopened"),
        _count(Complaint.rework_count > 0).label("sent_back"),
        func.sum(Complaint.hops).label("hops"),
    )


def _daily(
    at: Instant, day: CTE, tops: UnitIds, suffix: ColumnElement[str], met: ColumnElement[int]
) -> Select[*tuple[Any, ...]]:
    zero: ColumnElement[int] = literal_column("0")
    return (
        select(SlaClock.unit_id, day.c.n, SlaClock.clock.concat(suffix), func.count(), met, zero, zero)
        .join_from(day, SlaClock, _within(at, day))
        .where(SlaClock.unit_id.in_(_below(tops)), SlaClock.clock.in_(sorted(CITIZEN_CLOCKS)), speaks())
        .group_by(SlaClock.unit_id, day.c.n, SlaClock.clock)
    )


def _day_tally(what: str, count: int, first: int, second: int, third: int) -> DayTally:
    if what == "received":
        return DayTally(received=count, reopened=first, sent_back=second, hops=int(third))
    named: Mapping[str, DayTally] = {
        "respond_due": DayTally(respond_due=count, respond_met=first),
        "resolve_due": DayTally(resolve_due=count, resolve_met=first),
        "resolve_stopped": DayTally(resolved=count),
    }
    return named[what]
