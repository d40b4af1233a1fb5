"""One pull of one source: lease, cursor, batches, store, tally; a crash in between means the same batch again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
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
from app.intake.merging import SourceView
from app.intake.reference import add_missing_units, read_reference
from app.intake.rejects import keep_rejects
from app.intake.sources import read_source
from app.intake.store import Storing, held_hashes, store_complaints
from app.intake.tally import Tally
from app.vault import Vault
from connectors.contract import (
    Batch,
    Client,
    Connector,
    Detailing,
    IncomingComplaint,
    Reject,
    SourceUnavailable,
    Window,
    hash_raw,
)

_MAX_ID = 200
_ATTEMPTS = 3
_MISSING_DETAILS = 3
_NO_DETAIL = "the detail could not be read; it is asked for again"

Batches = AsyncIterator[Batch]


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
    intake: Intake, name: str, connector: Connector, batches: Batches, *, is_history: bool = False
) -> Report:
    """Store the batches of a file under the source `name`; the same accounting as a pull.

    Raises: as `pull`.
    """
    async with reading(intake.engine) as connection:
        source = await read_source(connection, name)
    run = Run(intake, source, connector, None, intake.now(), kind=RunKind.IMPORT, is_history=is_history)
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
    ) -> None:
        self.intake = intake
        self.source = source
        self.connector = connector
        self.client = client
        self.looked_at = looked_at
        self.kind = kind
        self.is_history = is_history
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
                    await self._store(lease, await self._with_details(batch))
            except leases.LostLease:
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

        One record whose detail fails does not hold up the rest; a few of them are an outage.
        """
        try:
            return await connector.detail(client, each)
        except SourceUnavailable:
            self.missing_details += 1
            if self.missing_details > _MISSING_DETAILS:
                raise
        without = hash_raw({"without detail": each.content_hash})
        return replace(each, content_hash=without, notices=(*each.notices, _NO_DETAIL))

    async def _store(self, lease: leases.Lease, batch: Batch) -> None:
        """Store one batch; two sources may bring one ticket at once, then the loser's batch is redone.

        The loser meets a row that was not there before, or, where each waits for the other, is told to step back.
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
            complaints, rejects = _split_unfit(batch)
            tally = await self._store_complaints(connection, complaints)
            await keep_rejects(connection, self.source.id, rejects, self.intake.vault, now=self.looked_at)
            tally.rejected = len(rejects)
            await self._save_progress(connection, batch, tally)
            # A large batch may outlast the lease: whoever waits for our row must find it renewed when we commit.
            await leases.hold(connection, lease)
        return tally

    async def _store_complaints(self, connection: AsyncConnection, complaints: Sequence[IncomingComplaint]) -> Tally:
        traits = self.connector.traits
        name = str(self.source.connector)
        reference = await read_reference(connection, name, traits)
        labels = [each.unit_label for each in complaints]
        if await add_missing_units(connection, traits, labels, reference.directory):
            reference = await read_reference(connection, name, traits)
        view = SourceView(
            id=self.source.id,
            connector=name,
            precedence=self.connector.precedence,
            words=reference.words,
            directory=reference.directory,
            categories=reference.categories,
            families=traits.policy_families,
            is_history=self.is_history,
            looked_at=self.looked_at,
            last_look_at=self.source.last_look_at,
        )
        storing = Storing(
            view=view,
            rules=await self.intake.rulebooks.current(connection),
            vault=self.intake.vault,
            carries_ticket_codes=self.connector.carries_ticket_codes,
        )
        return await store_complaints(connection, complaints, storing)

    async def _save_progress(self, connection: AsyncConnection, batch: Batch, tally: Tally) -> None:
        """The cursor and the tally, in the transaction of the batch that they speak of."""
        counted = {name: getattr(SourceRun, name) + count for name, count in tally.as_columns().items()}
        if batch.complete_through is not None:
            counted["complete_through"] = batch.complete_through
        await connection.execute(update(SourceRun).where(SourceRun.id == self.run_id).values(counted))
        if self.kind is RunKind.PULL and batch.cursor is not None:
            await connection.execute(update(Source).where(Source.id == self.source.id).values(cursor=batch.cursor))

    async def _end(self, lease: leases.Lease, state: RunState, error: Exception | None) -> None:
        async with writing(self.intake.engine) as connection:
            await leases.hold(connection, lease)
            outcome = health.Outcome(self.looked_at, self.intake.now(), self.complete_through, error)
            await health.finish_run(connection, self.run_id, state, outcome)
            await health.mark_source(connection, self.source, outcome, is_pull=self.kind is RunKind.PULL)
            await leases.release(connection, lease)


def _split_unfit(batch: Batch) -> tuple[list[IncomingComplaint], list[Reject]]:
    """The complaints that our tables can hold, and the rejects with those that they cannot."""
    fit, rejects = [], list(batch.rejects)
    for each in batch.complaints:
        if len(each.external_id) > _MAX_ID:
            rejects.append(Reject(each.raw, f"the id is longer than {_MAX_ID} characters"))
        else:
            fit.append(each)
    return fit, rejects
