"""Notes on a complaint: internal ones for colleagues, public ones that answer the citizen."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.complaint.errors import Forbidden
from app.complaint.events import CaseEvent, EventKind
from app.db.complaints import Advanced, Change, advance, lock
from app.workqueue.actions import AFTER_SOURCES, LONGEST_TEXT, demand_scope, demand_version, demand_words, moments
from app.workqueue.asker import Asker


async def add_note(
    connection: AsyncConnection,
    complaint_id: int,
    text: str,
    asker: Asker,
    rules: Rulebook,
    *,
    is_public: bool,
    seen: Collection[int] | None = None,
    now: datetime,
) -> Advanced:
    """The complaint with a note in its history, whatever its status; a public one stops the response clock.

    Raises:
        Forbidden: the asker does not work on complaints.
        NotFound: the complaint is absent or outside the asker's units.
        StaleVersion: its version is none of `seen`.
        InvalidInput: the text says nothing, or too much.
    """
    if asker.officer_id is None or not asker.works:
        raise Forbidden("a note needs an officer")
    row = await lock(connection, complaint_id)
    demand_scope(row, asker, rules)
    demand_version(row, seen)
    demand_words("text", text, LONGEST_TEXT)
    note = CaseEvent(
        occurred_at=(await moments(connection, [complaint_id], now))[complaint_id],
        recorded_at=now,
        kind=EventKind.NOTE,
        key=f"note:{uuid4().hex}",
        actor_id=asker.officer_id,
        text=text,
        is_public=is_public,
        rank=AFTER_SOURCES,
    )
    change = Change(complaint_id=complaint_id, events=[note])
    return (await advance(connection, [change], rules, now=now))[0]
