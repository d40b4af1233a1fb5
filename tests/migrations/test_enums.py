"""Every value that the code may store is one that the database takes, and no other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Column, Connection, Enum, Table, text
from sqlalchemy.exc import IntegrityError

from app.db.column_types import UtcDateTime
from app.db.metadata import metadata
from app.db.migrate import connect

ENUM_COLUMNS = [
    (table, column) for table in metadata.tables.values() for column in table.columns if isinstance(column.type, Enum)
]
SAMPLES: dict[type, Any] = {
    bool: False,
    bytes: b"sealed",
    date: date(2026, 1, 12),
    object: {},
    float: 1.5,
}
INSTANT = datetime(2026, 1, 12, 8, 1, tzinfo=UTC)
_numbers = itertools.count(1)


@pytest.fixture
def unrelated(database_url: str) -> Iterator[Connection]:
    """A connection on which a row needs no other row; checks hold all the same."""
    with connect(database_url) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET session_replication_role = replica"))
        yield connection


def test_there_are_enums_to_test() -> None:
    assert {"complaint", "complaint_event", "sla_clock", "alert"} <= {table.name for table, _ in ENUM_COLUMNS}


@pytest.mark.parametrize(
    ("table", "column"), ENUM_COLUMNS, ids=lambda value: value.name if isinstance(value, Table | Column) else ""
)
def test_every_member_of_an_enum_is_taken_and_nothing_else(
    unrelated: Connection, table: Table, column: Column[Any]
) -> None:
    members = list(column.type.enum_class)  # type: ignore[attr-defined]
    for member in members:
        unrelated.execute(table.insert().values(_row(table) | {column.name: member}))
    stored = set(unrelated.scalars(text(f'SELECT "{column.name}" FROM "{table.name}"')))
    assert stored == {member.value for member in members}
    with pytest.raises(IntegrityError, match=f"ck_{table.name}_"):
        unrelated.execute(text(f'UPDATE "{table.name}" SET "{column.name}" = \'no such value\''))


def _row(table: Table) -> dict[str, Any]:
    """A row that is like no other, with every column that must have a value."""
    number = next(_numbers)
    return {column.name: _sample(column, number) for column in table.columns if _is_needed(column)}


def _is_needed(column: Column[Any]) -> bool:
    return not column.nullable or column.primary_key


def _sample(column: Column[Any], number: int) -> Any:
    if isinstance(column.type, Enum):
        return next(iter(column.type.enum_class))  # type: ignore[call-overload]
    if isinstance(column.type, UtcDateTime):
        return INSTANT
    kind = column.type.python_type
    if kind is int:
        return number
    return str(number) if kind is str else SAMPLES[kind]
