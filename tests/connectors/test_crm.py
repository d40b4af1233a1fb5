"""CRM: what its records become, which days a pull reads, and what it does when a day cannot be read."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectors.crm
from connectors.contract import (
    AccessDenied,
    IncomingComplaint,
    Reject,
    SourceUnavailable,
    TimePrecision,
    UnexpectedPayload,
    Window,
)
from connectors.crm.connector import CrmOptions, Progress, build, plan, read_progress
from connectors.crm.mapping import Content, split_content, to_complaint
from tests.connectors.servers import Answer, json_answer, serving

WIB = ZoneInfo("Asia/Jakarta")
PAYLOADS = Path(connectors.crm.__file__).parent / "payloads"
DAY = json.loads((PAYLOADS / "day.json").read_text())
DETAIL = json.loads((PAYLOADS / "detail.json").read_text())


def crm(url, **options):
    return build(url=url, token=None, options=options)


def read(item) -> IncomingComplaint | Reject:
    return to_complaint(item, zone=WIB)


def record(**changes):
    return DAY[0] | changes


def window(until: str, since: str | None = None) -> Window:
    at = [datetime.fromisoformat(text).replace(tzinfo=WIB) if text else None for text in (until, since)]
    return Window(until=at[0], since=at[1])


# case 55
def test_a_record_becomes_a_complaint():
    found = read(DAY[0])
    assert (found.external_id, found.ticket_code, found.channel) == ("991", "JK2501010042", "crm")
    assert found.text == "Lampu PJU mati sejak kemarin & jalan gelap"
    assert (found.category, found.unit_label) == ("Jaringan Listrik ", "DINAS BINA MARGA")
    assert (found.source_status, found.events, found.updated_at) == ("Koordinasi", (), None)
    assert found.address == "Jl. Contoh Raya, depan pos RW 03"
    assert (found.lat, found.lng) == (-6.2146, 106.8451)
    assert found.reported_at == datetime(2025, 1, 1, 3, 12, tzinfo=UTC)
    assert (found.raw, found.notices) == (DAY[0], ())


# case 50
def test_exchanged_coordinates_are_put_right_and_noted():
    found = read(DAY[1])
    assert (found.lat, found.lng) == (-6.2203, 106.9011)
    assert found.notices == ("latitude and longitude were exchanged",)


# case 53
def test_the_bare_word_kelurahan_is_named_by_the_location():
    assert read(DAY[1]).unit_label == "KELURAHAN KLENDER"


# case 23
def test_a_quoted_ticket_is_found_and_the_own_one_is_not():
    content = "Permasalahan: ini JK2501010042, lanjutan JK2412290094 dan JK2412290094, bukan WA0812345678"
    assert read(record(content=content)).quoted_codes == ("JK2412290094",)


# case 3
def test_a_record_just_past_midnight_wib_belongs_to_the_next_day():
    assert read(DAY[2]).reported_at.astimezone(WIB).isoformat() == "2025-01-02T00:00:00+07:00"
    local = read(record(createdAt="2025-01-02T00:00:00"))
    assert local.reported_at == read(DAY[2]).reported_at


def test_an_unknown_status_is_kept_as_it_is():
    assert read(DAY[2]).source_status == "Status Baru"


@pytest.mark.parametrize("lat", ["0", "", None, "abc", "nan", "1e999", True, [], "-600.2"])
def test_unusable_coordinates_are_left_out(lat):
    found = read(record(lat=lat, lng=lat))
    assert (found.lat, found.lng) == (None, None)


# cases 8, 25
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": None}, "no usable id"),
        ({"id": ""}, "no usable id"),
        ({"id": True}, "no usable id"),
        ({"id": "x" * 201}, "no usable id"),
        ({"id": "9\x001"}, "no usable id"),
        ({"createdAt": None}, "createdAt"),
        ({"createdAt": "0001-01-01T00:00:00"}, "createdAt"),
        ({"createdAt": "9999-12-31T23:59:59Z"}, "createdAt"),
        ({"createdAt": "2025/01/01 10:00"}, "createdAt"),
        ({"createdAt": 1735701120000}, "createdAt"),
        ({"createdAt": "2025-02-30T10:00:00Z"}, "createdAt"),
    ],
)
def test_a_record_without_id_or_time_is_a_reject(changes, reason):
    found = read(record(**changes))
    assert isinstance(found, Reject)
    assert reason in found.reason
    assert found.raw == record(**changes)


def test_a_date_alone_is_kept_with_its_precision():
    found = read(record(createdAt="2025-01-01"))
    assert (found.time_precision, found.reported_at.astimezone(WIB).hour) == (TimePrecision.DAY, 0)


def test_what_a_database_cannot_hold_is_taken_out_and_noted():
    found = read(record(content="Permasalahan: a\x00b \ud83d", tstatus={"name": "S" * 400}))
    assert found.text == "ab \ufffd"
    assert len(found.source_status) == 300
    assert len(found.notices) == 2


# case 43
def test_entities_are_unescaped_once():
    assert read(record(content="Permasalahan: a &amp;amp; b &lt;c&gt;")).text == "a &amp; b <c>"


def test_a_code_of_another_form_is_no_ticket_code():
    found = read(record(code="-"))
    assert found.ticket_code is None
    assert "ticket code" in found.notices[0]


# case 64
def test_a_private_mark_is_honoured():
    assert read(record(isPrivacy=1)).is_private
    assert not read(record()).is_private


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", Content(None, None, None, None)),
        ("hanya teks", Content("hanya teks", None, None, None)),
        ("Permasalahan:\nKategori:\nLokasi:\nDetail Alamat Laporan:", Content(None, None, None, None)),
        ("Permasalahan: a Kategori: b Lokasi: c Detail Alamat Laporan: d", Content("a", "b", "c", "d")),
        ("Permasalahan: a\n\nb\nKategori: c", Content("a\n\nb", "c", None, None)),
        ("Permasalahan: kirim ke Lokasi: pasar\nKategori: b", Content("kirim ke Lokasi: pasar", "b", None, None)),
        ("Permasalahan: a\nDetail Alamat Laporan: Lokasi: pagar", Content("a", None, None, "Lokasi: pagar")),
        ("Kategori: Sampah\nLokasi: Jl. A", Content(None, "Sampah", "Jl. A", None)),
    ],
)
def test_labelled_content_comes_apart_even_where_labels_are_missing(content, expected):
    assert split_content(content) == expected


def test_a_hostile_text_is_taken_apart_quickly():
    assert split_content("\n" * 100_000 + " Lokasi" * 10_000).location is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("2025-01-01T03:12:00Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(DAY[0], JSON)) | JSON)
def test_mapping_never_raises(item):
    assert isinstance(read(item), IncomingComplaint | Reject)


@given(
    st.fixed_dictionaries({"id": st.just(1), "createdAt": st.just("2025-01-01T03:12:00Z")}, optional={"content": JSON})
)
def test_a_record_with_id_and_time_is_always_a_complaint(item):
    assert isinstance(read(item), IncomingComplaint)


def test_the_first_pull_reads_thirty_days_and_later_ones_look_back_no_further():
    today, options = date(2026, 11, 24), CrmOptions()
    assert plan(None, None, today, options) == (date(2026, 10, 25), Progress(first=date(2026, 10, 25)))
    done = Progress(first=date(2026, 10, 25), through=today)
    assert plan(done, None, today, options)[0] == date(2026, 10, 25)
    much_later = today + timedelta(days=100)
    assert plan(Progress(done.first, much_later), None, much_later, options)[0] == much_later - timedelta(days=45)


def test_after_a_long_outage_everything_since_the_last_pass_is_read():
    progress = Progress(first=date(2025, 1, 1), through=date(2026, 6, 1))
    assert plan(progress, None, date(2026, 11, 24), CrmOptions())[0] == date(2026, 6, 1)


def test_an_earlier_since_extends_what_was_ever_asked_for():
    progress = Progress(first=date(2026, 11, 1), through=date(2026, 11, 23))
    start, after = plan(progress, date(2026, 10, 1), date(2026, 11, 24), CrmOptions())
    assert (start, after.first) == (date(2026, 10, 1), date(2026, 10, 1))
    assert plan(progress, date(2026, 11, 20), date(2026, 11, 24), CrmOptions())[0] == date(2026, 11, 1)


@pytest.mark.parametrize("cursor", [None, "", "nonsense", "[]", '{"first": 1}', '{"other": "2026-01-01"}'])
def test_a_cursor_that_cannot_be_read_starts_afresh(cursor):
    assert read_progress(cursor) is None


# case 29
async def test_a_pull_asks_day_by_day_in_wib(fetcher):
    async with serving(lambda _: json_answer([])) as server:
        pulled = [b async for b in crm(server.url).pull(fetcher, None, window("2026-11-24 00:30", "2026-11-22 23:59"))]
    days = [request.query for request in server.requests]
    assert [query["dateStart"] for query in days] == ["2026-11-22", "2026-11-23", "2026-11-24"]
    assert days[0] == {"dateStart": "2026-11-22", "dateEnd": "2026-11-22", "zoneId": "", "isPrivacy": "0"}
    assert server.requests[0].path == "/api/public/dashboard/distribution-map"
    assert [batch.complete_through for batch in pulled] == [None, None, window("2026-11-24 00:30").until]


async def test_an_interrupted_pull_goes_on_at_the_day_it_stopped(fetcher):
    async with serving(lambda _: json_answer([])) as server:
        connector, asked = crm(server.url), window("2026-11-24 08:00", "2026-11-20 00:00")
        pull = connector.pull(fetcher, None, asked)
        first = await anext(pull)
        await pull.aclose()
        rest = [batch async for batch in connector.pull(fetcher, first.cursor, asked)]
    assert [request.query["dateStart"][-2:] for request in server.requests] == ["20", "21", "22", "23", "24"]
    assert read_progress(rest[-1].cursor) == Progress(first=date(2026, 11, 20), through=date(2026, 11, 24))


# case 31
@pytest.mark.parametrize("bad", [["22"], ["21", "22", "24"]])
async def test_poisoned_days_do_not_hold_up_the_others(fetcher, bad):
    def handler(request):
        return Answer(500) if request.query["dateStart"][-2:] in bad else json_answer([])

    async with serving(handler) as server:
        batches = []
        with pytest.raises(SourceUnavailable):
            async for batch in crm(server.url).pull(fetcher, None, window("2026-11-25 08:00", "2026-11-21 00:00")):
                batches.append(batch)
    assert len(batches) == 5 - len(bad)
    assert {batch.complete_through for batch in batches} == {None}
    assert read_progress(batches[-1].cursor).next == date(2026, 11, int(bad[0]))


async def test_three_unreadable_days_in_a_row_are_an_outage(fetcher):
    async with serving(lambda _: Answer(500)) as server:
        with pytest.raises(SourceUnavailable):
            [b async for b in crm(server.url).pull(fetcher, None, window("2026-11-24 08:00"))]
    assert len({request.query["dateStart"] for request in server.requests}) == 3


async def test_unreadable_days_all_over_the_place_are_an_outage(fetcher):
    def handler(request):
        return Answer(500) if int(request.query["dateStart"][-2:]) % 2 else json_answer([])

    async with serving(handler) as server:
        with pytest.raises(SourceUnavailable):
            [b async for b in crm(server.url).pull(fetcher, None, window("2026-11-24 08:00", "2026-11-01 00:00"))]
    assert max(request.query["dateStart"] for request in server.requests) == "2026-11-17"


@pytest.mark.parametrize(
    "body", [{"code": 404, "detail": "Not Found"}, "text", 7, {"data": []}, [{"a": 1}] * 3, [1, 2, 3]]
)
async def test_another_shape_stops_the_source_and_shows_the_difference(fetcher, body):
    async with serving(lambda _: json_answer(body)) as server:
        with pytest.raises(UnexpectedPayload):
            [b async for b in crm(server.url).pull(fetcher, None, window("2026-11-24 08:00"))]


@pytest.mark.parametrize("body", [[], None])
async def test_an_empty_day_is_an_empty_batch(fetcher, body):
    async with serving(lambda _: json_answer(body)) as server:
        pulled = [b async for b in crm(server.url, first_days="0").pull(fetcher, None, window("2026-11-24 08:00"))]
    assert [(batch.complaints, batch.rejects) for batch in pulled] == [((), ())]


async def test_detail_brings_village_and_documents(fetcher):
    async with serving(lambda _: json_answer(DETAIL)) as server:
        found = await crm(server.url).detail(fetcher, read(DAY[0]))
    assert (found.village, found.evidence_urls) == ("Manggarai", ("https://crm.example/foto/991-1.jpg",))
    assert found.content_hash == read(DAY[0]).content_hash
    assert (server.requests[0].path, server.requests[0].query) == ("/api/public/dashboard/detail", {"id": "991"})


@pytest.mark.parametrize(
    "answer", [Answer(404), Answer(400), Answer(403), Answer(422), json_answer(None), json_answer([1])]
)
async def test_a_complaint_without_detail_stays_as_it_is(fetcher, answer):
    async with serving(lambda _: answer) as server:
        assert await crm(server.url).detail(fetcher, read(DAY[0])) == read(DAY[0])


async def test_refused_credentials_stop_the_detail_too(fetcher):
    async with serving(lambda _: Answer(401)) as server:
        with pytest.raises(AccessDenied):
            await crm(server.url).detail(fetcher, read(DAY[0]))


async def test_a_token_is_sent_only_where_there_is_one(fetcher):
    async with serving(lambda _: json_answer([])) as server:
        await build(url=server.url + "/", token="word", options={}).check(fetcher)
        await crm(server.url).check(fetcher)
    assert [request.headers.get("authorization") for request in server.requests] == ["Bearer word", None]
