"""The cycles of a complaint's clocks, as the fold of its history builds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from app.complaint.events import CaseEvent, Timing
from app.sla.clock import ClockEvent, EventKind

CITIZEN_CLOCKS = frozenset({"respond", "resolve"})


@dataclass(slots=True)
class Cycle:
    """One cycle of one clock: the events that fold to its outcome.

    `carries` marks a cycle that goes on with what the former one had left. `timing` and `error_s` (seconds) say how
    well the stop is known.
    """

    clock: str
    cycle: int
    unit_id: int | None = None
    carries: bool = False
    events: list[ClockEvent] = field(default_factory=list)
    timing: Timing = Timing.DATED
    error_s: int | None = None
    is_stopped: bool = False
    is_cancelled: bool = False

    @property
    def is_running(self) -> bool:
        """Whether nothing has stopped it yet."""
        return not self.is_stopped and not self.is_cancelled


@dataclass(slots=True)
class CycleBook:
    """All cycles of one complaint, newest last for each clock."""

    cycles: dict[str, list[Cycle]] = field(default_factory=dict)

    def all(self) -> tuple[Cycle, ...]:
        """Every cycle, by clock and number."""
        return tuple(cycle for cycles in self.cycles.values() for cycle in cycles)

    def start(
        self,
        clock: str,
        at: datetime,
        *,
        unit_id: int | None = None,
        carries: bool = False,
        event: CaseEvent | None = None,
    ) -> None:
        """Begin the next cycle of `clock`, unless one is running."""
        held = self.cycles.setdefault(clock, [])
        if held and held[-1].is_running:
            return
        cycle = Cycle(clock, len(held) + 1, unit_id, carries)
        cycle.events.append(ClockEvent(at, EventKind.START))
        if event is not None:
            cycle.timing, cycle.error_s = event.timing, _error_s(event)
        held.append(cycle)

    def stop(self, clock: str, at: datetime, event: CaseEvent) -> None:
        """Stop the running cycle of `clock`; a stop that nobody dated cannot be judged."""
        cycle = self._running(clock)
        if cycle is None:
            return
        is_dated = event.timing is not Timing.UNKNOWN
        cycle.events.append(ClockEvent(at, EventKind.STOP, is_dated=is_dated))
        cycle.is_stopped = True
        cycle.timing, cycle.error_s = event.timing, _error_s(event)

    def stop_all(self, at: datetime, event: CaseEvent) -> None:
        """Stop every running cycle."""
        for clock in self.cycles:
            self.stop(clock, at, event)

    def cancel_all(self, at: datetime) -> None:
        """Close every running cycle without a verdict."""
        for clock in self.cycles:
            cycle = self._running(clock)
            if cycle is not None:
                cycle.events.append(ClockEvent(at, EventKind.CANCEL))
                cycle.is_cancelled = True

    def void_stop(self, clock: str, at: datetime) -> None:
        """The last stop of `clock` never was."""
        cycle = self._last(clock)
        if cycle is not None and cycle.is_stopped:
            cycle.events.append(ClockEvent(at, EventKind.VOID_STOP))
            cycle.is_stopped = False
            cycle.timing, cycle.error_s = Timing.DATED, None

    def take_back_end(self, clock: str, *, since: datetime) -> None:
        """The end of `clock` at or after `since` is taken back as if nobody had heard of it; an earlier one stays."""
        cycle = self._last(clock)
        if cycle is None or cycle.is_running or cycle.events[-1].at < since:
            return
        cycle.events.pop()
        cycle.is_stopped = cycle.is_cancelled = False
        cycle.timing, cycle.error_s = Timing.DATED, None

    def turn_stop_into_pause(self, clock: str, at: datetime, *, reason: str) -> None:
        """The last stop of `clock` was a pause that ends now."""
        cycle = self._last(clock)
        if cycle is None or not cycle.is_stopped:
            return
        stop = cycle.events.pop()
        cycle.events.append(ClockEvent(stop.at, EventKind.PAUSE, reason=reason))
        cycle.events.append(ClockEvent(at, EventKind.RESUME))
        cycle.is_stopped = False
        cycle.timing, cycle.error_s = Timing.DATED, None

    def pause_all(self, at: datetime, reason: str) -> None:
        """Pause every running cycle; the policy decides whether it honours the reason."""
        for clock in self.cycles:
            cycle = self._running(clock)
            if cycle is not None:
                cycle.events.append(ClockEvent(at, EventKind.PAUSE, reason=reason))

    def resume_all(self, at: datetime) -> None:
        """End the pause of every running cycle."""
        for clock in self.cycles:
            cycle = self._running(clock)
            if cycle is not None:
                cycle.events.append(ClockEvent(at, EventKind.RESUME))

    def extend(self, clock: str, at: datetime, promised_at: datetime | None) -> None:
        """Move the due time to a promised one, as far as the policy allows; without a date nothing moves."""
        cycle = self._running(clock)
        if cycle is not None and promised_at is not None:
            cycle.events.append(ClockEvent(at, EventKind.EXTEND, promised_at=promised_at))

    def settle_units(self, unit_id: int | None) -> None:
        """The citizen's clocks belong to the unit that holds the complaint last."""
        for clock in CITIZEN_CLOCKS:
            for cycle in self.cycles.get(clock, ()):
                cycle.unit_id = unit_id

    def _last(self, clock: str) -> Cycle | None:
        held = self.cycles.get(clock)
        return held[-1] if held else None

    def _running(self, clock: str) -> Cycle | None:
        cycle = self._last(clock)
        return cycle if cycle is not None and cycle.is_running else None


def _error_s(event: CaseEvent) -> int | None:
    if event.earliest_at is None:
        return None
    return int((event.occurred_at - event.earliest_at).total_seconds())
