"""The trail: a chain that shows where it was touched, whoever writes at once."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.session import reading, writing
from app.db.tables.people import Audit
from app.people.audit import TrailFilters, entries, examine, export, holds_anchor, record

ROOT = Path(__file__).resolve().parents[2]
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
        assert (await examine(connection)).broken_id is None
        assert len(await entries(connection, before=None, limit=50)) == 20


async def test_a_changed_row_breaks_the_chain_there(engine: AsyncEngine) -> None:
    for number in range(1, 5):
        await _write(engine, f"complaint {number}")
    async with writing(engine) as connection:
        await _open(connection)
        await connection.execute(update(Audit).where(Audit.id == 3).values(subject="complaint 9"))
    async with reading(engine) as connection:
        assert (await examine(connection)).broken_id == 3


async def test_a_row_that_was_taken_out_breaks_the_chain_after_it(engine: AsyncEngine) -> None:
    for number in range(1, 5):
        await _write(engine, f"complaint {number}")
    async with writing(engine) as connection:
        await _open(connection)
        await connection.execute(delete(Audit).where(Audit.id == 2))
    async with reading(engine) as connection:
        assert (await examine(connection)).broken_id == 3


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
        assert (await examine(connection)).broken_id is None


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
async def test_the_database_refuses_to_change_the_trail(engine: AsyncEngine, statement: str) -> None:
    await _write(engine, "complaint 1")
    with pytest.raises(DBAPIError):
        async with writing(engine) as connection:
            await connection.execute(text(statement))
    async with reading(engine) as connection:
        assert len(await entries(connection, before=None, limit=9)) == 1


async def test_a_trail_that_was_cut_short_follows_but_no_longer_has_its_anchor(engine: AsyncEngine) -> None:
    for number in range(1, 5):
        await _write(engine, f"complaint {number}")
    async with reading(engine) as connection:
        whole = await examine(connection)
        assert whole.anchor is not None and await holds_anchor(connection, whole.anchor)
    async with writing(engine) as connection:
        await _open(connection)
        await connection.execute(delete(Audit).where(Audit.id == 4))
    async with reading(engine) as connection:
        short = await examine(connection)
        assert (short.entries, short.broken_id) == (3, None)
        assert not await holds_anchor(connection, whole.anchor)
        assert not await holds_anchor(connection, "entah")


async def test_the_trail_is_filtered_by_who_what_whom_and_when(engine: AsyncEngine) -> None:
    for hour, (actor, action) in enumerate((("siti", "a"), ("budi", "a"), ("siti", "b"))):
        async with writing(engine) as connection:
            await record(connection, actor=actor, action=action, subject=f"s{hour}", now=NOW + timedelta(hours=hour))
    expected: dict[str, list[str]] = {"actor:siti": ["s2", "s0"], "action:a": ["s1", "s0"], "subject:s1": ["s1"]}
    async with reading(engine) as connection:
        for name, subjects in expected.items():
            key, _, value = name.partition(":")
            found = await entries(connection, limit=9, filters=TrailFilters(**{key: value}))
            assert [each.subject for each in found] == subjects
        span = TrailFilters(since=NOW + timedelta(hours=1), until=NOW + timedelta(hours=2))
        assert [each.subject for each in await entries(connection, limit=9, filters=span)] == ["s1"]


async def test_an_export_can_be_checked_by_whoever_has_python(engine: AsyncEngine, tmp_path: Path) -> None:
    for number in range(1, 5):
        await _write(engine, f"complaint {number}")
    async with reading(engine) as connection:
        lines = [json.dumps(each) async for each in export(connection, since=NOW)]
    program = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8"), re.S)[0]
    for text_, code in (
        ("\n".join(lines), 0),
        ("\n".join([*lines[:1], *lines[2:]]), 1),
        (lines[0].replace("siti", "x"), 1),
    ):
        (tmp_path / "audit.jsonl").write_text(text_)
        done = subprocess.run([sys.executable, "-c", program, tmp_path / "audit.jsonl"], capture_output=True)
        assert bool(done.returncode) is bool(code), done.stderr
