"""A thousand clocks that are due at once are raised in one pass; a sweep with nothing due reads none of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import insert, text

from app.alerts.watch import BATCH, Swept
from app.db.session import reading, writing
from tests.alerts.town import Town, at, hours, table

START = at("2026-01-12 15:00")
COUNT = 1_000


async def _fill(town: Town) -> None:
    """So many complaints with the clock of a first answer that runs: one that was judged, and copies of it."""
    first = await town.report("JK0", START)
    respond = await town.clock(first, "respond")
    complaint = next(iter(await town.rows("complaint")))
    complaints = [{**complaint._mapping, "id": first + n, "ticket_code": f"JK{n}"} for n in range(1, COUNT)]
    top = max(row.id for row in await town.rows("sla_clock"))
    clocks = [{**respond._mapping, "id": top + n, "complaint_id": first + n} for n in range(1, COUNT)]
    async with writing(town.engine) as connection:
        await connection.execute(insert(table("complaint")), complaints)
        await connection.execute(insert(table("sla_clock")), clocks)
        await connection.execute(text("ANALYZE"))


async def test_a_thousand_that_become_due_are_raised_in_one_pass(town: Town) -> None:
    await _fill(town)
    now = START + hours(25)
    assert await town.sweep(now, limit=BATCH) == Swept(raised=COUNT)
    assert {step[1:] for step in await town.steps()} == {("respond", "kota.respond", 100)}
    assert len({row.complaint_id for row in await town.rows("alert")}) == COUNT
    assert len({row.alert_id for row in await town.rows("delivery")}) == COUNT
    assert await town.sweep(now, limit=BATCH) == Swept()


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_a_sweep_with_nothing_due_is_one_look_that_reads_no_clock(town: Town) -> None:
    await _fill(town)
    with town.overheard() as said:
        assert await town.sweep(START + hours(1)) == Swept()
    [(statement, values)] = said
    assert await _clocks_read(town, statement, values) == 0
    assert await _clocks_read(town, statement, {**values, "next_fire_at_1": START + hours(25)}) == 1


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_on_sqlite_too_the_look_goes_by_the_index_of_what_fires_next(town: Town) -> None:
    await _fill(town)
    with town.overheard() as said:
        assert await town.sweep(START + hours(1)) == Swept()
    [(statement, values)] = said
    plan = " ".join(row[3] for row in await _explained(town, "EXPLAIN QUERY PLAN", statement, values))
    assert "SEARCH sla_clock USING COVERING INDEX ix_sla_clock_fire" in plan


async def _clocks_read(town: Town, statement: str, values: Any) -> int:
    """The rows of clocks that PostgreSQL found or looked at in vain."""
    [row] = await _explained(town, "EXPLAIN (ANALYZE, FORMAT JSON)", statement, values)
    return sum(_read(row[0][0]["Plan"]))


async def _explained(town: Town, how: str, statement: str, values: Any) -> Sequence[Any]:
    async with reading(town.engine) as connection:
        return (await connection.exec_driver_sql(f"{how} {statement}", values)).all()


def _read(plan: Mapping[str, Any]) -> Iterator[int]:
    if plan.get("Relation Name") == "sla_clock":
        yield round(plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0))
    for each in plan.get("Plans", ()):
        yield from _read(each)
