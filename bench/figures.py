"""Figures beside their raw limit: how they are taken, set against each other and printed."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_HEAD = ("", "ours", "raw limit", "ratio", "of its rate", "goal")
_WIDTHS = (66, 10, 10, 8, 12, 16)


@dataclass(frozen=True, slots=True)
class Goal:
    """What a ratio should be: at most so many times the raw limit, or at least this share of its rate."""

    words: str
    most: float

    @classmethod
    def within(cls, times: float) -> Goal:
        """At most `times` the time of the raw limit."""
        return cls(f"within {times:g}x", times)

    @classmethod
    def rate(cls, share: float) -> Goal:
        """At least `share` of the raw limit's rate."""
        return cls(f"rate >= {share:.0%}", 1 / share)


@dataclass(frozen=True, slots=True)
class Figure:
    """The seconds that one piece of work takes, and those of its raw limit where there is one."""

    what: str
    ours_s: float
    raw_s: float | None = None
    goal: Goal | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the raw limit."""
        return None if self.raw_s is None else self.ours_s / self.raw_s

    def cells(self) -> tuple[str, ...]:
        """The figure as one row of the table."""
        if self.ratio is None or self.raw_s is None:
            return self.what, duration(self.ours_s), "", "", "", ""
        verdict = ""
        if self.goal is not None:
            verdict = f"{self.goal.words} {'ok' if self.ratio <= self.goal.most else 'MISSED'}"
        share = f"{1 / self.ratio:.0%}"
        return self.what, duration(self.ours_s), duration(self.raw_s), f"{self.ratio:.2f}x", share, verdict


def show_table(title: str, figures: Iterable[Figure]) -> None:
    """Print the figures as a table."""
    print(f"\n{title}")
    for cells in (_HEAD, *(figure.cells() for figure in figures)):
        first, *rest = (
            f"{cell:<{width}}" if place == 0 else f"{cell:>{width}}" for place, (cell, width) in _cells(cells)
        )
        print(" ".join((first, *rest)).rstrip(), flush=True)


def _cells(cells: Sequence[str]) -> Iterable[tuple[int, tuple[str, int]]]:
    return enumerate(zip(cells, _WIDTHS, strict=True))


def duration(seconds: float) -> str:
    """Seconds in the unit that reads best.

    >>> duration(0.00123)
    '1.23 ms'
    """
    size, name = next((unit for unit in _UNITS if abs(seconds) >= unit[0]), _UNITS[-1])
    return f"{seconds / size:.3g} {name}"


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed.

    >>> percentile([4, 1, 3, 2], 0.5)
    2
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def race(times: int, ours: Callable[[], object], raw: Callable[[], object]) -> tuple[float, float]:
    """The seconds of the quickest run of each; they take turns, so that what disturbs the machine disturbs both."""
    best = [math.inf, math.inf]
    gc.collect()
    gc.disable()
    try:
        for _ in range(times):
            for place, work in enumerate((ours, raw)):
                begun = time.perf_counter()
                work()
                best[place] = min(best[place], time.perf_counter() - begun)
    finally:
        gc.enable()
    return best[0], best[1]
