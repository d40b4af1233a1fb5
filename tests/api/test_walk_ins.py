"""Manual intake: stored, routed, timed and numbered like any other; the complainant sealed; doubles told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert, select

from app.db.session import reading, writing
from app.db.tables.complaints import Complaint, ComplaintEvent, Identity
from app.db.tables.doubles import Suggestion
from app.db.tables.sources import Category, SourceRecord
from app.db.tables.units import Unit, UnitAlias
from app.intake.store import IDENTITY, RAW
from tests.api.door import Door, at

COMPLAINTS = "/api/v1/complaints"
TOLD: dict[str, Any] = {
    "channel": "walk_in",
    "subject": "Lampu jalan mati",
    "text": "Lampu jalan di depan balai warga mati sejak kemarin malam",
    "category": "lampu",
    "location": {"lat": -6.2, "lng": 106.8, "address": "Jl. Kenanga 5", "kelurahan_code": "kelurahan"},
    "reported_at": "2026-06-02T08:00:00+07:00",
}
WHO = {"name": "Siti Contoh", "phone": "081200001234", "email": "siti@contoh.example", "nik": "3171000000000001"}


@pytest.fixture(autouse=True)
async def city(door: Door) -> None:
    await door.units("kota", "kota/kelurahan", "dinas")
    async with writing(door.house.engine) as connection:
        village = await connection.scalar(select(Unit.id).where(Unit.code == "kelurahan"))
        await connection.execute(insert(UnitAlias).values(kind="village", label="kenanga", unit_id=village))
        await connection.execute(insert(Category).values(code="lampu", name="Lampu Jalan", is_active=True))


async def _add(door: Door, who: dict[str, str], **changed: Any) -> Any:
    return await door.client.post(COMPLAINTS, json={**TOLD, **changed}, headers=who)


async def test_a_complaint_is_taken_in_by_hand(door: Door) -> None:
    ani = await door.token("officer", "kelurahan")
    answer = await _add(door, ani)
    found = answer.json()
    assert answer.status_code == 201, answer.text
    assert found["ticket_code"] == "TG2606020001" and found["duplicates"] == []
    assert answer.headers["Location"] == f"{COMPLAINTS}/TG2606020001"
    assert answer.headers["ETag"] == f'"{found["version"]}"'
    assert (found["unit"]["code"], found["channel"], found["category"]) == ("kelurahan", "walk_in", "Lampu Jalan")
    assert (found["status"], found["reported_at"]) == ("received", "2026-06-02T01:00:00Z")
    assert [each["source"] for each in found["sources"]] == ["desk"]
    read = (await door.client.get(answer.headers["Location"], headers=ani)).json()
    assert read == {name: value for name, value in found.items() if name != "duplicates"}
    history = (await door.client.get(f"{answer.headers['Location']}/history", headers=ani)).json()["items"]
    assert [(each["kind"], each["occurred_at"], each["timing"]) for each in history] == [
        ("reported", "2026-06-02T01:00:00Z", "dated"),
        ("status", "2026-06-02T02:00:00Z", "dated"),
        ("assigned", "2026-06-02T02:00:00Z", "dated"),
    ]
    assert (await door.client.get(f"{COMPLAINTS}?q=TG260602", headers=ani)).json()["items"]


async def test_the_account_of_its_clocks_names_the_desk(door: Door) -> None:
    ani = await door.token("officer", "kelurahan")
    code = (await _add(door, ani)).json()["ticket_code"]
    for language, told in (("id", "warga melapor lewat loket"), ("en", "the citizen reported through the desk")):
        asked = {**ani, "Accept-Language": language}
        account = await door.client.get(f"{COMPLAINTS}/{code}/clocks/respond/explain", headers=asked)
        assert told in account.json()["text"]


async def test_the_complainant_is_sealed_and_nowhere_else(door: Door) -> None:
    answer = await _add(door, await door.token("officer", "kelurahan"), identity=WHO, is_anonymous=True)
    assert not any(value in answer.text for value in WHO.values())
    async with reading(door.house.engine) as connection:
        sealed = await connection.scalar(select(Identity.sealed))
        raw = await connection.scalar(select(SourceRecord.sealed_raw))
    assert sealed is not None and raw is not None
    told = {"name": WHO["name"], "phone": WHO["phone"], "email": WHO["email"], "national_id": WHO["nik"]}
    assert door.house.vault.open_json(sealed, IDENTITY) == told
    assert not any(value in str(door.house.vault.open_json(raw, RAW)) for value in WHO.values())


async def test_what_it_probably_repeats_is_told_to_those_who_may_see_it(door: Door) -> None:
    ani, budi = await door.token("officer", "kelurahan"), await door.token("officer", "dinas")
    await _add(door, ani)
    again = (await _add(door, ani, text="Lampu jalan depan balai warga mati sejak kemarin malam, tolong")).json()
    (double,) = again["duplicates"]
    assert double["ticket_code"] == "TG2606020001" and double["score"] > 80 and double["reasons"]["same_category"]
    assert (await _add(door, budi, unit="dinas")).json()["duplicates"] == []
    async with reading(door.house.engine) as connection:
        assert len((await connection.scalars(select(Suggestion.id))).all()) >= 2


async def test_what_comes_twice_without_a_place_is_told_by_unit_and_text(door: Door) -> None:
    ani, nowhere = await door.token("officer", "kelurahan"), {"location": None, "category": None, "unit": "kelurahan"}
    await _add(door, ani, **nowhere)
    (double,) = (await _add(door, ani, **nowhere)).json()["duplicates"]
    assert (double["ticket_code"], double["score"]) == ("TG2606020001", 100)
    assert double["reasons"] == {"same_unit": 1, "same_text": 1, "minutes_apart": 0}
    assert (await _add(door, ani, **{**nowhere, "text": "Lampu jalan mati"})).json()["duplicates"] == []
    assert (await _add(door, await door.token("officer", "dinas"), **{**nowhere, "unit": "dinas"})).json()[
        "duplicates"
    ] == []


async def test_a_unit_that_the_officer_names_counts_and_the_rest_is_routed_by_place(door: Door) -> None:
    whole = await door.token("officer")
    named = (await _add(door, whole, unit="dinas")).json()
    assert (named["unit"]["code"], named["location"]["kelurahan_code"]) == ("dinas", "kelurahan")
    nowhere = await _add(door, whole, location=None)
    assert (nowhere.json()["unit"], nowhere.json()["status"]) == (None, "received")


async def test_two_at_once_get_two_codes(door: Door) -> None:
    who = await door.token("officer", "kelurahan")
    answers = await asyncio.gather(*(_add(door, who) for _ in range(6)))
    assert sorted(each.json()["ticket_code"] for each in answers) == [f"TG260602{number:04}" for number in range(1, 7)]
    door.clock.now = at("2026-06-03 00:30")
    assert (await _add(door, who)).json()["ticket_code"] == "TG2606030001"
    async with reading(door.house.engine) as connection:
        assert len((await connection.scalars(select(Complaint.id))).all()) == 7
        assert await connection.scalar(select(ComplaintEvent.id).limit(1)) is not None


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("channel", {"channel": "carrier pigeon"}),
        ("text", {"text": "  "}),
        ("text", {"text": "\u00a0\u200b"}),
        ("category", {"category": "atlantis"}),
        ("unit", {"unit": "atlantis"}),
        ("location.kelurahan_code", {"location": {"kelurahan_code": "atlantis"}}),
        ("location.lng", {"location": {"lat": 1.0}}),
        ("location.lat", {"location": {"lat": 91, "lng": 0}}),
        ("reported_at", {"reported_at": "2026-06-02T09:00:01+07:00"}),
        ("reported_at", {"reported_at": "0001-01-01T00:00:00Z"}),
        ("reported_at", {"reported_at": "1970-12-31T23:59:59Z"}),
        ("reported_at", {"reported_at": "kemarin"}),
        ("identity.nik", {"identity": {"nik": "12"}}),
        ("identity.nik", {"identity": {"nik": "٣" * 16}}),
        ("status", {"status": "resolved"}),
    ],
)
async def test_a_complaint_that_cannot_be_is_refused(door: Door, field: str, changed: dict[str, Any]) -> None:
    answer = await _add(door, await door.token("officer"), **changed)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    async with reading(door.house.engine) as connection:
        assert await connection.scalar(select(Complaint.id)) is None


async def test_a_foreign_unit_and_a_reader_are_refused(door: Door) -> None:
    assert (await _add(door, await door.token("officer", "kelurahan"), unit="dinas")).status_code == 403
    assert (await _add(door, await door.token("viewer"))).status_code == 403
    assert (await _add(door, {})).status_code == 401
