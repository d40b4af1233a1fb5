"""The trail: a chain that shows where it was touched, whoever writes at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.session import reading, writing
from app.db.tables.people import Audit
from app.people.audit import entries, first_broken, record

NOW = datetime(2026, 6, 2, 9, 0, 0, 123456, tzinfo=UTC)


async def _write(engine: AsyncEngine, subject: str) -> None:
    async with writing(engine) as connection:
        details = {"b": 1, "a": ["x", "é"], "c": None, "d": True}
        await record(connection, actor="siti", action="raw.read", subject=subject, details=details, now=NOW)


async def _open(connection: AsyncConnection) -> None:
    """What somebody who owns the database can do: take away what keeps the trail from being changed."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
        return
    for verb in ("update", "delete"):
        await connection.execute(text(f"DROP TRIGGER audit_no_{verb}"))


async def test_the_chain_holds_when_many_write_at_once(engine: AsyncEngine) -> None:
    await asyncio.gather(*(_write(engine, f"complaint {number}") for number in range(20)))
    async with reading(engine) as connection:
        assert await first_broken(connection) is None
        assert len(await entries(connection, before=None, limit=50)) == 20


async def test_a_changed_row_breaks_the_chain_there(engine: AsyncEngine) -> None:
    for number in range(1, 5):
        await _write(engine, f"complaint {number}")
    async with writing(engine) as connection:
        await _open(connection)
        await connection.execute(update(Audit).where(Audit.id == 3).values(subject="complaint 9"))
    async with reading(engine) as connection:
        assert await first_broken(connection) == 3


async def test_a_row_that_was_taken_out_breaks_the_chain_after_it(engine: AsyncEngine) -> None:
    for number in range(1, 5):
        await _write(engine, f"complaint {number}")
    async with writing(engine) as connection:
        await _open(connection)
        await connection.execute(delete(Audit).where(Audit.id == 2))
    async with reading(engine) as connection:
        assert await first_broken(connection) == 3


async def test_what_was_rolled_back_is_not_in_the_trail(engine: AsyncEngine) -> None:
    await _write(engine, "complaint 1")
    async with writing(engine) as connection:
        await record(connection, actor="siti", action="raw.read", subject="complaint 2", now=NOW)
        await connection.rollback()
    await _write(engine, "complaint 3")
    async with reading(engine) as connection:
        assert [entry.subject for entry in await entries(connection, before=None, limit=9)] == [
            "complaint 3",
            "complaint 1",
        ]
        assert await first_broken(connection) is None


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
async def test_the_database_refuses_to_change_the_trail(engine: AsyncEngine, statement: str) -> None:
    await _write(engine, "complaint 1")
    with pytest.raises(DBAPIError):
        async with writing(engine) as connection:
            await connection.execute(text(statement))
    async with reading(engine) as connection:
        assert len(await entries(connection, before=None, limit=9)) == 1
