"""The lease of a source: one puller at a time, and a dead one's lease frees itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import or_, true, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.errors import SourceBusy
from app.db.changes import database_now
from app.db.session import writing
from app.db.tables.sources import Source


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds a source; `number` fences a holder that was away for too long."""

    source_id: int
    name: str
    owner: str
    number: int
    span: timedelta


class LostLease(SourceBusy):
    """The lease ran out and somebody else took it; nothing more may be written under it."""


async def take(
    connection: AsyncConnection, source_id: int, name: str, *, owner: str, span: timedelta, only_due: bool = False
) -> Lease:
    """The lease of the source, taken with one conditional update.

    Raises: SourceBusy while somebody else holds it, and with `only_due` when its next run has moved on.
    """
    now = await database_now(connection)
    is_due = Source.next_run_at <= now if only_due else true()
    number = await connection.scalar(
        update(Source)
        .where(Source.id == source_id, or_(Source.lease_until.is_(None), Source.lease_until < now), is_due)
        .values(lease_owner=owner, lease_until=now + span, lease_no=Source.lease_no + 1)
        .returning(Source.lease_no)
    )
    if number is None:
        raise SourceBusy(f"source {name} is being pulled by another worker; try again when it has finished")
    return Lease(source_id, name, owner, int(number), span)


async def hold(connection: AsyncConnection, lease: Lease) -> None:
    """Renew the lease inside a transaction that writes under it.

    Raises: LostLease when somebody else has it now.
    """
    now = await database_now(connection)
    held = await connection.scalar(
        update(Source)
        .where(Source.id == lease.source_id, Source.lease_owner == lease.owner, Source.lease_no == lease.number)
        .values(lease_until=now + lease.span)
        .returning(Source.id)
    )
    if held is None:
        raise LostLease(f"the lease of source {lease.name} ran out and another worker took it")


async def release(connection: AsyncConnection, lease: Lease) -> None:
    """Give the lease back; one that is lost already stays lost."""
    await connection.execute(
        update(Source)
        .where(Source.id == lease.source_id, Source.lease_owner == lease.owner, Source.lease_no == lease.number)
        .values(lease_owner=None, lease_until=None)
    )


@asynccontextmanager
async def heartbeat(engine: AsyncEngine, lease: Lease) -> AsyncIterator[None]:
    """Keep the lease while the block runs; a dead process stops beating, and the lease frees itself."""
    beat = asyncio.create_task(_beat(engine, lease))
    try:
        yield
    finally:
        beat.cancel()
        with contextlib.suppress(asyncio.CancelledError, LostLease):
            await beat


async def _beat(engine: AsyncEngine, lease: Lease) -> None:
    while True:
        await asyncio.sleep(lease.span.total_seconds() / 3)
        # A beat that the database misses is no end: the next one comes, and no batch is stored without the lease.
        with contextlib.suppress(OperationalError):
            async with writing(engine) as connection:
                await hold(connection, lease)
