"""Leave: spans in which an officer is away, and who stands in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from app.complaint.errors import InvalidInput, NotFound
from app.complaint.roles import Role
from app.db.tables.people import Leave, Officer
from app.people import audit
from app.people.tokens import OFFICER_PREFIX

LONGEST = timedelta(days=731)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveView:
    """One leave."""

    id: int
    officer: str
    starts_at: datetime
    ends_at: datetime
    delegate: str | None
    created_at: datetime
    created_by: str


async def list_leave(connection: AsyncConnection, officer_id: int, *, now: datetime) -> list[LeaveView]:
    """The officer's leave that is not over, soonest first."""
    statement = _LEAVE.where(Leave.officer_id == officer_id, Leave.ends_at > now)
    rows = await connection.execute(statement.order_by(Leave.starts_at, Leave.id))
    return [LeaveView(**row._mapping) for row in rows]


async def add_leave(
    connection: AsyncConnection,
    officer_id: int,
    *,
    starts_at: datetime,
    ends_at: datetime,
    delegate: str | None,
    actor: str,
    now: datetime,
) -> LeaveView:
    """A leave; without a delegate the officer's alerts go to the next level up meanwhile.

    Raises: InvalidInput, naming the field.
    """
    _check_span(starts_at, ends_at, now)
    delegate_id = await _delegate_id(connection, delegate, officer_id) if delegate is not None else None
    row = {"officer_id": officer_id, "starts_at": starts_at, "ends_at": ends_at, "delegate_id": delegate_id}
    made = insert(Leave).values(**row, created_at=now, created_by=actor).returning(Leave.id)
    leave_id = int((await connection.execute(made)).scalar_one())
    view = await _find(connection, officer_id, leave_id)
    await _tell(connection, "officer.leave", view, actor=actor, now=now)
    return view


async def end_leave(connection: AsyncConnection, officer_id: int, leave_id: int, *, actor: str, now: datetime) -> None:
    """Strike a leave out, whether it has begun or not.

    Raises: NotFound.
    """
    view = await _find(connection, officer_id, leave_id)
    await connection.execute(delete(Leave).where(Leave.id == view.id))
    await _tell(connection, "officer.leave-end", view, actor=actor, now=now)


def _check_span(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    if ends_at <= starts_at:
        raise InvalidInput("ends_at", "must be later than starts_at")
    if ends_at <= now:
        raise InvalidInput("ends_at", "must lie in the future")
    if ends_at - starts_at > LONGEST:
        raise InvalidInput("ends_at", f"a leave lasts {LONGEST.days} days at most")


async def _delegate_id(connection: AsyncConnection, username: str, officer_id: int) -> int:
    statement = select(Officer.id).where(
        Officer.username == username,
        Officer.is_active,
        Officer.role.in_((Role.OFFICER, Role.SUPERVISOR, Role.ADMIN)),
        Officer.username.not_like(f"{OFFICER_PREFIX}%"),
    )
    found = await connection.scalar(statement)
    if found is None:
        raise InvalidInput("delegate", f"{username} is no officer who is in")
    if found == officer_id:
        raise InvalidInput("delegate", "nobody stands in for themselves")
    return int(found)


async def _find(connection: AsyncConnection, officer_id: int, leave_id: int) -> LeaveView:
    statement = _LEAVE.where(Leave.id == leave_id, Leave.officer_id == officer_id)
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise NotFound(f"leave {leave_id} is not known")
    return LeaveView(**row._mapping)


async def _tell(connection: AsyncConnection, action: str, view: LeaveView, *, actor: str, now: datetime) -> None:
    span = {"starts_at": view.starts_at.isoformat(), "ends_at": view.ends_at.isoformat()}
    await audit.record(
        connection,
        actor=actor,
        action=action,
        subject=f"officer {view.officer}",
        details={**span, "delegate": view.delegate},
        now=now,
    )


_delegate = aliased(Officer)
_LEAVE: Select[*tuple[Any, ...]] = (
    select(
        Leave.id, Officer.username.label("officer"), Leave.starts_at, Leave.ends_at,
        _delegate.username.label("delegate"), Leave.created_at, Leave.created_by,
    )
    .join(Officer, Officer.id == Leave.officer_id)
    .outerjoin(_delegate, _delegate.id == Leave.delegate_id)
)  # fmt: skip
