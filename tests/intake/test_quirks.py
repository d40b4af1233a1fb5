"""What feeds really do, seen from the database: ids that two sources share, doubles, reopenings, hand-overs, names."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from app.db.session import reading
from app.intake.reference import read_reference
from connectors.contract import SourceTraits
from tests.connectors.servers import json_answer, serving
from tests.intake.feeds import at, crm, jaki
from tests.intake.test_pull import tally

OPEN = {"service_request_id": "7", "status": "open", "service_name": "Lampu", "description": "lampu mati"}


def when(text: str) -> str:
    return at(text).isoformat()


@contextlib.asynccontextmanager
async def open311(station, *told: dict, name: str = "kota") -> AsyncIterator[list[dict]]:
    """A source that tells these requests, as they stand; a test changes them."""
    items = list(told)
    async with serving(lambda request: json_answer(items if "page" not in request.query else [])) as server:
        await station.add(name, "open311", server.url, city=f"{name}:Kota {name}")
        yield items


async def only(station):
    (row,) = await station.rows("complaint")
    return row


# case 21
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_one_id_in_two_sources_is_two_complaints(station):
    item = OPEN | {"requested_datetime": when("12 08:00")}
    async with open311(station, item, name="satu"), open311(station, item, name="dua"):
        assert await station.pull("satu") == tally(created=1)
        assert await station.pull("dua") == tally(created=1)
    assert len(await station.rows("complaint")) == 2


# case 23
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_the_same_words_under_two_ids_are_two_complaints(station, feeds):
    feeds.jaki = [jaki(f"JK260112000{n}", "12 08:00", description="lanjutan JK2601120001") for n in (1, 2)]
    assert await station.pull("jaki") == tally(created=2)


# case 23
async def test_a_double_whose_parent_has_a_long_id_is_a_complaint_like_any_other(station):
    item = OPEN | {"requested_datetime": when("12 08:00")}
    async with open311(station, item | {"extended_attributes": {"parent_service_request_id": "p" * 180}}):
        assert await station.pull("kota") == tally(created=1)
    assert await station.rows("quoted_code") == []


# case 22
async def test_a_record_twice_in_one_answer_is_counted_twice_and_kept_once(station):
    item = OPEN | {"requested_datetime": when("12 08:00")}
    async with open311(station, item, {**item, "status": "closed", "updated_datetime": when("12 09:00")}):
        assert await station.pull("kota") == tally(created=1, updated=1)
    assert (await only(station)).status == "resolved"


# cases 24, 59
async def test_a_request_that_is_opened_again_runs_on_with_its_first_answer_kept(station):
    item = OPEN | {"requested_datetime": when("12 08:00")}
    async with open311(station, item) as told:
        await station.pull("kota", "12 08:30")
        told[0] = item | {"status": "closed", "updated_datetime": when("12 09:00"), "status_notes": "Sudah"}
        await station.pull("kota", "12 09:30")
        assert (await only(station)).status == "resolved"
        told[0] = item | {"status": "open", "updated_datetime": when("12 10:00"), "status_notes": "Sudah"}
        await station.pull("kota", "12 10:30")
        again = await station.pull("kota", "12 11:00")
    row = await only(station)
    assert (row.status, row.is_open, again) == ("received", True, tally(unchanged=1))
    events = [each for each in await station.rows("complaint_event") if each.kind == "replied"]
    assert min(each.occurred_at for each in events) == at("12 09:00")
    assert await station.differences() == []


# case 54
async def test_being_handed_on_answers_nobody_and_each_unit_has_its_time(station):
    tasks = [
        {"task_created": when("12 08:00"), "owner_name": "Kantor Satu", "task_state": "re_assigned"},
        {"task_created": when("12 09:00"), "owner_name": "Kantor Dua", "task_state": "assigned"},
    ]
    item = OPEN | {"requested_datetime": when("12 08:00"), "agency_responsible": "Kantor Dua"}
    other = OPEN | {
        "service_request_id": "8",
        "requested_datetime": when("12 08:00"),
        "agency_responsible": "Kantor Satu",
    }
    async with open311(station, other, item | {"extended_attributes": {"tasks": tasks}}):
        await station.pull("kota", "12 10:00")
    names = {row.id: row.name for row in await station.rows("unit")}
    (stints,) = [
        [(names[row.unit_id], row.assigned_at) for row in rows]
        for rows in (await _stints(station)).values()
        if len(rows) == 2
    ]
    assert stints == [("Kantor Satu", at("12 08:00")), ("Kantor Dua", at("12 09:00"))]
    assert {row.status for row in await station.rows("complaint")} == {"received"}


async def _stints(station) -> dict[int, list]:
    found: dict[int, list] = {}
    for row in await station.rows("stint", "complaint_id", "assigned_at"):
        found.setdefault(row.complaint_id, []).append(row)
    return found


# cases 51, 53
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("label", "unit"),
    [
        ("KELURAHAN SETIA BUDI", "Setia Budi"),
        ("Kelurahan Setiabudi", "Setia Budi"),
        ("KECAMATAN GROGOLPETAMBURAN", "Grogol Petamburan"),
        ("KECAMATAN TANAHABANG", "Tanah Abang"),
        ("KELURAHAN", None),
    ],
)
async def test_a_unit_is_known_however_its_name_is_spaced(station, label, unit):
    directory = await _directory(station)
    names = {row.id: row.name for row in await station.rows("unit")}
    found = directory.unit(label)
    assert (unit is None and found is None) or unit in names[found]


# case 52
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_name_that_a_kecamatan_and_a_kelurahan_share_means_the_one_whose_level_is_named(station):
    directory = await _directory(station)
    kinds = {row.id: row.type for row in await station.rows("unit")}
    assert kinds[directory.unit("KECAMATAN GAMBIR")] == "kecamatan"
    assert kinds[directory.unit("KELURAHAN GAMBIR")] == "kelurahan"
    assert kinds[directory.village("Gambir").unit_id] == "kelurahan"
    assert directory.unit("GAMBIR") is None


async def _directory(station):
    async with reading(station.engine) as connection:
        return (await read_reference(connection, "crm", SourceTraits())).directory


# case 63
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_an_answer_in_the_second_of_the_question_is_an_answer_after_no_time(station):
    item = OPEN | {"status": "closed", "requested_datetime": when("12 08:00"), "updated_datetime": when("12 08:00")}
    async with open311(station, item | {"expected_datetime": when("13 08:00")}):
        await station.pull("kota", "12 09:00")
    row = await only(station)
    assert (row.status, row.closed_at - row.reported_at) == ("resolved", timedelta())
    assert await station.differences() == []


# case 57
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_word_nobody_knows_stays_and_is_shown_as_unknown(station, feeds):
    feeds.crm = [crm(1, "JK2601120001", "12 08:00", status="INVALID_STATE")]
    await station.pull("crm")
    row = await only(station)
    assert (row.status, row.source_status) == ("unknown", "INVALID_STATE")
