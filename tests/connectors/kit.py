"""What intake relies on in every connector; a connector's test class inherits it and says how its source looks.

A connector over HTTP subclasses `HttpContract`: `kind` names it in the registry, `shape` turns one of the kit's records
into the source's own form, `answer` is the source's answer to a request. Any other subclasses `Contract` and gives a
`stand` of its own.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest

from app.complaint.lifecycle import Status
from connectors.contract import (
    AccessDenied,
    Batch,
    Client,
    Connector,
    IncomingComplaint,
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
UNTIL = datetime(2026, 11, 24, 20, 0, tzinfo=WIB)
WINDOW = Window(until=UNTIL, since=datetime(2026, 11, 22, tzinfo=WIB))
NEW_WORD = "Kata Sangat Baru"


@dataclass(frozen=True)
class Record:
    """One record of the kit's city; without a number it has no id, and can only be a reject."""

    number: int | None
    reported_at: datetime
    status: str = "Menunggu"


def some_records() -> list[Record]:
    """Six complaints over three days, oldest first, the last with a status nobody knows; and one without an id."""
    days = [UNTIL.replace(day=22 + day, hour=8) for day in range(3)]
    records = [
        Record(10 * day + number + 1, at + timedelta(minutes=number))
        for day, at in enumerate(days)
        for number in range(2)
    ]
    return [*records[:2], Record(None, days[1]), *records[2:5], replace(records[5], status=NEW_WORD)]


@dataclass
class City:
    """What a source has to tell, how it misbehaves, and what it was asked. `is_changed`: its last complaint has moved
    on since. `fails_from`: three requests from this one on fail."""

    records: list[Record] = field(default_factory=some_records)
    is_changed: bool = False
    fault: Answer | None = None
    fails_from: int | None = None
    has_more_fields: bool = False
    asked: list[Request] = field(default_factory=list)

    def told(self) -> list[Record]:
        """The records as they stand."""
        if not self.is_changed:
            return list(self.records)
        return [*self.records[:-1], replace(self.records[-1], status="Selesai")]


@dataclass(frozen=True)
class Stand:
    """A connector that reads a city."""

    connector: Connector
    client: Client


async def pull(stand: Stand, cursor: str | None = None, window: Window = WINDOW) -> list[Batch]:
    return [batch async for batch in stand.connector.pull(stand.client, cursor, window)]


def complaints(batches: list[Batch]) -> list[IncomingComplaint]:
    return [complaint for batch in batches for complaint in batch.complaints]


def ids(batches: list[Batch]) -> set[str]:
    return {complaint.external_id for complaint in complaints(batches)}


def rejects(batches: list[Batch]) -> set[str]:
    return {reject.content_hash for batch in batches for reject in batch.rejects}


def reasons(batches: list[Batch]) -> list[str]:
    """Why records were rejected, for whoever reads of a failure."""
    return sorted({reject.reason for batch in batches for reject in batch.rejects})


class Contract:
    """The contract of a connector, whatever its source is made of."""

    kind: ClassVar[str]
    options: ClassVar[Mapping[str, str]] = {}
    tells_status: ClassVar[bool] = True

    def stand(self, city: City, client: Client, folder: Path) -> contextlib.AbstractAsyncContextManager[Stand]:
        """The connector before a source that tells what the city tells."""
        raise NotImplementedError

    # case 25
    async def test_every_record_is_a_complaint_or_a_reject_and_ids_are_unique(self, fetcher, tmp_path):
        async with self.stand(City(), fetcher, tmp_path) as stand:
            batches = await pull(stand)
        assert len(complaints(batches)) == len(ids(batches)) == 6, reasons(batches)
        assert [bool(one.reason) for batch in batches for one in batch.rejects] == [True]

    async def test_times_are_aware_and_records_come_oldest_first(self, fetcher, tmp_path):
        async with self.stand(City(), fetcher, tmp_path) as stand:
            times = [one.reported_at for one in complaints(await pull(stand))]
        assert times == [one.reported_at for one in some_records() if one.number is not None]
        assert all(at.utcoffset() is not None for at in times)

    # case 57
    async def test_a_word_that_nobody_knows_is_kept(self, fetcher, tmp_path):
        async with self.stand(City(), fetcher, tmp_path) as stand:
            last = complaints(await pull(stand))[-1]
        assert last.source_status == (NEW_WORD if self.tells_status else None)
        assert fold_word(NEW_WORD) not in stand.connector.traits.status_words

    async def test_the_raw_record_is_kept_and_hashed(self, fetcher, tmp_path):
        async with self.stand(City(), fetcher, tmp_path) as stand:
            batches = await pull(stand)
        found = [*complaints(batches), *(one for batch in batches for one in batch.rejects)]
        assert all(one.content_hash == hash_raw(one.raw) for one in found)

    async def test_the_stored_raw_record_read_again_gives_the_same(self, fetcher, tmp_path):
        """Replay equals the original: what is stored is enough."""
        async with self.stand(City(), fetcher, tmp_path) as stand:
            batches = await pull(stand)
        for one in complaints(batches):
            assert stand.connector.reread(json.loads(json.dumps(one.raw))) == one
        (reject,) = (one for batch in batches for one in batch.rejects)
        assert stand.connector.reread(json.loads(json.dumps(reject.raw))) == reject

    async def test_a_second_pull_brings_nothing_new_and_a_change_only_itself(self, fetcher, tmp_path):
        city = City()
        async with self.stand(city, fetcher, tmp_path) as stand:
            first = await pull(stand)
            known = {one.external_id: one.content_hash for one in complaints(first)}
            second = await pull(stand, first[-1].cursor)
            assert all(known[one.external_id] == one.content_hash for one in complaints(second))
            assert rejects(second) <= rejects(first)
        city.is_changed = True
        async with self.stand(city, fetcher, tmp_path) as stand:
            third = complaints(await pull(stand, second[-1].cursor))
        changed = {one.external_id for one in third if known[one.external_id] != one.content_hash}
        assert changed == {complaints(first)[-1].external_id}

    async def test_a_pull_from_the_start_again_brings_the_same(self, fetcher, tmp_path):
        async with self.stand(City(), fetcher, tmp_path) as stand:
            first, again = await pull(stand), await pull(stand)
        assert (complaints(first), rejects(first)) == (complaints(again), rejects(again))

    # case 30
    async def test_a_pull_goes_on_after_any_of_its_batches(self, fetcher, tmp_path):
        async with self.stand(City(), fetcher, tmp_path) as stand:
            whole = await pull(stand)
            for count in range(1, len(whole) + 1):
                started = stand.connector.pull(stand.client, None, WINDOW)
                got = [await anext(started) for _ in range(count)]
                await started.aclose()
                rest = await pull(stand, got[-1].cursor)
                assert ids([*got, *rest]) == ids(whole)
                assert rejects([*got, *rest]) == rejects(whole)

    # cases 22, 28
    @pytest.mark.parametrize(
        "told",
        [lambda records: records[::-1], lambda records: [one for each in records for one in (each, each)]],
        ids=["reversed", "doubled"],
    )
    async def test_records_in_another_order_or_twice_are_the_same_complaints(self, told, fetcher, tmp_path):
        async with self.stand(City(), fetcher, tmp_path) as stand:
            plain = {one.external_id: one.content_hash for one in complaints(await pull(stand))}
        async with self.stand(City(records=told(some_records())), fetcher, tmp_path) as stand:
            found = complaints(await pull(stand))
        assert {one.external_id: one.content_hash for one in found} == plain

    # case 16
    async def test_a_clock_that_runs_ahead_hides_nothing(self, fetcher, tmp_path):
        """A record from two minutes after the pull is kept, now or next time, and so is an earlier one that follows."""
        city = City(records=[*some_records(), Record(71, UNTIL + timedelta(minutes=2))])
        async with self.stand(city, fetcher, tmp_path) as stand:
            first = await pull(stand)
        city.records.append(Record(72, UNTIL + timedelta(minutes=1)))
        async with self.stand(city, fetcher, tmp_path) as stand:
            later = await pull(stand, first[-1].cursor, Window(until=UNTIL + timedelta(hours=1), since=WINDOW.since))
        assert len(ids([*first, *later])) == 8

    async def test_a_check_reads_the_source(self, fetcher, tmp_path):
        async with self.stand(City(), fetcher, tmp_path) as stand:
            assert await stand.connector.check(stand.client)

    async def test_the_traits_are_folded_words_that_mean_statuses_and_a_zone(self, fetcher, tmp_path):
        async with self.stand(City(), fetcher, tmp_path) as stand:
            traits = stand.connector.traits
        assert all(word == fold_word(word) for word in traits.status_words)
        assert set(traits.status_words.values()) <= set(Status) - {Status.UNKNOWN}
        assert ZoneInfo(traits.timezone)
        assert stand.connector.name == self.kind


TROUBLE: Mapping[str, tuple[Answer, type[Exception], bool]] = {
    "401": (Answer(401), AccessDenied, False),
    "403": (Answer(403), AccessDenied, False),
    "410": (Answer(410), UnexpectedPayload, False),
    "429": (Answer(429, headers={"retry-after": "3600"}), RateLimited, False),
    "500": (Answer(500), SourceUnavailable, True),
    "503": (Answer(503), SourceUnavailable, True),
    "400": (Answer(400), UnexpectedPayload, False),
    "page": (
        Answer(200, b"<html>Sedang dalam perbaikan</html>", {"content-type": "text/html"}),
        SourceUnavailable,
        True,
    ),
    "half": (Answer(200, b'[{"id": 1', {"content-type": "application/json"}), SourceUnavailable, True),
    "empty": (Answer(200, b"", {"content-type": "application/json"}), SourceUnavailable, True),
    "cut": (
        Answer(200, b"[" + b" " * 100 + b"]", {"content-type": "application/json"}, cut=50),
        SourceUnavailable,
        True,
    ),
    "shape": (json_answer({"message": "ok"}), UnexpectedPayload, False),
}
"""What a source may answer: what the caller is told, and whether it was asked again at once."""


class HttpContract(Contract):
    """The contract of a connector whose source speaks HTTP."""

    token: ClassVar[str | None] = "word"

    def shape(self, record: Record) -> dict[str, Any]:
        """The record in the source's own form; its id is None where it has no number."""
        raise NotImplementedError

    def answer(self, request: Request, records: list[dict[str, Any]]) -> Answer:
        """What the source answers where its records are these."""
        raise NotImplementedError

    @contextlib.asynccontextmanager
    async def stand(self, city: City, client: Client, folder: Path) -> AsyncIterator[Stand]:
        async with serving(self._handler(city)) as server:
            connector = CONNECTORS[self.kind].build(url=server.url, token=self.token, options=self.options)
            yield Stand(connector, client)

    def _handler(self, city: City) -> Callable[[Request], Answer]:
        def handle(request: Request) -> Answer:
            city.asked.append(request)
            number = len(city.asked) - 1
            if city.fails_from is not None and city.fails_from <= number < city.fails_from + 3:
                return Answer(500)
            more = {"field_of_tomorrow": {"a": [1]}} if city.has_more_fields else {}
            return city.fault or self.answer(request, [self.shape(record) | more for record in city.told()])

        return handle

    async def test_only_the_last_batch_says_that_nothing_is_missing(self, fetcher, tmp_path):
        async with self.stand(City(), fetcher, tmp_path) as stand:
            batches = await pull(stand)
        assert [batch.complete_through for batch in batches] == [None] * (len(batches) - 1) + [UNTIL]

    # case 32
    async def test_an_empty_source_is_empty_and_complete(self, fetcher, tmp_path):
        async with self.stand(City(records=[]), fetcher, tmp_path) as stand:
            batches = await pull(stand)
        assert complaints(batches) == []
        assert batches[-1].complete_through == UNTIL

    async def test_an_earlier_window_brings_the_same_records(self, fetcher, tmp_path):
        earlier = Window(until=UNTIL, since=UNTIL - timedelta(days=6))
        async with self.stand(City(), fetcher, tmp_path) as stand:
            assert complaints(await pull(stand)) == complaints(await pull(stand, None, earlier))

    # cases 38, 39
    @pytest.mark.parametrize(("fault", "error", "is_retried"), TROUBLE.values(), ids=TROUBLE)
    async def test_trouble_says_what_the_caller_must_do_and_loses_nothing(
        self, fetcher, tmp_path, fault, error, is_retried
    ):
        city = City(fault=fault)
        async with self.stand(city, fetcher, tmp_path) as stand:
            with pytest.raises(error):
                await pull(stand)
            first = city.asked[0]
            again = [one for one in city.asked if (one.path, one.query) == (first.path, first.query)]
            assert (len(again) > 1) is is_retried
            city.fault = None
            assert len(ids(await pull(stand))) == 6

    # case 30
    async def test_a_source_that_fails_at_any_request_loses_nothing(self, fetcher, tmp_path):
        city = City()
        async with self.stand(city, fetcher, tmp_path) as stand:
            await pull(stand)
            for number in range(len(city.asked)):
                city.asked, city.fails_from, got = [], number, []
                with contextlib.suppress(SourceUnavailable):
                    async for batch in stand.connector.pull(stand.client, None, WINDOW):
                        got.append(batch)
                city.fails_from = None
                rest = await pull(stand, got[-1].cursor if got else None)
                assert len(ids([*got, *rest])) == 6
                assert len(rejects([*got, *rest])) == 1
                assert rest[-1].complete_through == UNTIL

    async def test_fields_that_nobody_knows_do_no_harm(self, fetcher, tmp_path):
        async with self.stand(City(has_more_fields=True), fetcher, tmp_path) as stand:
            assert len(ids(await pull(stand))) == 6

    async def test_a_check_fails_as_a_pull_does(self, fetcher, tmp_path):
        async with self.stand(City(fault=Answer(401)), fetcher, tmp_path) as stand:
            with pytest.raises(AccessDenied):
                await stand.connector.check(stand.client)
