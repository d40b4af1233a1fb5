"""The shapes of what the queue shows; every key is always there."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from typing_extensions import TypedDict

from app.complaint.attribution import Holder
from app.complaint.events import Effect, EventKind, Timing
from app.complaint.lifecycle import Move, Status
from app.sla.clock import State, TargetUnit
from app.workqueue.filters import Clock


class Words(StrEnum):
    """How subject, text, address and remarks of a complaint are for the reader: for everybody who sees it, shown with
    the reading on record, or not shown."""

    OPEN = "open"
    ON_RECORD = "on_record"
    HIDDEN = "hidden"


class UnitName(TypedDict):
    """A unit."""

    code: str
    name: str


class Location(TypedDict):
    """Where it is, as far as the source says."""

    lat: float | None
    lng: float | None
    address: str | None
    kelurahan_code: str | None


class NextDue(TypedDict):
    """The clock that is due first; `remaining_seconds` is counted time, negative after due."""

    clock: Clock
    due_at: datetime
    remaining_seconds: int | None
    breached: bool


class AllowedTime(TypedDict):
    """The allowed time of a clock; a `source_due` one has no amount."""

    unit: TargetUnit
    amount: int | None


class PolicyName(TypedDict):
    """The policy version that a clock is judged by."""

    name: str
    version: int


class ClockCard(TypedDict):
    """One cycle of one clock under one policy, as of now; `unit` is a code."""

    clock: Clock
    cycle: int
    unit: str | None
    state: State
    provisional: bool
    target: AllowedTime | None
    started_at: datetime
    due_at: datetime | None
    stopped_at: datetime | None
    breached_at: datetime | None
    elapsed_seconds: int
    remaining_seconds: int | None
    paused_seconds: int
    pause_reason: str | None
    due_if_resumed_now: datetime | None
    policy: PolicyName | None


class SourceName(TypedDict):
    """A source that carries the complaint, and when we last saw it change there."""

    source: str
    external_id: str
    changed_at: datetime


class RelatedCard(TypedDict):
    """Another complaint that belongs to this one: `quotes`, `quoted_by`, `duplicate`, `repeat_of`, `repeated_by`.

    `id` is null for a quoted ticket, `count` says how many times a trouble has come back.
    """

    id: int | None
    ticket_code: str | None
    relation: str
    count: int | None


class ComplaintCard(TypedDict):
    """A complaint, whole; subject and text are null where the caller may not read them."""

    id: int
    ticket_code: str | None
    version: int
    status: Status
    source_status: str | None
    channel: str
    classification: str | None
    category: str | None
    unit: UnitName | None
    assignee: str | None
    subject: str | None
    text: str | None
    location: Location
    is_private: bool
    is_anonymous: bool
    is_restricted: bool
    words: Words
    reported_at: datetime
    received_at: datetime
    updated_at: datetime
    promised_at: datetime | None
    next_due: NextDue | None
    clocks: list[ClockCard]
    sources: list[SourceName]
    related: list[RelatedCard]
    hops: int
    rework_count: int


class HolderCard(TypedDict):
    """All that one holder has of the citizen's wait; `unit` where a unit has it."""

    kind: Holder
    unit: UnitName | None
    seconds: int


HoldingCard = TypedDict(
    "HoldingCard", {"from": datetime, "to": datetime, "kind": Holder, "unit": UnitName | None, "seconds": int}
)
"""A stretch of the wait and whose it is; stretches do not overlap and leave nothing of the wait out."""


class WaitCard(TypedDict):
    """The citizen's wait on the wall clock, closed time left out, and whose it is; the seconds add up to it."""

    wait_seconds: int
    attribution: list[HolderCard]


class ComplaintDetail(ComplaintCard, WaitCard):
    """One complaint with whose time it took, when the claim on it ends, and how many words of sources it overrules."""

    claim_expires_at: datetime | None
    conflicts: int


class ClocksCard(WaitCard):
    """Every cycle of every clock, and each stretch of the wait with its holder."""

    items: list[ClockCard]
    holdings: list[HoldingCard]


class OverrulingCard(TypedDict):
    """The officer's move that stands against a source's word; `id` is its own entry in the history."""

    id: int
    occurred_at: datetime
    move: Move | None
    status: Status | None
    actor: str | None


class HistoryEntry(TypedDict):
    """One entry of the history: when it happened, when we learned it, what it did.

    An entry that is not `dated` happened up to `error_seconds` before `occurred_at`. `details` are those of a clock
    that was recalculated or corrected: what it was and what it is. A source's word in `conflict` has in `overruled_by`
    what stands against it.
    """

    id: int
    occurred_at: datetime
    recorded_at: datetime
    kind: EventKind
    move: Move | None
    status: Status | None
    unit: UnitName | None
    assignee: str | None
    actor: str | None
    source: str | None
    word: str | None
    reason: str | None
    reason_code: str | None
    text: str | None
    is_public: bool
    promised_at: datetime | None
    timing: Timing
    error_seconds: int | None
    effect: Effect
    overruled_by: OverrulingCard | None
    details: dict[str, Any] | None


class SourceRecordCard(TypedDict):
    """What one source says of a complaint; `raw`, the record as received, is for supervisors and admins."""

    source: str
    external_id: str
    source_status: str | None
    unit_label: str | None
    reported_at: datetime
    first_seen_at: datetime
    changed_at: datetime
    notices: Any
    raw: Any
