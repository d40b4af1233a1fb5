"""The moves that officers take: who may, whether it is legal now, and the entries they leave in the history."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.complaint.errors import AlreadyClaimed, Conflict, Forbidden, IllegalMove, InvalidInput, NotFound, StaleVersion
from app.complaint.events import CaseEvent, EventKind
from app.complaint.lifecycle import STEPS, Actor, Move, Status, legal_moves
from app.complaint.words import says_something
from app.db.complaints import Change, advance, lock
from app.db.tables.complaints import ComplaintEvent
from app.workqueue.asker import Asker
from app.workqueue.claims import CLAIM_LASTS, end_of_claim, has_ended, wants_renewal
from app.workqueue.evidence import demand_reviewed
from app.workqueue.means import Means, find_means
from app.workqueue.means import MoveRequest as MoveRequest

LONGEST_REASON = 2_000
LONGEST_TEXT = 10_000
LONGEST_PROMISE = timedelta(days=3_660)
"""A promise beyond ten years is a slip of the keyboard, and no due time."""

AFTER_SOURCES = 1_000
"""The rank of officers' entries: of one instant, theirs count after whatever sources say."""

_PUBLIC = frozenset({Move.RESPOND, Move.ASK_COMPLAINANT})
_FIELDS = ("unit", "assignee", "reason", "reason_code", "text", "promised_at")


async def move(
    connection: AsyncConnection,
    complaint_id: int,
    request: MoveRequest,
    asker: Asker,
    rules: Rulebook,
    *,
    seen: Collection[int] | None = None,
    claim: timedelta = CLAIM_LASTS,
    now: datetime,
) -> None:
    """Take the move, or leave all as it is when it was taken before (claiming or assigning what is so already).

    `seen` are the versions that the asker takes the complaint to have; None asks nothing. `claim` is how long a claim
    lasts after its holder's last entry.

    Raises:
        Forbidden: the role does not allow the move.
        NotFound: the complaint is absent or outside the asker's units.
        StaleVersion: its version is none of `seen`.
        IllegalMove: its status does not allow the move.
        EvidenceUnreviewed: it cannot be approved before somebody has looked at flagged evidence.
        AlreadyClaimed, Conflict: somebody else holds it; nobody does; the unit has it already.
        InvalidInput: a field is missing, has no meaning for the move, or names what does not exist.
    """
    demand_role(request.move, asker)
    row = await lock(connection, complaint_id)
    demand_scope(row, asker, rules)
    demand_version(row, seen)
    demand_legal(row, request.move)
    demand_fields(request, now)
    await demand_ready(connection, row, request.move)
    means = await find_means(connection, request, asker, claim)
    moment = (await moments(connection, [complaint_id], now))[complaint_id]
    events = entries(row, request, asker, rules, means, moment=moment, now=now)
    if events:
        await advance(connection, [Change(complaint_id=complaint_id, events=events)], rules, now=now)


def demand_role(wanted: Move, asker: Asker) -> None:
    """Nothing, when the asker's role allows the move on some complaint.

    Raises: Forbidden.
    """
    actor = STEPS[wanted].actor
    if asker.officer_id is None or not asker.works:
        raise Forbidden(f"{wanted} needs an officer")
    if actor is Actor.SUPERVISOR and not asker.leads:
        raise Forbidden(f"{wanted} needs a supervisor")
    if actor is Actor.VALIDATOR and not asker.leads and not asker.scope.is_validator:
        raise Forbidden(f"{wanted} needs a supervisor or an officer of the validating unit")


def demand_scope(row: Any, asker: Asker, rules: Rulebook) -> None:
    """The scope again, now that the complaint is locked: it may have been forwarded in between.

    Raises: NotFound.
    """
    scope = asker.scope
    if scope.unit_ids is None or (scope.is_validator and row.status is Status.AWAITING_VALIDATION):
        return
    if set(scope.unit_ids).isdisjoint(rules.ancestors.get(row.unit_id, (row.unit_id,))):
        raise NotFound(f"no complaint {name_of(row)!r} in your units")


def demand_version(row: Any, seen: Collection[int] | None) -> None:
    """Nothing, when the complaint is at one of the versions that the asker saw.

    Raises: StaleVersion.
    """
    if seen is not None and row.version not in seen:
        raise StaleVersion(f"complaint {name_of(row)} is at version {row.version}", version=row.version)


def demand_legal(row: Any, wanted: Move) -> None:
    """Nothing, when the complaint's status allows the move.

    Raises: IllegalMove, with the moves that are legal.
    """
    if row.status not in STEPS[wanted].sources:
        message = f"complaint {name_of(row)} is {row.status}: {wanted} is not legal"
        raise IllegalMove(message, legal=legal_moves(row.status), version=row.version)


def demand_fields(request: MoveRequest, now: datetime) -> None:
    """Nothing, when the request has what the move needs and nothing else.

    Raises: InvalidInput.
    """
    step = STEPS[request.move]
    for field in _FIELDS:
        value = getattr(request, field)
        if value is None or value == "":
            if field in step.required:
                raise InvalidInput(field, f"is required to {request.move}")
        elif field not in step.required + step.optional:
            raise InvalidInput(field, f"has no meaning for {request.move}")
    demand_words("reason", request.reason, LONGEST_REASON)
    demand_words("text", request.text, LONGEST_TEXT)
    promised_at = request.promised_at
    if promised_at is not None and not now < promised_at <= now + LONGEST_PROMISE:
        raise InvalidInput("promised_at", "must lie in the future, and within ten years")


def demand_words(field: str, words: str | None, longest: int) -> None:
    """Nothing, when the words, if there are any, say something and can be stored.

    Raises: InvalidInput.
    """
    if words is not None and not (says_something(words) and len(words) <= longest and "\x00" not in words):
        raise InvalidInput(field, f"must have 1 to {longest} characters")


async def demand_ready(connection: AsyncConnection, row: Any, wanted: Move) -> None:
    """Nothing, when all that has to be done before the move is done.

    Raises: EvidenceUnreviewed.
    """
    if wanted is Move.APPROVE:
        await demand_reviewed(connection, row)


async def moments(connection: AsyncConnection, ids: Collection[int], now: datetime) -> Mapping[int, datetime]:
    """For each complaint now, in whole seconds, but not before its newest entry: a source's clock may be ahead."""
    newest = select(ComplaintEvent.complaint_id, func.max(ComplaintEvent.occurred_at))
    statement = newest.where(ComplaintEvent.complaint_id.in_(ids)).group_by(ComplaintEvent.complaint_id)
    return {row[0]: max(now.replace(microsecond=0), row[1]) for row in await connection.execute(statement)}


def entries(
    row: Any, request: MoveRequest, asker: Asker, rules: Rulebook, means: Means, *, moment: datetime, now: datetime
) -> list[CaseEvent]:
    """The entries that the move leaves in the history of the complaint whose header is `row`; none when all is so.

    Raises:
        AlreadyClaimed, Conflict: somebody else holds it; nobody does; the unit has it already.
        InvalidInput: the officer to assign does not cover the complaint's unit.
    """
    wanted = request.move
    if wanted is Move.CLAIM:
        return _claiming(row, asker, means, moment, now)
    if wanted is Move.RELEASE:
        _demand_held(row, asker)
    elif wanted is Move.ASSIGN:
        _demand_cover(row, request, means, rules)
        if means.assignee_id == row.assignee_id:
            return []
    elif wanted is Move.FORWARD and means.unit_id == row.unit_id:
        raise Conflict(f"complaint {name_of(row)} is with unit {request.unit} already", version=row.version)
    return [_entry(request, asker, means, moment, now)]


def _entry(request: MoveRequest, asker: Asker, means: Means, moment: datetime, now: datetime) -> CaseEvent:
    wanted = request.move
    return CaseEvent(
        occurred_at=moment,
        recorded_at=now,
        kind=EventKind.MOVE,
        key=f"move:{uuid4().hex}",
        move=wanted,
        status=STEPS[wanted].target,
        unit_id=means.unit_id,
        assignee_id=asker.officer_id if wanted is Move.CLAIM else means.assignee_id,
        actor_id=asker.officer_id,
        reason=request.reason,
        reason_code=request.reason_code,
        text=request.text,
        is_public=wanted in _PUBLIC,
        promised_at=request.promised_at.replace(microsecond=0) if request.promised_at else None,
        expires_at=_end_of_what_begins(wanted, means, moment),
        rank=AFTER_SOURCES,
    )


def _end_of_what_begins(wanted: Move, means: Means, moment: datetime) -> datetime | None:
    lasts = {Move.CLAIM: means.claim, Move.ASK_COMPLAINANT: means.pause}.get(wanted)
    return None if lasts is None else moment + lasts


def _claiming(row: Any, asker: Asker, means: Means, moment: datetime, now: datetime) -> list[CaseEvent]:
    """A claim that is over stands in nobody's way, whether or not a worker has said so yet."""
    claim = _entry(MoveRequest(move=Move.CLAIM), asker, means, moment, now)
    if row.assignee_id is None:
        return [claim]
    if has_ended(row, now):
        return [end_of_claim(row, now), claim]
    if row.assignee_id != asker.officer_id:
        raise AlreadyClaimed(f"complaint {name_of(row)} is held by another officer", version=row.version)
    return [claim] if wants_renewal(row, now, means.claim) else []


def _demand_held(row: Any, asker: Asker) -> None:
    if row.assignee_id is None:
        raise Conflict(f"complaint {name_of(row)} is held by nobody", version=row.version)
    if row.assignee_id != asker.officer_id and not asker.leads:
        raise AlreadyClaimed(f"complaint {name_of(row)} is held by another officer", version=row.version)


def _demand_cover(row: Any, request: MoveRequest, means: Means, rules: Rulebook) -> None:
    above = () if row.unit_id is None else rules.ancestors.get(row.unit_id, (row.unit_id,))
    if means.assignee_units and means.assignee_units.isdisjoint(above):
        raise InvalidInput("assignee", f"{request.assignee} does not cover the unit of this complaint")


def name_of(row: Any) -> str:
    """What people call the complaint."""
    return str(row.ticket_code or row.id)
