"""Many cycles of one clock summed up to a unit's figures: compliance, times, ageing; sums of sums are the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from app.sla.sketch import ERROR, Sketch, sketch
from app.sla.terms import State

AGE_LIMITS = tuple(timedelta(days=days) for days in (1, 3, 7, 14, 30))
"""Upper ends of the ageing buckets of open cycles, each end within its bucket; the last bucket has none."""

EXACT_BELOW = 10_000
"""From so many times on a scorecard keeps a sketch of them, and its percentiles are estimates."""

_NO_AGES = (0,) * (len(AGE_LIMITS) + 1)


@dataclass(frozen=True, slots=True)
class Cycle:
    """What a figure needs to know of one cycle."""

    state: State
    started_at: datetime
    due_at: datetime | None = None
    elapsed_s: int = 0
    paused_s: int = 0


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The figures of one unit and clock; adding two gives the figures of both together.

    `met`, `missed` and `running_overdue` are the cohort: cycles due in the period. `times_s` are the counted seconds of
    every stopped cycle, sorted; of `EXACT_BELOW` or more there is a `sketch` instead. `ages` counts the open cycles by
    wall-clock age, youngest first.
    """

    received: int = 0
    met: int = 0
    missed: int = 0
    running_overdue: int = 0
    open: int = 0
    unjudged: int = 0
    cancelled: int = 0
    elapsed_s: int = 0
    paused_s: int = 0
    times_s: tuple[int, ...] = ()
    ages: tuple[int, ...] = _NO_AGES
    sketch: Sketch | None = None

    def __add__(self, other: Scorecard) -> Scorecard:
        sums: dict[str, Any] = {
            each.name: getattr(self, each.name) + getattr(other, each.name)
            for each in fields(self)
            if each.name not in ("times_s", "ages", "sketch")
        }
        times_s, sketched = all_times([self, other])
        ages = tuple(mine + theirs for mine, theirs in zip(self.ages, other.ages, strict=True))
        return Scorecard(**sums, times_s=times_s, ages=ages, sketch=sketched)

    @property
    def compliance(self) -> float | None:
        """The share of the cohort that was met, 0 to 1; an overdue one that is still open counts as missed."""
        judged = self.met + self.missed + self.running_overdue
        return self.met / judged if judged else None

    @property
    def paused_share(self) -> float | None:
        """The share of all counted time that was paused."""
        whole = self.elapsed_s + self.paused_s
        return self.paused_s / whole if whole else None

    @property
    def mean_s(self) -> float | None:
        """The mean counted time of the stopped cycles."""
        if self.sketch is not None:
            return self.sketch.total_s / self.sketch.count
        return sum(self.times_s) / len(self.times_s) if self.times_s else None

    @property
    def stopped(self) -> int:
        """How many times there are."""
        return self.sketch.count if self.sketch is not None else len(self.times_s)

    @property
    def percentile_error(self) -> float:
        """How far a percentile may lie from the true one, as a share of it; nothing where all times are kept."""
        return 0.0 if self.sketch is None else ERROR

    @property
    def median_s(self) -> float | None:
        """The median counted time of the stopped cycles."""
        return self.percentile_s(50)

    @property
    def p90_s(self) -> float | None:
        """The counted time within which nine of ten stopped."""
        return self.percentile_s(90)

    def percentile_s(self, percent: int) -> float | None:
        """The percentile of the counted times, between neighbours in proportion, as `percentile_cont` of SQL.

        >>> Scorecard(times_s=(10, 20, 40)).percentile_s(75)
        30.0
        """
        if self.sketch is not None:
            return self.sketch.percentile_s(percent)
        if not self.times_s:
            return None
        below, rest = divmod((len(self.times_s) - 1) * percent, 100)
        low, high = self.times_s[below], self.times_s[min(below + 1, len(self.times_s) - 1)]
        return low + (high - low) * rest / 100


def all_times(cards: Sequence[Scorecard]) -> tuple[tuple[int, ...], Sketch | None]:
    """The times of all of them, sorted once; or, where they are too many, the sketch of them."""
    sketches = [card.sketch for card in cards if card.sketch is not None]
    if not sketches and sum(len(card.times_s) for card in cards) < EXACT_BELOW:
        return tuple(sorted(chain.from_iterable(card.times_s for card in cards))), None
    rest = sketch(each for card in cards for each in card.times_s)
    return (), sum(sketches, rest)


def score(
    cycles: Iterable[Cycle], *, as_of: datetime, due_from: datetime | None = None, due_to: datetime | None = None
) -> Scorecard:
    """The figures of these cycles at `as_of`.

    Only cycles due in [due_from, due_to) are in the cohort; cancelled, unjudged and merely measured ones never are.
    """
    tally: dict[str, Any] = dict.fromkeys(
        ("received", "met", "missed", "running_overdue", "open", "unjudged", "cancelled"), 0
    )
    elapsed_s = paused_s = 0
    times_s: list[int] = []
    ages = list(_NO_AGES)
    for cycle in cycles:
        tally["received"] += 1
        elapsed_s += cycle.elapsed_s
        paused_s += cycle.paused_s
        for name in _counts_as(cycle, as_of, due_from, due_to):
            tally[name] += 1
        if cycle.state.is_open:
            ages[_bucket(as_of - cycle.started_at)] += 1
        elif cycle.state in (State.MET, State.MISSED):
            times_s.append(cycle.elapsed_s)
    return Scorecard(**tally, elapsed_s=elapsed_s, paused_s=paused_s, times_s=tuple(sorted(times_s)), ages=tuple(ages))


def _counts_as(cycle: Cycle, as_of: datetime, due_from: datetime | None, due_to: datetime | None) -> Iterable[str]:
    if cycle.state.is_open:
        yield "open"
    if cycle.state in (State.UNJUDGED, State.CANCELLED):
        yield str(cycle.state)
        return
    if cycle.due_at is None or not _is_between(cycle.due_at, due_from, due_to):
        return
    if not cycle.state.is_open:
        yield str(cycle.state)
    elif cycle.due_at < as_of:
        yield "running_overdue"


def _is_between(at: datetime, first: datetime | None, last: datetime | None) -> bool:
    return (first is None or first <= at) and (last is None or at < last)


def _bucket(age: timedelta) -> int:
    return sum(limit < age for limit in AGE_LIMITS)
