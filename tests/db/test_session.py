"""Transactions and column types that both databases treat alike."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import delete, event, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from app.db.metadata import metadata
from app.db.session import async_url, make_engine, only_asking, reading, snapshot, writing
from tests.complaint.story import at

COUNTER, WORKER = metadata.tables["counter"], metadata.tables["worker"]


async def count(connection, table=COUNTER):
    return await connection.scalar(select(func.count()).select_from(table))


async def test_what_is_written_stays(engine):
    async with writing(engine) as connection:
        await connection.execute(insert(COUNTER).values(name="a", value=1))
    async with reading(engine) as connection:
        assert await count(connection) == 1


async def test_a_failure_rolls_everything_back(engine):
    with pytest.raises(RuntimeError, match="power cut"):
        async with writing(engine) as connection:
            await connection.execute(insert(COUNTER).values(name="a", value=1))
            raise RuntimeError("power cut")
    async with reading(engine) as connection:
        assert await count(connection) == 0


async def test_a_savepoint_inside_a_rollback_leaves_nothing(engine):
    """The driver of SQLite would begin transactions by itself, and the savepoint's row would stay."""
    with pytest.raises(RuntimeError, match="power cut"):
        async with writing(engine) as connection:
            async with connection.begin_nested():
                await connection.execute(insert(COUNTER).values(name="a", value=1))
            raise RuntimeError("power cut")
    async with writing(engine) as connection:
        await connection.execute(insert(COUNTER).values(name="a", value=1))
        assert await count(connection) == 1


async def test_reading_keeps_nothing(engine):
    async with reading(engine) as connection:
        await connection.execute(insert(COUNTER).values(name="a", value=1))
    async with reading(engine) as connection:
        assert await count(connection) == 0


async def test_a_snapshot_does_not_see_what_others_write_meanwhile(engine):
    async with snapshot(engine) as connection:
        assert await count(connection) == 0
        async with writing(engine) as other:
            await other.execute(insert(COUNTER).values(name="a", value=1))
        assert await count(connection) == 0
    async with reading(engine) as connection:
        assert await count(connection) == 1


async def test_a_snapshot_leaves_the_next_user_of_its_connection_as_usual(database_url):
    engine = make_engine(database_url, pool_size=1)
    async with snapshot(engine) as connection:
        await count(connection)
    if engine.dialect.name == "postgresql":
        async with reading(engine) as connection:
            assert await connection.scalar(text("SHOW transaction_isolation")) == "read committed"
    await engine.dispose()


async def test_foreign_keys_hold(engine):
    with pytest.raises(IntegrityError):
        async with writing(engine) as connection:
            await connection.execute(insert(metadata.tables["unit_alias"]).values(kind="label", label="x", unit_id=99))


async def test_an_error_does_not_repeat_what_was_written(engine):
    row = {"kind": "label", "label": "rahasia sekali", "unit_id": 99}
    with pytest.raises(DBAPIError) as error:
        async with writing(engine) as connection:
            await connection.execute(insert(metadata.tables["unit_alias"]).values(row))
    assert "rahasia" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("sqlite:///a.db", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:///a.db", "sqlite+aiosqlite"),
        ("postgresql://x/y", "postgresql+psycopg"),
        ("postgresql+psycopg2://x/y", "postgresql+psycopg"),
    ],
)
def test_an_address_gets_the_driver_of_this_project(given, used):
    assert async_url(given).drivername == used


def test_another_database_is_refused():
    with pytest.raises(ValueError, match="mysql is not supported"):
        async_url("mysql://x/y")


# --- instants ---


async def store(engine, seen_at):
    async with writing(engine) as connection:
        row = {"name": "w:1", "started_at": at("12 08:00"), "seen_at": seen_at}
        await connection.execute(insert(WORKER).values(row))
    async with reading(engine) as connection:
        return await connection.scalar(select(WORKER.c.seen_at))


@pytest.mark.parametrize(
    "given",
    [
        datetime(2026, 1, 12, 1, 0, tzinfo=UTC),
        datetime(2026, 1, 12, 8, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=7))),
        datetime(2026, 1, 12, 0, 30, tzinfo=timezone(timedelta(hours=7))),
        datetime(1971, 1, 1, tzinfo=UTC),
        datetime(9998, 1, 1, tzinfo=UTC),
    ],
    ids=str,
)
async def test_an_instant_of_any_zone_comes_back_as_itself_in_utc(engine, given):
    found = await store(engine, given)
    assert (found, found.utcoffset()) == (given, timedelta(0))


async def test_a_naive_instant_is_refused(engine):
    with pytest.raises(StatementError, match="a naive datetime cannot be stored"):
        await store(engine, datetime(2026, 1, 12, 8, tzinfo=UTC).replace(tzinfo=None))


async def test_instants_of_different_zones_sort_by_time(engine):
    early, late = datetime(2026, 1, 12, 9, tzinfo=timezone(timedelta(hours=7))), datetime(2026, 1, 12, 3, tzinfo=UTC)
    async with writing(engine) as connection:
        for name, seen_at in (("late", late), ("early", early)):
            row = {"name": name, "started_at": late, "seen_at": seen_at}
            await connection.execute(insert(WORKER).values(row))
        names = list(await connection.scalars(select(WORKER.c.name).order_by(WORKER.c.seen_at)))
    assert names == ["early", "late"]


async def test_a_value_outside_its_closed_set_is_refused(engine):
    with pytest.raises(StatementError):
        async with writing(engine) as connection:
            row = {"connector": "", "word": "x", "status": "entah"}
            await connection.execute(insert(metadata.tables["status_word"]).values(row))


async def test_a_connection_that_the_server_closed_is_replaced_before_anybody_gets_it(database_url, dialect):
    if dialect != "postgresql":
        pytest.skip("SQLite has no server that could close a connection")
    ours, theirs = make_engine(database_url, pool_size=2), make_engine(database_url, pool_size=1)
    async with reading(ours) as one, reading(ours) as other:
        held = [await each.scalar(text("SELECT pg_backend_pid()")) for each in (one, other)]
    async with reading(theirs) as connection:
        for pid in held:
            await connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    async with reading(ours) as one, reading(only_asking(ours)) as other:
        assert await count(one) == await count(other) == 0
    await ours.dispose()
    await theirs.dispose()


async def test_who_only_asks_sees_what_is_committed_and_cannot_write(engine, dialect):
    asking = only_asking(engine)
    async with reading(asking) as connection:
        before = await count(connection)
    async with writing(engine) as connection:
        await connection.execute(insert(COUNTER).values(name="a", value=1))
    async with reading(asking) as connection:
        assert await count(connection) == before + 1
        if dialect == "postgresql":
            with pytest.raises(ValueError, match="only asks"):
                await connection.execute(insert(COUNTER).values(name="b", value=1))
    async with reading(engine) as connection:
        assert await count(connection) == before + 1


async def test_a_transaction_that_is_cut_off_holds_nobody_up(engine):
    """As when Ctrl-C ends a pull: what is written about it afterwards waits for no lock of the pull's own."""
    many = [{"name": str(number), "value": number} for number in range(20_000)]

    async def write():
        async with writing(engine) as connection:
            await connection.execute(insert(COUNTER), many)

    writes = asyncio.create_task(write())

    def cut_off(_connection, _cursor, statement, *_):
        if statement.startswith("INSERT"):
            asyncio.get_running_loop().call_later(0.001, writes.cancel)

    event.listen(engine.sync_engine, "before_cursor_execute", cut_off)
    with pytest.raises(asyncio.CancelledError) as told:
        await writes
    async with asyncio.timeout(10), writing(engine) as connection:
        await connection.execute(delete(COUNTER))
    assert told.traceback  # it refers to the connection that was cut off
