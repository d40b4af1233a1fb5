"""What a page tells below its live part: signals, what lies ahead, and the months; asked for once and not again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.people.callers import Caller
from app.units.closing import Close, read_closes
from app.units.directory import UnitCard, read_directory
from app.units.figures import DayTally, TrendDay
from app.units.outlook import read_outlooks
from app.units.pace import Outlook, Risk
from app.units.periods import Period, read_period
from app.units.signals import Signal, read_signals
from app.units.status import read_statuses

MONTHS = 6
MOST_RISKS = 20
MOST_REFS = 10


@dataclass(frozen=True, slots=True)
class Kept:
    """How many cycles of a clock were due, and how many of them were met."""

    met: int
    due: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthLine:
    """A month: as it was closed, or as it stands while it is not."""

    first: date
    received: int
    respond: Kept
    resolve: Kept
    is_closed: bool


@dataclass(frozen=True, slots=True)
class Ahead:
    """A unit of the level below, and what lies ahead of it."""

    unit: UnitCard
    outlook: Outlook


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """The figures of one unit that somebody looks at before an inspection."""

    period: Period
    as_of: datetime
    signals: Sequence[Signal]
    outlook: Outlook
    below: Sequence[Ahead]
    months: Sequence[MonthLine]

    @property
    def first_risks(self) -> Sequence[Risk]:
        """The complaints at risk that are due first."""
        return self.outlook.risks[:MOST_RISKS]

    @property
    def pressed(self) -> list[Ahead]:
        """The units below that have something at risk or a backlog, the most at risk first."""
        busy = [each for each in self.below if each.outlook.risks or each.outlook.pace.backlog]
        return sorted(busy, key=lambda each: (-len(each.outlook.risks), -each.outlook.pace.backlog, each.unit.code))


async def read_insight(
    connection: AsyncConnection,
    caller: Caller,
    rules: Rulebook,
    *,
    code: str,
    period: Period,
    now: datetime,
    zone: ZoneInfo,
) -> Insight:
    """What there is to tell of the unit, as many statements for one with many units below as for one with none.

    Raises: NotFound, when the unit is absent or outside the caller's units.
    """
    directory = await read_directory(connection, caller.scope, rules.ancestors)
    unit = directory.find(code)
    below = directory.children(unit.id)
    units = [unit, *below]
    ids = [each.id for each in units]
    own, *theirs = await read_outlooks(connection, ids, rules, caller.scope, now=now, zone=zone)
    return Insight(
        period=period,
        as_of=now,
        signals=await read_signals(connection, [unit.id], rules, caller.scope, period=period, now=now),
        outlook=own,
        below=[Ahead(each, outlook) for each, outlook in zip(below, theirs, strict=True)],
        months=await _months(connection, rules, unit, now=now, zone=zone),
    )


async def _months(
    connection: AsyncConnection, rules: Rulebook, unit: UnitCard, *, now: datetime, zone: ZoneInfo
) -> list[MonthLine]:
    """The last months, the newest first: those that are closed as they were, the others from what is known now."""
    names = _last_months(now.astimezone(zone).date())
    closed = {each.month: each for each in await read_closes(connection, unit.id)}
    oldest = max(place for place, name in enumerate(names) if name not in closed)
    periods = [read_period(name, now=now, zone=zone) for name in reversed(names[: oldest + 1])]
    span = Period(names[oldest], [day for each in periods for day in each.days])
    (status,) = await read_statuses(connection, [(unit.id,)], rules, period=span, with_unrouted=False, now=now)
    return [_closed(closed[name]) if name in closed else _running(name, status.trend) for name in names]


def _last_months(today: date) -> list[str]:
    """The names of the last months, this one first, which is never closed."""
    found = [today.replace(day=1)]
    while len(found) < MONTHS:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return [f"{first:%Y-%m}" for first in found]


def _closed(close: Close) -> MonthLine:
    figures: Mapping[str, Any] = close.figures
    return MonthLine(
        first=date.fromisoformat(f"{close.month}-01"),
        received=figures["handling"]["reported"],
        respond=_kept(figures["clocks"]["respond"]),
        resolve=_kept(figures["clocks"]["resolve"]),
        is_closed=True,
    )


def _kept(clock: Mapping[str, int]) -> Kept:
    return Kept(clock["met"], clock["met"] + clock["missed"] + clock["running_overdue"])


def _running(name: str, trend: Sequence[TrendDay]) -> MonthLine:
    told = sum((day.tally for day in trend if f"{day.on:%Y-%m}" == name), DayTally())
    return MonthLine(
        first=date.fromisoformat(f"{name}-01"),
        received=told.received,
        respond=Kept(told.respond_met, told.respond_due),
        resolve=Kept(told.resolve_met, told.resolve_due),
        is_closed=False,
    )
