"""A stored cycle read later, and the steps of the ladder."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.sla.calendars import always_open
from app.sla.clock import (
    ClockEvent,
    EventKind,
    Reading,
    State,
    Step,
    Stored,
    Target,
    TargetUnit,
    Terms,
    fire_at,
    fold,
    highest_passed,
    next_step,
    read,
    read_running,
)

from .conftest import wib

TEN_HOURS = Target(TargetUnit.WORKING_MINUTE, 600)
DAY = timedelta(days=1)
LADDER = {"thresholds": (75, 90, 100), "repeat": DAY}


@pytest.fixture
def round_the_clock() -> Stored:
    """Due 100 minutes after 09:00."""
    return Stored(State.RUNNING, started_at=wib("2026-06-02 09:00"), due_at=wib("2026-06-02 10:40"))


def stored_paused(office) -> tuple[Stored, Terms]:
    events = [
        ClockEvent(wib("2026-06-02 09:00"), EventKind.START),
        ClockEvent(wib("2026-06-02 10:00"), EventKind.PAUSE),
        ClockEvent(wib("2026-06-02 11:00"), EventKind.RESUME),
        ClockEvent(wib("2026-06-02 11:30"), EventKind.PAUSE),
    ]
    terms = Terms(TEN_HOURS, office)
    return Stored.of(fold(events, terms, as_of=events[-1].at)), terms


def test_a_paused_cycle_says_when_it_would_be_due_if_resumed(office) -> None:
    stored, _ = stored_paused(office)
    reading = read(stored, office, wib("2026-06-03 09:00"))
    # 90 minutes are used; 510 are left: 9:00-12:00 and 13:00-16:00 are 360, then 150 from 07:30.
    assert reading == Reading(
        elapsed_s=5_400,
        paused_s=3_600 + 12_600 + 5_400,
        remaining_s=30_600,
        is_breached=False,
        due_if_resumed_now=wib("2026-06-04 10:00"),
    )


def test_a_row_may_leave_out_what_time_changes(office) -> None:
    stored, _ = stored_paused(office)
    now = wib("2026-06-03 09:00")
    bare = replace(stored, elapsed_s=None, paused_s=3_600)
    assert read(bare, office, now) == read(stored, office, now)

    breached = Stored(
        State.PAUSED, wib("2026-06-02 09:00"), wib("2026-06-02 10:00"), paused_since=wib("2026-06-02 11:00")
    )
    reading = read(breached, office, wib("2026-06-02 12:00"))
    assert (reading.is_breached, reading.breached_at, reading.due_if_resumed_now) == (True, breached.due_at, None)
    assert (reading.elapsed_s, reading.paused_s, reading.remaining_s) == (7_200, 3_600, -7_200)


def test_a_closed_cycle_reads_the_same_for_ever(office) -> None:
    events = [
        ClockEvent(wib("2026-06-02 09:00"), EventKind.START),
        ClockEvent(wib("2026-06-02 10:00"), EventKind.STOP),
    ]
    outcome = fold(events, Terms(TEN_HOURS, office), as_of=wib("2026-06-02 10:00"))
    early, late = (read(Stored.of(outcome), office, wib(at)) for at in ("2026-06-02 10:00", "2027-06-02 10:00"))
    assert early == late == Reading(3_600, 0, 32_400, is_breached=False)


def test_a_clock_at_its_due_instant_is_not_breached_and_one_second_later_is(round_the_clock) -> None:
    at_due, after = (
        read(round_the_clock, always_open(), wib(at)) for at in ("2026-06-02 10:40", "2026-06-02 10:40:01")
    )
    assert (at_due.is_breached, at_due.remaining_s) == (False, 0)
    assert (after.is_breached, after.remaining_s, after.breached_at) == (True, -1, wib("2026-06-02 10:40"))


def test_a_running_clock_read_before_its_start_has_used_nothing(round_the_clock) -> None:
    before, calendar = wib("2026-06-01 09:00"), always_open()
    row = {name: getattr(round_the_clock, name) for name in ("started_at", "due_at", "breached_at", "paused_s")}
    assert round_the_clock.started_at > before
    whole = read(round_the_clock, calendar, round_the_clock.started_at)
    assert read_running(calendar, before, calendar.position(before), **row) == (0, whole.remaining_s, None)


def test_a_clock_that_never_started_reads_as_nothing() -> None:
    assert read(Stored(State.NOT_STARTED), always_open(), wib("2026-06-02 09:00")) == Reading(0, 0, None, False)


@pytest.mark.parametrize(
    ("percent", "at"), [(1, "09:01"), (75, "10:15"), (90, "10:30"), (100, "10:40"), (120, "11:00")]
)
def test_a_step_fires_when_its_share_of_the_target_is_used(round_the_clock, percent, at) -> None:
    assert fire_at(round_the_clock, always_open(), percent) == wib(f"2026-06-02 {at}")


def test_a_step_counts_in_open_time_of_the_clocks_own_calendar(office) -> None:
    stored = Stored(State.RUNNING, wib("2026-06-05 16:00"), wib("2026-06-08 08:00"))
    assert fire_at(stored, office, 50) == wib("2026-06-05 16:30")
    assert fire_at(stored, office, 75) == wib("2026-06-08 07:45")


def test_the_last_step_is_the_due_time_itself_even_in_closed_hours(office) -> None:
    stored = Stored(State.RUNNING, wib("2026-06-02 09:00"), wib("2026-06-06 23:59"))
    assert fire_at(stored, office, 100) == wib("2026-06-06 23:59")


def test_a_target_used_up_before_it_began_fires_every_step_at_its_due_time() -> None:
    stored = Stored(State.RUNNING, wib("2026-06-02 09:00"), wib("2026-06-01 09:00"))
    assert fire_at(stored, always_open(), 75) == stored.due_at


@pytest.mark.parametrize("state", [state for state in State if state is not State.RUNNING])
def test_nothing_fires_unless_the_cycle_runs(round_the_clock, state) -> None:
    still = replace(round_the_clock, state=state)
    assert fire_at(still, always_open(), 75) is None
    assert next_step(still, always_open(), **LADDER, after=wib("2026-06-02 09:00")) is None
    assert highest_passed(still, always_open(), **LADDER, now=wib("2026-06-09 09:00")) is None


def due_plus(days: int) -> datetime:
    return wib("2026-06-02 10:40") + days * DAY


@pytest.mark.parametrize(
    ("after", "step"),
    [
        ("2026-06-02 09:00", Step(75, wib("2026-06-02 10:15"))),
        ("2026-06-02 10:14:59.999999", Step(75, wib("2026-06-02 10:15"))),
        ("2026-06-02 10:15", Step(90, wib("2026-06-02 10:30"))),
        ("2026-06-02 10:30", Step(100, wib("2026-06-02 10:40"))),
        ("2026-06-02 10:40", Step(101, due_plus(1))),
        ("2026-06-03 10:40", Step(102, due_plus(2))),
        ("2026-07-02 10:39", Step(130, due_plus(30))),
        ("2026-07-02 10:40", Step(131, due_plus(31))),
    ],
)
def test_the_next_step_is_strictly_later(round_the_clock, after, step) -> None:
    assert next_step(round_the_clock, always_open(), **LADDER, after=wib(after)) == step


@pytest.mark.parametrize(
    ("now", "step"),
    [
        ("2026-06-02 10:14", None),
        ("2026-06-02 10:15", 75),
        ("2026-06-02 10:40", 90),
        ("2026-06-02 10:40:00.000001", 100),
        ("2026-06-03 10:39", 100),
        ("2026-06-03 10:40", 101),
        ("2026-07-02 10:40", 130),
        ("2026-07-02 10:39", 129),
    ],
)
def test_the_highest_step_passed_is_one_whatever_was_missed_meanwhile(round_the_clock, now, step) -> None:
    passed = highest_passed(round_the_clock, always_open(), **LADDER, now=wib(now))
    assert (passed.step if passed else None) == step


def test_a_ladder_without_repeats_ends_at_the_due_time(round_the_clock) -> None:
    ladder = {"thresholds": (75, 90, 100), "repeat": None}
    assert next_step(round_the_clock, always_open(), **ladder, after=wib("2026-06-02 10:40")) is None
    assert highest_passed(round_the_clock, always_open(), **ladder, now=wib("2027-06-02 10:40")).step == 100


def test_repeats_end_with_the_calendar() -> None:
    late = Stored(State.RUNNING, wib("9998-12-01 00:00"), wib("9998-12-31 00:00"))
    assert next_step(late, always_open(), **LADDER, after=wib("9998-12-31 12:00")).step == 101
    century = {"thresholds": (100,), "repeat": timedelta(days=40_000)}
    assert next_step(late, always_open(), **century, after=wib("9998-12-31 12:00")) is None
