"""Categories, status words, policies and reasons, as files."""

from __future__ import annotations

from typing import Any

import pytest

from app.complaint.lifecycle import TERMINAL, Status
from app.complaint.words import fold_word
from app.seed import rules
from app.seed.jakarta import units
from app.seed.rules import calendars, categories, category_aliases, policies, reasons, status_words
from app.sla.clock import TargetUnit

BY_NAME = {policy.name: policy for policy in policies()}


def test_there_are_116_categories_with_codes_of_their_own() -> None:
    assert len(categories()) == len({category.code for category in categories()}) == 116


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("Sampah ", "sampah"),
        ("Parkir liar", "parkir-liar"),
        ("Saluran Air, Kali/Sungai", "saluran-air-kali-sungai"),
        ("Gangguan dan Kebisingan  ", "gangguan-ketenteraman-ketertiban"),
        ("PMKS", "pmks"),
        ("Keluhan Fasilitas Gedung Pemda (sekolah, kantor)", "gedung-sekolah"),
        ("Perizinan Penanaman Modal", "perizinan-penanaman-modal"),
    ],
)
def test_a_source_label_means_its_category(label: str, code: str) -> None:
    assert category_aliases()[fold_word(label)] == code


@pytest.mark.parametrize(
    ("connector", "word", "status"),
    [
        ("crm", "Menunggu", Status.RECEIVED),
        ("crm", "KOORDINASI", Status.COORDINATING),
        ("jaki", " disposisi ", Status.DISPATCHED),
        ("jaki", "Proses", Status.IN_PROGRESS),
        ("crm", "EWS", Status.SCHEDULED),
        ("crm", "menunggu  validasi", Status.AWAITING_VALIDATION),
        ("crm", "TL Ditolak", Status.REWORK),
        ("jaki", "Selesai", Status.RESOLVED),
        ("jaki", "Ditolak", Status.REJECTED),
        ("jaki", "Dihapus", Status.DELETED),
        ("lapor", "Belum terverifikasi", Status.RECEIVED),
        ("lapor", "Diteruskan", Status.COORDINATING),
        ("lapor", "Bukan Wewenang", Status.REJECTED),
        ("lapor", "Tutup", Status.RESOLVED),
    ],
)
def test_a_source_word_means_our_status(connector: str, word: str, status: Status) -> None:
    assert status_words()[(connector, fold_word(word))] is status


def test_crm_and_jaki_speak_the_same_words() -> None:
    spoken = {of: {word: status for (by, word), status in status_words().items() if by == of} for of in ("crm", "jaki")}
    assert spoken["crm"] == spoken["jaki"]


def test_no_word_means_unknown_and_every_source_can_finish() -> None:
    assert Status.UNKNOWN not in status_words().values()
    for source in ("crm", "jaki", "lapor"):
        assert TERMINAL & {status for (connector, _), status in status_words().items() if connector == source}


@pytest.mark.parametrize(
    ("name", "family", "clock", "unit", "amount", "calendar", "confidence"),
    [
        ("crm.coordinate", "city", "coordinate", TargetUnit.ELAPSED_MINUTE, 360, "24x7", "H"),
        ("crm.respond", "city", "respond", TargetUnit.ELAPSED_MINUTE, 1_440, "24x7", "H"),
        ("crm.redflag", "city-redflag", "respond", TargetUnit.ELAPSED_MINUTE, 8_640, "24x7", "H"),
        ("crm.resolve", "city", "resolve", TargetUnit.ELAPSED_MINUTE, 10_080, "24x7", "H"),
        ("crm.validate", "city", "validate", TargetUnit.ELAPSED_MINUTE, 2_880, "24x7", "L"),
        ("sp4n.forward", "sp4n", "coordinate", TargetUnit.WORKING_DAY, 3, "asn-dki", "H"),
        ("sp4n.respond", "sp4n", "respond", TargetUnit.WORKING_DAY, 5, "asn-dki", "H"),
        ("sp4n.autoclose", "sp4n", None, TargetUnit.WORKING_DAY, 10, "asn-dki", "H"),
        ("sp4n.info", "sp4n", "resolve", TargetUnit.WORKING_DAY, 5, "asn-dki", "M"),
        ("sp4n.nonoversight", "sp4n", "resolve", TargetUnit.WORKING_DAY, 14, "asn-dki", "M"),
        ("sp4n.oversight", "sp4n", "resolve", TargetUnit.WORKING_DAY, 60, "asn-dki", "M"),
        ("law.answer", "law", "respond", TargetUnit.ELAPSED_MINUTE, 20_160, "24x7", "MEM"),
        ("law.decide", "law", "resolve", TargetUnit.ELAPSED_MINUTE, 86_400, "24x7", "M"),
        ("source.due", "source", "resolve", TargetUnit.SOURCE_DUE, None, "24x7", "H"),
    ],
)
def test_each_default_rule_has_its_target(
    name: str, family: str, clock: str | None, unit: TargetUnit, amount: int | None, calendar: str, confidence: str
) -> None:
    policy = BY_NAME[name]
    assert (policy.family, policy.clock, policy.target_unit, policy.target_amount) == (family, clock, unit, amount)
    assert (policy.calendar, policy.confidence) == (calendar, confidence)
    assert policy.basis


def test_there_are_no_other_rules_and_only_one_runs_no_clock() -> None:
    assert len(BY_NAME) == len(policies()) == 14
    assert {policy.name for policy in policies() if policy.kind == "rule"} == {"sp4n.autoclose"}
    assert all((policy.clock is None) == (policy.kind == "rule") for policy in policies())


def test_no_two_rules_of_a_family_contend_for_one_clock_and_scope() -> None:
    scopes = [(one.family, one.clock, tuple(one.applies.items())) for one in policies() if one.kind == "clock"]
    assert len(scopes) == len(set(scopes))


def test_city_rules_pause_for_nobody_and_the_others_for_the_complainant() -> None:
    for policy in policies():
        waits = policy.family in ("sp4n", "law") and policy.kind == "clock"
        assert policy.honours == (("awaiting_complainant",) if waits else ())


def test_only_the_end_of_a_city_complaint_can_be_put_off_once_to_the_thirtieth_day() -> None:
    assert (BY_NAME["crm.resolve"].extension_cap_s, BY_NAME["crm.resolve"].max_extensions) == (30 * 86_400, 1)
    assert [policy.name for policy in policies() if policy.max_extensions] == ["crm.resolve"]


def test_the_six_hours_are_for_the_first_hop_only() -> None:
    assert BY_NAME["crm.coordinate"].applies["cycles"] == (1,)


def test_every_rule_warns_at_75_and_90_percent_and_daily_after_the_end() -> None:
    assert {(policy.thresholds, policy.repeat_s) for policy in policies()} == {((75, 90, 100), 86_400)}


def test_policies_name_only_units_categories_and_pauses_that_exist() -> None:
    codes, kinds = {unit.code for unit in units()}, {category.code for category in categories()}
    pauses = {reason.code for reason in reasons() if reason.kind == "pause"}
    for policy in policies():
        assert set(policy.applies["units"]) <= codes
        assert set(policy.applies["categories"]) <= kinds
        assert set(policy.honours) <= pauses


def test_every_calendar_that_a_policy_names_is_shipped() -> None:
    assert {policy.calendar for policy in policies()} == {calendar.name for calendar in calendars()}


@pytest.mark.parametrize("target", [{"weeks": 1}, {"days": "6"}, {"days": 6, "hours": 1}, {"source_due": False}, {}])
def test_a_target_that_nobody_can_read_is_refused(target: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"policy x has no target that we know"):
        rules._target("x", target)


def test_a_scope_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown scopes: \['sources'\]"):
        rules._applies("x", {"sources": ["crm"]})


def test_a_pause_for_the_complainant_lasts_thirty_days_at_most() -> None:
    limits = {reason.code: reason.max_s for reason in reasons() if reason.kind == "pause"}
    assert limits == {"awaiting_complainant": 30 * 86_400, "awaiting_validation": None}


def test_a_report_is_rejected_for_one_of_seven_reasons() -> None:
    codes = {reason.code for reason in reasons() if reason.kind == "reject"}
    assert codes == {
        "duplicate",
        "out_of_authority",
        "unclear_location",
        "insufficient_data",
        "not_a_complaint",
        "offensive",
        "other",
    }
    assert all(reason.label_id and reason.label_en for reason in reasons())
