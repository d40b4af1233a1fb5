"""One move for many complaints over REST: each stands alone, and a dry run only tells what would come of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Union, get_args

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, StrictBool, create_model
from typing_extensions import TypedDict

from app.api.auth import OfficerDep
from app.api.bodies import MAX_ID, Sent
from app.api.complaint_answers import json_answer
from app.api.complaint_moves import MoveBody
from app.api.complaints import asker_of
from app.api.errors import code_of, status_of
from app.complaint.clocks import headline
from app.complaint.errors import Conflict, DomainError, IllegalMove, InvalidInput, NotFound
from app.complaint.lifecycle import OPEN, Move, Status
from app.db.complaints import Advanced
from app.dependencies import HouseDep, Now, Writing
from app.workqueue.actions import MoveRequest
from app.workqueue.bulk import MOST, locate_all, move_all

router = APIRouter(prefix="/complaints", tags=["complaints"])

Refs = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=40)]],
    Field(min_length=1, max_length=MOST, description="Ids or ticket codes."),
]


Versions = Annotated[
    dict[str, Annotated[int, Field(ge=1, le=MAX_ID, strict=True)]],
    Field(
        default_factory=dict,
        max_length=MOST,
        description="For a ref the version that the caller saw: at another one it stays as it is. The others are taken "
        "as they are.",
    ),
]


class Many(Sent):
    """Which complaints, beside the move and what it requires."""

    move: str
    refs: Refs
    dry_run: Annotated[StrictBool, Field(description="Write nothing; tell what would come of it.")] = False
    versions: Versions


def _for_many(one: type[BaseModel]) -> type[BaseModel]:
    return create_model(f"{one.__name__}Many", __base__=(one, Many), __doc__=one.__doc__)


# The body is that of a move of one complaint, with two fields more; the document shows each move with its own.
if TYPE_CHECKING:
    BulkMove = Many
else:
    _BODIES = tuple(_for_many(one) for one in get_args(get_args(MoveBody)[0]))
    BulkMove = Annotated[Union[_BODIES], Field(discriminator="move")]  # noqa: UP007 - its members are a tuple


class Refusal(TypedDict):
    """Why a complaint stays as it is, in the words that a move of it alone would be answered with."""

    status: int
    code: str
    detail: str
    legal_moves: list[str] | None
    version: int | None


class BulkResult(TypedDict):
    """What one complaint came to; what is not known of a refused one is null."""

    ref: str
    ok: bool
    status: Status | None
    version: int | None
    next_due_at: datetime | None
    problem: Refusal | None


class BulkAnswer(TypedDict):
    """A result for each ref, in their order, and how many moved and did not."""

    items: list[BulkResult]
    done: int
    refused: int
    dry_run: bool
    as_of: datetime


@router.post("/moves", response_model=BulkAnswer)
async def take_moves(asked: BulkMove, connection: Writing, caller: OfficerDep, house: HouseDep, now: Now) -> Response:
    """Takes one move on up to 500 complaints. One that refuses it hinders no other, and its result says why.

    One that has changed since the caller saw it (`versions`) is a 409 `stale_version` with its version now.
    """
    asker = asker_of(caller)
    _demand_refs(asked)
    located = await locate_all(connection, asked.refs, asker.scope)
    outcomes = await move_all(
        connection,
        set(located.values()),
        MoveRequest(move=Move(asked.move), **asked.model_dump(exclude=set(Many.model_fields))),
        asker,
        await house.rulebooks.current(connection),
        seen=_seen(asked, located),
        claim=house.settings.claim_lasts,
        is_dry_run=asked.dry_run,
        now=now,
    )
    items = [_result(ref, outcomes.get(located.get(ref, 0))) for ref in asked.refs]
    done = sum(item["ok"] for item in items)
    return json_answer(BulkAnswer(items=items, done=done, refused=len(items) - done, dry_run=asked.dry_run, as_of=now))


def _result(ref: str, outcome: Advanced | DomainError | None) -> BulkResult:
    if isinstance(outcome, Advanced):
        due = headline(outcome.rows) if outcome.case.status in OPEN else None
        next_due_at = due[1] if due else None
        status, version = outcome.case.status, outcome.version
        return BulkResult(ref=ref, ok=True, status=status, version=version, next_due_at=next_due_at, problem=None)
    refusal = _refusal(outcome or NotFound(f"no complaint {ref!r} in your units"))
    return BulkResult(ref=ref, ok=False, status=None, version=refusal["version"], next_due_at=None, problem=refusal)


def _demand_refs(asked: Many) -> None:
    stray = sorted(asked.versions.keys() - set(asked.refs))
    if stray:
        raise InvalidInput("versions", f"{stray[0][:40]!r} is none of the refs")


def _seen(asked: Many, located: Mapping[str, int]) -> dict[int, set[int]]:
    """The versions by complaint: its id and its ticket code may both be among the refs."""
    seen: dict[int, set[int]] = {}
    for ref, version in asked.versions.items():
        if ref in located:
            seen.setdefault(located[ref], set()).add(version)
    return seen


def _refusal(error: DomainError) -> Refusal:
    return Refusal(
        # Nothing was asked by If-Match, whose failing is a 412: here it is a conflict as any other.
        status=409 if isinstance(error, Conflict) else status_of(error),
        code=code_of(error),
        detail=str(error),
        legal_moves=list(error.legal) if isinstance(error, IllegalMove) else None,
        version=error.version if isinstance(error, Conflict) else None,
    )
