"""Tables of alerts and the rules that tell of them, of deliveries and the webhooks they go to."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy import text as condition
from sqlalchemy.orm import Mapped, mapped_column

from app.db.column_types import BigId
from app.db.states import AlertState, DeliveryKind, DeliveryState
from app.db.tables.schema import ComplaintId, Id, Json_, Schema, Sealed, UnitId


class Alert(Schema):
    """One step of one clock's ladder, raised once; the unique key is what makes it once.

    A step that a late entry took back (`cleared_at`) and that fires again is told in its next round, by the same row.
    """

    __tablename__ = "alert"
    id: Mapped[Id]
    complaint_id: Mapped[ComplaintId]
    clock: Mapped[str] = mapped_column(String(20))
    cycle: Mapped[int]
    rule: Mapped[str] = mapped_column(String(60))
    step: Mapped[int]
    level: Mapped[str] = mapped_column(String(10))
    state: Mapped[AlertState]
    unit_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("unit.id"))
    due_at: Mapped[datetime]
    fired_at: Mapped[datetime]
    raised_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("officer.id"))
    round: Mapped[int] = mapped_column(server_default="1")
    cleared_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("complaint_id", "clock", "cycle", "rule", "step"),
        Index("ix_alert_unit_raised", "unit_id", "id"),
    )


class Delivery(Schema):
    """One message to one recipient, to be sent after commit; `id` is the idempotency key (webhook-id).

    `recipient` is `console`, `webhook:<id>`, `officer:<id>`, `operator:<address>` or `group:<rule>`; the address of an
    officer or a group is looked up when it is sent.
    `payload` of an alert and of its correction: {"alert_ids": the other alerts told in the same message, "at": the hour
    that it waits for, "rules": the rules by which it is sent, "severity", "told_as": what the officer is to the
    complaint, "instead_of": whom nobody answers for, "for_officer_id": whose delegate it is}, each only where it says
    something. Of a digest: {"on", "overdue", "due_today", "items": [{"complaint_id", "ticket_code", "unit_code",
    "unit_name", "clock", "due_at"}]}, the most urgent first and not all of them, "for_officer_id"}. Of a notice:
    {"key": …} and what its text names.
    """

    __tablename__ = "delivery"
    id: Mapped[str] = mapped_column(String(60), primary_key=True)
    alert_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("alert.id"))
    kind: Mapped[DeliveryKind] = mapped_column(server_default="alert")
    round: Mapped[int] = mapped_column(server_default="1")
    channel: Mapped[str] = mapped_column(String(20))
    recipient: Mapped[str]
    webhook_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("webhook.id"))
    state: Mapped[DeliveryState]
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    payload: Mapped[Json_ | None]
    __table_args__ = (
        UniqueConstraint("alert_id", "kind", "round", "channel", "recipient"),
        Index(
            "ix_delivery_next",
            "next_attempt_at",
            postgresql_where=condition("next_attempt_at IS NOT NULL"),
            sqlite_where=condition("next_attempt_at IS NOT NULL"),
        ),
        Index(
            "ix_delivery_dead",
            "id",
            postgresql_where=condition("state = 'dead'"),
            sqlite_where=condition("state = 'dead'"),
        ),
    )


class DeliveryAlert(Schema):
    """Another alert of the same complaint that a delivery tells of besides its own."""

    __tablename__ = "delivery_alert"
    delivery_id: Mapped[str] = mapped_column(String(60), ForeignKey("delivery.id"), primary_key=True)
    alert_id: Mapped[int] = mapped_column(BigId, ForeignKey("alert.id"), primary_key=True)
    __table_args__ = (Index("ix_delivery_alert_alert", "alert_id"),)


class DeliveryAttempt(Schema):
    """One try of a delivery: when, what answer, how long."""

    __tablename__ = "delivery_attempt"
    id: Mapped[Id]
    delivery_id: Mapped[str] = mapped_column(ForeignKey("delivery.id"))
    attempted_at: Mapped[datetime]
    answer: Mapped[str]
    took_ms: Mapped[int]
    __table_args__ = (
        Index("ix_delivery_attempt_delivery", "delivery_id", "id"),
        Index("ix_delivery_attempt_at", "attempted_at"),
    )


class Webhook(Schema):
    """Where alerts of a caller's units are posted, with the sealed signing secret.

    `failing_since` is the first failure since the last message that arrived; `off_at` is when nothing but failures
    made us stop. The chat group of an alert rule is kept here too: its `events` are ["rule"], its `filters` {"rule":
    the rule's name}, `url` is the address without what is secret in it, and `sealed_secret` the address.
    """

    __tablename__ = "webhook"
    id: Mapped[Id]
    url: Mapped[str]
    events: Mapped[Json_]
    unit_codes: Mapped[Json_]
    filters: Mapped[Json_]
    sealed_secret: Mapped[Sealed]
    is_active: Mapped[bool]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    failing_since: Mapped[datetime | None]
    off_at: Mapped[datetime | None]


class AlertRule(Schema):
    """Who is told of the steps from one to another, how and at which hours; a removed one keeps its name."""

    __tablename__ = "alert_rule"
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(60), unique=True)
    description: Mapped[str]
    from_step: Mapped[int]
    to_step: Mapped[int | None]
    every: Mapped[int]
    who: Mapped[Json_]
    channels: Mapped[Json_]
    severity: Mapped[str] = mapped_column(String(10))
    hours: Mapped[str] = mapped_column(String(10))
    clocks: Mapped[Json_ | None]
    policies: Mapped[Json_ | None]
    units: Mapped[Json_ | None]
    categories: Mapped[Json_ | None]
    is_active: Mapped[bool]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str]
    removed_at: Mapped[datetime | None]


class AlertMute(Schema):
    """A rule, or every rule, that says nothing of a unit and those below until an instant."""

    __tablename__ = "alert_mute"
    id: Mapped[Id]
    rule: Mapped[str | None] = mapped_column(String(60))
    unit_id: Mapped[UnitId]
    until_at: Mapped[datetime]
    reason: Mapped[str]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]
    __table_args__ = (Index("ix_alert_mute_until", "until_at"),)


class AlertReview(Schema):
    """A complaint that changed after it was told of, a clock or who answers for it: the sweep looks at what it said."""

    __tablename__ = "alert_review"
    id: Mapped[Id]
    complaint_id: Mapped[ComplaintId]


class AlertDigest(Schema):
    """A day whose digests are in the outbox."""

    __tablename__ = "alert_digest"
    sent_on: Mapped[date] = mapped_column(primary_key=True)
    made_at: Mapped[datetime]
