"""Open311 answers: lists wherever they stand, errors that look like lists, markup that is meant to harm."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import SourceUnavailable, UnexpectedPayload, Window
from connectors.open311.connector import build
from connectors.open311.markup import UnreadableMarkup, xml_value
from tests.conftest import SHARED_DATA
from tests.connectors.servers import Answer, json_answer, serving

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=ZoneInfo("Asia/Jakarta"))
DAY = Window(until=NOW, since=NOW - timedelta(days=1))
BARE = {"service_request_id": "1", "requested_datetime": "2026-11-24T08:00:00+07:00"}


def open311(url, **options):
    return build(url=url, token=None, options=options)


async def pull(connector, fetcher):
    return [batch async for batch in connector.pull(fetcher, None, DAY)]


def ids(batches) -> list[str]:
    return [complaint.external_id for batch in batches for complaint in batch.complaints]


ONE = json.dumps(BARE)
LISTS = {
    "bare": f"[{ONE}]",
    "requests": f'{{"requests": [{ONE}]}}',
    "results": f'{{"results": [{ONE}]}}',
    "data": f'{{"data": [{ONE}]}}',
    "Table": f'{{"Table": [{ONE}]}}',
    "features": f'{{"features": [{{"properties": {ONE}, "geometry": {{"coordinates": [106.8, -6.2]}}}}]}}',
    "one alone": ONE,
    "xml": "<service_requests><request>{0}</request></service_requests>",
    "xml, other root": "<requests><request>{0}</request></requests>",
    "xml, attribute": '<requests is_array="true"><request>{0}</request></requests>',
    "xml, namespaces": '<x:service_requests xmlns:x="http://x.example"><x:request>{0}</x:request></x:service_requests>',
    "xml, bare item": "<request>{0}</request>",
}
FIELDS_IN_XML = "".join(f"<{name}>{value}</{name}>" for name, value in BARE.items())


# cases 32, 33, 34
@pytest.mark.parametrize("body", LISTS.values(), ids=LISTS)
async def test_a_list_is_found_wherever_it_stands(fetcher, body):
    written = body.replace("{0}", FIELDS_IN_XML) if body.startswith("<") else body
    async with serving(lambda _: Answer(body=written.encode())) as server:
        assert set(ids(await pull(open311(server.url), fetcher))) == {"1"}


# case 32
async def test_a_list_at_a_place_of_its_own_is_found_by_the_option(fetcher):
    async with serving(lambda _: json_answer({"answer": {"deep": [BARE]}})) as server:
        assert ids(await pull(open311(server.url, items="answer.deep"), fetcher)) == ["1"]
        with pytest.raises(UnexpectedPayload, match="answer"):
            await pull(open311(server.url), fetcher)


# case 32
@pytest.mark.parametrize(
    "body", ["[]", "null", '{"requests":[]}', '{"results":[]}', "<service_requests/>", '{"data":null}']
)
async def test_an_empty_list_is_empty_and_complete(fetcher, body):
    async with serving(lambda _: Answer(body=body.encode())) as server:
        batches = await pull(open311(server.url), fetcher)
    assert [(batch.complaints, batch.rejects, batch.complete_through) for batch in batches] == [((), (), NOW)]


# case 39
@pytest.mark.parametrize(
    "body",
    [
        '[{"code":404,"description":"Budi, 0812"}]',
        '{"code":404,"detail":"Not Found"}',
        '{"detail":{"code":404}}',
        "<errors><error><code>403</code><description>Budi</description></error></errors>",
        '"Not Found"',
        '[{"a":1},{"a":2},{"a":3}]',
    ],
)
async def test_errors_with_200_stop_the_source_and_are_not_quoted(fetcher, body):
    async with serving(lambda _: Answer(body=body.encode())) as server:
        with pytest.raises(UnexpectedPayload) as caught:
            await pull(open311(server.url), fetcher)
    assert "Budi" not in str(caught.value)


# case 38
@pytest.mark.parametrize(
    "body", ["<html><body>DEBUG</body></html>", "<!DOCTYPE html><html></html>", "<a><b></a>", "<a"]
)
async def test_a_page_or_half_a_document_is_an_outage(fetcher, body):
    async with serving(lambda _: Answer(body=body.encode())) as server:
        with pytest.raises(SourceUnavailable):
            await pull(open311(server.url), fetcher)


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><a>&b;</a>'


@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        "<a>" * 1000 + "</a>" * 1000,
        "<a>&undefined;</a>",
        "",
    ],
)
def test_document_types_entities_and_depth_are_refused(body):
    with pytest.raises(UnreadableMarkup) as caught:
        xml_value(body.encode())
    assert "passwd" not in str(caught.value)


@given(st.binary(max_size=200) | st.text(alphabet='<>/ab&;!"= ', max_size=60).map(str.encode))
def test_any_bytes_are_xml_or_refused(body):
    try:
        assert isinstance(xml_value(body), dict)
    except UnreadableMarkup as error:
        assert str(error)


def test_xml_in_another_encoding_is_read():
    body = "<?xml version='1.0' encoding='iso-8859-1'?><a><b>Straße</b></a>".encode("iso-8859-1")
    assert xml_value(body) == {"a": {"b": "Straße"}}


CAPTURED = {
    "chicago_service_requests.json": 2,
    "helsinki_taskful_request.json": 1,
    "toronto_requests_many.xml": 2,
    "toronto_requests_single.xml": 1,
}
SERVICES = {
    "bloomington_services.json": 63,
    "chicago_service_list.json": 3,
    "seeclickfix_newhaven_services.json": 44,
    "services_giessen.xml": 8,
}
captured = pytest.mark.skipif(
    not SHARED_DATA.is_dir(), reason=f"the captured answers are not beside this checkout ({SHARED_DATA})"
)


@captured
@pytest.mark.parametrize(("name", "count"), CAPTURED.items())
async def test_every_captured_answer_becomes_complaints(fetcher, name, count):
    body = (SHARED_DATA / "open311" / name).read_bytes()
    async with serving(lambda _: Answer(body=body)) as server:
        batches = await pull(open311(server.url), fetcher)
    assert len(ids(batches)) == count
    assert [one for batch in batches for one in batch.rejects] == []


@captured
@pytest.mark.parametrize(("name", "count"), SERVICES.items())
async def test_every_captured_list_of_services_is_read(fetcher, name, count):
    body = (SHARED_DATA / "open311" / name).read_bytes()
    async with serving(lambda _: Answer(body=body)) as server:
        names = await open311(server.url).client.service_names(fetcher)
    assert len(names) == count
    assert names.get("015") in (None, "Abwasser und Wasser")
