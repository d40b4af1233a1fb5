"""PURE: the span of local days that a status speaks of, from its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from app.complaint.errors import InvalidInput

DEFAULT = "30d"
ROLLING = {"7d": 7, "30d": 30, "90d": 90}
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_FIRST_YEAR = 2000


@dataclass(frozen=True, slots=True)
class Day:
    """One local day, or as much of it as has passed: from `since` up to, but without, `until`."""

    on: date
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """A span of whole local days, cut off at the instant it was asked for: what is to come is not judged."""

    name: str
    days: Sequence[Day]

    @property
    def since(self) -> datetime:
        """Its first instant."""
        return self.days[0].since

    @property
    def until(self) -> datetime:
        """The instant after its last."""
        return self.days[-1].until


def read_period(name: str, *, now: datetime, zone: ZoneInfo) -> Period:
    """The period of that name: `7d`, `30d`, `90d` are so many local days up to now, `YYYY-MM` is a local month.

    >>> zone = ZoneInfo("Asia/Jakarta")
    >>> now = datetime(2026, 11, 24, 9, 30, tzinfo=zone)
    >>> period = read_period("7d", now=now, zone=zone)
    >>> period.since.isoformat(), period.until.isoformat(), len(period.days)
    ('2026-11-18T00:00:00+07:00', '2026-11-24T09:30:00+07:00', 7)

    Raises: InvalidInput, when it is no such name, or a month that has not begun.
    """
    today = now.astimezone(zone).date()
    if name in ROLLING:
        return _period(name, today - timedelta(days=ROLLING[name] - 1), today, now, zone)
    matched = _MONTH.fullmatch(name)
    if matched is None or int(matched[1]) < _FIRST_YEAR:
        raise InvalidInput("period", "must be 7d, 30d, 90d or a month such as 2026-11")
    first = date(int(matched[1]), int(matched[2]), 1)
    if first > today:
        raise InvalidInput("period", f"{name} has not begun")
    return _period(name, first, min(today, _last_of_month(first)), now, zone)


def _last_of_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _period(name: str, first: date, last: date, now: datetime, zone: ZoneInfo) -> Period:
    days = [first + timedelta(days=each) for each in range((last - first).days + 1)]
    midnights = [datetime.combine(day, time(), zone) for day in (*days, last + timedelta(days=1))]
    spans = zip(days, pairwise(midnights), strict=True)
    return Period(name, [Day(on, since, min(until, now)) for on, (since, until) in spans])
