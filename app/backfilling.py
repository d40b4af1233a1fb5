"""The past of a source read again: backfills in small slices between its pulls, and the daily reconciliation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import utc_now
from app.complaint.errors import DomainError, SourceBusy
from app.db.session import reading, writing
from app.db.states import JobState
from app.intake import backfill, health
from app.intake.reconcile import DayView, mark_reconciled, reconcile, sources_to_reconcile
from app.intake.run import read_again
from app.intake.sources import find_source, read_source
from app.intake.tally import Tally
from app.pulling import Plant, build_connector, source_client
from connectors.contract import Batch, Client, Connector, ConnectorError

SLICE_S = 20.0
"""Seconds after which a backfill lets go of its source, so that the pulls get their turn."""

OnView = Callable[[backfill.BackfillView], None]


async def work_on_backfill(plant: Plant) -> bool:
    """One slice of the backfill whose turn it is; False when there is none."""
    async with reading(plant.engine) as connection:
        found = await backfill.next_backfill(connection, now=utc_now())
    if found is None:
        return False
    await work_slice(plant, found)
    return True


async def finish_backfill(plant: Plant, backfill_id: int, on_slice: OnView) -> backfill.BackfillView:
    """The backfill worked on, slice by slice, until it is done or given up; other workers may help."""
    while True:
        await work_slice(plant, backfill_id)
        async with reading(plant.engine) as connection:
            row = await backfill.read_backfill(connection, backfill_id)
            view = await backfill.view_backfill(connection, backfill_id)
        on_slice(view)
        if view.state in (JobState.DONE, JobState.FAILED):
            return view
        await _wait_until(row.next_try_at)


async def work_slice(plant: Plant, backfill_id: int) -> None:
    """A few days, or some pages, of one backfill; what fails is on record with it."""
    async with reading(plant.engine) as connection:
        row = await backfill.read_backfill(connection, backfill_id)
        source = await _source(connection, row)
    if row.state in (JobState.DONE, JobState.FAILED):
        return
    try:
        connector = build_connector(source, plant.vault)
        async with source_client(plant.settings, source.options) as client:
            await _read_slice(plant, row, source, connector, client)
    except SourceBusy:
        async with writing(plant.engine) as connection:
            await backfill.put_off(connection, backfill_id, now=utc_now())
    except (ConnectorError, DomainError) as error:
        async with writing(plant.engine) as connection:
            words = str(error) if isinstance(error, DomainError) else health.say(error)
            await backfill.note_failure(connection, row, error, words, utc_now())


async def reconcile_source(plant: Plant, name: str, *, days: int) -> list[DayView]:
    """The source compared with what we hold, now; nothing is said about any day when it fails.

    Raises: NotFound, SourceBusy, InvalidInput, the connector's own errors.
    """
    async with reading(plant.engine) as connection:
        source = await read_source(connection, name)
    is_done = False
    try:
        connector = build_connector(source, plant.vault)
        async with source_client(plant.settings, source.options) as client:
            compared = await reconcile(plant.intake, source, connector, client, days=days)
        is_done = True
    finally:
        async with writing(plant.engine) as connection:
            await mark_reconciled(connection, source.id, now=utc_now(), is_done=is_done)
    return compared


async def sources_due(plant: Plant) -> list[str]:
    """The sources whose daily comparison is due."""
    async with reading(plant.engine) as connection:
        return list(await sources_to_reconcile(connection, now=utc_now()))


async def _read_slice(plant: Plant, row: Row[Any], source: Row[Any], connector: Connector, client: Client) -> None:
    """Days one after the other, or one stretch of pages, until the slice is over."""
    clock = asyncio.get_running_loop().time
    ends_at = clock() + SLICE_S
    is_windowed = connector.traits.is_windowed
    zone, backfill_id = ZoneInfo(connector.traits.timezone), row.id

    async def saves(connection: AsyncConnection, batch: Batch, tally: Tally) -> None:
        await backfill.count_batch(connection, backfill_id, tally, batch.cursor)

    while True:
        window = backfill.window_for(row, is_windowed=is_windowed, zone=zone, now=utc_now())
        pages = _Pages(connector.pull(client, row.cursor, window), clock, ends_at)
        await read_again(plant.intake, source, connector, client, pages.read(), saves)
        if not pages.is_whole:
            return
        async with writing(plant.engine) as connection:
            await backfill.day_is_read(connection, row, is_windowed=is_windowed, now=utc_now())
            row = await backfill.read_backfill(connection, backfill_id)
        if row.state is JobState.DONE or clock() > ends_at:
            return


class _Pages:
    """The batches of a reading until its time is over; whether that was all of them."""

    def __init__(self, batches: AsyncIterator[Batch], clock: Callable[[], float], ends_at: float) -> None:
        self._batches, self._clock, self._ends_at = batches, clock, ends_at
        self.is_whole = False

    async def read(self) -> AsyncIterator[Batch]:
        async for batch in self._batches:
            yield batch
            if self._clock() > self._ends_at and batch.complete_through is None:
                return
        self.is_whole = True


async def _source(connection: AsyncConnection, row: Row[Any]) -> Row[Any]:
    name = (await backfill.view_backfill(connection, row.id)).source
    found = await find_source(connection, name)
    assert found is not None
    return found


async def _wait_until(instant: datetime | None) -> None:
    if instant is not None:
        await asyncio.sleep(max(0.0, (instant - utc_now()).total_seconds()))
