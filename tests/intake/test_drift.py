"""What a source's data no longer says, or says anew: fields, status words, categories become notices."""

from __future__ import annotations

from collections import Counter

import pytest

from app.db.session import writing
from app.db.states import NoticeKind
from app.intake.drift import ENOUGH_KNOWN, Shape, differences
from app.intake.notices import close_notice, view_notices
from connectors.contract import Batch, Reject
from tests.intake.feeds import HOUR, crm, jaki
from tests.intake.records import incoming
from tests.intake.test_pull import Told

CODE = "JK2601120001"


def records(count, start=1, **fields):
    return [
        incoming(f"X{number}", "12 08:00", category="Pohon", raw={"id": f"X{number}", **fields})
        for number in range(start, start + count)
    ]


async def found(station, kind=None):
    rows = await station.rows("source_notice")
    return {(str(row.kind), row.subject): row.times_seen for row in rows if kind in (None, row.kind)}


@pytest.mark.parametrize(
    ("known", "seen", "expected"),
    [
        ((100, {"id": 100}), (30, {"id": 30}), []),
        ((100, {"id": 100}), (1, {"id": 1, "mood": 1}), ["new_field mood"]),
        ((100, {"id": 100, "lat": 60}), (30, {"id": 30}), []),
        ((100, {"id": 100, "lat": 95}), (30, {"id": 30}), ["vanished_field lat"]),
        ((100, {"id": 100, "lat": 95}), (19, {"id": 19}), []),
        ((ENOUGH_KNOWN - 1, {"id": 19}), (30, {"mood": 30}), []),
        ((100, {str(number): 100 for number in range(200)}), (1, {"mood": 1}), []),
    ],
)
def test_fields_that_came_or_went(known, seen, expected):
    first, second = (Shape(count, Counter(fields)) for count, fields in (known, seen))
    assert [f"{kind} {path}" for kind, path in differences(first, second)] == expected


def test_a_shape_survives_its_storage_and_forgets_slowly():
    shape = Shape()
    shape.observe([{"id": 1, "place": {"lat": 1.0}, "timeline": [{"at": "x"}], "photos": []}])
    assert Shape.of(shape.to_json()) == shape
    assert set(shape.fields) == {"id", "place", "place.lat", "timeline", "timeline[].at", "photos"}
    old = Shape(20_000, Counter(id=20_000, gone=1))
    assert old.joined(Shape(2, Counter(id=2))) == Shape(10_001, Counter(id=10_001))


async def test_the_first_records_of_a_source_are_no_news(station):
    await station.store("jaki", Told(), Batch(tuple(records(30, title="a")), (), None))
    assert await found(station, "new_field") == {}


async def test_a_new_and_a_vanished_field_are_told_once_each_and_the_run_goes_on(station):
    await station.store("jaki", Told(), Batch(tuple(records(30, title="a")), (), None))
    counts = await station.store("jaki", Told(), Batch(tuple(records(30, 31, judul="a")), (), None))
    assert counts["created"] == 30
    assert await found(station, "new_field") == {("new_field", "judul"): 1}
    assert await found(station, "vanished_field") == {("vanished_field", "title"): 1}
    await station.store("jaki", Told(), Batch(tuple(records(5, 61, judul="a")), (), None))
    assert (await found(station))["new_field", "judul"] == 1


async def test_a_field_whose_loss_makes_every_record_a_reject_is_told_too(station):
    await station.store("jaki", Told(), Batch(tuple(records(30, created_at="x")), (), None))
    rejects = tuple(Reject({"id": f"Y{number}"}, "created_at is missing", f"Y{number}") for number in range(30))
    await station.store("jaki", Told(), Batch((), rejects, None))
    assert ("vanished_field", "created_at") in await found(station)


async def test_an_unknown_status_word_is_told_once_for_each_record_that_brings_it(station, feeds):
    feeds.jaki = [
        jaki(CODE, "12 08:00", "Ditimbang", (("Ditimbang", "12 09:00", "Kelurahan Petamburan"),)),
        jaki("JK2601120002", "12 08:00", "DITIMBANG "),
    ]
    await station.pull("jaki")
    assert await found(station, "unknown_status") == {("unknown_status", "ditimbang"): 2}
    station.now += HOUR
    await station.pull("jaki")
    assert await found(station, "unknown_status") == {("unknown_status", "ditimbang"): 2}


async def test_an_unknown_category_is_told_only_of_sources_of_our_own_city(station, feeds):
    feeds.crm = [crm(991, CODE, "12 08:00", complaintCategory={"name": "Sinyal Ponsel "})]
    await station.pull("crm")
    assert ("unknown_category", "sinyal ponsel") in await found(station)

    class Elsewhere(Told):
        traits = Told.traits.__class__(unit_root=("us-x", "X"))

    await station.add("boston", "spreadsheet", None)
    await station.store("boston", Elsewhere(), Batch(tuple(records(1)), (), None))
    assert ("unknown_category", "pohon") not in await found(station)


async def test_a_notice_that_was_closed_is_open_again_when_the_same_is_seen_again(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00", "Ditimbang")]
    await station.pull("jaki")
    source = await station.source("jaki")
    (row,) = [row for row in await station.rows("source_notice") if row.kind is NoticeKind.UNKNOWN_STATUS]
    async with writing(station.engine) as connection:
        closed = await close_notice(connection, row.id, source_id=source.id)
        listed = await view_notices(connection, source="jaki", before=None, limit=10)
    assert not closed.is_open
    assert row.id not in [each.id for each in listed]
    feeds.jaki = [jaki("JK2601120002", "12 09:00", "Ditimbang")]
    await station.pull("jaki", "12 13:00")
    async with writing(station.engine) as connection:
        assert row.id in [each.id for each in await view_notices(connection, source="jaki", before=None, limit=10)]
