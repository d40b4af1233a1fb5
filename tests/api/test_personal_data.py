"""Personal data over REST: what is hidden, what is on record before it is shown, who may know who complained."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import insert

from app.complaint.lifecycle import Move
from app.db.session import reading, writing
from app.db.tables.complaints import Identity
from app.intake.store import IDENTITY
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

    async def identify(self, complaint_id: int, person: dict[str, str | None]) -> None:
        """As intake seals what the source crm tells of a complainant."""
        sealed = self.door.house.vault.seal_json(person, IDENTITY)
        row = {"complaint_id": complaint_id, "source_id": self.desk.sources["crm"], "sealed": sealed}
        async with writing(self.door.house.engine) as connection:
            await connection.execute(insert(Identity).values(**row, received_at=NOON))

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


# --- identities ---

WHY = {"reason": "Petugas perlu menanyakan alamat"}
SEKAR = {"name": "Sekar Fiktif", "phone": "0812-0000-1234", "email": None, "national_id": "3171010101900001"}


async def test_an_identity_is_shown_with_a_reason_that_is_on_record(office: Office) -> None:
    found = await office.desk.report("JK1", NOON, unit="kelurahan-a")
    await office.identify(found, SEKAR)
    answer = await office.get("/JK1/identity", "supervisor", **WHY)
    assert answer.json()["items"] == [{"source": "crm", **SEKAR, "received_at": "2026-01-12T05:00:00Z"}]
    assert answer.headers["cache-control"] == "no-store"
    (entry,) = await office.trail()
    assert (entry.action, entry.subject, entry.details) == ("identity.read", f"complaint:{found}", WHY)


@pytest.mark.parametrize(
    ("flags", "who"),
    [
        ({}, {"supervisor", "admin", "whole"}),
        ({"is_private": True}, {"whole"}),
        ({"is_confidential": True}, {"whole"}),
        ({"is_restricted": True}, {"whole"}),
    ],
)
async def test_an_identity_is_for_those_who_lead_and_of_what_is_closed_for_the_whole_tree(
    office: Office, flags: dict[str, bool], who: set[str]
) -> None:
    await office.identify(await office.desk.report("JK1", NOON, unit="kelurahan-a", **flags), SEKAR)
    answers = {role: (await office.get("/JK1/identity", role, **WHY)).status_code for role in office.keys}
    assert answers == {role: 200 if role in who else 403 for role in office.keys}
    assert len(await office.actions()) == len(who)


async def test_an_anonymous_complainant_is_known_to_the_whole_trees_administrators_alone(office: Office) -> None:
    await office.identify(await office.desk.report("JK1", NOON, unit="kelurahan-a", is_anonymous=True), SEKAR)
    hidden = (await office.get("/JK1/identity", "supervisor", **WHY)).json()
    assert (hidden["is_anonymous"], hidden["items"]) == (True, [])
    assert len((await office.get("/JK1/identity", "whole", **WHY)).json()["items"]) == 1


@pytest.mark.parametrize("reason", [None, "", "perlu", " " * 20, "x" * 501, "nol\x00 nol nol nol"])
async def test_without_a_good_reason_nothing_is_shown_or_recorded(office: Office, reason: str | None) -> None:
    await office.identify(await office.desk.report("JK1", NOON, unit="kelurahan-a"), SEKAR)
    answer = await office.get("/JK1/identity", "whole", **({} if reason is None else {"reason": reason}))
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (422, ["reason"])
    assert await office.actions() == []


async def test_the_identity_of_a_foreign_complaint_is_absent(office: Office) -> None:
    await office.desk.report("JK1", NOON, unit="dinas")
    answers = [await office.get(f"/{ref}/identity", "supervisor", **WHY) for ref in ("JK1", "JK9")]
    assert [each.status_code for each in answers] == [404, 404]
