"""JAKI: what its reports become, and how pages that move, repeat, loop or expire are survived."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectors.jaki
from connectors.contract import EventKind, IncomingComplaint, Reject, SourceUnavailable, UnexpectedPayload, Window
from connectors.jaki.connector import Progress, build, read_progress
from connectors.jaki.mapping import to_complaint
from tests.connectors.servers import Answer, json_answer, serving

WIB = ZoneInfo("Asia/Jakarta")
PAGE = json.loads((Path(connectors.jaki.__file__).parent / "payloads" / "page.json").read_text())
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=WIB)
WINDOW = Window(until=NOW)


def jaki(url, **options):
    return build(url=url, token="word", options=options)


def read(record) -> IncomingComplaint | Reject:
    return to_complaint(record, zone=WIB)


def record(**changes):
    return PAGE["data"][0] | changes


def report(number: int, updated: str = "2026-11-24T09:00:00+07:00", **changes):
    return record(id=f"JK261124{number:04}", updated_at=updated, **changes)


async def pull(connector, fetcher, cursor=None, window=WINDOW):
    return [batch async for batch in connector.pull(fetcher, cursor, window)]


def ids(batches) -> list[str]:
    return [complaint.external_id[-4:] for batch in batches for complaint in batch.complaints]


def test_a_report_becomes_a_complaint():
    found = read(PAGE["data"][0])
    assert (found.external_id, found.ticket_code, found.channel) == ("JK2611240042", "JK2611240042", "jaki")
    assert (found.subject, found.category, found.source_status) == ("Parkir di trotoar", "Parkir Liar", "Proses")
    assert found.text == "Mobil parkir di trotoar & menutup jalan, lanjutan JK2611200007"
    assert (found.village, found.unit_label) == ("Petamburan", "Kelurahan Petamburan")
    assert (found.lat, found.lng, found.address) == (-6.2, 106.8, "Jl. Contoh No. 1")
    assert (found.is_private, found.is_anonymous) == (False, True)
    assert found.evidence_urls == ("https://jaki.example/foto/1.jpg",)
    assert found.quoted_codes == ("JK2611200007",)
    assert found.reported_at == datetime(2026, 11, 24, 1, 11, 2, tzinfo=UTC)
    assert found.updated_at == datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
    assert [(event.kind, event.label, event.unit_label) for event in found.events] == [
        (EventKind.STATUS, "Menunggu", None),
        (EventKind.STATUS, "Proses", "Kelurahan Petamburan"),
    ]


# cases 56, 64
def test_a_report_of_nothing_but_id_and_time_is_a_private_complaint():
    found = read({"id": "JK2611240001", "created_at": "2026-11-24T08:00:00"})
    assert (found.text, found.category, found.source_status, found.events) == ("", None, None, ())
    assert found.reported_at == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    assert found.is_private


@pytest.mark.parametrize(
    ("privacy", "is_private"),
    [("public", False), ("Public ", False), ("private", True), ("rahasia", True), (None, True)],
)
def test_only_a_clear_public_is_public(privacy, is_private):
    assert read(record(privacy=privacy)).is_private is is_private


def test_a_report_whose_time_is_a_sentinel_is_a_reject():
    found = read(PAGE["data"][2])
    assert isinstance(found, Reject)
    assert (found.external_id, found.reason) == ("JK2611250001", "created_at is missing or not a time")


def test_timeline_entries_come_oldest_first_and_once():
    entries = [
        {"status": "Selesai", "at": "2026-11-25T10:00:00+07:00", "by": {"name": "DINAS"}},
        {"status": "Proses", "at": "2026-11-24T10:00:00+07:00"},
        {"status": "Proses", "at": "2026-11-24T10:00:00+07:00"},
    ]
    found = read(record(timeline=entries))
    assert [(event.label, event.unit_label) for event in found.events] == [("Proses", None), ("Selesai", "DINAS")]


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "Proses",
        {},
        {"status": "Proses"},
        {"status": None, "at": "2026-11-25T10:00:00Z"},
        {"status": "x", "at": "later"},
    ],
)
def test_an_unreadable_timeline_entry_is_left_out_and_noted(entry):
    found = read(record(timeline=[entry]))
    assert (found.events, len(found.notices)) == ((), 1)


# case 12
def test_an_answer_before_the_question_is_left_out_and_noted():
    found = read(record(timeline=[{"status": "Selesai", "at": "2026-11-20T10:00:00+07:00"}]))
    assert found.events == ()
    assert found.notices == ("a timeline entry dated before the report was left out",)


# case 66
@pytest.mark.parametrize(
    ("photos", "expected"),
    [
        (None, ()),
        ("https://a.example/1.jpg", ("https://a.example/1.jpg",)),
        ([{"url": "http://a.example/1.jpg"}, "", None, 7], ("http://a.example/1.jpg",)),
        (["javascript:alert(1)", "https://a.example/a b"], ()),
        (["https://a.example/1.jpg"] * 2, ("https://a.example/1.jpg",)),
    ],
)
def test_photos_are_web_addresses(photos, expected):
    assert read(record(photos=photos)).evidence_urls == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("2026-11-24T03:12:00Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["at", "status", "name"]), inner),
    max_leaves=6,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(PAGE["data"][0], JSON)) | JSON)
def test_mapping_never_raises(item):
    assert isinstance(read(item), IncomingComplaint | Reject)


@given(
    st.fixed_dictionaries(
        {"id": st.just("JK2611240001"), "created_at": st.just("2026-11-24T03:12:00Z")},
        optional=dict.fromkeys(["timeline", "location", "photos", "privacy", "updated_at"], JSON),
    )
)
def test_a_record_with_id_and_time_is_always_a_complaint(item):
    assert isinstance(read(item), IncomingComplaint)


def paged(pages: dict[str | None, tuple[list, str | None]]):
    """A handler with a page for each cursor; an unknown cursor is gone."""

    def handler(request):
        if request.query.get("cursor") not in pages:
            return Answer(410)
        data, following = pages[request.query.get("cursor")]
        return json_answer({"data": data, "next_cursor": following})

    return handler


# case 29
async def test_the_first_pull_asks_for_everything_and_the_next_for_what_changed(fetcher):
    async with serving(
        paged({None: ([report(1)], "b"), "b": ([report(2, "2026-11-24T11:00:00+07:00")], None)})
    ) as server:
        batches = await pull(jaki(server.url), fetcher)
        await pull(jaki(server.url), fetcher, batches[-1].cursor)
    assert server.requests[0].query == {"limit": "200"}
    assert server.requests[0].headers["authorization"] == "Bearer word"
    assert [batch.complete_through for batch in batches] == [None, NOW]
    since = datetime.fromisoformat(server.requests[2].query["updated_since"])
    assert since == datetime(2026, 11, 24, 10, 50, tzinfo=WIB)


async def test_a_since_is_asked_for_until_something_was_seen(fetcher):
    since = datetime(2026, 11, 1, tzinfo=WIB)
    async with serving(paged({None: ([], None)})) as server:
        batches = await pull(jaki(server.url), fetcher, None, Window(until=NOW, since=since))
        await pull(jaki(server.url), fetcher, batches[-1].cursor)
    assert [datetime.fromisoformat(one.query["updated_since"]) for one in server.requests] == [since, since]


async def test_an_interrupted_pull_goes_on_at_its_page_with_the_same_since(fetcher):
    pages = {None: ([report(1)], "b"), "b": ([report(2)], "c"), "c": ([report(3)], None)}
    async with serving(paged(pages)) as server:
        started = jaki(server.url).pull(fetcher, None, WINDOW)
        first = await anext(started)
        await started.aclose()
        rest = await pull(jaki(server.url), fetcher, first.cursor)
    assert ids(rest) == ["0002", "0003"]
    assert [request.query.get("cursor") for request in server.requests] == [None, "b", "c"]


@pytest.mark.parametrize("status", [410, 404, 400])
async def test_an_expired_cursor_starts_the_pass_again(fetcher, status):
    def handler(request):
        return Answer(status) if "cursor" in request.query else json_answer({"data": [report(1)], "next_cursor": None})

    cursor = Progress(updated_since=NOW - timedelta(days=1), page="old").to_cursor()
    async with serving(handler) as server:
        batches = await pull(jaki(server.url), fetcher, cursor)
    assert ids(batches) == ["0001"]
    assert datetime.fromisoformat(server.requests[1].query["updated_since"]) == NOW - timedelta(days=1)


async def test_a_cursor_that_always_expires_is_an_outage(fetcher):
    async with serving(paged({None: ([report(1)], "gone")})) as server:
        with pytest.raises(SourceUnavailable):
            await pull(jaki(server.url), fetcher)
    assert len(server.requests) == 6


# case 26
@pytest.mark.parametrize("following", ["b", "c", None])
async def test_a_last_page_that_repeats_ends_the_pull(fetcher, following):
    pages = {None: ([report(1)], "b"), "b": ([report(2)], "c"), "c": ([report(2)], following)}
    async with serving(paged(pages)) as server:
        batches = await pull(jaki(server.url), fetcher)
    assert len(server.requests) == 3
    assert batches[-1].complete_through == NOW


async def test_a_page_that_only_repeats_since_others_came_in_front_does_not_end_the_pull(fetcher):
    """Newest first, two a page: while each page is read as many reports arrive, so that every other page is known."""
    listing = [report(number) for number in (6, 5, 4, 3, 2, 1)]
    arriving = [report(number, "2026-11-24T11:00:00+07:00") for number in (7, 8, 9, 10)]

    def paging(request):
        start = int(request.query.get("cursor", 0))
        following = str(start + 2) if start + 2 < len(listing) else None
        answer = json_answer({"data": listing[start : start + 2], "next_cursor": following})
        for _ in range(min(2, len(arriving))):
            listing.insert(0, arriving.pop(0))
        return answer

    async with serving(paging) as server:
        batches = await pull(jaki(server.url), fetcher)
    assert {f"{number:04}" for number in range(1, 7)} <= set(ids(batches))


async def test_a_listing_without_an_end_is_left(fetcher):
    def endless(request):
        return json_answer({"data": [report(1)], "next_cursor": str(int(request.query.get("cursor", 0)) + 1)})

    async with serving(endless) as server:
        batches = await pull(jaki(server.url), fetcher)
    assert batches[-1].complete_through == NOW
    assert len(server.requests) < 30


async def test_an_empty_page_ends_the_pull_though_it_names_a_next_one(fetcher):
    async with serving(paged({None: ([report(1)], "b"), "b": ([], "c")})) as server:
        await pull(jaki(server.url), fetcher)
    assert len(server.requests) == 2


# case 28
async def test_a_report_that_slips_between_two_pages_is_found_by_a_second_pass(fetcher):
    """Oldest first, two a page: report 1 changes while page one is read, so report 3 moves to the page already read."""
    listing = [report(number) for number in (1, 2, 3, 4, 5)]

    def paging(request):
        start = int(request.query.get("cursor", 0))
        following = str(start + 2) if start + 2 < len(listing) else None
        answer = json_answer({"data": listing[start : start + 2], "next_cursor": following})
        if listing[0]["id"].endswith("0001"):
            listing.append(listing.pop(0) | {"updated_at": "2026-11-24T11:59:00+07:00", "status": "Selesai"})
        return answer

    async with serving(paging) as server:
        batches = await pull(jaki(server.url), fetcher)
    assert set(ids(batches)) == {"0001", "0002", "0003", "0004", "0005"}
    assert [batch.complete_through for batch in batches].count(NOW) == 1
    assert batches[-1].complete_through == NOW


async def test_a_crash_before_the_second_pass_reads_the_pass_again(fetcher):
    changed = report(1, "2026-11-24T11:59:00+07:00", status="Selesai")
    async with serving(paged({None: ([report(1), report(2)], "b"), "b": ([changed, report(4)], None)})) as server:
        started = jaki(server.url).pull(fetcher, None, WINDOW)
        await anext(started)
        shifted = await anext(started)
        await started.aclose()
    assert shifted.complete_through is None
    assert read_progress(shifted.cursor) == Progress(newest=datetime(2026, 11, 24, 11, 59, tzinfo=WIB))


@pytest.mark.parametrize("updated", ["2099-01-01T00:00:00Z", "2026-11-24T12:30:00+07:00"])
async def test_a_clock_that_runs_ahead_does_not_make_us_skip(fetcher, updated):
    async with serving(paged({None: ([report(1, "2026-11-24T11:00:00+07:00"), report(2, updated)], None)})) as server:
        batches = await pull(jaki(server.url), fetcher)
    assert read_progress(batches[-1].cursor).updated_since <= NOW


async def test_the_newest_change_never_goes_back(fetcher):
    newest = datetime(2026, 11, 24, 11, 0, tzinfo=WIB)
    cursor = Progress(updated_since=newest - timedelta(minutes=10), newest=newest).to_cursor()
    async with serving(paged({None: ([report(1, "2026-11-24T10:55:00+07:00")], None)})) as server:
        batches = await pull(jaki(server.url), fetcher, cursor)
    assert read_progress(batches[-1].cursor).newest == newest


@pytest.mark.parametrize(
    "body", [[], None, {"items": []}, {"data": None}, {"data": [], "next_cursor": {}}, {"data": [{}] * 3}]
)
async def test_another_shape_stops_the_source(fetcher, body):
    async with serving(lambda _: json_answer(body)) as server:
        with pytest.raises(UnexpectedPayload):
            await pull(jaki(server.url), fetcher)


async def test_a_wrong_address_stops_the_source(fetcher):
    async with serving(lambda _: Answer(404)) as server:
        with pytest.raises(UnexpectedPayload):
            await pull(jaki(server.url), fetcher)


@pytest.mark.parametrize(
    "cursor", ["", "nonsense", "[]", "{}", '{"updated_since": "2026-11-24T00:00:00", "page": null, "newest": null}']
)
def test_a_cursor_that_cannot_be_read_starts_afresh(cursor):
    assert read_progress(cursor) is None


def test_progress_survives_being_stored():
    progress = Progress(NOW - timedelta(hours=1), "page/2?x", NOW)
    assert read_progress(progress.to_cursor()) == progress
