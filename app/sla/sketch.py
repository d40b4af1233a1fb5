"""Many times as counts in buckets that grow by a fixed ratio: small, addable, and percentiles with a known error.

The buckets are those of DDSketch. Source: C. Masson, J. Rim, H. Lee, "DDSketch", VLDB 2019.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ERROR = 0.005
"""How far a percentile may lie from the true one, as a share of it."""

_RATIO = (1 + ERROR) / (1 - ERROR)
_LOG_RATIO = math.log(_RATIO)
_NOTHING = -1
"""The bucket of spans of no length; all others are at least one second."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """How many times lie in each bucket; `total_s` is their exact sum."""

    counts: Mapping[int, int]
    count: int
    total_s: int

    def __add__(self, other: Sketch) -> Sketch:
        counts = Counter(self.counts)
        counts.update(other.counts)
        return Sketch(counts, self.count + other.count, self.total_s + other.total_s)

    def percentile_s(self, percent: int) -> float:
        """The percentile between neighbours in proportion, at most `ERROR` of it away from the true one.

        >>> told = sketch(range(1, 10_002)).percentile_s(90)
        >>> abs(told - 9_001) / 9_001 <= ERROR
        True
        """
        below, rest = divmod((self.count - 1) * percent, 100)
        low, high = self._at(below), self._at(min(below + 1, self.count - 1))
        return low + (high - low) * rest / 100

    def _at(self, place: int) -> float:
        """The time at a place of the order, counted from 0, as its bucket tells it."""
        passed = 0
        for bucket in sorted(self.counts):
            passed += self.counts[bucket]
            if place < passed:
                return 0.0 if bucket == _NOTHING else 2 * _RATIO**bucket / (_RATIO + 1)
        raise IndexError(f"there are only {self.count} times")


def sketch(times_s: Iterable[int]) -> Sketch:
    """The sketch of these times, in whole seconds."""
    times = list(times_s)
    counts = Counter(_NOTHING if each < 1 else math.ceil(math.log(each) / _LOG_RATIO) for each in times)
    return Sketch(counts, len(times), sum(times))
