"""The preview of a worked case: what it answers, and what it refuses by the name of the field."""

from __future__ import annotations

import copy

import pytest

from app.sla.calendars import parse_rules
from app.sla.preview import InvalidCase, preview

from .conftest import OFFICE

CASE = {
    "calendar": {"timezone": "Asia/Jakarta", "week": {"tue": [["07:30", "12:00"], ["13:00", "16:00"]]}},
    "target": {"unit": "working_minute", "amount": 450},
    "events": [{"at": "2026-06-02T00:30:00Z", "kind": "start"}],
    "as_of": "2026-06-02T03:00:00Z",
}


def stored(name: str):
    return parse_rules(OFFICE) if name == "asn-dki" else None


def ask(language="id", **changes):
    case = {key: value for key, value in (copy.deepcopy(CASE) | changes).items() if value is not ...}
    return preview(case, calendars=stored, language=language)


def test_the_answer_has_exactly_the_documented_fields() -> None:
    assert ask() == {
        "state": "running",
        "due_at": "2026-06-02T09:00:00Z",
        "breached_at": None,
        "elapsed_seconds": 9_000,
        "paused_seconds": 0,
        "remaining_seconds": 18_000,
        "explain": [
            {
                "from": "2026-06-02T00:30:00Z",
                "to": "2026-06-02T03:00:00Z",
                "kind": "open",
                "counted_seconds": 9_000,
                "note": "Jam kerja",
                "source": None,
            }
        ],
    }


def test_nothing_started_is_said_alone() -> None:
    assert ask(events=[]) == {"state": "not_started"}
    assert ask(as_of="2026-06-02T00:29:59Z") == {"state": "not_started"}


def test_a_calendar_may_be_named_or_left_out_where_it_does_not_matter() -> None:
    assert ask(calendar="asn-dki")["due_at"] == "2026-06-02T09:00:00Z"
    assert ask(calendar=..., target={"unit": "elapsed_minute", "amount": 60})["due_at"] == "2026-06-02T01:30:00Z"


def test_instants_may_have_any_offset_and_fractions_and_come_back_in_utc() -> None:
    events = [{"at": "2026-06-02T07:30:00.25+07:00", "kind": "start"}]
    assert (
        ask(events=events, target={"unit": "working_minute", "amount": 60})["due_at"] == "2026-06-02T01:30:00.250000Z"
    )


@pytest.mark.parametrize(
    ("due_at", "expected"),
    [
        ("2026-06-03T10:00:00+07:00", "2026-06-03T03:00:00Z"),
        ("2026-06-03", "2026-06-03T17:00:00Z"),
        (None, None),
    ],
)
def test_a_source_may_state_an_instant_or_a_day_or_nothing(due_at, expected) -> None:
    assert ask(target={"unit": "source_due", "due_at": due_at})["due_at"] == expected


def test_a_date_alone_without_a_calendar_is_a_day_in_utc() -> None:
    answer = ask(calendar=..., target={"unit": "source_due", "due_at": "2026-06-03"})
    assert answer["due_at"] == "2026-06-04T00:00:00Z"


def test_a_promise_moves_the_due_time() -> None:
    events = [*CASE["events"], {"at": "2026-06-02T01:00:00Z", "kind": "extend", "promised_at": "2026-06-20"}]
    assert ask(events=events)["due_at"] == "2026-06-20T17:00:00Z"


def test_the_account_speaks_the_language_asked_for() -> None:
    events = [
        *CASE["events"],
        {"at": "2026-06-02T01:00:00Z", "kind": "pause", "reason": "awaiting_complainant", "actor": "sari"},
    ]
    for language, note in (
        ("id", "Jeda: menunggu pelapor (oleh sari), 2 jam tidak dihitung"),
        ("en-US", "Paused: waiting for the complainant (by sari), 2 hours not counted"),
    ):
        assert ask(language, events=events)["explain"][1]["note"] == note


START = CASE["events"][0]
MINUTES = {"unit": "working_minute", "amount": 450}
REFUSED = [
    ({"target": ...}, "target"),
    ({"events": ...}, "events"),
    ({"as_of": ...}, "as_of"),
    ({"calender": {}}, "calender"),
    ({"calendar": ...}, "calendar"),
    ({"calendar": "nowhere"}, "calendar"),
    ({"calendar": 7}, "calendar"),
    ({"calendar": {"timezone": "Asia/Jakarta", "week": {"mon": [["08:00", "25:00"]]}}}, "calendar.week.mon[0]"),
    ({"calendar": {"timezone": "Asia/Jakarta", "week": {}}}, "calendar.week"),
    ({"target": "working_minute"}, "target"),
    ({"target": MINUTES | {"unit": "hour"}}, "target.unit"),
    ({"target": MINUTES | {"amount": 0}}, "target.amount"),
    ({"target": MINUTES | {"amount": 10**11}}, "target.amount"),
    ({"target": {"unit": "working_day", "amount": 10**9}}, "target.amount"),
    ({"target": {"unit": "elapsed_minute", "amount": 10**40}}, "target.amount"),
    ({"target": MINUTES | {"due_at": "2026-06-03"}}, "target.due_at"),
    ({"target": {"unit": "source_due", "due_at": "9998-12-31"}}, "target.due_at"),
    ({"target": {"unit": "source_due", "due_at": "0001-01-01"}}, "target.due_at"),
    ({"events": {}}, "events"),
    ({"events": [START] * 10_001}, "events"),
    ({"events": [START, "stop"]}, "events[1]"),
    ({"events": [{"kind": "start"}]}, "events[0].at"),
    ({"events": [START | {"kind": "begin"}]}, "events[0].kind"),
    ({"events": [START | {"at": "2026-06-02T00:30:00"}]}, "events[0].at"),
    ({"events": [START | {"at": "2026-06-02"}]}, "events[0].at"),
    ({"events": [START | {"at": "2026-13-02T00:30:00Z"}]}, "events[0].at"),
    ({"events": [START | {"at": 1_780_000_000}]}, "events[0].at"),
    ({"events": [START | {"at": "9999-01-01T00:00:00Z"}]}, "events[0].at"),
    ({"events": [START | {"who": "sari"}]}, "events[0].who"),
    ({"events": [START | {"promised_at": "2026-06-20"}]}, "events[0].promised_at"),
    (
        {"events": [START, {"at": "2026-06-02T01:00:00Z", "kind": "extend", "promised_at": "soon"}]},
        "events[1].promised_at",
    ),
    ({"as_of": "9998-12-31T23:30:00-01:00"}, "as_of"),
    ({"as_of": "yesterday"}, "as_of"),
    ({"as_of": None}, "as_of"),
]


@pytest.mark.parametrize(("changes", "field"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_bad_case_is_refused_by_the_name_of_its_field(changes, field) -> None:
    with pytest.raises(InvalidCase) as refused:
        ask(**changes)
    assert refused.value.field == field


@pytest.mark.parametrize("case", [[], None, "case", 7])
def test_a_case_that_is_no_object_is_refused(case) -> None:
    with pytest.raises(InvalidCase):
        preview(case, calendars=stored)


def test_a_case_that_runs_for_millennia_is_answered_and_sums_up() -> None:
    everything = {day: [["08:00", "09:00"], ["10:00", "11:00"]] for day in ("mon", "wed", "sun")}
    events = [START | {"at": "0003-01-02T00:00:00Z"}]
    answer = ask(calendar={"timezone": "Asia/Jakarta", "week": everything}, events=events, as_of="9998-12-01T00:00:00Z")
    assert len(answer["explain"]) < 10
    assert sum(row["counted_seconds"] for row in answer["explain"]) == answer["elapsed_seconds"] > 0
