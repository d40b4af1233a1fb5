"""Chance that repeats itself: every draw of the make-believe city follows from numbers that name what is drawn."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


def seed_of(*names: int | str) -> int:
    """The 64-bit seed that belongs to these names and no others."""
    return int.from_bytes(blake2b(repr(names).encode(), digest_size=8).digest())


def chance(*names: int | str) -> Random:
    """A generator of its own for what these names name."""
    return Random(seed_of(*names))  # noqa: S311 - a make-believe city needs repeatable chance, not secrets


class Lottery(Generic[T]):
    """Things with weights, drawn in proportion to them."""

    __slots__ = ("_sums", "_things")

    def __init__(self, things: Sequence[T], weights: Sequence[float]) -> None:
        self._things = tuple(things)
        self._sums = tuple(accumulate(weights, initial=0.0))[1:]

    @classmethod
    def of(cls, weights: Mapping[T, float]) -> Lottery[T]:
        """A lottery over the keys."""
        return cls(tuple(weights), tuple(weights.values()))

    def draw(self, rng: Random) -> T:
        """One thing, by one call of the generator."""
        return self._things[bisect(self._sums, rng.random() * self._sums[-1], 0, len(self._things) - 1)]
