"""Signs of life of workers, for whoever asks whether any is left."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.machine import Worker

SILENCE = timedelta(seconds=60)
"""How long after its last sign of life a worker is taken for gone."""


async def last_beat(connection: AsyncConnection) -> datetime | None:
    """When a worker was last seen alive; None when there never was one, or not for a day."""
    return await connection.scalar(select(func.max(Worker.seen_at)))


def is_recent(seen_at: datetime | None, now: datetime) -> bool:
    """Whether a worker that was last seen then is taken to be alive."""
    return seen_at is not None and now - seen_at <= SILENCE
