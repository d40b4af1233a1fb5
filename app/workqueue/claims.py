"""Claims as leases: how long they last, who may take over, and the end of those whose holder gave no sign of life."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.clocks import Rulebook
from app.complaint.events import CaseEvent, EventKind
from app.complaint.lifecycle import Move
from app.db.complaints import Change, advance, lock_all
from app.db.rulebook import Rulebooks
from app.db.session import reading, writing
from app.db.tables.complaints import Complaint

CLAIM_LASTS = timedelta(hours=24)
"""How long a claim lasts after its holder's last entry, where the installation does not say."""

_BATCH = 200


def has_ended(row: Any, now: datetime) -> bool:
    """Whether the claim on a complaint (its header is `row`) is over, though no worker may have said so yet."""
    return row.claim_expires_at is not None and row.claim_expires_at <= now


def wants_renewal(row: Any, now: datetime, lasts: timedelta) -> bool:
    """Whether claiming anew what one holds makes a difference: once half of the claim's time is gone."""
    return row.claim_expires_at is not None and row.claim_expires_at - now < lasts / 2


def end_of_claim(row: Any, now: datetime) -> CaseEvent:
    """The entry that gives a complaint back to its unit, at the instant at which the claim was over."""
    ended_at: datetime = row.claim_expires_at
    return CaseEvent(
        occurred_at=ended_at,
        recorded_at=now,
        kind=EventKind.EXPIRED,
        key=f"claim-expired:{int(ended_at.timestamp())}",
        move=Move.CLAIM,
        assignee_id=row.assignee_id,
        reason="the officer who held it left no entry for as long as a claim lasts",
    )


async def expire_claims(engine: AsyncEngine, rulebooks: Rulebooks, *, now: datetime) -> int:
    """How many claims were over; each complaint goes back to its unit, with an entry that says so."""
    total = 0
    while True:
        async with reading(engine) as connection:
            due = await _due(connection, now)
        if not due:
            return total
        async with writing(engine) as connection:
            await lock_all(connection, due)
            ended = await _end(connection, due, await rulebooks.current(connection), now)
        total += ended
        if not ended:
            return total


async def _due(connection: AsyncConnection, now: datetime) -> list[int]:
    statement = select(Complaint.id).where(Complaint.claim_expires_at <= now).order_by(Complaint.claim_expires_at)
    return sorted(await connection.scalars(statement.limit(_BATCH)))


async def _end(connection: AsyncConnection, ids: list[int], rules: Rulebook, now: datetime) -> int:
    """What is still over now that the complaints are locked: the holder may have come back meanwhile."""
    columns = (Complaint.id, Complaint.assignee_id, Complaint.claim_expires_at)
    rows = await connection.execute(select(*columns).where(Complaint.id.in_(ids), Complaint.claim_expires_at <= now))
    changes = [Change(complaint_id=row.id, events=[end_of_claim(row, now)]) for row in rows]
    await advance(connection, changes, rules, now=now)
    return len(changes)
