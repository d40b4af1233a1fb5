"""One statement for any number of values, on either database."""

from __future__ import annotations

import pytest
from sqlalchemy import event, insert, select

from app.db.among import among
from app.db.session import reading, writing
from app.db.tables.units import Unit

_by_id = select(Unit.code).where(among(Unit.id, "ids")).order_by(Unit.code)
_by_code = select(Unit.code).where(among(Unit.code, "codes")).order_by(Unit.code)


@pytest.fixture
async def units(engine):
    rows = [{"code": code, "name": code, "type": "dinas", "is_validator": False, "is_active": True} for code in "abcd"]
    async with writing(engine) as connection:
        return list(await connection.scalars(insert(Unit).returning(Unit.id, sort_by_parameter_order=True), rows))


@pytest.mark.parametrize(("places", "found"), [([], ""), ([0], "a"), ([3, 1, 1], "bd"), ([0, 1, 2, 3], "abcd")])
async def test_ids_and_words_are_looked_up(engine, units, places, found):
    async with reading(engine) as connection:
        ids = [units[place] for place in places] + [2**40]
        assert "".join(await connection.scalars(_by_id, {"ids": ids})) == found
        codes = ["abcd"[place] for place in places] + ["a'b", 'x"]']
        assert "".join(await connection.scalars(_by_code, {"codes": codes})) == found


async def test_the_statement_does_not_depend_on_how_many_there_are(engine, units):
    said = set()
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: said.add(given[2]))
    async with reading(engine) as connection:
        for ids in ([], units[:1], units):
            await connection.execute(_by_id, {"ids": ids})
    assert len(said - {"BEGIN"}) == 1
