"""The view that polling is answered from: no change is missed, none of another unit is told, time passes by itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import event, update

from app.complaint.lifecycle import Move
from app.db.changes import next_change
from app.db.marks import Passing
from app.db.pulse import FRESH_S, Pulse
from app.db.session import reading, writing
from app.db.tables.complaints import Complaint
from app.db.unit_changes import read_kept
from tests.complaint.story import KELURAHAN, SUDIN, at, given, move, reported
from tests.db.ledger import KOTA, add

ALL = None


@pytest.fixture
async def pulse(engine, ledger):
    built = Pulse(engine, lambda: at("12 12:00"), keeper=engine)
    yield built
    await built.close()


async def look(pulse):
    pulse.expire()
    return await pulse.view()


async def report(ledger, unit_id):
    return await ledger.report(reported("12 10:00"), *([] if unit_id is None else [given("12 10:00", unit_id)]))


async def settled(pulse):
    """A view in which nothing runs any more: other tests share the server."""
    async with asyncio.timeout(60):
        while True:
            view = await look(pulse)
            if view.stamp(ALL)[0] < view.running.horizon:
                return view
            await asyncio.sleep(0.05)


async def test_a_change_is_seen_by_its_unit_by_the_unit_above_and_by_nobody_else(ledger, pulse):
    before = await settled(pulse)
    await report(ledger, KELURAHAN)
    after = await settled(pulse)
    for units in (ALL, frozenset({KELURAHAN}), pulse.below(after, [KOTA])):
        assert after.stamp(units) != before.stamp(units)
    assert after.stamp(frozenset({SUDIN})) == before.stamp(frozenset({SUDIN}))


async def test_a_complaint_that_leaves_a_unit_is_a_change_of_both(ledger, pulse):
    id_ = await report(ledger, KELURAHAN)
    before = await settled(pulse)
    await ledger.add(id_, move("12 11:00", Move.FORWARD, unit_id=SUDIN, reason="bukan kami"))
    assert (await ledger.header(id_)).unit_id == SUDIN
    after = await settled(pulse)
    for unit_id in (KELURAHAN, SUDIN):
        assert after.stamp(frozenset({unit_id})) != before.stamp(frozenset({unit_id}))


async def test_what_no_unit_holds_is_a_change_of_everything_and_of_no_unit(ledger, pulse):
    before = await settled(pulse)
    await report(ledger, None)
    after = await settled(pulse)
    assert after.stamp(ALL) != before.stamp(ALL)
    assert after.stamp(pulse.below(after, [KOTA])) == before.stamp(pulse.below(before, [KOTA]))


async def test_a_process_that_starts_later_knows_what_one_knows_that_ran_all_the_time(ledger, engine, pulse):
    for unit_id in (KELURAHAN, SUDIN, KELURAHAN, None):
        await report(ledger, unit_id)
        await look(pulse)
    view = await settled(pulse)
    other = Pulse(engine, lambda: at("12 12:00"), keeper=None)
    fresh = await other.view()
    for units in (ALL, frozenset({KELURAHAN}), frozenset({SUDIN})):
        assert fresh.stamp(units) == view.stamp(units)
    await other.close()


async def test_what_was_gathered_is_kept_for_the_next_process(ledger, engine, pulse):
    await report(ledger, KELURAHAN)
    view = await settled(pulse)
    other = Pulse(engine, lambda: at("12 12:00"), keeper=engine)
    await other.view()
    async with asyncio.timeout(10):
        while True:
            async with reading(engine) as connection:
                seen, kept = await read_kept(connection)
            if kept:
                break
            await asyncio.sleep(0.01)
    await other.close()
    assert seen.above >= view.stamp(ALL)[0]
    assert kept[KELURAHAN] == view.stamp(frozenset({KELURAHAN}))[0]


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_a_change_that_commits_behind_a_later_one_is_not_missed(ledger, engine, pulse):
    slow_id = await report(ledger, KELURAHAN)
    quick_id = await report(ledger, KELURAHAN)
    async with writing(engine) as slow:
        early = await next_change(slow)
        await ledger.add(quick_id, move("12 11:00", Move.RESPOND, text="kami cek"))
        during = await look(pulse)
        assert early in during.stamp(frozenset({KELURAHAN}))[1]
        assert during.running.horizon <= early
        await slow.execute(_touch(slow_id, early))
    after = await settled(pulse)
    assert after.stamp(frozenset({KELURAHAN})) != during.stamp(frozenset({KELURAHAN}))


async def test_a_view_is_used_again_until_it_is_old_or_something_was_written(ledger, engine, pulse):
    first = await pulse.view()
    told = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: told.append(given[2]))
    assert await pulse.view() is first
    assert told == []
    pulse.expire()
    await pulse.view()
    assert told
    told.clear()
    await asyncio.sleep(FRESH_S)
    await pulse.view()
    assert told


async def test_hundreds_that_ask_at_once_are_one_look(ledger, engine, pulse):
    told = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: told.append(given[2]))
    views = await asyncio.gather(*(pulse.view() for _ in range(300)))
    assert len({id(each) for each in views}) == 1
    assert sum("unit_change" in each and each.startswith("SELECT") for each in told) <= 2


async def test_who_waits_is_woken_by_a_change_and_else_by_the_clock(ledger, engine, pulse):
    view = await settled(pulse)
    async with pulse.watched():
        assert (await pulse.moved(view.number, within_s=0.01)).number == view.number
        waiting = asyncio.create_task(pulse.moved(view.number, within_s=30))
        await report(ledger, SUDIN)
        assert (await asyncio.wait_for(waiting, 10)).number > view.number


async def test_marks_are_the_last_instant_that_passed_and_the_next_one(ledger, engine, pulse):
    id_ = await report(ledger, KELURAHAN)
    async with writing(engine) as connection:
        for cycle, due_at in enumerate((at("12 11:00"), at("12 15:00")), start=1):
            await add(connection, "sla_clock", complaint_id=id_, clock="resolve", cycle=cycle, due_at=due_at, **_CYCLE)
    view = await settled(pulse)
    here, there = frozenset({KELURAHAN}), frozenset({SUDIN})
    marks = await pulse.marks(view, Passing.DUE, here, now=at("12 12:00"))
    assert (marks.last, marks.next) == (at("12 11:00"), at("12 15:00"))
    assert (await pulse.marks(view, Passing.DUE, here, now=at("12 15:00"))).last == at("12 11:00")
    late = at("12 15:00") + timedelta(microseconds=1)
    assert (await pulse.marks(view, Passing.DUE, here, now=late)).last == at("12 15:00")
    assert (await pulse.marks(view, Passing.DUE, there, now=late)).last is None
    assert (await pulse.marks(view, Passing.DUE, ALL, now=late)).last == at("12 15:00")


async def test_an_age_passes_by_itself(ledger, pulse):
    await report(ledger, KELURAHAN)
    view = await settled(pulse)
    units = frozenset({KELURAHAN})
    assert (await pulse.marks(view, Passing.AGE, units, now=at("12 10:00"))).last is None
    assert (await pulse.marks(view, Passing.AGE, units, now=at("13 10:00"))).last == at("12 10:00")
    assert (await pulse.marks(view, Passing.AGE, units, now=at("13 10:01"))).last == at("13 10:00")


_CYCLE = {
    "family": "uji", "unit_id": KELURAHAN, "state": "running", "started_at": at("12 10:00"), "elapsed_s": 0,
    "paused_s": 0, "is_provisional": False, "timing": "dated", "raised_step": 0,
}  # fmt: skip


def _touch(id_, number):
    return update(Complaint).where(Complaint.id == id_).values(change_no=number)
