"""Rejects read again after a mapping was mended: those that can be read now become complaints, the others stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Table, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import NotFound
from app.db.states import RejectState, RunKind
from app.db.tables.sources import Reject as RejectRow
from app.db.tables.sources import SourceRecord
from app.intake.batches import split_unfit, storable, undetailed
from app.intake.beside import Desk, store_beside
from app.intake.connecting import RereadingConnector
from app.intake.rejects import REJECT
from app.intake.tally import Tally
from connectors.contract import Batch, IncomingComplaint, Reject

AT_ONCE = 200
"""Rejects that one transaction reads again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a replay came to: `replayed` wait no more, `rejected` still cannot be read, `remaining` were not tried."""

    run_id: int | None
    tally: Tally
    replayed: int
    rejected: int
    remaining: int
    last_id: int


async def replay_one(
    connection: AsyncConnection, desk: Desk, source: Row[Any], connector: RereadingConnector, reject_id: int
) -> Replayed:
    """One reject of the source, read again; one that waits no more stays as it is.

    Raises: NotFound.
    """
    known = select(RejectRow.id).where(RejectRow.id == reject_id, RejectRow.source_id == source.id)
    if await connection.scalar(known) is None:
        raise NotFound(f"source {source.name} has no reject {reject_id}")
    rows = await _waiting(connection, source.id, RejectRow.id == reject_id)
    return await _replay(connection, desk, source, connector, rows)


async def replay_many(
    connection: AsyncConnection, desk: Desk, source: Row[Any], connector: RereadingConnector, *, after: int = 0
) -> Replayed:
    """The next rejects of the source behind the id `after`, at most `AT_ONCE`, read again."""
    rows = await _waiting(connection, source.id, RejectRow.id > after)
    return await _replay(connection, desk, source, connector, rows)


async def _waiting(connection: AsyncConnection, source_id: int, which: Any) -> Sequence[Row[Any]]:
    """The open rejects, locked so that no two replays store one of them at once."""
    statement = select(*_reject.c).where(RejectRow.source_id == source_id, RejectRow.state == RejectState.OPEN, which)
    return (await connection.execute(statement.order_by(RejectRow.id).limit(AT_ONCE).with_for_update())).all()


async def _replay(
    connection: AsyncConnection, desk: Desk, source: Row[Any], connector: RereadingConnector, rows: Sequence[Row[Any]]
) -> Replayed:
    readable, still = list[IncomingComplaint](), list[dict[str, Any]]()
    outdated = await _outdated(connection, source.id, rows)
    settled = list(outdated)
    # What was seen last is stored last: of two forms of one record the newer one counts.
    for row in sorted(rows, key=lambda each: (each.last_seen_at, each.id)):
        if row.id in outdated:
            continue
        found = _read(connector, desk.vault.open_json(row.sealed_raw, REJECT))
        if isinstance(found, Reject):
            still.append({"id_": row.id, "reason": found.reason})
        else:
            readable.append(found)
            settled.append(row.id)
    await _mark(connection, settled, still)
    stored = None
    if readable:
        batch = Batch(tuple(readable), (), None)
        stored = await store_beside(connection, desk, source, connector, RunKind.REPLAY, batch)
    last_id = rows[-1].id if rows else 0
    return Replayed(
        run_id=stored.run_id if stored else None,
        tally=stored.tally if stored else Tally(),
        replayed=len(settled),
        rejected=len(still),
        remaining=await _count_behind(connection, source.id, last_id) if rows else 0,
        last_id=last_id,
    )


def _read(connector: RereadingConnector, raw: Any) -> IncomingComplaint | Reject:
    found = connector.reread(raw)
    if isinstance(found, Reject):
        return found
    fit, unfit = split_unfit(Batch((found,), (), None))
    return undetailed(connector, storable(fit[0])) if fit else unfit[0]


async def _outdated(connection: AsyncConnection, source_id: int, rows: Sequence[Row[Any]]) -> set[int]:
    """The rejects whose record we hold in a newer form: an older one must not overwrite it."""
    named = {row.external_id for row in rows if row.external_id is not None}
    statement = select(SourceRecord.external_id, SourceRecord.changed_at).where(
        SourceRecord.source_id == source_id, SourceRecord.external_id.in_(named)
    )
    held = {row.external_id: row.changed_at for row in await connection.execute(statement)}
    return {row.id for row in rows if row.external_id in held and held[row.external_id] > row.last_seen_at}


async def _mark(connection: AsyncConnection, settled: Sequence[int], still: Sequence[dict[str, Any]]) -> None:
    if settled:
        done = update(_reject).where(RejectRow.id.in_(settled)).values(state=RejectState.REPLAYED)
        await connection.execute(done)
    if still:
        again = update(_reject).where(_reject.c.id == bindparam("id_")).values(reason=bindparam("reason"))
        await connection.execute(again, still)


async def _count_behind(connection: AsyncConnection, source_id: int, last_id: int) -> int:
    statement = select(func.count()).where(RejectRow.source_id == source_id, RejectRow.state == RejectState.OPEN)
    return int(await connection.scalar(statement.where(RejectRow.id > last_id)) or 0)


_reject: Table = RejectRow.__table__  # type: ignore[assignment]
