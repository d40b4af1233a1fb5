"""Proposals over REST: what they would move, the second person's decision, how far the clocks have followed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.auth import AdminDep, WholeAdminDep
from app.api.bodies import RowId
from app.api.paging import CursorsDep, CursorText, Limit, next_link
from app.api.rule_answers import (
    MoveAnswer,
    MovePage,
    ProposalAnswer,
    ProposalPage,
    RefusalBody,
)
from app.api.rules import Confirmed, today_of
from app.db.session import reading
from app.db.states import ProposalState, RuleKind
from app.dependencies import HouseDep, Now, Reading, Writing
from app.people.audit import record
from app.people.callers import Caller
from app.rules import drafting, impact, proposals

router = APIRouter(prefix="/admin/proposals", tags=["rules"])

_LIST = "proposals"


@router.get("")
async def list_proposals(
    request: Request,
    response: Response,
    connection: Reading,
    _caller: AdminDep,
    now: Now,
    cursors: CursorsDep,
    kind: RuleKind | None = None,
    name: Annotated[str | None, Query(max_length=60)] = None,
    state: ProposalState | None = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> ProposalPage:
    """The proposals, newest first."""
    place = cursors.decode(_LIST, cursor)
    before = int(place[0] or 0) if place else None
    found = await proposals.list_proposals(
        connection, kind=kind, name=name, state=state, before=before, limit=limit + 1
    )
    next_cursor = cursors.encode(_LIST, [found[limit - 1].id]) if len(found) > limit else None
    response.headers.update(next_link(request, next_cursor))
    items = [ProposalAnswer.of(each) for each in found[:limit]]
    return ProposalPage(items=items, next_cursor=next_cursor, as_of=now)


@router.get("/{proposal_id}")
async def one_proposal(proposal_id: RowId, connection: Reading, _caller: AdminDep) -> ProposalAnswer:
    """One proposal, with its preview and how far the clocks have followed."""
    return ProposalAnswer.of(await proposals.read_proposal(connection, proposal_id))


@router.get("/{proposal_id}/clocks")
async def foreseen_clocks(
    proposal_id: RowId,
    request: Request,
    response: Response,
    _caller: AdminDep,
    house: HouseDep,
    now: Now,
    cursors: CursorsDep,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> MovePage:
    """Each clock that a draft would move if it were approved now, with both due times."""
    kind = f"{_LIST}/{proposal_id}/clocks"
    place = cursors.decode(kind, cursor)
    after = int(place[0] or 0) if place else 0
    moves = await drafting.foreseen_moves(
        house.engine, house.replica, house.rulebooks, proposal_id, after=after, limit=limit, now=now
    )
    next_cursor = cursors.encode(kind, [moves[-1].complaint_id]) if len(moves) >= limit else None
    response.headers.update(next_link(request, next_cursor))
    async with reading(house.engine) as connection:
        names = await impact.unit_names(connection)
    codes = {unit_id: code for unit_id, (code, _) in names.items()}
    items = [MoveAnswer.of(move, codes.get(move.unit_id) if move.unit_id is not None else None) for move in moves]
    return MovePage(items=items, next_cursor=next_cursor, as_of=now)


@router.post("/{proposal_id}/approve")
async def approve(
    proposal_id: RowId,
    connection: Writing,
    caller: WholeAdminDep,
    house: HouseDep,
    now: Now,
    asked: Confirmed = None,
) -> ProposalAnswer:
    """The second person brings the version in force; a worker then moves the open clocks. 403 for who proposed it."""
    confirm = asked is not None and asked.confirm
    await proposals.approve(
        connection, proposal_id, confirm=confirm, actor=caller.name, today=today_of(house, now), now=now
    )
    return await _on_record(connection, proposal_id, "proposal.approve", caller, now)


@router.post("/{proposal_id}/refuse")
async def refuse(
    proposal_id: RowId,
    connection: Writing,
    caller: WholeAdminDep,
    now: Now,
    asked: Annotated[RefusalBody | None, Body()] = None,
) -> ProposalAnswer:
    """The version does not come in force."""
    reason = asked.reason if asked is not None else None
    await proposals.refuse(connection, proposal_id, reason=reason, actor=caller.name, now=now)
    return await _on_record(connection, proposal_id, "proposal.refuse", caller, now)


@router.post("/{proposal_id}/revert")
async def revert(proposal_id: RowId, connection: Writing, caller: WholeAdminDep, now: Now) -> ProposalAnswer:
    """The former content comes in force again as a new version; a worker then moves the open clocks back."""
    await proposals.revert(connection, proposal_id, actor=caller.name, now=now)
    return await _on_record(connection, proposal_id, "proposal.revert", caller, now)


async def _on_record(
    connection: AsyncConnection, proposal_id: int, action: str, caller: Caller, now: datetime
) -> ProposalAnswer:
    entry = await proposals.read_proposal(connection, proposal_id)
    subject = f"{entry.kind} {entry.name}"
    details = {"proposal": proposal_id, "version": entry.version}
    await record(connection, actor=caller.name, action=action, subject=subject, details=details, now=now)
    return ProposalAnswer.of(entry)
