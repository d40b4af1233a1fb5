"""Pauses with a reason, a limit and evidence; those that end by themselves; breaches that late words clear."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from app.complaint.errors import Forbidden, InvalidInput
from app.complaint.events import EventKind
from app.complaint.lifecycle import Move, Status
from app.db.case_rows import read_stored
from app.db.complaints import refold
from app.db.session import reading, writing
from app.workqueue.pauses import expire_pauses
from tests.workqueue.desk import DAY, NOON, Desk, table


def _reason(code: str, **values: Any) -> dict[str, Any]:
    plain = {"label_id": code, "label_en": code, "needs_evidence": False, "max_s": None, "needed_role": "officer"}
    return {"kind": "pause", "code": code, **plain, **values}


REASONS = [
    _reason("awaiting_complainant", max_s=30 * 86_400),
    _reason("flood", needed_role="supervisor"),
    _reason("third_party", needs_evidence=True, max_s=3_600),
]


async def _asked(desk: Desk, username: str = "gita", *, now: datetime = NOON, **values: Any) -> int:
    async with writing(desk.engine) as connection:
        await connection.execute(insert(table("reason_code")), REASONS)
    found = await desk.report("JK2601120001", NOON - timedelta(hours=1), unit="kelurahan-a")
    await desk.move(found, Move.ASK_COMPLAINANT, username, text="Di mana tepatnya?", now=now, **values)
    return found


def _resolve(card: Any) -> dict[str, Any]:
    return next(each for each in card["clocks"] if each["clock"] == "resolve")


async def test_a_pause_ends_by_itself_at_its_limit_and_says_so(desk: Desk) -> None:
    found = await _asked(desk)
    end = NOON + 30 * DAY
    assert await expire_pauses(desk.engine, desk.rulebooks, now=end - timedelta(seconds=1)) == 0
    # The job looks two hours late; the pause still ends at its very limit.
    assert await expire_pauses(desk.engine, desk.rulebooks, now=end + timedelta(hours=2)) == 1
    assert await expire_pauses(desk.engine, desk.rulebooks, now=end + timedelta(hours=2)) == 0
    seen = await desk.see(found, now=end + timedelta(hours=2))
    assert seen["status"] == Status.IN_PROGRESS
    assert _resolve(seen)["paused_seconds"] == 30 * 86_400
    last = (await desk.history(found)).items[-1]
    assert (last["kind"], last["reason_code"], last["occurred_at"]) == ("expired", "awaiting_complainant", end)


async def test_an_answer_before_the_limit_leaves_nothing_to_expire(desk: Desk) -> None:
    found = await _asked(desk)
    await desk.move(found, Move.COMPLAINANT_ANSWERED, now=NOON + DAY)
    assert await expire_pauses(desk.engine, desk.rulebooks, now=NOON + 40 * DAY) == 0
    assert _resolve(await desk.see(found, now=NOON + 2 * DAY))["paused_seconds"] == 86_400


async def test_only_the_role_that_a_reason_names_may_give_it(desk: Desk) -> None:
    with pytest.raises(Forbidden, match="supervisor"):
        await _asked(desk, "ani", reason_code="flood")
    found = await desk.report("JK2601120002", NOON - timedelta(hours=1), unit="kelurahan-a")
    asked = await desk.move(found, Move.ASK_COMPLAINANT, "dewi", text="Banjir.", reason_code="flood")
    assert asked["status"] == Status.AWAITING_COMPLAINANT


async def test_a_reason_that_asks_for_evidence_gets_it(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match="evidence") as refused:
        await _asked(desk, reason_code="third_party")
    assert refused.value.field == "reason"


async def test_an_unknown_reason_is_refused_with_the_known_ones(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match="awaiting_complainant, flood, third_party"):
        await _asked(desk, reason_code="malas")


async def test_a_policy_that_does_not_honour_the_reason_counts_on(desk: Desk) -> None:
    found = await _asked(desk, "dewi", reason_code="flood")
    clock = _resolve(await desk.see(found, now=NOON + DAY))
    assert (clock["state"], clock["paused_seconds"]) == ("running", 0)


async def test_a_late_word_that_clears_a_breach_is_corrected_on_record(desk: Desk) -> None:
    found = await desk.report("JK2601120003", NOON - 10 * DAY, unit="kelurahan-a")
    assert _resolve(await desk.see(found))["breached_at"] is not None
    # The source tells only now that it was done eight days ago.
    await desk.hear(found, Status.RESOLVED, NOON - 8 * DAY, now=NOON)
    assert _resolve(await desk.see(found))["state"] == "met"
    told = [each["reason"] for each in (await desk.history(found)).items if each["kind"] == "corrected"]
    assert told == ["a late entry clears the breach of resolve, cycle 1"]
    stored = [row.details for row in await desk.rows("complaint_event") if row.kind == EventKind.CORRECTED]
    assert [(each["former_state"], each["state"]) for each in stored] == [("running", "met")]


async def test_a_late_stop_after_the_due_time_corrects_nothing(desk: Desk) -> None:
    found = await desk.report("JK2601120004", NOON - 10 * DAY, unit="kelurahan-a")
    await desk.hear(found, Status.RESOLVED, NOON - 2 * DAY, now=NOON)
    assert _resolve(await desk.see(found))["state"] == "missed"
    assert "corrected" not in [
        each["kind"] for each in (await desk.history(found)).items if each["reason"] and "resolve" in each["reason"]
    ]


async def test_stored_rows_with_pauses_equal_their_fold(desk: Desk) -> None:
    found = await _asked(desk)
    await expire_pauses(desk.engine, desk.rulebooks, now=NOON + 31 * DAY)
    async with reading(desk.engine) as connection:
        rules = await desk.rules(connection)
        stored = (await read_stored(connection, [found]))[found]
        folded = refold(found, stored, rules)
    assert {row.key for row in folded.rows} == set(stored.clocks)
    assert all(stored.clocks[row.key]["paused_s"] == row.paused_s for row in folded.rows)
