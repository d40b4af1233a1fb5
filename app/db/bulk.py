"""Many rows in one statement: on PostgreSQL they travel as one document, on SQLite the driver says each by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, Table, TextClause, bindparam, insert, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.changes import is_postgresql

Rows = Sequence[Mapping[str, Any]]


async def insert_rows(connection: AsyncConnection, table: Table, rows: Rows) -> None:
    """Add the rows, which all have the same columns; the database hands out the ids that are left out."""
    if not rows:
        return
    if is_postgresql(connection):
        await connection.execute(_insertion(table, tuple(rows[0])), {"rows": _document(rows)})
    else:
        await connection.execute(insert(table), [dict(row) for row in rows])


async def update_rows(connection: AsyncConnection, table: Table, rows: Rows, *, key: str) -> None:
    """Change the rows that the column `key` names, which all have the same columns."""
    if not rows:
        return
    names = tuple(rows[0])
    if is_postgresql(connection):
        await connection.execute(_change(table, names, key), {"rows": _document(rows)})
        return
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names if name != key}
    statement = update(table).where(table.c[key] == bindparam(f"new_{key}")).values(values)
    await connection.execute(statement, [{f"new_{name}": value for name, value in row.items()} for row in rows])


@lru_cache(maxsize=64)
def _insertion(table: Table, names: tuple[str, ...]) -> TextClause:
    columns = ", ".join(f'"{name}"' for name in names)
    chosen = ", ".join(_chosen(table, name) for name in names)
    # Names are those of our own schema; only values come from outside, and they are bound.
    return text(f'INSERT INTO "{table.name}" ({columns}) SELECT {chosen} FROM {_records(table, names)}')  # noqa: S608


def _chosen(table: Table, name: str) -> str:
    """A column of the document; what is null in it is the document `null` where a document is stored, as elsewhere."""
    return f"""COALESCE(r."{name}", 'null')""" if isinstance(table.c[name].type, JSON) else f'r."{name}"'


@lru_cache(maxsize=64)
def _change(table: Table, names: tuple[str, ...], key: str) -> TextClause:
    assigned = ", ".join(f'"{name}" = {_chosen(table, name)}' for name in names if name != key)
    is_row = f'"{table.name}"."{key}" = r."{key}"'
    return text(f'UPDATE "{table.name}" SET {assigned} FROM {_records(table, names)} WHERE {is_row}')  # noqa: S608


def _records(table: Table, names: tuple[str, ...]) -> str:
    """The document read as rows with the types of the table's columns."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    typed = ", ".join(f'"{name}" {table.c[name].type.compile(dialect)}' for name in names)
    return f"json_to_recordset(CAST(:rows AS json)) AS r({typed})"


def _document(rows: Rows) -> str:
    return json.dumps(rows, default=_plain, ensure_ascii=False)


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError(f"a naive datetime cannot be stored: {value.isoformat()}")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a document")
