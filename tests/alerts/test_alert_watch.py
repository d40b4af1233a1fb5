"""The sweep raises each step once, collapses what was missed, and leaves alone what does not run."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.alerts.watch import Swept, sweep
from app.complaint.lifecycle import Move, Status
from app.db.session import writing
from tests.alerts.town import Town, at, hours

START = at("2026-01-12 15:00")


async def test_each_step_of_the_ladder_is_raised_in_its_turn(town: Town) -> None:
    await town.report("JK1", START)
    for hour, expected in ((17.9, []), (18.1, [75]), (21.7, [75, 90]), (24.1, [75, 90, 100]), (49, [75, 90, 100, 101])):
        await town.sweep(START + hours(hour))
        assert [step for _, clock, rule, step in await town.steps() if rule == "kota.respond"] == expected
    levels = [row.level for row in await town.rows("alert")]
    assert levels == ["notice", "warning", "breach", "repeat"]


async def test_a_second_sweep_at_the_same_instant_raises_nothing(town: Town) -> None:
    await town.report("JK1", START)
    assert await town.sweep(START + hours(25)) == Swept(raised=1)
    assert await town.sweep(START + hours(25)) == Swept()


async def test_nothing_is_late_at_the_due_instant_itself(town: Town) -> None:
    await town.report("JK1", START)
    await town.sweep(START + hours(23))
    assert await town.sweep(START + hours(24)) == Swept()
    assert await town.sweep(START + hours(24) + timedelta(seconds=1)) == Swept(raised=1)


async def test_steps_missed_during_downtime_become_one_alert(town: Town) -> None:
    complaint = await town.report("JK1", START)
    await town.sweep(START + hours(75))
    respond = [row for row in await town.rows("alert") if row.rule == "kota.respond"]
    assert [(row.step, row.level) for row in respond] == [(102, "repeat")]
    assert respond[0].fired_at == START + hours(72)
    clock = await town.clock(complaint, "respond")
    assert (clock.raised_step, clock.next_step, clock.next_fire_at) == (102, 103, START + hours(96))


async def test_what_had_passed_before_we_knew_a_complaint_is_told_in_one_alert(town: Town) -> None:
    complaint = await town.report("JK1", START, received_at=START + timedelta(days=13))
    swept = await town.sweep(START + timedelta(days=13, minutes=1))
    assert await town.steps() == [(complaint, "respond", "kota.respond", 112)]
    assert swept == Swept(raised=1, advanced=2)
    assert (await town.clock(complaint, "resolve")).raised_step == 106
    assert (await town.clock(complaint, "respond", "law")).raised_step == 90
    await town.sweep(START + timedelta(days=14, minutes=1))
    assert (complaint, "respond", "uu.respond", 100) in await town.steps()


async def test_first_sight_is_one_alert_however_small_the_batches_are(town: Town) -> None:
    ids = [await town.report(f"JK{n}", START, received_at=START + timedelta(days=13)) for n in range(4)]
    await town.sweep(START + timedelta(days=13, minutes=1), limit=1)
    assert sorted(row.complaint_id for row in await town.rows("alert")) == ids


async def test_history_raises_nothing(town: Town) -> None:
    await town.report("JK1", START, is_history=True)
    assert await town.sweep(START + timedelta(days=30)) == Swept()


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.WITHDRAWN, Status.REJECTED])
async def test_a_closed_complaint_raises_nothing(town: Town, status: Status) -> None:
    complaint = await town.report("JK1", START)
    await town.hear(complaint, status, START + hours(1))
    assert await town.sweep(START + timedelta(days=30)) == Swept()


async def test_a_paused_clock_raises_nothing_until_it_runs_again(town: Town) -> None:
    complaint = await town.report("JK1", START)
    await town.move(complaint, Move.ASK_COMPLAINANT, START + hours(1), text="Di mana?")
    assert await town.sweep(START + timedelta(days=30)) == Swept()
    await town.move(complaint, Move.COMPLAINANT_ANSWERED, START + timedelta(days=30))
    await town.sweep(START + timedelta(days=37, minutes=-30))
    assert [step[1:] for step in await town.steps()] == [("resolve", "kota.resolve", 100)]


async def test_two_sweepers_at_once_raise_each_step_once(town: Town) -> None:
    ids = [await town.report(f"JK{n}", START) for n in range(40)]
    now = START + hours(25)
    swept = await asyncio.gather(*(town.sweep(now, limit=7) for _ in range(4)))
    assert sorted(step[0] for step in await town.steps()) == ids
    assert sum(each.raised for each in swept) == len(ids)
    deliveries = await town.rows("delivery")
    assert len({row.id for row in deliveries}) == len({row.alert_id for row in deliveries}) == len(ids)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_a_complaint_that_somebody_moves_is_left_to_the_next_sweep(town: Town) -> None:
    held, free = await town.report("JK1", START), await town.report("JK2", START)
    now = START + hours(25)
    async with writing(town.engine) as officer:
        await officer.execute(text("SELECT 1 FROM complaint WHERE id = :id FOR UPDATE"), {"id": held})
        assert await town.sweep(now) == Swept(raised=1)
    assert [step[0] for step in await town.steps()] == [free]
    assert await town.sweep(now) == Swept(raised=1)


async def test_a_crash_before_the_commit_loses_nothing_and_doubles_nothing(town: Town) -> None:
    await town.report("JK1", START)
    now = START + hours(25)
    with pytest.raises(ZeroDivisionError):
        async with writing(town.engine) as connection:
            await sweep(connection, await town.rulebooks.current(connection), now=now)
            raise ZeroDivisionError
    assert await town.rows("alert") == []
    await town.sweep(now)
    assert len(await town.rows("alert")) == len(await town.rows("delivery")) == 1


async def test_a_step_that_was_raised_is_not_raised_again_when_its_clock_forgets(town: Town) -> None:
    complaint = await town.report("JK1", START)
    await town.sweep(START + hours(25))
    async with writing(town.engine) as connection:
        forget = "UPDATE sla_clock SET raised_step = 0, next_step = 75, next_fire_at = started_at WHERE family = 'city'"
        await connection.execute(text(forget))
    assert await town.sweep(START + hours(25)) == Swept(advanced=2)
    assert await town.steps() == [(complaint, "respond", "kota.respond", 100)]


async def test_a_move_between_two_steps_keeps_what_was_raised(town: Town) -> None:
    complaint = await town.report("JK1", START)
    await town.sweep(START + hours(18.5))
    await town.move(complaint, Move.CLAIM, START + hours(19))
    clock = await town.clock(complaint, "respond")
    assert (clock.raised_step, clock.next_step) == (75, 90)


async def test_a_sweep_with_nothing_due_asks_once_and_writes_nothing(town: Town) -> None:
    await town.report("JK1", START)
    with town.overheard() as heard:
        await town.sweep(START + hours(1))
    assert [statement.split()[0] for statement, _ in heard] == ["SELECT"]


async def test_the_sweep_finds_what_is_due_by_the_index_without_a_sort(town: Town) -> None:
    await town.report("JK1", START)
    with town.overheard() as heard:
        await town.sweep(START + hours(25))
    statement, parameters = next(each for each in heard if "ORDER BY sla_clock.next_fire_at" in each[0])
    lines = await _plan(town, statement, parameters)
    assert any("ix_sla_clock_fire" in line for line in lines)
    assert not any("Sort" in line or "TEMP B-TREE" in line for line in lines)


async def _plan(town: Town, statement: str, parameters: Any) -> list[str]:
    async with writing(town.engine) as connection:
        if town.engine.dialect.name == "sqlite":
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return [str(row) for row in rows]
        # A table of one row is read whole; what matters is what a large one would do.
        for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin", "sort"):
            await connection.execute(text(f"SET LOCAL enable_{way} = off"))
        return [str(row) for row in await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
