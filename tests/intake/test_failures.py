"""Sources that fail, refuse, lie or send rubbish; and programs that do."""

from __future__ import annotations

import json
from datetime import timedelta

import orjson
import pytest
from sqlalchemy import text

from app.complaint.privacy import scrub
from app.db.session import writing
from app.intake import run
from app.intake.health import FAILURES_TO_OPEN
from app.intake.rejects import REJECT
from app.intake.sources import due_sources
from app.intake.store import RAW
from connectors.contract import AccessDenied, Batch, RateLimited, SourceUnavailable, UnexpectedPayload
from tests.connectors.servers import Answer, json_answer
from tests.intake.feeds import always, at, crm, jaki, told
from tests.intake.records import incoming
from tests.intake.station import VAULT
from tests.intake.test_pull import Told, tally

CODE, OTHER = "JK2601120001", "JK2601120002"


# --- one bad record ---


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "teks",
        [],
        {},
        {"id": "JK2601120009"},
        {"id": "", "created_at": "2026-01-12T08:00:00+07:00"},
        {"id": "JK2601120009", "created_at": "kemarin"},
        {"id": "JK2601120009", "created_at": "9999-12-31T23:59:59+07:00"},
        {"id": "a\u0000b", "created_at": "2026-01-12T08:00:00+07:00"},
        {"id": "j" * 201, "created_at": "2026-01-12T08:00:00+07:00"},
    ],
    ids=repr,
)
async def test_one_bad_record_does_not_lose_the_page(station, feeds, bad):
    feeds.jaki = [jaki(CODE, "12 08:00")]
    feeds.fail["reports"] = lambda _: json_answer({"data": [feeds.jaki[0], bad], "next_cursor": None})
    assert await station.pull("jaki") == tally(created=1, rejected=1)
    (reject,) = await station.rows("reject")
    assert (reject.state, reject.times_seen) == ("open", 1)
    assert reject.reason


async def test_a_record_full_of_what_no_database_stores_is_stored(station, feeds):
    vile = jaki(
        CODE,
        "12 08:00",
        title="a\u0000b",
        description="\ud800 teks\u0000",
        status="Menunggu\u0000",
        category={"name": "x" * 5000},
        handler={"name": "y" * 5000},
        location={"lat": "NaN", "lng": 1e400, "kelurahan": "Petam\u0000buran", "address": "z" * 50_000},
    )
    feeds.jaki = [vile, jaki(OTHER, "12 08:00")]
    assert await station.pull("jaki") == tally(created=2)
    complaint = await station.complaint(CODE)
    assert (complaint.subject, complaint.lat, complaint.lng) == ("ab", None, None)
    assert await station.differences() == []


@pytest.mark.parametrize("levels", [90, 300, 700, 850])
async def test_a_record_nested_deeper_than_anybody_reads_is_stored_and_can_be_read_again(station, feeds, levels):
    deep = json.loads("[" * levels + "]" * levels)
    feeds.jaki = [jaki(CODE, "12 08:00", more=deep), jaki(OTHER, "12 08:00"), {"id": "x", "more": deep}]
    assert await station.pull("jaki") == tally(created=2, rejected=1)
    assert await station.pull("jaki") == tally(unchanged=2, rejected=1)
    (reject,) = await station.rows("reject")
    kept = [(RAW, row.sealed_raw) for row in await station.rows("source_record")] + [(REJECT, reject.sealed_raw)]
    for purpose, sealed in kept:
        raw = VAULT.open_json(sealed, purpose)
        assert orjson.dumps({"items": [{"raw": raw}]})
        assert scrub(raw, []) == raw
    assert (reject.times_seen, len(kept)) == (2, 3)


async def test_the_same_bad_record_is_one_reject_however_often_it_comes(station, feeds):
    feeds.crm = [crm(991, CODE, "12 08:00"), {"id": 992, "code": OTHER}]
    assert await station.pull("crm", "12 12:00") == tally(created=1, rejected=1)
    assert await station.pull("crm", "12 13:00") == tally(unchanged=1, rejected=1)
    (reject,) = await station.rows("reject")
    assert (reject.external_id, reject.times_seen) == ("992", 2)
    assert (told(reject.first_seen_at), told(reject.last_seen_at)) == ("12 12:00", "12 13:00")


async def test_a_detail_that_never_answers_does_not_hold_up_the_others(station, feeds):
    feeds.crm, feeds.villages = [crm(991, CODE, "12 08:00"), crm(992, OTHER, "12 08:00")], {992: "Petamburan"}
    feeds.fail["detail"] = lambda request: json_answer({}, 500) if request.query["id"] == "991" else None
    assert await station.pull("crm") == tally(created=2)
    assert await station.pull("crm") == tally(unchanged=2)
    assert (await station.complaint(CODE)).kelurahan_code is None
    assert (await station.complaint(OTHER)).kelurahan_code is not None
    feeds.fail.clear()
    feeds.villages[991] = "Petamburan"
    assert await station.pull("crm") == tally(updated=1, unchanged=1)
    assert (await station.complaint(CODE)).kelurahan_code is not None
    assert await station.pull("crm") == tally(unchanged=2)


async def test_details_that_are_refused_stop_nothing_and_are_asked_for_again(station, feeds):
    """Some listed ids get a 401 though the list itself was given."""
    feeds.crm = [crm(990 + number, f"JK260112000{number}", "12 08:00") for number in range(6)]
    feeds.villages = {990 + number: "Petamburan" for number in range(6)}
    feeds.fail["detail"] = lambda request: json_answer({}, 401) if request.query["id"] != "990" else None
    assert await station.pull("crm") == tally(created=6)
    assert await station.pull("crm") == tally(unchanged=6)
    assert [row.kelurahan_code is not None for row in await station.rows("complaint")].count(True) == 1
    feeds.fail.clear()
    assert await station.pull("crm") == tally(updated=5, unchanged=1)


async def test_many_details_that_do_not_answer_are_an_outage(station, feeds):
    feeds.crm = [crm(990 + number, f"JK260112000{number}", "12 08:00") for number in range(5)]
    feeds.fail["detail"] = always(500)
    with pytest.raises(SourceUnavailable):
        await station.pull("crm")
    assert await station.rows("complaint") == []


# --- a source that fails ---


async def test_a_source_that_is_down_is_counted_and_tried_again_next_time(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00")]
    feeds.fail["reports"] = always(503)
    with pytest.raises(SourceUnavailable):
        await station.pull("jaki", "12 12:00")
    assert len(feeds.asked("reports")) == 2
    source = await station.source("jaki")
    assert (source.failures, source.lease_owner, source.complete_through) == (1, None, None)
    assert source.next_run_at == at("12 12:05")
    assert "503" in source.last_error
    (run,) = await station.rows("source_run")
    assert (run.state, run.pulled, run.error) == ("failed", 0, source.last_error)
    feeds.fail.clear()
    assert await station.pull("jaki", "12 12:05") == tally(created=1)
    source = await station.source("jaki")
    assert (source.failures, source.last_error, told(source.complete_through)) == (0, None, "12 12:05")


async def test_what_came_before_the_failure_stays_and_the_next_pull_goes_on(station, feeds):
    feeds.page_size = 2
    feeds.jaki = [jaki(f"JK260112000{number}", f"12 08:0{number}") for number in range(1, 6)]
    feeds.fail["reports"] = lambda request: json_answer({}, 500) if request.query.get("cursor") == "4" else None
    with pytest.raises(SourceUnavailable):
        await station.pull("jaki")
    assert len(await station.rows("complaint")) == 4
    (run,) = await station.rows("source_run")
    assert (run.state, run.pulled, run.created) == ("failed", 4, 4)
    feeds.fail.clear()
    assert await station.pull("jaki") == tally(created=1)


async def test_after_many_failures_the_circuit_opens_and_a_pull_by_hand_ignores_it(station, feeds):
    feeds.fail["reports"] = always(500)
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(SourceUnavailable):
            await station.pull("jaki")
    source = await station.source("jaki")
    assert (source.failures, source.next_run_at) == (FAILURES_TO_OPEN, station.now + timedelta(minutes=15))
    assert source.open_until == source.next_run_at
    feeds.fail.clear()
    await station.pull("jaki")
    source = await station.source("jaki")
    assert (source.failures, source.open_until) == (0, None)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_token_stops_the_source_and_says_what_to_do(station, feeds, status):
    feeds.fail["reports"] = always(status)
    with pytest.raises(AccessDenied):
        await station.pull("jaki")
    source = await station.source("jaki")
    assert source.next_run_at is None
    assert "give it a valid token (tanggap source change)" in source.last_error
    assert len(feeds.asked("reports")) == 1
    feeds.fail.clear()
    await station.pull("jaki")
    assert (await station.source("jaki")).next_run_at is not None


@pytest.mark.parametrize("wait", [60, 900])
async def test_a_source_that_asks_to_wait_is_left_alone_so_long(station, feeds, wait):
    feeds.fail["reports"] = always(429, Retry_After=str(wait))
    with pytest.raises(RateLimited):
        await station.pull("jaki")
    source = await station.source("jaki")
    assert source.next_run_at == station.now + timedelta(seconds=max(wait, 300))


async def test_answers_of_another_shape_stop_the_source(station, feeds):
    feeds.fail["distribution-map"] = lambda _: json_answer([{"nomor": number} for number in range(5)])
    with pytest.raises(UnexpectedPayload):
        await station.pull("crm")
    source = await station.source("crm")
    assert source.next_run_at is None
    assert "another shape" in source.last_error


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>perawatan</html>", {"content-type": "text/html"}),
        Answer(200, b'{"data": [', {"content-type": "application/json"}),
        Answer(200, json.dumps({"data": [], "next_cursor": None}).encode(), cut=5),
    ],
    ids=["html", "half", "cut"],
)
async def test_a_body_that_cannot_be_read_is_an_outage_and_no_deletion(station, feeds, answer):
    feeds.jaki = [jaki(CODE, "12 08:00")]
    await station.pull("jaki")
    feeds.fail["reports"] = lambda _: answer
    with pytest.raises(SourceUnavailable):
        await station.pull("jaki")
    assert (await station.complaint(CODE)).is_open


async def test_a_list_that_shrinks_deletes_nothing(station, feeds):
    feeds.crm = [crm(991, CODE, "12 08:00")]
    await station.pull("crm")
    feeds.crm = []
    assert await station.pull("crm") == tally()
    assert (await station.complaint(CODE)).status == "received"


async def test_an_import_that_fails_leaves_its_file_source_without_a_schedule(station):
    """A worker would otherwise try to pull a file, for ever; and that somebody sent a bad one is no fault of it."""
    await station.add("berkas", "spreadsheet", None)
    async with writing(station.engine) as connection:
        await connection.execute(text("UPDATE source SET next_run_at = NULL, every_s = NULL WHERE name = 'berkas'"))

    async def torn():
        yield Batch((incoming(CODE, "12 08:00"),), (), None)
        raise UnexpectedPayload("the file ends in the middle")

    with pytest.raises(UnexpectedPayload):
        await run.import_batches(station.intake, "berkas", Told(), torn())
    source = await station.source("berkas")
    assert (source.next_run_at, source.failures, source.last_error) == (None, 0, None)
    assert [row.error for row in await station.rows("source_run")] == ["the file ends in the middle"]
    async with writing(station.engine) as connection:
        assert "berkas" not in await due_sources(connection)
    assert len(await station.rows("complaint")) == 1


# --- a program that fails ---


async def test_a_run_that_crashes_is_on_record_and_gives_the_source_back(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00")]
    async with writing(station.engine) as connection:
        await connection.execute(text("ALTER TABLE identity RENAME TO identity_gone"))
        await connection.execute(text("ALTER TABLE queue_slot RENAME TO queue_slot_gone"))
    with pytest.raises(Exception, match="queue_slot"):
        await station.pull("jaki")
    source = await station.source("jaki")
    assert (source.failures, source.lease_owner, source.next_run_at) == (1, None, at("12 12:05"))
    assert "a fault of this program" in source.last_error
    assert CODE not in source.last_error
    (run,) = await station.rows("source_run")
    assert run.state == "failed"
    assert await station.rows("complaint") == []
