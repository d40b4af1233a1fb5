"""PURE: the span of local days that a status speaks of, from its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from app.complaint.errors import InvalidInput

DEFAULT = "30d"
ROLLING = {"7d": 7, "30d": 30, "90d": 90}
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_FIRST_YEAR = 2000
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?)([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_INSTANT_WORDS = (
    "an RFC 3339 instant with an offset (in a URL + is %2B), or a date such as 2026-01-12: the end of that day"
)


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

    At midnight the last day is the one that ends: nothing of the next has passed.

    Raises: InvalidInput, when it is no such name, or a month that has not begun.
    """
    today = _last_begun(now, zone)
    if name in ROLLING:
        return _period(name, today - timedelta(days=ROLLING[name] - 1), today, now, zone)
    matched = _MONTH.fullmatch(name)
    if matched is None or int(matched[1]) < _FIRST_YEAR:
        raise InvalidInput("period", "must be 7d, 30d, 90d or a month such as 2026-11")
    first = date(int(matched[1]), int(matched[2]), 1)
    if first > today:
        raise InvalidInput("period", f"{name} has not begun")
    return _period(name, first, min(today, _last_of_month(first)), now, zone)


def read_month(name: str, *, now: datetime, zone: ZoneInfo) -> Period:
    """The local month of that name.

    Raises: InvalidInput, naming `month`, when it is none or has not begun.
    """
    if _MONTH.fullmatch(name) is None:
        raise InvalidInput("month", "must be a month such as 2026-11")
    try:
        return read_period(name, now=now, zone=zone)
    except InvalidInput as error:
        raise InvalidInput("month", error.message) from error


def read_as_of(text: str | None, *, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The instant that figures shall speak of: an RFC 3339 one, or the end of a local day; None without a text.

    >>> zone = ZoneInfo("Asia/Jakarta")
    >>> now = datetime(2026, 11, 24, 9, 30, tzinfo=zone)
    >>> read_as_of("2026-11-23", now=now, zone=zone).isoformat()
    '2026-11-24T00:00:00+07:00'

    Raises: InvalidInput, when it is none, lies ahead, or before the first year of all periods.
    """
    if text is None:
        return None
    try:
        at = _read_instant(text, zone)
    except (ValueError, OverflowError) as error:
        raise InvalidInput("as_of", f"must be {_INSTANT_WORDS}") from error
    if at > now:
        raise InvalidInput("as_of", "lies in the future")
    if at.year <= _FIRST_YEAR:
        raise InvalidInput("as_of", f"must lie after the year {_FIRST_YEAR}")
    return at


def _read_instant(text: str, zone: ZoneInfo) -> datetime:
    if _DATE.fullmatch(text):
        return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), zone)
    matched = _INSTANT.fullmatch(text)
    if matched is None:
        raise ValueError(text)
    return datetime.fromisoformat(f"{matched[1]}T{matched[2]}{matched[3].upper()}").astimezone(UTC)


def before(period: Period, *, now: datetime, zone: ZoneInfo) -> Period:
    """The period to compare with: as many days right before, or the month before.

    Where the period goes on, so much of the former one as had passed at the same time of its own.

    >>> zone = ZoneInfo("Asia/Jakarta")
    >>> now = datetime(2026, 11, 24, 9, 30, tzinfo=zone)
    >>> former = before(read_period("2026-11", now=now, zone=zone), now=now, zone=zone)
    >>> former.name, former.since.isoformat(), former.until.isoformat()
    ('2026-10', '2026-10-01T00:00:00+07:00', '2026-10-24T09:30:00+07:00')
    """
    first, count = period.days[0].on, len(period.days)
    if period.name in ROLLING:
        start, whole, name = first - timedelta(days=count), count, period.name
    else:
        start = (first - timedelta(days=1)).replace(day=1)
        whole, name = (first - start).days, f"{start:%Y-%m}"
    if period.name not in ROLLING and period.until.astimezone(zone).date() > _last_of_month(first):
        return _period(name, start, start + timedelta(days=whole - 1), now, zone)
    last, local = start + timedelta(days=min(count, whole) - 1), now.astimezone(zone)
    # At midnight that is the end of the last day, not its beginning.
    ends_on = last + (local.date() - period.days[-1].on)
    until = datetime.combine(ends_on, local.time(), zone) if count <= whole else now
    return _period(name, start, last, until, zone)


def _last_begun(now: datetime, zone: ZoneInfo) -> date:
    """The local day of which something has passed last."""
    local = now.astimezone(zone)
    return local.date() if local.time() > time() else local.date() - timedelta(days=1)


def _last_of_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _period(name: str, first: date, last: date, now: datetime, zone: ZoneInfo) -> Period:
    days = [first + timedelta(days=each) for each in range((last - first).days + 1)]
    midnights = [datetime.combine(day, time(), zone) for day in (*days, last + timedelta(days=1))]
    spans = zip(days, pairwise(midnights), strict=True)
    return Period(name, [Day(on, since, min(until, now)) for on, (since, until) in spans])
