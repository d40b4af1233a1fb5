"""The real files of three cities, stored: verdicts as the city's own, every row accounted for, nothing twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from app.db.metadata import metadata
from app.db.rulebook import Rulebooks
from app.db.session import reading, snapshot
from app.db.verify import verify
from app.importing import FileToRead, import_file
from app.pulling import Plant
from app.settings import load_settings
from app.sla.clock import State
from tests.conftest import SHARED_DATA
from tests.intake.station import VAULT

pytestmark = pytest.mark.skipif(
    not SHARED_DATA.is_dir(), reason=f"the real files are not beside this checkout ({SHARED_DATA})"
)
CSV = SHARED_DATA / "csv"


@pytest.fixture
def plant(engine, database_url) -> Plant:
    settings = load_settings(_env_file=None, secret_key="k" * 40, database_url=database_url)
    return Plant(settings, engine, Rulebooks(), VAULT)


async def bring(plant: Plant, file: Path, profile: str) -> dict[str, int]:
    report = await import_file(plant, FileToRead(file, profile, {}))
    return report.tally.as_columns()


async def rows(plant: Plant, name: str) -> list:
    async with reading(plant.engine) as connection:
        return list(await connection.execute(select(metadata.tables[name])))


async def verdicts(plant: Plant) -> Counter:
    """The city's own word on each complaint beside ours, as (theirs, ours)."""
    ours = {row.complaint_id: row for row in await rows(plant, "sla_clock") if row.family == "source"}
    found: Counter = Counter()
    for record in await rows(plant, "source_record"):
        clock = ours.get(record.complaint_id)
        raw = VAULT.open_json(record.sealed_raw, "raw")
        if clock is not None:
            found[raw["ontime"], "OVERDUE" if is_late(clock) else "ONTIME"] += 1
    return found


def is_late(clock) -> bool:
    """An open one is late once its due time has passed; the city's file was made after all of them."""
    return clock.state is State.MISSED or (clock.state is State.RUNNING and clock.due_at is not None)


async def test_boston_is_judged_as_boston_judges_itself(plant):
    assert await bring(plant, CSV / "boston311-100.csv", "boston311") == {
        "pulled": 100,
        "created": 100,
        "linked": 0,
        "updated": 0,
        "unchanged": 0,
        "rejected": 0,
    }
    assert await verdicts(plant) == {("ONTIME", "ONTIME"): 72, ("OVERDUE", "OVERDUE"): 17}


async def test_the_later_boston_file_updates_four_and_leaves_the_rest_as_it_was(plant):
    await bring(plant, CSV / "boston311-100.csv", "boston311")
    before = {row.id: row for row in await rows(plant, "complaint")}
    later = await bring(plant, CSV / "boston311-100-diff.csv", "boston311")
    assert (later["updated"], later["unchanged"], later["pulled"]) == (4, 96, 100)
    after = {row.id: row for row in await rows(plant, "complaint")}
    assert sum(before[each] != after[each] for each in before) == 4
    async with snapshot(plant.engine) as connection:
        rules = await plant.rulebooks.current(connection)
        assert [found async for _, each in verify(connection, rules) for found in each] == []


async def test_the_agencies_of_boston_are_units_below_a_root_of_their_own(plant):
    await bring(plant, CSV / "boston311-100.csv", "boston311")
    units = {row.id: row for row in await rows(plant, "unit")}
    held = {units[row.unit_id] for row in await rows(plant, "complaint") if row.unit_id is not None}
    (root,) = {units[unit.parent_id].code for unit in held}
    assert root == "us-boston"
    assert all(unit.code.startswith("us-boston-") for unit in held)
    assert {row.ticket_code for row in await rows(plant, "complaint")} == {None}


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("name", "profile", "count"), [("la311_2020_10k.csv", "la311", 10_000), ("nyc311_2013_12_25.csv", "nyc311", 2_386)]
)
async def test_every_row_of_a_large_file_is_accounted_for(plant, name, profile, count):
    tally = await bring(plant, CSV / name, profile)
    assert tally["pulled"] == count
    assert tally["created"] == len(await rows(plant, "complaint"))
    assert len(await rows(plant, "source_record")) == tally["created"] + tally["linked"]
    assert tally["created"] + tally["updated"] + tally["unchanged"] + tally["rejected"] == count
