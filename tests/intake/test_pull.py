"""Pulls of two overlapping sources over HTTP: one complaint for one ticket, every record accounted for."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from app.db.session import reading
from app.intake.store import IDENTITY
from connectors.contract import Batch, Complainant, Precedence, SourceTraits
from tests.intake.feeds import HOUR, at, crm, jaki, told
from tests.intake.records import incoming
from tests.intake.station import VAULT

CODE, OTHER = "JK2601120001", "JK2601120002"


def tally(**counts):
    found = {"created": 0, "linked": 0, "updated": 0, "unchanged": 0, "rejected": 0, **counts}
    return {"pulled": sum(found.values()), **found}


async def test_a_ticket_of_both_sources_is_one_complaint_with_two_records(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00"), jaki(OTHER, "12 09:00")]
    feeds.crm = [crm(991, CODE, "12 08:01")]
    assert await station.pull("jaki") == tally(created=2)
    assert await station.pull("crm") == tally(linked=1)
    complaint = await station.complaint(CODE)
    records = await station.rows("source_record")
    assert [record.complaint_id for record in records].count(complaint.id) == 2
    assert len(await station.rows("complaint")) == 2
    assert complaint.connectors == ["crm", "jaki"]
    assert await station.differences() == []


@pytest.mark.parametrize("order", [("jaki", "crm"), ("crm", "jaki")], ids="-".join)
async def test_content_is_jakis_and_handling_is_crms_whichever_comes_first(station, feeds, order):
    feeds.jaki = [jaki(CODE, "12 08:05")]
    feeds.crm = [crm(991, CODE, "12 08:00", "Koordinasi")]
    for name in order:
        await station.pull(name)
    complaint = await station.complaint(CODE)
    assert (complaint.subject, complaint.text) == ("Lampu jalan mati", "Lampu di depan pos RW mati sejak kemarin")
    assert complaint.evidence_urls == ["https://foto.contoh.id/1.jpg"]
    assert (complaint.channel, complaint.category) == ("jaki", "Jaringan Listrik ")
    assert await station.unit(CODE) == "Dinas Bina Marga"
    assert told(complaint.reported_at) == "12 08:00"
    assert complaint.status == "coordinating"
    assert await station.differences() == []


@pytest.mark.parametrize("order", [("jaki", "crm"), ("crm", "jaki")], ids="-".join)
async def test_the_clocks_run_from_the_earliest_report(station, feeds, order):
    feeds.jaki = [jaki(CODE, "12 08:05")]
    feeds.crm = [crm(991, CODE, "12 08:00")]
    for name in order:
        await station.pull(name)
    respond = await station.clock(CODE, "respond")
    assert (told(respond.started_at), told(respond.due_at)) == ("12 08:00", "13 08:00")


@pytest.mark.parametrize("order", [("jaki", "crm"), ("crm", "jaki")], ids="-".join)
async def test_it_is_private_if_either_source_says_so(station, feeds, order):
    feeds.jaki = [jaki(CODE, "12 08:00", privacy="private", anonymous=True)]
    feeds.crm = [crm(991, CODE, "12 08:00")]
    for name in order:
        await station.pull(name)
    complaint = await station.complaint(CODE)
    assert (complaint.is_private, complaint.is_anonymous) == (True, True)


async def test_pulling_again_changes_nothing(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00"), jaki(OTHER, "12 09:00")]
    feeds.crm = [crm(991, CODE, "12 08:00")]
    tables = ("complaint", "complaint_event", "sla_clock", "stint", "queue_slot", "source_record", "reject")
    await station.pull("jaki")
    await station.pull("crm")
    before = {name: await station.rows(name) for name in tables}
    assert await station.pull("jaki", "12 13:00") == tally(unchanged=1)
    assert await station.pull("crm", "12 13:00") == tally(unchanged=1)
    assert {name: await station.rows(name) for name in tables} == before


async def test_a_detail_is_asked_for_new_and_changed_records_only(station, feeds):
    feeds.crm, feeds.villages = [crm(991, CODE, "12 08:00"), crm(992, OTHER, "12 08:00")], {991: "Petamburan"}
    await station.pull("crm")
    await station.pull("crm")
    assert [query["id"] for query in feeds.asked("detail")] == ["991", "992"]
    feeds.crm[1] = crm(992, OTHER, "12 08:00", "Proses")
    await station.pull("crm")
    assert [query["id"] for query in feeds.asked("detail")] == ["991", "992", "992"]


async def test_a_change_is_one_update_and_one_step_of_the_version(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00")]
    await station.pull("jaki", "12 12:00")
    first = await station.complaint(CODE)
    feeds.jaki = [jaki(CODE, "12 08:00", "Proses", (("Proses", "12 12:30", "Kelurahan Petamburan"),))]
    assert await station.pull("jaki", "12 13:00") == tally(updated=1)
    second = await station.complaint(CODE)
    assert (second.version, second.status) == (first.version + 1, "in_progress")
    assert second.change_no > first.change_no
    assert (told(first.updated_at), told(second.updated_at)) == ("12 12:00", "12 13:00")
    assert told((await station.clock(CODE, "respond")).stopped_at) == "12 12:30"
    assert await station.differences() == []


async def test_the_tally_is_stored_with_its_run(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00"), {"id": "JK2601120009", "title": "tanpa waktu"}]
    expected = tally(created=1, rejected=1)
    assert await station.pull("jaki") == expected
    (run,) = await station.rows("source_run")
    assert {name: getattr(run, name) for name in expected} == expected
    assert (run.state, run.kind, run.error, told(run.complete_through)) == ("done", "pull", None, "12 12:00")


async def test_a_source_is_complete_through_the_begin_of_its_last_whole_pull(station, feeds):
    await station.pull("crm", "12 12:00")
    source = await station.source("crm")
    assert told(source.complete_through) == "12 12:00"
    assert source.next_run_at == at("12 12:05")
    assert (source.lease_owner, source.lease_until, source.failures) == (None, None, 0)


async def test_a_look_without_a_date_lies_between_two_looks(station, feeds):
    feeds.crm = [crm(991, CODE, "12 08:00")]
    await station.pull("crm", "12 09:00")
    feeds.crm = [crm(991, CODE, "12 08:00", "Proses")]
    await station.pull("crm", "12 10:00")
    respond = await station.clock(CODE, "respond")
    assert (told(respond.stopped_at), respond.timing, respond.error_s) == ("12 10:00", "observed", 3600)
    await station.pull("crm", "12 11:00")
    feeds.crm = [crm(991, CODE, "12 08:00", "Selesai")]
    await station.pull("crm", "12 12:00")
    resolve = await station.clock(CODE, "resolve")
    assert (told(resolve.stopped_at), resolve.error_s) == ("12 12:00", 3600)


async def test_what_is_done_at_first_sight_is_not_judged_until_somebody_dates_it(station, feeds):
    feeds.crm = [crm(991, CODE, "10 08:00", "Selesai")]
    await station.pull("crm", "12 12:00")
    assert (await station.clock(CODE, "resolve")).state == "unjudged"
    steps = (("Proses", "10 09:00", "Kelurahan Petamburan"), ("Selesai", "10 17:00", "Kelurahan Petamburan"))
    feeds.jaki = [jaki(CODE, "10 08:00", "Selesai", steps)]
    assert await station.pull("jaki", "12 12:10") == tally(linked=1)
    resolve = await station.clock(CODE, "resolve")
    assert (resolve.state, told(resolve.stopped_at)) == ("met", "10 17:00")
    assert (await station.clock(CODE, "respond")).state == "met"
    assert await station.differences() == []


async def test_a_status_that_nobody_knows_is_kept_flagged_and_stops_nothing(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00", "Eskalasi Khusus")]
    await station.pull("jaki")
    complaint = await station.complaint(CODE)
    assert (complaint.status, complaint.source_status, complaint.is_open) == ("unknown", "Eskalasi Khusus", True)
    assert (await station.clock(CODE, "respond")).state == "running"


async def test_a_complaint_that_gets_its_village_later_is_routed_then(station, feeds):
    nowhere = {"lat": -6.19, "lng": 106.8, "address": "Jl. Petamburan IV", "kelurahan": None}
    feeds.jaki = [jaki(CODE, "12 08:00", handler=None, location=nowhere)]
    await station.pull("jaki")
    assert await station.unit(CODE) is None
    feeds.jaki = [jaki(CODE, "12 08:00", handler=None, updated_at=at("12 12:30").isoformat())]
    await station.pull("jaki", "12 13:00")
    assert await station.unit(CODE) == "Kelurahan Petamburan"
    assert await station.differences() == []


async def test_a_status_ahead_of_its_own_timeline_counts(station, feeds):
    steps = (("Menunggu", "12 08:00", "Kelurahan Petamburan"), ("Proses", "12 09:00", "Kelurahan Petamburan"))
    feeds.jaki = [jaki(CODE, "12 08:00", "Selesai", steps)]
    await station.pull("jaki", "12 12:00")
    complaint = await station.complaint(CODE)
    assert (complaint.status, told(complaint.closed_at)) == ("resolved", "12 12:00")
    last = next(row for row in await station.history(CODE) if row.word == "Selesai")
    assert (last.timing, told(last.earliest_at)) == ("unknown", "12 09:00")


async def test_one_entry_told_twice_counts_once(station, feeds):
    steps = (
        ("Koordinasi", "12 09:00", "Kelurahan Petamburan"),
        ("Koordinasi", "12 09:00", "Suku Dinas Bina Marga Kota Administrasi Jakarta Pusat"),
        ("Proses", "12 10:00", "Kelurahan Petamburan"),
    )
    feeds.jaki = [jaki(CODE, "12 08:00", "Proses", steps)]
    assert await station.pull("jaki") == tally(created=1)
    words = [row.word for row in await station.history(CODE) if row.kind == "status"]
    assert sorted(words) == ["Koordinasi", "Proses"]
    assert await station.differences() == []


async def test_a_record_that_comes_twice_in_one_page_is_judged_twice(station, feeds):
    feeds.crm = [crm(1, CODE, "12 08:00"), crm(1, CODE, "12 08:00", "Proses"), crm(1, CODE, "12 08:00", "Proses")]
    assert await station.pull("crm") == tally(created=1, updated=1, unchanged=1)
    assert (await station.complaint(CODE)).status == "in_progress"


async def test_two_records_of_one_source_may_bring_one_ticket(station, feeds):
    feeds.crm = [crm(991, CODE, "12 08:00"), crm(992, CODE, "12 08:00", "Proses")]
    assert await station.pull("crm") == tally(created=1, linked=1)
    assert len(await station.rows("source_record")) == 2


async def test_a_record_whose_code_moves_to_another_is_stored_after_it(station, feeds):
    feeds.crm = [crm(991, CODE, "12 08:00")]
    await station.pull("crm")
    feeds.crm = [crm(991, None, "12 08:00"), crm(992, CODE, "12 08:00", "Proses")]
    assert await station.pull("crm", "12 13:00") == tally(updated=1, linked=1)
    assert await station.differences() == []


async def test_raw_records_are_sealed_whole(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00", rahasia_dalam="x")]
    await station.pull("jaki")
    (record,) = await station.rows("source_record")
    assert b"Lampu" not in bytes(record.sealed_raw)
    assert VAULT.open_json(record.sealed_raw, "raw") == feeds.jaki[0]


class Told:
    """A connector that names the complainant."""

    name = "jaki"
    carries_ticket_codes = True
    precedence = Precedence()
    traits = SourceTraits()


async def test_an_identity_goes_only_to_the_sealed_table(station):
    person = Complainant(name="Sekar Ayu", phone="081200001234", national_id="3171010101900001")
    one = incoming(CODE, "12 08:00", ticket_code=CODE, complainant=person, raw={"id": CODE})
    await station.store("jaki", Told(), Batch((one,), (), None))
    (identity,) = await station.rows("identity")
    assert VAULT.open_json(identity.sealed, IDENTITY) == {
        "name": "Sekar Ayu",
        "phone": "081200001234",
        "email": None,
        "national_id": "3171010101900001",
    }
    async with reading(station.engine) as connection:
        names = await connection.run_sync(lambda sync: sync.dialect.get_table_names(sync))
        for name in names:
            for row in await connection.execute(text(f"SELECT * FROM {name}")):
                assert "Sekar" not in repr(tuple(row))
                assert "081200001234" not in repr(tuple(row))


async def test_a_record_too_long_for_its_table_is_kept_aside(station):
    long = incoming("x" * 201, "12 08:00", raw={"id": "x" * 201})
    good = incoming("y", "12 08:00", raw={"id": "y"})
    assert await station.store("jaki", Told(), Batch((long, good), (), None)) == tally(created=1, rejected=1)
    (reject,) = await station.rows("reject")
    assert reject.reason == "the id is longer than 200 characters"
    assert json.loads(VAULT.open(reject.sealed_raw, "reject")) == {"id": "x" * 201}


async def test_history_raises_no_alert(station):
    one = incoming(CODE, "12 08:00", ticket_code=CODE, raw={"id": CODE})
    await station.store("jaki", Told(), Batch((one,), (), None), is_history=True)
    assert (await station.complaint(CODE)).is_history
    assert {row.next_fire_at for row in await station.rows("sla_clock")} == {None}


async def test_an_import_neither_moves_a_pulls_cursor_nor_its_schedule(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00")]
    await station.pull("jaki")
    before = await station.source("jaki")
    station.now += HOUR
    await station.store("jaki", Told(), Batch((incoming(OTHER, "12 08:00", raw={"id": OTHER}),), (), "elsewhere"))
    after = await station.source("jaki")
    assert (after.cursor, after.next_run_at) == (before.cursor, before.next_run_at)
