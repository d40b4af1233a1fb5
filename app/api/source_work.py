"""Work on sources over REST: replay of rejects, backfills, comparisons, notices about the data, the push secret."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.auth import AdminDep, SupervisorDep
from app.api.bodies import MAX_ID, Digits, RowId
from app.api.paging import CursorsDep, CursorText, Limit, next_link
from app.api.source_answers import (
    BackfillAnswer,
    BackfillList,
    BackfillRequest,
    DayAnswer,
    DayList,
    NoticeAnswer,
    NoticePage,
    PushSecret,
    ReplayAnswer,
)
from app.complaint.errors import NotFound
from app.dependencies import House, HouseDep, Now, Reading, Writing
from app.intake import backfill, notices, reconcile, replay
from app.intake.beside import Desk
from app.intake.connecting import connect_rereading
from app.intake.push import make_push_secret
from app.intake.sources import read_source
from app.intake.tally import Tally
from app.people.audit import record
from connectors.registry import CONNECTORS

router = APIRouter(prefix="/sources", tags=["sources"])

Name = Annotated[str, Path(max_length=60, description="A source's name.")]
After = Annotated[int, Digits, Query(ge=0, le=MAX_ID, description="Only rejects behind this id.")]

_NOTICES = "notices"
_ROUNDS = 5
_DAYS_SHOWN = 90


@router.post("/{name}/rejects/{reject_id}/replay")
async def replay_reject(
    connection: Writing, caller: SupervisorDep, house: HouseDep, now: Now, name: Name, reject_id: RowId
) -> ReplayAnswer:
    """One record that was kept aside, read again by the mapping as it is now."""
    source = await read_source(connection, name)
    connector = connect_rereading(source, house.vault, CONNECTORS)
    done = await replay.replay_one(connection, _desk(house, caller.name, now), source, connector, reject_id)
    await _note(connection, caller.name, "reject.replay", f"source {name} reject {reject_id}", now)
    return _replayed(source, [done])


@router.post("/{name}/rejects/replay")
async def replay_rejects(
    connection: Writing, caller: SupervisorDep, house: HouseDep, now: Now, name: Name, after: After = 0
) -> ReplayAnswer:
    """The records that wait, read again by the mapping as it is now, up to a thousand in one call."""
    source = await read_source(connection, name)
    connector = connect_rereading(source, house.vault, CONNECTORS)
    desk, rounds = _desk(house, caller.name, now), list[replay.Replayed]()
    for _ in range(_ROUNDS):
        rounds.append(await replay.replay_many(connection, desk, source, connector, after=after))
        after = rounds[-1].last_id
        if not rounds[-1].remaining:
            break
    await _note(connection, caller.name, "reject.replay", f"source {name}", now)
    return _replayed(source, rounds)


@router.post("/{name}/backfill", status_code=202)
async def order_backfill(
    asked: BackfillRequest, connection: Writing, caller: SupervisorDep, house: HouseDep, now: Now, name: Name
) -> BackfillAnswer:
    """Past days to be read; a worker begins within seconds and goes on wherever it is stopped."""
    source = await read_source(connection, name)
    zone = house.settings.zone
    found = await backfill.order_backfill(
        connection, source, from_on=asked.from_on, to_on=asked.to_on, by=caller.name, zone=zone, now=now
    )
    subject = f"source {name} {asked.from_on}..{asked.to_on}"
    await _note(connection, caller.name, "source.backfill", subject, now)
    return BackfillAnswer.of(await backfill.view_backfill(connection, found))


@router.get("/{name}/backfills")
async def list_backfills(connection: Reading, caller: SupervisorDep, now: Now, name: Name) -> BackfillList:
    """The backfills of the source with their progress."""
    source = await read_source(connection, name)
    found = await backfill.view_backfills(connection, source)
    return BackfillList(items=[BackfillAnswer.of(each) for each in found], as_of=now)


@router.get("/{name}/backfills/{backfill_id}")
async def one_backfill(connection: Reading, caller: SupervisorDep, name: Name, backfill_id: RowId) -> BackfillAnswer:
    """One backfill and how far it has come."""
    await read_source(connection, name)
    found = await backfill.view_backfill(connection, backfill_id)
    if found.source != name:
        raise NotFound(f"backfill {backfill_id} does not exist")
    return BackfillAnswer.of(found)


@router.get("/{name}/reconciliation")
async def compared_days(connection: Reading, caller: SupervisorDep, now: Now, name: Name) -> DayList:
    """The source's days as they were last compared with what we hold."""
    source = await read_source(connection, name)
    found = await reconcile.view_days(connection, source.id, limit=_DAYS_SHOWN)
    return DayList(items=[DayAnswer.of(each) for each in found], reconciled_at=source.reconciled_at, as_of=now)


@router.post("/{name}/reconcile", status_code=202)
async def call_for_comparison(connection: Writing, caller: SupervisorDep, now: Now, name: Name) -> DayList:
    """Have the source compared now instead of at its daily time; a worker does it within a minute or two."""
    source = await read_source(connection, name)
    await reconcile.call_for(connection, source, now=now)
    await _note(connection, caller.name, "source.reconcile", f"source {name}", now)
    found = await reconcile.view_days(connection, source.id, limit=_DAYS_SHOWN)
    return DayList(items=[DayAnswer.of(each) for each in found], reconciled_at=source.reconciled_at, as_of=now)


@router.get("/{name}/notices")
async def list_notices(
    request: Request,
    response: Response,
    connection: Reading,
    caller: SupervisorDep,
    now: Now,
    cursors: CursorsDep,
    name: Name,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> NoticePage:
    """What about the source's data needs somebody: unknown words, fields that came or went, gaps."""
    await read_source(connection, name)
    place = cursors.decode(_NOTICES, cursor)
    before = int(place[0] or 0) if place else None
    found = await notices.view_notices(connection, source=name, before=before, limit=limit + 1)
    next_cursor = cursors.encode(_NOTICES, [found[limit - 1].id]) if len(found) > limit else None
    response.headers.update(next_link(request, next_cursor))
    items = [NoticeAnswer.of(each) for each in found[:limit]]
    return NoticePage(items=items, next_cursor=next_cursor, as_of=now)


@router.post("/{name}/notices/{notice_id}/close")
async def close_notice(
    connection: Writing, caller: SupervisorDep, now: Now, name: Name, notice_id: RowId
) -> NoticeAnswer:
    """Somebody has seen to it; should the same be seen again, it is open again."""
    source = await read_source(connection, name)
    closed = await notices.close_notice(connection, notice_id, source_id=source.id)
    await _note(connection, caller.name, "notice.close", f"source {name} notice {notice_id}", now)
    return NoticeAnswer.of(closed)


@router.post("/{name}/push-secret", status_code=201)
async def new_push_secret(
    request: Request, connection: Writing, caller: AdminDep, house: HouseDep, now: Now, name: Name
) -> PushSecret:
    """A new secret with which the source signs what it pushes; from now on no other fits."""
    source = await read_source(connection, name)
    secret = await make_push_secret(connection, source, house.vault)
    await _note(connection, caller.name, "source.push_secret", f"source {name}", now)
    root = house.settings.public_url or str(request.base_url).rstrip("/")
    return PushSecret(source=name, secret=secret, url=f"{root}/api/v1/intake/{name}")


def _desk(house: House, owner: str, now: datetime) -> Desk:
    return Desk(house.rulebooks, house.vault, owner, now)


def _replayed(source: Row[Any], rounds: list[replay.Replayed]) -> ReplayAnswer:
    tally = Tally()
    for each in rounds:
        tally.add(each.tally)
    tally.rejected = sum(each.rejected for each in rounds)
    return ReplayAnswer(
        source=source.name,
        replayed=sum(each.replayed for each in rounds),
        still_rejected=tally.rejected,
        remaining=rounds[-1].remaining,
        last_id=max(each.last_id for each in rounds),
        **tally.as_columns(),
    )


async def _note(connection: AsyncConnection, actor: str, action: str, subject: str, now: datetime) -> None:
    await record(connection, actor=actor, action=action, subject=subject, now=now)
