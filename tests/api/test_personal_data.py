"""Personal data over REST: what is hidden, what is on record before it is shown, who may know who complained."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.complaint.lifecycle import Move
from app.db.session import reading
from app.people import audit
from tests.api.door import Door
from tests.workqueue.desk import NOON, Desk

COMPLAINTS = "/api/v1/complaints"
Trail = list[tuple[str, str]]


@dataclass
class Office:
    """The door with the desk's city behind it; a token for each role over the city of Kota, one over the whole tree."""

    door: Door
    desk: Desk
    keys: dict[str, dict[str, str]] = field(default_factory=dict)

    async def get(self, path: str, who: str, **query: Any) -> Any:
        return await self.door.client.get(f"{COMPLAINTS}{path}", params=query, headers=self.keys[who])

    async def trail(self) -> list[audit.AuditEntry]:
        """What was read, oldest first."""
        async with reading(self.door.house.engine) as connection:
            found = await audit.entries(connection, limit=50)
        return [each for each in found[::-1] if each.action.endswith((".read", ".export"))]

    async def actions(self) -> Trail:
        return [(each.action, each.subject) for each in await self.trail()]


@pytest.fixture
async def office(door: Door) -> AsyncIterator[Office]:
    door.clock.now = NOON
    desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
    await desk.build()
    built = Office(door, desk)
    for role in ("viewer", "officer", "supervisor", "admin"):
        built.keys[role] = await door.token(role, "kota")
    built.keys["whole"] = await door.token("admin")
    yield built


async def test_whoever_reads_private_words_is_on_record_each_time(office: Office) -> None:
    found = await office.desk.report("JK1", NOON, unit="kelurahan-a", is_private=True)
    await office.desk.report("JK2", NOON, unit="kelurahan-a")
    for path in ("/JK1", "/JK1/history", "/JK2", "/JK2/history", ""):
        assert (await office.get(path, "supervisor")).status_code == 200
    assert await office.actions() == [("words.read", f"complaint:{found}")] * 2
    for who in ("viewer", "officer"):
        hidden = (await office.get("/JK1", who)).json()
        assert (hidden["words"], hidden["text"]) == ("hidden", None)
    assert len(await office.actions()) == 2


async def test_a_move_that_shows_private_words_is_a_reading_too(office: Office) -> None:
    found = await office.desk.report("JK1", NOON, unit="kelurahan-a", is_private=True)
    body = {"move": Move.RESPOND, "text": "Kami periksa"}
    answer = await office.door.client.post(f"{COMPLAINTS}/JK1/moves", json=body, headers=office.keys["supervisor"])
    assert answer.json()["words"] == "on_record"
    assert await office.actions() == [("words.read", f"complaint:{found}")]


async def test_raw_records_of_a_private_complaint_are_for_the_whole_trees_administrators(office: Office) -> None:
    found = await office.desk.report("JK1", NOON, unit="kelurahan-a", is_private=True)
    await office.desk.carry(found, "crm", "991", {"id": 991})
    for who in ("supervisor", "admin"):
        assert (await office.get("/JK1/source-records", who)).json()["items"][0]["raw"] is None
    assert await office.actions() == []
    assert (await office.get("/JK1/source-records", "whole")).json()["items"][0]["raw"] == {"id": 991}
    assert await office.actions() == [("source_record.read", f"complaint:{found}")]


async def test_a_sheet_of_complaints_is_on_record_without_what_was_looked_for(office: Office) -> None:
    await office.desk.report("JK1", NOON, unit="kelurahan-a")
    answer = await office.get("", "supervisor", format="csv", unit="kelurahan-a", q="sekolah")
    assert answer.headers["content-type"].startswith("text/csv")
    (entry,) = await office.trail()
    assert (entry.action, entry.subject) == ("complaint.export", "complaints")
    assert entry.details == {"rows": 1, "filters": ["format=csv", "unit=kelurahan-a"]}
