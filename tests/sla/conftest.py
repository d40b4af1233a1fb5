"""The office calendar that the tables of cases share, and instants in Jakarta's time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.sla.calendars import CompiledCalendar, compile_calendar, parse_rules

WIB = timezone(timedelta(hours=7))

OFFICE = {
    "timezone": "Asia/Jakarta",
    "week": {
        "mon": [["07:30", "12:00"], ["13:00", "16:00"]],
        "tue": [["07:30", "12:00"], ["13:00", "16:00"]],
        "wed": [["07:30", "12:00"], ["13:00", "16:00"]],
        "thu": [["07:30", "12:00"], ["13:00", "16:00"]],
        "fri": [["07:30", "11:30"], ["13:00", "16:30"]],
    },
    "periods": [
        {
            "name": "Ramadan 2026",
            "source": "SE Gubernur 1/SE/2026",
            "from": "2026-02-19",
            "to": "2026-03-19",
            "week": {day: [["08:00", "12:00"], ["12:30", "15:00"]] for day in ("mon", "tue", "wed", "thu")}
            | {"fri": [["08:00", "11:30"], ["12:30", "15:30"]]},
        }
    ],
    "days": [
        {"date": "2026-03-18", "hours": [], "name": "Cuti Bersama Nyepi", "source": "SKB 1497/2025"},
        {"date": "2026-03-19", "hours": [], "name": "Hari Suci Nyepi", "source": "SKB 1497/2025"},
        {"date": "2026-03-20", "hours": [], "name": "Cuti Bersama Idul Fitri", "source": "SKB 1497/2025"},
        {"date": "2026-03-21", "hours": [], "name": "Idul Fitri", "source": "SKB 1497/2025"},
        {"date": "2026-03-22", "hours": [], "name": "Idul Fitri", "source": "SKB 1497/2025"},
        {"date": "2026-03-23", "hours": [], "name": "Cuti Bersama Idul Fitri", "source": "SKB 1497/2025"},
        {"date": "2026-03-24", "hours": [], "name": "Cuti Bersama Idul Fitri", "source": "SKB 1497/2025"},
        {"date": "2027-02-06", "hours": [], "name": "Tahun Baru Imlek", "is_estimated": True},
    ],
    "decreed_through": "2026-12-31",
}


def wib(text: str) -> datetime:
    """The instant that a clock in Jakarta shows as `2026-06-02 09:00`, with seconds if need be."""
    return datetime.fromisoformat(text).replace(tzinfo=WIB).astimezone(UTC)


@pytest.fixture(scope="session")
def office() -> CompiledCalendar:
    """The hours of a city office, with the Ramadan and the holidays of March 2026."""
    return compile_calendar(parse_rules(OFFICE))
