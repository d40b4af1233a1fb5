"""From the cycles of a case to the rows of its clocks: which policies judge each cycle, and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from app.complaint.cycles import Cycle
from app.complaint.events import Timing
from app.complaint.history import Case
from app.complaint.lifecycle import Status
from app.complaint.rulebook import DatedCalendar as DatedCalendar
from app.complaint.rulebook import Rulebook as Rulebook
from app.sla.calendars import CompiledCalendar
from app.sla.clock import (
    ClockEvent,
    EventKind,
    Outcome,
    State,
    Stored,
    Target,
    TargetUnit,
    Terms,
    counting_calendar,
    fire_at,
    fold,
)
from app.sla.policy import Facts, OnChange, PolicyVersion

MEASURED = ""
"""The family of a cycle that no policy judges: measured, without a due time."""

MEASURED_HONOURS = {"handle": frozenset({str(Status.AWAITING_COMPLAINANT), str(Status.AWAITING_VALIDATION)})}
"""The pauses that a clock without a policy honours: a unit is not charged for waiting on others."""

ONLY_WHERE_ASKED = frozenset({"update"})
"""Clocks that no row is kept of where no policy asks for them."""

CLOSED_STATES = frozenset({State.MET, State.MISSED, State.CANCELLED, State.UNJUDGED})

ACKNOWLEDGED = 2**31 - 1
"""As a row's `raised_step`: somebody knows, so this ladder stops for good, whatever is folded again."""

_PAUSING = frozenset({EventKind.PAUSE, EventKind.RESUME})

RowKey = tuple[str, int, str]
"""Clock, cycle, family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFacts:
    """What policies match on, beyond the history itself."""

    connectors: tuple[str, ...]
    category: str | None
    channel: str | None
    classification: str | None
    families: frozenset[str] | None
    source_due_at: datetime | None
    is_history: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a stored row keeps of its own: the versions it was judged by, and the last step that was raised."""

    policy_version_id: int | None
    calendar_version_id: int | None
    is_closed: bool
    raised_step: int
    exception_unit_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRow:
    """One stored cycle under one policy; times UTC, spans in whole seconds.

    An open cycle is kept as it stood at its last event, so a row depends on its events and rules alone;
    `app.sla.clock.read` gives its figures at an instant. `remaining_s` stands only on a closed one.
    """

    clock: str
    cycle: int
    family: str
    unit_id: int | None
    policy_version_id: int | None
    calendar_version_id: int | None
    exception_unit_id: int | None
    state: State
    target_unit: TargetUnit | None
    target_amount: int | None
    target_s: int | None
    started_at: datetime
    due_at: datetime | None
    stopped_at: datetime | None
    breached_at: datetime | None
    elapsed_s: int
    paused_s: int
    remaining_s: int | None
    paused_since: datetime | None
    pause_reason: str | None
    is_provisional: bool
    timing: Timing
    error_s: int | None
    raised_step: int
    next_step: int | None
    next_fire_at: datetime | None

    @property
    def key(self) -> RowKey:
        """What names this row within its complaint."""
        return self.clock, self.cycle, self.family


def settle(case: Case, facts: CaseFacts, rules: Rulebook, held: Mapping[RowKey, Held]) -> list[ClockRow]:
    """The rows of every clock of a case.

    A cycle that is closed stays judged by the versions it was closed under; an open one follows the rules in force.
    """
    rows: dict[RowKey, ClockRow] = {}
    for cycle in case.cycles:
        for judge in _judges(cycle, case, facts, rules, held):
            former = rows.get((cycle.clock, cycle.cycle - 1, judge.family))
            row = _row(cycle, judge, facts, rules, former)
            rows[row.key] = row
    return list(rows.values())


def counted(
    cycle: Cycle,
    facts: CaseFacts,
    rules: Rulebook,
    *,
    policy_version_id: int | None,
    calendar_version_id: int | None,
    exception_unit_id: int | None = None,
    left_s: int | None,
) -> tuple[list[ClockEvent], Terms]:
    """The events of a cycle that these versions count, and the terms they judge it by.

    `left_s` is what the former cycle had left, for one that goes on with it.
    """
    version = rules.policy_by_id[policy_version_id] if policy_version_id is not None else None
    calendar = rules.calendar(calendar_version_id, exception_unit_id)
    return _followed(version and rules.origin(version), cycle, facts, rules, calendar, left_s)


def _followed(
    version: PolicyVersion | None,
    cycle: Cycle,
    facts: CaseFacts,
    rules: Rulebook,
    calendar: CompiledCalendar,
    left_s: int | None,
) -> tuple[list[ClockEvent], Terms]:
    """What a version counts of a cycle; one that came while it ran counts from then on, if it says so."""
    events, terms = _judged_by(version, cycle, facts, calendar, left_s)
    if version is None or version.published_at is None or not _switches(version, cycle):
        return events, terms
    at = version.published_at.replace(microsecond=0)
    if version.on_change is OnChange.CARRY_REMAINING:
        former = rules.former(version, on=_started_on(cycle, rules))
        if former is None:
            return events, terms
        counting = calendar if former.calendar == version.calendar else _calendar_then(former, rules, at)
        before = fold(*_followed(rules.origin(former), cycle, facts, rules, counting, left_s), as_of=at)
        terms = replace(terms, carried_remaining_s=max(0, before.remaining_s or 0))
    return _from_then_on(events, at), terms


def _calendar_then(version: PolicyVersion, rules: Rulebook, at: datetime) -> CompiledCalendar:
    """The calendar of a version as it was published at an instant, so that it never changes any more."""
    return rules.calendars[version.calendar].as_of(at).calendar


def _judged_by(
    version: PolicyVersion | None, cycle: Cycle, facts: CaseFacts, calendar: CompiledCalendar, left_s: int | None
) -> tuple[list[ClockEvent], Terms]:
    honoured = version.honours if version else MEASURED_HONOURS.get(cycle.clock, frozenset())
    # A resume without its pause is ignored.
    events = [event for event in cycle.events if event.reason is None or event.reason in honoured]
    return events, _terms(cycle, facts, version, calendar, left_s)


def _switches(version: PolicyVersion, cycle: Cycle) -> bool:
    """Whether the version came while the cycle ran, and does not hold as if it had always been so."""
    if version.on_change is OnChange.RETROACTIVE or version.published_at is None:
        return False
    has_ended = not cycle.is_running and max(event.at for event in cycle.events) <= version.published_at
    return cycle.events[0].at < version.published_at and not has_ended


def _from_then_on(events: Sequence[ClockEvent], at: datetime) -> list[ClockEvent]:
    """The events of a cycle that counts anew from an instant; a pause that was on then goes on."""
    happened = [event for event in events if event.at <= at]
    paused = next((event for event in reversed(happened) if event.kind in _PAUSING), None)
    begun = [ClockEvent(at, EventKind.START)]
    if paused is not None and paused.kind is EventKind.PAUSE:
        begun.append(replace(paused, at=at))
    return [*begun, *(event for event in events if event.at > at)]


def headline(rows: Iterable[ClockRow]) -> tuple[str, datetime] | None:
    """The clock that is due first among those that have not stopped, and when."""
    due = [(row.due_at, row.clock) for row in rows if row.due_at is not None and row.state not in CLOSED_STATES]
    if not due:
        return None
    at, clock = min(due)
    return clock, at


def upcoming_step(
    stored: Stored, calendar: CompiledCalendar, policy: PolicyVersion, raised: int
) -> tuple[int, datetime] | None:
    """The lowest step of the ladder above `raised`, and the instant it fires; None while nothing can fire.

    Steps are percentages of the target up to 100, then 101, 102, … for each repeat after the breach.
    """
    if stored.state is not State.RUNNING or stored.due_at is None or raised == ACKNOWLEDGED:
        return None
    for threshold in sorted(policy.thresholds):
        if threshold > raised:
            at = fire_at(stored, calendar, threshold)
            return (threshold, at) if at is not None else None
    if policy.repeat_s is None:
        return None
    step = max(raised, 100) + 1
    return step, stored.due_at + timedelta(seconds=policy.repeat_s) * (step - 100)


@dataclass(frozen=True, slots=True)
class _Judge:
    """What judges one cycle: a policy version (None: nothing does) read by a calendar version."""

    version: PolicyVersion | None
    calendar_id: int | None
    raised_step: int = 0
    exception_unit_id: int | None = None

    @property
    def family(self) -> str:
        return self.version.family if self.version else MEASURED


def _judges(cycle: Cycle, case: Case, facts: CaseFacts, rules: Rulebook, held: Mapping[RowKey, Held]) -> list[_Judge]:
    """The policy versions that judge one cycle."""
    kept = {key[2]: row for key, row in held.items() if key[:2] == (cycle.clock, cycle.cycle)}
    if kept and not cycle.is_running and all(row.is_closed for row in kept.values()):
        return [
            _Judge(
                rules.policy_by_id[row.policy_version_id] if row.policy_version_id else None,
                row.calendar_version_id,
                row.raised_step,
                row.exception_unit_id,
            )
            for row in kept.values()
        ]
    raised = {family: row.raised_step for family, row in kept.items()}
    versions = _chosen(cycle, case, facts, rules)
    if not versions and cycle.clock in ONLY_WHERE_ASKED:
        return []
    if not versions:
        return [_Judge(None, None, raised.get(MEASURED, 0))]
    return [_open_judge(cycle, version, rules, raised.get(version.family, 0)) for version in versions]


def _open_judge(cycle: Cycle, version: PolicyVersion, rules: Rulebook, raised_step: int) -> _Judge:
    calendar_id = rules.calendars[version.calendar].on(_started_on(cycle, rules)).version_id
    return _Judge(version, calendar_id, raised_step, rules.exception_unit(calendar_id, _owner(cycle, rules)))


def _owner(cycle: Cycle, rules: Rulebook) -> int | None:
    """The unit that the clock belongs to; validation is the bureau's, whoever did the work."""
    return rules.validator_id if cycle.clock == "validate" else cycle.unit_id


def _started_on(cycle: Cycle, rules: Rulebook) -> date:
    return cycle.events[0].at.astimezone(rules.zone).date()


def _chosen(cycle: Cycle, case: Case, facts: CaseFacts, rules: Rulebook) -> tuple[PolicyVersion, ...]:
    unit_id = cycle.unit_id if cycle.unit_id is not None else case.unit_id
    units = tuple(rules.unit_codes[each] for each in rules.ancestors.get(unit_id, ())) if unit_id is not None else ()
    asked = Facts(facts.connectors, facts.category, units, facts.channel, facts.classification, facts.families)
    answer = rules.judging(asked, clock=cycle.clock, cycle=cycle.cycle, on=_started_on(cycle, rules))
    if facts.source_due_at is None:
        return tuple(version for version in answer if version.target.unit is not TargetUnit.SOURCE_DUE)
    return answer


def _row(cycle: Cycle, judge: _Judge, facts: CaseFacts, rules: Rulebook, former: ClockRow | None) -> ClockRow:
    version = judge.version
    events, terms = _counted_by(judge, cycle, facts, rules, former)
    outcome = fold(events, terms, as_of=max(event.at for event in events))
    assert outcome.started_at is not None
    next_step, next_fire_at = (None, None) if facts.is_history else _next_step(outcome, terms.calendar, judge)
    return ClockRow(
        clock=cycle.clock,
        cycle=cycle.cycle,
        family=judge.family,
        unit_id=_owner(cycle, rules),
        policy_version_id=version.id if version else None,
        calendar_version_id=judge.calendar_id,
        exception_unit_id=judge.exception_unit_id,
        state=outcome.state,
        target_unit=version.target.unit if version else None,
        target_amount=version.target.amount if version else None,
        target_s=outcome.target_s,
        started_at=outcome.started_at,
        due_at=outcome.due_at,
        stopped_at=outcome.stopped_at,
        breached_at=outcome.breached_at,
        elapsed_s=outcome.elapsed_s,
        paused_s=outcome.paused_s,
        remaining_s=outcome.remaining_s if outcome.state in CLOSED_STATES else None,
        paused_since=outcome.paused_since,
        pause_reason=_pause_reason(events) if outcome.state is State.PAUSED else None,
        is_provisional=outcome.is_provisional,
        timing=cycle.timing,
        error_s=cycle.error_s,
        raised_step=judge.raised_step,
        next_step=next_step,
        next_fire_at=next_fire_at,
    )


def _counted_by(
    judge: _Judge, cycle: Cycle, facts: CaseFacts, rules: Rulebook, former: ClockRow | None
) -> tuple[list[ClockEvent], Terms]:
    return counted(
        cycle,
        facts,
        rules,
        policy_version_id=judge.version.id if judge.version else None,
        calendar_version_id=judge.calendar_id,
        exception_unit_id=judge.exception_unit_id,
        left_s=former.remaining_s if former else None,
    )


def _next_step(outcome: Outcome, calendar: CompiledCalendar, judge: _Judge) -> tuple[int | None, datetime | None]:
    if judge.version is None:
        return None, None
    counting = counting_calendar(judge.version.target, calendar)
    return upcoming_step(Stored.of(outcome), counting, judge.version, judge.raised_step) or (None, None)


def _terms(
    cycle: Cycle, facts: CaseFacts, version: PolicyVersion | None, calendar: CompiledCalendar, left_s: int | None
) -> Terms:
    if version is None:
        return Terms(target=None, calendar=calendar)
    carried = max(0, left_s) if cycle.carries and left_s is not None else None
    cap = timedelta(seconds=version.extension_cap_s) if version.extension_cap_s is not None else None
    return Terms(
        target=Target(version.target.unit, version.target.amount),
        calendar=calendar,
        source_due_at=facts.source_due_at,
        carried_remaining_s=carried,
        extension_cap=cap,
        max_extensions=version.max_extensions,
    )


def _pause_reason(events: list[ClockEvent]) -> str | None:
    return next((event.reason for event in reversed(events) if event.kind is EventKind.PAUSE), None)
