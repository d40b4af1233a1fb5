"""The table of legal moves, for clients."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.complaint.lifecycle import STEPS, Actor, Move, Status, Step
from app.complaint.roles import Role
from app.dependencies import Asking
from app.workqueue.move_catalogue import MOVE_LABELS
from app.workqueue.reasons import Label, Reason, read_reasons

router = APIRouter(tags=["complaints"])

_LEADERS = [Role.SUPERVISOR, Role.ADMIN]
ROLES = {Actor.OFFICER: [Role.OFFICER, *_LEADERS], Actor.SUPERVISOR: _LEADERS, Actor.VALIDATOR: _LEADERS}


class LegalMove(BaseModel):
    """A move: from which statuses it is legal, where it leads (null: the status stays), what it needs, who may."""

    move: Move
    label: Label
    sources: list[Status]
    target: Status | None
    required: list[str]
    optional: list[str]
    actor: Actor
    roles: Annotated[
        list[Role], Field(description="Who may; with the actor `validator` officers of a validating unit may too.")
    ]
    reasons: Annotated[
        list[Reason] | None, Field(description="What `reason_code` may be; null where the move takes none.")
    ]


class LegalMoves(BaseModel):
    """The whole table."""

    items: list[LegalMove]


@router.get("/moves")
async def moves(connection: Asking) -> LegalMoves:
    """The table of legal moves, with the reasons that some of them give."""
    reasons = await read_reasons(connection)
    return LegalMoves(items=[_row(move, step, reasons.get(move)) for move, step in STEPS.items()])


def _row(move: Move, step: Step, reasons: list[Reason] | None) -> LegalMove:
    indonesian, english = MOVE_LABELS[move]
    return LegalMove(
        move=move,
        label=Label(id=indonesian, en=english),
        sources=[status for status in Status if status in step.sources],
        target=step.target,
        required=list(step.required),
        optional=list(step.optional),
        actor=step.actor,
        roles=ROLES[step.actor],
        reasons=reasons,
    )
