"""The account of a clock as a head of unit reads it."""

from __future__ import annotations

import string
from datetime import timedelta

import pytest

from app.sla.calendars import always_open, compile_calendar, parse_rules
from app.sla.catalogue import REASONS, TEXTS
from app.sla.clock import ClockEvent, EventKind, Target, TargetUnit, Terms, fold
from app.sla.explain import explain, render

from .conftest import WIB, wib

EIGHT_HOURS = Target(TargetUnit.WORKING_MINUTE, 480)


def account(office, *events, as_of, target=EIGHT_HOURS, language="id"):
    life = [ClockEvent(wib(at), EventKind(kind), **(more[0] if more else {})) for at, kind, *more in events]
    terms = Terms(target, office)
    rows = explain(life, terms, as_of=wib(as_of))
    assert sum(row.counted_s for row in rows) == fold(life, terms, as_of=wib(as_of)).elapsed_s
    return [
        (
            f"{row.from_at.astimezone(WIB):%d %H:%M}",
            f"{row.to_at.astimezone(WIB):%d %H:%M}",
            row.counted_s,
            render(row.note, language),
        )
        for row in rows
    ]


def test_a_day_with_lunch_a_night_and_a_passed_due_time(office) -> None:
    assert account(office, ("2026-06-02 09:00", "start"), as_of="2026-06-03 11:00") == [
        ("02 09:00", "02 12:00", 10_800, "Jam kerja"),
        ("02 12:00", "02 13:00", 0, "Istirahat"),
        ("02 13:00", "02 16:00", 10_800, "Jam kerja"),
        ("02 16:00", "03 07:30", 0, "Di luar jam kerja"),
        ("03 07:30", "03 09:30", 7_200, "Jam kerja"),
        ("03 09:30", "03 11:00", 5_400, "Jam kerja, sesudah batas waktu"),
    ]


def test_a_weekend_with_the_nights_beside_it_is_one_row(office) -> None:
    assert account(office, ("2026-06-05 16:00", "start"), as_of="2026-06-08 08:00", language="en") == [
        ("05 16:00", "05 16:30", 1_800, "Working hours"),
        ("05 16:30", "08 07:30", 0, "Day without working hours"),
        ("08 07:30", "08 08:00", 1_800, "Working hours"),
    ]


def test_holidays_are_named_one_by_one_with_their_decree(office) -> None:
    rows = account(office, ("2026-03-17 14:00", "start"), as_of="2026-03-25 08:00")
    assert rows == [
        ("17 14:00", "17 15:00", 3_600, "Jam kerja Ramadan 2026"),
        ("17 15:00", "18 00:00", 0, "Di luar jam kerja"),
        ("18 00:00", "19 00:00", 0, "Hari libur: Cuti Bersama Nyepi"),
        ("19 00:00", "20 00:00", 0, "Hari libur: Hari Suci Nyepi"),
        ("20 00:00", "21 00:00", 0, "Hari libur: Cuti Bersama Idul Fitri"),
        ("21 00:00", "23 00:00", 0, "Hari libur: Idul Fitri"),
        ("23 00:00", "25 00:00", 0, "Hari libur: Cuti Bersama Idul Fitri"),
        ("25 00:00", "25 07:30", 0, "Di luar jam kerja"),
        ("25 07:30", "25 08:00", 1_800, "Jam kerja"),
    ]
    start = ClockEvent(wib("2026-03-17 14:00"), EventKind.START)
    sources = [row.source for row in explain([start], Terms(EIGHT_HOURS, office), as_of=wib("2026-03-18 08:00"))]
    assert sources == ["SE Gubernur 1/SE/2026", None, "SKB 1497/2025"]


def test_a_pause_is_one_row_with_its_reason_and_who_asked(office) -> None:
    pause = {"reason": "awaiting_validation", "actor": "Biro Pemerintahan"}
    assert account(
        office,
        ("2026-06-02 09:00", "start"),
        ("2026-06-02 10:00", "pause", pause),
        ("2026-06-04 10:00", "resume"),
        as_of="2026-06-04 11:00",
    ) == [
        ("02 09:00", "02 10:00", 3_600, "Jam kerja"),
        ("02 10:00", "04 10:00", 0, "Jeda: menunggu validasi (oleh Biro Pemerintahan), 15 jam tidak dihitung"),
        ("04 10:00", "04 11:00", 3_600, "Jam kerja"),
    ]


def test_the_account_ends_with_the_stop_and_is_empty_before_the_start(office) -> None:
    rows = account(office, ("2026-06-02 09:00", "start"), ("2026-06-02 10:00", "stop"), as_of="2026-07-01 09:00")
    assert rows == [("02 09:00", "02 10:00", 3_600, "Jam kerja")]
    assert account(office, ("2026-06-02 09:00", "start"), as_of="2026-06-02 08:00") == []


def test_a_midnight_at_the_end_of_the_account_is_no_break(office) -> None:
    assert account(office, ("2026-06-02 15:00", "start"), as_of="2026-06-03 00:00")[-1][3] == "Di luar jam kerja"
    lunch = account(office, ("2026-06-02 12:10", "start"), as_of="2026-06-02 12:50")
    assert lunch == [("02 12:10", "02 12:50", 0, "Istirahat")]


def test_a_clock_round_the_clock_is_one_row_before_and_one_after_its_due_time() -> None:
    target = Target(TargetUnit.ELAPSED_MINUTE, 1440)
    rows = account(always_open("Asia/Jakarta"), ("2024-06-02 09:00", "start"), as_of="2026-06-20 09:00", target=target)
    assert [note for *_, note in rows] == ["Waktu berjalan", "Waktu berjalan, sesudah batas waktu"]


def test_a_long_span_is_summed_up_between_two_changes(office) -> None:
    rows = account(
        office,
        ("2024-01-02 09:00", "start"),
        ("2025-01-02 09:00", "pause", {"reason": "menunggu suku cadang"}),
        ("2025-02-03 09:00", "resume"),
        as_of="2026-02-02 09:00",
        target=Target(TargetUnit.WORKING_MINUTE, 400_000),
    )
    assert [note for *_, note in rows] == [
        "Jam kerja dalam rentang panjang, dijumlahkan",
        "Jeda: menunggu suku cadang, 165 jam tidak dihitung",
        "Jam kerja dalam rentang panjang, dijumlahkan",
    ]


def test_an_account_of_too_many_rows_is_summed_up() -> None:
    minutes = [[f"{hour:02}:{minute:02}", f"{hour:02}:{minute + 2:02}"] for hour in range(24) for minute in (0, 30)]
    busy = compile_calendar(parse_rules({"timezone": "UTC", "week": dict.fromkeys(("mon", "tue", "wed"), minutes)}))
    rows = account(busy, ("2026-01-01 09:00", "start"), as_of="2026-12-01 09:00", target=None)
    assert [note for *_, note in rows] == ["Jam kerja dalam rentang panjang, dijumlahkan"]


def test_special_and_estimated_days_say_so() -> None:
    week = {day: [["08:00", "16:00"]] for day in ("mon", "tue", "wed", "thu")}
    days = [
        {"date": "2026-06-03", "hours": [["08:00", "10:00"]], "name": "HUT Jakarta", "source": "SE 7/2026"},
        {"date": "2026-06-04", "hours": [], "name": "Waisak", "is_estimated": True},
        {"date": "2026-06-09", "hours": []},
    ]
    some = compile_calendar(parse_rules({"timezone": "Asia/Jakarta", "week": week, "days": days}))
    notes = [note for *_, note in account(some, ("2026-06-03 08:00", "start"), as_of="2026-06-09 12:00", target=None)]
    assert notes == [
        "Jam khusus HUT Jakarta",
        "Di luar jam kerja",
        "Hari libur: Waisak (perkiraan)",
        "Hari tanpa jam kerja",
        "Jam kerja",
        "Di luar jam kerja",
        "Hari libur",
    ]


def test_both_languages_say_the_same_things() -> None:
    def holes(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert {key: holes(text) for key, text in TEXTS["id"].items()} == {
        key: holes(text) for key, text in TEXTS["en"].items()
    }
    assert REASONS["id"].keys() == REASONS["en"].keys()


@pytest.mark.parametrize("hours", [1, 24, 24 * 30])
def test_rows_touch_and_cover_every_second(office, hours) -> None:
    start = ClockEvent(wib("2026-03-10 03:21:07"), EventKind.START)
    as_of = start.at + timedelta(hours=hours, seconds=17)
    rows = explain([start], Terms(EIGHT_HOURS, office), as_of=as_of)
    edges = [start.at, *(row.to_at for row in rows)]
    assert [row.from_at for row in rows] == edges[:-1]
    assert edges[-1] == as_of
