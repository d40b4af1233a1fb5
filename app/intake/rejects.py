"""Records kept aside with their reason: counted once however often they are seen, settled once they can be read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Table, bindparam, delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.changes import is_postgresql
from app.db.states import RejectState
from app.db.tables.sources import Reject as RejectRow
from app.vault import Vault
from connectors.contract import Reject

REJECT = "reject"

_CHUNK = 500


async def keep_rejects(
    connection: AsyncConnection, source_id: int, rejects: Sequence[Reject], vault: Vault, *, now: datetime
) -> None:
    """Keep each bad record with its reason and raw form; the same one again raises `times_seen` and `last_seen_at`."""
    if not rejects:
        return
    insert = postgresql_insert if is_postgresql(connection) else sqlite_insert
    rows = [_row(source_id, reject, vault, now) for reject in rejects]
    statement = insert(_reject).values({name: bindparam(name) for name in rows[0]})
    again = statement.on_conflict_do_update(
        index_elements=["source_id", "content_hash"],
        set_={
            "times_seen": _reject.c.times_seen + 1,
            "last_seen_at": statement.excluded.last_seen_at,
            "reason": statement.excluded.reason,
            "state": statement.excluded.state,
        },
    )
    await connection.execute(again, rows)


async def settle_rejects(connection: AsyncConnection, source_id: int, external_ids: Sequence[str]) -> None:
    """A record that became a complaint waits no more, whichever form of it was kept aside."""
    waiting = (RejectRow.source_id == source_id, RejectRow.state == RejectState.OPEN)
    if not await connection.scalar(select(exists().where(*waiting, RejectRow.external_id.is_not(None)))):
        return
    for start in range(0, len(external_ids), _CHUNK):
        named = RejectRow.external_id.in_(external_ids[start : start + _CHUNK])
        await connection.execute(update(_reject).where(*waiting, named).values(state=RejectState.REPLAYED))


async def purge_rejects(connection: AsyncConnection, *, before: datetime) -> int:
    """Drop the rejects that were last seen before an instant; how many there were."""
    gone = await connection.scalars(delete(_reject).where(_reject.c.last_seen_at < before).returning(_reject.c.id))
    return len(gone.all())


def _row(source_id: int, reject: Reject, vault: Vault, now: datetime) -> dict[str, object]:
    return {
        "source_id": source_id,
        "content_hash": reject.content_hash,
        "external_id": reject.external_id,
        "reason": reject.reason,
        "sealed_raw": vault.seal_json(dict(reject.raw), REJECT),
        "state": RejectState.OPEN,
        "first_seen_at": now,
        "last_seen_at": now,
        "times_seen": 1,
    }


_reject: Table = RejectRow.__table__  # type: ignore[assignment]
