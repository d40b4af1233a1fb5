"""What an incoming record means for what we hold: the verdict, the entries it adds, the header values it sets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.complaint.events import EventKind, Timing
from app.complaint.lifecycle import Status
from app.intake.merging import HeldComplaint, HeldRecord, SourceView, Verdict, judge
from app.intake.routing import Directory, Village
from connectors.contract import EventKind as SourceEventKind
from connectors.contract import Precedence
from tests.intake.feeds import at, told
from tests.intake.records import incoming, said

KELURAHAN, DINAS = 1, 2
DIRECTORY = Directory(
    {"kelurahanpetamburan": KELURAHAN, "dinasbinamarga": DINAS}, {"petamburan": Village(KELURAHAN, "31.71.07.1001")}
)
WORDS = {
    "menunggu": Status.RECEIVED,
    "koordinasi": Status.COORDINATING,
    "proses": Status.IN_PROGRESS,
    "selesai": Status.RESOLVED,
}
VIEW = SourceView(
    id=3,
    connector="crm",
    precedence=Precedence(content=1, handling=2),
    words=WORDS,
    directory=DIRECTORY,
    categories={"jaringan listrik": "listrik"},
    families=None,
    is_history=False,
    looked_at=at("12 12:00"),
    last_look_at=at("12 11:00"),
)
HELD = HeldComplaint(
    id=9,
    connectors=("jaki",),
    content_rank=2,
    handling_rank=1,
    is_private=False,
    is_anonymous=False,
    is_confidential=False,
    unit_id=KELURAHAN,
)


def record(status="Menunggu", unit=None, changed="12 09:00", content_hash="another"):
    return HeldRecord(5, 9, content_hash, status, unit, at(changed))


def entries(each, held=None, complaint=None, view=VIEW):
    """The entries as `kind when what (timing)`, with the report left out."""
    found = []
    for event in judge(each, view, held, complaint).events:
        if event.kind is not EventKind.REPORTED:
            what = event.word or event.unit_id or event.text
            timing = "" if event.timing is Timing.DATED else f" {event.timing} since {told(event.earliest_at)}"
            found.append(f"{event.kind} {told(event.occurred_at)} {what}{timing}")
    return found


# --- the verdict ---


def test_what_nobody_holds_is_created():
    assert judge(incoming("1", "12 08:00"), VIEW, None, None).verdict is Verdict.CREATE


def test_a_second_source_of_a_ticket_is_linked():
    assert judge(incoming("1", "12 08:00"), VIEW, None, HELD).verdict is Verdict.LINK


def test_another_hash_is_an_update():
    assert judge(incoming("1", "12 08:00"), VIEW, record(), HELD).verdict is Verdict.UPDATE


def test_the_same_hash_is_skipped_without_a_word():
    each = incoming("1", "12 08:00", "Selesai")
    judgement = judge(each, VIEW, record(content_hash=each.content_hash), HELD)
    assert (judgement.verdict, judgement.events, judgement.values) == (Verdict.SKIP, (), None)


# --- entries ---


def test_every_record_says_when_it_was_reported():
    (first, *_) = judge(incoming("1", "12 08:00:30"), VIEW, None, None).events
    assert (first.kind, first.occurred_at, first.key) == (EventKind.REPORTED, at("12 08:00:30"), "3:1:reported")
    assert (first.recorded_at, first.rank, first.source_id) == (VIEW.looked_at, 2, 3)


def test_a_first_word_that_it_waits_is_as_old_as_the_report():
    assert entries(incoming("1", "12 08:00")) == ["status 12 08:00 Menunggu"]


def test_another_first_word_has_been_so_since_nobody_knows_when():
    assert entries(incoming("1", "12 08:00", "Proses")) == ["status 12 12:00 Proses unknown since 12 08:00"]


def test_a_new_word_came_between_two_looks():
    assert entries(incoming("1", "12 08:00", "Proses"), record(), HELD) == [
        "status 12 12:00 Proses observed since 12 11:00"
    ]


def test_the_record_may_be_younger_than_the_last_whole_look():
    changed = record(changed="12 11:30")
    assert entries(incoming("1", "12 08:00", "Proses"), changed, HELD) == [
        "status 12 12:00 Proses observed since 12 11:30"
    ]


def test_without_a_last_look_the_last_change_bounds_it():
    first_run_failed = replace(VIEW, last_look_at=None)
    assert entries(incoming("1", "12 08:00", "Proses"), record(), HELD, first_run_failed) == [
        "status 12 12:00 Proses observed since 12 09:00"
    ]


@pytest.mark.parametrize("word", ["Menunggu", " menunggu ", "MENUNGGU"])
def test_the_same_word_again_says_nothing(word):
    assert entries(incoming("1", "12 08:00", word, text="lain"), record(), HELD) == []


def test_no_word_says_nothing():
    assert entries(incoming("1", "12 08:00", None)) == []


def test_an_unknown_word_is_told_as_unknown():
    (event,) = judge(incoming("1", "12 08:00", "Eskalasi"), VIEW, None, None).events[1:]
    assert (event.status, event.word) == (Status.UNKNOWN, "Eskalasi")


def test_a_dated_history_is_told_with_its_dates_and_its_last_word_once():
    each = incoming("1", "12 08:00", "Proses", events=(said("12 08:00", "Menunggu"), said("12 09:30", "Proses")))
    assert entries(each) == ["status 12 08:00 Menunggu", "status 12 09:30 Proses"]


def test_a_word_ahead_of_the_history_came_after_its_last_entry():
    each = incoming("1", "12 08:00", "Selesai", events=(said("12 09:30", "Proses"),))
    assert entries(each) == ["status 12 09:30 Proses", "status 12 12:00 Selesai unknown since 12 09:30"]


def test_an_entry_dated_after_our_look_is_no_date():
    each = incoming("1", "12 08:00", "Proses", events=(said("12 12:04", "Koordinasi"), said("12 12:06", "Proses")))
    assert entries(each) == ["status 12 12:04 Koordinasi", "status 12 12:04 Proses unknown since 12 12:04"]


def test_a_public_reply_is_told_as_one():
    each = incoming("1", "12 08:00", None, events=(said("12 09:00", "Terima kasih", kind=SourceEventKind.REPLY),))
    (event,) = judge(each, VIEW, None, None).events[1:]
    assert (event.kind, event.text, event.is_public) == (EventKind.REPLIED, "Terima kasih", True)


def test_what_is_dated_before_the_report_never_happened():
    early = (said("12 07:59", "Proses"), said("12 07:00", "Halo", kind=SourceEventKind.REPLY))
    each = incoming("1", "12 08:00", "Selesai", events=(*early, said("12 08:00", "Selesai")))
    assert entries(each) == ["status 12 08:00 Selesai"]
    assert entries(incoming("1", "12 08:00", "Selesai", events=early)) == [
        "status 12 12:00 Selesai unknown since 12 08:00"
    ]


def test_a_reply_dated_after_our_look_was_given_by_now():
    each = incoming("1", "12 08:00", None, events=(said("12 15:00", "Terima kasih", kind=SourceEventKind.REPLY),))
    assert entries(each) == ["replied 12 12:00 Terima kasih unknown since 12 08:00"]
    (event,) = judge(each, VIEW, record(), HELD).events[1:]
    assert (event.timing, event.is_public, told(event.earliest_at)) == (Timing.OBSERVED, True, "12 11:00")
    later = replace(VIEW, looked_at=at("12 16:00"))
    assert event.key == judge(each, later, record(), HELD).events[1].key


def test_instants_are_cut_to_the_second():
    each = incoming("1", "12 08:00", events=(said("12 09:00", "Proses"),))
    fine = replace(each, reported_at=each.reported_at.replace(microsecond=999_999))
    assert {event.occurred_at.microsecond for event in judge(fine, VIEW, None, None).events} == {0}


def test_a_key_is_the_same_for_the_same_entry_and_never_too_long():
    each = incoming("1", "12 08:00", "Proses", events=(said("12 09:00", "Proses " * 60),))
    keys = [event.key for event in judge(each, VIEW, None, None).events]
    assert keys == [event.key for event in judge(each, VIEW, None, None).events]
    assert len(set(keys)) == len(keys)
    assert max(map(len, keys)) <= 80


def test_keys_of_two_sources_differ():
    each = incoming("1", "12 08:00")
    ours = {event.key for event in judge(each, VIEW, None, None).events}
    assert not ours & {event.key for event in judge(each, replace(VIEW, id=4), None, None).events}


# --- who holds it ---


def test_a_fresh_complaint_lies_with_the_kelurahan_of_its_place():
    each = incoming("1", "12 08:00", unit_label="Dinas Bina Marga", village="Petamburan")
    assert entries(each)[1:] == [f"assigned 12 12:00 {KELURAHAN} unknown since 12 08:00"]


def test_what_somebody_has_handled_lies_with_the_unit_that_the_source_names():
    each = incoming("1", "12 08:00", "Koordinasi", unit_label="Dinas Bina Marga", village="Petamburan")
    assert entries(each)[1:] == [f"assigned 12 12:00 {DINAS} unknown since 12 08:00"]


def test_a_unit_that_it_named_before_says_nothing_new():
    each = incoming("1", "12 08:00", "Proses", unit_label="DINAS BINA MARGA")
    assert entries(each, record("Koordinasi", "Dinas Bina Marga"), HELD) == [
        "status 12 12:00 Proses observed since 12 11:00"
    ]


def test_another_unit_was_given_it_between_two_looks():
    each = incoming("1", "12 08:00", "Proses", unit_label="Dinas Bina Marga")
    assert entries(each, record("Proses", "Kelurahan Petamburan"), HELD) == [
        f"assigned 12 12:00 {DINAS} observed since 12 11:00"
    ]


def test_an_unrouted_complaint_is_routed_as_soon_as_anybody_can_tell():
    each = incoming("1", "12 08:00", unit_label="Dinas Bina Marga")
    assert entries(each, record("Menunggu", "Dinas Bina Marga"), replace(HELD, unit_id=None)) == [
        f"assigned 12 12:00 {DINAS} observed since 12 11:00"
    ]


@pytest.mark.parametrize("label", [None, "", "KELURAHAN", "Dinas Entah"])
def test_a_label_that_means_no_unit_leaves_it_unrouted(label):
    assert entries(incoming("1", "12 08:00", unit_label=label)) == ["status 12 08:00 Menunggu"]


def test_a_trail_gives_each_holder_its_time():
    trail = (
        said("12 08:00", "Menunggu", "Kelurahan Petamburan"),
        said("12 09:00", "Koordinasi", "Kelurahan Petamburan"),
        said("12 10:00", "Proses", "Dinas Bina Marga"),
    )
    each = incoming("1", "12 08:00", "Proses", unit_label="Dinas Bina Marga", events=trail)
    assert [entry for entry in entries(each) if "assigned" in entry] == [
        f"assigned 12 08:00 {KELURAHAN}",
        f"assigned 12 09:00 {DINAS}",
    ]


def test_a_hand_over_to_somebody_named_only_now_is_dated_by_the_trail():
    trail = (
        said("12 08:00", "Menunggu", "Kelurahan Petamburan"),
        said("12 09:00", "Koordinasi", "Kelurahan Petamburan"),
    )
    each = incoming("1", "12 08:00", "Koordinasi", unit_label="Dinas Bina Marga", events=trail)
    assert entries(each)[-1] == f"assigned 12 09:00 {DINAS}"


def test_a_hand_over_from_before_our_last_look_does_not_date_what_we_see_now():
    trail = (
        said("12 08:00", "Menunggu", "Kelurahan Petamburan"),
        said("12 09:00", "Koordinasi", "Kelurahan Petamburan"),
    )
    each = incoming("1", "12 08:00", "Koordinasi", unit_label="Dinas Bina Marga", events=trail)
    seen = record("Koordinasi", "Kelurahan Petamburan")
    assert entries(each, seen, HELD)[-1] == f"assigned 12 12:00 {DINAS} observed since 12 11:00"


def test_a_trail_without_names_begins_with_the_unit_of_now():
    each = incoming("1", "12 08:00", "Proses", unit_label="Dinas Bina Marga", events=(said("12 08:30", "Proses"),))
    assert entries(each)[-1] == f"assigned 12 08:30 {DINAS}"


# --- header values ---


def test_a_lighter_source_sets_neither_text_nor_place():
    values = judge(incoming("1", "12 08:00", village="Petamburan"), VIEW, None, HELD).values
    assert not values.keys() & {"text", "subject", "kelurahan_code", "channel", "lat"}
    assert values["category"] == "Penerangan Jalan"


def test_a_lighter_source_sets_neither_category_nor_class():
    view = replace(VIEW, precedence=Precedence(content=2, handling=0))
    values = judge(incoming("1", "12 08:00", village="Petamburan"), view, None, HELD).values
    assert not values.keys() & {"category", "category_code", "classification"}
    assert (values["kelurahan_code"], values["content_rank"]) == ("31.71.07.1001", 2)


def test_a_source_may_change_what_it_said_itself():
    held = replace(HELD, content_rank=1, handling_rank=2)
    values = judge(incoming("1", "12 08:00", text="Lain", category="Jaringan  LISTRIK"), VIEW, record(), held).values
    assert (values["text"], values["category_code"]) == ("Lain", "listrik")


@pytest.mark.parametrize("flag", ["is_private", "is_anonymous", "is_confidential"])
def test_a_flag_that_protects_is_never_taken_back(flag):
    open_ = incoming("1", "12 08:00")
    assert judge(open_, VIEW, record(), replace(HELD, **{flag: True})).values[flag] is True
    assert judge(replace(open_, **{flag: True}), VIEW, record(), HELD).values[flag] is True
    assert judge(open_, VIEW, record(), HELD).values[flag] is False


def test_the_connectors_of_a_complaint_are_all_that_brought_it():
    assert judge(incoming("1", "12 08:00"), VIEW, None, HELD).values["connectors"] == ["crm", "jaki"]
    assert judge(incoming("1", "12 08:00"), VIEW, None, None).values["connectors"] == ["crm"]


def test_a_due_time_that_a_source_states_stays_when_another_states_none():
    stated = judge(incoming("1", "12 08:00", due_at=at("14 23:59:59")), VIEW, None, None).values
    assert stated["source_due_at"] == at("14 23:59:59")
    assert "source_due_at" not in judge(incoming("1", "12 08:00"), VIEW, None, HELD).values


def test_a_word_of_another_source_with_a_date_is_heard_at_its_time():
    each = incoming("1", "12 08:00", "Selesai", events=(said("12 09:00", "Selesai"),))
    (event,) = [one for one in judge(each, VIEW, None, HELD).events if one.kind is EventKind.STATUS]
    assert (event.occurred_at, event.timing, event.rank) == (at("12 09:00"), Timing.DATED, 2)
