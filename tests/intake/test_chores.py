"""What a worker does for intake by itself: each chore finds its work, and a failing source is news once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import update

from app.chores import Chores
from app.clock import utc_now
from app.complaint.lifecycle import Status
from app.db.rulebook import Rulebooks
from app.db.session import writing
from app.db.tables.sources import Reject, Source
from app.intake.imports import NewImport, keep_upload
from app.intake.words import teach_word
from app.pulling import Plant
from app.settings import load_settings
from app.worker import Jobs
from connectors.contract import Batch, Complainant
from connectors.contract import Reject as Bad
from tests.conftest import ROOT
from tests.connectors.servers import Answer
from tests.intake.feeds import always, jaki
from tests.intake.records import incoming, said
from tests.intake.station import VAULT
from tests.intake.test_pull import Told
from tests.sure import all_are_sure

BOSTON = ROOT / "connectors" / "spreadsheet" / "payloads" / "boston311.csv"
CODE = "JK2601120001"


@pytest.fixture
def plant(engine, database_url):
    settings = load_settings(
        _env_file=None,
        secret_key="k" * 40,
        database_url=database_url,
        allowed_source_hosts="127.0.0.1",
        source_rate=1000,
        reject_days=10,
    )
    return Plant(settings, engine, Rulebooks(), VAULT)


async def test_uploads_are_read(station, plant):
    new = NewImport(
        profile="boston311",
        file_name="boston.csv",
        content=BOSTON.read_bytes(),
        options={},
        is_dry_run=False,
        is_history=True,
        created_by="siti",
    )
    async with writing(plant.engine) as connection:
        await keep_upload(connection, new, VAULT, now=utc_now())
    await Chores(plant).read_uploads()
    (job,) = await station.rows("import_job")
    assert (job.state, job.sealed_file) == ("done", None)
    assert job.created == len(await station.rows("complaint")) > 0
    assert {row.is_history for row in await station.rows("complaint")} == {True}


async def test_taught_words_and_doubles_are_found(station, plant, feeds):
    station.now = utc_now()
    feeds.jaki = [jaki(CODE, "12 08:00", "Rampung"), jaki("JK2601120002", "12 08:05"), jaki("JK2601120003", "12 08:09")]
    await station.pull("jaki")
    async with writing(plant.engine) as connection:
        await teach_word(connection, "jaki", "rampung", Status.RESOLVED)
    chores = Chores(plant)
    await chores.read_words_again()
    assert (await station.complaint(CODE)).status == "resolved"
    await all_are_sure(plant.engine)
    await chores.find_doubles()
    assert len(await station.rows("suggestion")) == 3


async def test_each_source_is_compared_and_one_that_fails_does_not_hold_up_the_other(station, plant, feeds):
    feeds.fail["distribution-map"] = always(503)
    async with writing(plant.engine) as connection:
        await connection.execute(update(Source).values(last_success_at=utc_now()))
    await Chores(plant).reconcile()
    compared = {row.source_id for row in await station.rows("day_count")}
    assert compared == {(await station.source("jaki")).id}
    assert (await station.source("crm")).reconciled_at is not None


async def test_what_was_kept_aside_for_too_long_is_dropped(station, plant):
    await station.store("jaki", Told(), Batch((), (Bad({"id": "a"}, "x", "a"), Bad({"id": "b"}, "x", "b")), None))
    async with writing(plant.engine) as connection:
        await connection.execute(update(Reject).values(last_seen_at=utc_now() - timedelta(days=9)))
        old = update(Reject).where(Reject.external_id == "a").values(last_seen_at=utc_now() - timedelta(days=11))
        await connection.execute(old)
    await Chores(plant).purge()
    assert [row.external_id for row in await station.rows("reject")] == ["b"]
    (proof,) = await station.rows("audit")
    assert (proof.action, proof.subject, proof.details["rejects"]) == ("privacy.purge", "rejects", 1)


async def test_identities_of_closed_complaints_go_when_their_time_is_over(station, plant):
    person = Complainant(name="Sekar Fiktif")
    one = incoming(
        CODE, "12 08:00", "Selesai", ticket_code=CODE, complainant=person, events=(said("13 08:00", "Selesai"),)
    )
    await station.store("jaki", Told(), Batch((one,), (), None))
    await Chores(plant).keep_terms()
    assert len(await station.rows("identity")) == 1
    kept = plant.settings.model_copy(update={"retention_identity_days": 30})
    await Chores(replace(plant, settings=kept)).keep_terms()
    assert await station.rows("identity") == []


async def said_in_pulls(plant, count, before_each) -> list[str]:
    """What a worker says, but for its finest words, while it pulls a due source so many times."""
    jobs = Jobs(plant, None, utc_now())
    with structlog.testing.capture_logs() as lines:
        for number in range(count):
            before_each(number)
            async with writing(plant.engine) as connection:
                await connection.execute(update(Source).values(next_run_at=utc_now() - timedelta(seconds=1)))
            await jobs._pull_one("jaki")
    return [line["event"] for line in lines if line["log_level"] != "debug" and "stamina" not in line["event"]]


async def test_a_source_that_goes_is_news_once_its_circuit_once_and_its_return_once(station, plant, feeds):
    def before_each(number):
        feeds.fail = {"reports": always(503)} if number < 7 else {}

    assert await said_in_pulls(plant, 8, before_each) == [
        "pull failed",
        "pulls fail, the circuit is open",
        "the source is back",
        "pulled",
    ]


async def test_a_source_that_is_stopped_is_news_though_it_failed_before(station, plant, feeds):
    def before_each(number):
        feeds.fail["reports"] = always(503 if number < 2 else 401)

    assert await said_in_pulls(plant, 3, before_each) == ["pull failed", "pull failed, the source is stopped"]


async def test_a_worker_that_is_told_to_stop_lets_its_ticks_end(plant):
    jobs, goes_on, ends = Jobs(plant, None, utc_now()), asyncio.Event(), []

    async def slow():
        await goes_on.wait()
        ends.append("slow")

    async def failing():
        await goes_on.wait()
        raise RuntimeError("power cut")

    ticks = [asyncio.create_task(jobs.guarded("tick", job)()) for job in (slow, failing)]
    await asyncio.sleep(0)
    stopping = asyncio.create_task(jobs.finish(timedelta()))
    await asyncio.sleep(0)
    assert not stopping.done()
    goes_on.set()
    await stopping
    assert ends == ["slow"]
    assert [tick.exception() for tick in ticks] == [None, None]
    assert not jobs.ticking


async def test_a_worker_that_is_told_to_stop_stops_a_pull_that_takes_too_long(station, plant, feeds):
    feeds.fail["reports"] = lambda request: Answer(body=b"{}", drips=True)
    async with writing(plant.engine) as connection:
        await connection.execute(update(Source).values(next_run_at=utc_now() - timedelta(seconds=1)))
    jobs = Jobs(plant, None, utc_now())
    await jobs.pull()
    while not feeds.asked("reports"):
        await asyncio.sleep(0.01)
    await jobs.finish(timedelta())
    assert not jobs.running
    source = await station.source("jaki")
    assert source.lease_owner is None
    assert {row.source_id: row.state for row in await station.rows("source_run")}[source.id] == "lost"
