"""A status word taught later: the complaints that carry it are read again, with clocks and unit as if always known."""

from __future__ import annotations

import pytest

from app.complaint.errors import InvalidInput
from app.complaint.lifecycle import Status
from app.db.session import writing
from app.intake.words import reread_learned, teach_word
from tests.intake.feeds import HOUR, crm, jaki, told

CODE, OTHER = "JK2601120001", "JK2601120002"


async def teach(station, word, status, connector=""):
    async with writing(station.engine) as connection:
        await teach_word(connection, connector, word, status)
    station.now += HOUR
    return await reread_learned(station.engine, station.rulebooks, now=station.now)


async def test_complaints_that_carry_the_word_are_read_again(station, feeds):
    feeds.jaki = [
        jaki(CODE, "12 08:00", "Rampung", (("Rampung", "12 09:00", "Kelurahan Petamburan"),)),
        jaki(OTHER, "12 08:00"),
    ]
    await station.pull("jaki")
    before = await station.complaint(CODE)
    assert before.status == "unknown"
    assert await teach(station, "rampung", Status.RESOLVED) == 1
    after = await station.complaint(CODE)
    assert (after.status, after.version) == ("resolved", before.version + 1)
    assert told(after.closed_at) == "12 09:00"
    assert told((await station.clock(CODE, "respond")).stopped_at) == "12 09:00"
    assert (await station.complaint(OTHER)).version == 1
    assert await station.differences() == []


async def test_reading_again_is_done_once(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00", "Rampung")]
    await station.pull("jaki")
    assert await teach(station, "rampung", Status.RESOLVED) == 1
    assert await reread_learned(station.engine, station.rulebooks, now=station.now) == 0
    notices = [row for row in await station.rows("source_notice") if row.kind == "unknown_status"]
    assert [row.is_open for row in notices] == [False]


async def test_a_word_inside_a_trail_is_read_again_too(station, feeds):
    feeds.jaki = [
        jaki(
            CODE,
            "12 08:00",
            "Selesai",
            (("Dijawab", "12 09:00", "Kelurahan Petamburan"), ("Selesai", "12 11:00", "Kelurahan Petamburan")),
        )
    ]
    await station.pull("jaki")
    assert told((await station.clock(CODE, "respond")).stopped_at) == "12 11:00"
    assert await teach(station, "dijawab", Status.IN_PROGRESS, "jaki") == 1
    assert told((await station.clock(CODE, "respond")).stopped_at) == "12 09:00"
    assert await station.differences() == []


async def test_a_word_that_says_somebody_has_it_gives_it_to_the_unit_that_the_source_names(station, feeds):
    feeds.crm, feeds.villages = [crm(991, CODE, "12 08:00", "Diteruskan")], {991: "Petamburan"}
    await station.pull("crm")
    assert await station.unit(CODE) == "Kelurahan Petamburan"
    await teach(station, "diteruskan", Status.DISPATCHED)
    assert await station.unit(CODE) == "Dinas Bina Marga"
    assert await station.differences() == []


async def test_a_word_of_another_kind_of_source_changes_nothing(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00", "Rampung")]
    await station.pull("jaki")
    assert await teach(station, "rampung", Status.RESOLVED, "crm") == 0
    assert (await station.complaint(CODE)).status == "unknown"


@pytest.mark.parametrize(
    ("word", "status"), [("  ", Status.RESOLVED), ("x" * 201, Status.RESOLVED), ("a", Status.UNKNOWN)]
)
async def test_nothing_is_taught_that_says_nothing(connection, word, status):
    with pytest.raises(InvalidInput):
        await teach_word(connection, "", word, status)
