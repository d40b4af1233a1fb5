"""What ends by itself: looked for without a lock, locked, looked at once more, and put on record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.complaints import Change, advance, lock_all
from app.db.rulebook import Rulebooks
from app.db.session import reading, writing

BATCH = 200

Ends = Callable[[AsyncConnection, list[int]], Awaitable[list[Change]]]


async def expire(engine: AsyncEngine, rulebooks: Rulebooks, due: Select[int], ends: Ends, *, now: datetime) -> int:
    """How many ended, batch by batch.

    `due` selects the complaints that have something to end, the longest overdue first; `ends` makes the entries of
    those that still have once they are locked: somebody may have been quicker.
    """
    total = 0
    while True:
        async with reading(engine) as connection:
            ids = sorted(await connection.scalars(due.limit(BATCH)))
        if not ids:
            return total
        async with writing(engine) as connection:
            await lock_all(connection, ids)
            changes = await ends(connection, ids)
            await advance(connection, changes, await rulebooks.current(connection), now=now)
        total += len(changes)
        if not changes:
            return total
