"""Open311 servers: how they are asked, and how those that page, cut off, lie or fail are survived."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from connectors.contract import (
    InvalidOption,
    SourceUnavailable,
    UnexpectedPayload,
    Window,
)
from connectors.open311.connector import Progress, build, cut, plan, read_progress
from connectors.open311.options import Open311Options
from connectors.registry import CONNECTORS
from tests.connectors.servers import Answer, json_answer, serving

WIB = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=WIB)
DAY = Window(until=NOW, since=NOW - timedelta(days=1))
BARE = {"service_request_id": "1", "requested_datetime": "2026-11-24T08:00:00+07:00"}


def open311(url, token=None, **options):
    return build(url=url, token=token, options=options)


def bare(**changes):
    return BARE | changes


def numbered(*numbers, **changes):
    return [bare(service_request_id=str(number), service_name="x", **changes) for number in numbers]


async def pull(connector, fetcher, cursor=None, window=DAY):
    return [batch async for batch in connector.pull(fetcher, cursor, window)]


def ids(batches) -> list[str]:
    return [complaint.external_id for batch in batches for complaint in batch.complaints]


# --- asking -----------------------------------------------------------------------------------------------------------


# case 4
@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({}, "2026-11-23T05:00:00Z"),
        ({"start_date": "local"}, "2026-11-23T12:00:00"),
        ({"start_date": "local", "timezone": "America/Chicago"}, "2026-11-22T23:00:00"),
    ],
)
async def test_the_span_is_sent_in_whole_seconds_with_or_without_a_zone(fetcher, options, start):
    exact = Window(until=NOW + timedelta(milliseconds=17), since=NOW - timedelta(days=1) + timedelta(milliseconds=17))
    async with serving(lambda _: json_answer([])) as server:
        await pull(open311(server.url, **options), fetcher, None, exact)
    assert server.requests[0].query["start_date"] == start


# cases 40, 58
async def test_key_jurisdiction_extensions_and_encoding_are_sent_as_told_and_no_status_is_filtered(fetcher):
    async with serving(lambda _: json_answer([])) as server:
        connector = open311(
            server.url, "key", jurisdiction_id="kota", extensions="yes", accept_encoding="identity", page_size="50"
        )
        await pull(connector, fetcher)
    (asked,) = server.requests
    assert asked.path == "/requests.json"
    assert asked.query.keys() == {
        "api_key",
        "jurisdiction_id",
        "extensions",
        "page",
        "page_size",
        "start_date",
        "end_date",
    }
    assert (asked.query["api_key"], asked.query["extensions"], asked.query["page"]) == ("key", "true", "1")
    assert asked.headers["accept-encoding"] == "identity"


# case 27
@pytest.mark.parametrize("first_page", [0, 1])
async def test_pages_are_counted_as_the_server_counts_and_a_short_one_is_not_the_end(fetcher, first_page):
    """It was asked for 9999 and gives three at a time, then two, then two."""
    pages = [numbered(1, 2, 3), numbered(4, 5), numbered(6, 7)]

    def handler(request):
        number = int(request.query.get("p", first_page)) - first_page
        return json_answer(pages[number] if number < len(pages) else [])

    async with serving(handler) as server:
        options = {"page_name": "p", "size_name": "per_page", "page_size": "9999", "first_page": str(first_page)}
        batches = await pull(open311(server.url, **options), fetcher)
    assert ids(batches) == list("1234567")
    assert server.requests[0].query["per_page"] == "9999"
    assert [batch.complete_through for batch in batches] == [None, None, NOW]


# case 26
@pytest.mark.parametrize("beyond", ["again", "404", "empty"])
async def test_the_page_after_the_last_ends_the_span(fetcher, beyond):
    pages = [numbered(1, 2), numbered(3, 4)]
    after = {"again": json_answer(pages[-1]), "404": Answer(404, b"Invalid page."), "empty": json_answer([])}[beyond]

    def handler(request):
        number = int(request.query.get("page", 1)) - 1
        return json_answer(pages[number]) if number < 2 else after

    async with serving(handler) as server:
        batches = await pull(open311(server.url), fetcher)
    assert (ids(batches), len(server.requests)) == (list("1234"), 3)
    assert batches[-1].complete_through == NOW


# case 26
async def test_pages_without_end_are_cut_at_the_limit_and_the_span_is_halved(fetcher):
    def handler(request):
        start, end = (datetime.fromisoformat(request.query[name]) for name in ("start_date", "end_date"))
        number = int(request.query.get("page", 1))
        if end - start > timedelta(hours=13):
            return json_answer(numbered(1000 + number))
        return json_answer(numbered(1, 2) if number == 1 else [])

    async with serving(handler) as server:
        batches = await pull(open311(server.url, page_limit="3"), fetcher)
    assert set(ids(batches)) == {"1001", "1002", "1003", "1", "2"}


async def test_a_list_of_requests_that_is_not_there_stops_the_source(fetcher):
    async with serving(lambda _: Answer(404)) as server:
        with pytest.raises(UnexpectedPayload, match="no list"):
            await pull(open311(server.url), fetcher)


# case 28
async def test_a_list_that_shifts_while_it_is_paged_loses_and_doubles_nothing(fetcher):
    """Newest first: while page one is read a request comes in, and pushes the last of page one onto page two."""
    listing = numbered(5, 4, 3, 2, 1)

    def handler(request):
        start = 2 * (int(request.query.get("page", 1)) - 1)
        answer = json_answer(listing[start : start + 2])
        if listing[0]["service_request_id"] == "5":
            listing.insert(0, numbered(6)[0])
        return answer

    async with serving(handler) as server:
        first = await pull(open311(server.url), fetcher)
        later = Window(until=NOW + timedelta(minutes=5), since=DAY.since)
        second = await pull(open311(server.url), fetcher, first[-1].cursor, later)
    assert ids(first) == list("54321")
    assert set(ids(second)) == set("654321")


# case 28
async def test_a_record_that_changes_between_two_pages_comes_in_both_forms(fetcher):
    pages = [numbered(1, 2, status="open"), [*numbered(2, status="closed"), *numbered(3)]]

    def handler(request):
        number = int(request.query.get("page", 1)) - 1
        return json_answer(pages[number] if number < 2 else [])

    async with serving(handler) as server:
        batches = await pull(open311(server.url), fetcher)
    statuses = [one.source_status for batch in batches for one in batch.complaints if one.external_id == "2"]
    assert statuses == ["open", "closed"]


def by_time(rows, *, limit=50, poison=None):
    """A server without pages that gives at most `limit`, and fails for every span that covers `poison`."""

    def handler(request):
        start, end = (datetime.fromisoformat(request.query[name]) for name in ("start_date", "end_date"))
        if poison is not None and start <= poison < end:
            return Answer(500)
        fitting = [one for one in rows if start <= datetime.fromisoformat(one["requested_datetime"]) < end]
        return json_answer(fitting[:limit])

    return handler


ROWS = [
    bare(
        service_request_id=str(n),
        service_name="x",
        requested_datetime=(NOW - timedelta(minutes=10 * n + 5)).isoformat(),
    )
    for n in range(120)
]


@pytest.mark.parametrize("page_name", ["", "page"])
async def test_a_server_that_cuts_lists_off_is_asked_for_shorter_spans(fetcher, page_name):
    async with serving(by_time(ROWS)) as server:
        batches = await pull(open311(server.url, page_name=page_name, call_limit="50"), fetcher)
    assert sorted(map(int, ids(batches))) == list(range(120))
    assert batches[-1].complete_through == NOW


# case 31
async def test_one_row_that_makes_the_server_fail_is_isolated_and_the_rest_is_read(fetcher):
    poison = NOW - timedelta(minutes=605)
    async with serving(by_time(ROWS, limit=500, poison=poison)) as server:
        batches = await pull(open311(server.url), fetcher)
        first = len(server.requests)
        again = await pull(open311(server.url), fetcher, batches[-1].cursor)
        second = len(server.requests) - first
    assert set(map(int, ids(batches))) == set(range(120)) - {60}
    rejects = [one for batch in batches for one in batch.rejects]
    assert len(rejects) == 1
    start, end = (datetime.fromisoformat(rejects[0].raw[name]) for name in ("start_date", "end_date"))
    assert start <= poison < end <= start + timedelta(minutes=1)
    assert batches[-1].complete_through == NOW
    assert [one.content_hash for batch in again for one in batch.rejects] == [rejects[0].content_hash]
    assert open311(server.url).reread(rejects[0].raw) == rejects[0]
    assert second < first / 2
    assert read_progress(again[-1].cursor).bad == (start,)


# case 31
async def test_a_minute_that_is_mended_is_read_again(fetcher):
    poison = NOW - timedelta(minutes=605)
    async with serving(by_time(ROWS, limit=500, poison=poison)) as server:
        batches = await pull(open311(server.url), fetcher)
    async with serving(by_time(ROWS, limit=500)) as server:
        again = await pull(open311(server.url), fetcher, batches[-1].cursor)
    assert set(map(int, ids(again))) == set(range(120))
    assert read_progress(again[-1].cursor).bad == ()


async def test_a_server_that_is_down_is_an_outage_and_not_a_hundred_bad_minutes(fetcher):
    async with serving(lambda _: Answer(500)) as server:
        with pytest.raises(SourceUnavailable):
            await pull(open311(server.url), fetcher)
    assert len(server.requests) == 6


async def test_a_server_that_fails_for_most_of_the_time_is_an_outage(fetcher):
    def handler(request):
        is_newest = datetime.fromisoformat(request.query["end_date"]) == NOW
        is_short = datetime.fromisoformat(request.query["start_date"]) >= NOW - timedelta(minutes=1)
        return json_answer([]) if is_newest and is_short else Answer(500)

    async with serving(handler) as server:
        with pytest.raises(SourceUnavailable, match="8 separate minutes"):
            await pull(open311(server.url), fetcher)


async def test_the_name_of_a_service_is_looked_up_once_where_records_leave_it_out(fetcher):
    def handler(request):
        if request.path == "/services.json":
            return json_answer([{"service_code": 15, "service_name": "Abwasser"}, {"service_code": None}, "x"])
        page = int(request.query.get("page", 1))
        return json_answer(
            [bare(service_request_id=page, service_code="15"), bare(service_request_id=page + 10, service_code="16")]
            if page < 3
            else []
        )

    async with serving(handler) as server:
        connector = open311(server.url)
        batches = await pull(connector, fetcher)
    found = [one for batch in batches for one in batch.complaints]
    assert [one.category for one in found] == ["Abwasser", "16", "Abwasser", "16"]
    assert [request.path for request in server.requests].count("/services.json") == 1
    assert all(connector.reread(one.raw) == one for one in found)


async def test_a_server_without_a_list_of_services_does_without(fetcher):
    async with serving(
        lambda one: Answer(404) if "services" in one.path else json_answer([bare(service_code="15")])
    ) as server:
        batches = await pull(open311(server.url), fetcher)
    assert [one.category for batch in batches for one in batch.complaints] == ["15"]


# --- what is read when ------------------------------------------------------------------------------------------------


# case 19
async def test_an_old_request_that_is_opened_again_is_seen_as_far_back_as_the_look_back_goes(fetcher):
    old = bare(requested_datetime=(NOW - timedelta(days=300)).isoformat(), status="open", service_name="x")
    done = Progress(first=NOW - timedelta(days=400), through=NOW).to_cursor()
    async with serving(by_time([old])) as server:
        near = await pull(open311(server.url), fetcher, done, Window(until=NOW))
        far = await pull(open311(server.url, lookback_days="365"), fetcher, done, Window(until=NOW))
        spans = [
            datetime.fromisoformat(one.query["end_date"]) - datetime.fromisoformat(one.query["start_date"])
            for one in server.requests
        ]
    assert (ids(near), ids(far)) == ([], ["1"])
    assert max(spans) == timedelta(days=90)


def test_the_first_pull_reads_thirty_days_and_later_ones_look_back_no_further_than_ever_asked():
    options, window = Open311Options(), Window(until=NOW)
    start, progress = plan(None, window, options)
    assert start == progress.first == NOW - timedelta(days=30)
    assert plan(replace(progress, through=NOW), window, options)[0] == start
    much_later = Window(until=NOW + timedelta(days=200))
    done = replace(progress, through=much_later.until)
    assert plan(done, much_later, options)[0] == much_later.until - timedelta(days=90)
    assert plan(replace(progress, through=NOW), much_later, options)[0] == NOW
    earlier = Window(until=NOW, since=NOW - timedelta(days=100))
    assert plan(progress, earlier, options)[0] == earlier.since


# cases 29, 30
async def test_an_interrupted_pull_goes_on_at_its_span_by_request_time_and_not_by_our_clock(fetcher):
    window = Window(until=NOW, since=NOW - timedelta(days=4))
    async with serving(by_time([])) as server:
        connector = open311(server.url, window_days="2")
        started = connector.pull(fetcher, None, window)
        first = await anext(started)
        await started.aclose()
        assert read_progress(first.cursor).next == NOW - timedelta(days=2)
        assert first.complete_through is None
        await pull(connector, fetcher, first.cursor, window)
    assert [one.query["start_date"] for one in server.requests] == ["2026-11-20T05:00:00Z", "2026-11-22T05:00:00Z"]


def test_known_bad_minutes_stand_alone():
    at = NOW - timedelta(days=1)
    spans = cut(NOW - timedelta(days=3), NOW, timedelta(days=2), [at])
    assert [span.length for span in spans] == [
        timedelta(days=2),
        timedelta(minutes=1),
        timedelta(days=1) - timedelta(minutes=1),
    ]
    assert cut(NOW, NOW, timedelta(days=2), [])[0].length == timedelta()


def test_progress_survives_being_stored():
    progress = Progress(NOW - timedelta(days=9), NOW, NOW - timedelta(days=1), (NOW,))
    assert read_progress(progress.to_cursor()) == progress


@pytest.mark.parametrize(
    "cursor", [None, "", "nonsense", "[]", '{"first": 1}', '{"first": "2026-01-01T00:00:00"}', "{}"]
)
def test_a_cursor_that_cannot_be_read_starts_afresh(cursor):
    assert read_progress(cursor) is None


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("format", "csv"),
        ("first_page", "2"),
        ("window_days", "91"),
        ("extensions", "maybe"),
        ("start_date", "z"),
        ("bounds", "1,2,3"),
        ("bounds", "9,9,1,1"),
        ("city", "chicago"),
        ("timezone", "Mars/Base"),
        ("call_limit", "0"),
    ],
)
def test_an_option_that_cannot_be_is_named(name, word):
    with pytest.raises(InvalidOption) as caught:
        CONNECTORS["open311"].build(url="https://x.example", token=None, options={name: word})
    assert caught.value.name == name


def test_the_agencies_of_another_city_are_units_of_their_own_judged_by_its_own_due_times():
    foreign = open311("https://x.example", city="us-chicago:City of Chicago").traits
    assert (foreign.unit_root, foreign.policy_families) == (("us-chicago", "City of Chicago"), ("source",))
    assert open311("https://x.example").traits.policy_families is None
