"""`tanggap calendar`, `tanggap policy` and `tanggap sla what-if` on a seeded database."""

from __future__ import annotations

import json
from typing import Any

import pytest

SIX_DAYS = {"target": {"unit": "working_day", "amount": 6}, "calendar": "asn-dki"}
NIGHT: dict[str, Any] = {"timezone": "Asia/Jakarta", "week": {"mon": [["20:00", "24:00"]]}}

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


def given(content: object) -> bytes:
    return json.dumps(content).encode()


def test_calendars_and_policies_are_listed_and_shown(tanggap) -> None:
    names = [item["name"] for item in tanggap("calendar", "list", "--json").document["items"]]
    assert names == ["24x7", "asn-dki"]
    shown = tanggap("policy", "show", "law.decide", "--json").document
    assert (shown["clock"], shown["family"], shown["version_in_force"]) == ("resolve", "law", 1)
    assert shown["versions"][0]["content"]["target"] == {"unit": "elapsed_minute", "amount": 86_400}
    assert "law.decide" in tanggap("policy", "list").out
    assert tanggap("policy", "show", "moon").code == 1


def test_a_version_is_drafted_and_published_where_no_clock_is_open(tanggap) -> None:
    made = tanggap("policy", "create", "law.decide", "-", "--json", given=given(SIX_DAYS))
    assert (made.code, made.document) == (0, {"name": "law.decide", "version": 2})
    assert tanggap("policy", "publish", "law.decide", "2", "--json").document["version_in_force"] == 2
    again = tanggap("policy", "publish", "law.decide", "2")
    assert (again.code, again.out) == (1, "")
    assert "published already" in again.err
    calendar = ["calendar", "create", "night", "-", "--source", "SE 1/2026", "--json"]
    assert tanggap(*calendar, given=given(NIGHT)).document == {"name": "night", "version": 1}
    content = tanggap("calendar", "show", "night", "--json").document["versions"][0]["content"]
    assert content["source_document"] == "SE 1/2026"


def test_people_read_versions_and_doubts_line_by_line(tanggap) -> None:
    tanggap("policy", "create", "law.decide", "-", given=given(SIX_DAYS))
    shown = tanggap("policy", "show", "law.decide").out
    assert shown.startswith("law.decide law resolve\nversion 2: a draft of command line\n{\n")
    assert '"unit": "working_day"' in shown
    assert "version 1: in force, published 20" in shown
    doubtful = {**NIGHT, "days": [{"date": "2027-05-01", "hours": [], "is_estimated": True}]}
    told = tanggap("calendar", "validate", "night", "-", given=given(doubtful)).out.splitlines()
    assert told[:2] == ["nothing is wrong", "warning: rules.days: 2027-05-01 is estimated, not decreed"]


@pytest.mark.parametrize(
    ("arguments", "content", "field"),
    [
        (("calendar", "validate", "night", "-"), {**NIGHT, "week": {}}, "rules.week"),
        (("calendar", "validate", "night", "-"), {**NIGHT, "timezone": "WIB"}, "rules.timezone"),
        (("calendar", "validate", "night", "-", "--effective-on", "besok"), NIGHT, "effective_on"),
        (("policy", "validate", "law.decide", "-"), {"calendar": "night"}, "calendar"),
        (("policy", "validate", "law.decide", "-"), {"applies": {"connectors": ["lapr"]}}, "applies.connectors"),
        (("policy", "validate", "new", "-", "--clock", "lunch", "--family", "city"), SIX_DAYS, "clock"),
    ],
)
def test_what_is_wrong_ends_with_1_and_is_named(tanggap, arguments, content, field) -> None:
    ran = tanggap(*arguments, "--json", given=given(content))
    assert (ran.code, ran.document["valid"]) == (1, False)
    assert [error["field"] for error in ran.document["errors"]] == [field]
    assert field in ran.err


def test_a_misspelt_kind_of_source_is_told_with_the_nearest_one(tanggap) -> None:
    misspelt = {"applies": {"connectors": ["lapr"]}}
    ran = tanggap("policy", "create", "law.decide", "-", given=given(misspelt))
    assert ran.code == 1
    assert "applies.connectors: there is no kind of source lapr; the nearest is lapor" in ran.err


def test_what_is_doubtful_asks_for_a_confirmation(tanggap) -> None:
    estimated = {**NIGHT, "days": [{"date": "2027-05-01", "hours": [], "is_estimated": True}]}
    found = tanggap("calendar", "validate", "night", "-", "--json", given=given(estimated))
    assert (found.code, found.document["valid"]) == (0, True)
    assert {warning["code"] for warning in found.document["warnings"]} == {"estimated", "no_decree"}
    tanggap("calendar", "create", "night", "-", given=given(estimated))
    assert "confirm" in tanggap("calendar", "publish", "night", "1").err
    assert tanggap("calendar", "publish", "night", "1", "--confirm").code == 0


def test_what_if_answers_for_a_period(tanggap) -> None:
    period = ["--from", "2026-01-01", "--to", "2026-06-30"]
    asked = tanggap("sla", "what-if", "--policy", "law.decide", "--target", "6 working_day", *period, "--json")
    assert asked.code == 0
    assert asked.document["then"]["target"] == {"unit": "working_day", "amount": 6}
    assert (asked.document["from"], asked.document["to"]) == ("2025-12-31T17:00:00Z", "2026-06-30T17:00:00Z")
    assert asked.document["total"]["cycles"] == 0
    for wrong in (["--target", "six days"], ["--target", "6 weeks"], ["--calendar", "moon"], []):
        assert tanggap("sla", "what-if", "--policy", "law.decide", *wrong, *period).code == 1


@pytest.mark.parametrize("period", [("0001-01-01", "2026-06-30"), ("2026-01-01", "9999-12-31")])
def test_a_period_beyond_what_can_be_computed_is_refused_in_one_line(tanggap, period) -> None:
    since, until = period
    asked = tanggap("sla", "what-if", "--policy", "law.decide", "--calendar", "24x7", "--from", since, "--to", until)
    assert (asked.code, asked.err.count("\n")) == (1, 1)
