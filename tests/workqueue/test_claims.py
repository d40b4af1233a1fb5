"""Claims as leases: they last while their holder works, end by themselves, and go to one officer however many ask."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from app.complaint.errors import AlreadyClaimed
from app.complaint.events import EventKind
from app.complaint.lifecycle import Move, Status
from app.db.case_rows import read_stored
from app.db.complaints import refold
from app.db.session import reading, writing
from app.db.tables.people import Officer
from app.workqueue.claims import CLAIM_LASTS, expire_claims
from app.workqueue.leaving import release_for_the_gone
from app.workqueue.notes import add_note
from tests.workqueue.desk import NOON, Desk

_MOMENT = timedelta(seconds=1)


async def _claimed(desk: Desk) -> int:
    found = await desk.report("JK1", NOON - timedelta(hours=1), unit="kelurahan-a")
    await desk.move(found, Move.CLAIM, "ani")
    return found


async def _holder(desk: Desk, complaint_id: int) -> tuple[int | None, datetime | None]:
    (row,) = [row for row in await desk.rows("complaint") if row.id == complaint_id]
    return row.assignee_id, row.claim_expires_at


async def _expire(desk: Desk, now: datetime) -> int:
    return await expire_claims(desk.engine, desk.rulebooks, now=now)


async def test_of_fifty_who_claim_at_once_one_holds_it(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - timedelta(hours=1), unit="kelurahan-a")
    names = [name for name in ("ani", "budi", "dewi", "gita") for _ in range(13)]
    outcomes = await asyncio.gather(*(desk.move(found, Move.CLAIM, name) for name in names), return_exceptions=True)
    holder, _ = await _holder(desk, found)
    for name, outcome in zip(names, outcomes, strict=True):
        if desk.officers[name] == holder:
            assert not isinstance(outcome, BaseException), outcome
        else:
            assert isinstance(outcome, AlreadyClaimed), outcome
    claims = [entry for entry in await desk.rows("complaint_event") if entry.move is Move.CLAIM]
    assert len(claims) == 1


async def test_a_claim_that_nobody_keeps_up_ends_once_and_is_on_record(desk: Desk) -> None:
    found = await _claimed(desk)
    assert await _holder(desk, found) == (desk.officers["ani"], NOON + CLAIM_LASTS)
    assert await _expire(desk, NOON + CLAIM_LASTS - _MOMENT) == 0
    later = NOON + CLAIM_LASTS + timedelta(hours=2)
    assert sum(await asyncio.gather(*(_expire(desk, later) for _ in range(3)))) == 1
    assert await _holder(desk, found) == (None, None)
    (ended,) = [entry for entry in await desk.rows("complaint_event") if entry.kind is EventKind.EXPIRED]
    assert ended.occurred_at == NOON + CLAIM_LASTS
    assert ended.assignee_id == desk.officers["ani"]
    await _agrees(desk, found)


async def test_moves_and_notes_of_the_holder_keep_the_claim_up(desk: Desk) -> None:
    found = await _claimed(desk)
    await desk.move(found, Move.ACCEPT, "ani", now=NOON + timedelta(hours=10))
    assert await _holder(desk, found) == (desk.officers["ani"], NOON + timedelta(hours=10) + CLAIM_LASTS)
    now = NOON + timedelta(hours=20)
    async with writing(desk.engine) as connection:
        rules = await desk.rules(connection)
        await add_note(connection, found, "Ditelepon.", desk.asker("ani"), rules, is_public=False, now=now)
    assert await _holder(desk, found) == (desk.officers["ani"], now + CLAIM_LASTS)
    await _agrees(desk, found)


async def test_who_comes_after_the_end_need_not_wait_for_a_worker(desk: Desk) -> None:
    found = await _claimed(desk)
    over = NOON + CLAIM_LASTS
    await desk.move(found, Move.CLAIM, "budi", now=over)
    assert await _holder(desk, found) == (desk.officers["budi"], over + CLAIM_LASTS)
    assert await _expire(desk, over) == 0
    await _agrees(desk, found)


async def test_what_a_supervisor_assigned_does_not_end_by_itself(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    await desk.move(found, Move.ASSIGN, "dewi", assignee="ani")
    assert await _expire(desk, NOON + timedelta(days=400)) == 0
    assert await _holder(desk, found) == (desk.officers["ani"], None)


@pytest.mark.parametrize(("move", "by", "assignee"), [(Move.CLAIM, "ani", None), (Move.ASSIGN, "dewi", "ani")])
async def test_what_somebody_held_who_left_goes_back_to_the_unit(
    desk: Desk, move: Move, by: str, assignee: str | None
) -> None:
    """An assignment has no end of its own, so nobody else could ever claim it."""
    held, closed, of_others = [await desk.report(f"JK{n}", NOON, unit="kelurahan-a") for n in range(3)]
    for each in (held, closed):
        await desk.move(each, move, by, **({"assignee": assignee} if assignee else {}))
    await desk.hear(closed, Status.RESOLVED, NOON + _MOMENT)
    await desk.move(of_others, Move.CLAIM, "budi")
    now = NOON + timedelta(minutes=5)
    assert await release_for_the_gone(desk.engine, desk.rulebooks, now=now) == 0
    async with writing(desk.engine) as connection:
        await connection.execute(update(Officer).where(Officer.username == "ani").values(is_active=False))
    done = await asyncio.gather(*(release_for_the_gone(desk.engine, desk.rulebooks, now=now) for _ in range(3)))
    assert sum(done) == 1
    assert [(await _holder(desk, each))[0] for each in (held, closed, of_others)] == [
        None,
        desk.officers["ani"],
        desk.officers["budi"],
    ]
    await _agrees(desk, held)
    await desk.move(held, Move.CLAIM, "budi", now=now)


async def _agrees(desk: Desk, complaint_id: int) -> None:
    async with reading(desk.engine) as connection:
        stored = (await read_stored(connection, [complaint_id]))[complaint_id]
        folded = refold(complaint_id, stored, await desk.rules(connection))
    (row,) = [row for row in await desk.rows("complaint") if row.id == complaint_id]
    assert {name: value for name, value in folded.header.items() if getattr(row, name) != value} == {}
