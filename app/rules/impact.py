"""What a change of rules would do to the open clocks, unit by unit, without touching one of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.db.moved import MovedClock
from app.db.rejudge import Reach, reached, would_move
from app.db.rulebook import with_calendar, with_policies
from app.db.tables.complaints import Complaint
from app.db.tables.units import Unit
from app.rules.contents import CalendarContent, Content, PolicyContent
from app.rules.versions import Rule
from app.sla.calendars import compile_calendar
from app.sla.policy import PolicyVersion

_BATCH = 100
_NOT_STORED = -1
"""The id of a version that is only thought of; the database hands out none below 1."""


@dataclass(frozen=True, slots=True)
class ClockMove:
    """One clock that would move: `breach` is 1 where it would be breached by now, -1 where it would not be any more."""

    complaint_id: int
    ticket_code: str | None
    unit_id: int | None
    clock: str
    cycle: int
    family: str
    old_due_at: datetime | None
    new_due_at: datetime | None
    breach: int


@dataclass(slots=True)
class Tally:
    """Counts of clocks that would move, and of breaches that would appear or vanish."""

    moved: int = 0
    breaches_appearing: int = 0
    breaches_vanishing: int = 0

    def add(self, move: ClockMove) -> None:
        self.moved += 1
        self.breaches_appearing += move.breach > 0
        self.breaches_vanishing += move.breach < 0

    def to_json(self) -> dict[str, object]:
        return {
            "moved": self.moved,
            "breaches_appearing": self.breaches_appearing,
            "breaches_vanishing": self.breaches_vanishing,
        }


@dataclass(slots=True)
class Impact:
    """All that would move; by unit (None: not routed to any)."""

    as_of: datetime
    complaints: int = 0
    total: Tally = field(default_factory=Tally)
    units: dict[int | None, Tally] = field(default_factory=lambda: defaultdict(Tally))

    def add(self, moves: Sequence[ClockMove]) -> None:
        for move in moves:
            self.total.add(move)
            self.units[move.unit_id].add(move)

    def to_json(self, names: Mapping[int, tuple[str, str]]) -> dict[str, object]:
        """The preview as a proposal keeps it; the units that move most come first."""
        rows = [
            {"code": names[unit][0], "name": names[unit][1], **tally.to_json()}
            if unit is not None
            else {"code": None, "name": None, **tally.to_json()}
            for unit, tally in self.units.items()
        ]
        rows.sort(key=lambda row: (-int(str(row["moved"])), str(row["code"])))
        as_of = self.as_of.isoformat().replace("+00:00", "Z")
        return {"as_of": as_of, "complaints": self.complaints, **self.total.to_json(), "units": rows}


def rules_with(rules: Rulebook, rule: Rule, content: Content, *, now: datetime) -> Rulebook:
    """The rules as they would be with one more version of the rule, published now."""
    if isinstance(content, CalendarContent):
        return with_calendar(rules, rule.name, _NOT_STORED, compile_calendar(content.rules), content.effective_on)
    if rule.clock is None:
        return rules
    return with_policies(rules, [policy_value(rule, content, now=now)])


def policy_value(rule: Rule, content: PolicyContent, *, now: datetime) -> PolicyVersion:
    """The content as the version that would come next, published now."""
    return PolicyVersion(
        id=_NOT_STORED,
        policy=rule.name,
        family=str(rule.family),
        version=max((version.number for version in rule.versions), default=0) + 1,
        clock=str(rule.clock),
        target=content.target,
        calendar=content.calendar,
        applies=content.applies,
        honours=frozenset(content.honours),
        thresholds=content.thresholds,
        repeat_s=content.repeat_s,
        extension_cap_s=content.extension_cap_s,
        max_extensions=content.max_extensions,
        effective_on=content.effective_on,
        basis=content.basis,
        confidence=content.confidence,
        on_change=content.on_change,
        published_at=now,
    )


async def foresee(connection: AsyncConnection, rules: Rulebook, reach: Reach, *, now: datetime) -> Impact:
    """What the rules would do to the open clocks within reach; nothing is written."""
    impact = Impact(now)
    async for count, moves in _batches(connection, rules, reach, after=0, now=now):
        impact.complaints += count
        impact.add(moves)
    return impact


async def foreseen_moves(
    connection: AsyncConnection, rules: Rulebook, reach: Reach, *, after: int, limit: int, now: datetime
) -> list[ClockMove]:
    """The clocks that would move, by complaint, of those with an id above `after`: at least `limit` of them, if there
    are so many, and always all of a complaint."""
    found: list[ClockMove] = []
    async for _, moves in _batches(connection, rules, reach, after=after, now=now):
        for move in moves:
            if len(found) >= limit and move.complaint_id != found[-1].complaint_id:
                return found
            found.append(move)
    return found


async def unit_names(connection: AsyncConnection) -> dict[int, tuple[str, str]]:
    """Code and name of each unit by id."""
    return {row.id: (row.code, row.name) for row in await connection.execute(select(Unit.id, Unit.code, Unit.name))}


async def _batches(
    connection: AsyncConnection, rules: Rulebook, reach: Reach, *, after: int, now: datetime
) -> AsyncIterator[tuple[int, list[ClockMove]]]:
    while ids := await reached(connection, reach, after=after, limit=_BATCH):
        codes = await connection.execute(select(Complaint.id, Complaint.ticket_code).where(Complaint.id.in_(ids)))
        tickets = {row.id: row.ticket_code for row in codes}
        moves = [
            _move(complaint_id, tickets.get(complaint_id), each, now)
            for complaint_id, moved in await would_move(connection, ids, rules)
            for each in moved
        ]
        yield len(ids), moves
        after = ids[-1]


def _move(complaint_id: int, ticket_code: str | None, each: MovedClock, now: datetime) -> ClockMove:
    clock, cycle, family = each.key
    return ClockMove(
        complaint_id,
        ticket_code,
        each.unit_id,
        clock,
        cycle,
        family,
        each.old_due_at,
        each.new_due_at,
        each.breach(now),
    )
