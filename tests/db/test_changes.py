"""Change numbers, reserved ids and the database's own clock on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.clock import utc_now
from app.db.changes import (
    LIFT,
    are_changes_ahead,
    change_horizon,
    count_up,
    database_now,
    next_change,
    reserve_ids,
    upsert,
)
from app.db.metadata import metadata
from app.db.migrate import upgrade
from app.db.session import reading, writing
from app.db.unit_changes import read_running
from tests.sure import is_sure
from tests.workqueue.desk import DAY, NOON, Desk

COMPLAINT = metadata.tables["complaint"]
COUNTER = metadata.tables["counter"]


async def test_a_change_number_is_one_for_a_transaction_and_higher_in_the_next(engine):
    numbers = []
    for _ in range(3):
        async with writing(engine) as connection:
            numbers.append(await next_change(connection))
            if connection.dialect.name == "postgresql":
                assert await next_change(connection) == numbers[-1]
    assert numbers == sorted(set(numbers))


async def test_below_the_horizon_everything_is_committed(engine):
    async with writing(engine) as connection:
        first = await next_change(connection)
    await is_sure(engine, first)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_the_horizon_waits_for_a_transaction_that_commits_late(engine):
    """A reader who has seen a later number must still find the earlier one when it comes."""
    async with writing(engine) as slow:
        early = await next_change(slow)
        async with writing(engine) as quick:
            late = await next_change(quick)
        async with reading(engine) as reader:
            assert await change_horizon(reader) <= early < late
    await is_sure(engine, late)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_a_database_that_came_from_elsewhere_numbers_on_from_its_newest_change(engine, database_url):
    """Its transaction ids begin anew, below the change numbers that a dump brought along."""
    far = 10**12
    desk = Desk(engine)
    await desk.build()
    await desk.report("JK1", NOON - DAY, unit="sudin")
    async with writing(engine) as connection:
        await connection.execute(update(COMPLAINT).values(change_no=far))
        assert await are_changes_ahead(connection)
    await asyncio.to_thread(upgrade, database_url)
    # Transactions of the server's other databases that began before hold the horizon back until they end.
    await is_sure(engine, far)
    async with writing(engine) as connection:
        assert not await are_changes_ahead(connection)
        number = await next_change(connection)
        assert number > far
        assert far < await change_horizon(connection) <= number
        assert far < (await read_running(connection)).horizon <= number
    lifted = await _value(engine, LIFT)
    await asyncio.to_thread(upgrade, database_url)
    assert await _value(engine, LIFT) == lifted
    await is_sure(engine, number)


async def _value(engine, name):
    async with reading(engine) as connection:
        return await connection.scalar(select(COUNTER.c.value).where(COUNTER.c.name == name))


async def test_a_counter_counts_from_one(engine):
    for expected in (1, 2, 3):
        async with writing(engine) as connection:
            assert await count_up(connection, "rules") == expected


async def test_two_that_count_at_once_get_two_numbers(engine):
    async with writing(engine) as connection:
        await count_up(connection, "rules")

    async def count():
        async with writing(engine) as connection:
            return await count_up(connection, "rules")

    assert sorted(await asyncio.gather(*(count() for _ in range(5)))) == [2, 3, 4, 5, 6]


async def test_reserved_ids_are_new_and_never_given_twice(engine):
    table = metadata.tables["calendar"]
    async with writing(engine) as connection:
        assert await reserve_ids(connection, table, 0) == []
        ids = await reserve_ids(connection, table, 3)
        for id_ in ids:
            await upsert(connection, table, [{"id": id_, "name": f"k{id_}"}], key=("id",))
    async with writing(engine) as connection:
        more = await reserve_ids(connection, table, 3)
    assert len({*ids, *more}) == 6
    assert min(more) > max(ids)


async def test_an_upsert_adds_overwrites_and_leaves_the_rest(engine):
    table = metadata.tables["counter"]
    async with writing(engine) as connection:
        await upsert(connection, table, [{"name": "a", "value": 1}, {"name": "b", "value": 1}], key=("name",))
        await upsert(connection, table, [{"name": "b", "value": 2}, {"name": "c", "value": 2}], key=("name",))
        await upsert(connection, table, [], key=("name",))
        rows = {row.name: row.value for row in await connection.execute(table.select())}
    assert rows == {"a": 1, "b": 2, "c": 2}


async def test_the_databases_clock_is_aware_and_runs(engine):
    async with reading(engine) as connection:
        first = await database_now(connection)
        second = await database_now(connection)
    assert first.utcoffset() == timedelta(0)
    assert first <= second
    assert abs(second - utc_now()) < timedelta(minutes=5)
