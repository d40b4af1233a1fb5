"""The worked cases: every one through the fold, and through the preview as the doors give it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from app.sla.calendars import compile_calendar, parse_rules
from app.sla.clock import (
    ClockEvent,
    EventKind,
    State,
    Stored,
    Terms,
    counting_calendar,
    fold,
    parse_target,
    read,
)
from app.sla.preview import preview

CASES = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))


def no_calendars(name: str) -> None:
    return None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_worked_case_comes_out_as_written(case) -> None:
    answer = preview(case, calendars=no_calendars)
    rows = answer.pop("explain", [])

    assert answer == case["expect"]
    assert sum(row["counted_seconds"] for row in rows) == answer.get("elapsed_seconds", 0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_worked_case_reads_the_same_from_what_is_stored(case) -> None:
    terms = Terms(parse_target(case["target"]), compile_calendar(parse_rules(case["calendar"])))
    events = [ClockEvent(datetime.fromisoformat(each["at"]), EventKind(each["kind"])) for each in case["events"]]
    as_of = datetime.fromisoformat(case["as_of"])

    outcome = fold(events, terms, as_of=as_of)
    reading = read(Stored.of(outcome), counting_calendar(terms.target, terms.calendar), as_of)

    assert (outcome.state is State.NOT_STARTED) == (case["expect"] == {"state": "not_started"})
    assert reading.elapsed_s == case["expect"].get("elapsed_seconds", 0)
    assert reading.paused_s == case["expect"].get("paused_seconds", 0)
    assert reading.remaining_s == case["expect"].get("remaining_seconds")
    assert reading.is_breached == (case["expect"].get("breached_at") is not None)


def test_there_are_thirty_one_worked_cases() -> None:
    assert len(CASES) == 31
