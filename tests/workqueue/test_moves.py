"""The moves: who may take which, from where, with what, and what they leave behind."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.complaint.errors import (
    AlreadyClaimed,
    Conflict,
    DomainError,
    Forbidden,
    IllegalMove,
    InvalidInput,
    NotFound,
    StaleVersion,
)
from app.complaint.lifecycle import STEPS, Move, Status, legal_moves
from app.db.case_rows import read_stored
from app.db.complaints import refold
from app.db.session import reading
from tests.workqueue.desk import DAY, NOON, Desk

WAYS: dict[Status, tuple[Move, ...]] = {
    Status.RECEIVED: (),
    Status.COORDINATING: (Move.FORWARD,),
    Status.IN_PROGRESS: (Move.ACCEPT,),
    Status.SCHEDULED: (Move.ACCEPT, Move.SCHEDULE),
    Status.AWAITING_VALIDATION: (Move.ACCEPT, Move.SUBMIT),
    Status.REWORK: (Move.ACCEPT, Move.SUBMIT, Move.SEND_BACK),
    Status.AWAITING_COMPLAINANT: (Move.ASK_COMPLAINANT,),
    Status.RESOLVED: (Move.ACCEPT, Move.SUBMIT, Move.APPROVE),
    Status.REJECTED: (Move.REJECT,),
    Status.WITHDRAWN: (Move.WITHDRAW,),
}
"""How an officer's moves bring a complaint to each status that they can bring it to."""

BAD: tuple[tuple[Move, str, dict[str, Any]], ...] = (
    (Move.FORWARD, "unit", {"reason": "Perlu"}),
    (Move.FORWARD, "unit", {"unit": "atlantis", "reason": "Perlu"}),
    (Move.FORWARD, "reason", {"unit": "sudin"}),
    (Move.FORWARD, "reason", {"unit": "sudin", "reason": "  "}),
    (Move.RESPOND, "text", {}),
    (Move.RESPOND, "text", {"text": "x" * 10_001}),
    (Move.RESPOND, "text", {"text": "nol \x00"}),
    (Move.REJECT, "reason_code", {}),
    (Move.REJECT, "reason_code", {"reason_code": "atlantis"}),
    (Move.ASSIGN, "assignee", {}),
    (Move.CLAIM, "assignee", {"assignee": "ani"}),
    (Move.WITHDRAW, "reason", {}),
)


def _given(move: Move) -> dict[str, Any]:
    """Good values for what a move requires."""
    values = {
        "unit": "sudin",
        "assignee": "gita",
        "reason": "Perlu",
        "reason_code": "duplicate",
        "text": "Kami periksa",
        "promised_at": NOON + DAY * 3,
    }
    return {field: values[field] for field in STEPS[move].required}


async def _bring(desk: Desk, status: Status, code: str = "JK1") -> int:
    found = await desk.report(code, NOON - DAY, unit="kelurahan-a")
    for move in WAYS[status]:
        await desk.move(found, move, **_given(move))
    return found


@pytest.mark.parametrize("status", WAYS)
async def test_a_legal_move_goes_where_the_table_says(desk: Desk, status: Status) -> None:
    for number, move in enumerate(legal_moves(status)):
        found = await _bring(desk, status, code=f"JK{number}")
        before = await desk.see(found)
        if move is Move.RELEASE:
            await desk.move(found, Move.CLAIM)
        unit = {"unit": "kelurahan-b"} if move is Move.FORWARD else {}
        after = await desk.move(found, move, **{**_given(move), **unit})
        assert after["status"] == (STEPS[move].target or status)
        assert after["version"] > before["version"]
        entry = (await desk.history(found)).items[-1]
        assert (entry["move"], entry["actor"], entry["effect"]) == (move, "Gita", "applied")
        await _agrees(desk, found)


@pytest.mark.parametrize("status", WAYS)
async def test_an_illegal_move_is_refused_with_the_legal_ones(desk: Desk, status: Status) -> None:
    found = await _bring(desk, status)
    before = await desk.see(found)
    for move in set(Move) - set(legal_moves(status)):
        with pytest.raises(IllegalMove) as refused:
            await desk.move(found, move, **_given(move))
        assert refused.value.legal == legal_moves(status)
        assert refused.value.version == before["version"]
    assert await desk.see(found) == before


async def test_moves_of_one_second_count_in_the_order_they_were_taken(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    for move in (Move.CLAIM, Move.ACCEPT, Move.SUBMIT, Move.SEND_BACK, Move.SUBMIT, Move.APPROVE):
        await desk.move(found, move, **_given(move), now=NOON)
    seen = await desk.see(found)
    assert (seen["status"], seen["assignee"], seen["rework_count"]) == (Status.RESOLVED, "gita", 1)
    await _agrees(desk, found)


async def test_a_move_is_never_dated_before_what_a_fast_clock_of_a_source_said(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    await desk.hear(found, Status.RECEIVED, NOON + timedelta(minutes=5))
    seen = await desk.move(found, Move.ACCEPT, "ani", now=NOON)
    assert seen["status"] == Status.IN_PROGRESS
    last = (await desk.history(found)).items[-1]
    assert (last["occurred_at"], last["recorded_at"]) == (NOON + timedelta(minutes=5), NOON)


async def test_instants_enter_the_history_in_whole_seconds(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY)
    promised = NOON + DAY + timedelta(microseconds=7)
    await desk.move(found, Move.ACCEPT)
    await desk.move(
        found, Move.SCHEDULE, reason="Lelang", promised_at=promised, now=NOON + timedelta(microseconds=999_999)
    )
    last = (await desk.history(found)).items[-1]
    assert (last["occurred_at"], last["promised_at"]) == (NOON, NOON + DAY)


async def test_a_hand_over_gives_the_next_unit_its_own_clock_and_frees_the_claim(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    await desk.move(found, Move.CLAIM, "ani")
    seen = await desk.move(found, Move.FORWARD, "ani", unit="sudin", reason="Jalan provinsi")
    assert (seen["status"], seen["unit"], seen["assignee"], seen["hops"]) == (
        Status.COORDINATING,
        {"code": "sudin", "name": "Sudin"},
        None,
        1,
    )
    cycles = [(clock["unit"], clock["state"]) for clock in seen["clocks"] if clock["clock"] == "coordinate"]
    assert cycles == [("kelurahan-a", "met"), ("sudin", "running")]
    with pytest.raises(NotFound):
        await desk.see(found, "ani")
    assert (await desk.see(found, "citra"))["ticket_code"] == "JK1"


async def test_a_second_officer_cannot_claim_and_the_first_may_again(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    first = await desk.move(found, Move.CLAIM, "ani")
    assert (await desk.move(found, Move.CLAIM, "ani"))["version"] == first["version"]
    with pytest.raises(AlreadyClaimed) as refused:
        await desk.move(found, Move.CLAIM, "budi")
    assert refused.value.version == first["version"]
    assert len((await desk.history(found)).items) == 3


async def test_fifty_claims_at_once_have_one_winner(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")

    async def claim(number: int) -> str:
        try:
            await desk.move(found, Move.CLAIM, ("ani", "budi", "dewi", "gita")[number % 4])
        except AlreadyClaimed:
            return "late"
        return "held"

    outcomes = await asyncio.gather(*(claim(number) for number in range(50)))
    entries = [entry for entry in (await desk.history(found)).items if entry["move"] is Move.CLAIM]
    # The winner may ask again: that changes nothing.
    assert len(entries) == 1
    assert outcomes.count("held") in (12, 13)


async def test_only_the_holder_or_a_supervisor_releases(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    with pytest.raises(Conflict, match="held by nobody"):
        await desk.move(found, Move.RELEASE, "ani")
    for releaser in ("ani", "dewi"):
        await desk.move(found, Move.CLAIM, "ani")
        with pytest.raises(AlreadyClaimed):
            await desk.move(found, Move.RELEASE, "budi")
        assert (await desk.move(found, Move.RELEASE, releaser))["assignee"] is None


async def test_a_supervisor_assigns_to_an_officer_who_covers_the_unit(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    assert (await desk.move(found, Move.ASSIGN, "dewi", assignee="budi"))["assignee"] == "budi"
    version = (await desk.see(found))["version"]
    assert (await desk.move(found, Move.ASSIGN, "dewi", assignee="budi"))["version"] == version
    assert (await desk.move(found, Move.ASSIGN, "dewi", assignee="gita"))["assignee"] == "gita"
    for assignee in ("citra", "fajar", "nobody"):
        with pytest.raises(InvalidInput) as refused:
            await desk.move(found, Move.ASSIGN, "dewi", assignee=assignee)
        assert refused.value.field == "assignee"


@pytest.mark.parametrize("text", [" ", "\u200b", "\u00a0\u2060\ufeff"])
async def test_a_reply_that_shows_nothing_is_none(desk: Desk, text: str) -> None:
    """It would stop the clock of the first response."""
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    with pytest.raises(InvalidInput):
        await desk.move(found, Move.RESPOND, "ani", text=text)


async def test_what_is_unrouted_goes_only_to_who_covers_everything(desk: Desk) -> None:
    found = await desk.report("JK1", NOON)
    with pytest.raises(InvalidInput):
        await desk.move(found, Move.ASSIGN, assignee="ani")
    assert (await desk.move(found, Move.ASSIGN, assignee="gita"))["assignee"] == "gita"


@pytest.mark.parametrize("username", ["ani", "fajar"])
@pytest.mark.parametrize("move", [Move.APPROVE, Move.SEND_BACK])
async def test_nobody_judges_the_work_of_the_own_unit(desk: Desk, move: Move, username: str) -> None:
    found = await _bring(desk, Status.AWAITING_VALIDATION)
    with pytest.raises(Forbidden):
        await desk.move(found, move, username, **_given(move))


@pytest.mark.parametrize("username", ["eko", "dewi", "gita"])
async def test_validators_and_supervisors_judge(desk: Desk, username: str) -> None:
    found = await _bring(desk, Status.AWAITING_VALIDATION)
    assert (await desk.move(found, Move.APPROVE, username))["status"] == Status.RESOLVED


async def test_a_viewer_moves_nothing(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    for move in Move:
        with pytest.raises(Forbidden):
            await desk.move(found, move, "fajar", **_given(move))


@pytest.mark.parametrize("move", [Move.ASSIGN, Move.REOPEN])
async def test_some_moves_are_a_supervisors(desk: Desk, move: Move) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    with pytest.raises(Forbidden):
        await desk.move(found, move, "ani", **_given(move))


async def test_a_foreign_complaint_is_absent_to_a_move(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="sudin")
    unrouted = await desk.report("JK2", NOON)
    for each in (found, unrouted, 99):
        with pytest.raises(NotFound):
            await desk.move(each, Move.CLAIM, "ani")


async def test_a_validator_reaches_other_units_only_for_what_awaits_validation(desk: Desk) -> None:
    found = await _bring(desk, Status.IN_PROGRESS)
    with pytest.raises(NotFound):
        await desk.move(found, Move.CLAIM, "eko")


async def test_a_move_on_an_older_version_is_refused(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    version = (await desk.see(found))["version"]
    after = await desk.move(found, Move.ACCEPT, "ani", seen={version})
    with pytest.raises(StaleVersion) as refused:
        await desk.move(found, Move.SUBMIT, "ani", seen={version})
    assert refused.value.version == after["version"] == version + 1


async def test_bad_input_names_its_field(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    for move, field, given in BAD:
        with pytest.raises(InvalidInput) as refused:
            await desk.move(found, move, **given)
        assert refused.value.field == field, (move, given)


async def test_a_promise_lies_in_the_future_and_within_reason(desk: Desk) -> None:
    found = await _bring(desk, Status.IN_PROGRESS)
    for ahead in (-DAY, timedelta(), DAY * 5_000):
        with pytest.raises(InvalidInput) as refused:
            await desk.move(found, Move.SCHEDULE, reason="Lelang", promised_at=NOON + ahead)
        assert refused.value.field == "promised_at"


async def test_forwarding_to_the_unit_that_has_it_is_a_conflict(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="sudin")
    with pytest.raises(Conflict):
        await desk.move(found, Move.FORWARD, unit="sudin", reason="Perlu")


async def test_a_refused_move_leaves_nothing(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    before = (await desk.see(found), await desk.history(found))
    for move, given in ((Move.APPROVE, {}), (Move.FORWARD, {"unit": "atlantis", "reason": "Perlu"})):
        with pytest.raises(DomainError):
            await desk.move(found, move, **given)
    assert (await desk.see(found), await desk.history(found)) == before


async def _agrees(desk: Desk, complaint_id: int) -> None:
    """The stored row is the fold of the stored history."""
    async with reading(desk.engine) as connection:
        stored = (await read_stored(connection, [complaint_id]))[complaint_id]
        folded = refold(complaint_id, stored, await desk.rules(connection))
    assert folded.header["status"] is stored.header["status"]
    assert folded.header["queue_at"] == stored.header["queue_at"]
    assert dict(folded.effects) == stored.effects
