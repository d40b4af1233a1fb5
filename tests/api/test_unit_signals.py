"""Signals of a unit over HTTP: in the caller's language, as a sheet, and for who covers the unit alone."""

from __future__ import annotations

import csv
import io

import pytest

from app.complaint.lifecycle import Move
from app.complaint.roles import Role
from app.units.signs import Sign
from tests.api.door import Door
from tests.api.test_problems import assert_problem
from tests.units.city import HOUR, NOW, City
from tests.units.stories import tell
from tests.workqueue.desk import at

SIGNALS = "/api/v1/units/kelurahan-a/signals"


@pytest.fixture
async def city(door: Door) -> City:
    """Three complaints of one kelurahan that came back to it, and one that did not."""
    built = City(door.house.engine)
    await built.build()
    door.clock.now = NOW
    there, back = (HOUR, Move.FORWARD, "sudin"), (2 * HOUR, Move.FORWARD, "kelurahan-a")
    for number in range(3):
        await tell(built, at("2026-02-09 08:00"), "kelurahan-a", there, back, code=f"JK{number}")
    await tell(built, at("2026-02-09 08:00"), "kelurahan-a", there, code="JK3")
    return built


async def test_signals_tell_what_was_found_and_name_the_complaints(door: Door, city: City) -> None:
    headers = await door.token(Role.VIEWER, "kelurahan-a")
    answer = await door.client.get(SIGNALS, headers=headers | {"Accept-Language": "en"}, params={"period": "2026-02"})
    told = answer.json()
    assert answer.status_code == 200 and answer.headers["content-language"] == "en"
    assert told["unit"]["code"] == "kelurahan-a" and told["period"]["name"] == "2026-02" and told["as_of"]
    assert [each["name"] for each in told["signals"]] == list(Sign)
    by_name = {each["name"]: each for each in told["signals"]}
    assert by_name["ping_pong"] == {
        "name": "ping_pong",
        "shows": True,
        "count": 3,
        "of": 7,
        "share": 42.85,
        "threshold": 20,
        "at_least": 3,
        "text": "3 of 7 hand-overs sent the complaint back to where it came from (42.85%).",
        "complaints": ["JK2", "JK1", "JK0"],
        "unlisted": 0,
    }
    assert by_name["month_end"]["text"] == "No case among the 0 that were looked at."
    assert by_name["source_stale"]["shows"] and "crm, jaki" in by_name["source_stale"]["text"]
    assert {each["source"] for each in told["sources"]} == {"crm", "jaki"}


async def test_signals_are_indonesian_unless_asked_otherwise(door: Door, city: City) -> None:
    told = (await door.client.get(SIGNALS, headers=await door.token())).json()
    found = next(each for each in told["signals"] if each["name"] == "ping_pong")
    assert found["text"] == "3 dari 7 pengalihan mengembalikan aduan ke unit asalnya (42,85%)."


async def test_signals_are_a_sheet_too(door: Door, city: City) -> None:
    answer = await door.client.get(SIGNALS, headers=await door.token(), params={"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["signal"] for row in rows] == list(Sign)
    found = next(row for row in rows if row["signal"] == "ping_pong")
    assert (found["code"], found["shows"], found["count"], found["complaints"]) == (
        "kelurahan-a", "yes", "3", "JK2 JK1 JK0",
    )  # fmt: skip


async def test_signals_of_a_unit_of_others_are_not_there(door: Door, city: City) -> None:
    headers = await door.token(Role.ADMIN, "kelurahan-b")
    assert_problem(await door.client.get(SIGNALS, headers=headers), 404, "not_found")
    absent = await door.client.get("/api/v1/units/kelurahan-z/signals", headers=headers)
    assert_problem(absent, 404, "not_found")
    wrong = await door.client.get(SIGNALS, headers=await door.token(), params={"period": "1d"})
    assert [each["field"] for each in assert_problem(wrong, 422, "invalid_input")["errors"]] == ["period"]
