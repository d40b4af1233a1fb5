"""One request to a source: what is retried, what is not, and what error tells the caller what to do."""

from __future__ import annotations

import asyncio
import gzip
from datetime import UTC, datetime, timedelta

import pytest

from app.outbound import outbound_client
from connectors.contract import (
    AccessDenied,
    NotFound,
    RateLimited,
    Response,
    SourceUnavailable,
    UnexpectedPayload,
)
from connectors.fetch import Fetcher, decode_json
from tests.connectors.servers import Answer, json_answer, serving

SECRET = "0812-0000-1111"


def answers(*script: Answer):
    """A handler that gives each answer once and repeats the last."""
    left = list(script)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


async def test_an_answer_comes_whole_with_its_headers(fetcher):
    async with serving(lambda _: json_answer({"a": 1}, x_more="yes")) as server:
        response = await fetcher.get(f"{server.url}/list", params={"day": "2025-01-01", "zoneId": ""})
    assert (response.status, decode_json(response), response.headers["X-More"]) == (200, {"a": 1}, "yes")
    assert server.requests[0].query == {"day": "2025-01-01", "zoneId": ""}


async def test_a_source_that_fails_twice_is_asked_a_third_time(fetcher):
    async with serving(answers(Answer(503), Answer(500), json_answer([]))) as server:
        assert decode_json(await fetcher.get(server.url)) == []
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
async def test_a_source_that_keeps_failing_is_unavailable(fetcher, status):
    async with serving(lambda _: Answer(status)) as server:
        with pytest.raises(SourceUnavailable) as caught:
            await fetcher.get(server.url)
    assert (len(server.requests), caught.value.status) == (3, status)


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, AccessDenied), (403, AccessDenied), (404, NotFound), (410, NotFound), (400, UnexpectedPayload)],
)
async def test_a_refusal_is_not_asked_again(fetcher, status, error):
    async with serving(lambda _: Answer(status)) as server:
        with pytest.raises(error) as caught:
            await fetcher.get(server.url)
    assert (len(server.requests), caught.value.status) == (1, status)


async def test_gone_differs_from_never_there(fetcher):
    async with serving(answers(Answer(410), Answer(404))) as server:
        gone = await _error(fetcher, server.url, NotFound)
        absent = await _error(fetcher, server.url, NotFound)
    assert (gone.is_gone, absent.is_gone) == (True, False)


async def test_a_short_retry_after_is_waited_for(fetcher):
    async with serving(answers(Answer(429, headers={"retry-after": "2"}), json_answer([]))) as server:
        assert decode_json(await fetcher.get(server.url)) == []


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "120"}, timedelta(seconds=120)),
        (
            {"retry-after": "Tue, 24 Nov 2026 08:05:00 GMT", "date": "Tue, 24 Nov 2026 08:00:00 GMT"},
            timedelta(minutes=5),
        ),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 30}, timedelta(days=1)),
    ],
)
async def test_a_long_retry_after_is_left_to_the_caller(fetcher, status, headers, expected):
    async with serving(lambda _: Answer(status, headers=headers)) as server:
        error = await _error(fetcher, server.url, RateLimited)
    assert (error.retry_after, len(server.requests)) == (expected, 1)


async def test_a_date_to_wait_for_counts_from_our_own_clock_where_the_answer_has_none(http):
    fetcher = Fetcher(http, rate=1000, now=lambda: datetime(2026, 11, 24, 8, 0, tzinfo=UTC))
    answer = Answer(429, headers={"retry-after": "Tue, 24 Nov 2026 08:05:00 GMT"})
    async with serving(lambda _: answer) as server:
        assert (await _error(fetcher, server.url, RateLimited)).retry_after == timedelta(minutes=5)


@pytest.mark.parametrize("wait", ["0", "Tue, 24 Nov 2026 07:00:00 GMT"])
async def test_a_source_that_need_not_be_waited_for_is_asked_again(fetcher, wait):
    refusal = Answer(429, headers={"retry-after": wait, "date": "Tue, 24 Nov 2026 08:00:00 GMT"})
    async with serving(answers(refusal, json_answer([]))) as server:
        assert decode_json(await fetcher.get(server.url)) == []


async def test_a_refusal_for_haste_without_a_time_says_none(fetcher):
    async with serving(lambda _: Answer(429)) as server:
        assert (await _error(fetcher, server.url, RateLimited)).retry_after is None


async def test_a_cut_off_body_is_unavailable(fetcher):
    async with serving(lambda _: Answer(body=b'{"data": []}', cut=4)) as server:
        await _error(fetcher, server.url, SourceUnavailable)
    assert len(server.requests) == 3


# case 38
@pytest.mark.parametrize(
    "broken",
    [
        Answer(body=b"<!DOCTYPE html><html>down</html>", headers={"content-type": "application/json"}),
        Answer(body=b"down", headers={"content-type": "text/html; charset=utf-8"}),
        Answer(body=b'{"data": [{"id": 1}', headers={"content-type": "application/json"}),
        Answer(body=b"<requests><request", headers={"content-type": "text/xml"}),
        Answer(body=b" \n"),
    ],
    ids=["page", "text/html", "half json", "half xml", "nothing"],
)
async def test_a_page_or_half_of_the_data_is_asked_for_again(fetcher, broken):
    wanted = {"Accept": "application/json, text/xml"}
    async with serving(answers(broken, json_answer([1]))) as server:
        assert decode_json(await fetcher.get(server.url, headers=wanted)) == [1]
    async with serving(lambda _: broken) as server:
        assert (await fetcher.get(server.url)).body == broken.body
        with pytest.raises(SourceUnavailable):
            await fetcher.get(server.url, headers=wanted)
    assert len(server.requests) == 4


async def test_a_source_that_drips_is_given_up(http):
    fetcher = Fetcher(http, rate=1000, attempts=1, timeout=timedelta(milliseconds=50))
    async with serving(lambda _: Answer(body=b"[]", drips=True)) as server:
        error = await _error(fetcher, server.url, SourceUnavailable)
    assert "0.05 s" in str(error)


async def test_a_body_over_the_limit_stops_the_source(http):
    fetcher = Fetcher(http, rate=1000, max_bytes=1000)
    bomb = gzip.compress(b"0" * 100_000)
    async with serving(lambda _: Answer(body=bomb, headers={"content-encoding": "gzip"})) as server:
        await _error(fetcher, server.url, UnexpectedPayload)
    assert len(server.requests) == 1


# case 40
async def test_a_wrongly_framed_encoding_is_unavailable(fetcher):
    async with serving(lambda _: Answer(body=b"[1]", headers={"content-encoding": "gzip"})) as server:
        await _error(fetcher, server.url, SourceUnavailable)


async def test_a_dead_address_is_unavailable(fetcher):
    async with serving(lambda _: Answer()) as server:
        pass
    await _error(fetcher, server.url, SourceUnavailable)


async def test_a_forbidden_address_is_denied_without_a_second_try():
    async with outbound_client(allowed_hosts=["source.example"]) as client, serving(lambda _: Answer()) as server:
        error = await _error(Fetcher(client, rate=1000), f"{server.url}/secret?key={SECRET}", AccessDenied)
    assert server.requests == []
    assert SECRET not in str(error)


# case 38
async def test_a_redirect_is_followed_on_the_same_host_only(fetcher):
    def handler(request):
        return json_answer([1]) if request.path == "/list/" else Answer(301, headers={"location": "/list/"})

    async with serving(handler) as server:
        assert decode_json(await fetcher.get(f"{server.url}/list")) == [1]
    async with (
        serving(lambda _: json_answer([2])) as other,
        serving(lambda _: Answer(302, headers={"location": other.url})) as server,
    ):
        await _error(fetcher, server.url, AccessDenied)
    assert other.requests == []


async def test_requests_are_spaced_at_the_rate(http):
    fetcher = Fetcher(http, rate=50)
    async with serving(lambda _: json_answer([])) as server:
        started = asyncio.get_running_loop().time()
        for _ in range(3):
            await fetcher.get(server.url)
        assert asyncio.get_running_loop().time() - started >= 2 / 50 - 0.001


@pytest.mark.parametrize(
    "body",
    [b"", b'{"data": [', b"<html>down</html>", b"\xff\xfe\x00", b"[" * 100_000],
)
def test_a_body_that_is_not_whole_json_is_unavailable(body):
    with pytest.raises(SourceUnavailable):
        decode_json(Response(200, {"content-type": "application/json"}, body))


def test_a_page_is_told_by_its_content_type_and_its_text_never_shown():
    page = f"contact {SECRET}".encode()
    with pytest.raises(SourceUnavailable) as caught:
        decode_json(Response(200, {"content-type": "text/html; charset=utf-8"}, page))
    assert "text/html" in str(caught.value)
    assert SECRET not in str(caught.value)


# case 41
@pytest.mark.parametrize(
    ("charset", "body", "expected"),
    [
        ("iso-8859-1", b'["caf\xe9"]', "caf\xe9"),
        ("utf-16", '["caf\xe9"]'.encode("utf-16"), "caf\xe9"),
        ("iso-8859-1", '["caf\xe9"]'.encode(), "caf\xe9"),
        ("hex", b'["caf\xe9"]', "caf\ufffd"),
        ("entah", b'["caf\xe9"]', "caf\ufffd"),
    ],
)
def test_an_encoding_that_is_declared_is_read_where_the_text_is_no_utf_8(charset, body, expected):
    assert decode_json(Response(200, {"content-type": f"application/json; charset={charset}"}, body)) == [expected]


# case 36
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"status ": "x", " id": 2}', {"status": "x", "id": 2}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'{"a": "x\\u0000y\\ud83d \\ud83d\\ude00"}', {"a": "x\x00y\ufffd \N{GRINNING FACE}"}),
        (b'{"a": "caf\xe9"}', {"a": "caf\ufffd"}),
        (b'{"a": 9223372036854775807, "b": [18446744073709551616]}', {"a": 2**63 - 1, "b": [str(2**64)]}),
        (b'{"a": ' + b"9" * 5000 + b"}", {"a": "9" * 5000}),
        (b'{"a": "tab\there"}', {"a": "tab\there"}),
    ],
)
def test_odd_but_readable_json_is_read(body, expected):
    assert decode_json(Response(200, {}, body)) == expected


async def _error(fetcher, url, kind):
    with pytest.raises(kind) as caught:
        await fetcher.get(url)
    return caught.value
