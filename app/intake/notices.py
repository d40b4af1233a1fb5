"""What about a source's data needs somebody: kept once, counted when it comes again, closed by whoever saw to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import NotFound
from app.db.changes import is_postgresql
from app.db.states import NoticeKind
from app.db.tables.intake import SourceNotice
from app.db.tables.sources import Source

Sightings = Mapping[tuple[NoticeKind, str], int]
"""What was seen, by kind and subject, and how many times."""

_SUBJECT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeView:
    """A notice as callers see it."""

    id: int
    source: str
    kind: NoticeKind
    subject: str
    is_open: bool
    first_seen_at: datetime
    last_seen_at: datetime
    times_seen: int


async def note(connection: AsyncConnection, source_id: int, sightings: Sightings, *, now: datetime) -> None:
    """Keep what was seen; what was closed and comes again is open again."""
    rows = [_row(source_id, kind, subject, times, now) for (kind, subject), times in sorted(sightings.items())]
    if not rows:
        return
    insert = postgresql_insert if is_postgresql(connection) else sqlite_insert
    statement = insert(_notice).values({name: bindparam(name) for name in rows[0]})
    again = statement.on_conflict_do_update(
        index_elements=["source_id", "kind", "subject"],
        set_={
            "is_open": True,
            "last_seen_at": statement.excluded.last_seen_at,
            "times_seen": _notice.c.times_seen + statement.excluded.times_seen,
        },
    )
    await connection.execute(again, rows)


async def view_notices(
    connection: AsyncConnection, *, source: str | None, before: int | None, limit: int, is_open: bool = True
) -> Sequence[NoticeView]:
    """The notices of one source or of all, newest first, below the id `before`."""
    statement = _views.where(SourceNotice.is_open == is_open)
    if source is not None:
        statement = statement.where(Source.name == source)
    if before is not None:
        statement = statement.where(SourceNotice.id < before)
    return [_view(row) for row in await connection.execute(statement.limit(limit))]


async def close_notice(connection: AsyncConnection, notice_id: int, *, source_id: int) -> NoticeView:
    """The source's notice, which somebody has seen to.

    Raises: NotFound.
    """
    this = (SourceNotice.id == notice_id, SourceNotice.source_id == source_id)
    await connection.execute(update(_notice).where(*this).values(is_open=False))
    row = (await connection.execute(_views.where(*this))).one_or_none()
    if row is None:
        raise NotFound(f"notice {notice_id} does not exist")
    return _view(row)


async def close_about(connection: AsyncConnection, source_ids: Sequence[int], kind: NoticeKind, subject: str) -> None:
    """What the notices of these sources spoke of is settled."""
    about = (SourceNotice.source_id.in_(source_ids), SourceNotice.kind == kind, SourceNotice.subject == subject)
    await connection.execute(update(_notice).where(*about).values(is_open=False))


async def open_notice_counts(connection: AsyncConnection) -> dict[int, int]:
    """How many notices of each source wait for somebody."""
    statement = select(SourceNotice.source_id, func.count()).where(SourceNotice.is_open)
    return {row[0]: row[1] for row in await connection.execute(statement.group_by(SourceNotice.source_id))}


def _row(source_id: int, kind: NoticeKind, subject: str, times: int, now: datetime) -> dict[str, object]:
    return {
        "source_id": source_id,
        "kind": kind,
        "subject": subject[:_SUBJECT],
        "is_open": True,
        "first_seen_at": now,
        "last_seen_at": now,
        "times_seen": times,
    }


def _view(row: Any) -> NoticeView:
    return NoticeView(**{name: getattr(row, name) for name in NoticeView.__slots__})


_notice: Table = SourceNotice.__table__  # type: ignore[assignment]
_views = (
    select(*_notice.c, Source.name.label("source"))
    .join(Source, Source.id == SourceNotice.source_id)
    .order_by(SourceNotice.id.desc())
)
