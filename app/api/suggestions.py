"""Probable doubles over REST: listed with their reasons, confirmed or refused by officers."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from app.api.auth import OfficerDep
from app.api.bodies import RowId, Sent
from app.api.instants import Instant
from app.api.paging import CursorsDep, CursorText, Limit, next_link
from app.api.suggestion_catalogue import explain
from app.db.states import SuggestionState
from app.dependencies import HouseDep, LanguageDep, Now, Reading, Writing
from app.people.audit import record
from app.workqueue import suggestions
from app.workqueue.detail import locate

router = APIRouter(prefix="/suggestions", tags=["complaints"])

_SUGGESTIONS = "suggestions"

Ref = Annotated[str | None, Query(max_length=40, description="Only those of this complaint: its id or ticket code.")]
Standing = Annotated[SuggestionState, Query(description="Open ones unless asked otherwise.")]


class PairMember(BaseModel):
    """One of the two complaints."""

    id: int
    ticket_code: str | None


class SuggestionAnswer(BaseModel):
    """Two complaints that are probably one; `score` is 0 to 100, `why` says the reasons in the reader's language."""

    id: int
    complaint: PairMember
    earlier: PairMember
    score: int
    reasons: dict[str, int]
    why: list[str]
    state: SuggestionState
    created_at: Instant
    decided_by: str | None
    decided_at: Instant | None
    note: str | None

    @classmethod
    def of(cls, view: suggestions.SuggestionView, language: str) -> Self:
        """The suggestion as it stands."""
        return cls(
            id=view.id,
            complaint=PairMember(id=view.complaint_id, ticket_code=view.ticket_code),
            earlier=PairMember(id=view.earlier_id, ticket_code=view.earlier_ticket_code),
            score=view.score,
            reasons=dict(view.reasons),
            why=explain(view.reasons, language),
            state=view.state,
            created_at=view.created_at,
            decided_by=view.decided_by,
            decided_at=view.decided_at,
            note=view.note,
        )


class SuggestionPage(BaseModel):
    """A page of suggestions, newest first."""

    items: list[SuggestionAnswer]
    next_cursor: str | None
    as_of: Instant


class DecisionRequest(Sent):
    """What an officer has to say to the decision, for colleagues."""

    note: Annotated[str | None, Field(max_length=suggestions.LONGEST_NOTE)] = None


@router.get("", responses={404: {"description": "The complaint is absent, or outside the caller's units."}})
async def list_suggestions(
    request: Request,
    response: Response,
    connection: Reading,
    caller: OfficerDep,
    language: LanguageDep,
    now: Now,
    cursors: CursorsDep,
    state: Standing = SuggestionState.OPEN,
    complaint: Ref = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> SuggestionPage:
    """Probable doubles of which the caller may see both complaints."""
    complaint_id = await locate(connection, complaint, caller.scope) if complaint is not None else None
    kind = f"{_SUGGESTIONS} {state} {complaint_id}"
    place = cursors.decode(kind, cursor)
    found = await suggestions.list_suggestions(
        connection,
        caller.scope,
        state=state,
        complaint_id=complaint_id,
        before=int(place[0] or 0) if place else None,
        limit=limit + 1,
    )
    next_cursor = cursors.encode(kind, [found[limit - 1].id]) if len(found) > limit else None
    response.headers.update(next_link(request, next_cursor))
    items = [SuggestionAnswer.of(each, language) for each in found[:limit]]
    return SuggestionPage(items=items, next_cursor=next_cursor, as_of=now)


@router.post("/{suggestion_id}/confirm")
async def confirm(
    suggestion_id: RowId,
    asked: DecisionRequest,
    connection: Writing,
    caller: OfficerDep,
    house: HouseDep,
    language: LanguageDep,
    now: Now,
) -> SuggestionAnswer:
    """They are one: both complaints show it; each keeps its own status and clocks, and each citizen is answered."""
    decision = suggestions.Decision(state=SuggestionState.CONFIRMED, by=caller.name, note=asked.note, at=now)
    rules = await house.rulebooks.current(connection)
    view = await suggestions.decide(connection, suggestion_id, caller.scope, decision, rules)
    subject = f"suggestion {suggestion_id}"
    await record(connection, actor=caller.name, action="suggestion.confirm", subject=subject, now=now)
    return SuggestionAnswer.of(view, language)


@router.post("/{suggestion_id}/refuse")
async def refuse(
    suggestion_id: RowId,
    asked: DecisionRequest,
    connection: Writing,
    caller: OfficerDep,
    house: HouseDep,
    language: LanguageDep,
    now: Now,
) -> SuggestionAnswer:
    """They are two; nobody suggests it again."""
    decision = suggestions.Decision(state=SuggestionState.REFUSED, by=caller.name, note=asked.note, at=now)
    rules = await house.rulebooks.current(connection)
    view = await suggestions.decide(connection, suggestion_id, caller.scope, decision, rules)
    subject = f"suggestion {suggestion_id}"
    await record(connection, actor=caller.name, action="suggestion.refuse", subject=subject, now=now)
    return SuggestionAnswer.of(view, language)
