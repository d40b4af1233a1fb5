"""Instants at the door: strict RFC 3339 in, `Z` out; a date alone is a local day."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from app.complaint.errors import InvalidInput

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)([Zz]|[+-]\d\d:\d\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_LAST_YEAR = 9998
_WANTED = "must be an RFC 3339 instant with an offset, such as 2026-01-12T15:00:00+07:00 (in a URL + is %2B)"


def parse_instant(value: object) -> datetime:
    """The instant in UTC, to the microsecond.

    >>> parse_instant("2026-01-12T15:00:00+07:00").isoformat()
    '2026-01-12T08:00:00+00:00'

    Raises: ValueError, for anything else, a local time without offset too.
    """
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    match = _INSTANT.fullmatch(value) if isinstance(value, str) and value.isascii() else None
    if match is None:
        raise ValueError(_WANTED)
    try:
        at = datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3].upper()}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(_WANTED) from error
    if at.year > _LAST_YEAR:
        raise ValueError(f"lies beyond the year {_LAST_YEAR}")
    return at


def rfc3339(at: datetime) -> str:
    """The instant in UTC with `Z`; a fraction only where there is one.

    >>> rfc3339(datetime(2026, 1, 12, 8, 0, tzinfo=UTC))
    '2026-01-12T08:00:00Z'
    """
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


Instant = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant in bodies and answers."""


def parse_from(text: str | None, field: str, zone: ZoneInfo) -> datetime | None:
    """Where a span begins, itself included: the instant, or the start of the local day; None without a value.

    Raises: InvalidInput.
    """
    return _parse(text, field, zone, days=0)


def parse_to(text: str | None, field: str, zone: ZoneInfo) -> datetime | None:
    """Where a span ends, itself excluded: the instant, or the end of the local day; None without a value.

    Raises: InvalidInput.
    """
    return _parse(text, field, zone, days=1)


def _parse(text: str | None, field: str, zone: ZoneInfo, *, days: int) -> datetime | None:
    if text is None:
        return None
    try:
        if _DATE.fullmatch(text) and text.isascii():
            return _midnight(date.fromisoformat(text) + timedelta(days=days), zone)
        return parse_instant(text)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(field, f"{_WANTED}, or a date such as 2026-01-12") from error


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
