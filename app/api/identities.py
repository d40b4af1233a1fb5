"""Who complained, over REST: for the right role, with a reason, on record before it is shown."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from app.api.auth import SupervisorDep
from app.api.complaints import Ref, asker_of
from app.api.instants import Instant
from app.complaint.errors import Forbidden
from app.dependencies import HouseDep, Now, Writing
from app.people.identities import Person, Reader, is_anonymous, read_identity
from app.people.reasons import LONGEST_REASON, SHORTEST_REASON, check_reason
from app.workqueue.detail import locate, may_know_who

router = APIRouter(prefix="/complaints", tags=["identities"])

Reason = Annotated[
    str,
    Query(
        min_length=SHORTEST_REASON,
        max_length=LONGEST_REASON,
        description="Why this identity is needed. It goes on record as it stands: no personal data in it.",
    ),
]


class PersonAnswer(BaseModel):
    """The complainant as one source told of them."""

    source: str
    name: str | None
    phone: str | None
    email: str | None
    national_id: str | None
    received_at: Instant


class IdentityAnswer(BaseModel):
    """Who complained; `items` is empty where no source told, where the complainant is anonymous, and after erasure."""

    complaint_id: int
    is_anonymous: bool
    items: list[PersonAnswer]
    as_of: Instant


@router.get("/{ref}/identity")
async def identity(
    ref: Ref, connection: Writing, caller: SupervisorDep, house: HouseDep, now: Now, reason: Reason
) -> IdentityAnswer:
    """The complainant's identity, for supervisors of the unit and above.

    That of a private, confidential, restricted or anonymous complaint is for administrators of the whole tree. Every
    reading is on record with its reason.
    """
    check_reason(reason)
    asker = asker_of(caller)
    found = await locate(connection, ref, asker.scope)
    if not await may_know_who(connection, found, asker):
        raise Forbidden("who made a private complaint is for administrators of the whole tree")
    hides = await is_anonymous(connection, found)
    people: list[Person] = []
    if not hides or (asker.administers and asker.scope.is_whole):
        people = await read_identity(connection, found, Reader(name=caller.name, reason=reason, at=now), house.vault)
    items = [PersonAnswer.model_validate(each, from_attributes=True) for each in people]
    return IdentityAnswer(complaint_id=found, is_anonymous=hides, items=items, as_of=now)
