"""The `sources` block for the answers that officers wait for all day: a second old at most."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.freshness import SourceFreshness
from app.api.instants import rfc3339
from app.dependencies import House


async def recent_sources(house: House, connection: AsyncConnection, *, now: datetime) -> list[SourceFreshness]:
    """As `sources_block`, from what this process read lately where it did."""
    return [
        SourceFreshness(
            source=each.source,
            complete_through=rfc3339(each.complete_through) if each.complete_through else None,
            stale=each.is_stale,
        )
        for each in await house.freshness.read(connection, now=now)
    ]
