"""What goes on record before an answer shows it: who read what about people."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.session import is_writing, writing
from app.people.audit import Details, record
from app.people.callers import Caller


async def note_reading(
    engine: AsyncEngine,
    connection: AsyncConnection,
    caller: Caller,
    action: str,
    subject: str,
    *,
    details: Details | None = None,
    now: datetime,
) -> None:
    """Puts a reading on record, committed before the answer leaves.

    A connection that only reads is given back first, and serves nothing afterwards: a request that held one while it
    waits for a second would, with enough of its kind, wait for ever.
    """
    if is_writing(connection):
        await record(connection, actor=caller.name, action=action, subject=subject, details=details, now=now)
        return
    await connection.close()
    async with writing(engine) as own:
        await record(own, actor=caller.name, action=action, subject=subject, details=details, now=now)
