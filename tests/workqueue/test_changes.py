"""The changes in order: whoever follows them holds in the end what the list shows, whatever happened in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import update

from app.complaint.errors import Conflict
from app.complaint.lifecycle import Move
from app.db.changes import next_change
from app.db.session import reading, writing
from app.db.tables.complaints import Complaint
from app.workqueue.changes import Place, read_changes
from tests.sure import all_are_sure
from tests.workqueue.desk import DAY, NOON, Desk

EVERYBODY = ("gita", "dewi", "ani", "citra", "eko")


class Follower:
    """Somebody who keeps a copy of what they may see by following the changes."""

    def __init__(self, desk: Desk, username: str) -> None:
        self.desk, self.username = desk, username
        self.place, self.held, self.seen = Place(), dict[int, Any](), list[Place]()

    async def catch_up(self, limit: int = 3) -> None:
        while await self.step(limit):
            pass

    async def step(self, limit: int = 3) -> int:
        """One page; how many changes it had."""
        async with reading(self.desk.engine) as connection:
            rules = await self.desk.rules(connection)
            asker = self.desk.asker(self.username)
            page = await read_changes(connection, asker, rules, after=self.place, limit=limit, now=NOON)
        assert len(page.items) <= limit
        for each in page.items:
            self.seen.append(each.place)
            if "deleted" in each.card:
                assert set(each.card) == {"id", "ticket_code", "deleted"}
                self.held.pop(each.card["id"], None)
            else:
                self.held[each.card["id"]] = each.card
        assert page.last >= self.place
        self.place = page.last
        return len(page.items)


def _steps(chance: Random, count: int) -> Iterator[tuple[str, int]]:
    for _ in range(count):
        yield chance.choice(("report", "forward", "forward", "submit", "claim", "reject")), chance.randrange(20)


async def _take(desk: Desk, step: str, number: int, ids: list[int]) -> None:
    if step == "report" or not ids:
        unit = (None, "kelurahan-a", "kelurahan-b", "sudin", "dinas")[number % 5]
        ids.append(await desk.report(f"JK{len(ids)}", NOON - DAY + timedelta(minutes=len(ids)), unit=unit))
        return
    values: dict[str, Any] = {
        "forward": {"unit": ("kelurahan-a", "kelurahan-b", "sudin")[number % 3], "reason": "Bukan kami"},
        "reject": {"reason_code": "duplicate"},
    }.get(step, {})
    try:
        await desk.move(ids[number % len(ids)], Move(step), **values)
    except Conflict:
        return


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_who_follows_the_changes_holds_what_the_list_shows(desk: Desk, seed: int) -> None:
    chance, ids = Random(seed), list[int]()
    followers = [Follower(desk, username) for username in EVERYBODY]
    for step, number in _steps(chance, 40):
        await _take(desk, step, number, ids)
        if chance.random() < 0.4:
            await chance.choice(followers).catch_up(limit=chance.randrange(1, 5))
    await all_are_sure(desk.engine)
    for follower in followers:
        await follower.catch_up()
        listed = {card["id"]: card for card in (await desk.page(username=follower.username, limit=200)).items}
        assert follower.held == listed, follower.username
        assert follower.seen == sorted(set(follower.seen))


async def test_a_complaint_that_is_forwarded_is_gone_for_who_had_it_and_new_for_who_has_it(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    ani, citra, budi = (Follower(desk, name) for name in ("ani", "citra", "budi"))
    await all_are_sure(desk.engine)
    for each in (ani, citra):
        await each.catch_up()
    assert (set(ani.held), set(citra.held)) == ({found}, set())
    await desk.move(found, Move.FORWARD, "ani", unit="sudin", reason="Bukan kami")
    await all_are_sure(desk.engine)
    for each in (ani, citra, budi):
        await each.catch_up()
    assert (set(ani.held), set(citra.held), set(budi.held)) == (set(), {found}, set())
    assert len(budi.seen) == 1, "who begins later is told that it is gone, which harms nobody"


async def test_a_complaint_that_never_was_theirs_is_not_told_of(desk: Desk) -> None:
    await desk.report("JK1", NOON - DAY, unit="kelurahan-b")
    await desk.report("JK2", NOON - DAY, unit=None)
    await all_are_sure(desk.engine)
    ani = Follower(desk, "ani")
    await ani.catch_up()
    assert ani.seen == []
    assert ani.place.change_no > 0, "what was looked through once is not looked through again"


async def test_a_validator_learns_of_what_awaits_them_and_that_it_no_longer_does(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="sudin")
    eko = Follower(desk, "eko")
    for move in (Move.ACCEPT, Move.START, Move.SUBMIT):
        try:
            await desk.move(found, move, "citra")
        except Conflict:
            continue
    await all_are_sure(desk.engine)
    await eko.catch_up()
    assert set(eko.held) == {found}
    await desk.move(found, Move.SEND_BACK, "eko", reason="Foto kurang jelas")
    await all_are_sure(desk.engine)
    await eko.catch_up()
    assert eko.held == {}


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_a_transaction_that_began_first_and_ends_last_is_not_skipped(desk: Desk) -> None:
    slow_id = await desk.report("JK1", NOON - DAY, unit="sudin")
    quick_id = await desk.report("JK2", NOON - DAY, unit="sudin")
    await all_are_sure(desk.engine)
    gita = Follower(desk, "gita")
    await gita.catch_up()
    before = len(gita.seen)
    async with writing(desk.engine) as slow:
        early = await next_change(slow)
        await slow.execute(update(Complaint).where(Complaint.id == slow_id).values(change_no=early, subject="pelan"))
        await desk.move(quick_id, Move.CLAIM, "citra")
        await gita.catch_up()
        assert len(gita.seen) == before, "the later one waits, or the reader would pass the earlier one by"
    await all_are_sure(desk.engine)
    await gita.catch_up()
    assert [place.complaint_id for place in gita.seen[before:]] == [slow_id, quick_id]
    assert gita.held[slow_id]["subject"] == "pelan"


async def test_many_of_one_transaction_come_on_pages_without_a_gap(desk: Desk) -> None:
    ids = await desk.report_many(25, NOON - DAY, unit="sudin")
    await all_are_sure(desk.engine)
    for username in ("gita", "citra"):
        follower = Follower(desk, username)
        sizes = []
        while size := await follower.step(10):
            sizes.append(size)
        assert sizes == [10, 10, 5]
        assert [place.complaint_id for place in follower.seen] == ids
