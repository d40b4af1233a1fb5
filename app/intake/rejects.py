"""Records kept aside with their reason: counted once however often they are seen, never dropped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Table, bindparam
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.changes import is_postgresql
from app.db.states import RejectState
from app.db.tables.sources import Reject as RejectRow
from app.vault import Vault
from connectors.contract import Reject

REJECT = "reject"


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
        },
    )
    await connection.execute(again, rows)


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
