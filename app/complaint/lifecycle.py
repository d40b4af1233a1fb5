"""Where a complaint may stand, and the table of the moves that bring it from one status to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from app.complaint.errors import IllegalMove


class Status(StrEnum):
    """Where a complaint stands. Source: domain table of CRM, JAKI and SP4N labels, read 2026-11."""

    RECEIVED = "received"
    COORDINATING = "coordinating"
    DISPATCHED = "dispatched"
    IN_PROGRESS = "in_progress"
    SCHEDULED = "scheduled"
    AWAITING_VALIDATION = "awaiting_validation"
    REWORK = "rework"
    AWAITING_COMPLAINANT = "awaiting_complainant"
    RESOLVED = "resolved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    DELETED = "deleted"
    UNKNOWN = "unknown"


class Move(StrEnum):
    """A named step that an officer takes."""

    CLAIM = "claim"
    RELEASE = "release"
    ASSIGN = "assign"
    ACCEPT = "accept"
    FORWARD = "forward"
    RESPOND = "respond"
    START = "start"
    ASK_COMPLAINANT = "ask_complainant"
    COMPLAINANT_ANSWERED = "complainant_answered"
    SCHEDULE = "schedule"
    SUBMIT = "submit"
    APPROVE = "approve"
    SEND_BACK = "send_back"
    REJECT = "reject"
    REOPEN = "reopen"
    WITHDRAW = "withdraw"


class Actor(StrEnum):
    """Who may take a move: whoever works on the complaint, who leads the unit, or who validates results."""

    OFFICER = "officer"
    SUPERVISOR = "supervisor"
    VALIDATOR = "validator"


TERMINAL = frozenset({Status.RESOLVED, Status.REJECTED, Status.WITHDRAWN, Status.DELETED})
OPEN = frozenset(Status) - TERMINAL
CANCELLED = frozenset({Status.WITHDRAWN, Status.DELETED})

# Nobody has taken the work yet: a hand-over, a Disposisi or an unread word is no answer to the citizen.
WAITING = frozenset({Status.RECEIVED, Status.COORDINATING, Status.DISPATCHED, Status.UNKNOWN})
WORKING = frozenset({Status.IN_PROGRESS, Status.REWORK, Status.SCHEDULED})
HOLDING = WAITING | WORKING


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table: from which statuses, to which (None: the status stays), with what, by whom."""

    sources: frozenset[Status]
    target: Status | None
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    actor: Actor = Actor.OFFICER


STEPS: Mapping[Move, Step] = MappingProxyType(
    {
        Move.CLAIM: Step(OPEN, None),
        Move.RELEASE: Step(OPEN, None),
        Move.ASSIGN: Step(OPEN, None, ("assignee",), actor=Actor.SUPERVISOR),
        Move.ACCEPT: Step(WAITING, Status.IN_PROGRESS),
        Move.FORWARD: Step(HOLDING | {Status.AWAITING_COMPLAINANT}, Status.COORDINATING, ("unit", "reason")),
        Move.RESPOND: Step(OPEN, None, ("text",)),
        Move.START: Step(WAITING | {Status.SCHEDULED, Status.REWORK}, Status.IN_PROGRESS),
        Move.ASK_COMPLAINANT: Step(HOLDING, Status.AWAITING_COMPLAINANT, ("text",), ("reason_code", "reason")),
        Move.COMPLAINANT_ANSWERED: Step(
            frozenset({Status.AWAITING_COMPLAINANT}), Status.IN_PROGRESS, optional=("text",)
        ),
        Move.SCHEDULE: Step(WORKING, Status.SCHEDULED, ("promised_at", "reason")),
        Move.SUBMIT: Step(WORKING, Status.AWAITING_VALIDATION, optional=("text",)),
        Move.APPROVE: Step(
            frozenset({Status.AWAITING_VALIDATION}), Status.RESOLVED, optional=("text",), actor=Actor.VALIDATOR
        ),
        Move.SEND_BACK: Step(
            frozenset({Status.AWAITING_VALIDATION}), Status.REWORK, ("reason",), actor=Actor.VALIDATOR
        ),
        Move.REJECT: Step(HOLDING, Status.REJECTED, ("reason_code",), ("reason", "text")),
        Move.REOPEN: Step(
            frozenset({Status.RESOLVED, Status.REJECTED}), Status.REWORK, ("reason",), actor=Actor.SUPERVISOR
        ),
        Move.WITHDRAW: Step(OPEN, Status.WITHDRAWN, ("reason",)),
    }
)


def legal_moves(status: Status) -> tuple[Move, ...]:
    """The moves that are legal from `status`, in the table's order.

    >>> [str(move) for move in legal_moves(Status.RESOLVED)]
    ['reopen']
    """
    return tuple(move for move, step in STEPS.items() if status in step.sources)


def after(status: Status, move: Move, *, ref: str) -> Status:
    """The status after `move`.

    Raises: IllegalMove when `move` is not legal from `status`; it carries the legal ones.

    >>> after(Status.AWAITING_VALIDATION, Move.SEND_BACK, ref="JK2611240042")
    <Status.REWORK: 'rework'>
    """
    step = STEPS[move]
    if status not in step.sources:
        raise IllegalMove(f"complaint {ref} is {status}: {move} is not legal", legal=legal_moves(status))
    return step.target or status


def may_follow(current: Status, proposed: Status) -> bool:
    """Whether a source's later word may change a status that an officer has set.

    A source may carry the work forward, refuse it or reopen it; it may not put an answered complaint back to
    `received`, nor bring a word that nobody can read.

    >>> may_follow(Status.IN_PROGRESS, Status.RESOLVED), may_follow(Status.IN_PROGRESS, Status.RECEIVED)
    (True, False)
    """
    if proposed is Status.UNKNOWN or proposed is current:
        return False
    if current in TERMINAL:
        return proposed in WORKING and current not in CANCELLED
    return proposed is not Status.RECEIVED
