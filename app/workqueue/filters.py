"""What a queue may be narrowed to and sorted by, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.complaint.lifecycle import Status

ME, NOBODY = "me", "none"
"""The two assignees that are no user names."""


class Clock(StrEnum):
    """The clocks a complaint may have, in the order in which they are shown."""

    RESPOND = "respond"
    RESOLVE = "resolve"
    COORDINATE = "coordinate"
    HANDLE = "handle"
    VALIDATE = "validate"
    UPDATE = "update"


class Due(StrEnum):
    """Where the due time lies: already past, on this local day, or at most so many hours ahead."""

    OVERDUE = "overdue"
    TODAY = "today"
    DAY = "24h"
    THREE_DAYS = "72h"


class Verdict(StrEnum):
    """What became of a cycle: stopped in time, stopped late, or still open."""

    MET = "met"
    MISSED = "missed"
    RUNNING = "running"


class Sort(StrEnum):
    """The orders of the queue; each ends with the id, so that no two rows tie."""

    DUE = "due"
    OLDEST = "reported_at"
    NEWEST = "-reported_at"
    CHANGED = "-updated_at"


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time: from its first instant up to, but without, its last; None is open."""

    since: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        return self.since is not None or self.until is not None


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the map, in degrees, edges included."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Conditions that all hold; within one of them any of its values may.

    `units` and `handled_by` are codes and mean the units below them too, unless `is_exact`. `clocks`, `verdicts`,
    `started_in`, `due_in` and `stopped_in` speak of one and the same cycle, as the policy that is due first judges it.
    `words` are looked for in ticket code, subject and text.
    """

    units: tuple[str, ...] = ()
    is_exact: bool = False
    statuses: tuple[Status, ...] = ()
    sources: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    clocks: tuple[Clock, ...] = ()
    due: tuple[Due, ...] = ()
    is_unrouted: bool | None = None
    handled_by: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    started_in: Span = Span()
    due_in: Span = Span()
    stopped_in: Span = Span()
    reported_in: Span = Span()
    words: str | None = None
    box: Box | None = None
