"""Pages of the queue: their order, their edges, and that none repeats or skips what did not change."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event

from app.complaint.lifecycle import Move, Status
from app.db.session import reading
from app.workqueue.filters import Due, Filters, Sort, Verdict
from tests.workqueue.desk import DAY, NOON, Desk


async def _fill(desk: Desk, count: int = 6) -> None:
    """Complaints at two instants, so that due times tie; every third is answered, every fourth is done."""
    for number in range(count):
        unit = ("kelurahan-a", "kelurahan-b", "sudin", None)[number % 4]
        found = await desk.report(f"JK{number:02}", NOON - DAY * (number % 2), unit=unit)
        if number % 3 == 2:
            await desk.move(found, Move.RESPOND, text="Sedang kami periksa")
        if number % 4 == 3:
            await desk.move(found, Move.REJECT, reason_code="duplicate")


async def test_the_nearest_due_comes_first_then_what_has_no_due_time_then_what_is_closed(desk: Desk) -> None:
    await desk.report("LATER", NOON - timedelta(hours=1))
    await desk.report("SOONER", NOON - timedelta(hours=20))
    paused = await desk.report("PAUSED", NOON - timedelta(hours=30), unit="sudin")
    await desk.move(paused, Move.ASK_COMPLAINANT, text="Di mana tepatnya?", now=NOON - timedelta(hours=29))
    for code, days in (("OLD", 9), ("NEW", 8)):
        done = await desk.report(code, NOON - DAY * days)
        await desk.hear(done, Status.RESOLVED, NOON - DAY * 7)
    assert await desk.codes() == ["SOONER", "LATER", "PAUSED", "NEW", "OLD"]


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_pages_of_any_length_make_up_the_whole_list(desk: Desk, sort: Sort, limit: int) -> None:
    await _fill(desk, 10)
    whole = await desk.codes(sort=sort)
    assert sorted(str(code) for code in whole) == [f"JK{number:02}" for number in range(10)]
    assert await desk.walk(sort=sort, limit=limit) == whole


@pytest.mark.parametrize(
    ("sort", "expected"),
    [(Sort.OLDEST, ["A", "B", "C"]), (Sort.NEWEST, ["C", "B", "A"]), (Sort.CHANGED, ["A", "C", "B"])],
)
async def test_other_orders_mix_open_and_closed(desk: Desk, sort: Sort, expected: list[str]) -> None:
    ids = [await desk.report(code, NOON - DAY * (3 - place)) for place, code in enumerate("ABC")]
    await desk.move(ids[0], Move.REJECT, reason_code="duplicate", now=NOON)
    assert await desk.codes(sort=sort) == expected


async def test_what_did_not_change_is_on_exactly_one_page_while_others_change(desk: Desk) -> None:
    await _fill(desk, 12)
    first = await desk.page(limit=5)
    assert first.last is not None
    for row in await desk.rows("complaint"):
        if row.ticket_code in ("JK00", "JK10") and row.status is Status.RECEIVED:
            await desk.move(row.id, Move.WITHDRAW, reason="Ditarik pelapor")
    await desk.report("JK99", NOON - DAY * 2)
    seen = [item["ticket_code"] for item in first.items] + await desk.walk(limit=5, after=first.last)
    unchanged = {f"JK{number:02}" for number in range(12)} - {"JK00", "JK10"}
    assert {code: seen.count(code) for code in unchanged} == dict.fromkeys(unchanged, 1)


async def test_a_unit_that_lies_below_two_of_the_askers_units_is_listed_once(desk: Desk) -> None:
    await desk.report("TWICE", NOON, unit="sudin")
    await desk.report("ONCE", NOON, unit="kelurahan-a")
    for limit in (1, 50):
        assert await desk.walk(Filters(units=("kota", "dinas")), limit=limit) == ["TWICE", "ONCE"]


@pytest.mark.parametrize("sort", list(Sort))
async def test_what_is_open_and_what_is_closed_stay_apart_in_every_order(desk: Desk, sort: Sort) -> None:
    await desk.report("OPEN", NOON - DAY * 30, unit="sudin")
    done = await desk.report("DONE", NOON - DAY * 30, unit="sudin")
    await desk.hear(done, Status.RESOLVED, NOON - DAY)
    assert await desk.walk(Filters(verdicts=(Verdict.RUNNING,)), sort=sort) == ["OPEN"]
    assert await desk.walk(Filters(statuses=(Status.RESOLVED,)), sort=sort) == ["DONE"]
    assert await desk.walk(Filters(due=(Due.OVERDUE,)), sort=sort) == ["OPEN"]
    assert await desk.walk(Filters(statuses=(Status.RESOLVED,), due=(Due.OVERDUE,)), sort=sort) == []


async def test_the_last_page_says_that_no_more_follow(desk: Desk) -> None:
    assert (await desk.page()).last is None
    await _fill(desk, 4)
    assert (await desk.page(limit=4)).last is None
    assert (await desk.page(limit=3)).last is not None


async def test_a_page_costs_as_many_statements_for_many_complaints_as_for_one(desk: Desk) -> None:
    await desk.report("ALONE", NOON, unit="kelurahan-a")
    one = await _statements(desk)
    await _fill(desk, 12)
    assert len(await _statements(desk)) == len(one)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("filters", "indexes"),
    [
        (Filters(), ["ix_complaint_queue"]),
        (Filters(units=("kota",)), ["queue_slot"]),
        (Filters(assignees=("citra",)), ["ix_complaint_assignee_queue"]),
        (Filters(statuses=(Status.WITHDRAWN,)), ["ix_complaint_closed_status"]),
        (Filters(categories=("jalan",)), ["ix_complaint_category_code", "ix_complaint_category"]),
    ],
    ids=["all", "unit", "assignee", "status", "category"],
)
async def test_few_are_found_along_an_index(desk: Desk, filters: Filters, indexes: list[str]) -> None:
    await _fill(desk, 8)
    plans = [await _plan(desk, *each) for each in await _statements(desk, filters) if "complaint.subject" in each[0]]
    assert any(all(any(index in step for step in plan) for index in indexes) for plan in plans), plans


async def _plan(desk: Desk, statement: str, parameters: tuple[object, ...]) -> list[str]:
    async with reading(desk.engine) as connection:
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [row[3] for row in rows]


async def _statements(desk: Desk, filters: Filters | None = None) -> list[tuple[str, tuple[object, ...]]]:
    """What one page sends to the database, less what the rules cost."""
    seen: list[tuple[str, tuple[object, ...]]] = []

    def listen(_conn: object, _cursor: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        seen.append((statement, parameters))

    event.listen(desk.engine.sync_engine, "before_cursor_execute", listen)
    try:
        await desk.page(filters)
    finally:
        event.remove(desk.engine.sync_engine, "before_cursor_execute", listen)
    return [each for each in seen if "counter" not in each[0] and not each[0].startswith("BEGIN")]
