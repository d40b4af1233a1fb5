"""Where a source's word and an officer's move disagree: both are on record, and which stands against which is shown."""

from __future__ import annotations

from datetime import timedelta

from app.complaint.events import Timing
from app.complaint.lifecycle import Move, Status
from app.db.complaints import Change, advance, lock
from app.db.session import reading, writing
from app.db.verify import verify
from tests.workqueue.desk import DAY, NOON, Desk, EventKind, entry

HOUR = timedelta(hours=1)


async def test_an_officer_resolved_and_the_source_says_otherwise(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    for move in (Move.ACCEPT, Move.SUBMIT, Move.APPROVE):
        await desk.move(found, move, now=NOON)
    await desk.hear(found, Status.COORDINATING, NOON + HOUR)
    seen = await desk.see(found, now=NOON + 2 * HOUR)
    assert (seen["status"], seen["source_status"], seen["conflicts"]) == (Status.RESOLVED, "Kata sumber", 1)  # type: ignore[typeddict-item]
    *_, approved, word = (await desk.history(found)).items
    assert (word["effect"], word["word"], word["status"], word["source"]) == (
        "conflict",
        "Kata sumber",
        Status.COORDINATING,
        "crm",
    )
    assert word["overruled_by"] == {
        "id": approved["id"],
        "occurred_at": NOON,
        "move": Move.APPROVE,
        "status": Status.RESOLVED,
        "actor": "Gita",
    }
    assert approved["overruled_by"] is None
    await _verifies(desk)


async def test_the_source_resolved_and_an_officer_says_otherwise(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    await desk.hear(found, Status.RESOLVED, NOON - 3 * HOUR)
    await desk.move(found, Move.REOPEN, "dewi", reason="Belum selesai", now=NOON)
    # Nobody dates the word: it was said at some time since the last look, in which the officer reopened.
    word = entry(
        EventKind.STATUS,
        NOON + HOUR,
        status=Status.RESOLVED,
        word="Selesai",
        source_id=desk.sources["crm"],
        timing=Timing.OBSERVED,
        earliest_at=NOON - HOUR,
    )
    async with writing(desk.engine) as connection:
        await lock(connection, found)
        await advance(connection, [Change(complaint_id=found, events=[word])], await desk.rules(connection), now=NOON)
    seen = await desk.see(found, now=NOON + 2 * HOUR)
    assert (seen["status"], seen["source_status"], seen["conflicts"]) == (Status.REWORK, "Selesai", 1)  # type: ignore[typeddict-item]
    last = (await desk.history(found)).items[-1]
    assert (last["effect"], last["overruled_by"] and last["overruled_by"]["move"]) == ("conflict", Move.REOPEN)
    await _verifies(desk)


async def test_a_source_that_follows_the_officer_is_in_no_conflict(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    await desk.move(found, Move.ACCEPT, now=NOON)
    await desk.hear(found, Status.RESOLVED, NOON + HOUR)
    seen = await desk.see(found, now=NOON + 2 * HOUR)
    assert (seen["status"], seen["conflicts"]) == (Status.RESOLVED, 0)  # type: ignore[typeddict-item]
    assert {each["overruled_by"] for each in (await desk.history(found)).items} == {None}


async def _verifies(desk: Desk) -> None:
    async with reading(desk.engine) as connection:
        async for _, differences in verify(connection, await desk.rules(connection)):
            assert differences == []
