"""The wall clock: the only place that reads it."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """This instant, aware and in UTC, to the microsecond."""
    return datetime.now(UTC)
