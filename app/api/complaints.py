"""Complaints over REST: the queue, one complaint with its history and clocks, and the moves."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request, Response

from app.api.complaint_answers import (
    ClocksAnswer,
    ComplaintAnswer,
    ComplaintPage,
    HistoryAnswer,
    SourceRecordsAnswer,
    complaint_answer,
    complaints_sheet,
    json_answer,
    seen_versions,
)
from app.api.complaint_moves import MoveBody, move_request
from app.api.complaint_query import ComplaintQuery, queue_asked
from app.api.disclosure import note_reading, note_words
from app.api.etags import UNCHANGED, shown_sources, unless_unchanged
from app.api.paging import Cursors, CursorsDep, CursorText, Limit, next_link
from app.api.query_model import QueryOf
from app.api.recent_sources import recent_sources
from app.api.sheets import WantsCsv
from app.db.marks import Passing
from app.dependencies import Asking, CallerDep, HouseDep, Looking, Now, Writing
from app.intake.store import RAW
from app.people.audit import Details
from app.people.callers import Caller
from app.workqueue.actions import move
from app.workqueue.asker import Asker
from app.workqueue.detail import locate, may_know_who, read_clocks, read_history, read_one, read_source_records
from app.workqueue.listing import Part, Position, read_page
from app.workqueue.selection import select_for

router = APIRouter(prefix="/complaints", tags=["complaints"])

Ref = Annotated[str, Path(min_length=1, max_length=40, description="The id or the ticket code.")]
IfMatch = Annotated[str | None, Header(description="The version that the caller saw, in quotes.")]

_query = QueryOf(ComplaintQuery)
_AS_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
_CONFLICTS: dict[int | str, dict[str, Any]] = {
    409: {"description": "The status does not allow it (with the legal moves), or somebody else holds it."},
    412: {"description": "The version is another one than `If-Match` names."},
}


@router.get(
    "",
    response_model=ComplaintPage,
    responses=_AS_CSV | UNCHANGED,
    openapi_extra=_query.described(),
    dependencies=[Depends(unless_unchanged(queue_asked, Passing.DUE))],
)
async def list_complaints(
    request: Request,
    connection: Looking,
    caller: CallerDep,
    house: HouseDep,
    now: Now,
    cursors: CursorsDep,
    query: Annotated[ComplaintQuery, Depends(_query)],
    wants_csv: WantsCsv,
) -> Response:
    """The unified queue of the caller's units, nearest due first."""
    asker, zone, kind = asker_of(caller), house.settings.zone, f"complaints {query.sort}"
    filters, after = query.filters(zone), _position(cursors, kind, query.cursor)
    rules = await house.rulebooks.current(connection)
    selection = await select_for(connection, filters, asker, rules, now=now, zone=zone)
    page = await read_page(
        connection, selection, asker, rules, sort=query.sort, after=after, limit=query.limit, now=now
    )
    last = page.last
    next_cursor = cursors.encode(kind, [last.part, last.at.isoformat(), last.id]) if last else None
    link = next_link(request, next_cursor)
    if wants_csv:
        details: Details = {"rows": len(page.items), "filters": _without_words(request)}
        await note_reading(house, connection, caller, "complaint.export", "complaints", details=details, now=now)
        table = complaints_sheet(page.items)
        table.headers.update(link)
        return table
    fresh = await shown_sources(request, connection, now=now)
    answer = ComplaintPage(items=page.items, next_cursor=next_cursor, as_of=now, sources=fresh)
    return json_answer(answer, link)


@router.get("/{ref}", response_model=ComplaintAnswer)
async def one_complaint(ref: Ref, connection: Asking, caller: CallerDep, house: HouseDep, now: Now) -> Response:
    """One complaint; its `ETag` is its version."""
    asker = asker_of(caller)
    found = await locate(connection, ref, asker.scope)
    rules = await house.rulebooks.current(connection)
    card = await read_one(connection, found, asker, rules, now=now)
    fresh = await recent_sources(house, connection, now=now)
    await note_words(house, connection, caller, found, card["words"], now=now)
    return complaint_answer(card, fresh, now=now)


@router.get("/{ref}/history", response_model=HistoryAnswer)
async def history(
    request: Request,
    ref: Ref,
    connection: Asking,
    caller: CallerDep,
    house: HouseDep,
    now: Now,
    cursors: CursorsDep,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Response:
    """What happened, newest last: when, when we learned it, who, and what it did."""
    asker = asker_of(caller)
    found = await locate(connection, ref, asker.scope)
    kind = f"history {found}"
    place = cursors.decode(kind, cursor)
    after = (datetime.fromisoformat(str(place[0])), int(place[1] or 0)) if place else None
    page = await read_history(connection, found, asker, after=after, limit=limit)
    next_cursor = cursors.encode(kind, [page.last[0].isoformat(), page.last[1]]) if page.last else None
    fresh = await recent_sources(house, connection, now=now)
    await note_words(house, connection, caller, found, page.words, now=now)
    answer = HistoryAnswer(items=page.items, next_cursor=next_cursor, as_of=now, sources=fresh)
    return json_answer(answer, next_link(request, next_cursor))


@router.get("/{ref}/clocks", response_model=ClocksAnswer)
async def clocks(ref: Ref, connection: Asking, caller: CallerDep, house: HouseDep, now: Now) -> Response:
    """Every cycle of every clock, read now, and whose time the citizen's wait was."""
    asker = asker_of(caller)
    found = await locate(connection, ref, asker.scope)
    card = await read_clocks(connection, found, asker, await house.rulebooks.current(connection), now=now)
    fresh = await recent_sources(house, connection, now=now)
    return json_answer(ClocksAnswer(**card, next_cursor=None, as_of=now, sources=fresh))


@router.get("/{ref}/source-records", response_model=SourceRecordsAnswer)
async def source_records(ref: Ref, connection: Writing, caller: CallerDep, house: HouseDep, now: Now) -> Response:
    """What each source says. Supervisors and admins see the records as received, and that they did is on record.

    Raw records tell who complained, so those of a private complaint are for administrators of the whole tree.
    """
    asker = asker_of(caller)
    found = await locate(connection, ref, asker.scope)
    opens = None
    if await may_know_who(connection, found, asker):
        opens = partial(house.vault.open_json, purpose=RAW)
        await note_reading(house, connection, caller, "source_record.read", f"complaint:{found}", now=now)
    items = await read_source_records(connection, found, opens)
    fresh = await recent_sources(house, connection, now=now)
    return json_answer(SourceRecordsAnswer(items=items, next_cursor=None, as_of=now, sources=fresh))


@router.post("/{ref}/moves", response_model=ComplaintAnswer, responses=_CONFLICTS)
async def take_move(
    ref: Ref,
    body: MoveBody,
    connection: Writing,
    caller: CallerDep,
    house: HouseDep,
    now: Now,
    if_match: IfMatch = None,
) -> Response:
    """Takes a move and answers with the complaint after it. `GET /moves` tells which moves there are."""
    asker = asker_of(caller)
    found = await locate(connection, ref, asker.scope)
    rules = await house.rulebooks.current(connection)
    seen, claim = seen_versions(if_match), house.settings.claim_lasts
    await move(connection, found, move_request(body), asker, rules, seen=seen, claim=claim, now=now)
    card = await read_one(connection, found, asker, rules, now=now)
    await note_words(house, connection, caller, found, card["words"], now=now)
    return complaint_answer(card, await recent_sources(house, connection, now=now), now=now)


def asker_of(caller: Caller) -> Asker:
    """What the queue needs to know of a caller."""
    return Asker(caller.scope, caller.role, caller.officer_id)


def _without_words(request: Request) -> list[str]:
    """The conditions of a list; what somebody looks for in the text may be a name or a number."""
    shown = ((name, value) for name, value in request.query_params.items() if name not in ("q", "cursor"))
    return sorted(f"{name}={value}" for name, value in shown)


def _position(cursors: Cursors, kind: str, cursor: str | None) -> Position | None:
    place = cursors.decode(kind, cursor)
    if place is None:
        return None
    part, at, complaint_id = place
    return Position(Part(str(part)), datetime.fromisoformat(str(at)), int(complaint_id or 0))
