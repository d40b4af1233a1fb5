"""A past of the make-believe city that has exactly so many complaints, the newest one just before an instant."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from app.demo.arrivals import WIB, plan_day
from app.demo.city import FOUNDED_ON, MAX_PER_DAY, City
from app.demo.lives import Status, Step
from app.demo.report import Report

SEED = 2026
_SPAN_DAYS = 365
_BUSIEST = 2_700
_CLOSED_AFTER = timedelta(days=60)
_ENDS = frozenset({Status.DONE, Status.REJECTED, Status.DELETED})


@dataclass(frozen=True, slots=True)
class Past:
    """`rows` complaints of the city `seed` up to `until`: a year of them, or more years where one cannot hold them.

    With `daily` there are so many a day, in the mean, and the past is as long as it takes.
    """

    rows: int
    until: datetime
    seed: int = SEED
    daily: int | None = None

    @property
    def per_day(self) -> int:
        """Complaints on a day, in the mean."""
        return self.daily or min(_BUSIEST, max(1, round(self.rows / _SPAN_DAYS)))

    def days(self) -> list[date]:
        """The days to look at, the newest first: some more than are needed."""
        last = self.until.astimezone(WIB).date()
        wanted = math.ceil(self.rows / self.per_day * 1.2) + 30
        return [last - timedelta(days=back) for back in range(min(wanted, (last - FOUNDED_ON).days + 1))]

    def count(self, day: date) -> int:
        """How many complaints a day has."""
        return sum(arrival.at <= self.until for arrival in plan_day(self.seed, day, self.per_day).arrivals)


@dataclass(frozen=True, slots=True)
class Share:
    """Some days of a past, oldest first: `skipped` complaints of the first day do not belong to it.

    `first` is the place of its first complaint among all of them, counted from 1.
    """

    past: Past
    days: tuple[date, ...]
    skipped: int
    first: int

    def reports(self) -> Iterator[Report]:
        """The complaints, oldest first, in their places."""
        past = self.past
        city = City(seed=past.seed, per_day=past.per_day)
        reports = city.reports(self.days[0], self.days[-1], now=past.until)
        for place, report in enumerate(reports):
            if place >= self.skipped:
                yield _closed_at_last(report)


def split(
    past: Past, run: Callable[[Callable[[date], int], Iterable[date]], Iterable[int]], *, size: int
) -> list[Share]:
    """The past in shares of about `size` complaints; `run` maps a function over days, in as many processes as it has.

    Raises: ValueError for more complaints than the city can ever have had.
    """
    days = past.days()
    counted = list(zip(days, run(past.count, days), strict=True))
    if sum(count for _, count in counted) < past.rows:
        raise ValueError(f"{past.rows} complaints: the city never had so many, at most {MAX_PER_DAY} a day")
    kept: list[tuple[date, int]] = []
    missing = past.rows
    for day, count in counted:
        if missing > 0:
            kept.append((day, count))
            missing -= count
    kept.reverse()
    return list(_shares(past, kept, skipped=-missing, size=size))


def _shares(past: Past, days: Sequence[tuple[date, int]], *, skipped: int, size: int) -> Iterator[Share]:
    current: list[date] = []
    first, held = 1, -skipped
    for place, (day, count) in enumerate(days):
        current.append(day)
        held += count
        if held >= size or place == len(days) - 1:
            yield Share(past, tuple(current), skipped, first)
            current, first, held, skipped = [], first + held, 0, 0


def _closed_at_last(report: Report) -> Report:
    """What everybody forgot is closed by the bureau after some weeks: few of a year's complaints are open."""
    last = report.steps[-1]
    if last.status in _ENDS:
        return report
    at = max(last.at + timedelta(hours=1), report.reported_at + _CLOSED_AFTER)
    steps = (*report.steps, Step(at, Status.DONE, last.unit))
    return replace(report, steps=steps, times=tuple(step.at for step in steps))
