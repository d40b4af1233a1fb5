"""The open clocks follow a change to the second, closed ones never; one call takes it back; nobody is in the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.complaint.lifecycle import Move
from app.db.session import writing
from app.db.states import ProposalState, RecalculationState, RuleKind
from app.rules import recalculation
from tests.rules.hall import SHORT, Hall
from tests.units.city import NOW

CALENDAR, POLICY = RuleKind.CALENDAR, RuleKind.POLICY
CHANGES: list[tuple[RuleKind, str, dict[str, Any]]] = [
    (CALENDAR, "office", {"rules": SHORT}),
    (CALENDAR, "office", {"rules": SHORT, "effective_on": "2026-02-20"}),
    (POLICY, "law.resolve", {"target": {"unit": "working_day", "amount": 2}}),
    (POLICY, "city.respond", {"target": {"unit": "elapsed_minute", "amount": 30_000}}),
    (POLICY, "law.resolve", {"calendar": "24x7"}),
    (POLICY, "law.resolve", {"honours": []}),
    (POLICY, "city.respond", {"applies": {"units": ["dinas"]}}),
    (POLICY, "city.respond", {"effective_on": "2026-02-20", "target": {"unit": "elapsed_minute", "amount": 60}}),
]
TIMES = ("due_at", "target_s", "state", "next_step", "next_fire_at")


def times(rows: Mapping[int, Mapping[str, Any]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """When each clock is due, by what it is."""
    key = ("complaint_id", "clock", "cycle", "family")
    return {tuple(row[name] for name in key): tuple(row[name] for name in TIMES) for row in rows.values()}


@pytest.mark.parametrize(("kind", "name", "given"), CHANGES)
async def test_open_clocks_follow_and_closed_ones_stay(
    hall: Hall, kind: RuleKind, name: str, given: dict[str, Any]
) -> None:
    assert await hall.differences() == []
    before, closed = await hall.clocks(is_open=True), await hall.clocks(is_open=False)
    versions = {row.id: row.version for row in await hall.rows("complaint")}
    proposal = await hall.propose(kind, name, **given)
    await hall.approve(proposal)
    done = await hall.work()
    after = await hall.clocks(is_open=True)
    assert done is not None and done.is_done
    assert await hall.differences() == []
    assert await hall.clocks(is_open=False) == closed
    assert {row.id: row.version for row in await hall.rows("complaint")} == versions
    told = await hall.recalculated()
    was, now = times(before), times(after)
    judged = {key for key in was.keys() | now.keys() if key[3] != ""}
    moved = {key for key in judged if was.get(key, (None, None))[:2] != now.get(key, (None, None))[:2]}
    assert moved
    assert {(each["clock"], each["cycle"], each["family"]) for each in told} == {key[1:] for key in moved}
    assert len(told) == len(moved) == done.moved
    preview = (await hall.proposal(proposal)).preview
    assert preview["moved"] == done.moved


async def test_the_preview_counts_what_then_happens_by_unit_and_touches_nothing(hall: Hall) -> None:
    before = await hall.everything()
    proposal = await hall.propose(CALENDAR, "office", rules=SHORT)
    assert await hall.everything() == before
    was = await hall.clocks(is_open=True)
    await hall.approve(proposal)
    await hall.work()
    now = await hall.clocks(is_open=True)
    moved, appearing, vanishing = Counter[Any](), Counter[Any](), Counter[Any]()
    for id_, row in now.items():
        old = was[id_]
        moved[row["unit_id"]] += (old["due_at"], old["target_s"]) != (row["due_at"], row["target_s"])
        breaches = [each["due_at"] is not None and each["due_at"] < NOW for each in (old, row)]
        appearing[row["unit_id"]] += breaches == [False, True]
        vanishing[row["unit_id"]] += breaches == [True, False]
    preview = (await hall.proposal(proposal)).preview
    codes = {unit: code for unit, (code, _) in (await hall.names()).items()} | {None: None}
    told = {each["code"]: each for each in preview["units"]}
    assert sum(vanishing.values()) > 0
    for unit, count in moved.items():
        each = told.get(codes[unit], {"moved": 0, "breaches_appearing": 0, "breaches_vanishing": 0})
        found = each["moved"], each["breaches_appearing"], each["breaches_vanishing"]
        assert found == (count, appearing[unit], vanishing[unit])


async def test_an_entry_of_the_history_keeps_the_old_value(hall: Hall) -> None:
    before = times(await hall.clocks(is_open=True))
    proposal = await hall.propose(POLICY, "law.resolve", target={"unit": "working_day", "amount": 2})
    await hall.approve(proposal)
    await hall.work()
    entry = next(row for row in await hall.rows("complaint_event") if row.kind == "recalculated")
    details = entry.details
    key = (entry.complaint_id, details["clock"], details["cycle"], details["family"])
    assert details["old"]["due_at"] == before[key][0].isoformat().replace("+00:00", "Z")
    assert (details["old"]["policy_version"], details["new"]["policy_version"]) == (1, 2)
    assert (details["new"]["policy"], details["new"]["calendar"], details["new"]["calendar_version"]) == (
        "law.resolve",
        "office",
        1,
    )
    assert (details["proposal"], entry.reason) == (proposal, "jam kerja baru")


async def test_a_change_is_taken_back_in_one_call(hall: Hall) -> None:
    before, closed = times(await hall.clocks(is_open=True)), await hall.clocks(is_open=False)
    proposal = await hall.propose(CALENDAR, "office", rules=SHORT)
    await hall.approve(proposal)
    await hall.work()
    assert times(await hall.clocks(is_open=True)) != before
    await hall.revert(proposal)
    assert (await hall.proposal(proposal)).state is ProposalState.APPROVED
    await hall.work()
    entry = await hall.proposal(proposal)
    assert (entry.state, entry.version, entry.former_version, entry.revert_version) == ("reverted", 2, 1, 3)
    assert times(await hall.clocks(is_open=True)) == before
    assert await hall.clocks(is_open=False) == closed
    assert await hall.differences() == []


async def test_what_a_version_counted_anew_is_counted_from_there_again_when_a_later_one_is_taken_back(
    hall: Hall,
) -> None:
    first = await hall.propose(POLICY, "law.resolve", on_change="restart")
    await hall.approve(first, now=NOW - timedelta(days=3))
    await hall.work()
    before = times(await hall.clocks(is_open=True))
    longer = await hall.propose(POLICY, "law.resolve", target={"unit": "working_day", "amount": 9}, on_change="restart")
    await hall.approve(longer, now=NOW - timedelta(days=2))
    await hall.work()
    assert times(await hall.clocks(is_open=True)) != before
    await hall.revert(longer)
    await hall.work()
    assert times(await hall.clocks(is_open=True)) == before
    assert await hall.differences() == []


async def test_what_reached_back_to_older_cycles_leaves_them_when_it_is_taken_back(hall: Hall) -> None:
    await hall.approve(await hall.propose(CALENDAR, "office", rules=SHORT, effective_on="2026-02-20"))
    await hall.work()
    before = times(await hall.clocks(is_open=True))
    for_all = await hall.propose(CALENDAR, "office", rules=SHORT, effective_on=None)
    await hall.approve(for_all)
    await hall.work()
    assert times(await hall.clocks(is_open=True)) != before
    await hall.revert(for_all)
    await hall.work()
    assert times(await hall.clocks(is_open=True)) == before
    assert await hall.differences() == []


async def test_a_change_is_taken_back_while_its_clocks_still_follow(hall: Hall) -> None:
    before = times(await hall.clocks(is_open=True))
    proposal = await hall.propose(CALENDAR, "office", rules=SHORT)
    await hall.approve(proposal)
    task = await recalculation._take(hall.bench())
    assert task is not None
    await recalculation._batch(hall.bench(), task, 40)
    await hall.revert(proposal)
    with pytest.raises(recalculation.LostTask):
        await recalculation._batch(hall.bench(), task, 40)
    done = await hall.work()
    assert done is not None and done.is_done
    entry = await hall.proposal(proposal)
    states = [run.state for run in entry.recalculations]
    assert states == [RecalculationState.DONE, RecalculationState.REPLACED]
    assert entry.state is ProposalState.REVERTED
    assert times(await hall.clocks(is_open=True)) == before
    assert await hall.differences() == []


async def test_a_second_worker_goes_on_where_a_dead_one_stopped(hall: Hall) -> None:
    proposal = await hall.propose(CALENDAR, "office", rules=SHORT)
    await hall.approve(proposal)
    dead = hall.bench("dead", span=timedelta(0))
    task = await recalculation._take(dead)
    assert task is not None
    first = (await recalculation._batch(dead, task, 25)).visited
    done = await hall.work()
    entry = await hall.proposal(proposal)
    assert done is not None
    assert first == 25
    assert entry.recalculations[0].visited == first + done.visited == entry.recalculations[0].total
    assert entry.recalculations[0].moved == len(await hall.recalculated())
    with pytest.raises(recalculation.LostTask):
        await recalculation._batch(dead, task, 25)
    assert await hall.differences() == []


async def test_two_workers_do_not_take_the_same_change(hall: Hall) -> None:
    await hall.approve(await hall.propose(CALENDAR, "office", rules=SHORT))
    assert await recalculation._take(hall.bench("first")) is not None
    assert await recalculation._take(hall.bench("second")) is None
    assert await hall.work() is None


async def test_a_move_that_meets_the_new_rules_first_puts_them_on_record(hall: Hall) -> None:
    open_ones = {row["complaint_id"]: row for row in (await hall.clocks(is_open=True)).values()}
    chosen = next(row.id for row in await hall.rows("complaint") if row.status == "in_progress" and row.id in open_ones)
    proposal = await hall.propose(CALENDAR, "office", rules=SHORT)
    await hall.approve(proposal)
    assert await recalculation._take(hall.bench("dead", span=timedelta(0))) is not None
    counted = (await hall.proposal(proposal)).recalculations[0].total
    await hall.move(chosen, Move.SUBMIT, now=NOW)
    told = [row for row in await hall.rows("complaint_event") if row.kind == "recalculated"]
    assert {row.complaint_id for row in told} == {chosen}
    assert {row.details["proposal"] for row in told} == {None}
    await hall.work()
    run = (await hall.proposal(proposal)).recalculations[0]
    assert counted is not None and run.visited == run.total == counted - 1
    assert await hall.differences() == []
    told = [row for row in await hall.rows("complaint_event") if row.kind == "recalculated"]
    keys = [(row.complaint_id, *(row.details[name] for name in ("clock", "cycle", "family"))) for row in told]
    assert len(keys) == len(set(keys))


async def test_nothing_is_done_where_nothing_waits(hall: Hall) -> None:
    assert await hall.work() is None


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_a_batch_stops_before_a_complaint_that_somebody_holds(hall: Hall) -> None:
    """Waiting for one while it holds the others would let their officers wait with it."""
    proposal = await hall.propose(CALENDAR, "office", rules=SHORT)
    await hall.approve(proposal)
    task = await recalculation._take(hall.bench())
    assert task is not None
    async with writing(hall.engine) as connection:
        ids = await recalculation.reached(connection, task.reach, after=0, limit=10)
    async with writing(hall.engine) as officer:
        assert await recalculation.lock_first(officer, ids[4:5]) == ids[4:5]
        step = await recalculation._batch(hall.bench(), task, 10)
        assert (step.visited, step.last_complaint_id) == (4, ids[3])
    task = replace(task, last_complaint_id=step.last_complaint_id)
    assert (await recalculation._batch(hall.bench(), task, 10)).visited == 10
