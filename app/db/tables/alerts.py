"""Tables of alerts, their deliveries and the webhooks they go to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy import text as condition
from sqlalchemy.orm import Mapped, mapped_column

from app.db.column_types import BigId
from app.db.states import AlertState, DeliveryState
from app.db.tables.schema import ComplaintId, Id, Json_, Schema, Sealed


class Alert(Schema):
    """One step of one clock's ladder, raised once; the unique key is what makes it once."""

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
    __table_args__ = (
        UniqueConstraint("complaint_id", "clock", "cycle", "rule", "step"),
        Index("ix_alert_unit_raised", "unit_id", "id"),
    )


class Delivery(Schema):
    """One message to one recipient, to be sent after commit; `id` is the idempotency key (webhook-id)."""

    __tablename__ = "delivery"
    id: Mapped[str] = mapped_column(String(60), primary_key=True)
    alert_id: Mapped[int] = mapped_column(BigId, ForeignKey("alert.id"))
    channel: Mapped[str] = mapped_column(String(20))
    recipient: Mapped[str]
    webhook_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("webhook.id"))
    state: Mapped[DeliveryState]
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("alert_id", "channel", "recipient"),
        Index(
            "ix_delivery_next",
            "next_attempt_at",
            postgresql_where=condition("next_attempt_at IS NOT NULL"),
            sqlite_where=condition("next_attempt_at IS NOT NULL"),
        ),
    )


class DeliveryAttempt(Schema):
    """One try of a delivery: when, what answer, how long."""

    __tablename__ = "delivery_attempt"
    id: Mapped[Id]
    delivery_id: Mapped[str] = mapped_column(ForeignKey("delivery.id"))
    attempted_at: Mapped[datetime]
    answer: Mapped[str]
    took_ms: Mapped[int]
    __table_args__ = (Index("ix_delivery_attempt_delivery", "delivery_id", "id"),)


class Webhook(Schema):
    """Where alerts of a caller's units are posted, with the sealed signing secret."""

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
