"""Column types that both databases treat alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Enum, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

# SQLite gives a rowid only to a column declared INTEGER.
BigId = BigInteger().with_variant(Integer, "sqlite")
Json = JSON().with_variant(JSONB, "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: refuses a naive one, stores UTC, gives an aware one back.

    SQLite drops the offset of a plain DateTime silently, so 09:00+07:00 would sort after 03:00Z.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive datetime cannot be stored: {value.isoformat()}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        if dialect.name != "postgresql":
            return super().result_processor(dialect, coltype)
        return _in_utc


def _in_utc(value: datetime | None) -> datetime | None:
    """An instant as PostgreSQL's driver gives it: in the zone of the session, which is UTC unless a pooler says other.

    A page has a thousand of them, so nothing is done to those that are in UTC.
    """
    return value if value is None or value.tzinfo is UTC else value.astimezone(UTC)


def by_value(members: type[StrEnum], name: str) -> Enum:
    """A column type that stores the values of `members` as text under a CHECK named `name`."""

    def values(enum: type[Any]) -> list[str]:
        return [str(member.value) for member in enum]

    return Enum(
        members,
        values_callable=values,
        native_enum=False,
        create_constraint=True,
        length=40,
        name=name,
        validate_strings=True,
    )
