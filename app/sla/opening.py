"""From wall-clock hours to UTC: the open stretches of a year in a zone, every clock change included."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.sla.calendar_rules import DAY_S, CalendarRules, Hours

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = EPOCH.toordinal()

# Outside these years no zone of the tz database has dated rules of its own (Casablanca's end in 2087): the years
# repeat by weekday of 1 January and leap day.
_FIRST_DATED_YEAR = 1800
_LAST_DATED_YEAR = 2100


class Stretch(NamedTuple):
    """Open seconds [opens, closes) of the local date with this ordinal."""

    opens: int
    closes: int
    ordinal: int


class Block(NamedTuple):
    """The open intervals of one UTC year, in epoch seconds, with the open seconds of the year before each."""

    opens: tuple[int, ...]
    closes: tuple[int, ...]
    totals: tuple[int, ...]
    total: int


class WorkingDays(NamedTuple):
    """The local dates of one year with open time, and the instant at which each closes."""

    ordinals: tuple[int, ...]
    closes: tuple[int, ...]


class Layers:
    """The layers of a calendar version, indexed for compiling year by year."""

    def __init__(self, rules: CalendarRules, zone: ZoneInfo) -> None:
        self._zone = zone
        self._week = rules.week
        self._days = {special.on.toordinal(): special.hours for special in rules.days}
        self._periods = [(p.from_on.toordinal(), p.to_on.toordinal(), p.week) for p in reversed(rules.periods)]
        edges = {edge for first, last, _ in self._periods for edge in (first, last + 1)}
        edges.update(edge for ordinal in self._days for edge in (ordinal, ordinal + 1))
        self._edges = sorted(edges)

    def block(self, year: int) -> Block:
        """The open intervals of the UTC year, cut at its ends."""
        opens: list[int] = []
        closes: list[int] = []
        for stretch in self._stretches(year_start(year), year_start(year + 1)):
            if closes and closes[-1] == stretch.opens:
                closes[-1] = stretch.closes
            else:
                opens.append(stretch.opens)
                closes.append(stretch.closes)
        totals, total = [], 0
        for start, end in zip(opens, closes, strict=True):
            totals.append(total)
            total += end - start
        return Block(tuple(opens), tuple(closes), tuple(totals), total)

    def working_days(self, year: int) -> WorkingDays:
        """The local dates of the year with open time; a date whose hours all fall into a skipped hour has none."""
        start, end = year_start(year), year_start(year + 1)
        first, last = _ordinal(start), _ordinal(end)
        closes: dict[int, int] = {}
        for stretch in self._stretches(start - 2 * DAY_S, end + 2 * DAY_S):
            if first <= stretch.ordinal < last:
                closes[stretch.ordinal] = max(stretch.closes, closes.get(stretch.ordinal, stretch.closes))
        ordinals = tuple(sorted(closes))
        return WorkingDays(ordinals, tuple(closes[ordinal] for ordinal in ordinals))

    def alike(self, year: int) -> tuple[object, ...]:
        """A key: years that share it have the same open time, moved by the distance of their starts."""
        first = date(year, 1, 1).toordinal()
        length = date(year + 1, 1, 1).toordinal() - first
        regime = bisect_right(self._edges, first - 3)
        if regime != bisect_right(self._edges, first + length + 3):
            return (year,)
        return (first % 7, length, regime, self._clock_changes(year))

    def _clock_changes(self, year: int) -> tuple[object, ...]:
        """The offsets of the zone over the year and the days around it, told from its start."""
        if not _FIRST_DATED_YEAR <= year <= _LAST_DATED_YEAR:
            return ("repeating", year > _LAST_DATED_YEAR)
        start = year_start(year)
        around = _offsets(self._zone, start - 3 * DAY_S, year_start(year + 1) + 3 * DAY_S)
        return tuple((begins - start, offset) for begins, _, offset in around)

    def _stretches(self, start: int, end: int) -> Iterator[Stretch]:
        hours_on = self._hours_between(_ordinal(start) - 2, _ordinal(end) + 2)
        for begins, stops, offset in _offsets(self._zone, start, end):
            for day in range((begins + offset) // DAY_S, (stops + offset - 1) // DAY_S + 1):
                midnight, ordinal = day * DAY_S - offset, day + _EPOCH_ORDINAL
                for opening, closing in hours_on(ordinal):
                    opens, closes = max(midnight + opening, begins), min(midnight + closing, stops)
                    if opens < closes:
                        yield Stretch(opens, closes, ordinal)

    def _hours_between(self, first: int, last: int) -> Callable[[int], Hours]:
        near = [period for period in self._periods if period[0] <= last and first <= period[1]]
        days, base = self._days, self._week

        def hours_on(ordinal: int) -> Hours:
            if ordinal in days:
                return days[ordinal]
            week = next((week for begins, ends, week in near if begins <= ordinal <= ends), base)
            return week[(ordinal - 1) % 7]

        return hours_on


def year_start(year: int) -> int:
    """The epoch second at which the UTC year begins."""
    return (date(year, 1, 1).toordinal() - _EPOCH_ORDINAL) * DAY_S


def _ordinal(at: int) -> int:
    return at // DAY_S + _EPOCH_ORDINAL


def _offsets(zone: ZoneInfo, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Stretches [from, to) of one UTC offset; zones change at most once a day, so a daily look finds every change."""
    begins, offset = start, _offset(zone, start)
    for seen in range(start, end, DAY_S):
        ahead = min(seen + DAY_S, end - 1)
        if _offset(zone, ahead) != offset:
            change = _change(zone, seen, ahead, offset)
            yield begins, change, offset
            begins, offset = change, _offset(zone, change)
    yield begins, end, offset


def _change(zone: ZoneInfo, before: int, after: int, offset: int) -> int:
    """The second at which the offset stops being `offset`, by halving."""
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, at: int) -> int:
    shift = (EPOCH + timedelta(seconds=at)).astimezone(zone).utcoffset() or timedelta()
    return shift.days * DAY_S + shift.seconds
