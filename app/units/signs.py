"""PURE: what says that a figure is being gamed or is unsafe: how much of it is too much, and when it counts at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from app.sla.calendars import CompiledCalendar
from app.units.figures import percent
from app.units.periods import Day, Period


class Sign(StrEnum):
    """What is looked for, in the order in which it is shown."""

    PAUSE_BEFORE_DUE = "pause_before_due"
    CLOSED_AND_REOPENED = "closed_and_reopened"
    PING_PONG = "ping_pong"
    MONTH_END = "month_end"
    EVIDENCE_REFUSED = "evidence_refused"
    EVIDENCE_DOUBTFUL = "evidence_doubtful"
    RECORDED_LATE = "recorded_late"
    SOURCE_STALE = "source_stale"


@dataclass(frozen=True, slots=True)
class Limit:
    """A sign shows from this percentage on, and not below this many cases: one of two is no habit."""

    percent: float
    least: int


LIMITS: Mapping[Sign, Limit] = MappingProxyType(
    {
        Sign.PAUSE_BEFORE_DUE: Limit(25, 3),
        Sign.CLOSED_AND_REOPENED: Limit(5, 3),
        Sign.PING_PONG: Limit(20, 3),
        Sign.MONTH_END: Limit(0, 10),
        Sign.EVIDENCE_REFUSED: Limit(10, 2),
        Sign.EVIDENCE_DOUBTFUL: Limit(20, 3),
        Sign.RECORDED_LATE: Limit(10, 3),
        Sign.SOURCE_STALE: Limit(0, 1),
    }
)
"""Our own numbers: no source states any. That of the month's end follows from the days of the period."""

LAST_PART = 0.9
"""The share of a target from which on a pause is one just before due; by chance a tenth of all pauses would be."""
REOPENED_WITHIN = timedelta(days=7)
RECORDING_SLACK = timedelta(hours=1)
"""By how much a source may tell us later than the due time of what happened before it."""
MOST_EXAMINED = 20_000
"""Cycles whose histories are looked into for being recorded late, those that were due last."""
MONTH_END_DAYS = 2
MONTH_END_FACTOR = 3
"""How many times its even share may be closed on the last days of a month."""

Stretch = tuple[datetime, datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found of one sign: `count` cases `of` so many, and the complaints they belong to, the newest first."""

    sign: Sign
    count: int
    of: int
    complaint_ids: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    limit: float = 0.0

    @property
    def share(self) -> float | None:
        """The cases in percent; None of nothing."""
        return percent(self.count, self.of)

    @property
    def least(self) -> int:
        """The number of cases below which it never shows."""
        return LIMITS[self.sign].least

    @property
    def shows(self) -> bool:
        """Whether somebody should look: exactly at the limit it does."""
        return self.count >= self.least and self.count * 100 >= self.limit * self.of


def finding(sign: Sign, cases: Iterable[int], of: int) -> Finding:
    """The finding of cases, each by its complaint; a complaint may be in several.

    >>> found = finding(Sign.EVIDENCE_REFUSED, [7, 7], 20)
    >>> found.count, found.complaint_ids, found.share, found.shows
    (2, (7,), 10.0, True)
    """
    ids = list(cases)
    return Finding(
        sign=sign, count=len(ids), of=of, complaint_ids=tuple(dict.fromkeys(ids)), limit=LIMITS[sign].percent
    )


def used_share(
    at: datetime, *, started_at: datetime, target_s: int, pauses: Sequence[Stretch], calendar: CompiledCalendar
) -> float | None:
    """How much of its target a clock had used at `at`; None where the pauses leave it none.

    `target_s` are the counted seconds from start to due, finished pauses included; `pauses` those it honours.

    >>> from datetime import UTC
    >>> from app.sla.calendars import always_open
    >>> hours = [datetime(2026, 1, 12, hour, tzinfo=UTC) for hour in range(24)]
    >>> clock = {"started_at": hours[0], "pauses": [(hours[9], hours[14])], "calendar": always_open()}
    >>> used_share(hours[9], target_s=15 * 3600, **clock)
    0.9
    """

    def span(since: datetime, until: datetime) -> int:
        return max(0, calendar.position(until) - calendar.position(since))

    paused_s = sum(span(since, min(until or at, at)) for since, until in pauses if since < at)
    moved_s = sum(span(since, until) for since, until in pauses if until is not None)
    whole_s = target_s - moved_s
    return (span(started_at, at) - paused_s) / whole_s if whole_s > 0 else None


def month_ends(period: Period) -> list[Day]:
    """The days of the period that are among the last of their month."""
    return [day for day in period.days if (day.on + timedelta(days=MONTH_END_DAYS)).month != day.on.month]


def month_end_limit(period: Period) -> float:
    """From which percentage on the closings of these days are too many: three times their even share.

    A period without such a day can show nothing, and has no limit to reach: 0.
    """
    return min(100.0, round(MONTH_END_FACTOR * 100 * len(month_ends(period)) / len(period.days), 2))
