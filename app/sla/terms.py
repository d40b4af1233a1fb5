"""What goes into the fold of a clock and what comes out: events, target, terms, state, outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from app.sla.calendars import CompiledCalendar, always_open
from app.sla.fields import InvalidField, InvalidTarget, members


class EventKind(StrEnum):
    """What an event does to a clock."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    VOID_STOP = "void_stop"
    EXTEND = "extend"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class ClockEvent:
    """Something that happened to a clock at an instant; instants of any zone are kept as UTC.

    A stop that is not dated happened at an unknown time before `at`: its cycle is not judged.
    """

    at: datetime
    kind: EventKind
    promised_at: datetime | None = None
    reason: str | None = None
    actor: str | None = None
    is_dated: bool = True

    def __post_init__(self) -> None:
        # Two instants of one zone compare by their readings, which a repeated hour makes ambiguous.
        object.__setattr__(self, "at", in_utc(self.at))
        if self.promised_at is not None:
            object.__setattr__(self, "promised_at", in_utc(self.promised_at))


class TargetUnit(StrEnum):
    """How the allowed time is counted."""

    ELAPSED_MINUTE = "elapsed_minute"
    WORKING_MINUTE = "working_minute"
    WORKING_DAY = "working_day"
    SOURCE_DUE = "source_due"

    @property
    def needs_calendar(self) -> bool:
        """It is counted in working time; the others run round the clock."""
        return self in (TargetUnit.WORKING_MINUTE, TargetUnit.WORKING_DAY)


@dataclass(frozen=True, slots=True)
class Target:
    """The allowed time; `source_due` has no amount, since the source states the due time itself."""

    unit: TargetUnit
    amount: int | None = None


def in_utc(at: datetime) -> datetime:
    """The same instant in UTC.

    Raises:
        ValueError: it is naive.
    """
    if at.tzinfo is UTC:
        return at
    if at.utcoffset() is None:
        raise ValueError(f"{at.isoformat()} has no offset")
    return at.astimezone(UTC)


def parse_target(data: Mapping[str, object], *, field: str = "target") -> Target:
    """The target that `data` states.

    >>> parse_target({"unit": "working_day", "amount": 3})
    Target(unit=<TargetUnit.WORKING_DAY: 'working_day'>, amount=3)

    Raises:
        InvalidTarget: an unknown unit or field, an amount that is not a whole number above 0, or one too many.
    """
    try:
        shape = members(data, field, required=("unit",), optional=("amount",))
        unit = _unit(shape["unit"], f"{field}.unit")
        return Target(unit, _amount(shape, unit, field))
    except InvalidField as bad:
        raise InvalidTarget(bad.field, bad.message) from bad


def counting_calendar(target: Target | None, calendar: CompiledCalendar) -> CompiledCalendar:
    """The calendar on which a clock with this target counts: its own, or 24x7 where the target ignores it."""
    if target is None or target.unit.needs_calendar:
        return calendar
    return always_open(calendar.rules.timezone)


@dataclass(frozen=True, slots=True)
class Terms:
    """What one cycle is judged by.

    Without a target it is measured only, and so is a `source_due` without `source_due_at`. `carried_remaining_s` is
    what the former cycle had left when the complaint was reopened; it takes the place of the target's amount.
    `extension_cap` limits a promised date, on the wall clock from the start; None is no limit.
    """

    target: Target | None
    calendar: CompiledCalendar
    source_due_at: datetime | None = None
    carried_remaining_s: int | None = None
    extension_cap: timedelta | None = None
    max_extensions: int = 0

    def __post_init__(self) -> None:
        if self.source_due_at is not None:
            object.__setattr__(self, "source_due_at", in_utc(self.source_due_at))


class State(StrEnum):
    """Where a cycle stands.

    `met`: stopped at or before the due time, or stopped without one; `missed`: stopped after it; `cancelled`: no
    verdict; `unjudged`: stopped, but the source gave no time for it.
    """

    NOT_STARTED = "not_started"
    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    MISSED = "missed"
    CANCELLED = "cancelled"
    UNJUDGED = "unjudged"

    @property
    def is_open(self) -> bool:
        """The cycle can still be met or missed."""
        return self in (State.RUNNING, State.PAUSED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the events of a cycle come to. Instants are exact UTC; spans are whole seconds of counted time.

    A span is the difference of two positions cut to the second, so spans add up exactly whatever the fractions of the
    instants. `target_s` runs from the start to the due time, finished pauses included. `remaining_s` is negative after
    due; None without a due time to measure against and for an unjudged cycle.
    """

    state: State
    started_at: datetime | None = None
    due_at: datetime | None = None
    stopped_at: datetime | None = None
    breached_at: datetime | None = None
    elapsed_s: int = 0
    paused_s: int = 0
    remaining_s: int | None = None
    target_s: int | None = None
    paused_since: datetime | None = None
    extensions: int = 0
    is_provisional: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch of a cycle that was paused; `to_at` is None while it goes on.

    `due_at` is the due time after it; None while it goes on and where the cycle has none.
    """

    from_at: datetime
    to_at: datetime | None
    reason: str | None = None
    actor: str | None = None
    due_at: datetime | None = None


class PromiseEffect(StrEnum):
    """What a promised date did to the due time."""

    MOVED = "moved"
    CAPPED = "capped"
    NOT_LATER = "not_later"
    USED_UP = "used_up"
    NOT_GIVEN = "not_given"
    TOO_LATE = "too_late"
    NO_TARGET = "no_target"


@dataclass(frozen=True, slots=True)
class Promise:
    """A date that was promised at `at`, and the due time after it.

    `capped`: the due time moved to the policy's cap, which lies before the promised date. `too_late`: the cycle was
    breached. `used_up`: the policy allows no further extension; `not_given`: none at all.
    """

    at: datetime
    promised_at: datetime
    effect: PromiseEffect
    due_at: datetime | None = None


def _unit(value: object, field: str) -> TargetUnit:
    if not isinstance(value, str) or value not in tuple(TargetUnit):
        raise InvalidField(field, f"must be one of {', '.join(TargetUnit)}")
    return TargetUnit(value)


def _amount(shape: Mapping[str, object], unit: TargetUnit, field: str) -> int | None:
    amount = shape.get("amount")
    if unit is TargetUnit.SOURCE_DUE:
        if amount is not None:
            raise InvalidField(f"{field}.amount", "has no meaning where the source states the due time")
        return None
    if "amount" not in shape:
        raise InvalidField(f"{field}.amount", "is required")
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < 1:
        raise InvalidField(f"{field}.amount", "must be a whole number above 0")
    return amount
