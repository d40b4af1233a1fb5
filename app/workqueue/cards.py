"""Complaints as they are shown: columns read in batches, one value built in one place."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import CLOSED_STATES, Rulebook
from app.complaint.privacy import mask
from app.db.among import among
from app.db.cursors import PREPARED
from app.db.tables.complaints import Complaint
from app.db.tables.people import Officer
from app.db.tables.sources import Source, SourceRecord
from app.db.tables.units import Unit
from app.workqueue.asker import Asker
from app.workqueue.clock_cards import read_clocks
from app.workqueue.related import read_related
from app.workqueue.shapes import ClockCard, ComplaintCard, Location, NextDue, RelatedCard, SourceName, UnitName, Words

_HEADER = (
    Complaint.id, Complaint.ticket_code, Complaint.version, Complaint.status, Complaint.source_status,
    Complaint.channel, Complaint.classification, Complaint.category, Complaint.subject, Complaint.text,
    Complaint.lat, Complaint.lng, Complaint.address, Complaint.kelurahan_code, Complaint.is_private,
    Complaint.is_anonymous, Complaint.is_confidential, Complaint.is_restricted, Complaint.unit_id,
    Complaint.assignee_id, Complaint.reported_at, Complaint.received_at,
    Complaint.updated_at, Complaint.promised_at, Complaint.next_clock, Complaint.next_due_at, Complaint.hops,
    Complaint.rework_count, Unit.code.label("unit_code"), Unit.name.label("unit_name"), Officer.username,
)  # fmt: skip
HEADERS = (
    select(*_HEADER)
    .outerjoin(Unit, Unit.id == Complaint.unit_id)
    .outerjoin(Officer, Officer.id == Complaint.assignee_id)
)
"""What `cards` needs of each complaint."""
# A row of the database looks each name up, which would cost a page as much as all the rest of its cards.
_Header: Any = namedtuple("_Header", [column.name for column in HEADERS.selected_columns])  # type: ignore[misc]
_one = HEADERS.where(Complaint.id == bindparam("complaint_id")).prefix_with(PREPARED)

_sources = (
    select(SourceRecord.complaint_id, Source.name, SourceRecord.external_id, SourceRecord.changed_at)
    .join(Source, Source.id == SourceRecord.source_id)
    .where(among(SourceRecord.complaint_id, "ids"))
    .order_by(SourceRecord.id)
    .prefix_with(PREPARED)
)


async def header(connection: AsyncConnection, complaint_id: int) -> Any:
    """The header row of one complaint that is known to exist."""
    return (await connection.execute(_one, {"complaint_id": complaint_id})).one()


async def cards(
    connection: AsyncConnection, rows: Sequence[Any], asker: Asker, rules: Rulebook, *, now: datetime, is_list: bool
) -> list[ComplaintCard]:
    """The complaints of header rows, their clocks read at `now`; as many statements for one as for many."""
    rows = [_Header._make(row[: len(_HEADER)]) for row in rows]
    ids = [row.id for row in rows]
    if not ids:
        return []
    clocks = await read_clocks(connection, ids, rules, now=now)
    sources: dict[int, list[SourceName]] = {each: [] for each in ids}
    for complaint_id, name, external_id, changed_at in await connection.execute(_sources, {"ids": ids}):
        sources[complaint_id].append({"source": name, "external_id": external_id, "changed_at": changed_at})
    related = await read_related(connection, rows, asker, rules)
    return [card(row, clocks[row.id], sources[row.id], related.get(row.id, []), asker, is_list=is_list) for row in rows]


def card(
    row: Any,
    clocks: list[ClockCard],
    sources: list[SourceName],
    related: list[RelatedCard],
    who: Asker,
    *,
    is_list: bool,
) -> ComplaintCard:
    """One complaint as `who` may see it: a list masks what identifies people and has no private words at all."""
    words, is_masked = words_for(row, who, is_list=is_list), is_list or not who.works
    return ComplaintCard(
        id=row.id,
        ticket_code=row.ticket_code,
        version=row.version,
        status=row.status,
        source_status=row.source_status,
        channel=row.channel,
        classification=row.classification,
        category=row.category,
        unit=unit_name(row.unit_code, row.unit_name),
        assignee=row.username,
        subject=shown(row.subject, is_hidden=words is Words.HIDDEN, is_masked=is_masked),
        text=shown(row.text, is_hidden=words is Words.HIDDEN, is_masked=is_masked),
        location=_location(row, shown(row.address, is_hidden=words is Words.HIDDEN, is_masked=is_masked)),
        is_private=row.is_private,
        is_anonymous=row.is_anonymous,
        is_restricted=row.is_restricted,
        words=words,
        reported_at=row.reported_at,
        received_at=row.received_at,
        updated_at=row.updated_at,
        promised_at=row.promised_at,
        next_due=_next_due(row, clocks),
        clocks=clocks,
        sources=sources,
        related=[] if words is Words.HIDDEN else related,
        hops=row.hops,
        rework_count=row.rework_count,
    )


def words_for(row: Any, asker: Asker, *, is_list: bool = False) -> Words:
    """How the words of a complaint, of which `row` is a header, are for the asker."""
    if not (row.is_private or row.is_confidential or row.is_restricted):
        return Words.OPEN
    return Words.HIDDEN if is_list or is_hidden_from(row, asker) else Words.ON_RECORD


def is_hidden_from(row: Any, asker: Asker) -> bool:
    """Whether words and photos of a complaint, of which `row` is a header, are not for the asker.

    Source: Diskominfotik on private reports in JAKI ("even the follow-up officer will not know your identity"), read
    2026-11; UU 27/2022 article 41 on restriction.
    """
    if row.is_restricted:
        return not asker.administers
    if not (row.is_private or row.is_confidential):
        return False
    return not asker.handles(unit_id=row.unit_id, assignee_id=row.assignee_id, status=row.status)


def may_identify(row: Any, asker: Asker) -> bool:
    """Whether the asker may learn who complained, where `row` is a header of a complaint in their units.

    A supervisor may, unless the complaint is private, confidential or restricted: then an administrator of the whole
    tree alone. Whoever handles it never needs to.
    """
    if row.is_private or row.is_confidential or row.is_restricted:
        return asker.administers and asker.scope.is_whole
    return asker.leads


def shown(words: str | None, *, is_hidden: bool, is_masked: bool) -> str | None:
    """The words as they may be read: not at all, with what identifies people masked, or whole."""
    if words is None or is_hidden:
        return None
    return mask(words) if is_masked else words


def unit_name(code: str | None, name: str | None) -> UnitName | None:
    """A unit from columns that an outer join may leave empty."""
    return None if code is None or name is None else UnitName(code=code, name=name)


def _location(row: Any, address: str | None) -> Location:
    return Location(lat=row.lat, lng=row.lng, address=address, kelurahan_code=row.kelurahan_code)


def _next_due(row: Any, clocks: Sequence[ClockCard]) -> NextDue | None:
    """The headline clock, with its own figures."""
    for clock in clocks:
        is_open = clock["state"] not in CLOSED_STATES
        if is_open and clock["clock"] == row.next_clock and clock["due_at"] == row.next_due_at is not None:
            return NextDue(
                clock=clock["clock"],
                due_at=row.next_due_at,
                remaining_seconds=clock["remaining_seconds"],
                breached=clock["breached_at"] is not None,
            )
    return None
