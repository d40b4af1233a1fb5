"""What if: the same cycles under other rules, counted one by one with nothing but loops."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.complaint.clocks import ClockRow, settle
from app.complaint.history import fold_case
from app.db.case_rows import read_stored
from app.db.complaints import facts_of
from app.db.rulebook import with_policies
from app.db.scope import WHOLE
from app.db.session import reading
from app.db.states import RuleKind
from app.rules.what_if import Answer, Question, ask
from app.sla.clock import Target, TargetUnit
from tests.rules.hall import SHORT, Hall
from tests.units.city import NOW

SINCE, UNTIL = NOW - timedelta(days=45), NOW - timedelta(days=10)
TWO_DAYS = Target(TargetUnit.WORKING_DAY, 2)


async def answer(hall: Hall, **given: Any) -> Answer:
    asked = {"policy": "law.resolve", "since": SINCE, "until": UNTIL, **given}
    async with reading(hall.engine) as connection:
        return await ask(connection, await hall.rules(connection), Question(**asked), scope=WHOLE, now=NOW)


def verdict(row: ClockRow) -> str | None:
    if row.state.is_open:
        return "missed" if row.due_at is not None and row.due_at < NOW else "running"
    return str(row.state) if row.state in ("met", "missed") else None


async def recount(hall: Hall, target: Target) -> dict[Any, list[int]]:
    """Cycles, and met, missed and running ones now and then, of each unit."""
    async with reading(hall.engine) as connection:
        rules = await hall.rules(connection)
        own = next(version for version in rules.policies if version.policy == "law.resolve")
        other = with_policies(
            rules, [type(own)(**{**{name: getattr(own, name) for name in own.__slots__}, "target": target})]
        )
        stored = await read_stored(connection, [row.id for row in await hall.rows("complaint")])
    found: dict[Any, list[int]] = {}
    for held in stored.values():
        case, facts = fold_case(held.events), facts_of(held.header)
        then = {row.key: row for row in settle(case, facts, other, {})}
        for row in settle(case, facts, rules, {}):
            if (row.clock, row.family) != ("resolve", "law") or not SINCE <= row.started_at < UNTIL:
                continue
            verdicts = verdict(row), verdict(then[row.key])
            if None in verdicts:
                continue
            counts = found.setdefault(row.unit_id, [0] * 7)
            counts[0] += 1
            for place, name in enumerate(("met", "missed", "running"), start=1):
                counts[place] += verdicts[0] == name
                counts[place + 3] += verdicts[1] == name
    return found


async def test_the_same_cycles_are_judged_twice_by_unit(hall: Hall) -> None:
    before = await hall.everything()
    found = await answer(hall, target=TWO_DAYS)
    assert await hall.everything() == before
    told = {
        unit: [
            each.cycles,
            each.now.met,
            each.now.missed,
            each.now.running,
            each.then.met,
            each.then.missed,
            each.then.running,
        ]
        for unit, each in found.units.items()
    }
    assert told == await recount(hall, TWO_DAYS)
    assert found.total.cycles == sum(each[0] for each in told.values())
    assert found.total.then.missed > found.total.now.missed > 0
    assert found.total.now.met > found.total.then.met > 0


async def test_what_is_in_force_changes_nothing(hall: Hall) -> None:
    found = await answer(hall, target=Target(TargetUnit.WORKING_DAY, 5), calendar="office")
    assert found.total.now == found.total.then


async def test_another_calendar_counts_otherwise(hall: Hall) -> None:
    found = await answer(hall, policy="office.respond", calendar="24x7")
    assert found.total.then.missed > found.total.now.missed


async def test_now_is_by_the_version_in_force_also_for_what_a_former_one_closed(hall: Hall) -> None:
    supposed = await answer(hall, target=TWO_DAYS)
    await hall.approve(await hall.propose(RuleKind.POLICY, "law.resolve", target={"unit": "working_day", "amount": 2}))
    await hall.work()
    found = await answer(hall, target=Target(TargetUnit.WORKING_DAY, 5))
    assert (found.total.now, found.total.then) == (supposed.total.then, supposed.total.now)


@pytest.mark.parametrize("days", [0, 400])
async def test_a_period_without_cycles_is_empty(hall: Hall, days: int) -> None:
    since = NOW - timedelta(days=days)
    found = await answer(hall, target=TWO_DAYS, since=since, until=since + timedelta(seconds=1))
    assert (found.total.cycles, found.to_json({})["units"]) == (0, [])


async def test_a_calendar_that_changed_is_the_one_in_force(hall: Hall) -> None:
    before = await answer(hall, policy="office.respond", target=Target(TargetUnit.WORKING_MINUTE, 900))
    await hall.approve(await hall.propose(RuleKind.CALENDAR, "office", rules=SHORT))
    await hall.work()
    after = await answer(hall, policy="office.respond", target=Target(TargetUnit.WORKING_MINUTE, 900))
    assert after.total.now == after.total.then != before.total.now


async def test_cycles_of_which_no_source_states_a_due_time_are_left_out_where_it_should_judge(hall: Hall) -> None:
    found = await answer(hall, target=Target(TargetUnit.SOURCE_DUE))
    assert (found.total.cycles, found.to_json({})["units"]) == (0, [])
