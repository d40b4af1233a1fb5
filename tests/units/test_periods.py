"""Periods by name, the period before, weeks of a trend, and the instant that figures speak of."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.complaint.errors import InvalidInput
from app.units.figures import DayTally, TrendDay, by_week
from app.units.periods import before, read_as_of, read_period
from tests.units.city import WIB
from tests.workqueue.desk import at

NOW = at("2026-03-31 10:20")


@pytest.mark.parametrize(
    ("name", "now", "former", "since", "until"),
    [
        ("7d", NOW, "7d", "2026-03-18 00:00", "2026-03-24 10:20"),
        ("30d", NOW, "30d", "2026-01-31 00:00", "2026-03-01 10:20"),
        ("2026-03", at("2026-03-10 10:20"), "2026-02", "2026-02-01 00:00", "2026-02-10 10:20"),
        ("2026-03", NOW, "2026-02", "2026-02-01 00:00", "2026-03-01 00:00"),
        ("2026-02", NOW, "2026-01", "2026-01-01 00:00", "2026-02-01 00:00"),
        ("2026-01", NOW, "2025-12", "2025-12-01 00:00", "2026-01-01 00:00"),
        ("7d", at("2026-03-31 00:00"), "7d", "2026-03-17 00:00", "2026-03-24 00:00"),
        ("2026-03", at("2026-03-11 00:00"), "2026-02", "2026-02-01 00:00", "2026-02-11 00:00"),
        ("2026-03", at("2026-03-31 00:00"), "2026-02", "2026-02-01 00:00", "2026-03-01 00:00"),
        ("2026-04", at("2026-05-01 00:00"), "2026-03", "2026-03-01 00:00", "2026-04-01 00:00"),
        ("2026-02", at("2026-03-01 00:00"), "2026-01", "2026-01-01 00:00", "2026-02-01 00:00"),
    ],
)
def test_the_period_before_has_as_much_of_its_own_time(name, now, former, since, until) -> None:
    found = before(read_period(name, now=now, zone=WIB), now=now, zone=WIB)
    assert (found.name, found.since, found.until) == (former, at(since), at(until))


@pytest.mark.parametrize(("name", "days"), [("7d", 7), ("30d", 30), ("2026-12", 31)])
def test_a_period_up_to_the_end_of_a_day_has_that_day_whole_and_nothing_of_the_next(name: str, days: int) -> None:
    end = read_as_of("2026-12-31", now=at("2027-02-01 08:00"), zone=WIB)
    assert end == at("2027-01-01 00:00")
    period = read_period(name, now=end, zone=WIB)
    assert (period.days[-1].on, period.until, len(period.days)) == (date(2026, 12, 31), end, days)
    assert all(day.since < day.until for day in period.days)
    with pytest.raises(InvalidInput):
        read_period("2027-01", now=end, zone=WIB)


def test_two_periods_that_follow_each_other_leave_no_day_out() -> None:
    period = read_period("90d", now=NOW, zone=WIB)
    former = before(period, now=NOW, zone=WIB)
    assert former.days[-1].on + timedelta(days=1) == period.days[0].on
    assert len(former.days) == len(period.days)


def test_weeks_begin_on_monday_and_lose_no_day() -> None:
    first = date(2025, 12, 26)
    days = [TrendDay(first + timedelta(days=each), DayTally(received=each)) for each in range(12)]
    weeks = by_week(days)
    assert [(week.on.isoformat(), str(week.to)) for week in weeks] == [
        ("2025-12-26", "2025-12-28"),
        ("2025-12-29", "2026-01-04"),
        ("2026-01-05", "2026-01-06"),
    ]
    assert [week.tally.received for week in weeks] == [0 + 1 + 2, sum(range(3, 10)), 10 + 11]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-30", "2026-03-31 00:00"),
        ("2026-03-30T17:00:00Z", "2026-03-31 00:00"),
        ("2026-03-31t00:00:00+07:00", "2026-03-31 00:00"),
        ("2026-03-30T17:00:00.000000900Z", "2026-03-31 00:00"),
    ],
)
def test_an_instant_may_be_a_day_and_is_its_end(text: str, instant: str) -> None:
    assert read_as_of(text, now=NOW, zone=WIB) == at(instant)


@pytest.mark.parametrize(
    "text", ["2026-03-31", "2026-02-30", "9999-12-31", "2026-03-30T24:00:00Z", "0001-01-01", "٢٠٢٦-01-01", " "]
)
def test_what_is_no_instant_or_lies_ahead_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_as_of(text, now=NOW, zone=WIB)
    assert refused.value.field == "as_of"
