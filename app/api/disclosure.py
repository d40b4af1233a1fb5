"""What goes on record before an answer shows it: private words, and sheets of complaints."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.session import is_writing, writing
from app.dependencies import House
from app.people.audit import Details, record
from app.people.callers import Caller
from app.workqueue.shapes import Words


async def note_words(
    house: House, connection: AsyncConnection, caller: Caller, complaint_id: int, words: Words, *, now: datetime
) -> None:
    """Puts on record that the caller reads private words, where they do. It comes last: see `note_reading`."""
    if words is Words.ON_RECORD:
        await note_reading(house, connection, caller, "words.read", f"complaint:{complaint_id}", now=now)


async def note_reading(
    house: House,
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
    async with writing(house.engine) as own:
        await record(own, actor=caller.name, action=action, subject=subject, details=details, now=now)
