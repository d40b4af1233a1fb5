"""Past days read on order, in slices between the pulls, and resumed; the daily comparison with the source."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from app import backfilling
from app.backfilling import finish_backfill, reconcile_source, work_on_backfill, work_slice
from app.clock import utc_now
from app.complaint.errors import Conflict, InvalidInput
from app.db.rulebook import Rulebooks
from app.db.session import reading, writing
from app.db.tables.sources import Source
from app.intake import backfill
from app.intake.sources import read_source
from app.pulling import Plant
from app.settings import load_settings
from tests.intake.feeds import WIB, always, crm, jaki
from tests.intake.station import VAULT

TODAY = utc_now().astimezone(WIB).date()


def day(back):
    return TODAY - timedelta(days=back)


def when(back, number=0):
    return f"{day(back).isoformat()}T08:{number:02}:00+07:00"


def ticket(back, number=1):
    return f"JK{day(back):%y%m%d}{number:04}"


def on_crm(back, number=1, status="Menunggu"):
    record = crm(int(f"{back:03}{number:03}"), ticket(back, number), "12 08:00", status)
    return {**record, "createdAt": f"{day(back).isoformat()}T01:00:{number:02}.000Z"}


def on_jaki(back, number=1):
    return {
        **jaki(ticket(back, number), "12 08:00"),
        "created_at": when(back, number),
        "updated_at": when(back, number),
    }


@pytest.fixture
async def plant(engine, database_url, feeds):
    settings = load_settings(
        _env_file=None,
        secret_key="k" * 40,
        database_url=database_url,
        allowed_source_hosts="127.0.0.1",
        source_rate=1000,
    )
    return Plant(settings, engine, Rulebooks(), VAULT)


async def order(plant, name, first, last, by="siti"):
    async with writing(plant.engine) as connection:
        source = await read_source(connection, name)
        return await backfill.order_backfill(
            connection, source, from_on=day(first), to_on=day(last), by=by, zone=WIB, now=utc_now()
        )


async def row(plant, id_):
    async with reading(plant.engine) as connection:
        return await backfill.view_backfill(connection, id_)


def ignore(_view):
    """Nobody watches."""


@pytest.fixture
async def both(station, plant):
    """The station's sources, seen by the program itself."""
    return station


async def test_days_are_read_one_by_one_and_only_those(both, plant, feeds):
    feeds.crm = [on_crm(back) for back in (12, 11, 10, 9)]
    wanted = await order(plant, "crm", 11, 10)
    done = await finish_backfill(plant, wanted, ignore)
    assert (done.state, done.days, done.days_done, done.next_on) == ("done", 2, 2, None)
    assert (done.created, done.pulled) == (2, 2)
    assert [query["dateStart"] for query in feeds.asked("distribution-map")] == [str(day(11)), str(day(10))]
    codes = {complaint.ticket_code for complaint in await both.rows("complaint")}
    assert codes == {ticket(11), ticket(10)}


async def test_the_cursor_the_schedule_and_the_watermark_stay_those_of_the_pulls(both, plant, feeds):
    feeds.crm = [on_crm(11)]
    before = await both.source("crm")
    await finish_backfill(plant, await order(plant, "crm", 11, 10), ignore)
    after = await both.source("crm")
    kept = ("cursor", "next_run_at", "complete_through", "last_look_at", "last_success_at", "failures")
    assert {name: getattr(after, name) for name in kept} == {name: getattr(before, name) for name in kept}
    assert {run.kind for run in await both.rows("source_run")} == {"backfill"}


async def test_a_backfill_goes_on_at_the_day_where_it_was_stopped(both, plant, feeds, monkeypatch):
    feeds.crm = [on_crm(back) for back in (13, 12, 11, 10)]
    monkeypatch.setattr(backfilling, "SLICE_S", 0.0)
    wanted = await order(plant, "crm", 13, 10)
    await work_slice(plant, wanted)
    half = await row(plant, wanted)
    assert (half.state, half.days_done, half.next_on) == ("running", 1, day(12))
    assert await order(plant, "crm", 13, 10) == wanted
    assert await work_on_backfill(plant)
    await finish_backfill(plant, wanted, ignore)
    assert [query["dateStart"] for query in feeds.asked("distribution-map")] == [
        str(day(back)) for back in (13, 12, 11, 10)
    ]
    assert (await row(plant, wanted)).created == 4
    assert not await work_on_backfill(plant)
    assert await order(plant, "crm", 13, 10) != wanted


async def test_a_source_that_is_asked_for_changes_is_read_page_by_page_and_resumed(both, plant, feeds, monkeypatch):
    feeds.jaki, feeds.page_size = [on_jaki(9, number) for number in range(1, 6)], 2
    monkeypatch.setattr(backfilling, "SLICE_S", 0.0)
    wanted = await order(plant, "jaki", 10, 9)
    states = []
    done = await finish_backfill(plant, wanted, lambda view: states.append((view.state.value, view.pulled)))
    assert states == [("running", 2), ("running", 4), ("done", 5)]
    assert done.created == 5
    assert [query.get("cursor", "") for query in feeds.asked("reports")] == ["", "2", "4"]
    assert feeds.asked("reports")[0]["updated_since"].startswith(str(day(10)))


async def test_a_source_that_fails_is_tried_again_later_and_its_words_are_on_record(both, plant, feeds):
    feeds.crm, feeds.fail["distribution-map"] = [on_crm(11)], always(503)
    wanted = await order(plant, "crm", 11, 11)
    await work_slice(plant, wanted)
    failed = await row(plant, wanted)
    assert failed.state == "waiting"
    assert "failed (503)" in failed.error
    assert not await work_on_backfill(plant)
    del feeds.fail["distribution-map"]
    await work_slice(plant, wanted)
    done = await row(plant, wanted)
    assert (done.state, done.error, done.created) == ("done", None, 1)


async def test_a_source_that_refuses_us_ends_the_backfill(both, plant, feeds):
    feeds.fail["distribution-map"] = always(403)
    wanted = await order(plant, "crm", 11, 11)
    failed = await finish_backfill(plant, wanted, ignore)
    assert failed.state == "failed"
    assert "refuses our credentials" in failed.error
    assert (await both.source("crm")).failures == 0


async def test_a_source_that_is_being_pulled_is_waited_for(both, plant, feeds):
    feeds.crm = [on_crm(11)]
    async with writing(plant.engine) as connection:
        later = utc_now() + timedelta(minutes=5)
        await connection.execute(update(Source).values(lease_owner="another:1", lease_until=later))
    wanted = await order(plant, "crm", 11, 11)
    await work_slice(plant, wanted)
    waiting = await row(plant, wanted)
    assert (waiting.state, waiting.error) == ("waiting", None)
    assert not await work_on_backfill(plant)


@pytest.mark.parametrize(
    ("first", "last", "error", "words"),
    [(10, 11, InvalidInput, "is before"), (1, -1, InvalidInput, "still to come")],
)
async def test_days_must_be_in_order_and_past(both, plant, first, last, error, words):
    with pytest.raises(error, match=words):
        await order(plant, "crm", first, last)


async def test_a_file_has_no_past_to_read(both, plant):
    async with writing(plant.engine) as connection:
        await connection.execute(update(Source).values(every_s=None))
    with pytest.raises(Conflict, match="import one instead"):
        await order(plant, "crm", 11, 10)


async def pulled(both, name, plant):
    """As if the source had been pulled whole a moment ago."""
    async with writing(plant.engine) as connection:
        await connection.execute(update(Source).where(Source.name == name).values(complete_through=utc_now()))


async def counts(both, name):
    """The compared days as (days back, listed, held, repaired, unlisted)."""
    source = await both.source(name)
    rows = [row for row in await both.rows("day_count") if row.source_id == source.id]
    return {(TODAY - row.day_on).days: (row.listed, row.held, row.repaired, row.unlisted) for row in rows}


@pytest.mark.parametrize("name", ["crm", "jaki"])
async def test_a_gap_is_stored_and_told(both, plant, feeds, name):
    records = [(on_crm if name == "crm" else on_jaki)(3, number) for number in (1, 2)]
    setattr(feeds, name, records[:1])
    await finish_backfill(plant, await order(plant, name, 5, 2), ignore)
    await pulled(both, name, plant)
    setattr(feeds, name, records)
    await reconcile_source(plant, name, days=4)
    assert (await counts(both, name))[3] == (2, 2, 1, 0)
    assert {ticket(3, 1), ticket(3, 2)} == {each.ticket_code for each in await both.rows("complaint")}
    (notice,) = [each for each in await both.rows("source_notice") if each.kind == "gap"]
    assert (notice.subject, notice.times_seen) == (str(day(3)), 1)
    await reconcile_source(plant, name, days=4)
    assert (await counts(both, name))[3] == (2, 2, 0, 0)


async def test_what_no_pull_could_have_seen_is_new_and_no_gap(both, plant, feeds):
    feeds.jaki = [on_jaki(1)]
    await reconcile_source(plant, "jaki", days=4)
    assert (await counts(both, "jaki"))[1] == (1, 1, 0, 0)


async def test_what_the_source_lists_no_more_is_told_and_stays(both, plant, feeds):
    feeds.crm = [on_crm(3, 1), on_crm(3, 2)]
    await finish_backfill(plant, await order(plant, "crm", 5, 2), ignore)
    feeds.crm = [on_crm(3, 1)]
    await reconcile_source(plant, "crm", days=4)
    assert (await counts(both, "crm"))[3] == (1, 2, 0, 1)
    assert len(await both.rows("complaint")) == 2
    (notice,) = [each for each in await both.rows("source_notice") if each.kind == "unlisted"]
    assert (notice.subject, notice.times_seen) == (str(day(3)), 1)


async def test_days_with_open_complaints_are_read_for_as_long_as_they_are_open(both, plant, feeds):
    """Beyond its look-back a pull never sees them again."""
    feeds.crm = [on_crm(100), on_crm(90)]
    await finish_backfill(plant, await order(plant, "crm", 100, 90), ignore)
    feeds.crm = [on_crm(100, status="Selesai"), on_crm(90)]
    await reconcile_source(plant, "crm", days=4)
    assert (await both.complaint(ticket(100))).status == "resolved"
    assert {100, 90} <= (await counts(both, "crm")).keys()
    asked = len(feeds.asked("distribution-map"))
    await reconcile_source(plant, "crm", days=4)
    assert feeds.asked("distribution-map")[asked]["dateStart"] == str(day(90))


async def test_a_comparison_that_fails_says_nothing_of_any_day_and_comes_again_within_the_hour(both, plant, feeds):
    feeds.fail["distribution-map"] = always(503)
    with pytest.raises(Exception, match="503"):
        await reconcile_source(plant, "crm", days=4)
    assert await counts(both, "crm") == {}
    due_in = (await both.source("crm")).reconciled_at + timedelta(days=1) - utc_now()
    assert timedelta(minutes=59) < due_in <= timedelta(hours=1)


async def test_each_source_is_compared_once_a_day(both, plant, feeds):
    await pulled(both, "crm", plant)
    async with writing(plant.engine) as connection:
        await connection.execute(update(Source).where(Source.name == "crm").values(last_success_at=utc_now()))
    assert await backfilling.sources_due(plant) == ["crm"]
    await reconcile_source(plant, "crm", days=4)
    assert await backfilling.sources_due(plant) == []
