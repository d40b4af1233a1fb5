"""Erasing, purging, restricting and holding: what identifies people goes for good, every figure stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from app.complaint.errors import Conflict, NotFound
from app.complaint.privacy import ERASED
from app.complaint.roles import Role
from app.db.session import reading, writing
from app.db.tables.doubles import Suggestion
from app.db.tables.evidence import Evidence, EvidenceFile
from app.people.audit import Examined, entries, examine
from app.people.duties import Act, digest, erase, hold, release, set_restriction
from app.people.officers import NewOfficer, add_officer
from app.people.retention import Group, Purged, Terms, foresee, purge
from app.vault import CannotOpen, Vault
from connectors.contract import Batch, Complainant, EventKind, Precedence, Reject, SourceTraits
from tests.intake.feeds import at
from tests.intake.records import incoming, said
from tests.intake.station import VAULT, Station
from tests.seeded import postgres_template, sqlite_template

__all__ = ["postgres_template", "sqlite_template"]

CODE, OTHER = "JK2601120001", "JK2601120002"
SEKAR = Complainant(name="Sekar Fiktif", phone="081200001234", email="sekar@contoh.id", national_id="3171010101900001")
WORDS_OF_SEKAR = "Sekar Fiktif di 0812-0000-1234: lampu mati"
MARKS = ("sekar", "081200001234", "3171010101900001", "0812-0000-1234")
FIGURES = ("complaint_event", "sla_clock", "stint", "pause", "queue_slot")
WORDS = frozenset({"text", "reason"})
ACT = Act(actor="gita", reason="Permintaan pelapor nomor 7", at=at("20 12:00"))


class Told:
    """A source of which a test tells the records."""

    name = "jaki"
    carries_ticket_codes = True
    precedence = Precedence()
    traits = SourceTraits()


@dataclass
class Archive:
    """A station with two complaints of Sekar's, one of them resolved."""

    station: Station

    async def tell(self, code: str = CODE, status: str = "Selesai", *, note: str = "", **values: Any) -> dict[str, int]:
        """What JAKI says of a complaint of Sekar's, who is named everywhere; `note` makes another form of it."""
        raw = {"id": code, "pelapor": "SEKAR FIKTIF", "nik": 3171010101900001, "isi": [WORDS_OF_SEKAR], "note": note}
        events = [said("12 08:00", "Menunggu"), said("12 09:00", f"Ibu {WORDS_OF_SEKAR}", kind=EventKind.REPLY)]
        if status == "Selesai":
            events.append(said("13 08:00", "Selesai"))
        told = {"ticket_code": code, "text": WORDS_OF_SEKAR, "address": "Rumah Sekar Fiktif", "complainant": SEKAR}
        one = incoming(code, "12 08:00", status, raw=raw, events=tuple(events), **{**told, **values})
        return await self.station.store("jaki", Told(), Batch((one,), (), None))  # type: ignore[arg-type]

    async def figures(self) -> Mapping[str, Any]:
        """All that is counted: headers, histories, clocks, stints, places, without the words."""
        found: dict[str, Any] = {}
        for name in FIGURES:
            rows = await self.station.rows(name)
            found[name] = [{k: v for k, v in row._mapping.items() if k not in WORDS} for row in rows]
        for row in await self.station.rows("complaint"):
            kept = ("status", "is_open", "unit_id", "reported_at", "closed_at", "next_due_at", "is_missed", "hops")
            found[f"complaint {row.id}"] = [getattr(row, each) for each in kept]
        return found

    async def everything(self) -> str:
        """Each row of each table, and all that is sealed in them, as one text."""
        async with reading(self.station.engine) as connection:
            names = await connection.run_sync(lambda sync: sync.dialect.get_table_names(sync))
            rows = [row for name in names for row in await connection.execute(text(f"SELECT * FROM {name}"))]
        return "\n".join(_opened(value) for row in rows for value in row).lower()

    async def id(self, code: str = CODE) -> int:
        return int((await self.station.complaint(code)).id)

    async def erase(self, code: str = CODE, *, with_words: bool = False) -> Any:
        id_ = await self.id(code)
        async with writing(self.station.engine) as connection:
            rules = await self.station.rulebooks.current(connection)
            return await erase(connection, id_, ACT, VAULT, rules, with_words=with_words)

    async def purge(self, **days: int) -> dict[str, Purged]:
        terms = Terms(days={Group(name): each for name, each in days.items()}, actor="worker", at=ACT.at)
        done = await purge(self.station.engine, terms, VAULT, self.station.rulebooks)
        return {each.group: each for each in done}

    async def trail(self) -> Examined:
        async with reading(self.station.engine) as connection:
            return await examine(connection)

    async def newest(self, action: str) -> Any:
        async with reading(self.station.engine) as connection:
            return next(each for each in await entries(connection, limit=20) if each.action == action)


@pytest.fixture
async def archive(engine: Any) -> AsyncIterator[Archive]:
    built = Archive(Station(engine))
    await built.station.add("jaki", "jaki", "https://jaki.contoh.id", token="rahasia")
    await built.tell()
    bad = Reject({"id": CODE, "pelapor": "Sekar Fiktif"}, "no time", CODE)
    await built.station.store("jaki", Told(), Batch((), (bad,), None))  # type: ignore[arg-type]
    yield built


def _opened(value: Any) -> str:
    if isinstance(value, bytes | memoryview) and bytes(value)[:1] == b"\x02":
        for purpose in ("raw", "identity", "reject"):
            try:
                return VAULT.open(bytes(value), purpose).decode()
            except CannotOpen:
                continue
    return str(bytes(value) if isinstance(value, memoryview) else value)


# --- erasing ---


@pytest.mark.parametrize("with_words", [False, True])
async def test_an_erased_person_is_found_nowhere_and_no_figure_changes(archive: Archive, with_words: bool) -> None:
    told = await archive.everything()
    assert [mark for mark in MARKS if mark not in told] == []
    before = await archive.figures()
    erased = await archive.erase(with_words=with_words)
    assert (erased.identities, erased.records, erased.rejects) == (1, 1, 1)
    told = await archive.everything()
    assert [mark for mark in MARKS if mark in told] == []
    assert await archive.figures() == before
    assert await archive.station.differences() == []
    assert (await archive.trail()).broken_id is None
    complaint = await archive.station.complaint(CODE)
    assert complaint.text == (ERASED if with_words else f"{ERASED} di [telepon]: lampu mati")


@pytest.mark.parametrize("is_later", [False, True], ids=["earlier", "later"])
@pytest.mark.parametrize("with_words", [False, True])
async def test_what_officers_said_of_a_probable_double_is_erased_with_either(
    archive: Archive, is_later: bool, with_words: bool
) -> None:
    stranger = incoming(OTHER, "12 08:00", "Menunggu", ticket_code=OTHER)
    await archive.station.store("jaki", Told(), Batch((stranger,), (), None))  # type: ignore[arg-type]
    pair = sorted((await archive.id(), await archive.id(OTHER)), reverse=is_later)
    row = {"complaint_id": pair[1], "earlier_id": pair[0], "score": 90, "reasons": {}, "state": "open"}
    row |= {"created_at": ACT.at, "note": "Kata Sekar Fiktif satu orang"}
    async with writing(archive.station.engine) as connection:
        await connection.execute(insert(Suggestion).values(row))
    await archive.erase(with_words=with_words)
    (kept,) = await archive.station.rows("suggestion")
    assert kept.note == (ERASED if with_words else f"Kata {ERASED} satu orang")


async def test_an_erasure_leaves_a_proof_without_a_word_of_what_it_was(archive: Archive) -> None:
    await archive.erase()
    entry = await archive.newest("privacy.erase")
    assert (entry.actor, entry.subject) == ("gita", f"complaint:{await archive.id()}")
    assert entry.details == {
        "reason": ACT.reason, "identities": 1, "records": 1, "rejects": 1, "with_words": False,
        "sha256": digest(["record:1"]),
    }  # fmt: skip


async def test_no_pull_brings_an_erased_person_back(archive: Archive) -> None:
    await archive.erase()
    assert (await archive.tell())["unchanged"] == 1
    assert (await archive.tell(note="dibuka lagi", status="Menunggu"))["updated"] == 1
    told = await archive.everything()
    assert [mark for mark in MARKS if mark in told] == []
    assert await archive.station.rows("identity") == []
    assert await archive.station.differences() == []


async def test_a_new_complaint_of_the_same_person_is_a_new_one(archive: Archive) -> None:
    await archive.erase()
    assert (await archive.tell(OTHER))["created"] == 1
    (identity,) = await archive.station.rows("identity")
    assert identity.complaint_id == await archive.id(OTHER)
    assert (await archive.station.complaint(OTHER)).text == WORDS_OF_SEKAR


# --- holding and restricting ---


async def test_a_held_complaint_is_neither_erased_nor_purged_until_it_is_released(archive: Archive) -> None:
    id_ = await archive.id()
    async with writing(archive.station.engine) as connection:
        await hold(connection, id_, ACT)
        with pytest.raises(Conflict):
            await hold(connection, id_, ACT)
    with pytest.raises(Conflict, match="legal hold"):
        await archive.erase()
    held = await archive.purge(identity=1, raw=1, words=1)
    assert [each.count for each in held.values()] == [0, 0, 0, 0]
    async with writing(archive.station.engine) as connection:
        await release(connection, id_, ACT)
        with pytest.raises(Conflict):
            await release(connection, id_, ACT)
    assert (await archive.erase()).identities == 1


async def test_a_restriction_is_told_to_whoever_reads_changes_and_touches_no_figure(archive: Archive) -> None:
    before, was = await archive.figures(), await archive.station.complaint(CODE)
    async with writing(archive.station.engine) as connection:
        rules = await archive.station.rulebooks.current(connection)
        await set_restriction(connection, was.id, ACT, rules, is_restricted=True)
        with pytest.raises(Conflict):
            await set_restriction(connection, was.id, ACT, rules, is_restricted=True)
    now = await archive.station.complaint(CODE)
    assert (now.is_restricted, now.version) == (True, was.version + 1)
    assert now.change_no > was.change_no
    assert await archive.figures() == before
    assert (await archive.newest("privacy.restrict")).details == {"reason": ACT.reason}


async def test_what_is_absent_can_be_neither_held_nor_erased(archive: Archive) -> None:
    async with writing(archive.station.engine) as connection:
        rules = await archive.station.rulebooks.current(connection)
        with pytest.raises(NotFound):
            await hold(connection, 99, ACT)
        with pytest.raises(NotFound):
            await erase(connection, 99, ACT, VAULT, rules)


# --- retention ---


async def test_identities_go_sooner_than_raw_records_and_those_sooner_than_words(archive: Archive) -> None:
    await archive.tell(OTHER, "Menunggu")
    before = await archive.figures()
    assert {name: each.count for name, each in (await archive.purge(identity=8)).items() if each.count} == {}
    done = await archive.purge(identity=7)
    assert done[Group.IDENTITY].count == 1
    (left,) = await archive.station.rows("identity")
    assert left.complaint_id == await archive.id(OTHER), "an open complaint keeps its complainant"
    raw = VAULT.open_json((await archive.station.rows("source_record"))[0].sealed_raw, "raw")
    assert raw == {
        "id": CODE,
        "pelapor": ERASED,
        "nik": ERASED,
        "isi": [f"{ERASED} di [telepon]: lampu mati"],
        "note": "",
    }
    assert (await archive.purge(raw=7))[Group.RAW].count == 1
    assert (await archive.station.rows("source_record"))[0].sealed_raw == b""
    assert (await archive.station.complaint(CODE)).text == WORDS_OF_SEKAR
    assert (await archive.purge(words=7))[Group.WORDS].count == 1
    assert (await archive.station.complaint(CODE)).text == ERASED
    assert await archive.figures() == before
    assert await archive.station.differences() == []
    assert (await archive.trail()).broken_id is None


async def test_a_purged_identity_does_not_come_back_with_a_newer_form_of_its_record(archive: Archive) -> None:
    await archive.purge(identity=1)
    assert (await archive.tell(note="lain"))["updated"] == 1
    assert await archive.station.rows("identity") == []
    raw = VAULT.open_json((await archive.station.rows("source_record"))[0].sealed_raw, "raw")
    assert raw == {
        "id": CODE, "pelapor": ERASED, "nik": ERASED, "isi": [f"{ERASED} di [telepon]: lampu mati"], "note": "lain",
    }  # fmt: skip


async def test_pictures_go_and_what_was_found_out_about_them_stays(archive: Archive) -> None:
    picture = {
        "complaint_id": await archive.id(), "kind": "after", "uploaded_at": ACT.at, "media_type": "image/jpeg",
        "size": 3, "width": 1, "height": 1, "sha256": "0" * 64, "perceptual_hash": "0" * 16, "flags": [],
        **dict.fromkeys(("has_exif_time", "has_exif_place", "is_flagged"), False),
    }  # fmt: skip
    async with writing(archive.station.engine) as connection:
        officer = NewOfficer("ani", "Ani", Role.OFFICER, (), None)
        picture["officer_id"] = await add_officer(connection, officer, actor="tests", now=ACT.at)
        id_ = await connection.scalar(insert(Evidence).values(picture).returning(Evidence.id))
        files = {
            "sealed_copy": VAULT.seal(b"x", "evidence-copy"),
            "sealed_original": VAULT.seal(b"x", "evidence-original"),
        }
        await connection.execute(insert(EvidenceFile).values(evidence_id=id_, **files))
    assert (await archive.purge(evidence=7))[Group.EVIDENCE].count == 1
    assert await archive.station.rows("evidence_file") == []
    assert len(await archive.station.rows("evidence")) == 1
    assert (await archive.newest("privacy.purge")).details["sha256"] == digest([f"evidence:{id_}"])


async def test_a_rehearsal_counts_and_takes_nothing(archive: Archive) -> None:
    terms = Terms(days={Group.IDENTITY: 7, Group.WORDS: 3000}, actor="gita", at=ACT.at)
    told = {each.group: each.count for each in await foresee(archive.station.engine, terms)}
    assert told == {Group.IDENTITY: 1, Group.RAW: 0, Group.EVIDENCE: 0, Group.WORDS: 0}
    assert len(await archive.station.rows("identity")) == 1


async def test_a_purge_is_proved_batch_by_batch_whoever_purges_at_once(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.people.retention._AT_ONCE", 2)
    for number in range(3, 8):
        await archive.tell(f"JK260112000{number}")
    done = await asyncio.gather(*(archive.purge(identity=1) for _ in range(3)))
    assert sum(each[Group.IDENTITY].count for each in done) == 6
    async with reading(archive.station.engine) as connection:
        proofs = [each.details for each in await entries(connection, limit=50) if each.action == "privacy.purge"]
    assert sum(int(str(each["count"])) for each in proofs) == 6
    assert {each["cut_off"] for each in proofs} == {(ACT.at - timedelta(days=1)).isoformat()}
    assert await archive.station.rows("identity") == []
    assert (await archive.trail()).broken_id is None


async def test_what_no_key_opens_is_purged_all_the_same(archive: Archive) -> None:
    lost = Vault(b"?" * 32)
    async with writing(archive.station.engine) as connection:
        for table, column, purpose in (("identity", "sealed", "identity"), ("source_record", "sealed_raw", "raw")):
            value = {"sealed": lost.seal_json({"name": "Sekar"}, purpose)}
            await connection.execute(text(f"UPDATE {table} SET {column} = :sealed"), value)
    assert (await archive.purge(identity=1))[Group.IDENTITY].count == 1
    assert (await archive.station.rows("source_record"))[0].sealed_raw == b""
