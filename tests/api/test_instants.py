"""Instants at the door."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from app.api.instants import parse_from, parse_instant, parse_to, rfc3339
from app.complaint.errors import InvalidInput

JAKARTA = ZoneInfo("Asia/Jakarta")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-12T15:00:00+07:00", "2026-01-12T08:00:00Z"),
        ("2026-01-12T08:00:00Z", "2026-01-12T08:00:00Z"),
        ("2026-01-12 08:00:00z", "2026-01-12T08:00:00Z"),
        ("2026-01-12T08:00:00.25Z", "2026-01-12T08:00:00.250000Z"),
        ("2026-01-12T08:00:00-00:30", "2026-01-12T08:30:00Z"),
    ],
)
def test_an_instant_is_read_and_written_in_utc(text: str, utc: str) -> None:
    assert rfc3339(parse_instant(text)) == utc


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-12T15:00:00",
        "2026-01-12T15:00:00 07:00",
        "2026-01-12",
        "2026-13-12T15:00:00Z",
        "2026-02-30T15:00:00Z",
        "2026-01-12T25:00:00Z",
        "2026-W03-1T15:00:00Z",
        "20260112T150000Z",
        "0001-01-01T00:00:00+07:00",
        "9999-12-31T00:00:00Z",
        "٢٠٢٦-01-12T15:00:00Z",
        "1768201200",
        "now",
        "",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_instant(text)


@pytest.mark.parametrize("value", [1768201200, None, True, datetime.fromisoformat("2026-01-12T15:00:00")])
def test_only_text_and_aware_instants_are_read(value: object) -> None:
    with pytest.raises(ValueError):
        parse_instant(value)


def test_a_date_alone_is_the_whole_local_day() -> None:
    assert parse_from("2026-01-12", "reported_from", JAKARTA) == datetime(2026, 1, 11, 17, tzinfo=UTC)
    assert parse_to("2026-01-12", "reported_to", JAKARTA) == datetime(2026, 1, 12, 17, tzinfo=UTC)


def test_a_span_that_begins_or_ends_with_an_instant_keeps_it() -> None:
    instant = "2026-01-12T15:00:00+07:00"
    assert parse_from(instant, "a", JAKARTA) == parse_to(instant, "a", JAKARTA) == datetime(2026, 1, 12, 8, tzinfo=UTC)
    assert parse_from(None, "a", JAKARTA) is None


@pytest.mark.parametrize("text", ["2026-02-30", "yesterday", "9999-12-31", "2026-01-12T15:00"])
def test_a_bad_span_names_its_parameter(text: str) -> None:
    with pytest.raises(InvalidInput, match="reported_to"):
        parse_to(text, "reported_to", JAKARTA)
