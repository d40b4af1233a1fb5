"""Subject access: whoever asks by number, address or NIK gets everything that is held of them, and who read it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from sqlalchemy import text

from app.db.session import reading, writing
from app.people.identities import Reader, read_identity
from app.people.subject_access import Subject, find_complaints, find_rejects, held_about
from connectors.contract import Batch, Complainant, Precedence, Reject, SourceTraits
from tests.conftest import ROOT
from tests.intake.feeds import at
from tests.intake.records import incoming, said
from tests.intake.station import VAULT, Station
from tests.seeded import postgres_template, sqlite_template

__all__ = ["postgres_template", "sqlite_template"]

SEKAR = Complainant(
    name="Sekar Fiktif", phone="+62 812-0000-1234", email="Sekar@Contoh.id", national_id="3171010101900001"
)
BUDI = Complainant(name="Budi Fiktif", phone="0812-0000-9999")


class Told:
    """A source of which a test tells the records."""

    name = "jaki"
    carries_ticket_codes = True
    precedence = Precedence()
    traits = SourceTraits()


@pytest.fixture
async def station(engine: Any) -> Station:
    """Sekar complained once; somebody else names her number; Budi has nothing to do with her."""
    built = Station(engine)
    await built.add("jaki", "jaki", "https://jaki.contoh.id", token="rahasia")
    told = {
        "JK1": {"complainant": SEKAR, "text": "Lampu mati", "events": (said("12 09:00", "Selesai"),)},
        "JK2": {"complainant": BUDI, "text": "Jalan rusak"},
        "JK3": {"text": "Hubungi (0812) 0000.1234 soal got"},
        "JK4": {"text": "Surat ke sekar@contoh.id"},
    }
    records = tuple(incoming(code, "12 08:00", ticket_code=code, **values) for code, values in told.items())
    bad = (Reject({"id": "JK5", "hp": "0812 0000 1234"}, "no time", "JK5"), Reject({"id": "JK6"}, "no time", "JK6"))
    await built.store("jaki", Told(), Batch(records, bad, None))  # type: ignore[arg-type]
    return built


@pytest.mark.parametrize(
    ("subject", "codes"),
    [
        (Subject(phone="0812 0000 1234"), ["JK1", "JK3"]),
        (Subject(phone="6281200001234"), ["JK1", "JK3"]),
        (Subject(email="SEKAR@contoh.id "), ["JK1", "JK4"]),
        (Subject(nik="3171 0101 0190 0001"), ["JK1"]),
        (Subject(nik="3171010101900002"), []),
    ],
    ids=repr,
)
async def test_complaints_are_found_however_the_number_is_written(
    station: Station, subject: Subject, codes: list[str]
) -> None:
    async with reading(station.engine) as connection:
        found = await find_complaints(connection, subject, VAULT)
    assert found == [(await station.complaint(code)).id for code in codes]


async def test_records_kept_aside_are_found_too(station: Station) -> None:
    async with reading(station.engine) as connection:
        found = [each async for each in find_rejects(connection, Subject(phone="081200001234"), VAULT)]
    assert [(each["external_id"], each["source"], each["raw"]["hp"]) for each in found] == [
        ("JK5", "jaki", "0812 0000 1234")
    ]


async def test_all_that_is_held_is_told_with_who_has_read_it(station: Station) -> None:
    id_ = (await station.complaint("JK1")).id
    async with writing(station.engine) as connection:
        await read_identity(connection, id_, Reader(name="dewi", reason="Menanyakan alamat", at=at("13 08:00")), VAULT)
    async with reading(station.engine) as connection:
        told = await held_about(connection, id_, VAULT)
    assert (told["complaint"]["ticket_code"], told["complaint"]["text"]) == ("JK1", "Lampu mati")
    assert [each["national_id"] for each in told["identities"]] == ["3171010101900001"]
    assert [each["raw"]["external_id"] for each in told["source_records"]] == ["JK1"]
    assert {each["kind"] for each in told["complaint_event"]} == {"reported", "status"}
    assert told["sla_clock"] and told["evidence"] == told["suggestion"] == []
    assert told["processing"] == [
        {"at": at("13 08:00"), "by": "dewi", "what": "identity.read", "details": {"reason": "Menanyakan alamat"}}
    ]
    assert json.dumps(told, default=str)


async def test_it_looks_through_identities_a_batch_at_a_time(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.people.subject_access._AT_ONCE", 1)
    seen: list[int] = []
    async with reading(station.engine) as connection:
        found = await find_complaints(connection, Subject(phone=BUDI.phone), VAULT, seen.append)
    assert (found, seen) == ([(await station.complaint("JK2")).id], [1, 2])


async def test_the_runbook_names_the_complaints_that_somebody_read(station: Station) -> None:
    id_ = (await station.complaint("JK1")).id
    reader = Reader(name="siti", reason="Menanyakan alamat", at=at("13 08:00"))
    async with writing(station.engine) as connection:
        await read_identity(connection, id_, reader, VAULT)
    page = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    (query,) = re.findall(r"```sql\n(.*?)```", page, re.S)
    async with reading(station.engine) as connection:
        rows = (await connection.execute(text(query.replace("2026-03-01", "2026-01-01")))).all()
    assert [(row.id, row.ticket_code, row.action) for row in rows] == [(id_, "JK1", "identity.read")]
