"""The `sources` block of answers, so that a dead connector cannot look green."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import TypedDict

from app.api.instants import rfc3339
from app.db.freshness import Freshness, read_freshness, read_freshness_as_of


class SourceFreshness(TypedDict):
    """How far a source is complete."""

    source: str
    complete_through: str | None
    stale: bool


async def sources_block(
    connection: AsyncConnection, *, now: datetime, as_of: datetime | None = None
) -> list[SourceFreshness]:
    """`{"source","complete_through","stale"}` for each enabled source; as it was known at `as_of`, if given."""
    return told(await read_freshness_as_of(connection, as_of) if as_of else await read_freshness(connection, now=now))


def told(found: Iterable[Freshness]) -> list[SourceFreshness]:
    """What was read of the sources, as answers say it."""
    return [
        SourceFreshness(
            source=each.source,
            complete_through=rfc3339(each.complete_through) if each.complete_through else None,
            stale=each.is_stale,
        )
        for each in found
    ]
