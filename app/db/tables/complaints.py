"""Tables of the complaint and of what follows from its history."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false
from sqlalchemy import text as condition
from sqlalchemy.orm import Mapped, mapped_column

from app.complaint.events import Effect, EventKind, Timing
from app.complaint.lifecycle import Move, Status
from app.db.column_types import BigId
from app.db.tables.schema import ComplaintId, Id, Json_, Schema, Sealed, Seconds, SourceId, UnitId
from app.sla.clock import State, TargetUnit


class Complaint(Schema):
    """The one normalised complaint with its headline timers; status and timers are a fold of its events.

    `content_rank` and `handling_rank` are the weights of the sources that gave text and place, unit and category.
    `is_restricted` closes words and identity to all but administrators; what `erased_at` dates never comes back.
    """

    __tablename__ = "complaint"
    id: Mapped[Id]
    ticket_code: Mapped[str | None] = mapped_column(String(40), unique=True)
    version: Mapped[int]
    change_no: Mapped[int] = mapped_column(BigId)
    status: Mapped[Status]
    source_status: Mapped[str | None]
    is_open: Mapped[bool]
    channel: Mapped[str]
    classification: Mapped[str | None]
    category: Mapped[str | None]
    category_code: Mapped[str | None] = mapped_column(ForeignKey("category.code"))
    unit_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("unit.id"))
    assignee_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("officer.id"))
    claim_expires_at: Mapped[datetime | None]
    subject: Mapped[str | None]
    text: Mapped[str]
    lat: Mapped[float | None]
    lng: Mapped[float | None]
    address: Mapped[str | None]
    kelurahan_code: Mapped[str | None]
    evidence_urls: Mapped[Json_]
    is_private: Mapped[bool]
    is_anonymous: Mapped[bool]
    is_confidential: Mapped[bool]
    is_history: Mapped[bool]
    is_restricted: Mapped[bool] = mapped_column(server_default=false())
    erased_at: Mapped[datetime | None]
    time_precision: Mapped[str] = mapped_column(String(10))
    source_due_at: Mapped[datetime | None]
    reported_at: Mapped[datetime]
    received_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    promised_at: Mapped[datetime | None]
    next_clock: Mapped[str | None]
    next_due_at: Mapped[datetime | None]
    respond_due_at: Mapped[datetime | None]
    resolve_due_at: Mapped[datetime | None]
    is_missed: Mapped[bool]
    hops: Mapped[int]
    rework_count: Mapped[int]
    reopen_count: Mapped[int]
    conflict_count: Mapped[int]
    content_rank: Mapped[int]
    handling_rank: Mapped[int]
    connectors: Mapped[Json_]
    policy_families: Mapped[Json_]
    queue_at: Mapped[datetime]
    __table_args__ = (
        Index(
            "ix_complaint_queue",
            "queue_at",
            "id",
            postgresql_where=condition("is_open"),
            sqlite_where=condition("is_open"),
        ),
        Index(
            "ix_complaint_unit_queue",
            "unit_id",
            "queue_at",
            "id",
            postgresql_where=condition("is_open"),
            sqlite_where=condition("is_open"),
        ),
        Index("ix_complaint_unit_reported", "unit_id", "reported_at", "id"),
        Index("ix_complaint_reported", "reported_at", "id"),
        Index("ix_complaint_updated", "updated_at", "id"),
        Index("ix_complaint_change", "change_no", "id"),
        Index(
            "ix_complaint_unknown",
            "id",
            postgresql_where=condition("status = 'unknown'"),
            sqlite_where=condition("status = 'unknown'"),
        ),
        Index(
            "ix_complaint_claim",
            "claim_expires_at",
            postgresql_where=condition("claim_expires_at IS NOT NULL"),
            sqlite_where=condition("claim_expires_at IS NOT NULL"),
        ),
        Index(
            "ix_complaint_place",
            "lat",
            "lng",
            postgresql_where=condition("lat IS NOT NULL"),
            sqlite_where=condition("lat IS NOT NULL"),
        ),
        Index(
            "ix_complaint_assignee_queue",
            "assignee_id",
            "queue_at",
            "id",
            postgresql_where=condition("is_open"),
            sqlite_where=condition("is_open"),
        ),
        Index(
            "ix_complaint_assignee",
            "assignee_id",
            "reported_at",
            "id",
            postgresql_where=condition("assignee_id IS NOT NULL"),
            sqlite_where=condition("assignee_id IS NOT NULL"),
        ),
        Index(
            "ix_complaint_closed_status",
            "status",
            "reported_at",
            "id",
            postgresql_where=condition("NOT is_open"),
            sqlite_where=condition("NOT is_open"),
        ),
        Index("ix_complaint_category_code", "category_code"),
        Index("ix_complaint_category", "category"),
    )


IS_OPEN = condition("complaint.is_open")
"""What the partial indexes of open complaints are for, spelled as they are: SQLite recognises it in no other form."""


class QueueSlot(Schema):
    """An open complaint's place in the queue of its unit and of each unit above: a page is one range of this key."""

    __tablename__ = "queue_slot"
    ancestor_id: Mapped[UnitId] = mapped_column(primary_key=True)
    queue_at: Mapped[datetime] = mapped_column(primary_key=True)
    complaint_id: Mapped[ComplaintId] = mapped_column(primary_key=True)
    __table_args__ = (Index("ix_queue_slot_complaint", "complaint_id"),)


class ComplaintEvent(Schema):
    """One entry of the history; append-only but for its effect, which late entries may change."""

    __tablename__ = "complaint_event"
    id: Mapped[Id]
    complaint_id: Mapped[ComplaintId]
    key: Mapped[str] = mapped_column(String(80))
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    kind: Mapped[EventKind]
    move: Mapped[Move | None]
    status: Mapped[Status | None]
    unit_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("unit.id"))
    assignee_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("officer.id"))
    actor_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("officer.id"))
    source_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("source.id"))
    word: Mapped[str | None]
    reason: Mapped[str | None]
    reason_code: Mapped[str | None]
    text: Mapped[str | None]
    is_public: Mapped[bool]
    promised_at: Mapped[datetime | None]
    timing: Mapped[Timing]
    earliest_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    rank: Mapped[int]
    effect: Mapped[Effect]
    details: Mapped[Json_]
    __table_args__ = (
        UniqueConstraint("complaint_id", "key"),
        Index(
            "ix_complaint_event_unknown",
            "source_id",
            "id",
            postgresql_where=condition("status = 'unknown'"),
            sqlite_where=condition("status = 'unknown'"),
        ),
        Index("ix_complaint_event_recorded", "recorded_at", postgresql_using="brin"),
    )


class FormerFacts(Schema):
    """What policies and slices looked at in a complaint's header until `replaced_at`, when something of it changed."""

    __tablename__ = "former_facts"
    id: Mapped[Id]
    complaint_id: Mapped[ComplaintId]
    replaced_at: Mapped[datetime]
    connectors: Mapped[Json_]
    category: Mapped[str | None]
    category_code: Mapped[str | None]
    channel: Mapped[str]
    classification: Mapped[str | None]
    policy_families: Mapped[Json_]
    source_due_at: Mapped[datetime | None]
    is_history: Mapped[bool]
    __table_args__ = (
        Index("ix_former_facts_complaint", "complaint_id", "replaced_at"),
        Index("ix_former_facts_replaced", "replaced_at"),
    )


class SlaClock(Schema):
    """One cycle of one clock under one policy (family '' = measured without a target).

    `exception_unit_id` is the unit whose exceptions to the calendar it counts on.
    """

    __tablename__ = "sla_clock"
    id: Mapped[Id]
    complaint_id: Mapped[ComplaintId]
    clock: Mapped[str] = mapped_column(String(20))
    cycle: Mapped[int]
    family: Mapped[str] = mapped_column(String(40))
    unit_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("unit.id"))
    policy_version_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("policy_version.id"))
    calendar_version_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("calendar_version.id"))
    exception_unit_id: Mapped[int | None] = mapped_column(BigId)
    state: Mapped[State]
    target_unit: Mapped[TargetUnit | None]
    target_amount: Mapped[int | None]
    target_s: Mapped[Seconds | None]
    started_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]
    elapsed_s: Mapped[Seconds]
    paused_s: Mapped[Seconds]
    remaining_s: Mapped[Seconds | None]
    paused_since: Mapped[datetime | None]
    pause_reason: Mapped[str | None]
    is_provisional: Mapped[bool]
    timing: Mapped[Timing]
    error_s: Mapped[Seconds | None]
    raised_step: Mapped[int]
    next_step: Mapped[int | None]
    next_fire_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("complaint_id", "clock", "cycle", "family"),
        Index(
            "ix_sla_clock_fire",
            "next_fire_at",
            "id",
            postgresql_where=condition("next_fire_at IS NOT NULL"),
            sqlite_where=condition("next_fire_at IS NOT NULL"),
        ),
        Index("ix_sla_clock_unit_due", "unit_id", "clock", "due_at"),
        Index("ix_sla_clock_times", "started_at", "due_at", "stopped_at", postgresql_using="brin"),
        Index(
            "ix_sla_clock_waits",
            "stopped_at",
            "started_at",
            "unit_id",
            "complaint_id",
            "cycle",
            "state",
            postgresql_where=condition("clock = 'resolve'"),
            sqlite_where=condition("clock = 'resolve'"),
        ),
    )


class Stint(Schema):
    """One unit's holding of a complaint: from its assignment to its hand-over or the end.

    `held_s` are the seconds of the citizen's wait that are its own, once it has ended.
    """

    __tablename__ = "stint"
    complaint_id: Mapped[ComplaintId] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[UnitId]
    assigned_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(20))
    held_s: Mapped[Seconds | None]
    __table_args__ = (
        Index("ix_stint_unit_assigned", "unit_id", "assigned_at", "complaint_id"),
        Index("ix_stint_unit_ended", "unit_id", "ended_at"),
        Index("ix_stint_times", "assigned_at", "ended_at", postgresql_using="brin"),
    )


class Pause(Schema):
    """A span in which the complaint waits for somebody else than the unit; which clocks honour it is policy."""

    __tablename__ = "pause"
    complaint_id: Mapped[ComplaintId] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(String(40))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    actor_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("officer.id"))
    expires_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "ix_pause_expiry",
            "expires_at",
            postgresql_where=condition("ended_at IS NULL AND expires_at IS NOT NULL"),
            sqlite_where=condition("ended_at IS NULL AND expires_at IS NOT NULL"),
        ),
        Index("ix_pause_started", "started_at", postgresql_using="brin"),
    )


class Identity(Schema):
    """A complainant's identity, sealed with the data key; nothing else holds it."""

    __tablename__ = "identity"
    complaint_id: Mapped[ComplaintId] = mapped_column(primary_key=True)
    source_id: Mapped[SourceId] = mapped_column(primary_key=True)
    sealed: Mapped[Sealed]
    received_at: Mapped[datetime]


class LegalHold(Schema):
    """A complaint that nothing may be erased from while it lasts."""

    __tablename__ = "legal_hold"
    complaint_id: Mapped[ComplaintId] = mapped_column(primary_key=True)
    reason: Mapped[str]
    placed_by: Mapped[str]
    placed_at: Mapped[datetime]
