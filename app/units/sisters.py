"""PURE: a unit's figure among those of its sisters, with nothing told that would give a small one away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

SMALLEST_CELL = 5
"""Cycles below which a figure of a unit outside the caller's scope is not counted."""
FEWEST_SISTERS = 3
"""Fewer hidden figures than so many are not counted: the caller could take out those they know and see the rest."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A figure and the number of cycles behind it; `is_hidden` where the caller may not see the complaints."""

    value: float | None
    cycles: int
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a unit stands: `rank` 1 is the best of `units`, itself one of them; equal figures share the better rank."""

    units: int
    rank: int | None
    median: float | None


def place_among(own: Standing, sisters: Iterable[Standing], *, is_higher_better: bool) -> Place:
    """The place of a unit among sisters that have the figure at all.

    >>> place_among(Standing(80, 9), [Standing(90, 9), Standing(70, 9), Standing(60, 9)], is_higher_better=True)
    Place(units=4, rank=2, median=75.0)
    """
    others = _counted([each for each in sisters if each.value is not None])
    if own.value is None or not others:
        return Place(0, None, None)
    values = [each.value for each in others if each.value is not None]
    ahead = sum(value > own.value if is_higher_better else value < own.value for value in values)
    return Place(len(values) + 1, ahead + 1, float(median([own.value, *values])))


def _counted(sisters: Sequence[Standing]) -> list[Standing]:
    hidden = [each for each in sisters if each.is_hidden and each.cycles >= SMALLEST_CELL]
    seen = [each for each in sisters if not each.is_hidden]
    return seen + hidden if len(hidden) >= FEWEST_SISTERS else seen
