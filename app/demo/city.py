"""The make-believe city: all its reports, each with its whole life, from a seed alone.

>>> from app.demo.report import state_at
>>> city = City(seed=7, per_day=20)
>>> noon = datetime(2026, 11, 24, 12, tzinfo=WIB)
>>> first = next(city.reports(noon.date(), noon.date(), now=noon))
>>> first.code, state_at(first, first.reported_at).status.value
('JK2611240001', 'Menunggu')
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache

from app.demo.arrivals import WIB, Arrival, Plan, midnight, plan_day
from app.demo.chance import seed_of
from app.demo.report import Report
from app.demo.teller import Teller

FOUNDED_ON = date(2017, 1, 1)
"""The first day that ever had reports."""
MAX_PER_DAY = 2_800
"""So that the codes of the ordinary reports, even of a rainy Monday, stay below those of the live ones."""
MIN_LIVE_EVERY = timedelta(seconds=20)
"""So that the live reports of a day fit into the four digits of a ticket code."""

_FIRST_LIVE = 5_001
_LIVE_CHUNK = 120
_KEPT_REPORTS = 40_000
_CODE = re.compile(r"JK(\d{6})(\d{4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Live:
    """Additional reports that arrive day and night from an instant on, so that a demo is never still.

    Raises: ValueError for an interval that is too short or has fractions of a second.
    """

    since: datetime
    every: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        if self.every < MIN_LIVE_EVERY or self.every % timedelta(seconds=1):
            raise ValueError(f"a live report every {self.every}: want whole seconds, from {MIN_LIVE_EVERY} on")


class City:
    """A city without memory: any day is generated when asked for, always the same.

    `per_day` is the mean over a year, `history_days` how far back its sources go where nobody says.
    Raises: ValueError for volumes whose ticket codes would not fit.
    """

    def __init__(self, *, seed: int, per_day: int = 120, history_days: int = 30, live: Live | None = None) -> None:
        if not 0 < per_day <= MAX_PER_DAY:
            raise ValueError(f"{per_day} reports a day: want 1 to {MAX_PER_DAY}")
        if history_days < 1:
            raise ValueError(f"{history_days} days of history: want 1 or more")
        self.seed, self.per_day, self.history_days, self.live = seed, per_day, history_days, live
        self._teller = Teller(seed)
        kept_days = max(60, _KEPT_REPORTS // per_day)
        self._plan = lru_cache(maxsize=2 * kept_days)(self._make_plan)
        self._day = lru_cache(maxsize=kept_days)(self._make_day)
        self._chunk = lru_cache(maxsize=_KEPT_REPORTS // _LIVE_CHUNK)(self._make_chunk)

    def reports(self, first: date, last: date, *, now: datetime) -> Iterator[Report]:
        """The reports of these days (in Jakarta, both included) that exist by now, oldest first."""
        first, last = max(first, FOUNDED_ON), min(last, now.astimezone(WIB).date())
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            yield from self._reports_on(date.fromordinal(ordinal), now)

    def by_number(self, number: int, *, now: datetime) -> Report | None:
        """The report with this CRM number, None where there is none by now."""
        days, _ = divmod(number, 10_000)
        today = now.astimezone(WIB).date()
        if not 0 <= days <= (today - FOUNDED_ON).days:
            return None
        day = FOUNDED_ON + timedelta(days=days)
        return next((report for report in self._reports_on(day, now) if report.number == number), None)

    def by_code(self, code: str, *, now: datetime) -> Report | None:
        """The report with this ticket code, None where there is none by now."""
        match = _CODE.fullmatch(code)
        if match is None:
            return None
        try:
            day = datetime.strptime(match.group(1), "%y%m%d").replace(tzinfo=WIB).date()
        except ValueError:
            return None
        return self.by_number(_number(day, int(match.group(2))), now=now)

    def _reports_on(self, day: date, now: datetime) -> list[Report]:
        reports = [report for report in self._day(day) if report.reported_at <= now]
        if self.live is not None:
            reports += self._live_reports(self.live, day, now)
            reports.sort(key=lambda report: report.times[0])
        return reports

    def _live_reports(self, live: Live, day: date, now: datetime) -> Iterator[Report]:
        """The live reports of a day by now; only the parts of the day that are needed are generated."""
        start = midnight(day)
        if start > now or start + timedelta(days=1) <= live.since:
            return
        first = max(0, (live.since - start) // live.every)
        last = min(timedelta(days=1), now - start) // live.every
        for chunk in range(first // _LIVE_CHUNK, last // _LIVE_CHUNK + 1):
            for report in self._chunk(live, day, chunk):
                if live.since <= report.reported_at <= now:
                    yield report

    def _make_plan(self, day: date) -> Plan:
        return plan_day(self.seed, day, self.per_day)

    def _make_day(self, day: date) -> tuple[Report, ...]:
        return tuple(self._report(day, index, arrival) for index, arrival in enumerate(self._plan(day).arrivals, 1))

    def _make_chunk(self, live: Live, day: date, chunk: int) -> tuple[Report, ...]:
        slots = range(chunk * _LIVE_CHUNK, min((chunk + 1) * _LIVE_CHUNK, timedelta(days=1) // live.every))
        return tuple(self._report(day, _FIRST_LIVE + slot, self._live_arrival(live, day, slot)) for slot in slots)

    def _live_arrival(self, live: Live, day: date, slot: int) -> Arrival:
        """One in each slot of the day, in the first third of it, so that no two come at once."""
        seed = seed_of(self.seed, "live", day.toordinal(), slot)
        jitter = timedelta(seconds=seed % (live.every // timedelta(seconds=3) + 1))
        return Arrival(midnight(day) + live.every * slot + jitter, seed, seed + 1, seed + 2)

    def _report(self, day: date, sequence: int, arrival: Arrival) -> Report:
        arrival, quoted = self._follow(day, arrival)
        is_rainy = self._plan(day).is_rainy
        return self._teller.tell(_number(day, sequence), _code(day, sequence), arrival, quoted, is_rainy=is_rainy)

    def _follow(self, day: date, arrival: Arrival) -> tuple[Arrival, str | None]:
        """The arrival, about the same thing as the earlier one that it follows, and that one's code."""
        if arrival.follows is None:
            return arrival, None
        days_back, depth = arrival.follows
        earlier_day = day - timedelta(days=days_back)
        earlier = self._plan(earlier_day).arrivals
        position = int(depth * len(earlier))
        if not earlier or earlier[position].follows is not None:
            return arrival, None
        return replace(arrival, subject=earlier[position].subject), _code(earlier_day, position + 1)


def _number(day: date, sequence: int) -> int:
    return (day - FOUNDED_ON).days * 10_000 + sequence


def _code(day: date, sequence: int) -> str:
    return f"JK{day.year % 100:02d}{day.month:02d}{day.day:02d}{sequence:04d}"
