"""One puller at a time: leases that are taken, kept, lost and freed; two sources that bring one ticket at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from app.clock import utc_now
from app.complaint.errors import SourceBusy
from app.db.session import reading, writing
from app.db.tables.sources import Source, SourceRun
from app.intake import leases, run
from app.intake.sources import due_sources
from connectors.contract import Batch
from tests.connectors.servers import Answer
from tests.intake.feeds import at, jaki
from tests.intake.records import incoming
from tests.intake.test_pull import Told, tally

CODE, OTHER = "JK2601120001", "JK2601120002"
SPAN = timedelta(seconds=60)


async def take(station, owner, span=SPAN, *, only_due=False):
    source = await station.source("jaki")
    async with writing(station.engine) as connection:
        return await leases.take(connection, source.id, "jaki", owner=owner, span=span, only_due=only_due)


async def expire(station):
    """As if the lease's time had passed."""
    async with writing(station.engine) as connection:
        await connection.execute(update(Source).values(lease_until=at("1 00:00")))


async def test_a_second_puller_is_told_that_the_source_is_busy(station, feeds):
    await take(station, "another:1")
    with pytest.raises(SourceBusy, match="source jaki is being pulled by another worker"):
        await station.pull("jaki")
    assert feeds.asked("reports") == []
    assert await station.rows("source_run") == []
    assert await station.pull("crm") == tally()


async def test_a_source_that_somebody_holds_is_not_due(station):
    async with reading(station.engine) as connection:
        assert list(await due_sources(connection)) == ["crm", "jaki"]
    await take(station, "another:1")
    async with reading(station.engine) as connection:
        assert list(await due_sources(connection)) == ["crm"]


async def test_a_pull_that_is_stopped_gives_its_lease_back_at_once(station, feeds):
    feeds.jaki, feeds.page_size = [jaki(CODE, "12 08:00"), jaki(OTHER, "12 09:00")], 1
    feeds.fail["reports"] = lambda request: Answer(body=b"{}", drips=True) if "cursor" in request.query else None
    pulling = asyncio.create_task(station.pull("jaki"))
    while len(feeds.asked("reports")) < 2:
        await asyncio.sleep(0.01)
    pulling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pulling
    (stopped,) = await station.rows("source_run")
    assert (stopped.state, stopped.created, stopped.pulled) == ("lost", 1, 1)
    feeds.fail.clear()
    assert await station.pull("jaki") == tally(created=1)


async def test_the_lease_of_a_dead_puller_frees_itself_and_its_run_is_lost(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00")]
    source = await station.source("jaki")
    dead = await take(station, "dead:1")
    counts = {"pulled": 1, "created": 1, "linked": 0, "updated": 0, "unchanged": 0, "rejected": 0}
    row = {"source_id": source.id, "kind": "pull", "state": "running", "owner": "dead:1", "started_at": at("12 11:00")}
    async with writing(station.engine) as connection:
        await connection.execute(insert(SourceRun).values(row | counts))
    await expire(station)
    assert await station.pull("jaki") == tally(created=1)
    lost, done = sorted(await station.rows("source_run"), key=lambda run: run.state, reverse=True)
    assert (lost.state, lost.pulled, done.state) == ("lost", 1, "done")
    assert dead.number + 1 == (await station.source("jaki")).lease_no


async def test_who_lost_the_lease_writes_nothing_more(station):
    async def slow():
        yield Batch((incoming(CODE, "12 08:00"),), (), None)
        await expire(station)
        await take(station, "another:1")
        yield Batch((incoming(OTHER, "12 08:00"),), (), None)

    with pytest.raises(leases.LostLease):
        await run.import_batches(station.intake, "jaki", Told(), slow())
    assert [record.external_id for record in await station.rows("source_record")] == [CODE]
    source = await station.source("jaki")
    assert (source.lease_owner, source.failures, source.last_success_at) == ("another:1", 0, None)


async def test_a_lost_lease_is_not_given_back_by_its_former_holder(station):
    former = await take(station, "a:1")
    await expire(station)
    await take(station, "b:1")
    async with writing(station.engine) as connection:
        await leases.release(connection, former)
    assert (await station.source("jaki")).lease_owner == "b:1"


async def test_the_number_fences_a_holder_of_the_same_name(station):
    """A process may take the lease again after it lost it; its former run must not go on under the new one."""
    former = await take(station, "a:1")
    await expire(station)
    await take(station, "a:1")
    async with writing(station.engine) as connection:
        with pytest.raises(leases.LostLease):
            await leases.hold(connection, former)


async def test_a_heartbeat_keeps_the_lease_of_a_slow_pull(station):
    held = await take(station, "a:1", timedelta(milliseconds=150))
    first = (await station.source("jaki")).lease_until
    async with leases.heartbeat(station.engine, held):
        while (await station.source("jaki")).lease_until <= first + held.span:
            await asyncio.sleep(0)


async def test_a_heartbeat_ends_quietly_when_the_lease_is_lost(station):
    held = await take(station, "a:1", timedelta(milliseconds=30))
    await expire(station)
    await take(station, "b:1")
    async with leases.heartbeat(station.engine, held):
        for _ in range(20):
            assert (await station.source("jaki")).lease_owner == "b:1"


async def test_only_one_of_many_gets_the_lease(station):
    answers = await asyncio.gather(*(take(station, f"w:{number}") for number in range(5)), return_exceptions=True)
    assert sum(isinstance(each, leases.Lease) for each in answers) == 1
    assert sum(isinstance(each, SourceBusy) for each in answers) == 4


async def test_a_worker_does_not_pull_again_what_another_has_just_pulled(station, feeds):
    """Both saw the source due; the second one came after the first had finished."""
    async with writing(station.engine) as connection:
        await connection.execute(update(Source).values(next_run_at=at("12 12:00")))
    station.now = utc_now()
    await station.pull("jaki", only_due=True)
    with pytest.raises(SourceBusy):
        await replace(station, owner="b:1").pull("jaki", only_due=True)
    assert len(await station.rows("source_run")) == 1
    await station.pull("jaki")


async def test_a_pull_goes_on_from_where_the_last_one_is_when_it_gets_the_lease(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00"), jaki(OTHER, "12 11:00")]
    await asyncio.gather(station.pull("jaki"), replace(station, owner="b:1").pull("jaki"), return_exceptions=True)
    await station.pull("jaki")
    assert feeds.asked("reports")[-1]["updated_since"].startswith("2026-01-12T10:50")


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_two_sources_that_bring_the_same_tickets_at_once_make_one_complaint_of_each(station):
    """In opposite orders, so that each waits for the other's row."""
    codes = [f"JK26011200{number:02}" for number in range(90)]
    both = asyncio.Barrier(2)

    async def brings(found):
        for start in range(0, len(found), 30):
            await both.wait()
            yield Batch(
                tuple(incoming(code, "12 08:00", ticket_code=code) for code in found[start : start + 30]), (), None
            )

    first, second = await asyncio.gather(
        run.import_batches(station.intake, "jaki", Told(), brings(codes)),
        run.import_batches(replace(station, owner="b:1").intake, "crm", Told(), brings([*codes[29::-1], *codes[30:]])),
    )
    assert (first.tally.pulled, second.tally.pulled) == (90, 90)
    assert first.tally.created + second.tally.created == 90
    assert first.tally.linked + second.tally.linked == 90
    assert len(await station.rows("complaint")) == 90
    assert len(await station.rows("source_record")) == 180
    assert await station.differences() == []


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_a_large_batch_is_not_beaten_by_many_small_ones_that_bring_the_same_tickets(station):
    """However often the other is first, it waits its turn and is stored the first time."""
    codes = [f"JK2601120{number:03}" for number in range(150)]
    both = asyncio.Barrier(2)

    async def brings(found, size):
        await both.wait()
        for start in range(0, len(found), size):
            batch = found[start : start + size]
            yield Batch(tuple(incoming(code, "12 08:00", ticket_code=code) for code in batch), (), None)

    large, small = await asyncio.gather(
        run.import_batches(station.intake, "jaki", Told(), brings(codes, len(codes))),
        run.import_batches(replace(station, owner="b:1").intake, "crm", Told(), brings(codes, 1)),
    )
    assert large.tally.created + small.tally.created == len(codes)
    assert large.tally.linked + small.tally.linked == len(codes)
    assert len(await station.rows("complaint")) == len(codes)
    assert await station.differences() == []
