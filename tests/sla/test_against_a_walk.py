"""The engine against an independent walk over wall-clock readings, on random calendars, targets and events."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from app.sla.calendars import compile_calendar, parse_rules
from app.sla.clock import (
    ClockEvent,
    EventKind,
    State,
    Stored,
    Terms,
    counting_calendar,
    fold,
    parse_target,
    read,
    read_running,
)
from app.sla.explain import explain

from .walk import WEEKDAYS, Walk, utc

DAYS = 45
MINUTES = DAYS * 24 * 60

# Windows that begin shortly before a change of the clocks, and one that holds none.
WINDOWS = (
    ("Asia/Jakarta", utc("2026-02-10 00:00")),
    ("Europe/Berlin", utc("2026-03-20 00:00")),
    ("Europe/Berlin", utc("2026-10-16 00:00")),
    ("America/New_York", utc("2026-03-01 00:00")),
    ("America/New_York", utc("2026-10-24 00:00")),
    ("Australia/Lord_Howe", utc("2026-03-28 00:00")),
    ("Australia/Lord_Howe", utc("2026-09-26 00:00")),
    ("Africa/Casablanca", utc("2026-02-08 00:00")),
    ("America/Havana", utc("2026-10-25 00:00")),
    ("America/Scoresbysund", utc("2026-10-16 00:00")),
)

# Every case has a grain in minutes; a coarse one makes events, edges and due times meet.
GRAINS = st.sampled_from((1, 15, 60, 60))


def hour(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def hours(grain: int) -> st.SearchStrategy[list[list[str]]]:
    """Up to three intervals of a day; many lie in the hours in which zones change their clocks."""
    small_hours, any_hour = st.integers(0, 240 // grain), st.integers(0, 1440 // grain)
    edges = st.lists(small_hours | any_hour, max_size=6).map(
        lambda found: [hour(e * grain) for e in sorted(set(found))]
    )
    return edges.map(lambda found: [list(pair) for pair in zip(found[::2], found[1::2], strict=False)])


def weeks(grain: int) -> st.SearchStrategy[dict[str, list[list[str]]]]:
    office = [["08:00", "12:00"], ["13:00", "16:00"]]
    same = (hours(grain) | st.just(office)).map(lambda every: dict.fromkeys(WEEKDAYS, every))
    return same | st.dictionaries(st.sampled_from(WEEKDAYS), hours(grain), min_size=2)


@st.composite
def calendars(draw: st.DrawFn, grain: int, zone: str, start: datetime) -> dict[str, object]:
    dates = st.integers(0, 20).map(lambda day: (start + timedelta(days=day)).date().isoformat())
    periods = []
    for week in draw(st.lists(weeks(grain), max_size=2)):
        first, last = sorted((draw(dates), draw(dates)))
        periods.append({"from": first, "to": last, "week": week})
    days = [{"date": on, "hours": draw(hours(grain))} for on in draw(st.lists(dates, max_size=3))]
    return {"timezone": zone, "week": draw(weeks(grain)), "periods": periods, "days": days}


def targets(grain: int) -> st.SearchStrategy[dict[str, object]]:
    unit = st.sampled_from(("working_minute", "working_minute", "elapsed_minute"))
    minutes = st.integers(1, 20).map(lambda grains: grains * grain) | st.integers(1, 60).map(lambda few: few * 60)
    counted = st.builds(lambda unit, amount: {"unit": unit, "amount": amount}, unit, minutes)
    return counted | st.integers(1, 4).map(lambda amount: {"unit": "working_day", "amount": amount})


KINDS = ("pause", "resume", "pause", "resume", "pause", "resume", "stop", "void_stop", "start", "cancel")


@st.composite
def cases(draw: st.DrawFn):
    grain = draw(GRAINS)
    zone, start = draw(st.sampled_from(WINDOWS))
    rules = draw(calendars(grain, zone, start))
    assume(any(rules["week"].values()))
    seconds = st.just(0) if grain > 1 else st.integers(0, 59)
    steps = st.builds(
        lambda grains, second: timedelta(minutes=grains * grain, seconds=second),
        st.integers(0, 8) | st.integers(0, 72),
        seconds,
    )
    at = start + timedelta(days=draw(st.integers(1, 9))) + draw(steps)
    events = []
    for kind in ["start", *draw(st.lists(st.sampled_from(KINDS), max_size=7))]:
        events.append((at, kind))
        at += draw(steps)
    return rules, start, draw(targets(grain)), draw(st.permutations(events)), at


def terms_of(rules: dict[str, object], target: dict[str, object]) -> Terms:
    return Terms(parse_target(target), compile_calendar(parse_rules(rules)))


@settings(max_examples=max(200, settings().max_examples))
@given(cases())
def test_the_fold_equals_a_walk_over_wall_clock_readings(case) -> None:
    rules, start, target, events, as_of = case
    walked = Walk(rules, start, MINUTES).follow(target, events, as_of)
    assume(walked is not None)
    event(walked.state)

    terms = terms_of(rules, target)
    clock_events = [ClockEvent(at, EventKind(kind)) for at, kind in events]
    outcome = fold(clock_events, terms, as_of=as_of)

    assert outcome.state == walked.state
    assert (outcome.due_at, outcome.breached_at) == (walked.due_at, walked.breached_at)
    assert (outcome.elapsed_s, outcome.paused_s) == (walked.elapsed_s, walked.paused_s)
    assert outcome.remaining_s == walked.remaining_s

    rows = explain(clock_events, terms, as_of=as_of)
    assert sum(row.counted_s for row in rows) == walked.elapsed_s
    if rows:
        assert [row.from_at for row in rows[1:]] == [row.to_at for row in rows[:-1]]
        assert (rows[0].from_at, rows[-1].to_at) == (outcome.started_at, outcome.stopped_at or as_of)


@given(cases(), st.integers(0, 240).map(lambda hours: hours * 3_600))
def test_a_stored_cycle_read_later_equals_a_fresh_fold(case, later_s: int) -> None:
    rules, _, target, events, as_of = case
    terms = terms_of(rules, target)
    known = [ClockEvent(at, EventKind(kind)) for at, kind in events if at <= as_of]
    last = max((each.at for each in known), default=as_of)
    now = as_of + timedelta(seconds=later_s)
    stored = Stored.of(fold(known, terms, as_of=last))
    fresh = fold(known, terms, as_of=now)

    calendar = counting_calendar(terms.target, terms.calendar)
    reading = read(stored, calendar, now)
    if stored.state is State.RUNNING and stored.started_at is not None:
        quick = read_running(
            calendar,
            now,
            calendar.position(now),
            started_at=stored.started_at,
            due_at=stored.due_at,
            breached_at=stored.breached_at,
            paused_s=stored.paused_s,
        )
        assert quick == (reading.elapsed_s, reading.remaining_s, reading.breached_at)

    assert (reading.elapsed_s, reading.paused_s, reading.remaining_s) == (
        fresh.elapsed_s,
        fresh.paused_s,
        fresh.remaining_s,
    )
    assert (reading.is_breached, reading.breached_at) == (fresh.breached_at is not None, fresh.breached_at)
    if reading.due_if_resumed_now is not None:
        resumed = fold([*known, ClockEvent(now, EventKind.RESUME)], terms, as_of=now)
        assert reading.due_if_resumed_now == resumed.due_at


@given(cases(), st.integers(0, 40 * 86_400), st.integers(0, 40 * 86_400))
def test_position_and_instant_are_each_others_inverse(case, first_s: int, second_s: int) -> None:
    rules, start, *_ = case
    calendar = compile_calendar(parse_rules(rules))
    first, second = (start + timedelta(seconds=seconds, microseconds=250_001) for seconds in (first_s, second_s))

    assert calendar.position_us(first) <= calendar.position_us(second) or first > second
    back = calendar.instant_us(calendar.position_us(first))
    assert back <= first
    assert calendar.position_us(back) == calendar.position_us(first)
    assert sum((closes - opens for opens, closes in calendar.intervals(back, first)), timedelta()) == timedelta()
