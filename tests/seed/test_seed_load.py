"""The reference data in the tables, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.changes import RULES
from app.db.metadata import metadata
from app.db.rulebook import Rulebooks
from app.seed import jakarta, load, rules
from app.seed.load import Counts, seed_jakarta

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
TABLES = metadata.tables


async def test_a_first_load_adds_every_row(connection: AsyncConnection) -> None:
    tally = await seed_jakarta(connection, now=NOW)
    for name, counts in tally.tables.items():
        stored = await connection.scalar(select(func.count()).select_from(TABLES[name]))
        assert counts == Counts(added=stored or 0)
    assert tally.tables["unit"].added == len(jakarta.units())
    assert tally.tables["category"].added == 116
    assert tally.tables["policy_version"].added == 14


async def test_a_second_load_changes_nothing(connection: AsyncConnection) -> None:
    first = await seed_jakarta(connection, now=NOW)
    revision = await _revision(connection)
    second = await seed_jakarta(connection, now=NOW.replace(year=2027))
    assert second.total == Counts(unchanged=first.total.added)
    assert await _revision(connection) == revision


async def test_a_load_that_changes_something_tells_those_who_hold_the_rules(connection: AsyncConnection) -> None:
    await seed_jakarta(connection, now=NOW)
    before = await _revision(connection)
    await _set(connection, "status_word", "word", "menunggu", status="unknown")
    assert (await seed_jakarta(connection, now=NOW)).tables["status_word"].changed == 2
    assert await _revision(connection) == before + 1


async def test_a_value_that_differs_from_the_files_is_put_right(connection: AsyncConnection) -> None:
    await seed_jakarta(connection, now=NOW)
    await _set(connection, "unit", "code", "dinas-bina-marga", name="Dinas PU")
    tally = await seed_jakarta(connection, now=NOW)
    assert tally.tables["unit"] == Counts(changed=1, unchanged=len(jakarta.units()) - 1)
    assert await _value(connection, "unit", "code", "dinas-bina-marga", "name") == "Dinas Bina Marga"


@pytest.mark.parametrize(("table", "code"), [("unit", "rsud-tugu-koja"), ("category", "transmigrasi")])
async def test_what_an_administrator_switched_off_stays_off(connection: AsyncConnection, table: str, code: str) -> None:
    await seed_jakarta(connection, now=NOW)
    await _set(connection, table, "code", code, is_active=False)
    await seed_jakarta(connection, now=NOW)
    assert await _value(connection, table, "code", code, "is_active") is False


async def test_a_published_version_never_changes(connection: AsyncConnection) -> None:
    await seed_jakarta(connection, now=NOW)
    await connection.execute(update(TABLES["policy_version"]).values(target_amount=1))
    tally = await seed_jakarta(connection, now=NOW)
    assert tally.tables["policy_version"] == Counts(unchanged=14)
    assert set(await connection.scalars(select(TABLES["policy_version"].c.target_amount))) == {1}


async def test_a_unit_loses_the_ancestors_that_it_has_no_more(connection: AsyncConnection) -> None:
    await seed_jakarta(connection, now=NOW)
    unit, former = [await _value(connection, "unit", "code", code, "id") for code in ("up-spll", "dinas-bina-marga")]
    await connection.execute(TABLES["unit_ancestor"].insert(), [{"unit_id": unit, "ancestor_id": former, "depth": 1}])
    tally = await seed_jakarta(connection, now=NOW)
    assert (tally.tables["unit_ancestor"].added, tally.tables["unit_ancestor"].changed) == (0, 1)
    assert await _ancestors_of(connection, "up-spll") == {"up-spll": 0, "dinas-perhubungan": 1, "31": 2}


async def test_a_branch_is_stored_with_both_parents_and_all_units_above(connection: AsyncConnection) -> None:
    await seed_jakarta(connection, now=NOW)
    unit, above = TABLES["unit"], TABLES["unit"].alias("above")
    for column, code in (("parent_id", "sudin-kesehatan-jakarta-barat"), ("second_parent_id", "31.73.01")):
        joined = unit.join(above, above.c.id == unit.c[column])
        parent = select(above.c.code).select_from(joined).where(unit.c.code == "puskesmas-31.73.01")
        assert await connection.scalar(parent) == code
    assert await _ancestors_of(connection, "puskesmas-31.73.01") == jakarta.ancestors()["puskesmas-31.73.01"]


async def test_another_citys_units_are_left_alone(connection: AsyncConnection) -> None:
    boston = {"code": "us-boston", "name": "Boston", "type": "root", "is_validator": False, "is_active": True}
    await connection.execute(TABLES["unit"].insert(), [boston])
    boston_id = await _value(connection, "unit", "code", "us-boston", "id")
    itself = {"unit_id": boston_id, "ancestor_id": boston_id, "depth": 0}
    await connection.execute(TABLES["unit_ancestor"].insert(), [itself])
    await seed_jakarta(connection, now=NOW)
    assert await _ancestors_of(connection, "us-boston") == {"us-boston": 0}


async def test_the_stored_rules_make_a_rulebook(connection: AsyncConnection) -> None:
    await seed_jakarta(connection, now=NOW)
    book = await Rulebooks().current(connection)
    assert {policy.policy for policy in book.policies} == {one.name for one in rules.policies() if one.kind == "clock"}
    assert set(book.calendars) == {"24x7", "asn-dki"}
    assert book.unit_codes[book.validator_id or 0] == "biro-pemerintahan"


def test_the_tally_as_json_names_the_tables_and_their_total() -> None:
    tally = load.SeedTally({"unit": Counts(1, 2, 3), "category": Counts(10, 0, 5)})
    assert tally.to_json() == {
        "unit": {"added": 1, "changed": 2, "unchanged": 3},
        "category": {"added": 10, "changed": 0, "unchanged": 5},
        "total": {"added": 11, "changed": 2, "unchanged": 8},
    }


async def _revision(connection: AsyncConnection) -> int:
    return int(await _value(connection, "counter", "name", RULES, "value"))


async def _value(connection: AsyncConnection, name: str, key: str, code: str, column: str) -> Any:
    table = TABLES[name]
    return await connection.scalar(select(table.c[column]).where(table.c[key] == code))


async def _set(connection: AsyncConnection, table: str, key: str, code: str, **values: object) -> None:
    await connection.execute(update(TABLES[table]).where(TABLES[table].c[key] == code).values(values))


async def _ancestors_of(connection: AsyncConnection, code: str) -> dict[str, int]:
    unit, above, way = TABLES["unit"], TABLES["unit"].alias("above"), TABLES["unit_ancestor"]
    joined = way.join(unit, unit.c.id == way.c.unit_id).join(above, above.c.id == way.c.ancestor_id)
    found = await connection.execute(select(above.c.code, way.c.depth).select_from(joined).where(unit.c.code == code))
    return {row.code: row.depth for row in found}
