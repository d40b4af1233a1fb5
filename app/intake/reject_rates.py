"""Sources that send much of what no mapping can read, judged by what they sent last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.states import RejectState, RunKind
from app.db.tables.sources import Reject, Source, SourceRun

HIGH_PERCENT = 20
LEAST_REJECTS = 5
"""Different records; the same bad one in each pull is a matter of that record."""

_RECORDS = 100
"""How many of the last records are judged, in whole runs."""

_RUNS = 50


@dataclass(frozen=True, slots=True)
class RejectRate:
    """The share of rejects in what a source sent last, in whole percent."""

    source: str
    percent: int


async def high_reject_rates(connection: AsyncConnection) -> list[RejectRate]:
    """The enabled sources whose share of rejects is high, by name."""
    sources = await connection.execute(select(Source.id, Source.name).where(Source.is_enabled).order_by(Source.name))
    rates = [await _rate(connection, source) for source in sources.all()]
    return [each for each in rates if each is not None]


async def _rate(connection: AsyncConnection, source: Any) -> RejectRate | None:
    columns = (SourceRun.pulled, SourceRun.rejected, SourceRun.started_at)
    last = (
        select(*columns)
        .where(SourceRun.source_id == source.id, SourceRun.kind.in_((RunKind.PULL, RunKind.PUSH)))
        .order_by(SourceRun.id.desc())
        .limit(_RUNS)
    )
    pulled, rejected, since = _add_up(await connection.execute(last))
    if since is None or rejected * 100 < pulled * HIGH_PERCENT or rejected < LEAST_REJECTS:
        return None
    return RejectRate(source.name, rejected * 100 // pulled) if await _are_many(connection, source.id, since) else None


def _add_up(runs: Iterable[Any]) -> tuple[int, int, datetime | None]:
    """The records of the newest runs, the rejects among them, and when the first of these runs began."""
    pulled, rejected, since = 0, 0, None
    for run in runs:
        if run.pulled and pulled < _RECORDS:
            pulled, rejected, since = pulled + run.pulled, rejected + run.rejected, run.started_at
    return pulled, rejected, since


async def _are_many(connection: AsyncConnection, source_id: int, since: datetime) -> bool:
    """Whether enough different records of these runs still wait; what was replayed since is mended."""
    statement = select(func.count()).where(
        Reject.source_id == source_id, Reject.state == RejectState.OPEN, Reject.last_seen_at >= since
    )
    return (await connection.scalar(statement) or 0) >= LEAST_REJECTS
