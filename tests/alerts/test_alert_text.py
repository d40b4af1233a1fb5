"""The ladder's levels, who is told, and what an alert says in both languages."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from app.alerts.catalogue import CLOCKS, LANGUAGES, TEXTS
from app.alerts.contents import AlertFacts
from app.alerts.ladder import Firing, Level, Recipient, level_of, silent, told
from app.alerts.messages import Wording
from app.alerts.notifiers import payload
from tests.alerts.town import WORDING, at

FACTS = AlertFacts(
    id=7,
    complaint_id=42,
    ticket_code="JK2601120042",
    unit_code="dinas-a",
    unit_name="Dinas A",
    clock="respond",
    cycle=1,
    rule="kota.respond",
    step=100,
    due_at=at("2026-01-13 15:01"),
    raised_at=at("2026-01-15 18:11"),
)


@pytest.mark.parametrize(
    ("step", "level"),
    [
        (50, "notice"),
        (75, "notice"),
        (89, "notice"),
        (90, "warning"),
        (99, "warning"),
        (100, "breach"),
        (101, "repeat"),
    ],
)
def test_a_step_has_a_level(step: int, level: str) -> None:
    assert level_of(step) == level


@pytest.mark.parametrize(
    ("step", "language", "text"),
    [
        (75, "id", "75% waktu terpakai: JK2601120042, tanggapan pertama, Dinas A. Tenggat 13 Jan 2026 15.01 WIB."),
        (
            90,
            "en",
            "Due soon (90% of the time is used): JK2601120042, first response, Dinas A. Due 13 Jan 2026 15:01 WIB.",
        ),
        (
            100,
            "id",
            "Lewat tenggat: JK2601120042, tanggapan pertama, Dinas A. Tenggat 13 Jan 2026 15.01 WIB, "
            "terlambat 2 hari 3 jam.",
        ),
        (
            102,
            "en",
            "Still overdue (reminder 2): JK2601120042, first response, Dinas A. Due 13 Jan 2026 15:01 WIB, "
            "late by 2 days 3 hours.",
        ),
    ],
)
def test_the_text_says_code_clock_unit_due_time_and_how_late(step: int, language: str, text: str) -> None:
    link = "https://tanggap.example.go.id/complaints/JK2601120042"
    assert WORDING.text(replace(FACTS, step=step), language) == f"{text} {link}"


def test_a_complaint_without_code_or_unit_is_still_named() -> None:
    facts = replace(FACTS, ticket_code=None, unit_code=None, unit_name=None, raised_at=FACTS.due_at)
    assert Wording(ZoneInfo("Asia/Jayapura")).text(facts, "id") == (
        "Lewat tenggat: #42, tanggapan pertama, belum ada unit. Tenggat 13 Jan 2026 17.01 WIT, "
        "terlambat kurang dari satu menit."
    )
    assert payload(facts, Wording(ZoneInfo("Asia/Jakarta")))["link"] is None


def test_lateness_is_counted_from_the_due_time_and_never_below_nothing() -> None:
    assert payload(FACTS, WORDING)["late_seconds"] == (2 * 24 + 3) * 3600 + 600
    assert replace(FACTS, raised_at=at("2026-01-13 09:00")).late_s == 0


def test_a_ticket_code_cannot_lead_a_link_elsewhere() -> None:
    link = WORDING.link(replace(FACTS, ticket_code="../a?b=c"))
    assert link == "https://tanggap.example.go.id/complaints/..%2Fa%3Fb%3Dc"


def test_both_languages_have_the_same_words() -> None:
    assert set(TEXTS) == set(CLOCKS) == set(LANGUAGES)
    assert TEXTS["id"].keys() == TEXTS["en"].keys() >= set(Level)
    assert CLOCKS["id"].keys() == CLOCKS["en"].keys()


@pytest.mark.parametrize(
    ("recipient", "is_told"),
    [
        (Recipient(channel="webhook", name="whole"), True),
        (Recipient(channel="webhook", name="above", units=frozenset({"kota"})), True),
        (Recipient(channel="webhook", name="beside", units=frozenset({"dinas-b"})), False),
        (Recipient(channel="webhook", name="level", levels=frozenset({"breach"})), True),
        (Recipient(channel="webhook", name="other level", levels=frozenset({"notice"})), False),
        (Recipient(channel="webhook", name="other clock", clocks=frozenset({"resolve"})), False),
    ],
)
def test_who_is_told(recipient: Recipient, is_told: bool) -> None:
    heard = told([recipient], units=frozenset({"dinas-a", "kota"}), levels=[Level.BREACH], clock="respond")
    assert heard == ([recipient] if is_told else [])


def test_what_is_unrouted_is_told_to_those_who_cover_the_whole_tree() -> None:
    whole = Recipient(channel="webhook", name="whole")
    inspectors = Recipient(channel="webhook", name="kota", units=frozenset({"kota"}))
    assert told([whole, inspectors], units=frozenset(), levels=[Level.NOTICE], clock="respond") == [whole]


def test_at_first_sight_the_highest_step_speaks_and_between_equals_the_earliest_due() -> None:
    early, late = at("2026-01-13 15:00"), at("2026-01-14 15:00")
    firings = [
        _firing(1, 75, early),
        _firing(2, 100, late),
        _firing(3, 100, early),
        _firing(4, 90, early, is_first=False),
    ]
    assert silent(firings) == {1, 2}


def _firing(clock_id: int, step: int, due_at: object, *, is_first: bool = True) -> Firing:
    return Firing(clock_id=clock_id, complaint_id=1, step=step, due_at=due_at, is_first_sight=is_first)  # type: ignore[arg-type]
