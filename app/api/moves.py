"""The table of legal moves, for clients."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from app.complaint.lifecycle import STEPS, Actor, Move, Status

router = APIRouter(tags=["complaints"])


class LegalMove(BaseModel):
    """A move: from which statuses it is legal, where it leads (null: the status stays), what it needs, who may."""

    move: Move
    sources: list[Status]
    target: Status | None
    required: list[str]
    optional: list[str]
    actor: Actor


class LegalMoves(BaseModel):
    """The whole table."""

    items: list[LegalMove]


@router.get("/moves")
async def moves() -> LegalMoves:
    """The table of legal moves."""
    return LegalMoves(
        items=[
            LegalMove(
                move=move,
                sources=[status for status in Status if status in step.sources],
                target=step.target,
                required=list(step.required),
                optional=list(step.optional),
                actor=step.actor,
            )
            for move, step in STEPS.items()
        ]
    )
