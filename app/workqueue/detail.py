"""One complaint in full: itself, its history, and what each source says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from app.complaint.clocks import Rulebook
from app.complaint.errors import NotFound
from app.complaint.events import EventKind
from app.db.column_types import BigId, UtcDateTime
from app.db.complaints import find
from app.db.scope import Scope, visible
from app.db.tables.complaints import ComplaintEvent
from app.db.tables.people import Officer
from app.db.tables.sources import Source, SourceRecord
from app.db.tables.units import Unit
from app.workqueue.asker import Asker
from app.workqueue.cards import cards, header, may_identify, shown, unit_name, words_for
from app.workqueue.conflicts import read_overrulings
from app.workqueue.shapes import ClocksCard, ComplaintDetail, HistoryEntry, OverrulingCard, SourceRecordCard, Words
from app.workqueue.waiting import holder_cards, holding_cards, read_wait

_DETAILED = (EventKind.RECALCULATED, EventKind.CORRECTED, EventKind.EVIDENCE)
"""Entries whose details are figures and flags, never words of anybody."""

_actor, _assignee = aliased(Officer), aliased(Officer)

_entries = (
    select(
        *ComplaintEvent.__table__.c,
        Unit.code.label("unit_code"),
        Unit.name.label("unit_name"),
        _actor.name.label("actor"),
        _assignee.username.label("assignee"),
        Source.name.label("source"),
    )
    .outerjoin(Unit, Unit.id == ComplaintEvent.unit_id)
    .outerjoin(_actor, _actor.id == ComplaintEvent.actor_id)
    .outerjoin(_assignee, _assignee.id == ComplaintEvent.assignee_id)
    .outerjoin(Source, Source.id == ComplaintEvent.source_id)
    .order_by(ComplaintEvent.occurred_at, ComplaintEvent.id)
)


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some entries of a history, oldest first; `last` (instant and id) is None when no more follow."""

    items: list[HistoryEntry]
    last: tuple[datetime, int] | None
    words: Words


async def locate(connection: AsyncConnection, ref: str, scope: Scope) -> int:
    """The id of the complaint that `ref`, an id or a ticket code, names within `scope`.

    Raises: NotFound, in the same words for one that is absent and one that is outside.
    """
    found = await find(connection, ref, visible(scope)) if ref.isprintable() and len(ref) <= 40 else None
    if found is None:
        raise NotFound(f"no complaint {ref[:40]!r} in your units")
    return found


async def read_one(
    connection: AsyncConnection, complaint_id: int, asker: Asker, rules: Rulebook, *, now: datetime
) -> ComplaintDetail:
    """The complaint, read at `now`; whether the asker may see it has been settled before."""
    row = await header(connection, complaint_id)
    card = (await cards(connection, [row], asker, rules, now=now, is_list=False))[0]
    wait, names, case = await read_wait(connection, complaint_id, rules, received_at=row.received_at, now=now)
    return ComplaintDetail(
        **card,
        wait_seconds=wait.wait_s,
        attribution=holder_cards(wait, names),
        claim_expires_at=case.claim_expires_at,
        conflicts=case.conflict_count,
    )


async def read_clocks(
    connection: AsyncConnection, complaint_id: int, asker: Asker, rules: Rulebook, *, now: datetime
) -> ClocksCard:
    """Every cycle of the complaint's clocks, read at `now`, and whose time its wait was."""
    row = await header(connection, complaint_id)
    card = (await cards(connection, [row], asker, rules, now=now, is_list=False))[0]
    wait, names, _ = await read_wait(connection, complaint_id, rules, received_at=row.received_at, now=now)
    return ClocksCard(
        items=card["clocks"],
        wait_seconds=wait.wait_s,
        attribution=holder_cards(wait, names),
        holdings=holding_cards(wait, names),
    )


async def read_history(
    connection: AsyncConnection,
    complaint_id: int,
    asker: Asker,
    *,
    after: tuple[datetime, int] | None = None,
    limit: int = 50,
) -> HistoryPage:
    """What happened to a complaint, oldest first: the first `limit` entries behind `after`."""
    words = words_for(await header(connection, complaint_id), asker)
    statement = _entries.where(ComplaintEvent.complaint_id == complaint_id).limit(limit + 1)
    if after is not None:
        edge = tuple_(literal(after[0], UtcDateTime), literal(after[1], BigId))
        statement = statement.where(tuple_(ComplaintEvent.occurred_at, ComplaintEvent.id) > edge)
    rows = (await connection.execute(statement)).all()
    against = await read_overrulings(connection, complaint_id, rows[:limit])
    is_hidden, is_masked = words is Words.HIDDEN, not asker.works
    items = [_entry(row, against.get(row.key), is_hidden=is_hidden, is_masked=is_masked) for row in rows[:limit]]
    last = rows[limit - 1] if len(rows) > limit else None
    return HistoryPage(items, (last.occurred_at, last.id) if last is not None else None, words)


async def may_know_who(connection: AsyncConnection, complaint_id: int, asker: Asker) -> bool:
    """Whether the asker may learn who complained, be it from the identity or from a raw record."""
    return may_identify(await header(connection, complaint_id), asker)


async def read_source_records(
    connection: AsyncConnection, complaint_id: int, open_raw: Callable[[bytes], object] | None = None
) -> list[SourceRecordCard]:
    """What each source says of a complaint, as first seen; with `open_raw` the raw records too."""
    statement = (
        select(SourceRecord.__table__, Source.name.label("source"))
        .join(Source, Source.id == SourceRecord.source_id)
        .where(SourceRecord.complaint_id == complaint_id)
        .order_by(SourceRecord.id)
    )
    return [_record(row, open_raw) for row in await connection.execute(statement)]


def _entry(row: Any, overruled_by: OverrulingCard | None, *, is_hidden: bool, is_masked: bool) -> HistoryEntry:
    earliest_at = row.earliest_at
    return HistoryEntry(
        id=row.id,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        kind=row.kind,
        move=row.move,
        status=row.status,
        unit=unit_name(row.unit_code, row.unit_name),
        assignee=row.assignee,
        actor=row.actor,
        source=row.source,
        word=row.word,
        reason=shown(row.reason, is_hidden=is_hidden, is_masked=is_masked),
        reason_code=row.reason_code,
        text=shown(row.text, is_hidden=is_hidden, is_masked=is_masked),
        is_public=row.is_public,
        promised_at=row.promised_at,
        timing=row.timing,
        error_seconds=None if earliest_at is None else int((row.occurred_at - earliest_at).total_seconds()),
        effect=row.effect,
        overruled_by=overruled_by,
        details=row.details if row.kind in _DETAILED else None,
    )


def _record(row: Any, open_raw: Callable[[bytes], object] | None) -> SourceRecordCard:
    return SourceRecordCard(
        source=row.source,
        external_id=row.external_id,
        source_status=row.source_status,
        unit_label=row.unit_label,
        reported_at=row.reported_at,
        first_seen_at=row.first_seen_at,
        changed_at=row.changed_at,
        notices=row.notices,
        raw=open_raw(row.sealed_raw) if open_raw is not None and row.sealed_raw else None,
    )
