"""PURE: whether a unit gets through more than comes in, and how long its backlog takes at that pace."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

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
