"""What happened along an account, told on its rows."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from app.sla.calendars import always_open
from app.sla.catalogue import TEXTS
from app.sla.clock import ClockEvent, EventKind, PromiseEffect, Target, TargetUnit, Terms, fold
from app.sla.explain import Note, explain, row_note
from app.sla.marks import Mark, marked

from .conftest import WIB, wib

EIGHT_HOURS = Target(TargetUnit.WORKING_MINUTE, 480)
LIFE = [
    ClockEvent(wib("2026-06-02 09:00"), EventKind.START),
    ClockEvent(wib("2026-06-03 08:00"), EventKind.PAUSE, reason="awaiting_complainant"),
    ClockEvent(wib("2026-06-03 10:00"), EventKind.RESUME),
]


def handed(at: str) -> Mark:
    return Mark(wib(at), Note("handed", former="Kelurahan", name="Sudin", actor="Dewi"))


def account(office, *marks: Mark, as_of: str = "2026-06-03 11:00") -> list[tuple[str, str, int, str]]:
    terms = Terms(EIGHT_HOURS, office)
    rows = marked(explain(LIFE, terms, as_of=wib(as_of)), marks, terms)
    assert sum(row.counted_s for row in rows) == fold(LIFE, terms, as_of=wib(as_of)).elapsed_s
    assert all(before.to_at == after.from_at for before, after in pairwise(rows))
    return [
        (
            f"{row.from_at.astimezone(WIB):%d %H:%M}",
            f"{row.to_at.astimezone(WIB):%d %H:%M}",
            row.counted_s,
            row_note(row, "id", WIB),
        )
        for row in rows
    ]


def test_a_row_is_cut_where_something_happens_and_counts_no_second_less(office) -> None:
    assert account(office, handed("2026-06-02 10:00"))[:3] == [
        ("02 09:00", "02 10:00", 3_600, "Jam kerja"),
        ("02 10:00", "02 12:00", 7_200, "Jam kerja; diserahkan dari Kelurahan ke Sudin (oleh Dewi)"),
        ("02 12:00", "02 13:00", 0, "Istirahat"),
    ]


def test_a_night_and_a_pause_are_cut_too(office) -> None:
    rows = account(office, handed("2026-06-02 20:00"), Mark(wib("2026-06-03 09:00"), Note("held", name="Sudin")))
    assert ("02 20:00", "03 07:30", 0, "Di luar jam kerja; diserahkan dari Kelurahan ke Sudin (oleh Dewi)") in rows
    assert rows[-3:-1] == [
        ("03 08:00", "03 09:00", 0, "Jeda: menunggu pelapor, 1 jam tidak dihitung"),
        ("03 09:00", "03 10:00", 0, "Jeda: menunggu pelapor, 1 jam tidak dihitung; dipegang Sudin"),
    ]


def test_what_happens_at_the_edge_of_a_row_cuts_nothing_and_what_happens_outside_is_left_out(office) -> None:
    plain = account(office)
    at_edges = account(office, handed("2026-06-02 12:00"), handed("2026-06-03 11:00"), handed("2026-06-02 08:00"))
    assert [row[:3] for row in at_edges] == [row[:3] for row in plain]
    assert [row[3] for row in at_edges if "Sudin" in row[3]] == [
        "Istirahat; diserahkan dari Kelurahan ke Sudin (oleh Dewi)"
    ]


def test_two_things_at_one_instant_stand_on_one_row() -> None:
    terms = Terms(None, always_open("Asia/Jakarta"))
    start = ClockEvent(wib("2026-06-02 09:00"), EventKind.START)
    promise = Note("moved", at=wib("2026-06-09 16:00"))
    marks = [Mark(start.at, Note("held", name="Sudin")), Mark(start.at, promise)]
    (row,) = marked(explain([start], terms, as_of=start.at + timedelta(hours=1)), marks, terms)
    assert row_note(row, "en", WIB) == (
        "Time runs; held by Sudin; promised for Tuesday, 9 June 2026, 16:00 UTC+07:00, the due time moves there"
    )


def test_every_effect_of_a_promise_has_its_words() -> None:
    assert all(effect in TEXTS[language] for effect in PromiseEffect for language in TEXTS)
