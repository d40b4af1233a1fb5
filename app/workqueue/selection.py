"""From filters to conditions in SQL: what is looked up, where the open ones are read, which rows are kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from app.complaint.clocks import Rulebook
from app.complaint.cycles import CITIZEN_CLOCKS
from app.complaint.errors import InvalidInput
from app.complaint.lifecycle import OPEN, Status
from app.db.changes import is_postgresql
from app.db.judging import speaks
from app.db.scope import WHOLE, Scope, visible
from app.db.tables.complaints import Complaint, SlaClock, Stint
from app.db.tables.people import Officer
from app.db.tables.sources import Source, SourceRecord
from app.db.tables.units import UnitAncestor
from app.sla.clock import State
from app.workqueue.asker import Asker
from app.workqueue.filters import ME, NOBODY, Due, Filters, Span, Verdict
from app.workqueue.search import Search, search

Instant = ColumnElement[datetime] | InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]

_OPEN_STATES = (State.RUNNING, State.PAUSED)
_STATES = {Verdict.MET: (State.MET,), Verdict.MISSED: (State.MISSED,), Verdict.RUNNING: _OPEN_STATES}


@dataclass(frozen=True, slots=True)
class Range:
    """One index to read open complaints from: a unit's slots, a unit's own ones, or all (`unit_id` None)."""

    unit_id: int | None = None
    is_exact: bool = False
    conditions: tuple[ColumnElement[bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where complaints of any status are looked for: within a scope and, if there are any, within units."""

    scope: Scope
    unit_ids: tuple[int, ...] = ()
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """What filters come to for one asker.

    The complaints are those of `ranges` (each may hold some of another's) that are open, and the others in
    `place`; all of them meet `conditions` and are found by `search`, whose values are in `sought`. `spans` bound the
    headline due time of the open ones.
    """

    ranges: tuple[Range, ...]
    place: Place
    conditions: tuple[ColumnElement[bool], ...]
    spans: tuple[Span, ...]
    has_open: bool
    has_closed: bool
    search: Search | None = None
    sought: Mapping[str, object] = field(default_factory=dict)


async def select_for(
    connection: AsyncConnection, filters: Filters, asker: Asker, rules: Rulebook, *, now: datetime, zone: ZoneInfo
) -> Selection:
    """The selection that `filters` make of what `asker` may see; `zone` says what today is.

    Raises: InvalidInput, naming the filter whose unit, source or officer is unknown.
    """
    unit_ids = _unit_ids("unit", filters.units, rules)
    windows = [_window(each, now, zone) for each in filters.due]
    statuses = frozenset(filters.statuses) or frozenset(Status)
    # A complaint closes with all of its clocks.
    is_of_open = bool(filters.due) or filters.verdicts == (Verdict.RUNNING,)
    words = filters.words
    asked, sought = search(words, asker, is_postgresql=is_postgresql(connection)) if words else (None, {})
    return Selection(
        ranges=_ranges(unit_ids, filters, asker, rules),
        place=Place(_needed(asker.scope, unit_ids, rules), unit_ids, filters.is_exact),
        conditions=tuple(await _conditions(connection, filters, asker, rules, windows)),
        spans=tuple(Span(until=each.until) for each in windows) if filters.clocks else tuple(windows),
        has_open=bool(statuses & OPEN),
        has_closed=bool(statuses - OPEN) and not is_of_open,
        search=asked,
        sought=sought,
    )


def _ranges(unit_ids: Sequence[int], filters: Filters, asker: Asker, rules: Rulebook) -> tuple[Range, ...]:
    scope = asker.scope
    if unit_ids:
        tops = unit_ids if filters.is_exact else _tops(unit_ids, rules)
        return tuple(Range(each, filters.is_exact, _limits(each, asker, rules)) for each in tops)
    if scope.unit_ids is None:
        return (Range(),)
    ranges = [Range(each) for each in _tops(scope.unit_ids, rules)]
    if scope.is_validator:
        ranges.append(Range(conditions=(Complaint.status == Status.AWAITING_VALIDATION,)))
    return tuple(ranges)


def _limits(unit_id: int, asker: Asker, rules: Rulebook) -> tuple[ColumnElement[bool], ...]:
    """What keeps a unit's range within the asker's scope; nothing where the scope covers the unit."""
    return () if _covers(asker.scope, unit_id, rules) else (visible(asker.scope),)


def _needed(scope: Scope, unit_ids: Sequence[int], rules: Rulebook) -> Scope:
    """The scope that the complaints of these units are to be kept in: the whole tree where it covers all of them."""
    return WHOLE if unit_ids and all(_covers(scope, each, rules) for each in unit_ids) else scope


def _covers(scope: Scope, unit_id: int, rules: Rulebook) -> bool:
    covered = scope.unit_ids
    return covered is None or not set(covered).isdisjoint(rules.ancestors.get(unit_id, (unit_id,)))


def _tops(unit_ids: Collection[int], rules: Rulebook) -> tuple[int, ...]:
    """The units that lie below no other of them."""
    wanted = set(unit_ids)
    return tuple(each for each in sorted(wanted) if not (wanted - {each}) & set(rules.ancestors.get(each, ())))


def _window(due: Due, now: datetime, zone: ZoneInfo) -> Span:
    """The due times that are meant; a clock exactly at its due time is not overdue yet."""
    if due is Due.OVERDUE:
        return Span(until=now)
    if due is Due.TODAY:
        today = now.astimezone(zone).date()
        midnights = (datetime.combine(day, time(), zone) for day in (today, today + timedelta(days=1)))
        return Span(*midnights)
    return Span(now, now + timedelta(hours=24 if due is Due.DAY else 72))


async def _conditions(
    connection: AsyncConnection, filters: Filters, asker: Asker, rules: Rulebook, windows: Sequence[Span]
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    handlers = _unit_ids("handled_by", filters.handled_by, rules)
    if filters.statuses:
        found.append(Complaint.status.in_(filters.statuses))
    if filters.channels:
        found.append(Complaint.channel.in_(filters.channels))
    if filters.categories:
        found.append(or_(Complaint.category_code.in_(filters.categories), Complaint.category.in_(filters.categories)))
    if filters.sources:
        found.append(await _carried_by(connection, filters.sources))
    if filters.assignees:
        found.append(await _assigned_to(connection, filters.assignees, asker))
    if filters.is_unrouted is not None:
        found.append(Complaint.unit_id.is_(None) if filters.is_unrouted else Complaint.unit_id.is_not(None))
    if handlers:
        found.append(_handled_by(handlers, is_exact=filters.is_exact))
    if filters.clocks or filters.verdicts or filters.started_in or filters.due_in or filters.stopped_in:
        found.append(_has_cycle(filters, handlers, windows))
    if filters.box:
        found.append(Complaint.lat.between(filters.box.south, filters.box.north))
        found.append(Complaint.lng.between(filters.box.west, filters.box.east))
    return [*found, *within(Complaint.reported_at, filters.reported_in)]


def within(column: Instant, span: Span) -> list[ColumnElement[bool]]:
    """The conditions that keep `column` in `span`."""
    edges = []
    if span.since is not None:
        edges.append(column >= span.since)
    if span.until is not None:
        edges.append(column < span.until)
    return edges


def _within(
    column: InstrumentedAttribute[int] | InstrumentedAttribute[int | None], unit_ids: Sequence[int], *, is_exact: bool
) -> ColumnElement[bool]:
    if is_exact:
        return column.in_(unit_ids)
    return column.in_(select(UnitAncestor.unit_id).where(UnitAncestor.ancestor_id.in_(unit_ids)))


def _handled_by(unit_ids: Sequence[int], *, is_exact: bool) -> ColumnElement[bool]:
    return exists().where(Stint.complaint_id == Complaint.id, _within(Stint.unit_id, unit_ids, is_exact=is_exact))


def _has_cycle(filters: Filters, handlers: Sequence[int], windows: Sequence[Span]) -> ColumnElement[bool]:
    """That one and the same cycle meets all that is asked of a cycle."""
    wanted: list[ColumnElement[bool]] = [SlaClock.complaint_id == Complaint.id, speaks()]
    if filters.clocks:
        wanted.append(SlaClock.clock.in_(filters.clocks))
    if filters.verdicts:
        wanted.append(SlaClock.state.in_([state for each in filters.verdicts for state in _STATES[each]]))
    if windows and filters.clocks:
        wanted.append(SlaClock.state.in_(_OPEN_STATES))
        wanted.append(or_(*(and_(*within(SlaClock.due_at, each)) for each in windows)))
    if handlers:
        # The citizen's clocks belong to whoever holds the complaint last; the others to the unit of their own stint.
        own = _within(SlaClock.unit_id, handlers, is_exact=filters.is_exact)
        wanted.append(or_(SlaClock.clock.in_(sorted(CITIZEN_CLOCKS)), own))
    wanted += within(SlaClock.started_at, filters.started_in)
    wanted += within(SlaClock.due_at, filters.due_in)
    wanted += within(SlaClock.stopped_at, filters.stopped_in)
    return exists().where(*wanted)


def _unit_ids(field: str, codes: Sequence[str], rules: Rulebook) -> tuple[int, ...]:
    if not codes:
        return ()
    _refuse_unknown(field, codes, rules.unit_ids, "unit")
    return tuple(rules.unit_ids[code] for code in codes)


async def _carried_by(connection: AsyncConnection, names: Sequence[str]) -> ColumnElement[bool]:
    rows = await connection.execute(select(Source.name, Source.id).where(Source.name.in_(names)))
    ids = {row.name: int(row.id) for row in rows}
    _refuse_unknown("source", names, ids, "source")
    return exists().where(SourceRecord.complaint_id == Complaint.id, SourceRecord.source_id.in_(ids.values()))


async def _assigned_to(connection: AsyncConnection, names: Sequence[str], asker: Asker) -> ColumnElement[bool]:
    named = [name for name in names if name not in (ME, NOBODY)]
    ids: dict[str, int] = {}
    if named:
        rows = await connection.execute(select(Officer.username, Officer.id).where(Officer.username.in_(named)))
        ids = {row.username: int(row.id) for row in rows}
        _refuse_unknown("assignee", named, ids, "officer")
    wanted = set(ids.values())
    if ME in names and asker.officer_id is not None:
        wanted.add(asker.officer_id)
    held = Complaint.assignee_id.in_(sorted(wanted))
    return or_(held, Complaint.assignee_id.is_(None)) if NOBODY in names else held


def _refuse_unknown(field: str, names: Sequence[str], known: Mapping[str, int], kind: str) -> None:
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise InvalidInput(field, f"no {kind} is called {unknown!r}")
