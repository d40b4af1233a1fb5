"""Folding stored complaints again under the rules in force, batch by batch."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.complaints import Change, advance, lock_all
from app.db.rulebook import Rulebooks
from app.db.session import writing
from app.db.tables.complaints import Complaint

_BATCH = 200


async def recompute_all(engine: AsyncEngine, rulebooks: Rulebooks, *, now: datetime) -> int:
    """How many complaints were folded again; short transactions, so that no officer waits for the whole."""
    last, count = 0, 0
    while True:
        async with writing(engine) as connection:
            statement = select(Complaint.id).where(Complaint.id > last).order_by(Complaint.id).limit(_BATCH)
            ids = list(await connection.scalars(statement))
            if not ids:
                return count
            await lock_all(connection, ids)
            changes = [Change(complaint_id=each, bumps=False) for each in ids]
            await advance(connection, changes, await rulebooks.current(connection), now=now)
        last, count = ids[-1], count + len(ids)
