"""The fold of a clock's events to one cycle: running, paused, met or missed; due, elapsed, remaining, breached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from app.sla.calendars import CompiledCalendar
from app.sla.fields import LAST_YEAR, DueOutOfRange, InvalidTarget
from app.sla.reading import Reading, Step, Stored, fire_at, highest_passed, next_step, read, read_running
from app.sla.terms import (
    ClockEvent,
    EventKind,
    Outcome,
    Pause,
    Promise,
    PromiseEffect,
    State,
    Target,
    TargetUnit,
    Terms,
    counting_calendar,
    in_utc,
    parse_target,
)

__all__ = [
    "ClockEvent",
    "EventKind",
    "InvalidTarget",
    "Outcome",
    "Pause",
    "Promise",
    "PromiseEffect",
    "Reading",
    "State",
    "Step",
    "Stored",
    "Target",
    "TargetUnit",
    "Terms",
    "Trace",
    "counting_calendar",
    "fire_at",
    "first_due",
    "fold",
    "highest_passed",
    "next_step",
    "parse_target",
    "read",
    "read_running",
    "trace",
]

_MICRO = 1_000_000


def fold(events: Iterable[ClockEvent], terms: Terms, *, as_of: datetime) -> Outcome:
    """The outcome of one cycle at `as_of`; later events do not exist yet.

    Events are taken in the order in which they happened, those of one instant as they arrived. A stop exactly at due
    is in time.

    >>> from app.sla.calendars import always_open
    >>> moment = datetime.fromisoformat
    >>> events = [ClockEvent(moment("2026-01-12T15:01:00+07:00"), EventKind.START)]
    >>> terms = Terms(Target(TargetUnit.ELAPSED_MINUTE, 1440), always_open())
    >>> outcome = fold(events, terms, as_of=moment("2026-01-13T15:02:00+07:00"))
    >>> str(outcome.state), outcome.remaining_s, outcome.breached_at.isoformat()
    ('running', -60, '2026-01-13T08:01:00+00:00')

    Raises:
        DueOutOfRange: the due time lies beyond the last year that can be computed.
    """
    return trace(events, terms, as_of=as_of).outcome


class Trace(NamedTuple):
    """An outcome with the pauses and promised dates that led to it, in order."""

    outcome: Outcome
    pauses: Sequence[Pause]
    promises: Sequence[Promise]


def trace(events: Iterable[ClockEvent], terms: Terms, *, as_of: datetime) -> Trace:
    """The outcome of `fold` and how it came about."""
    as_of = in_utc(as_of)
    happened = sorted((event for event in events if event.at <= as_of), key=attrgetter("at"))
    cycle = _Cycle(terms)
    for event in _without_voided_stops(happened):
        cycle.take(event)
    return Trace(cycle.outcome(as_of), cycle.pauses, cycle.promises)


def _without_voided_stops(events: Sequence[ClockEvent]) -> Iterable[ClockEvent]:
    """The events as if no stop before the last `void_stop` had ever been."""
    last = max((index for index, event in enumerate(events) if event.kind is EventKind.VOID_STOP), default=-1)
    return (event for index, event in enumerate(events) if index > last or event.kind is not EventKind.STOP)


class _Cycle:
    """One cycle while its events are taken in."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.calendar = counting_calendar(terms.target, terms.calendar)
        self.started_at: datetime | None = None
        self.due_at: datetime | None = None
        self.end: ClockEvent | None = None
        self.is_breached = False
        self.extensions = 0
        self.paused_s = 0
        self.pauses: list[Pause] = []
        self.promises: list[Promise] = []
        self.pause: ClockEvent | None = None
        # From where the pause that goes on moves the due time: its begin, or a later promise made during it.
        self.moves_from: datetime | None = None

    def take(self, event: ClockEvent) -> None:
        if self.started_at is None:
            if event.kind is EventKind.START:
                self.started_at = event.at
                self.due_at = first_due(event.at, self.terms, self.calendar)
        elif self.end is None:
            self._run_to(event.at)
            self._apply(event)

    def _apply(self, event: ClockEvent) -> None:
        match event.kind:
            case EventKind.PAUSE if self.pause is None:
                self.pause, self.moves_from = event, event.at
            case EventKind.RESUME:
                self._resume(event.at)
            case EventKind.EXTEND:
                self._extend(event)
            case EventKind.STOP | EventKind.CANCEL:
                self._resume(event.at)
                self.end = event

    def _run_to(self, at: datetime) -> None:
        """A running cycle that passes its due time is breached for good."""
        if self.pause is None and self.due_at is not None and self.due_at < at:
            self.is_breached = True

    def _resume(self, at: datetime) -> None:
        if self.pause is None:
            return
        self.paused_s += self._span(self.pause.at, at)
        if self.due_at is not None and not self.is_breached:
            self.due_at = self._moved(self.due_at, at)
        self.pauses.append(Pause(self.pause.at, at, self.pause.reason, self.pause.actor, self.due_at))
        self.pause = self.moves_from = None

    def _moved(self, due_at: datetime, resumed_at: datetime) -> datetime:
        position = self.calendar.position_us
        covered = position(resumed_at) - position(self.moves_from or resumed_at)
        moved = self.calendar.instant_us(position(due_at) + covered) if covered else due_at
        return max(moved, resumed_at)

    def _extend(self, event: ClockEvent) -> None:
        """Move the due time to the promised date, never to an earlier one."""
        if event.promised_at is not None:
            effect = self._promise(event.at, event.promised_at)
            self.promises.append(Promise(event.at, event.promised_at, effect, self.due_at))

    def _promise(self, at: datetime, promised_at: datetime) -> PromiseEffect:
        if self.due_at is None or self.started_at is None:
            return PromiseEffect.NO_TARGET
        if self.is_breached:
            return PromiseEffect.TOO_LATE
        if not self.terms.max_extensions:
            return PromiseEffect.NOT_GIVEN
        if self.extensions >= self.terms.max_extensions:
            return PromiseEffect.USED_UP
        cap = self.terms.extension_cap
        moved = promised_at if cap is None else min(promised_at, self.started_at + cap)
        if moved <= self.due_at:
            return PromiseEffect.NOT_LATER
        self.due_at = _within_range(moved, "promised_at")
        self.extensions += 1
        if self.pause is not None:
            self.moves_from = at
        return PromiseEffect.MOVED if moved == promised_at else PromiseEffect.CAPPED

    def outcome(self, as_of: datetime) -> Outcome:
        if self.started_at is None:
            return Outcome(State.NOT_STARTED)
        until = self.end.at if self.end else as_of
        if self.end is None:
            self._run_to(as_of)
        paused_s = self.paused_s
        if self.pause is not None:
            self.pauses.append(Pause(self.pause.at, None, self.pause.reason, self.pause.actor))
            paused_s += self._span(self.pause.at, until)
        state = self._state()
        due_at = self.due_at if state is not State.PAUSED or self.is_breached else None
        return Outcome(
            state=state,
            started_at=self.started_at,
            due_at=due_at,
            stopped_at=self.end.at if self.end else None,
            breached_at=self.due_at if self.is_breached and state is not State.UNJUDGED else None,
            elapsed_s=self._span(self.started_at, until) - paused_s,
            paused_s=paused_s,
            remaining_s=None if state is State.UNJUDGED else self._remaining_s(until),
            target_s=self._target_s(),
            paused_since=self.pause.at if self.pause else None,
            extensions=self.extensions,
            is_provisional=self.calendar.is_provisional(self.started_at, due_at or until),
        )

    def _state(self) -> State:
        if self.end is None:
            return State.PAUSED if self.pause is not None else State.RUNNING
        if self.end.kind is EventKind.CANCEL:
            return State.CANCELLED
        if not self.end.is_dated:
            return State.UNJUDGED
        return State.MISSED if self.is_breached else State.MET

    def _remaining_s(self, until: datetime) -> int | None:
        if self.due_at is None:
            return None
        if self.moves_from is not None and not self.is_breached:
            return self._span(self.moves_from, self.due_at)
        return self._span(until, self.due_at)

    def _target_s(self) -> int | None:
        """The span from start to due; while a pause goes on, as if it had begun where it moves the due time from."""
        if self.due_at is None or self.started_at is None:
            return None
        whole = self._span(self.started_at, self.due_at)
        if self.pause is not None and self.moves_from is not None and not self.is_breached:
            return whole - self._span(self.pause.at, self.moves_from)
        return whole

    def _span(self, from_at: datetime, to_at: datetime) -> int:
        return self.calendar.position(to_at) - self.calendar.position(from_at)


def first_due(started_at: datetime, terms: Terms, calendar: CompiledCalendar) -> datetime | None:
    """The due time as it stands at the start, before any pause or extension; None where the cycle is measured only.

    Raises:
        DueOutOfRange: it lies beyond the last year that can be computed.
    """
    target = terms.target
    if target is None:
        return None
    if terms.carried_remaining_s is not None:
        return _after(started_at, terms.carried_remaining_s, calendar)
    if target.unit is TargetUnit.SOURCE_DUE:
        due_at = terms.source_due_at
        return None if due_at is None else _within_range(due_at, "target.due_at")
    if target.amount is None:
        raise InvalidTarget("target.amount", "is required")
    if target.unit is TargetUnit.WORKING_DAY:
        return calendar.close_of_nth_working_day(started_at, target.amount)
    return _after(started_at, target.amount * 60, calendar)


def _after(started_at: datetime, counted_s: int, calendar: CompiledCalendar) -> datetime:
    if counted_s <= 0:
        return started_at
    return calendar.instant_us(calendar.position_us(started_at) + counted_s * _MICRO)


def _within_range(at: datetime, field: str) -> datetime:
    if at.year > LAST_YEAR:
        raise DueOutOfRange(field, f"lies beyond the year {LAST_YEAR}")
    return at
