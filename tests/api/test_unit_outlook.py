"""The outlook of a unit over HTTP, with that of each unit below it."""

from __future__ import annotations

import pytest

from app.complaint.lifecycle import Move
from app.complaint.roles import Role
from tests.api.door import Door
from tests.api.test_problems import assert_problem
from tests.units.city import HOUR, City
from tests.units.stories import tell
from tests.units.test_outlook import DAY, FRIDAY, office
from tests.workqueue.desk import Desk


@pytest.fixture
async def city(door: Door) -> City:
    """A Friday morning on which one complaint is due by Saturday and another one is done."""
    built = City(door.house.engine)
    await Desk.build(built)
    await office(built)
    door.clock.now = FRIDAY
    await tell(built, FRIDAY - 3 * HOUR, "kelurahan-a", code="JK1")
    await tell(built, FRIDAY - 3 * DAY, "kelurahan-b", (HOUR, Move.ACCEPT), (DAY, Move.SUBMIT), code="JK2")
    return built


async def test_an_outlook_tells_what_is_at_risk_and_where(door: Door, city: City) -> None:
    headers = await door.token(Role.VIEWER, "kecamatan")
    url = "/api/v1/units/kecamatan/outlook"
    answer = await door.client.get(url, headers=headers | {"Accept-Language": "en"})
    told = answer.json()
    assert answer.status_code == 200 and answer.headers["content-language"] == "en"
    assert (told["is_open"], told["closes_at"], told["opens_at"]) == (
        True, "2026-02-27T09:00:00Z", "2026-03-02T00:30:00Z",
    )  # fmt: skip
    assert (told["at_risk"], told["while_open"], told["while_closed"]) == (1, 0, 1)
    assert told["complaints"] == [{"ref": "JK1", "clock": "respond", "due_at": "2026-02-28T00:00:00Z"}]
    assert told["pace"] == {
        "days": 28,
        "working_days": 20,
        "received": 1,
        "done": 1,
        "received_per_working_day": 0.05,
        "done_per_working_day": 0.05,
        "backlog": 1,
        "verdict": "stands",
        "days_to_clear": None,
        "clears_on": None,
    }
    assert told["text"] == (
        "Complaints that will pass their due time before the unit opens again at Monday, 2 March 2026, 07:30 WIB: 1, "
        "of these 0 in working hours still and 1 while it is closed. At the pace of the last 28 days (1 done, 1 "
        "received) the backlog of 1 does not shrink."
    )
    assert [(each["unit"]["code"], each["at_risk"], each["pace"]["verdict"]) for each in told["units"]] == [
        ("kelurahan-a", 1, "unknown"),
        ("kelurahan-b", 0, "done"),
    ]


async def test_an_outlook_is_indonesian_unless_asked_otherwise(door: Door, city: City) -> None:
    told = (await door.client.get("/api/v1/units/kelurahan-b/outlook", headers=await door.token())).json()
    assert told["text"] == (
        "Tidak ada aduan yang akan lewat tenggat sebelum unit buka lagi pada Senin, 2 Maret 2026 pukul 07.30 WIB. "
        "Tidak ada tunggakan."
    )


async def test_the_outlook_of_a_unit_of_others_is_not_there(door: Door, city: City) -> None:
    headers = await door.token(Role.ADMIN, "kelurahan-b")
    for code in ("kelurahan-a", "kelurahan-z"):
        assert_problem(await door.client.get(f"/api/v1/units/{code}/outlook", headers=headers), 404, "not_found")
