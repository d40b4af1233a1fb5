"""Claims as leases: how long they last, who may take over, and the end of those whose holder gave no sign of life."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.events import CaseEvent, EventKind
from app.complaint.lifecycle import Move
from app.db.complaints import Change
from app.db.rulebook import Rulebooks
from app.db.tables.complaints import Complaint
from app.workqueue.expiring import expire

CLAIM_LASTS = timedelta(hours=24)
"""How long a claim lasts after its holder's last entry, where the installation does not say."""


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
    due = select(Complaint.id).where(Complaint.claim_expires_at <= now).order_by(Complaint.claim_expires_at)

    async def ends(connection: AsyncConnection, ids: list[int]) -> list[Change]:
        columns = (Complaint.id, Complaint.assignee_id, Complaint.claim_expires_at)
        over = select(*columns).where(Complaint.id.in_(ids), Complaint.claim_expires_at <= now)
        rows = await connection.execute(over)
        return [Change(complaint_id=row.id, events=[end_of_claim(row, now)]) for row in rows]

    return await expire(engine, rulebooks, due, ends, now=now)
