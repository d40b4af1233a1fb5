"""The status of the agencies of three cities equals a recount of their files that knows nothing of us."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from app.clock import utc_now
from app.db.rulebook import Rulebooks
from app.importing import FileToRead, import_file
from app.pulling import Plant
from tests.api.door import Door, opened, settings_for
from tests.conftest import SHARED_DATA
from tests.intake.station import VAULT
from tests.seeded import postgres_template, sqlite_template
from tests.units.open_files import BOSTON, FIGURES, LOS_ANGELES, NEW_YORK, City, Recount, make_file

__all__ = ["postgres_template", "sqlite_template"]

CITIES = pytest.mark.parametrize("city", [BOSTON, NEW_YORK, LOS_ANGELES], ids=lambda city: city.profile)
MOST_MONTHS = 8


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    """The application on a database that knows no unit yet, at the instant of the import."""
    async with opened(settings_for(database_url, rate_limit="off")) as door:
        door.clock.now = utc_now()
        yield door


async def bring(door: Door, file: Path, city: City) -> None:
    plant = Plant(door.house.settings, door.house.engine, Rulebooks(), VAULT)
    report = await import_file(plant, FileToRead(file, city.profile, {}))
    assert report.tally.created > 0 and report.tally.rejected == 0


async def compare(door: Door, file: Path, city: City) -> dict[str, int]:
    """How much of each figure was compared, over the agencies and months of the file."""
    recount, headers = Recount(city, file), await door.token()
    seen = dict.fromkeys(FIGURES, 0)
    for month in recount.months(MOST_MONTHS):
        counted = recount.figures(month)
        for agency, status in (await _statuses(door, city, month, headers)).items():
            expected, told = counted[agency], status["clocks"]["resolve"]
            where = (month, agency)
            assert {each: told[each]["value"] for each in FIGURES} == pytest.approx(expected, abs=0.1), where
            judged = expected["met"] + expected["missed"] + expected["running_overdue"]
            share = expected["met"] * 10_000 // judged / 100 if judged else None
            assert told["compliance"]["value"] == share, where
            # Nothing is said of a complaint before it is closed, so its first answer is its end; no city promises one.
            assert status["clocks"]["respond"]["median_seconds"]["value"] == told["median_seconds"]["value"], where
            assert status["clocks"]["respond"]["compliance"]["value"] is None, where
            for each in FIGURES:
                seen[each] += bool(expected[each])
    return seen


async def _statuses(door: Door, city: City, month: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """By agency, and under '' the whole city."""
    query = {"parent": city.root, "period": month, "limit": 200}
    page = await door.client.get("/api/v1/units/status", params=query, headers=headers)
    whole = await door.client.get(f"/api/v1/units/{city.root}/status", params={"period": month}, headers=headers)
    assert (page.status_code, whole.status_code) == (200, 200), page.text
    return {"": whole.json()} | {item["unit"]["name"].upper(): item for item in page.json()["items"]}


@CITIES
async def test_a_made_up_file_is_counted_as_its_columns_say(door: Door, city: City, tmp_path: Path) -> None:
    file = tmp_path / "requests.csv"
    make_file(city, file)
    await bring(door, file, city)
    seen = await compare(door, file, city)
    assert min(seen.values()) > 8, seen


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason=f"the real files are not beside this checkout ({SHARED_DATA})")
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("name", "city", "every"),
    [("boston311-100.csv", BOSTON, 1), ("nyc311_2013_12_25.csv", NEW_YORK, 1), ("la311_2020_10k.csv", LOS_ANGELES, 5)],
    ids=("boston", "new-york", "los-angeles"),
)
async def test_a_real_file_is_counted_as_its_columns_say(
    door: Door, name: str, city: City, every: int, tmp_path: Path
) -> None:
    """Of the ten thousand rows of Los Angeles every fifth, which is enough for each agency."""
    file = tmp_path / name
    lines = (SHARED_DATA / "csv" / name).read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join([lines[0], *lines[1::every]]), encoding="utf-8")
    await bring(door, file, city)
    seen = await compare(door, file, city)
    assert min(seen.values()) > 0, seen
