"""The statement that reads a page of the queue: built once for each shape of question, whatever its instants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, Subquery, and_, bindparam, or_, select, text, tuple_, union
from sqlalchemy.orm import InstrumentedAttribute

from app.db.among import among
from app.db.column_types import BigId, UtcDateTime
from app.db.cursors import PREPARED
from app.db.scope import lies_below, visible_within
from app.db.tables.complaints import IS_OPEN, Complaint, QueueSlot
from app.workqueue.cards import HEADERS
from app.workqueue.filters import Sort
from app.workqueue.search import Search, matching
from app.workqueue.selection import Instant, Selection

Keys = Select[datetime, int]
Conditions = tuple[ColumnElement[bool], ...]

# Spelled so for the same reason as `IS_OPEN`.
_CLOSED = text("NOT complaint.is_open")
_COLUMNS = {
    Sort.OLDEST: Complaint.reported_at,
    Sort.NEWEST: Complaint.reported_at,
    Sort.CHANGED: Complaint.updated_at,
}
_KEPT = 512


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
class _Shape:
    """All that a statement depends on, but for conditions and values; of a span whether it has a beginning, an end.

    `ranges` say whether they are of a unit and whether of that alone; `place` whether it has units and whether those
    alone, `sees` whether the caller sees all, and whether they validate; `search` what is looked for in which way;
    `holds` whether open ones are wanted, and whether closed ones.
    """

    part: Part
    sort: Sort
    ranges: tuple[tuple[bool, bool], ...]
    place: tuple[bool, bool]
    sees: tuple[bool, bool]
    spans: tuple[tuple[bool, bool], ...]
    is_behind: bool
    search: Search | None
    holds: tuple[bool, bool]

    @property
    def falls(self) -> bool:
        return self.part is Part.CLOSED or self.sort in (Sort.NEWEST, Sort.CHANGED)


def page_statement(
    part: Part, sort: Sort, selection: Selection, after: Position | None, limit: int
) -> tuple[Select[Any], dict[str, object]]:
    """The statement for the first `limit` header rows of one part behind `after`, each with its `at`; its values."""
    shape, values = _question(part, sort, selection, after)
    values["limit"] = limit
    ranges = [each.conditions for each in selection.ranges] if part is Part.OPEN else []
    if selection.conditions or any(ranges):
        return _built(shape, selection.conditions, ranges), values
    return _kept(shape), values


def _question(part: Part, sort: Sort, selection: Selection, after: Position | None) -> tuple[_Shape, dict[str, object]]:
    is_open, place = part is Part.OPEN, selection.place
    ranges = selection.ranges if is_open else ()
    shape = _Shape(
        part=part,
        sort=sort,
        ranges=tuple((each.unit_id is not None, each.is_exact) for each in ranges),
        place=(False, False) if is_open else (bool(place.unit_ids), place.is_exact),
        sees=(True, False) if is_open else (place.scope.is_whole, place.scope.is_validator),
        spans=tuple((each.since is not None, each.until is not None) for each in selection.spans),
        is_behind=after is not None,
        search=selection.search,
        holds=(part is not Part.CLOSED and selection.has_open, part is not Part.OPEN and selection.has_closed),
    )
    values: dict[str, object] = {f"unit_{number}": each.unit_id for number, each in enumerate(ranges)}
    values |= selection.sought
    if not is_open:
        values |= {"place_ids": list(place.unit_ids), "scope_ids": list(place.scope.unit_ids or ())}
    for number, span in enumerate(selection.spans):
        values |= {f"since_{number}": span.since, f"until_{number}": span.until}
    if after is not None:
        values |= {"after_at": after.at, "after_id": after.id}
    return shape, values


@lru_cache(_KEPT)
def _kept(shape: _Shape) -> Select[Any]:
    kept = _built(shape, (), [()] * len(shape.ranges))
    # How to find words is to be planned for each of them: most rows have some, hardly any have others.
    return kept.prefix_with(PREPARED) if shape.part is Part.OPEN and shape.search is None else kept


def _built(shape: _Shape, conditions: Conditions, ranges: Sequence[Conditions]) -> Select[Any]:
    if shape.search is not None:
        conditions = (*conditions, matching(shape.search))
    keys = _open_keys(shape, conditions, ranges) if shape.part is Part.OPEN else _other_keys(shape, conditions)
    order = (keys.c.at.desc(), keys.c.id.desc()) if shape.falls else (keys.c.at, keys.c.id)
    return HEADERS.add_columns(keys.c.at).join(keys, keys.c.id == Complaint.id).order_by(*order)


def _open_keys(shape: _Shape, conditions: Conditions, ranges: Sequence[Conditions]) -> Subquery:
    """The sort key and id of open complaints, as a subquery."""
    branches = [_range_keys(number, shape, (*each, *conditions)) for number, each in enumerate(ranges)]
    if len(branches) == 1:
        return branches[0].subquery()
    # The first rows of all are among the first rows of each; a complaint in two ranges is there once.
    return union(*(select(each.subquery()) for each in branches)).subquery()


def _range_keys(number: int, shape: _Shape, conditions: Conditions) -> Keys:
    """The keys of one range of open complaints: a range of one index, whatever the history behind it."""
    at: InstrumentedAttribute[datetime] = Complaint.queue_at
    complaint_id: InstrumentedAttribute[int] = Complaint.id
    (is_of_unit, is_exact), unit_id = shape.ranges[number], bindparam(f"unit_{number}", type_=BigId)
    if is_of_unit and not is_exact:
        at, complaint_id = QueueSlot.queue_at, QueueSlot.complaint_id
        keys = select(at.label("at"), complaint_id.label("id")).where(QueueSlot.ancestor_id == unit_id)
        if conditions:
            keys = keys.join(Complaint, Complaint.id == QueueSlot.complaint_id)
    else:
        keys = select(at.label("at"), complaint_id.label("id")).where(IS_OPEN)
        if is_of_unit:
            keys = keys.where(Complaint.unit_id == unit_id)
    if shape.spans:
        keys = keys.where(_in_any(at, shape))
    return _cut(keys.where(*conditions), at, complaint_id, shape)


def _other_keys(shape: _Shape, conditions: Conditions) -> Subquery:
    """The sort key and id of closed complaints, or of all of them in an order that mixes them."""
    column = _COLUMNS.get(shape.sort, Complaint.reported_at)
    keys = select(column.label("at"), Complaint.id.label("id")).where(*_in_place(shape), *conditions)
    if shape.holds == (False, True):
        keys = keys.where(_CLOSED)
    elif shape.holds == (True, False):
        keys = keys.where(IS_OPEN)
    if shape.part is Part.ALL and shape.spans:
        keys = keys.where(_in_any(Complaint.queue_at, shape))
    return _cut(keys, column, Complaint.id, shape).subquery()


def _in_place(shape: _Shape) -> Conditions:
    (has_units, is_exact), (sees_all, validates) = shape.place, shape.sees
    found = [] if sees_all else [visible_within("scope_ids", is_validator=validates)]
    if has_units:
        found.append(among(Complaint.unit_id, "place_ids") if is_exact else lies_below("place_ids"))
    return tuple(found)


def _in_any(column: Instant, shape: _Shape) -> ColumnElement[bool]:
    spans = []
    for number, (has_since, has_until) in enumerate(shape.spans):
        edges = [column >= bindparam(f"since_{number}", type_=UtcDateTime)] if has_since else []
        edges += [column < bindparam(f"until_{number}", type_=UtcDateTime)] if has_until else []
        spans.append(and_(*edges))
    return or_(*spans)


def _cut(keys: Keys, at: Instant, complaint_id: InstrumentedAttribute[int], shape: _Shape) -> Keys:
    """The first keys behind a position."""
    if shape.is_behind:
        key = tuple_(at, complaint_id)
        edge = tuple_(bindparam("after_at", type_=UtcDateTime), bindparam("after_id", type_=BigId))
        keys = keys.where(key < edge if shape.falls else key > edge)
    order = (at.desc(), complaint_id.desc()) if shape.falls else (at.asc(), complaint_id.asc())
    return keys.order_by(*order).limit(bindparam("limit", type_=Integer))
