"""Months that are closed: the figures of each unit as they were known then, which nothing rewrites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.complaint.errors import Conflict, InvalidInput, NotFound
from app.db.changes import settle
from app.db.scope import WHOLE
from app.db.tables.complaints import Complaint
from app.db.tables.units import UnitClose
from app.units.directory import read_directory
from app.units.ground import earlier
from app.units.numbers import period_numbers
from app.units.periods import Period, read_month
from app.units.status import read_statuses

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Close:
    """One unit's closed month; `figures` are those of `numbers.period_numbers`."""

    month: str
    closed_at: datetime
    closed_by: str
    figures: Mapping[str, Any]


async def begin_close(connection: AsyncConnection, month: str, *, zone: ZoneInfo, now: datetime) -> Period:
    """The month to close, as it is known now: nothing more is recorded up to now once the transaction is committed.

    Raises: InvalidInput, for a month that has not ended; Conflict, for one that is closed, and when others write for
    too long.
    """
    period = read_month(month, now=now, zone=zone)
    if period.until >= now:
        raise InvalidInput("month", f"{month} has not ended")
    if await connection.scalar(select(UnitClose.id).where(UnitClose.month == month).limit(1)) is not None:
        raise Conflict(f"{month} is closed already")
    if not await settle(connection, now):
        raise Conflict(f"{month} cannot be closed just now: a long transaction writes; try again")
    return period


async def figures_of_month(
    connection: AsyncConnection, rules: Rulebook, period: Period, *, actor: str, now: datetime
) -> Rows:
    """The figures of the month of every unit that works or has any, as they are known at an instant that is settled.

    A unit that was closed since the month ended keeps what it did in it. All are counted as those of an earlier instant
    are, since others go on writing meanwhile. They come as rows to keep.
    """
    units = (await read_directory(connection, WHOLE, rules.ancestors)).units.values()
    groups = [(unit.id,) for unit in units]
    ground = await earlier(connection, rules, now)
    statuses = await read_statuses(
        connection, groups, rules, period=period, with_unrouted=False, now=now, ground=ground
    )
    told = {"month": period.name, "closed_at": now, "closed_by": actor}
    return [
        {"unit_id": unit.id, **told, "figures": period_numbers(status)}
        for unit, status in zip(units, statuses, strict=True)
        if unit.is_active or not status.is_empty
    ]


async def keep(connection: AsyncConnection, rows: Rows) -> None:
    """Store what `figures_of_month` gave; a month that somebody else has closed meanwhile breaks a unique key."""
    if rows:
        await connection.execute(insert(UnitClose), rows)


async def months_to_close(connection: AsyncConnection, *, after_days: int, zone: ZoneInfo, now: datetime) -> list[str]:
    """The months that ended so many days ago and are not closed: all since the last that is, at first only one.

    Nothing is closed where nothing has ever been reported.
    """
    last = (now.astimezone(zone) - timedelta(days=after_days)).date().replace(day=1) - timedelta(days=1)
    closed = await connection.scalar(select(func.max(UnitClose.month)))
    if closed is not None:
        return list(_months(date.fromisoformat(f"{closed}-01"), last))
    is_used = await connection.scalar(select(Complaint.id).limit(1)) is not None
    return [f"{last:%Y-%m}"] if is_used else []


def _months(closed: date, last: date) -> Iterator[str]:
    """The months behind the closed one, up to the one that `last` lies in."""
    month = _next(closed)
    while month <= last:
        yield f"{month:%Y-%m}"
        month = _next(month)


def _next(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=31)).replace(day=1)


async def read_closes(connection: AsyncConnection, unit_id: int) -> Sequence[Close]:
    """The closed months of a unit, the newest first."""
    columns = UnitClose.month, UnitClose.closed_at, UnitClose.closed_by, UnitClose.figures
    statement = select(*columns).where(UnitClose.unit_id == unit_id).order_by(UnitClose.month.desc())
    return [Close(*row) for row in await connection.execute(statement)]


async def read_close(connection: AsyncConnection, unit_id: int, month: str) -> Close:
    """One closed month of a unit.

    Raises: NotFound.
    """
    columns = UnitClose.month, UnitClose.closed_at, UnitClose.closed_by, UnitClose.figures
    statement = select(*columns).where(UnitClose.unit_id == unit_id, UnitClose.month == month)
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise NotFound(f"the month {month} is not closed")
    return Close(*row)
