"""Which step of a clock's ladder has fired, what it is called, and who is told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from app.complaint.clocks import upcoming_step
from app.sla.calendars import CompiledCalendar
from app.sla.clock import State, Stored, counting_calendar, highest_passed
from app.sla.policy import PolicyVersion

LadderKey = tuple[int, str, int, str]
"""Complaint, clock, cycle, rule: what one ladder belongs to."""

BREACH_STEP = 100
WARNING_STEP = 90
EVERY_STEP = 2**31 - 1
_REMINDERS = 100


class Level(StrEnum):
    """How serious a step is: below 90 % of the target, from 90 %, at the due time, and each reminder after it."""

    NOTICE = "notice"
    WARNING = "warning"
    BREACH = "breach"
    REPEAT = "repeat"


def level_of(step: int) -> Level:
    """The level of a step.

    >>> [str(level_of(step)) for step in (75, 90, 100, 101)]
    ['notice', 'warning', 'breach', 'repeat']
    """
    if step > BREACH_STEP:
        return Level.REPEAT
    if step == BREACH_STEP:
        return Level.BREACH
    return Level.WARNING if step >= WARNING_STEP else Level.NOTICE


@dataclass(frozen=True, slots=True)
class Climb:
    """How far a clock is up its ladder: the highest step that fired and was never raised, and what fires next."""

    passed: tuple[int, datetime] | None
    raised: int
    following: tuple[int, datetime] | None


def climb(stored: Stored, calendar: CompiledCalendar, policy: PolicyVersion, *, raised: int, now: datetime) -> Climb:
    """The climb of one clock at `now`; steps that were missed meanwhile collapse into the highest.

    The breach fires after the due time, not at it: a stop exactly at due is in time.
    """
    counting = counting_calendar(policy.target, calendar)
    repeat = timedelta(seconds=policy.repeat_s) if policy.repeat_s is not None else None
    highest = highest_passed(stored, counting, thresholds=policy.thresholds, repeat=repeat, now=now)
    passed = (highest.step, highest.at) if highest is not None and highest.step > raised else None
    reached = passed[0] if passed else raised
    return Climb(passed, reached, upcoming_step(stored, counting, policy, reached))


def passed_steps(policy: PolicyVersion, *, above: int, step: int) -> list[int]:
    """The steps above one up to another, both as raised; of many reminders the last ones.

    What was missed collapses into one message, and whoever would have been told of any of them hears it.
    """
    reminders = range(max(BREACH_STEP, above, step - _REMINDERS) + 1, step + 1)
    return [*(each for each in policy.thresholds if above < each <= step), *reminders]


def following(
    stored: Stored, calendar: CompiledCalendar, policy: PolicyVersion, *, raised: int
) -> tuple[int, datetime] | None:
    """The next step above `raised` and when it fires; None while nothing can fire."""
    return upcoming_step(stored, counting_calendar(policy.target, calendar), policy, raised)


def stands_up_to(stored: Stored, calendar: CompiledCalendar, policy: PolicyVersion, *, now: datetime) -> int:
    """The highest step that stands, as the clock reads now.

    Of a clock that does not run any more, a breach that it had stands for good, and the warnings were true in their
    time.
    """
    if stored.state is State.RUNNING:
        repeat = timedelta(seconds=policy.repeat_s) if policy.repeat_s is not None else None
        counting = counting_calendar(policy.target, calendar)
        highest = highest_passed(stored, counting, thresholds=policy.thresholds, repeat=repeat, now=now)
        return highest.step if highest is not None else 0
    is_in_time = stored.state in (State.PAUSED, State.MET) and stored.breached_at is None
    return BREACH_STEP - 1 if is_in_time else EVERY_STEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A step that one clock of a complaint has passed; `is_first_sight`: it had passed before we knew the complaint."""

    clock_id: int
    complaint_id: int
    step: int
    due_at: datetime
    is_first_sight: bool


def silent(firings: Iterable[Firing]) -> frozenset[int]:
    """The clocks that only advance: of what had passed before we knew a complaint, the highest step speaks for all.

    Between equal steps the earliest due time speaks.
    """
    seen: dict[int, list[Firing]] = defaultdict(list)
    for firing in firings:
        if firing.is_first_sight:
            seen[firing.complaint_id].append(firing)
    return frozenset(firing.clock_id for each in seen.values() for firing in sorted(each, key=_loudness)[1:])


def _loudness(firing: Firing) -> tuple[int, datetime, int]:
    return -firing.step, firing.due_at, firing.clock_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody who may be told; None is no limit: all units and what is unrouted, every level, every clock."""

    channel: str
    name: str
    webhook_id: int | None = None
    units: frozenset[str] | None = None
    levels: frozenset[str] | None = None
    clocks: frozenset[str] | None = None


def told(
    recipients: Sequence[Recipient], *, units: frozenset[str], levels: Collection[Level], clock: str
) -> list[Recipient]:
    """Who is told of steps of these levels; `units` are the codes of the units concerned and of all above them.

    >>> inspectors = Recipient(channel="webhook", name="webhook:1", units=frozenset({"dki"}))
    >>> [each.name for each in told([inspectors], units=frozenset({"dki"}), levels=[Level.BREACH], clock="respond")]
    ['webhook:1']
    """
    return [
        each
        for each in recipients
        if (each.units is None or each.units & units)
        and (each.levels is None or any(level in each.levels for level in levels))
        and (each.clocks is None or clock in each.clocks)
    ]


def ladder_of(row: Mapping[str, Any]) -> LadderKey:
    """The ladder that an alert's row belongs to."""
    return row["complaint_id"], row["clock"], row["cycle"], row["rule"]


def stored_of(clock: Any) -> Stored:
    """A clock's row as the arithmetic reads it."""
    return Stored(
        state=clock.state,
        started_at=clock.started_at,
        due_at=clock.due_at,
        stopped_at=clock.stopped_at,
        breached_at=clock.breached_at,
        paused_s=clock.paused_s,
        paused_since=clock.paused_since,
        elapsed_s=clock.elapsed_s,
        target_s=clock.target_s,
    )
