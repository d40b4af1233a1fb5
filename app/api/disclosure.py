"""What goes on record before an answer shows it: private words, and sheets of complaints."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.dependencies import House
from app.people import disclosure
from app.people.audit import Details
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
    """Puts a reading on record; see `app.people.disclosure.note_reading`."""
    await disclosure.note_reading(house.engine, connection, caller, action, subject, details=details, now=now)
