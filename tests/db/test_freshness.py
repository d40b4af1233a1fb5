"""How far each source is complete, and when that is too long ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.freshness import read_freshness, read_freshness_as_of
from app.db.states import RunKind, RunState
from app.db.tables.sources import Source, SourceRun

NOW = datetime(2026, 6, 2, 2, 0, tzinfo=UTC)


async def _add(
    connection: AsyncConnection, name: str, *, every_s: int | None, age: timedelta | None, is_enabled: bool = True
) -> None:
    row = {"connector": "jaki", "options": {}, "created_at": NOW, "lease_no": 0, "failures": 0}
    complete_through = None if age is None else NOW - age
    await connection.execute(
        insert(Source).values(
            **row, name=name, every_s=every_s, is_enabled=is_enabled, complete_through=complete_through
        )
    )


@pytest.mark.parametrize(
    ("every_s", "age", "is_stale"),
    [
        (60, timedelta(minutes=15), False),
        (60, timedelta(minutes=15, seconds=1), True),
        (3600, timedelta(hours=3), False),
        (3600, timedelta(hours=3, seconds=1), True),
        (60, None, True),
        (None, None, False),
        (None, timedelta(days=900), False),
    ],
)
async def test_a_source_is_stale_when_it_missed_its_pulls(
    connection: AsyncConnection, every_s: int | None, age: timedelta | None, is_stale: bool
) -> None:
    await _add(connection, "jaki", every_s=every_s, age=age)
    (source,) = await read_freshness(connection, now=NOW)
    assert source.is_stale == is_stale
    assert source.complete_through == (None if age is None else NOW - age)


async def test_every_enabled_source_is_told_by_name(connection: AsyncConnection) -> None:
    for name, is_enabled in (("jaki", True), ("crm", True), ("old", False)):
        await _add(connection, name, every_s=60, age=timedelta(0), is_enabled=is_enabled)
    assert [source.source for source in await read_freshness(connection, now=NOW)] == ["crm", "jaki"]


async def test_a_run_that_failed_half_way_made_nothing_complete_then_either(connection: AsyncConnection) -> None:
    await _add(connection, "jaki", every_s=3600, age=timedelta(hours=2))
    (source,) = await connection.scalars(select(Source.id))
    run = {"source_id": source, "kind": RunKind.PULL, "owner": "uji", **dict.fromkeys(_COUNTS, 0)}
    for state, age in ((RunState.DONE, 2), (RunState.FAILED, 1), (RunState.LOST, 0)):
        when = NOW - timedelta(hours=age)
        ended = {"state": state, "started_at": when, "finished_at": when, "complete_through": when}
        await connection.execute(insert(SourceRun).values(**run, **ended))
    assert await read_freshness_as_of(connection, NOW) == await read_freshness(connection, now=NOW)


_COUNTS = ("pulled", "created", "linked", "updated", "unchanged", "rejected")
