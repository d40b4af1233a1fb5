"""The readers that every mapping uses: times, ids, numbers and words for nothing, as sources write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from connectors import reading
from connectors.contract import TimePrecision

WIB = ZoneInfo("Asia/Jakarta")


# case 9
@pytest.mark.parametrize("digits", ["0", "91", "003", "0030", "00300", "003000", "0030001"])
@pytest.mark.parametrize("separator", [" ", "T"])
def test_fractions_of_any_length_are_read(digits, separator):
    found = reading.instant(f"2022-01-04{separator}09:30:03.{digits}", zone=WIB)
    assert found.at.replace(microsecond=0) == datetime(2022, 1, 4, 2, 30, 3, tzinfo=UTC)
    assert found.at.microsecond == int(f"{digits:0<6}"[:6])


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("2026-11-24T08:00:00Z", 0),
        ("2026-11-24 08:00:00 +0700", 7),
        ("2026-11-24T08:00-05:00", -5),
        ("2026-11-24T08:00", 7),
        ("2026-11-24 08:00:00+07", 7),
        ("2026-11-24 08:00:00.5-05", -5),
    ],
)
def test_a_time_has_its_own_offset_or_the_sources_zone(text, offset):
    found = reading.instant(text, zone=WIB).at.replace(microsecond=0)
    assert found == datetime(2026, 11, 24, 8, 0, tzinfo=UTC) - timedelta(hours=offset)


# cases 5, 8, 10
@pytest.mark.parametrize(
    "text", ["2010/12/12", "0001-01-01", "9999-12-31", "1970-01-01", "24 Nov 2026", "true", "", None, 7]
)
def test_what_is_no_time_is_none(text):
    assert reading.instant(text, zone=WIB) is None
    assert reading.instant("2026-11-24", zone=WIB).precision is TimePrecision.DAY


# cases 20, 35
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("015", "015"),
        (43965, "43965"),
        (170339.0, "170339"),
        (" 7 ", "7"),
        (True, None),
        ("", None),
        ([], None),
        ("null", None),
    ],
)
def test_an_id_is_text(value, expected):
    assert reading.identifier(value) == expected


# case 35
@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("TRUE", True), ("1", True), (1, True), ("0", False), (None, False)]
)
def test_a_yes_is_told_in_many_ways(value, expected):
    assert reading.is_yes(value) is expected


# case 37
@pytest.mark.parametrize("text", ["null", "", " ", "N/A", "Unspecified", "-", "NULL", " n/a "])
def test_words_for_nothing_are_nothing(text):
    assert reading.words(text, [], what="x") is None
    assert reading.words("Nihil", [], what="x") == "Nihil"


# case 35
def test_coordinates_are_read_as_texts_and_as_numbers():
    assert reading.place("-6.2", "106.8", [], bounds=reading.JAKARTA) == (-6.2, 106.8)
    assert reading.place(-6.2, 106.8, [], bounds=reading.JAKARTA) == (-6.2, 106.8)


# cases 3, 6, 8
@pytest.mark.parametrize(
    ("text", "expected", "precision"),
    [
        (" 24/11/2026 08:15 ", datetime(2026, 11, 24, 1, 15, tzinfo=UTC), TimePrecision.MINUTE),
        ("24/11/2026 08:15:09", datetime(2026, 11, 24, 1, 15, 9, tzinfo=UTC), TimePrecision.SECOND),
        ("24/11/2026", datetime(2026, 11, 23, 17, 0, tzinfo=UTC), TimePrecision.DAY),
    ],
)
def test_a_time_in_a_declared_format_is_local_and_as_exact_as_the_format(text, expected, precision):
    found = reading.formatted_instant(text, ["%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y"], zone=WIB)
    assert (found.at, found.precision) == (expected, precision)


@pytest.mark.parametrize("text", ["11/24/2026 08:15", "01/01/1970 00:00", "2026-11-24T08:15", "", None, 7, "1" * 10**6])
def test_a_time_in_no_declared_format_is_no_time(text):
    assert reading.formatted_instant(text, ["%d/%m/%Y %H:%M"], zone=WIB) is None


# case 50
@pytest.mark.parametrize("text", ["-6.2,106.8", " -6.2 ; 106.8", "-6.2 106.8", "106.8, -6.2"])
def test_both_coordinates_in_one_text_are_read(text):
    assert reading.point(text, [], bounds=reading.JAKARTA) == (-6.2, 106.8)


@pytest.mark.parametrize(
    "text", ["", "-6.2", "-6,2;106,8", "-6.2,106.8,12", "a,b", "0,0", None, -6.2, [1, 2], "," * 10**6]
)
def test_a_text_that_is_no_two_coordinates_is_no_place(text):
    assert reading.point(text, [], bounds=reading.JAKARTA) == (None, None)
