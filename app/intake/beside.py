"""Records that come beside the pulls, each lot in the caller's transaction: it needs no lease and moves no cursor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.changes import reserve_ids
from app.db.rulebook import Rulebooks
from app.db.states import RunKind, RunState
from app.db.tables.sources import Source, SourceRun
from app.intake.batches import BatchStore
from app.intake.tally import Tally
from app.vault import Vault
from connectors.contract import Batch, Connector

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Desk:
    """Where records are taken in beside the pulls: the rules, the key, who takes them and when."""

    rulebooks: Rulebooks
    vault: Vault
    owner: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """The run that a lot is on record as, and its tally."""

    run_id: int
    tally: Tally


async def store_beside(
    connection: AsyncConnection, desk: Desk, source: Row[Any], connector: Connector, kind: RunKind, batch: Batch
) -> Stored:
    """The batch stored, as a run that is done.

    It waits for a batch that a pull of the same source is storing, and for another source that brings new tickets.
    Where it meets a row that was not there before, or is told to step back, it is taken in once more.
    """
    await connection.execute(select(Source.id).where(Source.id == source.id).with_for_update())
    keeper = BatchStore(source, connector, desk.rulebooks, desk.vault, desk.now)

    async def attempt() -> Tally:
        return await keeper.store(connection, batch)

    tally = await _retried(connection, attempt)
    (run_id,) = await reserve_ids(connection, SourceRun.__table__, 1)  # type: ignore[arg-type]
    row = {"id": run_id, "source_id": source.id, "kind": kind, "state": RunState.DONE, "owner": desk.owner}
    times = {"started_at": desk.now, "finished_at": desk.now}
    await connection.execute(insert(SourceRun).values({**row, **times, **tally.as_columns()}))
    return Stored(run_id, tally)


async def _retried(connection: AsyncConnection, attempt: Callable[[], Any]) -> Tally:
    for number in range(1, _ATTEMPTS + 1):
        try:
            async with connection.begin_nested():
                tally: Tally = await attempt()
                return tally
        except (IntegrityError, OperationalError):
            if number == _ATTEMPTS:
                raise
    raise AssertionError("no attempt was made")
