"""What was known at an earlier instant: complaints that changed since are folded again from what was recorded by then.

All others stand as they are stored. Nothing is written.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import ClockRow, Rulebook
from app.complaint.events import EventKind
from app.db.case_rows import Stored, read_stored
from app.db.complaints import FACTS, Refolded, refold
from app.db.rejudge import OPEN_STATES
from app.db.tables.complaints import Complaint, ComplaintEvent, FormerFacts, SlaClock

Row = Mapping[str, Any]

_BATCH = 500
_CLOCK = tuple(each.name for each in fields(ClockRow))


@dataclass(frozen=True, slots=True)
class Earlier:
    """The rows of the complaints that have changed since, as they were then.

    `clocks` has one row of each cycle: the one that speaks for it, as `app.db.judging` chooses it.
    """

    complaints: list[Row] = field(default_factory=list)
    clocks: list[Row] = field(default_factory=list)
    stints: list[Row] = field(default_factory=list)


def changed_since(complaint_id: ColumnElement[int], at: datetime, rules: Rulebook) -> ColumnElement[bool]:
    """Whether a complaint does not stand any more as it did at `at`.

    Something of it was recorded since, or an open clock of it is judged by rules that came since.
    """
    event, facts = ComplaintEvent.__table__.alias("since"), FormerFacts.__table__.alias("former")
    found = [
        exists().where(event.c.complaint_id == complaint_id, event.c.recorded_at > at),
        exists().where(facts.c.complaint_id == complaint_id, facts.c.replaced_at > at),
    ]
    policies, calendars = rules.published_since(at)
    if policies or calendars:
        clock = SlaClock.__table__.alias("rejudged")
        judged = or_(clock.c.policy_version_id.in_(policies), clock.c.calendar_version_id.in_(calendars))
        found.append(exists().where(clock.c.complaint_id == complaint_id, clock.c.state.in_(OPEN_STATES), judged))
    return or_(*found)


async def read_earlier(connection: AsyncConnection, rules: Rulebook, at: datetime) -> Earlier:
    """The complaints that were known at `at` and have changed since, as they were."""
    found = Earlier()
    history = _RulesInTime(rules)
    ids = await _changed(connection, rules, at)
    for start in range(0, len(ids), _BATCH):
        batch = ids[start : start + _BATCH]
        stored = await read_stored(connection, batch)
        former = await _former_facts(connection, batch)
        # Folding is done beside the event loop, so that nobody else's answer waits for it.
        await asyncio.to_thread(_add, found, stored, former, history, at)
    return found


async def _changed(connection: AsyncConnection, rules: Rulebook, at: datetime) -> list[int]:
    was_known = exists().where(ComplaintEvent.complaint_id == Complaint.id, ComplaintEvent.recorded_at <= at)
    statement = select(Complaint.id).where(changed_since(Complaint.__table__.c.id, at, rules), was_known)
    return sorted(await connection.scalars(statement))


async def _former_facts(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, list[Row]]:
    columns = FormerFacts.__table__
    statement = select(columns).where(columns.c.complaint_id.in_(ids)).order_by(columns.c.replaced_at, columns.c.id)
    found: dict[int, list[Row]] = defaultdict(list)
    for row in await connection.execute(statement):
        found[row.complaint_id].append(dict(row._mapping))
    return found


class _RulesInTime:
    """The rulebook at each instant, made once for each set of versions."""

    def __init__(self, rules: Rulebook) -> None:
        self._rules = rules
        self._held: dict[tuple[int, int], Rulebook] = {}

    def at(self, instant: datetime) -> Rulebook:
        policies, calendars = self._rules.published_since(instant)
        key = len(policies), len(calendars)
        if key not in self._held:
            self._held[key] = self._rules.as_of(instant)
        return self._held[key]

    def are_alike(self, instants: Sequence[datetime]) -> bool:
        return self.at(instants[0]) is self.at(instants[-1])


def _add(
    found: Earlier,
    stored: Mapping[int, Stored],
    former: Mapping[int, Sequence[Row]],
    history: _RulesInTime,
    at: datetime,
) -> None:
    for complaint_id, held in stored.items():
        header, folded = _as_it_was(complaint_id, held, former.get(complaint_id, ()), history, at)
        if folded is None:
            continue
        found.complaints.append({**header, **folded.header, "id": complaint_id})
        rows = _speaking(folded.rows)
        found.clocks.extend({"complaint_id": complaint_id, **_values(row)} for row in rows)
        found.stints.extend(folded.spans["stint"])


def _as_it_was(
    complaint_id: int, stored: Stored, former: Sequence[Row], history: _RulesInTime, at: datetime
) -> tuple[Row, Refolded | None]:
    """The header and the fold at `at`; no fold of a complaint that nobody had reported by then.

    Where the rules or what they look at have changed during its life, each step is taken as it was taken then: a cycle
    that was closed keeps the versions that it was closed under.
    """
    known = [event for event in stored.events if event.recorded_at <= at]
    reports = [event.recorded_at for event in known if event.kind is EventKind.REPORTED]
    if not reports:
        return stored.header, None
    first = min(reports)
    instants = [*sorted({max(event.recorded_at, first) for event in known}), at]
    if not former and history.are_alike(instants):
        instants = [at]
    step = Stored(stored.header)
    for instant in instants:
        step.header = {**stored.header, **_facts_at(former, instant)}
        step.events = [event for event in known if event.recorded_at <= instant]
        folded = refold(complaint_id, step, history.at(instant))
        step.clocks = {row.key: _values(row) for row in folded.rows}
    return step.header, folded


def _facts_at(former: Sequence[Row], instant: datetime) -> Row:
    """What differs from the header of today: the facts that were first replaced after the instant."""
    kept = next((row for row in former if row["replaced_at"] > instant), None)
    return {} if kept is None else {name: kept[name] for name in FACTS}


def _speaking(rows: Iterable[ClockRow]) -> Iterable[ClockRow]:
    """Of each cycle the row that is due first, by the name of its family among equals."""
    best: dict[tuple[str, int], ClockRow] = {}
    for row in sorted(rows, key=_rank):
        best.setdefault((row.clock, row.cycle), row)
    return best.values()


def _rank(row: ClockRow) -> tuple[bool, float, str]:
    return row.due_at is None, row.due_at.timestamp() if row.due_at is not None else 0.0, row.family


def _values(row: ClockRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _CLOCK}
