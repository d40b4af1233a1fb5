"""Proposals: who may decide, what stands in the way, and what a preview says of each clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.complaint.errors import Conflict, Forbidden, InvalidInput, NotFound
from app.db.session import reading, writing
from app.db.states import ProposalState, RuleKind
from app.rules import drafting, impact, proposals, versions
from tests.rules.hall import OFFICE, SHORT, TODAY, Hall
from tests.units.city import NOW

CALENDAR, POLICY = RuleKind.CALENDAR, RuleKind.POLICY
TWO_DAYS = {"target": {"unit": "working_day", "amount": 2}}


async def test_nobody_approves_what_they_proposed(hall: Hall) -> None:
    proposal = await hall.propose(CALENDAR, "office", rules=SHORT, actor="gita")
    with pytest.raises(Forbidden):
        await hall.approve(proposal, actor="gita")
    assert (await hall.proposal(proposal)).state is ProposalState.DRAFT
    await hall.approve(proposal, actor="hana")
    entry = await hall.proposal(proposal)
    assert (entry.state, entry.created_by, entry.decided_by) == ("approved", "gita", "hana")


async def test_a_version_is_not_in_force_before_it_is_approved(hall: Hall) -> None:
    proposal = await hall.propose(CALENDAR, "office", rules=SHORT)
    assert await hall.work() is None
    assert (await hall.rule(CALENDAR, "office")).in_force.number == 1  # type: ignore[union-attr]
    await hall.approve(proposal)
    assert (await hall.rule(CALENDAR, "office")).in_force.number == 2  # type: ignore[union-attr]


async def test_a_refused_proposal_moves_nothing(hall: Hall) -> None:
    proposal = await hall.propose(CALENDAR, "office", rules=SHORT)
    await hall.refuse(proposal)
    entry = await hall.proposal(proposal)
    assert (entry.state, entry.decision) == ("refused", "belum waktunya")
    with pytest.raises(Conflict):
        await hall.approve(proposal)
    assert await hall.work() is None
    assert await hall.differences() == []


async def test_a_preview_that_another_change_has_overtaken_is_not_approved(hall: Hall) -> None:
    first = await hall.propose(CALENDAR, "office", rules=SHORT)
    second = await hall.propose(CALENDAR, "office", rules={**OFFICE, "days": [{"date": "2026-03-03", "hours": []}]})
    await hall.approve(first)
    with pytest.raises(Conflict, match="propose again"):
        await hall.approve(second)


@pytest.mark.parametrize("state", ["draft", "refused", "reverted"])
async def test_only_what_was_approved_is_taken_back_and_only_once(hall: Hall, state: str) -> None:
    proposal = await hall.propose(POLICY, "law.resolve", **TWO_DAYS)
    if state == "refused":
        await hall.refuse(proposal)
    if state == "reverted":
        await hall.approve(proposal)
        await hall.revert(proposal)
    with pytest.raises(Conflict):
        await hall.revert(proposal)


async def test_a_change_under_a_later_one_is_not_taken_back(hall: Hall) -> None:
    first = await hall.propose(POLICY, "law.resolve", **TWO_DAYS)
    await hall.approve(first)
    await hall.work()
    second = await hall.propose(POLICY, "law.resolve", target={"unit": "working_day", "amount": 3})
    await hall.approve(second)
    with pytest.raises(Conflict, match="take that back first"):
        await hall.revert(first)
    await hall.revert(second)
    await hall.work()
    await hall.work()
    assert await hall.differences() == []


async def test_a_first_version_has_nothing_to_go_back_to(hall: Hall) -> None:
    content = {**TWO_DAYS, "basis": "UU 25/2009", "calendar": "office", "effective_on": "2020-01-01"}
    draft = await hall.draft(POLICY, "new.respond", new=versions.NewRule("new", "respond"), **content)
    rule = await hall.rule(POLICY, "new.respond")
    async with writing(hall.engine) as connection:
        proposal = await proposals.propose(connection, rule, draft, preview={}, reason="baru", actor="gita", now=NOW)
    await hall.approve(proposal)
    done = await hall.work()
    assert done is not None and done.moved > 0
    assert await hall.differences() == []
    with pytest.raises(Conflict, match="nothing to go back to"):
        await hall.revert(proposal)


async def test_a_warning_must_be_confirmed_by_who_approves(hall: Hall) -> None:
    estimated = {"date": "2026-05-01", "hours": [], "is_estimated": True}
    proposal = await hall.propose(CALENDAR, "office", rules={**OFFICE, "days": [estimated]})
    with pytest.raises(Conflict, match="2026-05-01 is estimated"):
        await hall.approve(proposal, confirm=False)
    await hall.approve(proposal, confirm=True)


async def test_the_draft_of_a_proposal_may_be_named_by_its_number(hall: Hall) -> None:
    draft = await hall.draft(CALENDAR, "office", rules=SHORT)
    wish = drafting.Wish(kind=CALENDAR, name="office", given={}, number=draft.number)
    prepared = await drafting.prepare(hall.engine, hall.engine, hall.rulebooks, wish, today=TODAY, now=NOW)
    async with writing(hall.engine) as connection:
        proposal = await drafting.store(connection, prepared, reason="jam baru", actor="gita", now=NOW)
    assert (await hall.proposal(proposal)).version == draft.number == 2
    assert len((await hall.rule(CALENDAR, "office")).versions) == 2


async def test_what_came_in_force_while_the_clocks_were_folded_is_no_base(hall: Hall) -> None:
    wish = drafting.Wish(kind=CALENDAR, name="office", given={"rules": SHORT})
    prepared = await drafting.prepare(hall.engine, hall.engine, hall.rulebooks, wish, today=TODAY, now=NOW)
    await hall.approve(await hall.propose(CALENDAR, "office", rules=SHORT))
    with pytest.raises(Conflict, match="propose again"):
        async with writing(hall.engine) as connection:
            await drafting.store(connection, prepared, reason="jam baru", actor="gita", now=NOW)


async def test_each_clock_of_a_preview_is_shown_page_by_page(hall: Hall) -> None:
    proposal = await hall.propose(CALENDAR, "office", rules=SHORT)
    found: list[impact.ClockMove] = []
    after = 0
    while True:
        page = await drafting.foreseen_moves(
            hall.engine, hall.engine, hall.rulebooks, proposal, after=after, limit=20, now=NOW
        )
        found += page
        if len(page) < 20:
            break
        after = page[-1].complaint_id
    preview = (await hall.proposal(proposal)).preview
    assert len(found) == len(set(found)) == preview["moved"]
    assert sum(move.breach < 0 for move in found) == preview["breaches_vanishing"]
    clocks = {
        (row["complaint_id"], row["clock"], row["cycle"], row["family"]): row
        for row in (await hall.clocks(is_open=True)).values()
    }
    assert all(
        clocks[move.complaint_id, move.clock, move.cycle, move.family]["due_at"] == move.old_due_at for move in found
    )
    await hall.approve(proposal)
    with pytest.raises(Conflict):
        await drafting.foreseen_moves(hall.engine, hall.engine, hall.rulebooks, proposal, after=0, limit=20, now=NOW)


@pytest.mark.parametrize("call", ["approve", "refuse", "revert"])
async def test_a_proposal_that_does_not_exist_is_not_found(empty_hall: Hall, call: str) -> None:
    with pytest.raises(NotFound):
        await getattr(empty_hall, call)(99)


@pytest.mark.parametrize(
    ("given", "number"),
    [({"rules": SHORT}, 1), ({}, 1), ({}, 9)],
)
async def test_a_wish_names_a_draft_or_a_content(empty_hall: Hall, given: dict[str, Any], number: int) -> None:
    wish = drafting.Wish(kind=CALENDAR, name="office", given=given, number=number)
    with pytest.raises((InvalidInput, Conflict, NotFound)):
        await drafting.prepare(empty_hall.engine, empty_hall.engine, empty_hall.rulebooks, wish, today=TODAY, now=NOW)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_a_change_waits_for_those_who_write_under_the_old_rules(hall: Hall) -> None:
    proposal = await hall.propose(CALENDAR, "office", rules=SHORT)
    async with writing(hall.engine) as officer:
        await hall.rules(officer)
        approving = asyncio.create_task(hall.approve(proposal))
        await asyncio.sleep(0.4)
        assert not approving.done()
        async with writing(hall.engine) as another:
            await asyncio.wait_for(hall.rules(another), 1)
    await asyncio.wait_for(approving, 5)
    async with reading(hall.engine) as connection:
        assert (await hall.rules(connection)).calendars["office"].version_id != 2
