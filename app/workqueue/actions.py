"""The moves that officers take: who may, whether it is legal now, and the entry it leaves in the history."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.complaint.errors import AlreadyClaimed, Conflict, Forbidden, IllegalMove, InvalidInput, NotFound, StaleVersion
from app.complaint.events import CaseEvent, EventKind
from app.complaint.lifecycle import STEPS, Actor, Move, Status, legal_moves
from app.complaint.roles import Role, covers
from app.db.complaints import Change, advance, lock
from app.db.tables.complaints import ComplaintEvent
from app.db.tables.people import Officer, OfficerUnit
from app.db.tables.rules import ReasonCode
from app.db.tables.units import Unit
from app.workqueue.asker import Asker
from app.workqueue.pauses import pause_limit

LONGEST_REASON = 2_000
LONGEST_TEXT = 10_000
LONGEST_PROMISE = timedelta(days=3_660)
"""A promise beyond ten years is a slip of the keyboard, and no due time."""

_AFTER_SOURCES = 1_000
"""The rank of moves: of one instant, an officer's move counts after whatever sources say."""

_PUBLIC = frozenset({Move.RESPOND, Move.ASK_COMPLAINANT})
_FIELDS = ("unit", "assignee", "reason", "reason_code", "text", "promised_at")


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


async def move(
    connection: AsyncConnection,
    complaint_id: int,
    request: MoveRequest,
    asker: Asker,
    rules: Rulebook,
    *,
    seen: Collection[int] | None = None,
    now: datetime,
) -> None:
    """Take the move, or leave all as it is when it was taken before (claiming or assigning what is so already).

    `seen` are the versions that the asker takes the complaint to have; None asks nothing.

    Raises:
        Forbidden: the role does not allow the move.
        NotFound: the complaint is absent or outside the asker's units.
        StaleVersion: its version is none of `seen`.
        IllegalMove: its status does not allow the move.
        AlreadyClaimed, Conflict: somebody else holds it; nobody does; the unit has it already.
        InvalidInput: a field is missing, has no meaning for the move, or names what does not exist.
    """
    _demand_role(request.move, asker)
    row = await lock(connection, complaint_id)
    _demand_scope(row, asker, rules)
    if seen is not None and row.version not in seen:
        raise StaleVersion(f"complaint {_name(row)} is at version {row.version}", version=row.version)
    if row.status not in STEPS[request.move].sources:
        legal = legal_moves(row.status)
        message = f"complaint {_name(row)} is {row.status}: {request.move} is not legal"
        raise IllegalMove(message, legal=legal, version=row.version)
    _demand_fields(request, now)
    event = await _event(connection, row, request, asker, rules, now)
    if event is not None:
        await advance(connection, [Change(complaint_id=complaint_id, events=[event])], rules, now=now)


def _demand_role(wanted: Move, asker: Asker) -> None:
    actor = STEPS[wanted].actor
    if asker.officer_id is None or not asker.works:
        raise Forbidden(f"{wanted} needs an officer")
    if actor is Actor.SUPERVISOR and not asker.leads:
        raise Forbidden(f"{wanted} needs a supervisor")
    if actor is Actor.VALIDATOR and not asker.leads and not asker.scope.is_validator:
        raise Forbidden(f"{wanted} needs a supervisor or an officer of the validating unit")


def _demand_scope(row: Any, asker: Asker, rules: Rulebook) -> None:
    """The scope again, now that the complaint is locked: it may have been forwarded in between."""
    scope = asker.scope
    if scope.unit_ids is None or (scope.is_validator and row.status is Status.AWAITING_VALIDATION):
        return
    if set(scope.unit_ids).isdisjoint(rules.ancestors.get(row.unit_id, (row.unit_id,))):
        raise NotFound(f"no complaint {_name(row)!r} in your units")


def _demand_fields(request: MoveRequest, now: datetime) -> None:
    step = STEPS[request.move]
    for field in _FIELDS:
        value = getattr(request, field)
        if value is None or value == "":
            if field in step.required:
                raise InvalidInput(field, f"is required to {request.move}")
        elif field not in step.required + step.optional:
            raise InvalidInput(field, f"has no meaning for {request.move}")
    for field, longest in (("reason", LONGEST_REASON), ("text", LONGEST_TEXT)):
        words = getattr(request, field)
        if words is not None and not (words.strip() and len(words) <= longest and "\x00" not in words):
            raise InvalidInput(field, f"must have 1 to {longest} characters")
    promised_at = request.promised_at
    if promised_at is not None and not now < promised_at <= now + LONGEST_PROMISE:
        raise InvalidInput("promised_at", "must lie in the future, and within ten years")


async def _event(
    connection: AsyncConnection, row: Any, request: MoveRequest, asker: Asker, rules: Rulebook, now: datetime
) -> CaseEvent | None:
    """The entry that the move leaves; None when nothing changes."""
    wanted, unit_id, assignee_id = request.move, None, None
    if wanted is Move.CLAIM:
        assignee_id = _claimant(row, asker)
    elif wanted is Move.RELEASE:
        _demand_held(row, asker)
    elif wanted is Move.ASSIGN:
        assignee_id = await _assignee(connection, request.assignee or "", row.unit_id, rules)
    elif wanted is Move.FORWARD:
        unit_id = await _other_unit(connection, request.unit or "", row)
    elif wanted is Move.REJECT:
        await _demand_reason_code(connection, request.reason_code or "")
    expires_at = None
    moment = await _moment(connection, row.id, now)
    if wanted is Move.ASK_COMPLAINANT:
        longest = await pause_limit(connection, request.reason_code, request.reason, asker)
        expires_at = moment + longest if longest is not None else None
    if wanted in (Move.CLAIM, Move.ASSIGN) and assignee_id == row.assignee_id:
        return None
    return CaseEvent(
        occurred_at=moment,
        recorded_at=now,
        kind=EventKind.MOVE,
        key=f"move:{uuid4().hex}",
        move=wanted,
        status=STEPS[wanted].target,
        unit_id=unit_id,
        assignee_id=assignee_id,
        actor_id=asker.officer_id,
        reason=request.reason,
        reason_code=request.reason_code,
        text=request.text,
        is_public=wanted in _PUBLIC,
        promised_at=request.promised_at.replace(microsecond=0) if request.promised_at else None,
        expires_at=expires_at,
        rank=_AFTER_SOURCES,
    )


async def _moment(connection: AsyncConnection, complaint_id: int, now: datetime) -> datetime:
    """Now, in whole seconds, but not before the newest entry: a source's clock may be ahead of ours."""
    newest = select(func.max(ComplaintEvent.occurred_at)).where(ComplaintEvent.complaint_id == complaint_id)
    return max(now.replace(microsecond=0), await connection.scalar(newest) or now)


def _claimant(row: Any, asker: Asker) -> int | None:
    if row.assignee_id not in (None, asker.officer_id):
        raise AlreadyClaimed(f"complaint {_name(row)} is held by another officer", version=row.version)
    return asker.officer_id


def _demand_held(row: Any, asker: Asker) -> None:
    if row.assignee_id is None:
        raise Conflict(f"complaint {_name(row)} is held by nobody", version=row.version)
    if row.assignee_id != asker.officer_id and not asker.leads:
        raise AlreadyClaimed(f"complaint {_name(row)} is held by another officer", version=row.version)


async def _assignee(connection: AsyncConnection, username: str, unit_id: int | None, rules: Rulebook) -> int:
    """The officer to assign: one who works, and whose units cover the complaint's."""
    statement = select(Officer.id, Officer.role).where(Officer.username == username, Officer.is_active)
    officer = (await connection.execute(statement)).one_or_none()
    if officer is None or not covers(officer.role, Role.OFFICER):
        raise InvalidInput("assignee", f"no officer is called {username!r}")
    units = set(await connection.scalars(select(OfficerUnit.unit_id).where(OfficerUnit.officer_id == officer.id)))
    above = () if unit_id is None else rules.ancestors.get(unit_id, (unit_id,))
    if units and units.isdisjoint(above):
        raise InvalidInput("assignee", f"{username} does not cover the unit of this complaint")
    return int(officer.id)


async def _other_unit(connection: AsyncConnection, code: str, row: Any) -> int:
    unit_id = await connection.scalar(select(Unit.id).where(Unit.code == code, Unit.is_active))
    if unit_id is None:
        raise InvalidInput("unit", f"no unit has the code {code!r}")
    if unit_id == row.unit_id:
        raise Conflict(f"complaint {_name(row)} is with unit {code} already", version=row.version)
    return unit_id


async def _demand_reason_code(connection: AsyncConnection, code: str) -> None:
    known = set(await connection.scalars(select(ReasonCode.code).where(ReasonCode.kind == "reject")))
    if code not in known:
        raise InvalidInput("reason_code", f"must be one of {', '.join(sorted(known))}")


def _name(row: Any) -> str:
    """What people call the complaint."""
    return str(row.ticket_code or row.id)
