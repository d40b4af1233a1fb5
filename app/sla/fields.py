"""Strict reading of plain JSON values, and the errors that name the field they refuse."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

LAST_YEAR = 9998
"""The last year in which an instant or a due time may lie."""

FIRST_YEAR = 2
"""The first year that can be computed; stated instants lie after it."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})?", re.ASCII
)


class InvalidField(ValueError):
    """A value is refused; `field` is its path, like `calendar.week.mon[0]`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field
        self.message = message


class InvalidCalendar(InvalidField):
    """A calendar that cannot be published."""


class InvalidTarget(InvalidField):
    """A target that no clock can run under."""


class InvalidCase(InvalidField):
    """A worked case that cannot be previewed."""


class DueOutOfRange(InvalidField):
    """A due time beyond the last year that can be computed."""

    def __init__(self, field: str = "target.amount", message: str = f"is due beyond the year {LAST_YEAR}") -> None:
        super().__init__(field, message)


def members(
    value: object, field: str, *, required: Sequence[str] = (), optional: Sequence[str] = ()
) -> Mapping[str, object]:
    """The object `value` with exactly the members allowed.

    Raises:
        InvalidField: not an object, an unknown member, or a required one is absent.
    """
    if not isinstance(value, Mapping):
        raise InvalidField(field or "case", "must be an object")
    for name in value:
        if name not in required and name not in optional:
            raise InvalidField(_member(field, str(name)), "is not a known field")
    for name in required:
        if name not in value:
            raise InvalidField(_member(field, name), "is required")
    return value


def items(value: object, field: str, *, at_most: int) -> Sequence[object]:
    """The list `value`, not longer than `at_most`."""
    if not isinstance(value, (list, tuple)):
        raise InvalidField(field, "must be a list")
    if len(value) > at_most:
        raise InvalidField(field, f"has more than {at_most} entries")
    return value


def text(value: object, field: str, *, at_most: int = 500) -> str:
    """The string `value`, not empty and not longer than `at_most` characters."""
    if not isinstance(value, str) or not value or len(value) > at_most:
        raise InvalidField(field, f"must be text of 1 to {at_most} characters")
    return value


def optional_text(data: Mapping[str, object], name: str, field: str) -> str | None:
    """The member `name` as text; null and absent are one."""
    value = data.get(name)
    return None if value is None else text(value, f"{field}.{name}")


def flag(value: object, field: str) -> bool:
    """The boolean `value`."""
    if not isinstance(value, bool):
        raise InvalidField(field, "must be true or false")
    return value


def day(value: object, field: str) -> date:
    """The date `value`, written YYYY-MM-DD."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise InvalidField(field, "must be a date (YYYY-MM-DD)")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise InvalidField(field, "is not a date of the calendar") from error


def is_day(value: object) -> bool:
    """`value` is written as a date alone."""
    return isinstance(value, str) and _DATE.fullmatch(value) is not None


def instant(value: object, field: str) -> datetime:
    """The RFC 3339 instant `value`, in UTC.

    Raises:
        InvalidField: not an instant, without an offset, or outside the years that can be computed.
    """
    match = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if match is None or not isinstance(value, str):
        raise InvalidField(field, "must be an RFC 3339 instant")
    if match.group(2) is None:
        raise InvalidField(field, "must carry an offset, like Z or +07:00")
    try:
        found = datetime.fromisoformat(value.upper())
    except ValueError as error:
        raise InvalidField(field, "is not an instant of the calendar") from error
    if not FIRST_YEAR < found.year <= LAST_YEAR or found.astimezone(UTC).year > LAST_YEAR:
        raise InvalidField(field, f"must lie in the years {FIRST_YEAR + 1} to {LAST_YEAR}")
    return found.astimezone(UTC)


def _member(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name
