"""How often lists were written: once for each transaction that wrote a row of them and was committed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.metadata import metadata
from app.db.session import reading, writing
from app.db.written import _LISTS, Listed, read_written

SOURCE = metadata.tables["source"]
WORKER = metadata.tables["worker"]
WHEN = datetime(2026, 1, 12, 5, tzinfo=UTC)
_ROW = {"created_at": WHEN, "connector": "crm", "options": {}, "is_enabled": True, "lease_no": 0, "failures": 0}


async def add_source(connection: AsyncConnection, name: str) -> None:
    await connection.execute(insert(SOURCE).values({**_ROW, "name": name}).returning(SOURCE.c.id))


async def written(engine: AsyncEngine) -> dict[str, int]:
    async with reading(engine) as connection:
        return await read_written(connection)


async def test_a_transaction_counts_once_for_each_list_that_it_wrote(engine: AsyncEngine) -> None:
    assert await written(engine) == {}
    async with writing(engine) as connection:
        await add_source(connection, "crm")
        await add_source(connection, "jaki")
        await connection.execute(update(SOURCE).values(failures=1))
        assert await read_written(connection) == {}, "it is the last thing that is done"
    assert await written(engine) == {Listed.SOURCES: 1}
    async with writing(engine) as connection:
        await connection.execute(delete(SOURCE))
    assert await written(engine) == {Listed.SOURCES: 2}


async def test_what_changes_no_row_of_a_list_counts_for_none(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await connection.execute(update(SOURCE).where(SOURCE.c.name == "nobody").values(failures=1))
        await connection.execute(insert(WORKER).values(name="w", started_at=WHEN, seen_at=WHEN))
    assert await written(engine) == {}


async def test_what_was_rolled_back_is_not_counted_then_or_later(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await add_source(connection, "crm")
        await connection.rollback()
    with pytest.raises(ZeroDivisionError):
        await _write_and_break(engine)
    async with writing(engine):
        pass
    assert await written(engine) == {}


async def test_the_first_two_writers_of_a_list_count_both(engine: AsyncEngine) -> None:
    async def write(name: str) -> None:
        async with writing(engine) as connection:
            await add_source(connection, name)

    await asyncio.gather(*(write(f"source-{number}") for number in range(5)))
    assert await written(engine) == {Listed.SOURCES: 5}


def test_the_tables_of_the_lists_exist() -> None:
    assert set(_LISTS) <= set(metadata.tables)


async def _write_and_break(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await add_source(connection, "crm")
        raise ZeroDivisionError
