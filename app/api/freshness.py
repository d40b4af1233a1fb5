"""The `sources` block of answers, so that a dead connector cannot look green."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import TypedDict

from app.api.instants import rfc3339
from app.db.freshness import read_freshness


class SourceFreshness(TypedDict):
    """How far a source is complete."""

    source: str
    complete_through: str | None
    stale: bool


async def sources_block(connection: AsyncConnection, *, now: datetime) -> list[SourceFreshness]:
    """`{"source","complete_through","stale"}` for each enabled source, by name."""
    return [
        SourceFreshness(
            source=each.source,
            complete_through=rfc3339(each.complete_through) if each.complete_through else None,
            stale=each.is_stale,
        )
        for each in await read_freshness(connection, now=now)
    ]
