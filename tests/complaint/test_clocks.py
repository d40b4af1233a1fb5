"""From cycles to rows: which policies judge, what they say, and what a closed row keeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, timedelta

import pytest

from app.complaint.clocks import Held, headline, settle, upcoming_step
from app.complaint.lifecycle import Move
from app.sla.calendars import always_open
from app.sla.clock import State, Stored, Target, TargetUnit
from app.sla.policy import Applies
from tests.complaint.story import (
    BIRO,
    KELURAHAN,
    POLICIES,
    SUDIN,
    at,
    clocks,
    facts,
    first_look,
    fold,
    given,
    look,
    move,
    policy,
    reported,
    rows,
    rulebook,
    told,
    word,
)

NEW = reported("12 08:00")
WORK = (NEW, given("12 08:00", KELURAHAN), move("12 09:00", Move.ACCEPT))
ASKED = (*WORK, move("13 09:00", Move.ASK_COMPLAINANT))
DONE = (*WORK, word("13 08:00", "resolved"))


def due(found, clock, cycle=1, family="city"):
    return told(found[clock, cycle, family].due_at)


def test_each_family_judges_by_itself_and_the_first_due_is_the_headline():
    found = rows([NEW])
    assert set(found) == {("respond", 1, "city"), ("resolve", 1, "city"), ("resolve", 1, "law")}
    assert (due(found, "respond"), due(found, "resolve")) == ("13 08:00", "19 08:00")
    assert headline(found.values()) == ("respond", at("13 08:00"))


def test_a_stopped_clock_is_no_headline_and_neither_is_a_paused_one():
    assert headline(rows([NEW, word("12 09:00", "in_progress")]).values()) == ("resolve", at("19 08:00"))
    paused = rows(ASKED, rulebook([POLICIES[4]]))
    assert headline(paused.values()) is None
    assert paused["resolve", 1, "law"].state is State.PAUSED


def test_a_clock_that_no_policy_judges_is_measured():
    row = rows([*WORK, word("12 12:00", "resolved")])["handle", 1, ""]
    assert (row.due_at, row.target_unit, row.policy_version_id, row.next_fire_at) == (None, None, None, None)
    assert (row.state, row.elapsed_s) == (State.MET, 3 * 3600)


def test_a_policy_that_judges_only_the_first_cycle_leaves_the_next_one_measured():
    found = rows([NEW, given("12 08:00", KELURAHAN), move("12 10:00", Move.FORWARD, unit_id=SUDIN)])
    assert due(found, "coordinate") == "12 14:00"
    assert found["coordinate", 2, ""].due_at is None


def test_the_most_specific_policy_of_a_family_judges():
    flood = policy(11, "respond", 60, applies=Applies(categories=("banjir",)))
    city = policy(12, "respond", 120, applies=Applies(units=("kota",)))
    rules = rulebook([*POLICIES, flood, city])
    events = [NEW, given("12 08:00", KELURAHAN)]
    assert due(rows(events, rules), "respond") == "12 10:00"
    assert due(rows(events, rules, category="banjir"), "respond") == "12 09:00"
    assert due(rows([NEW], rules), "respond") == "13 08:00"


def test_a_policy_begins_with_a_day_of_the_city_not_of_greenwich():
    newer = policy(11, "respond", 60, policy="respond.1", version=2, effective_on=date(2026, 1, 12))
    rules = rulebook([*POLICIES, newer])
    assert due(rows([reported("12 00:00")], rules), "respond") == "12 01:00"
    assert due(rows([reported("11 23:59:59")], rules), "respond") == "12 23:59"


def test_a_source_may_be_limited_to_families_of_its_own():
    found = rows([NEW], families=frozenset({"law"}))
    assert set(found) == {("respond", 1, ""), ("resolve", 1, "law")}


def test_a_due_time_of_the_source_counts_only_where_it_states_one():
    stated = policy(11, "resolve", None, family="source", target=Target(TargetUnit.SOURCE_DUE))
    rules = rulebook([*POLICIES, stated])
    assert ("resolve", 1, "source") not in rows([NEW], rules)
    row = rows([NEW], rules, source_due_at=at("14 23:59"))["resolve", 1, "source"]
    assert (told(row.due_at), row.target_unit) == ("14 23:59", TargetUnit.SOURCE_DUE)


def test_the_validate_clock_belongs_to_the_bureau():
    found = rows([*WORK, move("12 12:00", Move.SUBMIT)])
    assert (found["validate", 1, "city"].unit_id, due(found, "validate")) == (BIRO, "14 12:00")
    assert found["coordinate", 1, "city"].unit_id == KELURAHAN


# --- pauses and promises ---


def test_only_a_policy_that_honours_the_pause_stops_for_it():
    events = [*ASKED, move("15 09:00", Move.COMPLAINANT_ANSWERED)]
    found = rows(events)
    assert due(found, "resolve") == "19 08:00"
    law = found["resolve", 1, "law"]
    assert (law.paused_s, law.due_at) == (2 * 86_400, at("12 08:00") + timedelta(days=62))
    assert found["handle", 1, ""].paused_s == 2 * 86_400


def test_a_paused_row_says_since_when_and_why_and_has_no_due_time():
    row = rows(ASKED)["resolve", 1, "law"]
    assert (row.state, row.due_at, told(row.paused_since), row.pause_reason) == (
        State.PAUSED,
        None,
        "13 09:00",
        "awaiting_complainant",
    )
    assert (row.next_step, row.next_fire_at) == (None, None)


def test_a_promise_moves_the_end_once_and_only_within_its_cap():
    promised = (*WORK, move("13 09:00", Move.SCHEDULE, promised_at=at("25 12:00")))
    assert due(rows(promised), "resolve") == "25 12:00"
    again = (*promised, move("14 09:00", Move.SCHEDULE, promised_at=at("28 12:00")))
    assert due(rows(again), "resolve") == "25 12:00"
    far = (*WORK, move("13 09:00", Move.SCHEDULE, promised_at=at("12 08:00") + timedelta(days=90)))
    assert rows(far)["resolve", 1, "city"].due_at == at("12 08:00") + timedelta(days=30)


def test_an_earlier_promise_and_one_without_a_date_move_nothing():
    assert due(rows([*WORK, move("13 09:00", Move.SCHEDULE, promised_at=at("14 12:00"))]), "resolve") == "19 08:00"
    assert due(rows([*WORK, word("13 09:00", "scheduled")]), "resolve") == "19 08:00"


# --- reopening ---


def test_the_second_cycle_has_what_the_first_one_left():
    found = rows([*DONE, move("20 08:00", Move.REOPEN)])
    assert found["resolve", 1, "city"].remaining_s == 6 * 86_400
    assert due(found, "resolve", 2) == "26 08:00"
    assert due(found, "respond", 2) == told(at("20 08:00") + timedelta(hours=23))


def test_with_nothing_left_it_is_due_at_once():
    late = [NEW, word("20 08:00", "resolved"), word("21 08:00", "rework")]
    found = rows(late)
    assert found["resolve", 1, "city"].state is State.MISSED
    second = found["resolve", 2, "city"]
    assert (told(second.due_at), second.target_s, told(second.next_fire_at)) == ("21 08:00", 0, "21 08:00")
    closed = rows([*late, word("21 08:01", "resolved")])["resolve", 2, "city"]
    assert (closed.state, told(closed.breached_at)) == (State.MISSED, "21 08:00")


def test_after_an_end_that_nobody_could_judge_the_second_cycle_has_the_whole_target():
    found = rows([NEW, first_look("12 08:00", "20 08:00", "resolved"), word("21 08:00", "rework")])
    assert found["resolve", 1, "city"].state is State.UNJUDGED
    assert due(found, "resolve", 2) == "28 08:00"


def test_three_cycles_share_one_target():
    events = [*DONE, word("14 08:00", "rework"), word("16 08:00", "resolved"), word("18 08:00", "rework")]
    found = rows(events)
    assert [found["resolve", cycle, "city"].target_s for cycle in (1, 2, 3)] == [7 * 86_400, 6 * 86_400, 4 * 86_400]
    assert due(found, "resolve", 3) == "22 08:00"


# --- what a closed row keeps ---


def held(found):
    return {
        key: Held(
            policy_version_id=row.policy_version_id,
            calendar_version_id=row.calendar_version_id,
            is_closed=not row.state.is_open,
            raised_step=row.raised_step,
        )
        for key, row in found.items()
    }


def test_open_cycles_follow_a_new_policy_and_closed_ones_keep_theirs():
    events = [NEW, word("12 20:00", "in_progress")]
    before = rows(events)
    shorter = [
        replace(each, id=each.id + 100, version=2, target=Target(TargetUnit.ELAPSED_MINUTE, 60)) for each in POLICIES
    ]
    rules = rulebook([*POLICIES, *shorter])
    after = {row.key: row for row in settle(fold(*events), facts(), rules, held(before))}
    assert after["respond", 1, "city"] == before["respond", 1, "city"]
    assert (after["resolve", 1, "city"].policy_version_id, due(after, "resolve")) == (102, "12 09:00")


def test_a_closed_cycle_that_a_late_event_opens_again_follows_the_rules_in_force():
    done = [*WORK, move("13 09:00", Move.SUBMIT)]
    before = rows(done)
    longer = replace(POLICIES[1], id=102, version=2, target=Target(TargetUnit.ELAPSED_MINUTE, 14 * 24 * 60))
    events = [*done, move("14 09:00", Move.SEND_BACK)]
    after = {row.key: row for row in settle(fold(*events), facts(), rulebook([*POLICIES, longer]), held(before))}
    assert due(after, "resolve") == "26 08:00"


def test_a_late_answer_clears_a_breach_and_keeps_what_was_raised():
    late = [NEW, word("14 08:00", "in_progress")]
    raised = {key: replace(each, raised_step=100) for key, each in held(rows(late)).items()}
    assert clocks(*late)["respond 1"] == "missed 14 08:00"
    events = [*late, word("12 10:00", "in_progress")]
    row = {row.key: row for row in settle(fold(*events), facts(), rulebook(), raised)}["respond", 1, "city"]
    assert (row.state, row.breached_at, row.raised_step) == (State.MET, None, 100)


def test_a_policy_that_is_new_replaces_a_measured_row():
    events = [*WORK]
    before = rows(events)
    rules = rulebook([*POLICIES, policy(11, "handle", 60)])
    after = {row.key for row in settle(fold(*events), facts(), rules, held(before))}
    assert ("handle", 1, "city") in after
    assert ("handle", 1, "") not in after


# --- the ladder ---


def test_the_steps_are_75_90_and_100_percent_then_every_day():
    row = rows([NEW])["respond", 1, "city"]
    stored = Stored.of(row)
    steps, raised = [], 0
    for _ in range(5):
        step, when = upcoming_step(stored, always_open("Asia/Jakarta"), POLICIES[0], raised)
        steps.append((step, told(when)))
        raised = step
    assert (row.next_step, told(row.next_fire_at)) == (75, "13 02:00")
    assert steps == [(75, "13 02:00"), (90, "13 05:36"), (100, "13 08:00"), (101, "14 08:00"), (102, "15 08:00")]


def test_without_repeats_the_ladder_ends_at_the_breach():
    once = replace(POLICIES[0], repeat_s=None)
    stored = Stored.of(rows([NEW])["respond", 1, "city"])
    assert upcoming_step(stored, always_open(), once, 100) is None


def test_history_raises_nothing():
    assert {row.next_fire_at for row in rows([NEW], is_history=True).values()} == {None}


@pytest.mark.parametrize("status", ["resolved", "withdrawn", "rejected"])
def test_what_is_closed_raises_nothing(status):
    assert {row.next_fire_at for row in rows([*WORK, word("12 10:00", status)]).values()} == {None}


# --- rows ---


def test_an_open_row_depends_on_its_events_alone():
    row = rows([NEW])["respond", 1, "city"]
    assert (row.state, row.elapsed_s, row.remaining_s, row.breached_at) == (State.RUNNING, 0, None, None)
    assert row.started_at.tzinfo is UTC


def test_how_well_a_stop_is_known_is_on_its_row():
    row = rows([NEW, look("12 09:00", "12 10:00", "in_progress")])["respond", 1, "city"]
    assert (str(row.timing), row.error_s) == ("observed", 3600)


def test_working_time_is_counted_on_the_policys_calendar():
    working = policy(11, "respond", 60, calendar="office", target=Target(TargetUnit.WORKING_MINUTE, 60))
    row = rows([reported("10 08:00")], rulebook([working]))["respond", 1, "city"]
    assert (told(row.due_at), row.target_s, row.calendar_version_id) == ("12 08:30", 3600, 2)
