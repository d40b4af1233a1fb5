"""What intake relies on in every connector, whatever system is behind it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.contract import (
    AccessDenied,
    Batch,
    Client,
    Connector,
    Detailing,
    RateLimited,
    SourceUnavailable,
    UnexpectedPayload,
    Window,
    fold_word,
    hash_raw,
)
from connectors.registry import CONNECTORS
from tests.connectors.servers import Answer, Request, json_answer, serving

WIB = ZoneInfo("Asia/Jakarta")
DAYS = ("2026-11-22", "2026-11-23", "2026-11-24")
WINDOW = Window(until=datetime(2026, 11, 24, 20, 0, tzinfo=WIB), since=datetime(2026, 11, 22, tzinfo=WIB))
CSV = "case_enquiry_id,open_dt,case_status,type\n"


@dataclass
class City:
    """A source with seven complaints over three days, one of them without an id and one with a status nobody knows."""

    status_of_last: str = "Kata Baru"
    answer: Answer | None = None
    asked: list[Request] = field(default_factory=list)

    def rows(self) -> list[dict[str, Any]]:
        rows = [
            {"n": 10 * day + number + 1, "day": DAYS[day], "status": "Menunggu"}
            for day in range(3)
            for number in range(2)
        ]
        return [*rows[:2], {"n": None, "day": DAYS[1], "status": "Menunggu"}, *rows[2:5], rows[5] | self._last()]

    def _last(self) -> dict[str, Any]:
        return {"status": self.status_of_last}

    def crm(self, request: Request) -> Answer:
        self.asked.append(request)
        day = request.query["dateStart"]
        return self.answer or json_answer([self._crm_item(row) for row in self.rows() if row["day"] == day])

    def jaki(self, request: Request) -> Answer:
        self.asked.append(request)
        start = int(request.query.get("cursor", 0))
        page = self.rows()[start : start + 3]
        following = str(start + 3) if start + 3 < len(self.rows()) else None
        return self.answer or json_answer({"data": [self._report(row) for row in page], "next_cursor": following})

    def csv(self) -> str:
        return CSV + "".join(f"{row['n'] or ''},{row['day']} 08:00:00,{row['status']},Sampah\n" for row in self.rows())

    def _crm_item(self, row: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": row["n"],
            "code": f"JK{row['day'][2:].replace('-', '')}{row['n'] or 0:04}",
            "tstatus": {"name": row["status"]},
            "createdAt": f"{row['day']}T01:00:00Z",
        }

    def _report(self, row: dict[str, Any]) -> dict[str, Any]:
        code = None if row["n"] is None else f"JK{row['day'][2:].replace('-', '')}{row['n']:04}"
        at = f"{row['day']}T08:00:00+07:00"
        return {"id": code, "status": row["status"], "created_at": at, "updated_at": at, "privacy": "public"}


@dataclass(frozen=True)
class Stand:
    """A connector that reads a city, and the city."""

    connector: Connector
    city: City
    client: Client


Kind = Callable[[City, Client, Path], "contextlib.AbstractAsyncContextManager[Stand]"]


def over_http(name: str) -> Kind:
    @contextlib.asynccontextmanager
    async def stand(city: City, client: Client, _: Path) -> AsyncIterator[Stand]:
        async with serving(getattr(city, name)) as server:
            yield Stand(CONNECTORS[name].build(url=server.url, token="word", options={}), city, client)

    return stand


@contextlib.asynccontextmanager
async def of_a_file(city: City, client: Client, folder: Path) -> AsyncIterator[Stand]:
    file = folder / "city.csv"
    file.write_text(city.csv())
    yield Stand(
        CONNECTORS["spreadsheet"].build(url=str(file), token=None, options={"profile": "boston311"}), city, client
    )


OVER_HTTP = {"crm": over_http("crm"), "jaki": over_http("jaki")}
ALL = OVER_HTTP | {"spreadsheet": of_a_file}
every = pytest.mark.parametrize("kind", ALL.values(), ids=ALL)
every_http = pytest.mark.parametrize("kind", OVER_HTTP.values(), ids=OVER_HTTP)


async def pull(stand: Stand, cursor: str | None = None, window: Window = WINDOW) -> list[Batch]:
    return [batch async for batch in stand.connector.pull(stand.client, cursor, window)]


def complaints(batches: list[Batch]):
    return [complaint for batch in batches for complaint in batch.complaints]


def test_the_table_has_every_kind_that_is_tested():
    assert set(CONNECTORS) == set(ALL)


@every
async def test_every_record_is_a_complaint_or_a_reject_and_ids_are_unique(kind, fetcher, tmp_path):
    async with kind(City(), fetcher, tmp_path) as stand:
        batches = await pull(stand)
    found = complaints(batches)
    assert len({one.external_id for one in found}) == len(found) == 6
    assert [bool(one.reason) for batch in batches for one in batch.rejects] == [True]


@every
async def test_times_are_aware_and_records_come_oldest_first(kind, fetcher, tmp_path):
    async with kind(City(), fetcher, tmp_path) as stand:
        times = [one.reported_at for one in complaints(await pull(stand))]
    assert all(at.utcoffset() is not None for at in times)
    assert times == sorted(times)


@every
async def test_an_unknown_status_is_kept_in_its_own_words(kind, fetcher, tmp_path):
    async with kind(City(status_of_last="Kata Sangat Baru"), fetcher, tmp_path) as stand:
        assert complaints(await pull(stand))[-1].source_status == "Kata Sangat Baru"


@every
async def test_the_raw_record_is_kept_and_hashed(kind, fetcher, tmp_path):
    async with kind(City(), fetcher, tmp_path) as stand:
        batches = await pull(stand)
    assert all(one.content_hash == hash_raw(one.raw) for one in complaints(batches))
    assert all(one.content_hash == hash_raw(one.raw) for batch in batches for one in batch.rejects)
    assert all(json.dumps(one.raw) for one in complaints(batches))


@every
async def test_a_second_pull_brings_nothing_new_and_a_change_only_itself(kind, fetcher, tmp_path):
    city = City()
    async with kind(city, fetcher, tmp_path) as stand:
        first = await pull(stand)
        known = {one.external_id: one.content_hash for one in complaints(first)}
        second = await pull(stand, first[-1].cursor)
        assert all(known[one.external_id] == one.content_hash for one in complaints(second))
    city.status_of_last = "Selesai"
    async with kind(city, fetcher, tmp_path) as stand:
        third = complaints(await pull(stand, second[-1].cursor))
    assert [one.source_status for one in third if known[one.external_id] != one.content_hash] == ["Selesai"]


@every
async def test_an_interrupted_pull_misses_nothing_when_it_goes_on(kind, fetcher, tmp_path):
    async with kind(City(), fetcher, tmp_path) as stand:
        whole = {one.external_id for one in complaints(await pull(stand))}
        started = stand.connector.pull(stand.client, None, WINDOW)
        first = await anext(started)
        await started.aclose()
        rest = await pull(stand, first.cursor)
    assert {one.external_id for one in complaints([first, *rest])} == whole


@every_http
async def test_only_the_last_batch_says_that_nothing_is_missing(kind, fetcher, tmp_path):
    async with kind(City(), fetcher, tmp_path) as stand:
        batches = await pull(stand)
    assert [batch.complete_through for batch in batches] == [None] * (len(batches) - 1) + [WINDOW.until]


@every_http
async def test_a_pull_never_reads_the_clock(kind, fetcher, tmp_path):
    """The same question gives the same batches, whenever it is asked."""
    async with kind(City(), fetcher, tmp_path) as stand:
        assert await pull(stand) == await pull(stand)


@every_http
async def test_an_empty_source_is_empty_and_complete(kind, fetcher, tmp_path):
    city = City()
    city.rows = lambda: []
    async with kind(city, fetcher, tmp_path) as stand:
        batches = await pull(stand)
    assert complaints(batches) == []
    assert batches[-1].complete_through == WINDOW.until


@every_http
@pytest.mark.parametrize(
    ("answer", "error", "is_retried"),
    [
        (Answer(401), AccessDenied, False),
        (Answer(503), SourceUnavailable, True),
        (Answer(200, b"<html>Sedang dalam perbaikan</html>", {"content-type": "text/html"}), SourceUnavailable, False),
        (Answer(200, b'[{"id": 1', {"content-type": "application/json"}), SourceUnavailable, False),
        (Answer(429, headers={"retry-after": "3600"}), RateLimited, False),
        (Answer(400), UnexpectedPayload, False),
        (json_answer({"message": "ok"}), UnexpectedPayload, False),
    ],
)
async def test_trouble_says_what_the_caller_must_do(kind, fetcher, tmp_path, answer, error, is_retried):
    city = City(answer=answer)
    async with kind(city, fetcher, tmp_path) as stand:
        with pytest.raises(error):
            await pull(stand)
        first = city.asked[0]
        assert (len([one for one in city.asked if one.query == first.query]) > 1) is is_retried
        city.answer = None
        assert len(complaints(await pull(stand))) == 6


@every_http
async def test_a_check_reads_the_source_and_fails_as_a_pull_does(kind, fetcher, tmp_path):
    city = City()
    async with kind(city, fetcher, tmp_path) as stand:
        assert "answers" in await stand.connector.check(stand.client)
        city.answer = Answer(401)
        with pytest.raises(AccessDenied):
            await stand.connector.check(stand.client)


async def test_a_check_of_a_file_says_that_it_fits(fetcher, tmp_path):
    async with of_a_file(City(), fetcher, tmp_path) as stand:
        assert "boston311" in await stand.connector.check(stand.client)


@every_http
async def test_an_earlier_window_brings_the_same_records(kind, fetcher, tmp_path):
    async with kind(City(), fetcher, tmp_path) as stand:
        near = complaints(await pull(stand))
        far = complaints(await pull(stand, None, Window(until=WINDOW.until, since=WINDOW.since - timedelta(days=3))))
    assert near == far


@every
async def test_the_traits_are_words_in_folded_form(kind, fetcher, tmp_path):
    async with kind(City(), fetcher, tmp_path) as stand:
        assert all(word == fold_word(word) for word in stand.connector.traits.status_words)
        assert ZoneInfo(stand.connector.traits.timezone)
        assert stand.connector.name in CONNECTORS


async def test_crm_and_jaki_say_whose_word_wins():
    crm, jaki = (CONNECTORS[name].build(url="https://x.example", token=None, options={}) for name in ("crm", "jaki"))
    assert jaki.precedence.content > crm.precedence.content
    assert crm.precedence.handling > jaki.precedence.handling
    assert (crm.carries_ticket_codes, jaki.carries_ticket_codes) == (True, True)
    assert isinstance(crm, Detailing)
    assert not isinstance(jaki, Detailing)
