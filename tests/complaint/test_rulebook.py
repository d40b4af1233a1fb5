"""Which calendar a clock counts on: the version in effect when it started, read with the exceptions of its unit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from app.complaint.clocks import DatedCalendar, Held, settle
from app.complaint.lifecycle import Move
from app.sla.calendars import compile_calendar, parse_rules
from app.sla.clock import Target, TargetUnit
from tests.complaint.story import (
    BIRO,
    KELURAHAN,
    OFFICE,
    SUDIN,
    at,
    facts,
    fold,
    given,
    move,
    policy,
    reported,
    rulebook,
    told,
)

CLOSED_MONDAY = {"date": "2026-01-12", "hours": [], "name": "Banjir"}
CLOSED_TUESDAY = {"date": "2026-01-13", "hours": []}
NEW = reported("10 08:00")


def office(**layers):
    return compile_calendar(parse_rules({**OFFICE, **layers}))


def hourly(clock="respond", **values):
    return policy(11, clock, 60, calendar="office", target=Target(TargetUnit.WORKING_MINUTE, 60), **values)


def rules_with(calendar, clock="respond", **dated):
    former = DatedCalendar(2, office())
    newest = DatedCalendar(3, calendar, former=former, **dated)
    return rulebook([hourly(clock)], calendars={"office": newest}, calendar_by_id={2: former.calendar, 3: calendar})


def only(events, rules, held=None, clock="respond"):
    (row,) = [row for row in settle(fold(*events), facts(), rules, held or {}) if row.clock == clock]
    return row


@pytest.mark.parametrize(
    ("effective_on", "version_id", "due"),
    [
        (None, 3, "13 08:30"),
        (date(2026, 1, 10), 3, "13 08:30"),
        (date(2026, 1, 11), 2, "12 08:30"),
    ],
)
def test_a_calendar_version_governs_the_cycles_that_start_when_it_is_in_effect(effective_on, version_id, due):
    row = only([NEW], rules_with(office(days=[CLOSED_MONDAY]), effective_on=effective_on))
    assert (row.calendar_version_id, told(row.due_at)) == (version_id, due)


def test_a_calendar_has_its_first_version_before_any_is_in_effect():
    first = DatedCalendar(1, office(), date(2026, 1, 1))
    assert first.on(date(2025, 1, 1)) is first


def test_a_calendar_version_that_was_taken_back_governs_nothing():
    first = DatedCalendar(1, office())
    summer = DatedCalendar(2, office(), date(2026, 6, 1), first)
    everywhere = DatedCalendar(3, office(), None, summer)
    back = DatedCalendar(4, office(), date(2026, 6, 1), everywhere, brings_back=2)
    assert [back.on(day).version_id for day in (date(2026, 5, 1), date(2026, 7, 1))] == [1, 4]


@pytest.mark.parametrize(
    ("unit", "due", "exception_unit"),
    [(None, "12 08:30", None), (SUDIN, "13 08:30", SUDIN), (KELURAHAN, "12 08:30", None)],
)
def test_the_exceptions_of_the_unit_that_holds_a_complaint_count(unit, due, exception_unit):
    rules = rules_with(office(exceptions=[{"unit": "sudin", "days": [CLOSED_MONDAY]}]))
    row = only([NEW] if unit is None else [NEW, given("10 08:00", unit)], rules)
    assert (told(row.due_at), row.exception_unit_id) == (due, exception_unit)


def test_a_unit_is_below_the_exceptions_of_those_above_it():
    above = {"unit": "kota", "days": [CLOSED_MONDAY]}
    own = {"unit": "sudin", "days": [CLOSED_TUESDAY]}
    rules = rules_with(office(exceptions=[above, own]))
    found = [only([NEW, given("10 08:00", unit)], rules) for unit in (KELURAHAN, SUDIN)]
    assert [(told(row.due_at), row.exception_unit_id) for row in found] == [("13 08:30", 1), ("14 08:30", SUDIN)]


def test_validation_counts_on_the_calendar_of_the_bureau_that_validates():
    rules = rules_with(office(exceptions=[{"unit": "biro", "days": [CLOSED_MONDAY]}]), clock="validate")
    done = [NEW, given("10 08:00", SUDIN), move("10 09:00", Move.ACCEPT), move("10 10:00", Move.SUBMIT)]
    row = only(done, rules, clock="validate")
    assert (row.exception_unit_id, told(row.due_at)) == (BIRO, "13 08:30")


def test_what_a_unit_has_closed_keeps_its_exceptions_wherever_the_complaint_goes():
    rules = rules_with(office(exceptions=[{"unit": "sudin", "days": [CLOSED_MONDAY]}]))
    done = [NEW, given("10 08:00", SUDIN), move("13 08:00", Move.ACCEPT)]
    before = only(done, rules)
    kept = {
        before.key: Held(
            policy_version_id=before.policy_version_id,
            calendar_version_id=before.calendar_version_id,
            exception_unit_id=before.exception_unit_id,
            is_closed=True,
            raised_step=0,
        )
    }
    after = only([*done, move("14 08:00", Move.FORWARD, unit_id=KELURAHAN)], rules, kept)
    assert (told(before.due_at), before.stopped_at) == ("13 08:30", at("13 08:00"))
    assert after == replace(before, unit_id=KELURAHAN)
