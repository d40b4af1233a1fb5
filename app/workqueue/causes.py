"""Who and what moved a clock: the entries of a history, found by the instant at which they count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.cycles import Cycle
from app.complaint.events import CaseEvent, Effect, EventKind
from app.complaint.history import Case
from app.complaint.lifecycle import Move
from app.complaint.rulebook import Rulebook
from app.db.tables.complaints import ComplaintEvent
from app.db.tables.people import Officer
from app.db.tables.sources import Source
from app.sla.clock import EventKind as Happening

_TELLING = frozenset({Move.CLAIM, Move.RELEASE, Move.ASSIGN})
"""Moves that no clock heeds."""

_DESK = "desk"
"""The built-in source of what officers take in."""

_DESKS: Mapping[str, str] = {"id": "loket", "en": "the desk"}

_WORKING = (EventKind.MOVE, EventKind.STATUS, EventKind.EXPIRED, EventKind.REPLIED, EventKind.ASSIGNED)
_ANSWERING = (
    EventKind.REPLIED,
    EventKind.NOTE,
    EventKind.MOVE,
    EventKind.STATUS,
    EventKind.EXPIRED,
    EventKind.ASSIGNED,
)
_COORDINATING = (EventKind.MOVE, EventKind.ASSIGNED, EventKind.STATUS, EventKind.EXPIRED, EventKind.REPLIED)
_ORDERS = {"respond": _ANSWERING, "update": _ANSWERING, "coordinate": _COORDINATING}


@dataclass(frozen=True, slots=True)
class Cause:
    """What moved a clock; `actor` is an officer's name, or with `is_source` that of the source which said so."""

    kind: EventKind
    actor: str | None
    is_source: bool = False
    move: Move | None = None
    word: str | None = None


@dataclass(frozen=True, slots=True)
class Hand:
    """A unit that holds the complaint from an instant on; `former` is the unit that had it before."""

    at: datetime
    unit: str
    former: str | None
    actor: str | None


@dataclass(frozen=True, slots=True)
class Amendment:
    """A change of rules, or a late entry, that moved what was on record of this cycle."""

    at: datetime
    kind: EventKind
    details: Mapping[str, Any]


class Causes:
    """The entries of one history that count, by instant."""

    def __init__(
        self, case: Case, events: Iterable[CaseEvent], names: Mapping[int, str], sources: Mapping[int, str],
        units: Mapping[int, str],
    ) -> None:  # fmt: skip
        self.units = units
        self._names = names
        self._sources = sources
        self._entries: dict[datetime, list[CaseEvent]] = defaultdict(list)
        for event in events:
            is_heeded = event.move not in _TELLING and (event.kind is not EventKind.NOTE or event.is_public)
            if is_heeded and case.effects.get(event.key) is Effect.APPLIED:
                self._entries[max(event.occurred_at, case.reported_at)].append(event)

    def of(self, happening: Happening, cycle: Cycle, at: datetime) -> Cause | None:
        """What made this happen to the cycle; of several entries of one instant the likeliest."""
        is_first = happening is Happening.START and cycle.cycle == 1 and cycle.clock in ("respond", "resolve")
        order = (EventKind.REPORTED,) if is_first else _ORDERS.get(cycle.clock, _WORKING)
        found = [entry for entry in self._entries.get(at, ()) if entry.kind in order]
        if cycle.clock not in ("respond", "update"):
            found = [entry for entry in found if entry.kind is not EventKind.REPLIED and entry.move is not Move.RESPOND]
        return self._cause(min(found, key=lambda entry: order.index(entry.kind))) if found else None

    def of_hand_over(self, unit_id: int, at: datetime) -> Cause | None:
        """Who gave the complaint to the unit."""
        found = [entry for entry in self._entries.get(at, ()) if entry.unit_id == unit_id]
        return self._cause(found[0]) if found else None

    def _cause(self, entry: CaseEvent) -> Cause:
        actor = self._names.get(entry.actor_id or 0) or self._sources.get(entry.source_id or 0)
        return Cause(entry.kind, actor, entry.actor_id is None, entry.move, entry.word)


async def read_causes(
    connection: AsyncConnection, case: Case, events: Sequence[CaseEvent], rules: Rulebook, *, language: str
) -> Causes:
    """The entries with the names of who made them; the desk has one in each language."""
    officers = {event.actor_id for event in events if event.actor_id is not None}
    sources = {event.source_id for event in events if event.source_id is not None}
    names = await _names(connection, Officer, officers)
    told = await _names(connection, Source, sources)
    told |= {each: _DESKS[language] for each, name in told.items() if name == _DESK}
    held = {stint.unit_id: rules.unit_names[stint.unit_id] for stint in case.stints}
    return Causes(case, events, names, told, held)


def hands_of(case: Case, causes: Causes, cycle: Cycle, until: datetime) -> list[Hand]:
    """Who held the complaint while the cycle ran: at its start, where somebody did, and from each hand-over."""
    started_at, units = cycle.events[0].at, causes.units
    before = [stint for stint in case.stints if stint.assigned_at <= started_at]
    former = units[before[-1].unit_id] if before else None
    found = [Hand(started_at, former, None, None)] if former is not None else []
    for stint in case.stints[len(before) :]:
        unit = units[stint.unit_id]
        if stint.assigned_at < until and unit != former:
            cause = causes.of_hand_over(stint.unit_id, stint.assigned_at)
            found.append(Hand(stint.assigned_at, unit, former, cause.actor if cause else None))
        former = unit
    return found


async def read_amendments(connection: AsyncConnection, complaint_id: int, cycle: Cycle, family: str) -> list[Amendment]:
    """What changes of rules and late entries have moved of this cycle, oldest first."""
    statement = (
        select(ComplaintEvent.occurred_at, ComplaintEvent.kind, ComplaintEvent.details)
        .where(
            ComplaintEvent.complaint_id == complaint_id,
            ComplaintEvent.kind.in_((EventKind.RECALCULATED, EventKind.CORRECTED)),
        )
        .order_by(ComplaintEvent.id)
    )
    wanted = (cycle.clock, cycle.cycle, family)
    rows = await connection.execute(statement)
    return [
        Amendment(row.occurred_at, row.kind, row.details)
        for row in rows
        if tuple(row.details.get(name) for name in ("clock", "cycle", "family")) == wanted
    ]


async def _names(connection: AsyncConnection, table: type[Officer] | type[Source], ids: set[int]) -> dict[int, str]:
    if not ids:
        return {}
    rows = await connection.execute(select(table.id, table.name).where(table.id.in_(sorted(ids))))
    return {row.id: row.name for row in rows}
