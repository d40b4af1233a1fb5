"""The fold: pauses, voided stops, extensions, reopened cycles, verdicts, each as a small life of one clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.sla.calendars import DueOutOfRange, always_open
from app.sla.clock import (
    ClockEvent,
    EventKind,
    InvalidTarget,
    State,
    Target,
    TargetUnit,
    Terms,
    fold,
    parse_target,
    trace,
)

from .conftest import WIB, wib

HOUR = Target(TargetUnit.WORKING_MINUTE, 60)
TEN_HOURS = Target(TargetUnit.WORKING_MINUTE, 600)
THREE_DAYS = Target(TargetUnit.WORKING_DAY, 3)
DAY_LONG = Target(TargetUnit.ELAPSED_MINUTE, 1440)


def life(*events):
    """Events written as `("2026-06-02 09:00", "start")`, with fields of an event where it has any."""
    return [ClockEvent(wib(at), EventKind(kind), **more) for at, kind, *rest in events for more in (dict(*rest),)]


def test_every_kind_of_event_and_state_is_reached(office) -> None:
    assert {kind.value for kind in EventKind} == {
        "start",
        "pause",
        "resume",
        "stop",
        "void_stop",
        "extend",
        "cancel",
    }
    lives = {
        State.NOT_STARTED: life(("2026-06-02 09:00", "stop")),
        State.RUNNING: life(("2026-06-02 09:00", "start")),
        State.PAUSED: life(("2026-06-02 09:00", "start"), ("2026-06-02 09:10", "pause")),
        State.MET: life(("2026-06-02 09:00", "start"), ("2026-06-02 10:00", "stop")),
        State.MISSED: life(("2026-06-02 09:00", "start"), ("2026-06-02 10:00:01", "stop")),
        State.CANCELLED: life(("2026-06-02 09:00", "start"), ("2026-06-02 09:10", "cancel")),
        State.UNJUDGED: life(("2026-06-02 09:00", "start"), ("2026-06-02 10:30", "stop", {"is_dated": False})),
    }
    found = {
        state: fold(events, Terms(HOUR, office), as_of=wib("2026-06-02 12:00")).state for state, events in lives.items()
    }
    assert found == {state: state for state in State}


def test_a_pause_that_begins_at_the_due_instant_still_moves_it(office) -> None:
    events = life(
        ("2026-06-02 09:00", "start"),
        ("2026-06-02 10:00", "pause"),
        ("2026-06-02 11:00", "resume"),
        ("2026-06-02 11:00", "stop"),
    )
    outcome = fold(events, Terms(HOUR, office), as_of=wib("2026-06-02 15:00"))
    assert (outcome.state, outcome.due_at, outcome.breached_at) == (State.MET, wib("2026-06-02 11:00"), None)
    assert (outcome.elapsed_s, outcome.paused_s, outcome.remaining_s) == (3_600, 3_600, 0)


def test_a_pause_one_instant_after_due_moves_nothing(office) -> None:
    events = life(("2026-06-02 09:00", "start"), ("2026-06-02 10:00:01", "pause"), ("2026-06-02 11:00", "resume"))
    outcome = fold(events, Terms(HOUR, office), as_of=wib("2026-06-02 15:00"))
    assert (outcome.due_at, outcome.breached_at) == (wib("2026-06-02 10:00"), wib("2026-06-02 10:00"))


def test_the_moved_due_time_is_never_before_the_resume(office) -> None:
    events = life(("2026-06-02 15:00", "start"), ("2026-06-02 16:00", "pause"), ("2026-06-03 06:00", "resume"))
    outcome = fold(events, Terms(HOUR, office), as_of=wib("2026-06-03 06:00"))
    assert (outcome.state, outcome.due_at, outcome.breached_at) == (State.RUNNING, wib("2026-06-03 06:00"), None)
    assert (outcome.elapsed_s, outcome.paused_s, outcome.remaining_s) == (3_600, 0, 0)


def test_a_breached_clock_that_pauses_keeps_its_due_time(office) -> None:
    events = life(("2026-06-02 09:00", "start"), ("2026-06-02 10:30", "pause"))
    outcome = fold(events, Terms(HOUR, office), as_of=wib("2026-06-02 11:30"))
    assert (outcome.state, outcome.due_at) == (State.PAUSED, wib("2026-06-02 10:00"))
    assert outcome.remaining_s == -5_400


def test_a_pause_moves_a_working_day_target_by_its_open_seconds(office) -> None:
    events = life(("2026-06-02 09:00", "start"), ("2026-06-03 08:00", "pause"), ("2026-06-03 10:00", "resume"))
    outcome = fold(events, Terms(THREE_DAYS, office), as_of=wib("2026-06-03 12:00"))
    # Closing time of Friday 5 June is 16:30; two open hours more are Monday 09:30.
    assert outcome.due_at == wib("2026-06-08 09:30")


def test_a_voided_stop_never_was(office) -> None:
    events = life(
        ("2026-06-02 09:00", "start"),
        ("2026-06-02 09:30", "stop"),
        ("2026-06-02 11:30", "void_stop"),
    )
    outcome = fold(events, Terms(HOUR, office), as_of=wib("2026-06-02 11:45"))
    assert (outcome.state, outcome.stopped_at, outcome.breached_at) == (State.RUNNING, None, wib("2026-06-02 10:00"))
    assert outcome.elapsed_s == 2.75 * 3_600
    before = fold(events, Terms(HOUR, office), as_of=wib("2026-06-02 11:00"))
    assert (before.state, before.elapsed_s) == (State.MET, 1_800)


@pytest.mark.parametrize("order", [("pause", "stop"), ("stop", "pause")])
def test_validation_time_is_a_pause_for_the_unit_whichever_came_first(office, order) -> None:
    events = life(
        ("2026-06-02 09:00", "start"),
        *(("2026-06-02 09:30", kind) for kind in order),
        ("2026-06-02 11:00", "void_stop"),
        ("2026-06-02 11:00", "resume"),
    )
    outcome = fold(events, Terms(HOUR, office), as_of=wib("2026-06-02 11:10"))
    assert (outcome.state, outcome.due_at) == (State.RUNNING, wib("2026-06-02 11:30"))
    assert (outcome.elapsed_s, outcome.paused_s, outcome.remaining_s) == (2_400, 5_400, 1_200)


def test_a_stop_after_the_voided_one_counts(office) -> None:
    events = life(
        ("2026-06-02 09:00", "start"),
        ("2026-06-02 09:10", "stop"),
        ("2026-06-02 09:20", "void_stop"),
        ("2026-06-02 09:50", "stop"),
    )
    outcome = fold(events, Terms(HOUR, office), as_of=wib("2026-06-02 12:00"))
    assert (outcome.state, outcome.stopped_at, outcome.elapsed_s) == (State.MET, wib("2026-06-02 09:50"), 3_000)


@pytest.mark.parametrize(
    ("more", "due_at", "extensions"),
    [
        ({}, "2026-06-02 16:00", 0),
        ({"promised_at": "2026-06-20 12:00"}, "2026-06-20 12:00", 1),
        ({"promised_at": "2026-09-01 00:00"}, "2026-07-02 09:00", 1),
        ({"promised_at": "2026-06-02 15:00"}, "2026-06-02 16:00", 0),
    ],
)
def test_an_extension_moves_the_due_time_to_the_promise_within_the_cap(office, more, due_at, extensions) -> None:
    terms = Terms(Target(TargetUnit.WORKING_MINUTE, 360), office, extension_cap=timedelta(days=30), max_extensions=1)
    promise = {name: wib(at) for name, at in more.items()}
    events = life(("2026-06-02 09:00", "start"), ("2026-06-02 10:00", "extend", promise))
    outcome = fold(events, terms, as_of=wib("2026-06-02 11:00"))
    assert (outcome.due_at, outcome.extensions) == (wib(due_at), extensions)


def test_extensions_beyond_their_number_or_after_a_breach_move_nothing(office) -> None:
    once = Terms(TEN_HOURS, office, max_extensions=1)
    promises = [{"promised_at": wib(f"2026-06-{day} 12:00")} for day in (10, 12)]
    twice = life(
        ("2026-06-02 09:00", "start"),
        *(("2026-06-02 10:00", "extend", promise) for promise in promises),
    )
    assert fold(twice, once, as_of=wib("2026-06-02 12:00")).due_at == wib("2026-06-10 12:00")

    late = life(("2026-06-02 09:00", "start"), ("2026-06-02 10:01", "extend", promises[0]))
    outcome = fold(late, Terms(HOUR, office, max_extensions=1), as_of=wib("2026-06-02 12:00"))
    assert (outcome.due_at, outcome.breached_at, outcome.extensions) == (*(wib("2026-06-02 10:00"),) * 2, 0)

    none = fold(twice, Terms(TEN_HOURS, office), as_of=wib("2026-06-02 12:00"))
    assert none.extensions == 0


def test_a_promise_made_during_a_pause_moves_by_what_is_left_of_the_pause(office) -> None:
    terms = Terms(TEN_HOURS, office, max_extensions=1)
    events = life(
        ("2026-06-02 08:00", "start"),
        ("2026-06-02 09:00", "pause"),
        ("2026-06-02 11:00", "extend", {"promised_at": wib("2026-06-10 10:00")}),
    )
    paused = fold(events, terms, as_of=wib("2026-06-02 11:30"))
    assert (paused.due_at, paused.paused_s) == (None, 9_000)
    resumed = fold([*events, *life(("2026-06-02 12:00", "resume"))], terms, as_of=wib("2026-06-02 14:00"))
    assert resumed.due_at == wib("2026-06-10 11:00")


def test_a_reopened_cycle_goes_on_with_what_was_left(office) -> None:
    events = life(("2026-06-02 15:30", "start"))
    left = fold(events, Terms(THREE_DAYS, office, carried_remaining_s=3_600), as_of=wib("2026-06-02 15:45"))
    assert (left.due_at, left.remaining_s, left.target_s) == (wib("2026-06-03 08:00"), 2_700, 3_600)

    spent = Terms(THREE_DAYS, office, carried_remaining_s=0)
    at_once = fold(events, spent, as_of=wib("2026-06-02 15:30"))
    assert (at_once.due_at, at_once.breached_at) == (wib("2026-06-02 15:30"), None)
    after = fold(events, spent, as_of=wib("2026-06-02 15:30:01"))
    assert after.breached_at == wib("2026-06-02 15:30")


def test_elapsed_and_source_due_clocks_run_round_the_clock_on_any_calendar(office) -> None:
    events = life(("2026-03-18 22:00", "start"), ("2026-03-19 01:00", "pause"), ("2026-03-19 02:00", "resume"))
    elapsed = fold(events, Terms(DAY_LONG, office), as_of=wib("2026-03-19 03:00"))
    assert (elapsed.due_at, elapsed.elapsed_s, elapsed.paused_s) == (wib("2026-03-19 23:00"), 14_400, 3_600)

    stated = Terms(Target(TargetUnit.SOURCE_DUE), office, source_due_at=wib("2026-03-20 00:00"))
    outcome = fold(life(("2026-03-18 22:00", "start")), stated, as_of=wib("2026-03-19 22:00"))
    assert (outcome.due_at, outcome.remaining_s) == (wib("2026-03-20 00:00"), 7_200)
    assert fold(events, Terms(Target(TargetUnit.SOURCE_DUE), office), as_of=wib("2026-03-19 03:00")).due_at is None


def test_a_clock_without_a_target_is_measured_and_never_breached(office) -> None:
    events = life(("2026-06-02 09:00", "start"), ("2026-06-02 10:00", "pause"), ("2026-06-02 11:00", "resume"))
    outcome = fold(events, Terms(None, office), as_of=wib("2026-06-30 11:00"))
    assert (outcome.due_at, outcome.breached_at, outcome.remaining_s, outcome.target_s) == (None, None, None, None)
    assert outcome.paused_s == 3_600


def test_the_trace_says_what_each_promised_date_did(office) -> None:
    def told(*days: str, cap: int | None = None, most: int = 1, target=HOUR) -> list[tuple[str, str | None]]:
        promises = [("2026-06-02 09:30", "extend", {"promised_at": wib(day)}) for day in days]
        terms = Terms(target, office, extension_cap=timedelta(days=cap) if cap else None, max_extensions=most)
        found = trace(life(("2026-06-02 09:00", "start"), *promises), terms, as_of=wib("2026-06-02 09:40")).promises
        return [(str(each.effect), each.due_at and f"{each.due_at.astimezone(WIB):%d %H:%M}") for each in found]

    assert told("2026-06-05 10:00", "2026-06-09 10:00") == [("moved", "05 10:00"), ("used_up", "05 10:00")]
    assert told("2026-06-20 10:00", cap=4) == [("capped", "06 09:00")]
    assert told("2026-06-02 09:59") == [("not_later", "02 10:00")]
    assert told("2026-06-05 10:00", target=None) == [("no_target", None)]
    late = life(("2026-06-02 09:00", "start"), ("2026-06-02 11:00", "extend", {"promised_at": wib("2026-06-05 10:00")}))
    found = trace(late, Terms(HOUR, office, max_extensions=1), as_of=wib("2026-06-02 12:00")).promises
    assert [(str(each.effect), each.due_at) for each in found] == [("too_late", wib("2026-06-02 10:00"))]


def test_the_trace_says_where_each_pause_left_the_due_time(office) -> None:
    events = life(
        ("2026-06-02 09:00", "start"),
        ("2026-06-02 09:30", "pause"),
        ("2026-06-02 10:30", "resume"),
        ("2026-06-02 10:40", "pause"),
    )
    pauses = trace(events, Terms(HOUR, office), as_of=wib("2026-06-02 15:00")).pauses
    assert [(each.to_at, each.due_at) for each in pauses] == [
        (wib("2026-06-02 10:30"), wib("2026-06-02 11:00")),
        (None, None),
    ]


def test_a_stop_without_a_time_is_not_judged_even_after_due(office) -> None:
    events = life(("2026-06-02 09:00", "start"), ("2026-06-05 09:00", "stop", {"is_dated": False}))
    outcome = fold(events, Terms(HOUR, office), as_of=wib("2026-06-06 09:00"))
    assert (outcome.state, outcome.breached_at, outcome.remaining_s) == (State.UNJUDGED, None, None)


def test_a_cancelled_clock_has_no_verdict_and_ignores_what_follows(office) -> None:
    events = life(("2026-06-02 09:00", "start"), ("2026-06-02 09:30", "cancel"), ("2026-06-02 11:00", "stop"))
    outcome = fold(events, Terms(HOUR, office), as_of=wib("2026-06-06 09:00"))
    assert (outcome.state, outcome.stopped_at, outcome.breached_at) == (State.CANCELLED, wib("2026-06-02 09:30"), None)


def test_a_late_event_with_an_earlier_time_clears_a_breach(office) -> None:
    start, late_word = life(("2026-06-02 09:00", "start"), ("2026-06-02 09:50", "stop"))
    known_then = fold([start], Terms(HOUR, office), as_of=wib("2026-06-02 12:00"))
    known_now = fold([start, late_word], Terms(HOUR, office), as_of=wib("2026-06-02 12:00"))
    assert (known_then.breached_at is not None, known_now.state) == (True, State.MET)


def test_events_of_one_instant_are_taken_as_they_arrived(office) -> None:
    stop_first = life(("2026-06-02 09:00", "start"), ("2026-06-02 09:30", "stop"), ("2026-06-02 09:30", "pause"))
    pause_first = [stop_first[0], stop_first[2], stop_first[1]]
    as_of = wib("2026-06-02 12:00")
    assert fold(stop_first, Terms(HOUR, office), as_of=as_of).due_at == wib("2026-06-02 10:00")
    assert fold(pause_first, Terms(HOUR, office), as_of=as_of).due_at == wib("2026-06-02 10:00")
    stop_before_start = [stop_first[1], ClockEvent(wib("2026-06-02 09:30"), EventKind.START)]
    assert fold(stop_before_start, Terms(HOUR, office), as_of=as_of).state is State.RUNNING


def test_fractions_of_seconds_move_the_due_time_and_whole_seconds_are_counted(office) -> None:
    events = life(
        ("2026-06-02 09:00:00.400000", "start"),
        ("2026-06-02 09:10:00.600000", "pause"),
        ("2026-06-02 09:20:00.100000", "resume"),
    )
    outcome = fold(events, Terms(HOUR, office), as_of=wib("2026-06-02 09:30:00.900000"))
    assert outcome.due_at == wib("2026-06-02 10:09:59.900000")
    assert (outcome.elapsed_s, outcome.paused_s) == (1_200, 600)


def test_events_in_a_repeated_hour_are_ordered_by_instant_not_by_reading() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first, second = (datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=fold_) for fold_ in (0, 1))
    events = [ClockEvent(second, EventKind.STOP), ClockEvent(first, EventKind.START)]
    outcome = fold(events, Terms(DAY_LONG, always_open()), as_of=datetime(2026, 10, 25, 12, tzinfo=UTC))
    assert (outcome.state, outcome.elapsed_s) == (State.MET, 3_600)


def test_a_naive_event_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        ClockEvent(datetime(2026, 6, 2), EventKind.START)  # noqa: DTZ001


@pytest.mark.parametrize("unit", [TargetUnit.WORKING_MINUTE, TargetUnit.WORKING_DAY, TargetUnit.ELAPSED_MINUTE])
def test_a_due_time_beyond_the_last_year_is_refused_by_its_field(office, unit) -> None:
    with pytest.raises(DueOutOfRange) as refused:
        fold(life(("2026-06-02 09:00", "start")), Terms(Target(unit, 10**11), office), as_of=wib("2026-06-03 09:00"))
    assert refused.value.field == "target.amount"


def test_a_stated_due_time_beyond_the_last_year_is_refused(office) -> None:
    terms = Terms(Target(TargetUnit.SOURCE_DUE), office, source_due_at=datetime(9999, 12, 31, tzinfo=UTC))
    with pytest.raises(DueOutOfRange):
        fold(life(("2026-06-02 09:00", "start")), terms, as_of=wib("2026-06-03 09:00"))


@pytest.mark.parametrize(
    ("shape", "field"),
    [
        ({}, "target.unit"),
        ({"unit": "hour", "amount": 1}, "target.unit"),
        ({"unit": ["working_day"], "amount": 1}, "target.unit"),
        ({"unit": "working_day"}, "target.amount"),
        ({"unit": "working_day", "amount": 0}, "target.amount"),
        ({"unit": "working_day", "amount": -3}, "target.amount"),
        ({"unit": "working_day", "amount": 1.5}, "target.amount"),
        ({"unit": "working_day", "amount": True}, "target.amount"),
        ({"unit": "working_day", "amount": "3"}, "target.amount"),
        ({"unit": "source_due", "amount": 3}, "target.amount"),
        ({"unit": "working_day", "amount": 3, "calender": "x"}, "target.calender"),
    ],
)
def test_a_bad_target_is_refused_by_the_name_of_its_field(shape, field) -> None:
    with pytest.raises(InvalidTarget) as refused:
        parse_target(shape)
    assert refused.value.field == field


def test_results_beyond_the_last_decree_are_marked_provisional(office) -> None:
    soon = fold(life(("2026-06-02 09:00", "start")), Terms(THREE_DAYS, office), as_of=wib("2026-06-02 10:00"))
    late = fold(life(("2026-12-30 09:00", "start")), Terms(THREE_DAYS, office), as_of=wib("2026-12-30 10:00"))
    elapsed = fold(life(("2026-12-30 09:00", "start")), Terms(DAY_LONG, office), as_of=wib("2027-01-30 10:00"))
    assert (soon.is_provisional, late.is_provisional, elapsed.is_provisional) == (False, True, False)
