"""Rejects read again: those that a mended mapping can read become complaints, the others stay with their reason."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.complaint.errors import NotFound
from app.db.session import writing
from app.intake.beside import Desk
from app.intake.rejects import purge_rejects
from app.intake.replay import replay_many, replay_one
from connectors.contract import Batch, Reject
from tests.intake.feeds import at, jaki
from tests.intake.records import incoming
from tests.intake.station import VAULT
from tests.intake.test_pull import Told, tally

CODE, OTHER = "JK2601120001", "JK2601120002"


class Mended(Told):
    """A connector whose mapping can read any record that has a title by now."""

    def reread(self, raw):
        if "title" not in raw:
            return Reject(raw, "there is no title", raw.get("id"))
        return incoming(raw["id"], "12 08:00", ticket_code=raw["id"], text=raw["title"], raw=raw)


def bad(code, **values):
    return Reject({"id": code, **values}, "created_at is missing or not a time", code)


async def replay(station, connector=None, *, only=None, after=0):
    desk = Desk(station.rulebooks, VAULT, "siti", station.now)
    source = await station.source("jaki")
    async with writing(station.engine) as connection:
        if only is not None:
            return await replay_one(connection, desk, source, connector or Mended(), only)
        return await replay_many(connection, desk, source, connector or Mended(), after=after)


async def test_what_can_be_read_now_becomes_a_complaint_and_the_rest_stays(station):
    await station.store("jaki", Told(), Batch((), (bad(CODE, title="Lampu mati"), bad(OTHER)), None))
    done = await replay(station)
    assert (done.replayed, done.rejected, done.remaining) == (1, 1, 0)
    assert done.tally.as_columns() == tally(created=1)
    assert (await station.complaint(CODE)).text == "Lampu mati"
    states = {row.external_id: (row.state, row.reason, row.times_seen) for row in await station.rows("reject")}
    assert states == {
        CODE: ("replayed", "created_at is missing or not a time", 1),
        OTHER: ("open", "there is no title", 1),
    }
    run = next(row for row in await station.rows("source_run") if row.kind == "replay")
    assert (run.state, run.owner, run.pulled, run.created) == ("done", "siti", 1, 1)
    assert await station.differences() == []


async def test_a_second_replay_finds_nothing_more(station):
    await station.store("jaki", Told(), Batch((), (bad(CODE, title="Lampu mati"), bad(OTHER)), None))
    await replay(station)
    again = await replay(station)
    assert (again.replayed, again.rejected) == (0, 1)
    assert len(await station.rows("complaint")) == 1
    assert [row.kind for row in await station.rows("source_run")].count("replay") == 1


async def test_one_reject_is_replayed_by_itself(station):
    await station.store("jaki", Told(), Batch((), (bad(CODE, title="a"), bad(OTHER, title="b")), None))
    first = (await station.rows("reject"))[0]
    assert (await replay(station, only=first.id)).replayed == 1
    assert [row.state for row in await station.rows("reject")] == ["replayed", "open"]
    with pytest.raises(NotFound, match="has no reject 999"):
        await replay(station, only=999)


async def test_an_older_form_never_overwrites_the_record_that_was_repaired_at_the_source(station):
    await station.store("jaki", Told(), Batch((), (bad(CODE, title="lama"),), None))
    station.now += timedelta(hours=1)
    repaired = incoming(CODE, "12 08:00", ticket_code=CODE, text="baru", raw={"id": CODE, "title": "baru"})
    await station.store("jaki", Told(), Batch((repaired,), (), None))
    assert [row.state for row in await station.rows("reject")] == ["replayed"]
    assert (await replay(station)).replayed == 0
    assert (await station.complaint(CODE)).text == "baru"


async def test_of_two_forms_of_one_record_the_newer_one_counts(station):
    await station.store("jaki", Told(), Batch((), (bad(CODE, title="baru"),), None))
    await station.store("jaki", Told(), Batch((), (bad(CODE, title="lama"),), None))
    station.now += timedelta(hours=1)
    await station.store("jaki", Told(), Batch((), (bad(CODE, title="baru"),), None))
    assert (await replay(station)).replayed == 2
    assert (await station.complaint(CODE)).text == "baru"
    assert len(await station.rows("complaint")) == 1


async def test_a_replayed_record_that_goes_bad_again_waits_again(station):
    await station.store("jaki", Told(), Batch((), (bad(CODE, title="a"),), None))
    await replay(station)
    await station.store("jaki", Told(), Batch((), (bad(CODE, title="a"),), None))
    (row,) = await station.rows("reject")
    assert (row.state, row.times_seen) == ("open", 2)


async def test_a_reject_without_id_waits_for_a_mapping_that_finds_one(station):
    await station.store("jaki", Told(), Batch((), (Reject({"kode": CODE}, "the record has no usable id"),), None))
    good = incoming(OTHER, "12 08:00", raw={"id": OTHER})
    await station.store("jaki", Told(), Batch((good,), (), None))
    (row,) = await station.rows("reject")
    assert row.state == "open"


async def test_every_record_of_a_real_connector_can_be_replayed(station, feeds):
    """With the code of JAKI itself: a record whose time was missing is mended by hand, as a mapping would."""
    broken = jaki(CODE, "12 08:00")
    broken["created_at"] = "kemarin"
    feeds.jaki = [broken]
    assert await station.pull("jaki") == tally(rejected=1)
    assert (await replay(station, Real())).replayed == 1
    assert (await station.complaint(CODE)).subject == "Lampu jalan mati"


class Real(Told):
    def reread(self, raw):
        return incoming(raw["id"], "12 08:00", ticket_code=raw["id"], subject=raw["title"], raw=raw)


async def test_rejects_are_dropped_when_nobody_has_seen_them_for_long_enough(station):
    await station.store("jaki", Told(), Batch((), (bad(CODE),), None))
    station.now += timedelta(days=100)
    await station.store("jaki", Told(), Batch((), (bad(OTHER),), None))
    async with writing(station.engine) as connection:
        assert await purge_rejects(connection, before=at("12 12:00") + timedelta(days=1)) == 1
    assert [row.external_id for row in await station.rows("reject")] == [OTHER]
