"""A stored cycle read at an instant: elapsed, remaining, breached, and when each step of the ladder fires."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import NamedTuple

from app.sla.calendars import CompiledCalendar
from app.sla.fields import LAST_YEAR
from app.sla.terms import Outcome, State

BREACH_STEP = 100
"""The step that fires at the due time; the nth repeat after it is step 100 + n."""

_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Stored:
    """A cycle as its row keeps it; `paused_s` and `elapsed_s` of an open one are as old as the last event.

    A row may leave out the figures that time changes: of a running cycle `elapsed_s` and `breached_at`, of a paused
    one both too, if `paused_s` then counts the finished pauses only.
    """

    state: State
    started_at: datetime | None = None
    due_at: datetime | None = None
    stopped_at: datetime | None = None
    breached_at: datetime | None = None
    paused_s: int = 0
    paused_since: datetime | None = None
    elapsed_s: int | None = None
    target_s: int | None = None

    @classmethod
    def of(cls, outcome: Outcome) -> Stored:
        """What a row keeps of an outcome."""
        return cls(
            state=outcome.state,
            started_at=outcome.started_at,
            due_at=outcome.due_at,
            stopped_at=outcome.stopped_at,
            breached_at=outcome.breached_at,
            paused_s=outcome.paused_s,
            paused_since=outcome.paused_since,
            elapsed_s=outcome.elapsed_s,
            target_s=outcome.target_s,
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """The figures of a cycle at an instant; `due_if_resumed_now` only while it is paused and not breached."""

    elapsed_s: int
    paused_s: int
    remaining_s: int | None
    is_breached: bool
    breached_at: datetime | None = None
    due_if_resumed_now: datetime | None = None


class Step(NamedTuple):
    """A step of the ladder and the instant at which it fires."""

    step: int
    at: datetime


def read(stored: Stored, calendar: CompiledCalendar, now: datetime) -> Reading:
    """The figures of the cycle at `now`, equal to a fresh fold when no event came in between.

    `calendar` is the one the clock counts on (`counting_calendar`). `due_if_resumed_now` is exact where the events lie
    on whole seconds, else to the second.
    """
    if stored.started_at is None:
        return Reading(0, 0, None, is_breached=False)
    start, position = calendar.position(stored.started_at), calendar.position
    until = now if stored.state.is_open else stored.stopped_at or now
    breached_at = _breached_at(stored, until)
    is_held = stored.paused_since is not None and breached_at is None
    elapsed_s, paused_s = _spent(stored, calendar, start, position(until))
    remaining_s = None
    if is_held and stored.paused_since is not None and stored.target_s is not None:
        remaining_s = start + stored.target_s - position(stored.paused_since)
    elif stored.due_at is not None and stored.state is not State.UNJUDGED:
        remaining_s = position(stored.due_at) - position(until)
    resumed = _due_if_resumed(stored, calendar, now) if is_held else None
    return Reading(elapsed_s, paused_s, remaining_s, breached_at is not None, breached_at, resumed)


def read_running(
    calendar: CompiledCalendar,
    now: datetime,
    position: int,
    *,
    started_at: datetime,
    due_at: datetime | None,
    breached_at: datetime | None,
    paused_s: int,
) -> tuple[int, int | None, datetime | None]:
    """Seconds elapsed, seconds remaining and the breach: what `read` says of a cycle that runs at `now`.

    For one cycle of many: `position` is that of `now` on the calendar, which the caller works out once.
    """
    start = calendar.position(started_at)
    if now < started_at:
        now, position = started_at, start
    remaining_s = None if due_at is None else calendar.position(due_at) - position
    if breached_at is None and due_at is not None and due_at < now:
        breached_at = due_at
    return position - start - paused_s, remaining_s, breached_at


def fire_at(stored: Stored, calendar: CompiledCalendar, percent: int) -> datetime | None:
    """The instant at which this share of the counted target is used; 100 is the due time itself.

    None while nothing can fire: the cycle is paused, closed, or has no due time. A target that was used up before it
    began fires every step at its due time.
    """
    due_at, started_at = stored.due_at, stored.started_at
    if stored.state is not State.RUNNING or due_at is None or started_at is None:
        return None
    if percent == BREACH_STEP:
        return due_at
    start = calendar.position_us(started_at)
    whole = calendar.position_us(due_at) - start
    if whole <= 0:
        return due_at
    return calendar.instant_us(start - (-whole * percent // 100))


def next_step(
    stored: Stored,
    calendar: CompiledCalendar,
    *,
    thresholds: Sequence[int],
    repeat: timedelta | None,
    after: datetime,
) -> Step | None:
    """The first step that fires later than `after`; None when there is none or the cycle cannot fire."""
    return next((step for step in _steps(stored, calendar, thresholds, repeat, after) if after < step.at), None)


def highest_passed(
    stored: Stored,
    calendar: CompiledCalendar,
    *,
    thresholds: Sequence[int],
    repeat: timedelta | None,
    now: datetime,
) -> Step | None:
    """The last step that has fired by `now`; at the due instant itself nothing is breached, so 100 comes after it."""
    passed = None
    for step in _steps(stored, calendar, thresholds, repeat, now):
        if step.at > now or (step.step == BREACH_STEP and step.at == now):
            break
        passed = step
    return passed


def _spent(stored: Stored, calendar: CompiledCalendar, start: int, end: int) -> tuple[int, int]:
    """Seconds elapsed and paused between two positions."""
    if stored.paused_since is None:
        elapsed_s = end - start - stored.paused_s
        if stored.elapsed_s is not None and not stored.state.is_open:
            elapsed_s = stored.elapsed_s
        return elapsed_s, stored.paused_s
    elapsed_s = calendar.position(stored.paused_since) - start - stored.paused_s
    if stored.elapsed_s is not None:
        elapsed_s = stored.elapsed_s
    return elapsed_s, end - start - elapsed_s


def _breached_at(stored: Stored, until: datetime) -> datetime | None:
    """The due time once it has passed unmet; a paused cycle keeps a due time only if it is breached."""
    if stored.breached_at is not None or not stored.state.is_open or stored.due_at is None:
        return stored.breached_at
    return stored.due_at if stored.state is State.PAUSED or stored.due_at < until else None


def _due_if_resumed(stored: Stored, calendar: CompiledCalendar, now: datetime) -> datetime | None:
    if stored.started_at is None or stored.paused_since is None or stored.target_s is None:
        return None
    covered = calendar.position_us(now) - calendar.position_us(stored.paused_since)
    due = calendar.position_us(stored.started_at) + stored.target_s * _MICRO
    if due + covered <= calendar.position_us(now):
        return now
    return max(calendar.instant_us(due + covered), now)


def _steps(
    stored: Stored, calendar: CompiledCalendar, thresholds: Sequence[int], repeat: timedelta | None, about: datetime
) -> Iterator[Step]:
    """The steps in the order in which they fire; repeats that lie far before `about` are passed over."""
    for threshold in sorted(thresholds):
        at = fire_at(stored, calendar, threshold)
        if at is None:
            return
        yield Step(threshold, at)
    due_at = fire_at(stored, calendar, BREACH_STEP)
    if due_at is None or repeat is None or repeat <= timedelta():
        return
    for nth in count(max((about - due_at) // repeat, 1)):
        if (LAST_YEAR - due_at.year + 1) * timedelta(days=366) < nth * repeat:
            return
        yield Step(BREACH_STEP + nth, due_at + nth * repeat)
