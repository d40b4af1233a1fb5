"""Calendars: what is refused, which layer decides, and how open time is counted and found again."""

from __future__ import annotations

import copy
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from app.sla.calendars import (
    DueOutOfRange,
    InvalidCalendar,
    Layer,
    always_open,
    compile_calendar,
    end_of_day,
    parse_rules,
)

from .conftest import OFFICE, wib

ALL_DAY = [["00:00", "24:00"]]


def every_day(*hours):
    return {day: list(hours) for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


ROUND_THE_CLOCK = every_day(*ALL_DAY)


def calendar(week, zone="Asia/Jakarta", **layers):
    return compile_calendar(parse_rules({"timezone": zone, "week": week, **layers}))


REFUSED = [
    ({}, "calendar.timezone"),
    ({"timezone": "Asia/Jakarta"}, "calendar.week"),
    ({"timezone": "Asia/Batavia", "week": ROUND_THE_CLOCK}, "calendar.timezone"),
    ({"timezone": "../etc/passwd", "week": ROUND_THE_CLOCK}, "calendar.timezone"),
    ({"timezone": "Asia", "week": ROUND_THE_CLOCK}, "calendar.timezone"),
    ({"timezone": "localtime", "week": ROUND_THE_CLOCK}, "calendar.timezone"),
    ({"timezone": 7, "week": ROUND_THE_CLOCK}, "calendar.timezone"),
    ({"timezone": "UTC", "week": {"monday": ALL_DAY}}, "calendar.week.monday"),
    ({"timezone": "UTC", "week": {"mon": ALL_DAY}, "holiday": []}, "calendar.holiday"),
    ({"timezone": "UTC", "week": []}, "calendar.week"),
    ({"timezone": "UTC", "week": {"mon": "08:00"}}, "calendar.week.mon"),
    ({"timezone": "UTC", "week": {"mon": [["08:00"]]}}, "calendar.week.mon[0]"),
    ({"timezone": "UTC", "week": {"mon": [["08:00", "25:00"]]}}, "calendar.week.mon[0]"),
    ({"timezone": "UTC", "week": {"mon": [["08:00", "24:01"]]}}, "calendar.week.mon[0]"),
    ({"timezone": "UTC", "week": {"mon": [["8:00", "12:00"]]}}, "calendar.week.mon[0]"),
    ({"timezone": "UTC", "week": {"mon": [["08:00", "08:00"]]}}, "calendar.week.mon[0]"),
    ({"timezone": "UTC", "week": {"mon": [["16:00", "08:00"]]}}, "calendar.week.mon[0]"),
    ({"timezone": "UTC", "week": {"mon": [["08:00", "12:00"], ["11:59", "13:00"]]}}, "calendar.week.mon[1]"),
    ({"timezone": "UTC", "week": {"mon": [["10:00", "12:00"], ["08:00", "10:01"]]}}, "calendar.week.mon[0]"),
    ({"timezone": "UTC", "week": {}}, "calendar.week"),
    ({"timezone": "UTC", "week": {"mon": [], "sat": []}}, "calendar.week"),
    (
        {"timezone": "UTC", "week": ROUND_THE_CLOCK, "days": [{"date": "2026-02-30", "hours": []}]},
        "calendar.days[0].date",
    ),
    ({"timezone": "UTC", "week": ROUND_THE_CLOCK, "days": [{"date": "2026-02-03"}]}, "calendar.days[0].hours"),
    (
        {
            "timezone": "UTC",
            "week": ROUND_THE_CLOCK,
            "periods": [{"from": "2026-02-02", "to": "2026-02-01", "week": {}}],
        },
        "calendar.periods[0].to",
    ),
    (
        {
            "timezone": "UTC",
            "week": ROUND_THE_CLOCK,
            "periods": [{"from": "2026-01-01", "to": "2027-06-01", "week": {}}],
        },
        "calendar.periods[0].week",
    ),
    ({"timezone": "UTC", "week": ROUND_THE_CLOCK, "decreed_through": "soon"}, "calendar.decreed_through"),
]


@pytest.mark.parametrize(("shape", "field"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_bad_calendar_is_refused_by_the_name_of_its_field(shape, field) -> None:
    with pytest.raises(InvalidCalendar) as refused:
        parse_rules(shape)
    assert refused.value.field == field


def test_a_calendar_survives_being_written_and_read() -> None:
    rules = parse_rules(OFFICE)
    assert parse_rules(rules.to_json()) == rules


def test_touching_intervals_are_one_and_their_order_is_free() -> None:
    rules = parse_rules({"timezone": "UTC", "week": {"mon": [["12:00", "24:00"], ["08:00", "12:00"]]}})
    assert rules.week[0] == ((8 * 3600, 24 * 3600),)


def test_the_last_matching_period_and_the_last_row_of_a_day_win() -> None:
    narrow = {"name": "narrow", "from": "2026-06-01", "to": "2026-06-07", "week": {"mon": [["10:00", "11:00"]]}}
    wide = {"name": "wide", "from": "2026-05-01", "to": "2026-07-31", "week": {"mon": [["09:00", "12:00"]]}}
    one = calendar(ROUND_THE_CLOCK, periods=[wide, narrow])
    two = calendar(ROUND_THE_CLOCK, periods=[narrow, wide])
    monday = date(2026, 6, 1)
    assert (one.day_note(monday).name, two.day_note(monday).name) == ("narrow", "wide")

    rows = [{"date": "2026-06-01", "hours": []}, {"date": "2026-06-01", "hours": [["08:00", "09:00"]], "name": "half"}]
    note = calendar(ROUND_THE_CLOCK, periods=[wide], days=rows).day_note(monday)
    assert (note.layer, note.name, note.hours) == (Layer.DAY, "half", ((28_800, 32_400),))


def test_a_target_that_fits_the_day_is_found_at_closing_time(office) -> None:
    start = wib("2026-06-02 07:30")
    assert office.instant(office.position(start) + 27_000) == wib("2026-06-02 16:00")


def test_the_repeated_hour_counts_twice_and_the_skipped_one_never() -> None:
    berlin = calendar(every_day(["02:30", "03:30"]), zone="Europe/Berlin")

    def counted(day: int, month: int) -> int:
        start = datetime(2026, month, day, tzinfo=berlin.zone)
        return berlin.position(start + timedelta(days=1)) - berlin.position(start)

    assert counted(24, 10) == 3_600
    # 25 October 2026: 02:30-03:00 is read twice, then 03:00-03:30 once.
    assert counted(25, 10) == 5_400
    # 29 March 2026: 02:30-03:00 does not exist.
    assert counted(29, 3) == 1_800


def test_a_day_whose_hours_all_fall_into_the_skipped_hour_is_no_working_day() -> None:
    berlin = calendar(every_day(["02:00", "03:00"]), zone="Europe/Berlin")
    close = berlin.close_of_nth_working_day(datetime(2026, 3, 28, 12, tzinfo=berlin.zone), 1)
    assert close == datetime(2026, 3, 30, 3, tzinfo=berlin.zone)


def test_a_zone_may_change_by_half_an_hour() -> None:
    lord_howe = calendar(every_day(["01:45", "02:15"]), zone="Australia/Lord_Howe")
    start = datetime(2026, 4, 5, tzinfo=lord_howe.zone)
    assert lord_howe.position(start + timedelta(days=1)) - lord_howe.position(start) == 45 * 60


def test_a_zone_may_skip_a_whole_date() -> None:
    apia = calendar(ROUND_THE_CLOCK, zone="Pacific/Apia", days=[{"date": "2030-01-01", "hours": []}])
    close = apia.close_of_nth_working_day(datetime(2011, 12, 29, 12, tzinfo=apia.zone), 1)
    assert close == datetime(2012, 1, 1, tzinfo=apia.zone)


@pytest.mark.parametrize(
    ("start", "n", "close"),
    [
        ("2026-06-05 07:00", 1, "2026-06-08 16:00"),
        ("2026-06-05 16:31", 1, "2026-06-08 16:00"),
        ("2026-06-07 12:00", 1, "2026-06-08 16:00"),
        ("2026-06-05 00:00", 1, "2026-06-08 16:00"),
        ("2026-06-04 23:59", 1, "2026-06-05 16:30"),
        ("2026-03-17 23:59", 3, "2026-03-27 16:30"),
        ("2026-03-18 12:00", 1, "2026-03-25 16:00"),
    ],
)
def test_the_first_working_day_is_the_next_open_date_whatever_the_hour(office, start, n, close) -> None:
    assert office.close_of_nth_working_day(wib(start), n) == wib(close)


def test_fractions_of_a_second_are_exact_in_both_directions(office) -> None:
    start = wib("2026-06-02 11:59:59.750000")
    assert office.position_us(start) - office.position_us(wib("2026-06-02 11:59:59")) == 750_000
    assert office.instant_us(office.position_us(start) + 500_000) == wib("2026-06-02 13:00:00.250000")
    assert office.position_us(wib("2026-06-02 12:30:00.5")) == office.position_us(wib("2026-06-02 12:00"))


def test_a_naive_instant_is_a_bug_and_raises(office) -> None:
    with pytest.raises(TypeError):
        office.position(datetime(2026, 6, 2))  # noqa: DTZ001


@pytest.mark.parametrize("year", [1850, 1969, 1970, 2023, 2024, 2099, 2100, 2101, 2500, 9997])
def test_far_years_count_as_near_ones(year) -> None:
    week = {"mon": [["07:30", "12:00"], ["13:00", "16:00"]], "sun": [["00:00", "24:00"]]}
    far = calendar(week, zone="UTC")
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    dates = [date(year, 1, 1) + timedelta(days=day) for day in range((end - start).days)]
    expected = sum({0: 27_000, 6: 86_400}.get(each.weekday(), 0) for each in dates)

    assert far.position(end) - far.position(start) == expected
    middle = far.position(start) + expected // 2
    assert far.position(far.instant(middle)) == middle
    assert start < far.instant(middle) < end


def test_rules_that_begin_in_a_far_year_are_kept_apart_from_the_years_before() -> None:
    closed = {"from": "3000-02-01", "to": "3000-02-28", "week": {}}
    far = calendar(ROUND_THE_CLOCK, zone="UTC", periods=[closed])
    years = [far.position(datetime(year + 1, 1, 1, tzinfo=UTC)) for year in (2997, 2998, 2999, 3000, 3001)]
    days = [(after - before) // 86_400 for before, after in pairwise(years)]
    assert days == [365, 365, 365 - 28, 365]


def test_what_lies_beyond_the_last_year_is_out_of_range(office) -> None:
    start = wib("2026-06-02 07:30")
    for far in (10**12, 10**30):
        with pytest.raises(DueOutOfRange):
            office.instant(office.position(start) + far)
        with pytest.raises(DueOutOfRange):
            office.close_of_nth_working_day(start, far)
        with pytest.raises(DueOutOfRange):
            always_open().instant(far)
    with pytest.raises(DueOutOfRange):
        calendar({}, days=[{"date": "2026-06-02", "hours": [["08:00", "09:00"]]}]).close_of_nth_working_day(start, 2)


def test_a_round_the_clock_calendar_is_plain_arithmetic() -> None:
    ours, theirs = always_open("Asia/Jakarta"), calendar(ROUND_THE_CLOCK)
    assert theirs.is_always_open
    assert not calendar(ROUND_THE_CLOCK, days=[{"date": "2026-01-01", "hours": []}]).is_always_open
    start = wib("2026-06-02 23:59:59")
    assert ours.instant(ours.position(start) + 2) == wib("2026-06-03 00:00:01")
    assert theirs.close_of_nth_working_day(start, 1) == wib("2026-06-04 00:00")
    assert list(ours.intervals(start, start)) == []


@pytest.mark.parametrize(
    ("from_at", "to_at", "is_provisional"),
    [
        ("2026-06-02 08:00", "2026-12-31 16:00", False),
        ("2026-06-02 08:00", "2027-01-01 00:00", False),
        ("2026-06-02 08:00", "2027-01-01 00:01", True),
        ("2027-02-01 08:00", "2027-02-10 08:00", True),
    ],
)
def test_results_beyond_the_last_decree_are_provisional(office, from_at, to_at, is_provisional) -> None:
    assert office.is_provisional(wib(from_at), wib(to_at)) is is_provisional


def test_an_estimated_day_or_period_makes_results_provisional() -> None:
    guessed = {"date": "2026-06-03", "hours": [], "is_estimated": True}
    period = {"from": "2026-07-01", "to": "2026-07-02", "week": {}, "is_estimated": True}
    some = calendar(ROUND_THE_CLOCK, days=[guessed], periods=[period])
    assert not some.is_provisional(wib("2026-06-01 00:00"), wib("2026-06-02 23:00"))
    assert some.is_provisional(wib("2026-06-01 00:00"), wib("2026-06-03 01:00"))
    assert some.is_provisional(wib("2026-06-30 00:00"), wib("2026-07-01 01:00"))


def test_intervals_are_cut_at_both_ends_and_joined_at_midnight_and_new_year() -> None:
    nights = calendar(every_day(["00:00", "06:00"], ["22:00", "24:00"]), zone="UTC")
    found = list(nights.intervals(datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 1, 1, 22, 30, tzinfo=UTC)))
    assert found == [
        (datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 1, 1, 6, tzinfo=UTC)),
        (datetime(2026, 1, 1, 22, tzinfo=UTC), datetime(2026, 1, 1, 22, 30, tzinfo=UTC)),
    ]


def test_the_end_of_a_local_day_is_where_the_next_date_begins() -> None:
    cairo = compile_calendar(parse_rules({"timezone": "Africa/Cairo", "week": ROUND_THE_CLOCK})).zone
    # Cairo skips from 00:00 to 01:00 on Friday 24 April 2026.
    assert end_of_day(date(2026, 4, 23), cairo).astimezone(UTC) == datetime(2026, 4, 23, 22, tzinfo=UTC)
    assert end_of_day(date(2026, 6, 1), cairo).astimezone(UTC) == datetime(2026, 6, 1, 21, tzinfo=UTC)


def test_threads_that_grow_one_calendar_agree() -> None:
    shared, alone = (compile_calendar(parse_rules(copy.deepcopy(OFFICE))) for _ in range(2))
    instants = [datetime(1975 + 3 * step, 5, 4, 3, 2, 1, tzinfo=UTC) for step in range(40)]
    expected = [alone.position(at) for at in instants]
    wrong: list[tuple[int, int]] = []

    def work(turn: int) -> None:
        for step in range(len(instants)):
            index = (step * 7 + turn * 11) % len(instants)
            found = shared.position(instants[index])
            if found != expected[index]:
                wrong.append((found, expected[index]))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(turn,)) for turn in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


FLOODED = {"unit": "sudin", "days": [{"date": "2026-06-02", "hours": [["08:00", "10:00"]], "source": "SE 7/2026"}]}
CLOSED = {"unit": "dinas", "days": [{"date": "2026-06-02", "hours": []}, {"date": "2026-06-03", "hours": []}]}


@pytest.mark.parametrize(
    ("codes", "hours"),
    [
        ((), [8, 8]),
        (("kelurahan", "kota"), [8, 8]),
        (("dinas", "kota"), [0, 0]),
        (("sudin", "dinas", "kota"), [2, 0]),
        (("dinas", "sudin"), [0, 0]),
    ],
)
def test_the_exceptions_of_the_nearest_unit_win(codes, hours) -> None:
    week = every_day(["08:00", "16:00"])
    rules = parse_rules({"timezone": "Asia/Jakarta", "week": week, "exceptions": [FLOODED, CLOSED]})
    compiled = compile_calendar(rules.for_units(codes))
    days = [(wib("2026-06-02 00:00"), wib("2026-06-03 00:00")), (wib("2026-06-03 00:00"), wib("2026-06-04 00:00"))]
    assert [(compiled.position(to) - compiled.position(start)) / 3600 for start, to in days] == hours


def test_an_exception_stands_above_a_holiday_and_leaves_the_calendar_itself_alone() -> None:
    day = {"date": "2026-06-02", "hours": [], "name": "Libur"}
    rules = parse_rules({"timezone": "UTC", "week": ROUND_THE_CLOCK, "days": [day], "exceptions": [FLOODED]})
    assert compile_calendar(rules).day_note(date(2026, 6, 2)).name == "Libur"
    assert compile_calendar(rules.for_units(["sudin"])).day_note(date(2026, 6, 2)).source == "SE 7/2026"
    assert parse_rules(rules.to_json()) == rules


@pytest.mark.parametrize(
    ("exceptions", "field"),
    [
        ([{"unit": "sudin"}], "calendar.exceptions[0].days"),
        ([{"unit": "", "days": []}], "calendar.exceptions[0].unit"),
        ([FLOODED, FLOODED], "calendar.exceptions[1].unit"),
        ([{"unit": "sudin", "days": [{"date": "2026-06-31", "hours": []}]}], "calendar.exceptions[0].days[0].date"),
    ],
)
def test_a_malformed_exception_is_refused(exceptions, field) -> None:
    with pytest.raises(InvalidCalendar) as refused:
        calendar(ROUND_THE_CLOCK, exceptions=exceptions)
    assert refused.value.field == field


def test_an_exception_that_takes_away_all_open_time_is_refused() -> None:
    days = [{"date": "2026-06-02", "hours": [["08:00", "10:00"]]}]
    closed = {"unit": "sudin", "days": [{"date": "2026-06-02", "hours": []}]}
    with pytest.raises(InvalidCalendar):
        calendar({}, days=days, exceptions=[closed])
