"""What figures are counted from: the rows as they stand, or as they stood at an earlier instant."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    Table,
    bindparam,
    literal_column,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.db.as_of import Row, changed_since, read_earlier
from app.db.changes import is_postgresql
from app.db.judging import speaks_looked_up
from app.db.metadata import metadata

_complaint, _clock, _stint = (metadata.tables[name] for name in ("complaint", "sla_clock", "stint"))
_COMPLAINT = (
    "id", "unit_id", "is_open", "assignee_id", "reported_at", "next_due_at", "reopen_count", "rework_count", "hops",
    "category", "category_code", "channel",
)  # fmt: skip
_CLOCK = (
    "complaint_id", "cycle", "unit_id", "clock", "state", "elapsed_s", "paused_s", "started_at", "due_at", "stopped_at",
)  # fmt: skip
_STINT = ("complaint_id", "unit_id", "assigned_at", "ended_at", "held_s")


@dataclass(frozen=True, slots=True)
class Ground:
    """Complaints, cycles and stints; `at` is the instant, None where it is now.

    `speaks` says which of some rows of `clock` speak for their cycles, None where all do.
    """

    complaint: FromClause
    clock: FromClause
    stint: FromClause
    speaks: Callable[[FromClause], ColumnElement[bool]] | None = None
    at: datetime | None = None


LIVE = Ground(_complaint, _clock, _stint, speaks_looked_up)
"""The rows as they stand."""


async def earlier(connection: AsyncConnection, rules: Rulebook, at: datetime) -> Ground:
    """The ground as it was known at `at`."""
    then = await read_earlier(connection, rules, at)
    is_document = is_postgresql(connection)

    def as_it_stood(table: Table, names: Sequence[str], rows: Sequence[Row], key: str) -> FromClause:
        columns = [table.c[name] for name in names]
        kept = select(*columns).where(~changed_since(table.c[key], at, rules))
        if table is _clock:
            kept = kept.where(speaks_looked_up())
        changed = _rows(columns, rows, is_document=is_document)
        return union_all(kept, select(*changed.c)).subquery(table.name)

    return Ground(
        as_it_stood(_complaint, _COMPLAINT, then.complaints, "id"),
        as_it_stood(_clock, _CLOCK, then.clocks, "complaint_id"),
        as_it_stood(_stint, _STINT, then.stints, "complaint_id"),
        at=at,
    )


def _rows(columns: Sequence[Column[Any]], rows: Sequence[Row], *, is_document: bool) -> FromClause:
    """Rows that no table holds, with the types of these columns; they travel as one document."""
    name = f"{columns[0].table.name}_rows"
    form = _iso if is_document else _as_sqlite_stores
    document = json.dumps([{each.name: form(row[each.name]) for each in columns} for row in rows])
    # Names are those of our own schema; only values come from outside, and they are bound.
    if is_document:
        dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
        typed = ", ".join(f'"{each.name}" {each.type.compile(dialect)}' for each in columns)
        source = f"SELECT * FROM json_to_recordset(CAST(:{name} AS json)) AS r({typed})"  # noqa: S608
    else:
        chosen = ", ".join(f"json_extract(value, '$.{each.name}') AS {each.name}" for each in columns)
        source = f"SELECT {chosen} FROM json_each(:{name})"  # noqa: S608
    bound = text(source).bindparams(bindparam(name, document))
    return bound.columns(*(literal_column(each.name, each.type).label(each.name) for each in columns)).subquery(name)


def _iso(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _as_sqlite_stores(value: object) -> object:
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value
