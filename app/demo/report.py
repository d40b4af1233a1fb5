"""One complaint of the city with its whole life, and its state at any instant."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.demo.lives import Status, Step
from app.demo.places import Village
from app.demo.stories import Category


class Channel(StrEnum):
    """How a citizen complained; only JAKI's own reports are in JAKI, all are in CRM."""

    JAKI = "jaki"
    TWITTER = "twitter"
    EMAIL = "email"
    FACEBOOK = "facebook"
    WHATSAPP = "whatsapp"
    OFFICE = "office"
    LAPOR = "lapor"


@dataclass(frozen=True, slots=True)
class Report:
    """A complaint: `times` are the instants of its steps; `quirk` within 0 and 1 decides on oddities of its record."""

    number: int
    code: str
    channel: Channel
    category: Category
    crm_category: str
    village: Village
    point: tuple[float, float] | None
    street: str
    near: str
    title: str
    text: str
    is_private: bool
    is_anonymous: bool
    photos: int
    supports: int
    rating: int | None
    quirk: float
    steps: tuple[Step, ...]
    times: tuple[datetime, ...]

    @property
    def reported_at(self) -> datetime:
        """When the citizen sent it."""
        return self.times[0]


@dataclass(frozen=True, slots=True)
class State:
    """What both systems know of a report at an instant."""

    status: Status
    unit: str | None
    updated_at: datetime
    steps: tuple[Step, ...]


def state_at(report: Report, instant: datetime) -> State:
    """The state after every step that has happened by then, the instant itself included.

    Raises: LookupError before the report exists.
    """
    known = bisect_right(report.times, instant)
    if not known:
        raise LookupError(f"report {report.code} does not exist yet")
    last = report.steps[known - 1]
    return State(last.status, last.unit, last.at, report.steps[:known])


def updated_at(report: Report, instant: datetime) -> datetime:
    """When a report that exists by `instant` last changed."""
    return report.times[bisect_right(report.times, instant) - 1]
