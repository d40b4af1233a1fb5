"""Files read into the database: at once from the command line, or as uploads that wait for a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import utc_now
from app.complaint.errors import InvalidInput, SourceBusy
from app.db.session import reading, writing
from app.intake import health, run
from app.intake.batches import split_unfit
from app.intake.imports import (
    ImportLease,
    Rehearsal,
    claim_import,
    count_rows,
    finish_import,
    wait_again,
)
from app.intake.sources import NewSource, add_source, find_source
from app.intake.tally import Tally
from app.pulling import Plant
from connectors.contract import Batch, Connector, ConnectorError, InvalidOption, Reject, Window
from connectors.registry import load_profile, open_file

OnBatch = Callable[[Tally, tuple[Reject, ...]], None]
"""Told of every batch that is stored: its tally, and what of it was refused."""

_BUSY_PAUSE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class FileToRead:
    """A file, the profile that reads it, and the options that are other than the profile's."""

    content: Path | bytes
    profile: str
    options: Mapping[str, str]
    is_history: bool = False


async def import_file(plant: Plant, file: FileToRead, *, on_batch: OnBatch | None = None) -> run.Report:
    """The rows of a file, stored under a source named after the profile; the same accounting as a pull.

    Raises: InvalidInput for an unknown profile or option, UnexpectedPayload for a file of another kind.
    """

    async def saves(connection: AsyncConnection, batch: Batch, tally: Tally) -> None:
        if on_batch is not None:
            on_batch(tally, batch.rejects)

    return await _store(plant, file, saves)


async def rehearse_file(plant: Plant, file: FileToRead, *, on_batch: OnBatch | None = None) -> Tally:
    """What importing the file would come to; nothing is stored, not even the source.

    Raises: as `import_file`.
    """

    async def take(batch: Batch, tally: Tally) -> None:
        if on_batch is not None:
            on_batch(tally, batch.rejects)

    return await _rehearse(plant, file, take)


async def read_upload(plant: Plant) -> bool:
    """Read the next upload that waits; False when there is none."""
    span = timedelta(seconds=plant.settings.lease_seconds)
    async with writing(plant.engine) as connection:
        claimed = await claim_import(connection, owner=plant.intake.owner, span=span, now=utc_now())
    if claimed is None:
        return False
    lease, row = claimed
    content = plant.vault.open(row.sealed_file, "import-file")
    file = FileToRead(content, row.profile, row.options, is_history=row.is_history)
    try:
        run_id = await _read_upload(plant, file, lease, is_dry_run=row.is_dry_run)
    except SourceBusy:
        async with writing(plant.engine) as connection:
            await wait_again(connection, lease, _BUSY_PAUSE)
        return False
    except (ConnectorError, InvalidInput) as error:
        await _finish(plant, lease, None, str(error))
    except Exception as error:
        await _finish(plant, lease, None, health.say(error))
        raise
    else:
        await _finish(plant, lease, run_id, None)
    return True


async def _read_upload(plant: Plant, file: FileToRead, lease: ImportLease, *, is_dry_run: bool) -> int | None:
    if is_dry_run:

        async def take(batch: Batch, tally: Tally) -> None:
            async with writing(plant.engine) as connection:
                await count_rows(connection, lease, tally, batch.rejects, plant.vault)

        await _rehearse(plant, file, take)
        return None

    async def saves(connection: AsyncConnection, batch: Batch, tally: Tally) -> None:
        await count_rows(connection, lease, tally, batch.rejects, plant.vault)

    return (await _store(plant, file, saves)).run_id


async def _finish(plant: Plant, lease: ImportLease, run_id: int | None, error: str | None) -> None:
    async with writing(plant.engine) as connection:
        await finish_import(connection, lease, run_id=run_id, error=error, now=utc_now())


async def _store(plant: Plant, file: FileToRead, saves: run.Saves) -> run.Report:
    name, connector = _open(file)
    async with writing(plant.engine) as connection:
        if await find_source(connection, name) is None:
            options = {"profile": file.profile, **file.options}
            new = NewSource(name=name, connector=connector.name, every_s=None, options=options)
            await add_source(connection, new, plant.vault, now=utc_now())
    batches = _batches(connector)
    return await run.import_batches(plant.intake, name, connector, batches, is_history=file.is_history, saves=saves)


async def _rehearse(plant: Plant, file: FileToRead, take: Callable[[Batch, Tally], Any]) -> Tally:
    name, connector = _open(file)
    async with reading(plant.engine) as connection:
        source = await find_source(connection, name)
        rehearsal, total = Rehearsal(source.id if source else None), Tally()
        async for batch in _batches(connector):
            tally = await rehearsal.take(connection, batch)
            await take(batch, tally)
            total.add(tally)
    return total


async def _batches(connector: Connector) -> AsyncIterator[Batch]:
    """The file's batches with what our tables cannot hold among the rejects; of what is complete a file that somebody
    sends once tells nothing."""
    async for batch in connector.pull(_NoClient(), None, Window(until=utc_now())):
        complaints, rejects = split_unfit(batch)
        yield Batch(tuple(complaints), tuple(rejects), batch.cursor)


def _open(file: FileToRead) -> tuple[str, Connector]:
    try:
        profile = load_profile(file.profile)
        return profile.name, open_file(file.content, profile, file.options)
    except InvalidOption as error:
        raise InvalidInput(error.name, error.message) from error


class _NoClient:
    """The client of a file, which needs none."""

    async def get(self, url: str, *, params: object = None, headers: object = None) -> Any:
        raise InvalidInput("url", "a file is read from disk, not over HTTP")

    async def dial(self, host: str, port: int) -> Any:
        raise InvalidInput("url", "a file is read from disk, not over a connection")
