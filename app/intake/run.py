"""One pull of one source: lease, cursor, batches, store, tally; a crash in between means the same batch again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, insert, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.changes import reserve_ids
from app.db.rulebook import Rulebooks
from app.db.session import reading, writing
from app.db.states import RunKind, RunState
from app.db.tables.sources import Source, SourceRun
from app.intake import health, leases
from app.intake.batches import BatchStore, raw_records, undetailed
from app.intake.drift import Shape, differences
from app.intake.notices import note
from app.intake.sources import read_source
from app.intake.store import held_hashes
from app.intake.tally import Tally
from app.vault import Vault
from connectors.contract import (
    AccessDenied,
    Batch,
    Client,
    Connector,
    Detailing,
    IncomingComplaint,
    SourceUnavailable,
    Window,
)

_ATTEMPTS = 3
_MISSING_DETAILS = 3
_NO_DETAIL = "the detail could not be read; it is asked for again"

Batches = AsyncIterator[Batch]
Saves = Callable[[AsyncConnection, Batch, Tally], Awaitable[None]]
"""What else is written in the transaction of a batch."""


@dataclass(frozen=True, slots=True)
class Intake:
    """What every run needs of the process it runs in."""

    engine: AsyncEngine
    rulebooks: Rulebooks
    vault: Vault
    owner: str
    lease_span: timedelta
    zone: ZoneInfo
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did."""

    run_id: int
    source: str
    tally: Tally
    complete_through: datetime | None

    def to_json(self) -> dict[str, object]:
        """The report as the command line prints it."""
        through = self.complete_through and self.complete_through.astimezone(UTC).isoformat()
        return {
            "run": self.run_id,
            "source": self.source,
            **self.tally.as_columns(),
            "complete_through": through and through.replace("+00:00", "Z"),
        }


async def pull(intake: Intake, name: str, connector: Connector, client: Client, *, only_due: bool = False) -> Report:
    """One pull of the source `name`, now; what was stored before an error stays stored and counted.

    `only_due`: another worker may have pulled it since we looked, then there is nothing left to do.
    Raises: NotFound, SourceBusy, and whatever went wrong after it is on record.
    """
    looked_at = intake.now()

    def batches(source: Row[Any]) -> Batches:
        since = datetime.combine(source.since_on, time(), intake.zone) if source.since_on else None
        return connector.pull(client, source.cursor, Window(until=looked_at, since=since))

    async with reading(intake.engine) as connection:
        source = await read_source(connection, name)
    run = Run(intake, source, connector, client, looked_at, kind=RunKind.PULL)
    return await run.go(batches, only_due=only_due)


async def import_batches(
    intake: Intake,
    name: str,
    connector: Connector,
    batches: Batches,
    *,
    is_history: bool = False,
    saves: Saves | None = None,
) -> Report:
    """Store the batches of a file under the source `name`; the same accounting as a pull.

    Raises: as `pull`.
    """
    async with reading(intake.engine) as connection:
        source = await read_source(connection, name)
    run = Run(intake, source, connector, None, intake.now(), kind=RunKind.IMPORT, is_history=is_history, saves=saves)
    return await run.go(lambda _: batches)


async def read_again(
    intake: Intake, source: Row[Any], connector: Connector, client: Client, batches: Batches, saves: Saves | None = None
) -> Report:
    """Store what a source says of the past; its cursor, its schedule and its health stay those of its pulls.

    Raises: as `pull`.
    """
    run = Run(intake, source, connector, client, intake.now(), kind=RunKind.BACKFILL, saves=saves)
    return await run.go(lambda _: batches)


class Run:
    """One run while it goes on; every batch is one transaction under the lease."""

    def __init__(
        self,
        intake: Intake,
        source: Row[Any],
        connector: Connector,
        client: Client | None,
        looked_at: datetime,
        *,
        kind: RunKind,
        is_history: bool = False,
        saves: Saves | None = None,
    ) -> None:
        self.intake = intake
        self.source = source
        self.connector = connector
        self.client = client
        self.looked_at = looked_at
        self.kind = kind
        self.is_history = is_history
        self.saves = saves
        self.shape = Shape()
        self.tally = Tally()
        self.complete_through: datetime | None = None
        self.run_id = 0
        self.missing_details = 0

    async def go(self, batches: Callable[[Row[Any]], Batches], *, only_due: bool = False) -> Report:
        """Take the lease, store every batch, put the outcome on record."""
        lease = await self._begin(only_due=only_due)
        async with leases.heartbeat(self.intake.engine, lease):
            try:
                async for batch in batches(self.source):
                    self.shape.observe(raw_records(batch))
                    await self._store(lease, await self._with_details(batch))
            except leases.LostLease:
                raise
            except asyncio.CancelledError:
                await self._give_up(lease)
                raise
            except Exception as error:
                # One run: whatever went wrong is on record with its source, and the next run goes on.
                await self._end(lease, RunState.FAILED, error)
                raise
        await self._end(lease, RunState.DONE, None)
        return Report(self.run_id, str(self.source.name), self.tally, self.complete_through)

    async def _begin(self, *, only_due: bool) -> leases.Lease:
        """The lease, and the source as it stands under it: another run may have ended since we looked."""
        intake, name = self.intake, str(self.source.name)
        async with writing(intake.engine) as connection:
            lease = await leases.take(
                connection, self.source.id, name, owner=intake.owner, span=intake.lease_span, only_due=only_due
            )
            self.source = await read_source(connection, name)
            await health.mark_lost_runs(connection, self.source.id, now=self.looked_at)
            (self.run_id,) = await reserve_ids(connection, SourceRun.__table__, 1)  # type: ignore[arg-type]
            await connection.execute(insert(SourceRun).values(self._run_row()))
        return lease

    def _run_row(self) -> dict[str, object]:
        return {
            "id": self.run_id,
            "source_id": self.source.id,
            "kind": self.kind,
            "state": RunState.RUNNING,
            "owner": self.intake.owner,
            "started_at": self.looked_at,
            **Tally().as_columns(),
        }

    async def _with_details(self, batch: Batch) -> Batch:
        """The batch with its new and changed records completed; no request is made inside a transaction."""
        if not isinstance(self.connector, Detailing) or self.client is None:
            return batch
        async with reading(self.intake.engine) as connection:
            held = await held_hashes(connection, self.source.id, [each.external_id for each in batch.complaints])
        completed = [
            each
            if held.get(each.external_id) == each.content_hash
            else await self._with_detail(self.connector, self.client, each)
            for each in batch.complaints
        ]
        return replace(batch, complaints=tuple(completed))

    async def _with_detail(self, connector: Detailing, client: Client, each: IncomingComplaint) -> IncomingComplaint:
        """The complaint with its detail; without one, under another hash, so that the next run asks again.

        One record whose detail fails or is refused does not hold up the rest; a few that fail are an outage.
        """
        try:
            return await connector.detail(client, each)
        except AccessDenied:
            # Its list was just given to us: it is this record that is refused, else the next list is too.
            pass
        except SourceUnavailable:
            self.missing_details += 1
            if self.missing_details > _MISSING_DETAILS:
                raise
        return replace(undetailed(connector, each), notices=(*each.notices, _NO_DETAIL))

    async def _store(self, lease: leases.Lease, batch: Batch) -> None:
        """Store one batch, anew where it meets a row that was not there before, or is told to step back.

        So it is where each of two writers waits for the other.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                tally = await self._store_once(lease, batch)
                break
            except (IntegrityError, OperationalError):
                if attempt == _ATTEMPTS:
                    raise
        self.tally.add(tally)
        self.complete_through = batch.complete_through or self.complete_through

    async def _store_once(self, lease: leases.Lease, batch: Batch) -> Tally:
        async with writing(self.intake.engine) as connection:
            await leases.hold(connection, lease)
            tally = await self._keeper().store(connection, batch)
            await self._save_progress(connection, batch, tally)
            # A large batch may outlast the lease: whoever waits for our row must find it renewed when we commit.
            await leases.hold(connection, lease)
        return tally

    def _keeper(self) -> BatchStore:
        intake = self.intake
        return BatchStore(
            self.source, self.connector, intake.rulebooks, intake.vault, self.looked_at, is_history=self.is_history
        )

    async def _save_progress(self, connection: AsyncConnection, batch: Batch, tally: Tally) -> None:
        """The cursor and the tally, in the transaction of the batch that they speak of."""
        counted = {name: getattr(SourceRun, name) + count for name, count in tally.as_columns().items()}
        if batch.complete_through is not None:
            counted["complete_through"] = batch.complete_through
        await connection.execute(update(SourceRun).where(SourceRun.id == self.run_id).values(counted))
        if self.kind is RunKind.PULL and batch.cursor is not None:
            await connection.execute(update(Source).where(Source.id == self.source.id).values(cursor=batch.cursor))
        if self.saves is not None:
            await self.saves(connection, batch, tally)

    async def _end(self, lease: leases.Lease, state: RunState, error: Exception | None) -> None:
        async with writing(self.intake.engine) as connection:
            await leases.hold(connection, lease)
            outcome = health.Outcome(self.looked_at, self.intake.now(), self.complete_through, error)
            await health.finish_run(connection, self.run_id, state, outcome)
            # A file that cannot be read says nothing about its source: somebody sent the wrong one.
            if self.kind is RunKind.PULL or (self.kind is RunKind.IMPORT and error is None):
                await health.mark_source(connection, self.source, outcome, is_pull=self.kind is RunKind.PULL)
            await self._learn_shape(connection)
            await leases.release(connection, lease)

    async def _give_up(self, lease: leases.Lease) -> None:
        """Stopped from outside: what was stored stays, and whoever comes next need not wait for the lease."""
        async with writing(self.intake.engine) as connection:
            await leases.hold(connection, lease)
            await health.mark_lost_runs(connection, self.source.id, now=self.intake.now())
            await leases.release(connection, lease)

    async def _learn_shape(self, connection: AsyncConnection) -> None:
        """What is new about the fields of the records becomes a notice, and from now on it is known."""
        if not self.shape.records:
            return
        known = Shape.of(self.source.shape)
        await note(connection, self.source.id, Counter(differences(known, self.shape)), now=self.looked_at)
        joined = known.joined(self.shape).to_json()
        await connection.execute(update(Source).where(Source.id == self.source.id).values(shape=joined))
