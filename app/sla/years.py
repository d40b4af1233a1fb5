"""Open time summed up by year, so that a due time centuries away costs no more than the years' kinds."""

from __future__ import annotations

from bisect import bisect_left
from threading import RLock
from typing import TypeVar
from zoneinfo import ZoneInfo

from app.sla.calendar_rules import CalendarRules
from app.sla.fields import FIRST_YEAR, LAST_YEAR, DueOutOfRange
from app.sla.opening import Block, Layers, WorkingDays

ORIGIN_YEAR = 2024
"""Positions are counted from the start of this year; those before it are negative."""

_KEPT_YEARS = 64
_Kept = TypeVar("_Kept")


class Years:
    """The years of one calendar version, computed when first asked for; safe to share between threads.

    All raise DueOutOfRange for a year that cannot be computed.
    """

    def __init__(self, rules: CalendarRules, zone: ZoneInfo) -> None:
        self._layers = Layers(rules, zone)
        self._lock = RLock()
        self._blocks: dict[int, Block] = {}
        self._working_days: dict[int, WorkingDays] = {}
        self._sums: dict[tuple[int, ...], int] = {}
        self._counts: dict[tuple[int, ...], int] = {}
        # Open seconds from the origin to the start of each year after it, and of each year before it.
        self._ahead: list[int] = [0]
        self._behind: list[int] = [0]

    def block(self, year: int) -> Block:
        """The open intervals of the UTC year."""
        _require(year)
        block = self._blocks.get(year)
        if block is None:
            block = self._layers.block(year)
            self._blocks = _recent(self._blocks) | {year: block}
        return block

    def working_days(self, year: int) -> WorkingDays:
        """The local dates of the year with open time."""
        _require(year)
        days = self._working_days.get(year)
        if days is None:
            days = self._layers.working_days(year)
            self._working_days = _recent(self._working_days) | {year: days}
        return days

    def working_day_count(self, year: int) -> int:
        """How many local dates of the year have open time."""
        _require(year)
        key = self._layers.alike(year)
        if key not in self._counts:
            self._counts[key] = len(self.working_days(year).ordinals)
        return self._counts[key]

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
        _require(year)
        key = self._layers.alike(year)
        if key not in self._sums:
            self._sums[key] = self.block(year).total
        return self._sums[key]


def _require(year: int) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise DueOutOfRange


def _recent(kept: dict[int, _Kept]) -> dict[int, _Kept]:
    return kept if len(kept) < _KEPT_YEARS else {}
