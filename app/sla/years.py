"""Open time summed up by year, so that a due time centuries away costs no more than the years' kinds."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from threading import RLock
from typing import TypeVar
from zoneinfo import ZoneInfo

from app.sla.calendar_rules import CalendarRules
from app.sla.fields import FIRST_YEAR, LAST_YEAR, DueOutOfRange
from app.sla.opening import Block, Layers, WorkingDays, year_start

ORIGIN_YEAR = 2024
"""Positions are counted from the start of this year; those before it are negative."""

_KEPT_INTERVALS = 500_000
_Made = TypeVar("_Made", Block, WorkingDays)


class Years:
    """The years of one calendar version, computed when first asked for; safe to share between threads.

    Years of one kind (weekday of 1 January, leap day, layers, clock changes) are computed once, and come as the year
    that was computed with the seconds by which the one asked for is later. All raise DueOutOfRange for a year that
    cannot be computed.
    """

    def __init__(self, rules: CalendarRules, zone: ZoneInfo) -> None:
        self._layers = Layers(rules, zone)
        self._lock = RLock()
        self._keys: dict[int, tuple[object, ...]] = {}
        self._blocks: dict[tuple[object, ...], tuple[int, Block]] = {}
        self._working_days: dict[tuple[object, ...], tuple[int, WorkingDays]] = {}
        # Open seconds from the origin to the start of each year after it, and of each year before it.
        self._ahead: list[int] = [0]
        self._behind: list[int] = [0]

    def block(self, year: int) -> tuple[Block, int]:
        """The open intervals of the UTC year, and the seconds to add to them."""
        block, made_for = self._made(year, self._blocks, self._layers.block)
        return block, year_start(year) - year_start(made_for)

    def working_days(self, year: int) -> tuple[WorkingDays, int]:
        """The local dates of the year with open time, and the seconds to add to their closing times."""
        days, made_for = self._made(year, self._working_days, self._layers.working_days)
        return days, year_start(year) - year_start(made_for)

    def _made(
        self, year: int, kept: dict[tuple[object, ...], tuple[int, _Made]], make: Callable[[int], _Made]
    ) -> tuple[_Made, int]:
        key = self._key(year)
        found = kept.get(key)
        if found is None:
            with self._lock:
                found = year, make(year)
                if sum(len(each[0]) for _, each in kept.values()) > _KEPT_INTERVALS:
                    kept.clear()
                kept[key] = found
        return found[1], found[0]

    def _key(self, year: int) -> tuple[object, ...]:
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise DueOutOfRange
        key = self._keys.get(year)
        if key is None:
            key = self._keys[year] = self._layers.alike(year)
        return key

    def before(self, year: int) -> int:
        """Open seconds from the origin to the start of the UTC year; negative before the origin."""
        with self._lock:
            if year < ORIGIN_YEAR:
                return self._before_origin(ORIGIN_YEAR - year)
            while len(self._ahead) <= year - ORIGIN_YEAR:
                self._add_year_ahead()
            return self._ahead[year - ORIGIN_YEAR]

    def reaching(self, position: int) -> int:
        """The UTC year in which the position is reached: more by its end, not yet all at its start."""
        with self._lock:
            if position > 0:
                while self._ahead[-1] < position:
                    self._add_year_ahead()
                return ORIGIN_YEAR + bisect_left(self._ahead, position) - 1
            back = 0
            while self._before_origin(back) >= position:
                back += 1
            return ORIGIN_YEAR - back

    def _add_year_ahead(self) -> None:
        self._ahead.append(self._ahead[-1] + self._sum(ORIGIN_YEAR + len(self._ahead) - 1))

    def _before_origin(self, back: int) -> int:
        while len(self._behind) <= back:
            self._behind.append(self._behind[-1] - self._sum(ORIGIN_YEAR - len(self._behind)))
        return self._behind[back]

    def _sum(self, year: int) -> int:
        return self.block(year)[0].total
