"""The end of a claim as the history gives it: what counts it anew, and when its time stands still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.complaint.events import CaseEvent, Effect, EventKind
from app.complaint.history import Case, fold_case
from app.complaint.lifecycle import STEPS, Move

START = datetime(2026, 1, 12, 1, tzinfo=UTC)
LASTS = timedelta(hours=24)
ANI, BUDI = 1, 2


def _at(hours: int) -> datetime:
    return START + timedelta(hours=hours)


def _move(hours: int, move: Move, officer: int = ANI, **values: Any) -> CaseEvent:
    return _entry(hours, EventKind.MOVE, move=move, actor_id=officer, status=STEPS[move].target, rank=1_000, **values)


def _entry(hours: int, kind: EventKind, **values: Any) -> CaseEvent:
    at = _at(hours)
    return CaseEvent(occurred_at=at, recorded_at=at, kind=kind, key=f"{kind}:{hours}:{values.get('move')}", **values)


def _claim(hours: int, officer: int = ANI) -> CaseEvent:
    return _move(hours, Move.CLAIM, officer, assignee_id=officer, expires_at=_at(hours) + LASTS)


def _ended(hours: int) -> CaseEvent:
    return _entry(hours, EventKind.EXPIRED, move=Move.CLAIM)


def _fold(*events: CaseEvent) -> Case:
    return fold_case([_entry(0, EventKind.REPORTED), _entry(0, EventKind.ASSIGNED, unit_id=7), *events])


@pytest.mark.parametrize(
    ("events", "hours"),
    [
        ([_claim(1)], 25),
        ([_claim(1), _move(5, Move.ACCEPT)], 29),
        ([_claim(1), _entry(6, EventKind.NOTE, actor_id=ANI, text="Sudah ditelepon")], 30),
        ([_claim(1), _move(5, Move.RESPOND, BUDI)], 25),
        ([_claim(1), _claim(15)], 39),
        ([_claim(1), _move(2, Move.ASK_COMPLAINANT)], None),
        ([_claim(1), _move(2, Move.ASK_COMPLAINANT), _move(90, Move.COMPLAINANT_ANSWERED, BUDI)], 114),
        ([_claim(1), _move(2, Move.ACCEPT), _move(3, Move.SUBMIT)], None),
        ([_claim(1), _move(2, Move.ACCEPT), _move(3, Move.SUBMIT), _move(50, Move.SEND_BACK, BUDI)], 74),
        ([_claim(1), _move(2, Move.ACCEPT), _move(3, Move.SCHEDULE, promised_at=_at(100))], 124),
        ([_claim(1), _move(2, Move.WITHDRAW)], None),
        ([_move(1, Move.ASSIGN, BUDI, assignee_id=ANI), _move(5, Move.ACCEPT)], None),
    ],
)
def test_a_claim_ends_a_day_after_its_holder_could_last_act(events: list[CaseEvent], hours: int | None) -> None:
    case = _fold(*events)
    assert case.assignee_id == ANI
    assert case.claim_expires_at == (None if hours is None else _at(hours))


@pytest.mark.parametrize("leaving", [_move(2, Move.RELEASE), _move(2, Move.FORWARD, unit_id=8)])
def test_who_gives_it_away_holds_it_no_more(leaving: CaseEvent) -> None:
    case = _fold(_claim(1), leaving)
    assert (case.assignee_id, case.claim_expires_at) == (None, None)


def test_the_end_gives_the_complaint_back_and_the_next_may_claim_it_at_that_instant() -> None:
    ended = _ended(25)
    case = _fold(_claim(1), ended)
    assert (case.assignee_id, case.claim_expires_at, case.effects[ended.key]) == (None, None, Effect.APPLIED)
    case = _fold(_claim(1), ended, _claim(25, BUDI))
    assert (case.assignee_id, case.claim_expires_at) == (BUDI, _at(49))


def test_an_end_that_an_earlier_entry_put_off_counts_for_nothing() -> None:
    ended = _ended(25)
    case = _fold(_claim(1), ended, _move(20, Move.ACCEPT))
    assert (case.assignee_id, case.claim_expires_at, case.effects[ended.key]) == (ANI, _at(44), Effect.SHADOWED)


def test_a_claim_without_an_end_stays() -> None:
    forever = _move(1, Move.CLAIM, assignee_id=ANI)
    assert (_fold(forever).assignee_id, _fold(forever).claim_expires_at) == (ANI, None)
