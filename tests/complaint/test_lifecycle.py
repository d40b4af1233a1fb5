"""The table of moves: what is legal from where, who may, and what a source may say after an officer."""

from __future__ import annotations

import pytest

from app.complaint.errors import IllegalMove
from app.complaint.lifecycle import (
    CANCELLED,
    OPEN,
    STEPS,
    TERMINAL,
    WAITING,
    WORKING,
    Actor,
    Move,
    Status,
    after,
    legal_moves,
    may_follow,
)

ANY_OPEN = "claim release assign respond withdraw"
LEGAL = {
    "received": f"{ANY_OPEN} accept forward start ask_complainant reject",
    "coordinating": f"{ANY_OPEN} accept forward start ask_complainant reject",
    "dispatched": f"{ANY_OPEN} accept forward start ask_complainant reject",
    "unknown": f"{ANY_OPEN} accept forward start ask_complainant reject",
    "in_progress": f"{ANY_OPEN} forward ask_complainant schedule submit reject",
    "rework": f"{ANY_OPEN} forward start ask_complainant schedule submit reject",
    "scheduled": f"{ANY_OPEN} forward start ask_complainant schedule submit reject",
    "awaiting_complainant": f"{ANY_OPEN} forward complainant_answered",
    "awaiting_validation": f"{ANY_OPEN} approve send_back",
    "resolved": "reopen",
    "rejected": "reopen",
    "withdrawn": "",
    "deleted": "",
}
TARGETS = {
    "accept": "in_progress",
    "forward": "coordinating",
    "start": "in_progress",
    "ask_complainant": "awaiting_complainant",
    "complainant_answered": "in_progress",
    "schedule": "scheduled",
    "submit": "awaiting_validation",
    "approve": "resolved",
    "send_back": "rework",
    "reject": "rejected",
    "reopen": "rework",
    "withdraw": "withdrawn",
}
PAIRS = [(status, move) for status in Status for move in Move]


def test_every_status_and_every_move_has_its_row():
    assert set(LEGAL) == set(Status)
    assert set(STEPS) == set(Move)
    assert set(Status) == OPEN | TERMINAL
    assert not OPEN & TERMINAL
    assert TERMINAL > CANCELLED


@pytest.mark.parametrize(("status", "move"), PAIRS, ids=lambda each: str(each))
def test_a_move_is_legal_exactly_where_the_table_says(status, move):
    if move in LEGAL[status].split():
        assert after(status, move, ref="JK2601120001") == TARGETS.get(move, status)
        return
    with pytest.raises(IllegalMove, match=f"JK2601120001 is {status}: {move} is not legal") as refused:
        after(status, move, ref="JK2601120001")
    assert set(refused.value.legal) == set(LEGAL[status].split())


def test_legal_moves_come_in_the_order_of_the_table():
    for status in Status:
        moves = legal_moves(status)
        assert list(moves) == [move for move in Move if move in moves]


def test_only_the_bureau_judges_results_and_only_a_leader_assigns_or_reopens():
    by_actor = {actor: {move for move, step in STEPS.items() if step.actor is actor} for actor in Actor}
    assert by_actor[Actor.VALIDATOR] == {Move.APPROVE, Move.SEND_BACK}
    assert by_actor[Actor.SUPERVISOR] == {Move.ASSIGN, Move.REOPEN}


@pytest.mark.parametrize("move", [Move.FORWARD, Move.SCHEDULE, Move.SEND_BACK, Move.REOPEN, Move.WITHDRAW])
def test_a_move_that_costs_somebody_time_needs_a_reason(move):
    assert "reason" in STEPS[move].required


def test_a_rejection_needs_a_code_and_a_promise_a_date():
    assert STEPS[Move.REJECT].required == ("reason_code",)
    assert "promised_at" in STEPS[Move.SCHEDULE].required


@pytest.mark.parametrize("status", list(Status), ids=str)
def test_a_source_never_puts_an_officers_complaint_back_to_nobody(status):
    assert not may_follow(status, Status.RECEIVED)
    assert not may_follow(status, Status.UNKNOWN)
    assert not may_follow(status, status)


@pytest.mark.parametrize("status", sorted(OPEN), ids=str)
def test_a_source_may_carry_open_work_on(status):
    assert all(may_follow(status, each) for each in set(Status) - {status, Status.RECEIVED, Status.UNKNOWN})


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.REJECTED], ids=str)
def test_a_source_may_reopen_what_is_done_but_not_hand_it_round_or_close_it_otherwise(status):
    assert {each for each in Status if may_follow(status, each)} == WORKING
    assert not any(may_follow(status, each) for each in WAITING | TERMINAL)


@pytest.mark.parametrize("status", sorted(CANCELLED), ids=str)
def test_a_source_cannot_bring_back_what_an_officer_withdrew(status):
    assert not any(may_follow(status, each) for each in Status)
