"""The unified queue: one page of complaints by keyset, nearest due first unless another order is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, literal, or_, select, text, tuple_, union
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from app.complaint.clocks import Rulebook
from app.db.column_types import BigId, UtcDateTime
from app.db.tables.complaints import Complaint, QueueSlot
from app.workqueue.asker import Asker
from app.workqueue.cards import cards, headers
from app.workqueue.filters import Sort, Span
from app.workqueue.selection import Instant, Range, Selection, within
from app.workqueue.shapes import ComplaintCard

Keys = Select[datetime, int]

# Spelled as the partial indexes spell their condition: SQLite recognises it in no other form.
_OPEN, _CLOSED = text("complaint.is_open"), text("NOT complaint.is_open")
_COLUMNS = {
    Sort.OLDEST: Complaint.reported_at,
    Sort.NEWEST: Complaint.reported_at,
    Sort.CHANGED: Complaint.updated_at,
}


class Part(StrEnum):
    """What a page is read from: the open ones by due time, then the closed ones by report; other orders mix them."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page: the next one begins behind it."""

    part: Part
    at: datetime
    id: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some complaints in order; `last` is None when no more follow."""

    items: list[ComplaintCard]
    last: Position | None


async def read_page(
    connection: AsyncConnection,
    selection: Selection,
    asker: Asker,
    rules: Rulebook,
    *,
    sort: Sort = Sort.DUE,
    after: Position | None = None,
    limit: int = 50,
    now: datetime,
) -> Page:
    """The first `limit` complaints behind `after`.

    Nearest due first, then the open ones without a due time, then the closed ones, newest report first. A row that
    does not change between two pages is on exactly one of them.
    """
    found: list[tuple[Part, Any]] = []
    for part in parts(sort, selection):
        if after is not None and part is Part.OPEN and after.part is Part.CLOSED:
            continue
        begin = after if after is not None and after.part is part else None
        keys = _keys(part, sort, selection, begin, limit + 1 - len(found))
        found += [(part, row) for row in await headers(connection, keys, is_descending=_falls(part, sort))]
        if len(found) > limit:
            break
    shown = found[:limit]
    items = await cards(connection, [row for _, row in shown], asker, rules, now=now, is_list=True)
    last = Position(shown[-1][0], shown[-1][1].at, shown[-1][1].id) if len(found) > limit else None
    return Page(items, last)


def parts(sort: Sort, selection: Selection | None = None) -> tuple[Part, ...]:
    """What a page in this order is read from, of that which can hold anything."""
    if sort is not Sort.DUE:
        return (Part.ALL,)
    wanted = {
        Part.OPEN: selection is None or selection.has_open,
        Part.CLOSED: selection is None or selection.has_closed,
    }
    return tuple(part for part, is_wanted in wanted.items() if is_wanted)


def _falls(part: Part, sort: Sort) -> bool:
    return part is Part.CLOSED or sort in (Sort.NEWEST, Sort.CHANGED)


def _keys(part: Part, sort: Sort, selection: Selection, after: Position | None, limit: int) -> Subquery:
    """The sort key and id of the rows of one part, as a subquery."""
    if part is Part.OPEN:
        branches = [_open_keys(each, selection, after, limit) for each in selection.ranges]
        if len(branches) == 1:
            return branches[0].subquery()
        # The first rows of all are among the first rows of each; a complaint in two ranges is there once.
        return union(*(select(each.subquery()) for each in branches)).subquery()
    column = _COLUMNS.get(sort, Complaint.reported_at)
    keys = select(column.label("at"), Complaint.id.label("id")).where(*selection.place, *selection.conditions)
    if part is Part.CLOSED:
        keys = keys.where(_CLOSED)
    elif selection.spans:
        keys = keys.where(_OPEN, _in_any(Complaint.queue_at, selection.spans))
    return _cut(keys, column, Complaint.id, after, limit, is_descending=_falls(part, sort)).subquery()


def _open_keys(place: Range, selection: Selection, after: Position | None, limit: int) -> Keys:
    """The keys of one range of open complaints: a range of one index, whatever the history behind it."""
    conditions = [*place.conditions, *selection.conditions]
    at: InstrumentedAttribute[datetime] = Complaint.queue_at
    complaint_id: InstrumentedAttribute[int] = Complaint.id
    if place.unit_id is not None and not place.is_exact:
        at, complaint_id = QueueSlot.queue_at, QueueSlot.complaint_id
        keys = select(at.label("at"), complaint_id.label("id")).where(QueueSlot.ancestor_id == place.unit_id)
        if conditions:
            keys = keys.join(Complaint, Complaint.id == QueueSlot.complaint_id)
    else:
        keys = select(at.label("at"), complaint_id.label("id")).where(_OPEN)
        if place.unit_id is not None:
            keys = keys.where(Complaint.unit_id == place.unit_id)
    if selection.spans:
        keys = keys.where(_in_any(at, selection.spans))
    return _cut(keys.where(*conditions), at, complaint_id, after, limit, is_descending=False)


def _in_any(column: Instant, spans: Sequence[Span]) -> ColumnElement[bool]:
    return or_(*(and_(*within(column, each)) for each in spans))


def _cut(
    keys: Keys,
    at: Instant,
    complaint_id: InstrumentedAttribute[int],
    after: Position | None,
    limit: int,
    *,
    is_descending: bool,
) -> Keys:
    """The first `limit` keys behind a position."""
    if after is not None:
        key = tuple_(at, complaint_id)
        edge = tuple_(literal(after.at, UtcDateTime), literal(after.id, BigId))
        keys = keys.where(key < edge if is_descending else key > edge)
    order = (at.desc(), complaint_id.desc()) if is_descending else (at.asc(), complaint_id.asc())
    return keys.order_by(*order).limit(limit)
