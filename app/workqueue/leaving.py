"""What officers held when they left: nobody waits for somebody who does not come back."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.events import CaseEvent, EventKind
from app.complaint.lifecycle import Move
from app.db.complaints import Change
from app.db.rulebook import Rulebooks
from app.db.tables.complaints import IS_OPEN, Complaint
from app.db.tables.people import Officer
from app.workqueue.actions import AFTER_SOURCES, moments
from app.workqueue.expiring import expire


async def release_for_the_gone(engine: AsyncEngine, rulebooks: Rulebooks, *, now: datetime) -> int:
    """How many open complaints were held by officers who are no longer in, or by tokens that were revoked.

    Each goes back to its unit, claimed or assigned, with an entry that says so.
    """

    async def ends(connection: AsyncConnection, ids: list[int]) -> list[Change]:
        rows = (await connection.execute(_held_by_the_gone().where(Complaint.id.in_(ids)))).all()
        instants = await moments(connection, ids, now)
        return [Change(complaint_id=row.id, events=[_release(row, instants[row.id], now)]) for row in rows]

    due = _held_by_the_gone().with_only_columns(Complaint.id).order_by(Complaint.id)
    return await expire(engine, rulebooks, due, ends, now=now)


def _held_by_the_gone() -> Select[int, int | None]:
    held = select(Complaint.id, Complaint.assignee_id).join(Officer, Officer.id == Complaint.assignee_id)
    return held.where(~Officer.is_active, IS_OPEN)


def _release(row: Any, moment: datetime, now: datetime) -> CaseEvent:
    return CaseEvent(
        occurred_at=moment,
        recorded_at=now,
        kind=EventKind.MOVE,
        key=f"holder-left:{uuid4().hex}",
        move=Move.RELEASE,
        assignee_id=row.assignee_id,
        reason="the officer who held it is no longer in",
        rank=AFTER_SOURCES,
    )
