"""The fold of a history: which entry stops which clock, who holds the complaint, and whose word counts."""

from __future__ import annotations

import itertools

import pytest

from app.complaint.events import Effect, EventKind, Timing
from app.complaint.history import fold_case
from app.complaint.lifecycle import Move, Status
from tests.complaint.story import (
    BIRO,
    CRM,
    JAKI,
    KELURAHAN,
    OFFICER,
    SUDIN,
    at,
    clocks,
    first_look,
    fold,
    given,
    look,
    move,
    reply,
    reported,
    told,
    word,
)

NEW = reported("12 08:00")
HELD = (NEW, given("12 08:00", KELURAHAN))

# --- the respond clock ---


@pytest.mark.parametrize(
    "entry",
    [
        move("12 10:00", Move.CLAIM, assignee_id=OFFICER),
        move("12 10:00", Move.ASSIGN, assignee_id=OFFICER),
        move("12 10:00", Move.RELEASE),
        move("12 10:00", Move.FORWARD, unit_id=SUDIN),
        given("12 10:00", SUDIN),
        word("12 10:00", "coordinating"),
        word("12 10:00", "dispatched"),
        word("12 10:00", "received"),
        word("12 10:00", "unknown"),
    ],
    ids=lambda entry: entry.key,
)
def test_taking_or_passing_on_is_no_answer(entry):
    assert clocks(*HELD, entry)["respond 1"] == "running"


@pytest.mark.parametrize(
    "entry",
    [
        reply("12 10:00"),
        *(move("12 10:00", name) for name in ("respond", "accept", "start", "ask_complainant", "reject")),
        *(
            word("12 10:00", status)
            for status in ("in_progress", "scheduled", "awaiting_validation", "rework", "resolved", "rejected")
        ),
    ],
    ids=lambda entry: entry.key,
)
def test_a_public_word_or_work_answers_the_citizen(entry):
    assert clocks(*HELD, entry)["respond 1"] == "met 12 10:00"


def test_the_first_answer_counts_not_the_last():
    assert clocks(*HELD, reply("12 09:00"), word("12 11:00", "in_progress"))["respond 1"] == "met 12 09:00"


def test_a_late_answer_is_a_breach_and_one_on_the_second_is_not():
    assert clocks(NEW, reply("13 08:00"))["respond 1"] == "met 13 08:00"
    assert clocks(NEW, reply("13 08:00:01"))["respond 1"] == "missed 13 08:00"


# --- resolve, validation and rework ---

WORK = (*HELD, move("12 09:00", Move.ACCEPT))
SENT_IN = (*WORK, move("13 09:00", Move.SUBMIT))


def test_the_citizens_clock_stops_when_the_work_is_handed_in():
    assert clocks(*SENT_IN, move("14 09:00", Move.APPROVE)) == {
        "respond 1": "met 12 09:00",
        "resolve 1": "met 13 09:00",
        "coordinate 1": "met 12 09:00",
        "handle 1": "met 13 09:00",
        "validate 1": "met 14 09:00",
    }


def test_sent_back_work_was_never_finished_and_the_time_of_validation_counts():
    sent_back = (*SENT_IN, move("14 09:00", Move.SEND_BACK))
    assert clocks(*sent_back)["resolve 1"] == "running"
    assert clocks(*sent_back)["handle 1"] == "running"
    assert fold(*sent_back).rework_count == 1
    again = clocks(*sent_back, move("20 09:00", Move.SUBMIT))
    assert again["resolve 1"] == "missed 20 09:00"
    assert again["handle 1"] == "met 20 09:00"
    assert again["validate 2"] == "running"


def test_a_source_that_refuses_the_work_sends_it_back_too():
    case = fold(*SENT_IN, word("14 09:00", "rework"))
    assert (case.status, case.rework_count, case.reopen_count) == (Status.REWORK, 1, 0)
    assert clocks(*SENT_IN, word("14 09:00", "rework"))["resolve 1"] == "running"


def test_validation_is_a_pause_of_the_units_clock():
    events = (*SENT_IN, move("14 09:00", Move.SEND_BACK), move("14 12:00", Move.SUBMIT))
    handle = next(cycle for cycle in fold(*events).cycles if cycle.clock == "handle")
    assert [(str(event.kind), told(event.at)) for event in handle.events] == [
        ("start", "12 09:00"),
        ("pause", "13 09:00"),
        ("resume", "14 09:00"),
        ("stop", "14 12:00"),
    ]


def test_work_that_went_to_another_unit_during_validation_comes_back_to_that_one():
    events = (*SENT_IN, given("13 12:00", SUDIN), move("14 09:00", Move.SEND_BACK))
    case = fold(*events)
    handles = [(cycle.unit_id, cycle.is_running) for cycle in case.cycles if cycle.clock == "handle"]
    assert handles == [(KELURAHAN, False), (SUDIN, True)]
    assert case.stints[-1].accepted_at == at("14 09:00")


# --- units: one cycle for each hop and stint ---


def test_each_hand_over_gives_the_next_unit_its_own_time():
    case = fold(*WORK, move("12 12:00", Move.FORWARD, unit_id=SUDIN), move("12 15:00", Move.ACCEPT))
    assert [(stint.unit_id, told(stint.assigned_at), told(stint.accepted_at)) for stint in case.stints] == [
        (KELURAHAN, "12 08:00", "12 09:00"),
        (SUDIN, "12 12:00", "12 15:00"),
    ]
    assert [(told(stint.ended_at), stint.outcome) for stint in case.stints] == [("12 12:00", "forwarded"), (None, None)]
    assert (case.hops, case.unit_id, case.assignee_id) == (1, SUDIN, None)
    cycles = {(cycle.clock, cycle.cycle): cycle for cycle in case.cycles}
    assert cycles["coordinate", 1].unit_id == cycles["handle", 1].unit_id == KELURAHAN
    assert cycles["coordinate", 2].unit_id == cycles["handle", 2].unit_id == SUDIN
    assert told(cycles["coordinate", 2].events[-1].at) == "12 15:00"
    assert {cycles[clock, 1].unit_id for clock in ("respond", "resolve")} == {SUDIN}


def test_a_complaint_that_stays_with_its_unit_begins_no_new_hop():
    case = fold(*HELD, given("12 10:00", KELURAHAN), given("12 11:00", KELURAHAN, JAKI))
    assert (len(case.stints), case.hops) == (1, 0)


def test_passing_on_before_anybody_accepted_ends_coordination_and_begins_another():
    assert clocks(*HELD, move("12 13:59", Move.FORWARD, unit_id=SUDIN)) == {
        "respond 1": "running",
        "resolve 1": "running",
        "coordinate 1": "met 12 13:59",
        "coordinate 2": "running",
    }


def test_an_unrouted_complaint_belongs_to_nobody_and_still_answers_its_citizen():
    case = fold(NEW, word("12 10:00", "in_progress"))
    assert (case.unit_id, case.stints) == (None, ())
    assert clocks(NEW, word("12 10:00", "in_progress")) == {"respond 1": "met 12 10:00", "resolve 1": "running"}


# --- pauses and promises ---


def test_a_question_to_the_citizen_pauses_until_the_answer():
    case = fold(*WORK, move("12 10:00", Move.ASK_COMPLAINANT), move("13 10:00", Move.COMPLAINANT_ANSWERED))
    (pause,) = case.pauses
    assert (pause.reason, told(pause.started_at), told(pause.ended_at), pause.actor_id) == (
        "awaiting_complainant",
        "12 10:00",
        "13 10:00",
        OFFICER,
    )


def test_forwarding_ends_the_pause_too():
    case = fold(*WORK, move("12 10:00", Move.ASK_COMPLAINANT), move("13 10:00", Move.FORWARD, unit_id=SUDIN))
    assert [told(pause.ended_at) for pause in case.pauses] == ["13 10:00"]
    assert case.status is Status.COORDINATING


def test_a_source_that_speaks_of_work_ends_the_pause():
    case = fold(*WORK, move("12 10:00", Move.ASK_COMPLAINANT), word("13 10:00", "resolved"))
    assert [told(pause.ended_at) for pause in case.pauses] == ["13 10:00"]
    assert case.status is Status.RESOLVED


def test_a_promise_stays_the_last_one_with_a_date():
    case = fold(
        *WORK,
        move("12 10:00", Move.SCHEDULE, promised_at=at("25 12:00")),
        move("13 10:00", Move.SCHEDULE, promised_at=at("28 12:00")),
        word("14 10:00", "scheduled"),
    )
    assert (case.status, told(case.promised_at)) == (Status.SCHEDULED, "28 12:00")


# --- the end, and after it ---


@pytest.mark.parametrize("status", ["resolved", "rejected", "withdrawn", "deleted"])
def test_an_end_closes_every_clock_and_the_stint(status):
    case = fold(*WORK, word("13 09:00", status))
    assert not any(cycle.is_running for cycle in case.cycles)
    assert (case.is_open, told(case.closed_at)) == (False, "13 09:00")
    assert (told(case.stints[-1].ended_at), case.stints[-1].outcome) == ("13 09:00", status)


@pytest.mark.parametrize("entry", [move("12 10:00", Move.WITHDRAW), word("12 10:00", "deleted")], ids=lambda e: e.key)
def test_what_is_withdrawn_or_deleted_has_no_verdict(entry):
    found = clocks(*HELD, entry)
    assert found == dict.fromkeys(["respond 1", "resolve 1", "coordinate 1"], "cancelled 12 10:00")


def test_an_answer_before_the_withdrawal_keeps_its_verdict():
    assert clocks(*WORK, move("12 10:00", Move.WITHDRAW))["respond 1"] == "met 12 09:00"


@pytest.mark.parametrize("entry", [move("13 10:00", Move.WITHDRAW), word("13 10:00", "deleted")], ids=lambda e: e.key)
def test_what_is_withdrawn_before_its_result_is_judged_is_no_verdict_of_the_bureau(entry):
    found = clocks(*WORK, move("12 12:00", Move.SUBMIT), entry)
    assert (found["resolve 1"], found["validate 1"]) == ("met 12 12:00", "cancelled 13 10:00")


def test_straight_from_waiting_to_done_answers_and_resolves_at_once():
    assert clocks(*HELD, word("12 16:00", "resolved")) == {
        "respond 1": "met 12 16:00",
        "resolve 1": "met 12 16:00",
        "coordinate 1": "missed 12 16:00",
    }


@pytest.mark.parametrize(
    "entry",
    [move("14 08:00", Move.REOPEN), word("14 08:00", "rework"), word("14 08:00", "in_progress")],
    ids=lambda entry: entry.key,
)
def test_reopening_begins_the_citizens_second_cycle_and_keeps_the_first(entry):
    events = (*WORK, word("13 08:00", "resolved"), entry)
    found = clocks(*events)
    assert (found["respond 1"], found["resolve 1"]) == ("met 12 09:00", "met 13 08:00")
    assert (found["respond 2"], found["resolve 2"], found["handle 2"]) == ("running", "running", "running")
    case = fold(*events)
    assert (case.reopen_count, case.rework_count, case.closed_at) == (1, 0, None)
    assert [stint.unit_id for stint in case.stints] == [KELURAHAN, KELURAHAN]
    assert case.hops == 0


def test_reopening_is_no_answer_but_the_next_word_is():
    events = (*WORK, word("13 08:00", "resolved"), move("14 08:00", Move.REOPEN))
    assert clocks(*events)["respond 2"] == "running"
    assert clocks(*events, move("14 09:00", Move.RESPOND))["respond 2"] == "met 14 09:00"


def test_a_later_assignment_does_not_move_what_is_done():
    case = fold(*WORK, word("13 08:00", "resolved"), given("13 09:00", SUDIN))
    assert (case.unit_id, len(case.stints)) == (KELURAHAN, 1)


# --- words that nobody can read ---


def test_an_unknown_word_is_kept_shown_and_stops_nothing():
    events = (*HELD, word("12 09:00", "in_progress"), word("12 10:00", "unknown", word="Eskalasi"))
    case = fold(*events)
    assert (case.status, case.source_status) == (Status.UNKNOWN, "Eskalasi")
    assert case.effects[events[-1].key] is Effect.UNREADABLE
    assert (clocks(*events)["resolve 1"], clocks(*events)["handle 1"]) == ("running", "running")


def test_the_next_word_that_can_be_read_goes_on_from_where_it_stood():
    events = (*HELD, word("12 09:00", "resolved"), word("12 10:00", "unknown"), word("12 11:00", "rework"))
    assert (fold(*events).status, fold(*events).reopen_count) == (Status.REWORK, 1)
    assert clocks(*events)["resolve 2"] == "running"


def test_an_unknown_word_does_not_take_a_complaint_from_an_officer():
    case = fold(*WORK, word("12 10:00", "unknown"))
    assert case.status is Status.IN_PROGRESS


def test_an_unknown_word_after_the_end_is_open_again_for_somebody_to_look_at():
    case = fold(*HELD, word("12 10:00", "resolved"), word("12 11:00", "unknown"))
    assert (case.status, case.is_open, case.closed_at) == (Status.UNKNOWN, True, None)
    done = fold(*HELD, word("12 10:00", "resolved"), word("12 11:00", "unknown"), word("12 12:00", "resolved"))
    assert (done.is_open, told(done.closed_at), done.reopen_count) == (False, "12 10:00", 0)


# --- words without a date ---


def test_what_was_done_at_the_first_look_cannot_be_judged():
    events = (NEW, first_look("12 08:00", "20 08:00", "resolved"))
    assert clocks(*events) == {"respond 1": "unjudged 20 08:00", "resolve 1": "unjudged 20 08:00"}
    assert fold(*events).status is Status.RESOLVED


def test_an_observed_word_counts_from_the_look_with_its_error():
    events = (*HELD, look("12 09:00", "12 10:30", "in_progress"))
    cycle = next(cycle for cycle in fold(*events).cycles if cycle.clock == "respond")
    assert clocks(*events)["respond 1"] == "met 12 10:30"
    assert (cycle.timing, cycle.error_s) == (Timing.OBSERVED, 5400)


def test_a_dated_word_in_the_span_of_a_look_overrules_it():
    observed = look("12 09:00", "12 12:00", "in_progress")
    case = fold(*HELD, observed, word("12 11:00", "resolved", JAKI))
    assert (case.status, case.effects[observed.key]) == (Status.RESOLVED, Effect.SHADOWED)
    assert case.source_status == "kata resolved"


def test_the_dates_of_another_source_judge_what_one_look_could_not():
    seen = first_look("12 08:00", "20 08:00", "resolved")
    assert clocks(NEW, seen, word("12 10:00", "in_progress", JAKI), word("13 10:00", "resolved", JAKI)) == {
        "respond 1": "met 12 10:00",
        "resolve 1": "met 13 10:00",
    }


@pytest.mark.parametrize("said_at", ["12 09:00", "12 12:01"])
def test_a_dated_word_outside_the_span_does_not_overrule_a_look(said_at):
    observed = look("12 09:00", "12 12:00", "awaiting_validation")
    case = fold(*HELD, observed, word(said_at, "in_progress", JAKI))
    assert case.effects[observed.key] is Effect.APPLIED


@pytest.mark.parametrize("said", ["unknown", "received"])
def test_a_dated_word_that_says_nothing_overrules_nothing(said):
    observed = look("12 09:00", "12 12:00", "in_progress")
    case = fold(*HELD, observed, word("12 11:00", said, JAKI))
    assert (case.status, case.effects[observed.key]) == (Status.IN_PROGRESS, Effect.APPLIED)


def test_an_officers_move_in_the_span_of_a_look_stands():
    observed = look("12 09:00", "12 12:00", "resolved")
    case = fold(*HELD, observed, move("12 11:00", Move.ACCEPT))
    assert (case.status, case.effects[observed.key], case.conflict_count) == (Status.IN_PROGRESS, Effect.CONFLICT, 1)
    assert case.source_status == "kata resolved"


def test_a_look_that_agrees_with_the_officer_is_no_conflict():
    case = fold(*HELD, look("12 09:00", "12 12:00", "in_progress"), move("12 11:00", Move.ACCEPT))
    assert (case.status, case.conflict_count) == (Status.IN_PROGRESS, 0)


@pytest.mark.parametrize("name", [Move.CLAIM, Move.RELEASE, Move.RESPOND, Move.ASSIGN])
def test_a_move_that_leaves_the_status_does_not_overrule_a_look(name):
    case = fold(*HELD, look("12 09:00", "12 12:00", "resolved"), move("12 11:00", name))
    assert (case.status, case.conflict_count) == (Status.RESOLVED, 0)


# --- officers own the status ---


def test_a_source_event_from_before_a_move_never_undoes_it():
    late = word("12 10:00", "coordinating", JAKI)
    before = (*HELD, move("12 11:00", Move.ACCEPT))
    case = fold(*before, late)
    assert case.status is Status.IN_PROGRESS
    assert clocks(*before, late) == clocks(*before)


def test_a_late_answer_of_the_source_from_before_the_move_moves_the_stop_back():
    assert clocks(*HELD, move("12 11:00", Move.ACCEPT), reply("12 09:30"))["respond 1"] == "met 12 09:30"


@pytest.mark.parametrize(
    ("officer", "said", "status", "conflicts"),
    [
        ([Move.ACCEPT], "resolved", "resolved", 0),
        ([Move.ACCEPT], "scheduled", "scheduled", 0),
        ([Move.ACCEPT], "received", "in_progress", 1),
        ([Move.ACCEPT], "in_progress", "in_progress", 0),
        ([Move.ACCEPT, Move.WITHDRAW], "resolved", "withdrawn", 1),
        ([Move.REJECT], "coordinating", "rejected", 1),
        ([Move.REJECT], "in_progress", "in_progress", 0),
        ([Move.REJECT], "resolved", "rejected", 1),
    ],
)
def test_a_later_word_counts_where_it_may_follow_and_is_kept_as_a_conflict_where_not(officer, said, status, conflicts):
    moves = [move(f"12 1{hour}:00", name) for hour, name in enumerate(officer)]
    case = fold(*HELD, *moves, word("13 10:00", said))
    assert (case.status, case.conflict_count) == (status, conflicts)
    assert case.source_status == f"kata {said}"


def test_work_that_goes_on_takes_back_an_end_that_only_the_source_saw():
    """The officer could not know: the source's word came after the move that it precedes."""
    ended = word("12 09:00", "resolved")
    worked = move("12 11:00", Move.ACCEPT)
    case = fold(*HELD, worked, ended)
    assert (case.status, case.reopen_count, case.closed_at) == (Status.IN_PROGRESS, 0, None)
    assert clocks(*HELD, worked, ended)["respond 1"] == "met 12 11:00"
    assert clocks(*HELD, worked, ended)["resolve 1"] == "running"


def test_taking_back_an_end_leaves_an_answer_that_was_given_before_it():
    events = (*HELD, reply("12 08:30"), word("12 09:00", "resolved"), move("12 11:00", Move.ACCEPT))
    assert clocks(*events)["respond 1"] == "met 12 08:30"


def test_work_that_goes_on_takes_back_a_deletion_too():
    events = (*HELD, word("12 09:00", "deleted"), move("12 11:00", Move.ACCEPT))
    found = clocks(*events)
    assert (found["respond 1"], found["resolve 1"]) == ("met 12 11:00", "running")


def test_a_source_that_gives_the_work_away_before_an_officers_look_is_a_conflict():
    observed = given("12 12:00", SUDIN, timing=Timing.OBSERVED, earliest_at=at("12 09:00"))
    case = fold(*HELD, move("12 11:00", Move.FORWARD, unit_id=BIRO), observed)
    assert (case.unit_id, case.effects[observed.key]) == (BIRO, Effect.CONFLICT)


def test_a_source_that_gives_the_work_away_after_an_officers_forward_is_followed():
    case = fold(*HELD, move("12 11:00", Move.FORWARD, unit_id=BIRO), given("12 12:00", SUDIN))
    assert (case.unit_id, case.hops) == (SUDIN, 2)


def test_the_weightier_source_names_the_unit():
    lighter = given("12 10:00", SUDIN, JAKI)
    case = fold(*HELD, lighter)
    assert (case.unit_id, case.effects[lighter.key]) == (KELURAHAN, Effect.SHADOWED)


# --- order ---

MIXED = (
    reported("12 08:00", JAKI),
    reported("12 08:02", CRM),
    given("12 08:00", KELURAHAN, JAKI),
    word("12 08:00", "received", JAKI),
    word("12 09:00", "coordinating", JAKI),
    given("12 09:30", SUDIN, CRM),
    look("12 09:10", "12 10:30", "in_progress", CRM),
    word("12 10:00", "in_progress", JAKI),
    word("12 10:00", "scheduled", CRM),
    move("12 12:00", Move.SUBMIT),
    word("12 13:00", "resolved", JAKI),
)


def test_any_order_of_arrival_gives_one_case():
    wanted = fold_case(MIXED)
    assert (wanted.status, wanted.unit_id, told(wanted.reported_at)) == (Status.RESOLVED, SUDIN, "12 08:00")
    backwards = fold_case(reversed(MIXED))
    assert (backwards, backwards.effects) == (wanted, wanted.effects)
    for start in range(len(MIXED)):
        assert fold_case((*MIXED[start:], *MIXED[:start])) == wanted
    for pair in itertools.combinations(range(len(MIXED)), 2):
        swapped = list(MIXED)
        swapped[pair[0]], swapped[pair[1]] = swapped[pair[1]], swapped[pair[0]]
        assert fold_case(swapped) == wanted


def test_the_earliest_report_starts_the_clocks_and_nothing_happens_before_it():
    early = word("12 07:00", "in_progress")
    case = fold(reported("12 08:00"), reported("12 07:30", CRM), early)
    assert told(case.reported_at) == "12 07:30"
    assert clocks(reported("12 08:00"), reported("12 07:30", CRM), early)["respond 1"] == "met 12 07:30"


def test_at_one_instant_the_weightier_source_has_the_last_word():
    events = (NEW, word("12 10:00", "resolved", CRM), word("12 10:00", "in_progress", JAKI))
    assert fold(*events).status is Status.RESOLVED


def test_entries_of_one_source_and_instant_stay_as_it_told_them():
    events = (NEW, word("12 10:00", "in_progress"), word("12 10:00", "resolved"))
    assert fold(*events).status is Status.RESOLVED


def test_a_history_needs_a_report():
    with pytest.raises(ValueError, match="without a report"):
        fold(word("12 10:00", "resolved"))


@pytest.mark.parametrize("kind", [EventKind.CORRECTED, EventKind.RECALCULATED])
def test_entries_that_only_tell_change_nothing(kind):
    note = reply("12 10:00")
    entry = type(note)(occurred_at=note.occurred_at, recorded_at=note.recorded_at, kind=kind, key="note")
    assert clocks(*HELD, entry) == clocks(*HELD)
