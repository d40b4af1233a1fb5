"""What a move names: the request, and what it refers to, looked up once however many complaints it moves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import InvalidInput
from app.complaint.lifecycle import Move
from app.complaint.roles import Role, covers
from app.db.tables.people import Officer, OfficerUnit
from app.db.tables.rules import ReasonCode
from app.db.tables.units import Unit
from app.workqueue.asker import Asker
from app.workqueue.pauses import pause_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRequest:
    """A move and what goes with it; `unit` is a code, `assignee` a user name."""

    move: Move
    unit: str | None = None
    assignee: str | None = None
    reason: str | None = None
    reason_code: str | None = None
    text: str | None = None
    promised_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a request refers to.

    `assignee_units` are those of the officer to assign, none for the whole tree; `pause` is how long the pause that it
    begins may last, `claim` how long a claim does.
    """

    claim: timedelta
    unit_id: int | None = None
    assignee_id: int | None = None
    assignee_units: frozenset[int] = frozenset()
    pause: timedelta | None = None


async def find_means(connection: AsyncConnection, request: MoveRequest, asker: Asker, claim: timedelta) -> Means:
    """What the request names.

    Raises: InvalidInput, when that does not exist; Forbidden, when its reason is not this role's to give.
    """
    if request.move is Move.ASSIGN:
        officer_id, units = await _assignee(connection, request.assignee or "")
        return Means(claim=claim, assignee_id=officer_id, assignee_units=units)
    if request.move is Move.FORWARD:
        return Means(claim=claim, unit_id=await _unit(connection, request.unit or ""))
    if request.move is Move.ASK_COMPLAINANT:
        return Means(claim=claim, pause=await pause_limit(connection, request.reason_code, request.reason, asker))
    if request.move is Move.REJECT:
        await _demand_reason_code(connection, request.reason_code or "")
    return Means(claim=claim)


async def _assignee(connection: AsyncConnection, username: str) -> tuple[int, frozenset[int]]:
    """The officer to assign, one who works, and the units that they cover."""
    statement = select(Officer.id, Officer.role).where(Officer.username == username, Officer.is_active)
    officer = (await connection.execute(statement)).one_or_none()
    if officer is None or not covers(officer.role, Role.OFFICER):
        raise InvalidInput("assignee", f"no officer is called {username!r}")
    units = await connection.scalars(select(OfficerUnit.unit_id).where(OfficerUnit.officer_id == officer.id))
    return int(officer.id), frozenset(units)


async def _unit(connection: AsyncConnection, code: str) -> int:
    unit_id = await connection.scalar(select(Unit.id).where(Unit.code == code, Unit.is_active))
    if unit_id is None:
        raise InvalidInput("unit", f"no unit has the code {code!r}")
    return unit_id


async def _demand_reason_code(connection: AsyncConnection, code: str) -> None:
    known = set(await connection.scalars(select(ReasonCode.code).where(ReasonCode.kind == "reject")))
    if code not in known:
        raise InvalidInput("reason_code", f"must be one of {', '.join(sorted(known))}")
