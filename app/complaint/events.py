"""What can happen to a complaint: the entries of its history, which is the truth that all else folds from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.complaint.lifecycle import Move, Status


class EventKind(StrEnum):
    """What an entry of the history says."""

    REPORTED = "reported"
    STATUS = "status"
    ASSIGNED = "assigned"
    REPLIED = "replied"
    NOTE = "note"
    EVIDENCE = "evidence"
    MOVE = "move"
    EXPIRED = "expired"
    CORRECTED = "corrected"
    RECALCULATED = "recalculated"


class Timing(StrEnum):
    """How well we know when it happened.

    `dated`: the source or the officer says so. `observed`: between our last look and this one. `unknown`: it was
    so when we first looked, so the clock it stops cannot be judged.
    """

    DATED = "dated"
    OBSERVED = "observed"
    UNKNOWN = "unknown"


class Effect(StrEnum):
    """What an entry does to the complaint: it counts, another word overrules it, or nobody can read it."""

    APPLIED = "applied"
    SHADOWED = "shadowed"
    CONFLICT = "conflict"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEvent:
    """One entry of a complaint's history.

    `occurred_at` is when it happened (theirs), `recorded_at` when we learned it; both aware, whole seconds for the
    first. `earliest_at` bounds an event that is not dated: it lies in (earliest_at, occurred_at]. `expires_at` is when
    the pause or the claim that it begins ends by itself. `key` is the same for the same entry seen again. `rank` breaks
    ties of one instant between two sources: the higher one comes last.
    """

    occurred_at: datetime
    recorded_at: datetime
    kind: EventKind
    key: str
    move: Move | None = None
    status: Status | None = None
    unit_id: int | None = None
    assignee_id: int | None = None
    actor_id: int | None = None
    source_id: int | None = None
    word: str | None = None
    reason: str | None = None
    reason_code: str | None = None
    text: str | None = None
    is_public: bool = False
    promised_at: datetime | None = None
    timing: Timing = Timing.DATED
    earliest_at: datetime | None = None
    expires_at: datetime | None = None
    rank: int = 0
