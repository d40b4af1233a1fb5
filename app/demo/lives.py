"""What becomes of a report: its dated steps from Menunggu to Selesai, with every detour the real ones take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from app.demo.chance import Lottery

MAX_LIFE = timedelta(days=44)
"""Nothing happens to a report after this, so that the last 45 days of a list show everything that still changes."""

# How long the first answer takes: hours in the median, spread, and how often. A third is quick, most come within a
# day, one in ten or so does not.
_FIRST_ANSWERS = Lottery(((0.35, 0.6), (2.4, 0.7), (7.0, 0.6), (30.0, 0.4), (110.0, 0.4)), (18, 49, 24, 7, 2))

_DELETED, _REJECTED, _FORGOTTEN, _RAISED_AGAIN = 0.008, 0.036, 0.025, 0.006
_MISDIRECTED, _SKIPS_DISTRICT, _SKIPS_ALL, _PROMISED, _REWORK, _DRAGS = 0.06, 0.12, 0.15, 0.035, 0.065, 0.05


class Status(StrEnum):
    """The status words of CRM and JAKI."""

    WAITING = "Menunggu"
    COORDINATION = "Koordinasi"
    DISPOSITION = "Disposisi"
    PROCESS = "Proses"
    PROMISED = "Estimasi Waktu Selesai"
    VALIDATION = "Menunggu Validasi"
    REWORK = "TL Ditolak"
    DONE = "Selesai"
    REJECTED = "Ditolak"
    DELETED = "Dihapus"


@dataclass(frozen=True, slots=True)
class Step:
    """From this instant on the report has this status and lies with this unit (None: with nobody yet)."""

    at: datetime
    status: Status
    unit: str | None


@dataclass(frozen=True, slots=True)
class Route:
    """Who may come to hold a report; `detour` is a unit that it may be sent to by mistake."""

    first: str | None
    top: str
    worker: str
    detour: str
    work_hours: float
    is_heavy: bool
    slowness: float

    @property
    def is_own_work(self) -> bool:
        """True where the unit that receives the report does the work itself."""
        return self.first == self.worker


def live(rng: Random, route: Route, reported_at: datetime) -> tuple[Step, ...]:
    """The whole life of a report; some are forgotten on the way and end in the middle."""
    course = _Course(rng, route, reported_at)
    course.run()
    steps = [step for step in course.steps if step.at <= reported_at + MAX_LIFE]
    if rng.random() < _FORGOTTEN:
        steps = steps[: 1 + int(rng.random() * (len(steps) - 1))]
    return tuple(steps)


class _Course:
    """A life while it is being drawn: the steps so far, and who holds the report now."""

    def __init__(self, rng: Random, route: Route, reported_at: datetime) -> None:
        self.rng, self.route = rng, route
        self.at, self.unit = reported_at, route.first
        self.steps = [Step(reported_at, Status.WAITING, route.first)]

    def run(self) -> None:
        """Draws the life to its end."""
        self._first_wait()
        if self._happens(_DELETED):
            self._add(Status.DELETED)
        elif self._happens(_REJECTED):
            self._refuse()
        elif self.route.is_own_work and self._happens(_SKIPS_ALL):
            self._add(Status.DONE)
        else:
            self._hand_over()
            self._work()
            self._validate()
            if self._happens(_RAISED_AGAIN):
                self._wait(60, 0.6)
                self._redo()
                self._add(Status.DONE)

    def _refuse(self) -> None:
        if not self.route.is_own_work and self._happens(0.4):
            self._add(Status.COORDINATION, self.route.top)
            self._wait(9, 0.8)
        self._add(Status.REJECTED)

    def _hand_over(self) -> None:
        """From the unit that received the report to the one that does the work; the first wait is already over."""
        route = self.route
        if not route.is_own_work:
            if self._happens(_MISDIRECTED):
                self._add(Status.COORDINATION, route.detour)
                self._wait(14, 0.9)
            self._add(Status.COORDINATION, route.top)
            self._wait(3.5, 0.9)
            if route.worker != route.top and not self._happens(_SKIPS_DISTRICT):
                self._add(Status.DISPOSITION, route.worker)
                self._wait(5, 0.9)
        self._add(Status.PROCESS, route.worker)

    def _work(self) -> None:
        if self.route.is_heavy and self._happens(_PROMISED):
            self._wait(20, 0.6)
            self._add(Status.PROMISED)
            self._wait(12 * 24, 0.4)
        drag = 6 if self._happens(_DRAGS) else 1
        self._wait(self.route.work_hours * drag * 0.75, 0.9)

    def _validate(self) -> None:
        """The bureau's verdict, as often as it sends the work back."""
        self._add(Status.VALIDATION)
        self._wait(11, 0.8)
        while self._happens(_REWORK):
            self._redo()
        self._add(Status.DONE)

    def _redo(self) -> None:
        """A follow-up that was refused: work and validation once more."""
        for status, hours in ((Status.REWORK, 6), (Status.PROCESS, self.route.work_hours), (Status.VALIDATION, 11)):
            self._add(status)
            self._wait(hours, 0.8)

    def _happens(self, probability: float) -> bool:
        return self.rng.random() < probability

    def _add(self, status: Status, unit: str | None = None) -> None:
        self.unit = unit or self.unit
        self.steps.append(Step(self.at, status, self.unit))

    def _first_wait(self) -> None:
        hours, spread = _FIRST_ANSWERS.draw(self.rng)
        self._wait(hours, spread)

    def _wait(self, hours: float, spread: float) -> None:
        """Lets time pass, never less than a minute; what would end at night mostly ends next morning."""
        factor = math.exp(self.rng.gauss(0, spread)) * self.route.slowness
        at = self.at + timedelta(seconds=60 + int(hours * factor * 3600))
        if not 6 <= at.hour < 22 and self._happens(0.7):
            morning = at.replace(hour=7, minute=0, second=0) + timedelta(seconds=int(self.rng.random() * 5400))
            at = morning if at.hour < 6 else morning + timedelta(days=1)
        self.at = at
