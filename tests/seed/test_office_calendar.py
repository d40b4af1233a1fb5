"""The office calendar that ships as a file."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.seed.files import read_json
from app.seed.office_calendar import build_office_calendar
from app.sla.calendars import compile_calendar, parse_rules

CALENDAR = read_json("calendars/asn-dki.json")
DAYS: dict[str, dict[str, Any]] = {day["date"]: day for day in CALENDAR["days"]}


def test_the_shipped_calendar_is_what_the_holidays_package_says_today() -> None:
    assert build_office_calendar() == CALENDAR


def test_the_holidays_of_each_year_are_as_many_as_decreed() -> None:
    # 2024 has two election days beside its 17 holidays and 10 days of collective leave; 2026 is 17 and 8.
    assert Counter(day[:4] for day in DAYS) == {"2023": 27, "2024": 29, "2025": 28, "2026": 25, "2027": 26}


@pytest.mark.parametrize(
    ("day", "name", "source"),
    [
        ("2026-03-20", "Cuti Bersama Hari Raya Idul Fitri", "SKB 3 Menteri 1497/2025, 2/2025 dan 5/2025"),
        ("2024-02-14", "Hari Pemilihan Umum", "Keppres 10/2024"),
        ("2024-11-27", "Hari Pemilihan Kepala Daerah", "Keppres 33/2024"),
        ("2025-08-18", "Cuti Bersama Hari Kemerdekaan Republik Indonesia", "Perubahan SKB 3 Menteri 1017/2024"),
    ],
)
def test_a_closed_day_names_its_decree(day: str, name: str, source: str) -> None:
    assert DAYS[day] == {"date": day, "hours": [], "name": name, "source": source}


def test_the_eid_of_2026_is_one_block_of_a_week() -> None:
    eid = [date(2026, 3, 18) + timedelta(days=offset) for offset in range(7)]
    assert all(day.isoformat() in DAYS for day in eid)
    assert not {"2026-03-17", "2026-03-25"} & DAYS.keys()


def test_only_days_after_the_last_decree_are_estimated() -> None:
    assert CALENDAR["decreed_through"] == "2026-12-31"
    estimated = {day["date"] for day in DAYS.values() if day.get("is_estimated")}
    assert estimated == {"2027-03-10", "2027-03-11", "2027-05-17"}
    assert not any("perkiraan" in day["name"] for day in DAYS.values())
    assert [period["name"] for period in CALENDAR["periods"] if period.get("is_estimated")] == ["Ramadan 2027"]


def test_no_working_day_lies_between_ramadan_and_eid() -> None:
    eids = {day["date"][:4]: day["date"] for day in DAYS.values() if day["name"] == "Hari Raya Idul Fitri"}
    for period in CALENDAR["periods"]:
        end, eid = date.fromisoformat(period["to"]), date.fromisoformat(eids[period["to"][:4]])
        between = [end + timedelta(days=offset) for offset in range(1, (eid - end).days)]
        assert end < eid
        assert all(day.isoformat() in DAYS for day in between)


@pytest.mark.parametrize(
    ("name", "hours"),
    [(None, 37.5), ("Ramadan 2023", 32.5), ("Ramadan 2024", 32.5), ("Ramadan 2025", 32.5), ("Ramadan 2026", 32.5)],
)
def test_a_week_has_the_hours_that_the_rules_prescribe(name: str | None, hours: float) -> None:
    weeks = {period["name"]: period["week"] for period in CALENDAR["periods"]} | {None: CALENDAR["week"]}
    minutes = sum(_minutes(close) - _minutes(opens) for day in weeks[name].values() for opens, close in day)
    assert minutes == hours * 60


@pytest.mark.parametrize("name", ["24x7", "asn-dki"])
def test_a_shipped_calendar_is_one_that_the_clocks_accept(name: str) -> None:
    assert compile_calendar(parse_rules(read_json(f"calendars/{name}.json"))).position(at("2026-11-24 09:00")) > 0


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        ("2026-03-17 16:31", 1, "2026-03-25 16:00"),  # Nyepi, Eid and collective leave are one block
        ("2026-12-23 09:00", 1, "2026-12-28 16:00"),
        ("2026-11-20 16:31", 3, "2026-11-25 16:00"),
        ("2026-11-22 10:00", 5, "2026-11-27 16:30"),
        ("2026-02-18 23:59", 1, "2026-02-19 15:00"),  # the first day of Ramadan
    ],
)
def test_a_working_day_ends_when_the_office_closes(start: str, days: int, due: str) -> None:
    calendar = compile_calendar(parse_rules(CALENDAR))
    assert calendar.close_of_nth_working_day(at(start), days) == at(due)


@pytest.mark.parametrize(("end", "is_provisional"), [("2026-12-31 23:59", False), ("2027-01-04 09:00", True)])
def test_what_reaches_beyond_the_last_decree_is_provisional(end: str, is_provisional: bool) -> None:
    calendar = compile_calendar(parse_rules(CALENDAR))
    assert calendar.is_provisional(at("2026-12-01 09:00"), at(end)) is is_provisional


def at(wib: str) -> datetime:
    """The instant that a clock in Jakarta shows."""
    return datetime.fromisoformat(wib).replace(tzinfo=ZoneInfo("Asia/Jakarta"))


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
