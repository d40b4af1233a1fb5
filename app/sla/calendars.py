"""A calendar version compiled to open UTC intervals with running totals; position and instant are one search each."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from threading import Lock
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.sla.calendar_rules import DAY_S, CalendarRules, Hours, Period, SpecialDay, end_of_day, parse_rules
from app.sla.fields import LAST_YEAR, DueOutOfRange, InvalidCalendar, InvalidField
from app.sla.opening import EPOCH, Block, year_start
from app.sla.years import ORIGIN_YEAR, Years

__all__ = [
    "CalendarRules",
    "CompiledCalendar",
    "DayNote",
    "DueOutOfRange",
    "InvalidCalendar",
    "InvalidField",
    "Layer",
    "always_open",
    "compile_calendar",
    "end_of_day",
    "parse_rules",
]

# The range held as one searchable piece grows on demand within these years; beyond them, year by year.
_FIRST_NEAR_YEAR = 1970
_LAST_NEAR_YEAR = 2099
_MOST_INTERVALS = 200_000
_MICRO = 1_000_000
_FULL_DAY: Hours = ((0, DAY_S),)


class Layer(StrEnum):
    """What decided the hours of a date."""

    WEEK = "week"
    PERIOD = "period"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class DayNote:
    """The hours of a date and the row that decided them."""

    layer: Layer
    hours: Hours
    name: str | None = None
    source: str | None = None
    is_estimated: bool = False


class _Window(NamedTuple):
    """Intervals from epoch second `start` to `end`; the first is empty, so that a search always finds one."""

    start: int
    end: int
    opens: tuple[int, ...]
    closes: tuple[int, ...]
    totals: tuple[int, ...]
    low: int
    high: int
    first_year: int
    last_year: int


class CompiledCalendar:
    """Open time as arithmetic: `position` counts open seconds before an instant, `instant` is its inverse.

    Positions have no meaning by themselves, only their differences. Aware instants of any zone are taken, UTC is
    given. Safe to share between threads: what grows is replaced as a whole.

    >>> rules = parse_rules({"timezone": "Asia/Jakarta", "week": {"tue": [["07:30", "12:00"], ["13:00", "16:00"]]}})
    >>> calendar = compile_calendar(rules)
    >>> start = datetime.fromisoformat("2026-06-02T11:30:00+07:00")
    >>> calendar.instant(calendar.position(start) + 3600).isoformat()
    '2026-06-02T06:30:00+00:00'
    """

    is_always_open = False

    def __init__(self, rules: CalendarRules) -> None:
        self.rules = rules
        self.zone = ZoneInfo(rules.timezone)
        self._years = Years(rules, self.zone)
        self._specials = {special.on: special for special in rules.days}
        self._estimated = [(row.on, row.on) for row in rules.days if row.is_estimated]
        self._estimated += [(row.from_on, row.to_on) for row in rules.periods if row.is_estimated]
        self._lock = Lock()
        origin = year_start(ORIGIN_YEAR)
        self._hold(_Window(origin, origin, (origin,), (origin,), (0,), 0, 0, ORIGIN_YEAR, ORIGIN_YEAR))

    def position_s(self, epoch: int) -> int:
        """Open seconds before this epoch second."""
        start, end, opens, closes, totals = self._by_time
        if not start <= epoch < end:
            return self._position_beyond(epoch)
        index = bisect_right(opens, epoch) - 1
        close = closes[index]
        return totals[index] + (epoch if epoch < close else close) - opens[index]

    def instant_s(self, position: int) -> int:
        """The earliest epoch second before which `position` open seconds are counted.

        Raises:
            DueOutOfRange: there is none up to the last year that can be computed.
        """
        low, high, opens, totals = self._by_total
        if not low < position <= high:
            return self._instant_beyond(position)
        index = bisect_left(totals, position) - 1
        return opens[index] + position - totals[index]

    def position(self, at: datetime) -> int:
        """Whole open seconds before `at`."""
        return self.position_s(_seconds(at))

    def instant(self, position: int) -> datetime:
        """The earliest instant with `position` open seconds counted.

        Raises:
            DueOutOfRange: it lies beyond the last year that can be computed.
        """
        return _datetime(self.instant_s(position))

    def position_us(self, at: datetime) -> int:
        """Open microseconds before `at`, exact."""
        second, micro = _seconds(at), at.microsecond
        position = self.position_s(second)
        if micro and self.position_s(second + 1) > position:
            return position * _MICRO + micro
        return position * _MICRO

    def instant_us(self, position: int) -> datetime:
        """The earliest instant with `position` open microseconds counted.

        Raises:
            DueOutOfRange: it lies beyond the last year that can be computed.
        """
        whole, micro = divmod(position, _MICRO)
        if not micro:
            return self.instant(whole)
        return self.instant(whole + 1) - timedelta(microseconds=_MICRO - micro)

    def close_of_nth_working_day(self, start: datetime, n: int) -> datetime:
        """The closing time of the nth local date with open time after the local date of `start`.

        Raises:
            DueOutOfRange: it lies beyond the last year that can be computed.
        """
        ordinal = start.astimezone(self.zone).toordinal()
        year = date.fromordinal(ordinal).year
        days, later_s = self._years.working_days(year)
        left = n + bisect_right(days.ordinals, ordinal - later_s // DAY_S)
        while len(days.ordinals) < left:
            left -= len(days.ordinals)
            year += 1
            days, later_s = self._years.working_days(year)
        return _datetime(days.closes[left - 1] + later_s)

    def is_provisional(self, from_at: datetime, to_at: datetime) -> bool:
        """The span goes beyond the last decreed date, or touches an estimated day or period."""
        if to_at > from_at:
            to_at -= timedelta(microseconds=1)
        last = to_at.astimezone(self.zone).date()
        if self.rules.decreed_through is not None and last > self.rules.decreed_through:
            return True
        if not self._estimated:
            return False
        first = from_at.astimezone(self.zone).date()
        return any(first <= ends and begins <= last for begins, ends in self._estimated)

    def intervals(self, from_at: datetime, to_at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The open intervals between two instants, in order, cut at both."""
        held: tuple[datetime, datetime] | None = None
        for opens, closes in self._stretches(_seconds(from_at), _seconds(to_at) + 1):
            piece = max(_datetime(opens), from_at), min(_datetime(closes), to_at)
            if piece[0] >= piece[1]:
                continue
            if held is not None and held[1] == piece[0]:
                held = held[0], piece[1]
                continue
            if held is not None:
                yield held
            held = piece
        if held is not None:
            yield held

    def day_note(self, on: date) -> DayNote:
        """What decided the hours of the local date."""
        row: SpecialDay | Period | None = self._specials.get(on)
        if isinstance(row, SpecialDay):
            return DayNote(Layer.DAY, row.hours, row.name, row.source, row.is_estimated)
        row = next((period for period in reversed(self.rules.periods) if period.covers(on)), None)
        if row is not None:
            return DayNote(Layer.PERIOD, row.week[on.weekday()], row.name, row.source, row.is_estimated)
        return DayNote(Layer.WEEK, self.rules.week[on.weekday()])

    def _stretches(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        for year in range(_year(start), _year(end) + 1):
            (opens, closes, _, _), later_s = self._years.block(year)
            for index in range(max(bisect_right(opens, start - later_s) - 1, 0), bisect_left(opens, end - later_s)):
                yield opens[index] + later_s, closes[index] + later_s

    def _position_beyond(self, epoch: int) -> int:
        year = _year(epoch)
        if self._widened_to(year):
            return self.position_s(epoch)
        (opens, closes, totals, _), later_s = self._years.block(year)
        within = epoch - later_s
        index = bisect_right(opens, within) - 1
        counted = totals[index] + min(within, closes[index]) - opens[index] if index >= 0 else 0
        return self._years.before(year) + counted

    def _instant_beyond(self, position: int) -> int:
        year = self._years.reaching(position)
        if self._widened_to(year):
            return self.instant_s(position)
        (opens, _, totals, _), later_s = self._years.block(year)
        left = position - self._years.before(year)
        index = bisect_left(totals, left) - 1
        return opens[index] + left - totals[index] + later_s

    def _widened_to(self, year: int) -> bool:
        """Whether the window holds the year, grown to it and its neighbours if that is near and not too much."""
        if not _FIRST_NEAR_YEAR <= year <= _LAST_NEAR_YEAR:
            return False
        with self._lock:
            window = self._window
            first = min(window.first_year, year - 1)
            last = max(window.last_year, year + 2)
            added = last - first - (window.last_year - window.first_year)
            if len(window.opens) + added * len(self._years.block(year)[0].opens) > _MOST_INTERVALS:
                return window.first_year <= year < window.last_year
            before = [self._years.block(each) for each in range(first, window.first_year)]
            after = [self._years.block(each) for each in range(window.last_year, last)]
            self._hold(_joined(window, before, after, first, last))
            return True

    def _hold(self, window: _Window) -> None:
        """Take the window into use; each search unpacks the one tuple made for it, so none sees half a change."""
        self._by_time = window.start, window.end, window.opens, window.closes, window.totals
        self._by_total = window.low, window.high, window.opens, window.totals
        self._window = window


class _AlwaysOpen(CompiledCalendar):
    """A calendar that never closes: positions are epoch seconds."""

    is_always_open = True

    def position_s(self, epoch: int) -> int:
        return epoch

    def instant_s(self, position: int) -> int:
        if position >= _END:
            raise DueOutOfRange
        return position

    def intervals(self, from_at: datetime, to_at: datetime) -> Iterator[tuple[datetime, datetime]]:
        if from_at < to_at:
            yield from_at.astimezone(UTC), to_at.astimezone(UTC)

    def is_provisional(self, from_at: datetime, to_at: datetime) -> bool:
        return False


def compile_calendar(rules: CalendarRules) -> CompiledCalendar:
    """The calendar ready for arithmetic; keep it, since it remembers the years it has computed."""
    if not rules.periods and not rules.days and all(hours == _FULL_DAY for hours in rules.week):
        return _AlwaysOpen(rules)
    return CompiledCalendar(rules)


@lru_cache(maxsize=64)
def always_open(timezone: str = "UTC") -> CompiledCalendar:
    """The calendar 24x7: plain elapsed time, with the days of the zone.

    >>> always_open().position(datetime(1970, 1, 2, tzinfo=UTC))
    86400
    """
    full = _FULL_DAY
    return _AlwaysOpen(CalendarRules(timezone, (full, full, full, full, full, full, full), name="24x7"))


_END = year_start(LAST_YEAR + 1)


def _seconds(at: datetime) -> int:
    since = at - EPOCH
    return since.days * DAY_S + since.seconds


def _datetime(epoch: int) -> datetime:
    return EPOCH + timedelta(seconds=epoch)


def _year(epoch: int) -> int:
    return _datetime(epoch).year


def _joined(
    window: _Window, before: list[tuple[Block, int]], after: list[tuple[Block, int]], first: int, last: int
) -> _Window:
    """The window with the years before and after it; totals keep their origin."""
    low = window.low - sum(block.total for block, _ in before)
    start = year_start(first)
    opens, closes, totals = [start], [start], [low]
    _append(before, opens, closes, totals, low)
    opens += window.opens[1:]
    closes += window.closes[1:]
    totals += window.totals[1:]
    high = _append(after, opens, closes, totals, window.high)
    return _Window(start, year_start(last), tuple(opens), tuple(closes), tuple(totals), low, high, first, last)


def _append(blocks: list[tuple[Block, int]], opens: list[int], closes: list[int], totals: list[int], total: int) -> int:
    for block, later_s in blocks:
        opens += (each + later_s for each in block.opens)
        closes += (each + later_s for each in block.closes)
        totals += (each + total for each in block.totals)
        total += block.total
    return total
