"""PURE: what lies ahead of a unit: what will be overdue, and how long its backlog takes at its pace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from app.units.opening import Hours

PACE_DAYS = 28
"""Whole local days before today: four of each weekday, so that a weekend more or less changes nothing."""

LONGEST = 2_600
"""Working days, ten years of them, beyond which a date would only pretend."""


class Verdict(StrEnum):
    """What becomes of the backlog at this pace."""

    DONE = "done"
    CLEARS = "clears"
    STANDS = "stands"
    GROWS = "grows"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Citizens' waits for a result that began and ended in the last days, and those that go on.

    One that ended was delivered for validation, resolved, rejected or withdrawn; one that was sent back goes on.
    """

    received: int = 0
    done: int = 0
    backlog: int = 0
    working_days: int = 0

    @property
    def verdict(self) -> Verdict:
        """What becomes of the backlog."""
        if not self.backlog:
            return Verdict.DONE
        if not self.working_days or not (self.received or self.done):
            return Verdict.UNKNOWN
        if self.done == self.received:
            return Verdict.STANDS
        return Verdict.CLEARS if self.done > self.received else Verdict.GROWS

    @property
    def days_to_clear(self) -> int | None:
        """Working days until nothing is left, the last one counted whole; None where that day never comes.

        >>> Pace(received=20, done=60, backlog=11, working_days=20).days_to_clear
        6
        """
        if self.verdict is not Verdict.CLEARS:
            return None
        return -(-self.backlog * self.working_days // (self.done - self.received))

    def per_working_day(self, count: int) -> float | None:
        """So many in the whole span as a number for each working day; None without one.

        >>> Pace(working_days=20).per_working_day(30)
        1.5
        """
        return round(count / self.working_days, 2) if self.working_days else None


@dataclass(frozen=True, slots=True)
class Risk:
    """A complaint that will be overdue, by the clock of its that is due first."""

    ref: str
    clock: str
    due_at: datetime
    unit_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What lies ahead of a unit with all below it; `clears_on` is the day on which the backlog is gone."""

    unit_id: int
    hours: Hours
    risks: Sequence[Risk]
    pace: Pace
    clears_on: date | None

    @property
    def while_open(self) -> int:
        """Complaints that are due before the unit closes, or as it does."""
        closes_at = self.hours.closes_at
        return sum(closes_at is not None and risk.due_at <= closes_at for risk in self.risks)

    @property
    def while_closed(self) -> int:
        """Complaints that are due while nobody is there."""
        return len(self.risks) - self.while_open
