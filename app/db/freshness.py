"""How far each source is complete, and whether that is too long ago to trust a figure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.column_types import UtcDateTime
from app.db.states import RunKind, RunState
from app.db.tables.sources import Source, SourceRun

MISSED_PULLS = 3
SHORTEST = timedelta(minutes=15)

_enabled = select(Source.name, Source.every_s, Source.complete_through).where(Source.is_enabled).order_by(Source.name)


@dataclass(frozen=True, slots=True)
class Freshness:
    """A source and the instant through which we hold all it had; `stale_at` is when time alone makes it stale."""

    source: str
    complete_through: datetime | None
    stale_at: datetime | None
    is_stale: bool


async def read_freshness(connection: AsyncConnection, *, now: datetime) -> list[Freshness]:
    """Every enabled source, by name.

    A pulled source is stale when it was never complete, or when it missed three pulls, at least 15 minutes. A file's
    source is never pulled and cannot be late.
    """
    return [_freshness(*row, now) for row in await connection.execute(_enabled)]


async def read_freshness_as_of(connection: AsyncConnection, at: datetime) -> list[Freshness]:
    """Every enabled source that there was at an earlier instant, as far as its runs that had ended well by then went.

    One that failed half-way left rows behind it, and a source that is no more complete than before.
    """
    runs = (
        select(SourceRun.source_id, func.max(SourceRun.complete_through, type_=UtcDateTime).label("through"))
        .where(
            SourceRun.finished_at <= at,
            SourceRun.state == RunState.DONE,
            SourceRun.kind.in_((RunKind.PULL, RunKind.IMPORT)),
        )
        .group_by(SourceRun.source_id)
        .subquery()
    )
    statement = (
        select(Source.name, Source.every_s, runs.c.through)
        .join(runs, runs.c.source_id == Source.id, isouter=True)
        .where(Source.is_enabled, Source.created_at <= at)
        .order_by(Source.name)
    )
    rows = await connection.execute(statement)
    return [_freshness(row.name, row.every_s, row.through, at) for row in rows]


def stand_at(found: Iterable[Freshness], now: datetime) -> list[Freshness]:
    """What was read a moment ago, as it stands at `now`: sources turn stale by time alone."""
    return [each if each.stale_at is None else replace(each, is_stale=each.stale_at < now) for each in found]


def _freshness(name: str, every_s: int | None, complete_through: datetime | None, now: datetime) -> Freshness:
    if every_s is None:
        return Freshness(name, complete_through, None, is_stale=False)
    if complete_through is None:
        return Freshness(name, None, None, is_stale=True)
    stale_at = complete_through + max(MISSED_PULLS * timedelta(seconds=every_s), SHORTEST)
    return Freshness(name, complete_through, stale_at, is_stale=stale_at < now)
