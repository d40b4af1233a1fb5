"""Pauses with reasons as data: who may, how long, with what evidence; and the end of those that lasted long enough."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.errors import Forbidden, InvalidInput
from app.complaint.events import CaseEvent, EventKind
from app.complaint.history import PAUSE_COMPLAINANT
from app.complaint.lifecycle import Status
from app.complaint.roles import Role, covers
from app.db.complaints import Change
from app.db.rulebook import Rulebooks
from app.db.tables.complaints import Pause
from app.db.tables.rules import ReasonCode
from app.workqueue.asker import Asker
from app.workqueue.expiring import expire

PAUSE = "pause"


async def pause_limit(
    connection: AsyncConnection, code: str | None, reason: str | None, asker: Asker
) -> timedelta | None:
    """How long a pause for this reason may last; None is for as long as it takes.

    Raises:
        InvalidInput: nobody knows the reason, or it asks for evidence and `reason` does not say where that is.
        Forbidden: the reason is not this role's to give.
    """
    statement = select(ReasonCode).where(ReasonCode.kind == PAUSE, ReasonCode.code != str(Status.AWAITING_VALIDATION))
    known = {row.code: row for row in await connection.execute(statement.with_only_columns(*ReasonCode.__table__.c))}
    found = known.get(code or PAUSE_COMPLAINANT)
    if found is None and code is not None:
        raise InvalidInput("reason_code", f"must be one of {', '.join(sorted(known))}")
    if found is None:
        return None
    if not covers(asker.role, Role(found.needed_role)):
        raise Forbidden(f"a pause for {found.code} needs the role {found.needed_role}")
    if found.needs_evidence and not reason:
        raise InvalidInput("reason", f"a pause for {found.code} must say where its evidence is")
    return timedelta(seconds=found.max_s) if found.max_s is not None else None


async def expire_pauses(engine: AsyncEngine, rulebooks: Rulebooks, *, now: datetime) -> int:
    """How many pauses had lasted as long as they may; each ends at that very instant, with an entry that says so."""
    is_over = (Pause.ended_at.is_(None), Pause.expires_at <= now)
    due = select(Pause.complaint_id).where(*is_over).order_by(Pause.expires_at)

    async def ends(connection: AsyncConnection, ids: list[int]) -> list[Change]:
        columns = (Pause.complaint_id, Pause.reason, Pause.expires_at)
        rows = await connection.execute(select(*columns).where(Pause.complaint_id.in_(ids), *is_over))
        return [
            Change(complaint_id=row.complaint_id, events=[_expiry(row.reason, row.expires_at, now)]) for row in rows
        ]

    return await expire(engine, rulebooks, due, ends, now=now)


def _expiry(reason: str, at: datetime, now: datetime) -> CaseEvent:
    return CaseEvent(
        occurred_at=at,
        recorded_at=now,
        kind=EventKind.EXPIRED,
        key=f"expired:{int(at.timestamp())}",
        status=Status.IN_PROGRESS,
        reason_code=reason,
        reason="the pause lasted as long as its reason allows",
    )
