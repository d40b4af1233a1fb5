"""What if: the cycles of a past period under another target or calendar, unit by unit; nothing is changed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import ClockRow, Rulebook, settle
from app.complaint.errors import InvalidInput, NotFound
from app.complaint.history import fold_case
from app.db.case_rows import Stored, read_stored
from app.db.complaints import facts_of
from app.db.moved import is_breached
from app.db.rulebook import with_policies
from app.db.scope import Scope, visible
from app.db.tables.complaints import Complaint, SlaClock
from app.rules.contents import target_json
from app.sla.clock import State, Target
from app.sla.policy import PolicyVersion

_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which policy, judged how, over the cycles that start from `since` until before `until`."""

    policy: str
    since: datetime
    until: datetime
    target: Target | None = None
    calendar: str | None = None


@dataclass(slots=True)
class Verdicts:
    """Counts of cycles; one that is open and past its due time is missed, one that has time left is running."""

    met: int = 0
    missed: int = 0
    running: int = 0

    def add(self, verdict: str) -> None:
        setattr(self, verdict, getattr(self, verdict) + 1)

    def to_json(self) -> dict[str, object]:
        judged = self.met + self.missed
        share = round(100 * self.met / judged, 1) if judged else None
        return {"met": self.met, "missed": self.missed, "running": self.running, "compliance_percent": share}


@dataclass(slots=True)
class Comparison:
    """The same cycles under the rules in force and under the others."""

    cycles: int = 0
    now: Verdicts = field(default_factory=Verdicts)
    then: Verdicts = field(default_factory=Verdicts)

    def add(self, now: str, then: str) -> None:
        self.cycles += 1
        self.now.add(now)
        self.then.add(then)

    def to_json(self) -> dict[str, object]:
        return {"cycles": self.cycles, "now": self.now.to_json(), "then": self.then.to_json()}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the question came to, in all and by unit (None: not routed to any)."""

    question: Question
    present: PolicyVersion
    supposed: PolicyVersion
    as_of: datetime
    total: Comparison
    units: Mapping[int | None, Comparison]

    def to_json(self, names: Mapping[int, tuple[str, str]]) -> dict[str, object]:
        """The answer as it is shown; the units with most cycles come first."""
        rows = sorted(self.units.items(), key=lambda item: (-item[1].cycles, item[0] or 0))
        return {
            "policy": self.question.policy,
            "clock": self.present.clock,
            "from": _instant(self.question.since),
            "to": _instant(self.question.until),
            "as_of": _instant(self.as_of),
            "now": _terms(self.present),
            "then": _terms(self.supposed),
            "total": self.total.to_json(),
            "units": [
                {"code": names[unit][0], "name": names[unit][1], **each.to_json()}
                if unit is not None
                else {"code": None, "name": None, **each.to_json()}
                for unit, each in rows
            ],
        }


async def ask(
    connection: AsyncConnection, rules: Rulebook, question: Question, *, scope: Scope, now: datetime
) -> Answer:
    """The cycles that the policy judges under the rules in force, judged a second time under what is supposed.

    Closed ones are judged again too, by the version in force, so that both columns answer the same question.

    Raises: NotFound for a policy that runs no clock; InvalidInput.
    """
    present, supposed = _both(rules, question)
    clock = next(version.clock for version in present.policies)
    total, units = Comparison(), defaultdict[int | None, Comparison](Comparison)
    ids = await _complaints(connection, clock, question, scope)
    for start in range(0, len(ids), _BATCH):
        stored = await read_stored(connection, ids[start : start + _BATCH])
        # Beside the event loop: a question about a year does not hold up everybody else.
        for unit_id, verdicts in await asyncio.to_thread(
            _all_judged_twice, list(stored.values()), present, supposed, question, clock, now
        ):
            total.add(*verdicts)
            units[unit_id].add(*verdicts)
    return Answer(question, _newest(present, question), _newest(supposed, question), now, total, units)


def _both(rules: Rulebook, question: Question) -> tuple[Rulebook, Rulebook]:
    """The rules in force and the supposed ones, with nothing in them but the policy's family and clock."""
    own = [version for version in rules.policies if version.policy == question.policy]
    if not own:
        raise NotFound(f"there is no policy {question.policy[:60]} that runs a clock")
    if question.target is None and question.calendar is None:
        raise InvalidInput("target", "say what is supposed: a target, a calendar or both")
    if question.calendar is not None and question.calendar not in rules.calendars:
        raise InvalidInput("calendar", f"there is no published calendar {question.calendar}")
    if question.until <= question.since:
        raise InvalidInput("to", "must lie after from")
    family = {(version.family, version.clock) for version in own}
    kept = tuple(version for version in rules.policies if (version.family, version.clock) in family)
    present = replace(rules, policies=kept, policy_by_id={each.id: each for each in kept}, chosen={})
    return present, with_policies(present, [_supposed(version, question) for version in own])


def _supposed(version: PolicyVersion, question: Question) -> PolicyVersion:
    return replace(version, target=question.target or version.target, calendar=question.calendar or version.calendar)


def _newest(rules: Rulebook, question: Question) -> PolicyVersion:
    own = (version for version in rules.policies if version.policy == question.policy)
    return max(own, key=lambda version: version.version)


async def _complaints(connection: AsyncConnection, clock: str, question: Question, scope: Scope) -> Sequence[int]:
    statement = (
        select(SlaClock.complaint_id)
        .join(Complaint, Complaint.id == SlaClock.complaint_id)
        .where(
            SlaClock.clock == clock,
            SlaClock.started_at >= question.since,
            SlaClock.started_at < question.until,
            visible(scope),
        )
        .distinct()
        .order_by(SlaClock.complaint_id)
    )
    return list(await connection.scalars(statement))


def _all_judged_twice(
    stored: Sequence[Stored], present: Rulebook, supposed: Rulebook, question: Question, clock: str, now: datetime
) -> list[tuple[int | None, tuple[str, str]]]:
    return [each for held in stored for each in _judged_twice(held, present, supposed, question, clock, now)]


def _judged_twice(
    held: Stored, present: Rulebook, supposed: Rulebook, question: Question, clock: str, now: datetime
) -> Iterator[tuple[int | None, tuple[str, str]]]:
    case = fold_case(held.events)
    case = replace(case, cycles=tuple(cycle for cycle in case.cycles if cycle.clock == clock))
    facts = facts_of(held.header)
    then = {row.key: row for row in settle(case, facts, supposed, {})}
    for row in settle(case, facts, present, {}):
        version = present.policy_by_id.get(row.policy_version_id) if row.policy_version_id is not None else None
        if version is None or version.policy != question.policy:
            continue
        if not question.since <= row.started_at < question.until:
            continue
        verdicts = _verdict(row, now), _verdict(then.get(row.key), now)
        if verdicts[0] is not None and verdicts[1] is not None:
            yield row.unit_id, (verdicts[0], verdicts[1])


def _verdict(row: ClockRow | None, now: datetime) -> str | None:
    """None for a cycle without a verdict: cancelled, stopped at an unknown time, or one of which no source says when
    it is due."""
    if row is None:
        return None
    if row.state in (State.MET, State.MISSED):
        return str(row.state)
    if not row.state.is_open:
        return None
    return "missed" if is_breached(row.state, row.due_at, now) else "running"


def _terms(version: PolicyVersion) -> dict[str, object]:
    return {"target": target_json(version.target), "calendar": version.calendar}


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
