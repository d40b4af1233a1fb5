"""PURE: the figures of a unit as values that add up; the sum over the units below is the figure of the unit above."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from app.sla.scorecard import AGE_LIMITS, Scorecard, all_times

CLOCKS = ("respond", "resolve", "coordinate", "handle", "validate")
"""The clocks that a status tells of, in the order in which they are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTally:
    """The open complaints at one instant; `ages` counts them by time since the report, youngest first.

    A complaint that is exactly as old as a limit is in the bucket below it.
    """

    open: int = 0
    overdue: int = 0
    due_24h: int = 0
    unassigned: int = 0
    ages: tuple[int, ...] = (0,) * (len(AGE_LIMITS) + 1)
    oldest_at: datetime | None = None

    def __add__(self, other: OpenTally) -> OpenTally:
        return OpenTally(
            open=self.open + other.open,
            overdue=self.overdue + other.overdue,
            due_24h=self.due_24h + other.due_24h,
            unassigned=self.unassigned + other.unassigned,
            ages=tuple(mine + theirs for mine, theirs in zip(self.ages, other.ages, strict=True)),
            oldest_at=min((at for at in (self.oldest_at, other.oldest_at) if at is not None), default=None),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingTally:
    """Stints that ended, and the seconds of the citizens' wait that their units had in them."""

    stints: int = 0
    held_s: int = 0

    def __add__(self, other: HoldingTally) -> HoldingTally:
        return HoldingTally(stints=self.stints + other.stints, held_s=self.held_s + other.held_s)

    @property
    def mean_s(self) -> float | None:
        """How long a unit holds a complaint on average; None of nothing."""
        return self.held_s / self.stints if self.stints else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTally:
    """One local day: complaints reported on it, cycles that were due on it and how many of those were met.

    `resolved` counts the cycles of `resolve` that stopped on it. `reopened`, `sent_back` and `hops` speak of the
    complaints reported on it.
    """

    received: int = 0
    reopened: int = 0
    sent_back: int = 0
    hops: int = 0
    resolved: int = 0
    respond_due: int = 0
    respond_met: int = 0
    resolve_due: int = 0
    resolve_met: int = 0

    def __add__(self, other: DayTally) -> DayTally:
        return DayTally(
            received=self.received + other.received,
            reopened=self.reopened + other.reopened,
            sent_back=self.sent_back + other.sent_back,
            hops=self.hops + other.hops,
            resolved=self.resolved + other.resolved,
            respond_due=self.respond_due + other.respond_due,
            respond_met=self.respond_met + other.respond_met,
            resolve_due=self.resolve_due + other.resolve_due,
            resolve_met=self.resolve_met + other.resolve_met,
        )


@dataclass(frozen=True, slots=True)
class TrendDay:
    """A day of the trend, on its date; or several in a row, the last of them `to`."""

    on: date
    tally: DayTally
    to: date | None = None


def by_week(days: Iterable[TrendDay]) -> list[TrendDay]:
    """The days by weeks that begin on Monday; the first and the last may have fewer days."""
    weeks = groupby(days, key=lambda day: day.on.isocalendar()[:2])
    return [_together_on(list(each)) for _, each in weeks]


def _together_on(days: Sequence[TrendDay]) -> TrendDay:
    return TrendDay(days[0].on, sum((day.tally for day in days), DayTally()), days[-1].on)


def together(cards: Iterable[Scorecard]) -> Scorecard:
    """The sum of many scorecards, their times sorted once and not once for each.

    >>> together([Scorecard(met=1, times_s=(5, 9)), Scorecard(met=2, times_s=(7,))]).times_s
    (5, 7, 9)
    """
    parts = list(cards)
    times_s, sketch = all_times(parts)
    return Scorecard(
        received=sum(card.received for card in parts),
        met=sum(card.met for card in parts),
        missed=sum(card.missed for card in parts),
        running_overdue=sum(card.running_overdue for card in parts),
        elapsed_s=sum(card.elapsed_s for card in parts),
        paused_s=sum(card.paused_s for card in parts),
        times_s=times_s,
        sketch=sketch,
    )


def percent(part: int, whole: int) -> float | None:
    """`part` of `whole` in percent, cut to two decimals: 99.996 is not 100; None of nothing.

    >>> percent(19_999, 20_000), percent(2, 3), percent(0, 0)
    (99.99, 66.66, None)
    """
    return part * 10_000 // whole / 100 if whole else None
