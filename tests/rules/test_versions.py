"""Versions: what a content may say, what is wrong or doubtful about it, and how a draft comes in force."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.complaint.errors import Conflict, InvalidInput, NotFound
from app.db.session import reading
from app.db.states import RuleKind
from app.rules import drafting
from app.rules.contents import parse_calendar, parse_policy
from app.rules.findings import Finding
from app.rules.versions import NewRule
from app.sla.fields import InvalidField
from tests.rules.hall import OFFICE, SHORT, TODAY, Hall
from tests.units.city import NOW

CALENDAR, POLICY = RuleKind.CALENDAR, RuleKind.POLICY
SOUND: dict[str, Any] = {"target": {"unit": "working_day", "amount": 5}, "basis": "UU 25/2009 pasal 50"}
HOLIDAY = {"date": "2026-05-01", "hours": []}
OPEN_ONCE = {"date": "2020-05-01", "hours": [["08:00", "12:00"]]}
SHUT_TWICE = [
    {"from": "2027-01-01", "to": "2027-10-01", "week": {}},
    {"from": "2027-10-02", "to": "2028-06-01", "week": {}},
]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "target"),
        ({"basis": "SE 1"}, "target"),
        ({**SOUND, "basis": ""}, "basis"),
        ({**SOUND, "basis": "   "}, "basis"),
        ({**SOUND, "target": 5}, "target"),
        ({**SOUND, "target": {"unit": "working_day"}}, "target.amount"),
        ({**SOUND, "target": {"unit": "week", "amount": 1}}, "target.unit"),
        ({**SOUND, "colour": "red"}, "colour"),
        ({**SOUND, "applies": {"moon": []}}, "applies.moon"),
        ({**SOUND, "applies": {"cycles": [0]}}, "applies.cycles[0]"),
        ({**SOUND, "thresholds": [101]}, "thresholds[0]"),
        ({**SOUND, "thresholds": [True]}, "thresholds[0]"),
        ({**SOUND, "repeat_s": 5}, "repeat_s"),
        ({**SOUND, "max_extensions": -1}, "max_extensions"),
        ({**SOUND, "effective_on": "2026-02-30"}, "effective_on"),
        ({**SOUND, "confidence": "certain"}, "confidence"),
        ({**SOUND, "on_change": "forget"}, "on_change"),
    ],
)
def test_a_malformed_policy_is_refused_by_its_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        parse_policy(given, None, today=TODAY)
    assert refused.value.field == field


def test_a_policy_has_defaults_and_keeps_what_is_left_out() -> None:
    first = parse_policy({**SOUND, "repeat_s": None, "thresholds": [100, 50, 50]}, None, today=TODAY)
    assert (first.calendar, first.repeat_s, first.thresholds, first.effective_on) == ("24x7", None, (50, 100), TODAY)
    second = parse_policy({"target": {"unit": "source_due"}}, first, today=date(2027, 1, 1))
    assert (second.thresholds, second.effective_on, second.target.amount) == ((50, 100), TODAY, None)
    assert parse_policy(second.to_json(), None, today=TODAY) == second


def test_a_calendar_keeps_what_is_left_out() -> None:
    first = parse_calendar({"rules": OFFICE, "source_document": "Perpres 21/2023"}, None)
    second = parse_calendar({"effective_on": "2026-04-01"}, first)
    assert (second.rules, second.source_document, second.effective_on) == (
        first.rules,
        "Perpres 21/2023",
        date(2026, 4, 1),
    )
    assert parse_calendar(second.to_json(), None) == second
    with pytest.raises(InvalidField, match="rules"):
        parse_calendar({}, None)


WRONG: list[tuple[RuleKind, str, dict[str, Any], str]] = [
    (CALENDAR, "office", {"rules": {**OFFICE, "timezone": "Asia/Batavia"}}, "rules.timezone"),
    (CALENDAR, "office", {"rules": {**OFFICE, "week": {}}}, "rules.week"),
    (
        CALENDAR,
        "office",
        {"rules": {**OFFICE, "week": {"mon": [["08:00", "12:00"], ["11:00", "13:00"]]}}},
        "rules.week.mon[1]",
    ),
    (
        CALENDAR,
        "office",
        {"rules": {**OFFICE, "exceptions": [{"unit": "mars", "days": [HOLIDAY]}]}},
        "rules.exceptions",
    ),
    (CALENDAR, "office", {"rules": [1]}, "rules"),
    (CALENDAR, "office", {"rules": {**OFFICE, "week": {}, "days": [OPEN_ONCE]}}, "rules.week"),
    (CALENDAR, "office", {"rules": {**OFFICE, "periods": SHUT_TWICE}}, "rules.week"),
    (CALENDAR, " ", {"rules": OFFICE}, "name"),
    (POLICY, "law.resolve", {"target": {"unit": "working_day", "amount": 30_000}}, "target.amount"),
    (POLICY, "law.resolve", {"target": {"unit": "elapsed_minute", "amount": 10**30}}, "target.amount"),
    (POLICY, "law.resolve", {"calendar": "nowhere"}, "calendar"),
    (POLICY, "law.resolve", {"honours": ["lunch"]}, "honours"),
    (POLICY, "law.resolve", {"applies": {"units": ["mars"]}}, "applies.units"),
    (POLICY, "law.resolve", {"applies": {"categories": ["mars"]}}, "applies.categories"),
    (POLICY, "law.resolve", {"max_extensions": 1}, "extension_cap_s"),
    (POLICY, "new", {**SOUND}, "family"),
]


@pytest.mark.parametrize(("kind", "name", "given", "field"), WRONG)
async def test_what_is_wrong_is_named(
    empty_hall: Hall, kind: RuleKind, name: str, given: dict[str, Any], field: str
) -> None:
    async with reading(empty_hall.engine) as connection:
        wish = drafting.Wish(kind=kind, name=name, given=given)
        found = await drafting.validate(connection, wish, today=TODAY)
    assert [error.field for error in found.errors] == [field]
    with pytest.raises((InvalidInput, InvalidField)):
        await drafting.prepare(empty_hall.engine, empty_hall.engine, empty_hall.rulebooks, wish, today=TODAY, now=NOW)


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (NewRule("city", "lunch"), "clock"),
        (NewRule(None, "respond"), "family"),
        (NewRule("city", None), "clock"),
    ],
)
async def test_a_new_policy_names_its_family_and_a_clock(empty_hall: Hall, new: NewRule, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await empty_hall.draft(POLICY, "new", new=new, **SOUND)
    assert refused.value.field == field


async def test_a_policy_keeps_its_family_and_clock(empty_hall: Hall) -> None:
    await empty_hall.draft(POLICY, "law.resolve", new=NewRule("law", "resolve"), **SOUND)
    for new in (NewRule("city", None), NewRule(None, "respond")):
        with pytest.raises(InvalidInput):
            await empty_hall.draft(POLICY, "law.resolve", new=new, **SOUND)


DECREED = {**OFFICE, "days": [HOLIDAY], "decreed_through": "2026-12-31"}
DOUBTFUL: list[tuple[dict[str, Any], date, list[str]]] = [
    (OFFICE, TODAY, []),
    (DECREED, TODAY, []),
    (DECREED, date(2026, 11, 30), []),
    (DECREED, date(2026, 12, 1), ["the decree on the holidays of 2027 is missing, and it is December"]),
    ({**DECREED, "decreed_through": "2027-12-31"}, date(2026, 12, 1), []),
    ({**OFFICE, "days": [HOLIDAY], "decreed_through": "2026-06-30"}, TODAY, ["the holidays of 2026 are not decreed"]),
    (
        {**DECREED, "days": [HOLIDAY, {"date": "2027-05-01", "hours": [], "is_estimated": True}]},
        TODAY,
        ["2027-05-01 is estimated, not decreed", "the holidays of 2027 are not decreed"],
    ),
    (
        {
            **OFFICE,
            "periods": [{"from": "2027-02-08", "to": "2027-03-09", "week": {}, "name": "R", "is_estimated": True}],
        },
        TODAY,
        ["R is estimated, not decreed"],
    ),
]


@pytest.mark.parametrize(("rules", "today", "messages"), DOUBTFUL)
async def test_what_is_doubtful_is_told(
    empty_hall: Hall, rules: dict[str, Any], today: date, messages: list[str]
) -> None:
    async with reading(empty_hall.engine) as connection:
        wish = drafting.Wish(kind=CALENDAR, name="office", given={"rules": rules})
        found = await drafting.validate(connection, wish, today=today)
    assert ([warning.message for warning in found.warnings], found.errors) == (messages, ())
    assert found.doubts == found.warnings


async def test_a_doubt_that_is_in_force_already_needs_no_second_confirmation(empty_hall: Hall) -> None:
    estimated = {"date": "2027-05-01", "hours": [], "is_estimated": True}
    first = await empty_hall.draft(CALENDAR, "office", rules={**OFFICE, "days": [estimated]})
    with pytest.raises(Conflict, match="confirm"):
        await empty_hall.publish(CALENDAR, "office", first.number)
    await empty_hall.publish(CALENDAR, "office", first.number, confirm=True)
    second = await empty_hall.draft(CALENDAR, "office", rules={**SHORT, "days": [estimated]})
    await empty_hall.publish(CALENDAR, "office", second.number)


async def test_a_policy_that_reaches_back_says_that_closed_cycles_stay(hall: Hall) -> None:
    async def warned(given: dict[str, Any]) -> tuple[Finding, ...]:
        async with reading(hall.engine) as connection:
            wish = drafting.Wish(kind=POLICY, name="law.resolve", given=given)
            return (await drafting.validate(connection, wish, today=TODAY)).warnings

    (warning,) = await warned({"effective_on": "2026-01-15"})
    assert warning.code == "past"
    assert await warned({"effective_on": "2026-03-02"}) == ()
    assert await warned({"target": {"unit": "working_day", "amount": 9}}) == ()


async def test_what_no_open_clock_uses_is_published_at_once(empty_hall: Hall) -> None:
    draft = await empty_hall.draft(CALENDAR, "night", rules=OFFICE)
    assert (await empty_hall.rule(CALENDAR, "night")).in_force is None
    rule = await empty_hall.publish(CALENDAR, "night", draft.number)
    assert rule.in_force is not None
    assert (rule.in_force.number, rule.in_force.published_by) == (1, "gita")
    await empty_hall.draft(POLICY, "new", new=NewRule("new", "respond"), **SOUND, calendar="night")
    await empty_hall.publish(POLICY, "new", 1)
    complaint = await empty_hall.report("TG1", NOW)
    clocks = {row.family for row in await empty_hall.rows("sla_clock") if row.complaint_id == complaint}
    assert "new" in clocks
    assert await empty_hall.differences() == []


async def test_what_open_clocks_use_or_may_follow_needs_a_proposal(hall: Hall) -> None:
    calendar = await hall.draft(CALENDAR, "office", rules=SHORT)
    policy = await hall.draft(POLICY, "new", new=NewRule("new", "respond"), **SOUND)
    for kind, name, draft in ((CALENDAR, "office", calendar), (POLICY, "new", policy)):
        with pytest.raises(Conflict, match="propose"):
            await hall.publish(kind, name, draft.number)


async def test_a_version_is_published_once_and_an_older_draft_not_at_all(empty_hall: Hall) -> None:
    older, newer = [await empty_hall.draft(CALENDAR, "office", rules=SHORT) for _ in range(2)]
    await empty_hall.publish(CALENDAR, "office", newer.number)
    for number in (newer.number, older.number):
        with pytest.raises(Conflict):
            await empty_hall.publish(CALENDAR, "office", number)
    with pytest.raises(NotFound):
        await empty_hall.publish(CALENDAR, "office", 9)
