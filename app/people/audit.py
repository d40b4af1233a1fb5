"""The audit trail: who did and who saw what, each row hashed over the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.changes import is_postgresql
from app.db.tables.people import Audit

Details = Mapping[str, str | int | bool | list[str] | None]

# The letters "tg-audit" as a number, so that it meets no other program's lock.
_ADVISORY_KEY = 0x74672D6175646974
_FIRST = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the trail."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: Details
    hash: str


async def record(
    connection: AsyncConnection,
    *,
    actor: str,
    action: str,
    subject: str,
    details: Details | None = None,
    now: datetime,
) -> None:
    """Appends to the trail in the caller's writing transaction; writers queue until it ends."""
    await _queue_up(connection)
    previous = await connection.scalar(select(Audit.hash).order_by(Audit.id.desc()).limit(1))
    row = {"at": now, "actor": actor, "action": action, "subject": subject, "details": dict(details or {})}
    await connection.execute(insert(Audit).values(**row, hash=_hash(previous or _FIRST, row)))


async def entries(connection: AsyncConnection, *, before: int | None, limit: int) -> list[AuditEntry]:
    """The newest entries below the id `before`, newest first."""
    statement = select(Audit.__table__).order_by(Audit.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(Audit.id < before)
    return [AuditEntry(**row) for row in (await connection.execute(statement)).mappings()]


async def first_broken(connection: AsyncConnection) -> int | None:
    """The id of the first row whose hash does not follow from the one before; None when the chain holds."""
    previous = _FIRST
    async with connection.stream(select(Audit.__table__).order_by(Audit.id)) as rows:
        async for row in rows.mappings():
            if row["hash"] != _hash(previous, dict(row)):
                return int(row["id"])
            previous = row["hash"]
    return None


async def _queue_up(connection: AsyncConnection) -> None:
    """Two writers that read the same last row would fork the chain; SQLite's writers queue anyway."""
    if is_postgresql(connection):
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_KEY})


def _hash(previous: str, row: Mapping[str, Any]) -> str:
    at = row["at"].astimezone(UTC).isoformat(timespec="microseconds")
    content = [previous, at, row["actor"], row["action"], row["subject"], row["details"]]
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
