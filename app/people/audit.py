"""The audit trail: who did and who saw what, each row hashed over the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, insert, select, text
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailFilters:
    """Conditions that all hold; None asks nothing. `since` is the first instant, `until` the first one behind."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What the chain came to: how many entries, its last one, and the first that does not follow, if any."""

    entries: int
    head_id: int | None
    head_hash: str
    broken_id: int | None

    @property
    def anchor(self) -> str | None:
        """The head in one word, to be kept elsewhere: a trail that was cut short no longer has it."""
        return None if self.head_id is None else f"{self.head_id}:{self.head_hash}"


ALL = TrailFilters()


async def entries(
    connection: AsyncConnection, *, before: int | None = None, limit: int, filters: TrailFilters = ALL
) -> list[AuditEntry]:
    """The newest entries below the id `before`, newest first."""
    statement = _matching(filters).order_by(Audit.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(Audit.id < before)
    return [AuditEntry(**row) for row in (await connection.execute(statement)).mappings()]


async def examine(connection: AsyncConnection) -> Examined:
    """The whole chain walked; an entry is broken when its hash does not follow from it and from the one before."""
    count, head_id, previous, broken_id = 0, None, _FIRST, None
    async with connection.stream(_matching(ALL).order_by(Audit.id)) as rows:
        async for row in rows.mappings():
            if broken_id is None and row["hash"] != _hash(previous, row):
                broken_id = int(row["id"])
            count, head_id, previous = count + 1, int(row["id"]), str(row["hash"])
    return Examined(entries=count, head_id=head_id, head_hash=previous, broken_id=broken_id)


async def holds_anchor(connection: AsyncConnection, anchor: str) -> bool:
    """Whether the trail still has the entry that `Examined.anchor` once named, unchanged."""
    row_id, _, digest = anchor.partition(":")
    if not row_id.isascii() or not row_id.isdigit():
        return False
    return await connection.scalar(select(Audit.hash).where(Audit.id == int(row_id))) == digest


async def export(
    connection: AsyncConnection, *, since: datetime | None = None, until: datetime | None = None
) -> AsyncIterator[dict[str, object]]:
    """The entries of a span, oldest first, each with the hash before it, so that others can check them."""
    statement = _matching(TrailFilters(since=since, until=until)).order_by(Audit.id)
    previous: str | None = None
    async with connection.stream(statement) as rows:
        async for row in rows.mappings():
            if previous is None:
                previous = await _hash_before(connection, row["id"])
            yield {**row, "at": _instant(row["at"]), "previous": previous}
            previous = row["hash"]


def _matching(filters: TrailFilters) -> Select[Any]:
    statement = select(Audit.__table__)
    for column, value in (
        (Audit.actor, filters.actor),
        (Audit.action, filters.action),
        (Audit.subject, filters.subject),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if filters.since is not None:
        statement = statement.where(Audit.at >= filters.since)
    if filters.until is not None:
        statement = statement.where(Audit.at < filters.until)
    return statement


async def _hash_before(connection: AsyncConnection, row_id: int) -> str:
    before = select(Audit.hash).where(Audit.id < row_id).order_by(Audit.id.desc()).limit(1)
    return await connection.scalar(before) or _FIRST


async def _queue_up(connection: AsyncConnection) -> None:
    """Two writers that read the same last row would fork the chain; SQLite's writers queue anyway."""
    if is_postgresql(connection):
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_KEY})


def _hash(previous: str, row: Mapping[str, Any]) -> str:
    content = [previous, _instant(row["at"]), row["actor"], row["action"], row["subject"], row["details"]]
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
