"""A web process tells that no worker is left, by itself, and a worker that comes back tells that it is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert

from app.alerts.incidents import STAYS
from app.db.heartbeats import SILENCE
from app.db.session import reading, writing
from app.lookout import is_abandoned, keep_lookout, look
from app.pulling import Plant
from app.watching import watch
from tests.alerts.mail_sink import MailSink, receiving_mail
from tests.alerts.town import VAULT, Town, at, table
from tests.api.door import opened, settings_for

NOW = at("2026-01-15 03:00")


@pytest.fixture
async def sink() -> AsyncIterator[MailSink]:
    async with receiving_mail() as receiving:
        yield receiving


@pytest.fixture
def plant(town: Town, database_url: str, sink: MailSink) -> Plant:
    settings = settings_for(
        database_url,
        smtp_url=f"smtp://127.0.0.1:{sink.port}?from=tanggap@example.go.id",
        operator_email="ops@example.go.id",
        disk_left_percent=0,
    )
    return Plant(settings, town.engine, town.rulebooks, VAULT)


async def _beat(town: Town, seen_at: datetime) -> None:
    row = {"name": "w.example:1", "started_at": seen_at, "seen_at": seen_at}
    async with writing(town.engine) as connection:
        await connection.execute(insert(table("worker")).values(row))


async def _look(plant: Plant, now: datetime) -> int:
    return await look(plant, lambda: now)


async def _is_abandoned(town: Town, now: datetime) -> bool:
    async with reading(town.engine) as connection:
        return await is_abandoned(connection, now)


async def test_work_that_nobody_does_is_noticed_and_a_silent_house_is_not(town: Town) -> None:
    assert not await _is_abandoned(town, NOW), "there is nothing to do"
    await town.report("JK1", NOW - timedelta(hours=25))
    assert await _is_abandoned(town, NOW), "a step has fired, and there never was a worker"
    await _beat(town, NOW)
    assert not await _is_abandoned(town, NOW + SILENCE)
    assert await _is_abandoned(town, NOW + SILENCE + timedelta(seconds=1))


async def test_the_web_process_writes_to_the_operators_itself_and_sends_nothing_else(
    town: Town, plant: Plant, sink: MailSink
) -> None:
    await town.report("JK1", NOW - timedelta(hours=25))
    await town.sweep(NOW)
    told = [await _look(plant, NOW + STAYS * share) for share in (0, 0.5, 1, 2)]
    assert told == [0, 0, 1, 0]
    (message,) = sink.messages
    assert (
        message["Subject"]
        == "[Tanggap] Perlu perhatian: tidak ada pekerja yang berjalan, padahal ada pekerjaan menunggu"
    )
    states = {(row.kind, row.state) for row in await town.rows("delivery")}
    assert states == {("notice", "delivered"), ("alert", "pending")}


async def test_several_web_processes_that_look_at_once_tell_it_once(town: Town, plant: Plant, sink: MailSink) -> None:
    await town.report("JK1", NOW - timedelta(hours=25))
    for share in (0, 1):
        await asyncio.gather(*(_look(plant, NOW + STAYS * share) for _ in range(4)))
    assert len(sink.messages) == len(await town.rows("incident")) == 1


async def test_other_incidents_stay_as_they_are_and_a_worker_ends_this_one(town: Town, plant: Plant) -> None:
    async with writing(town.engine) as connection:
        row = {"key": "disk:a", "what": "disk", "about": {}, "first_seen_at": NOW, "told_at": NOW}
        await connection.execute(insert(table("incident")).values(row))
    await town.report("JK1", NOW - timedelta(hours=25))
    for share in (0, 1, 2, 3):
        await _look(plant, NOW + STAYS * share)
    assert [(row.key, row.fine_since) for row in await town.rows("incident")] == [("disk:a", None), ("no_worker", None)]
    await watch(plant)
    assert {row.key for row in await town.rows("incident") if row.fine_since} == {"disk:a", "no_worker"}


async def test_it_looks_until_it_is_stopped_and_survives_a_database_that_is_gone(town: Town, plant: Plant) -> None:
    await town.report("JK1", NOW - timedelta(hours=25))
    looks, stop, has_looked = 0, asyncio.Event(), asyncio.Event()

    def clock() -> datetime:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise OSError("the database is gone")
        if looks == 5:
            has_looked.set()
        return NOW + STAYS

    async with writing(town.engine) as connection:
        row = {"key": "no_worker", "what": "no_worker", "about": {}, "first_seen_at": NOW}
        await connection.execute(insert(table("incident")).values(row))
    watching = asyncio.create_task(keep_lookout(plant, clock, stop, every=timedelta(milliseconds=1)))
    async with asyncio.timeout(20):
        await has_looked.wait()
        stop.set()
        await watching
    assert [(row.kind, row.state) for row in await town.rows("delivery")] == [("notice", "delivered")]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_the_application_keeps_the_lookout_from_start_to_stop(database_url: str) -> None:
    async with opened(settings_for(database_url)):
        assert "lookout" in {task.get_name() for task in asyncio.all_tasks()}
    assert "lookout" not in {task.get_name() for task in asyncio.all_tasks()}
