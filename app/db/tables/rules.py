"""Tables of calendars, policies and reasons, as versions."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.column_types import BigId
from app.db.tables.schema import Id, Json_, Schema
from app.sla.clock import TargetUnit


class Calendar(Schema):
    """A working calendar by name."""

    __tablename__ = "calendar"
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(60), unique=True)


class CalendarVersion(Schema):
    """A version of a calendar, in the JSON shape of the preview; immutable once published."""

    __tablename__ = "calendar_version"
    id: Mapped[Id]
    calendar_id: Mapped[int] = mapped_column(BigId, ForeignKey("calendar.id"))
    version: Mapped[int]
    rules: Mapped[Json_]
    published_at: Mapped[datetime | None]
    __table_args__ = (UniqueConstraint("calendar_id", "version"),)


class Policy(Schema):
    """A rule that gives a clock its target; within a family the most specific match wins."""

    __tablename__ = "policy"
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(60), unique=True)
    family: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(10))
    clock: Mapped[str | None] = mapped_column(String(20))


class PolicyVersion(Schema):
    """A version of a policy; immutable once published. Source of each number: `basis`, with its confidence."""

    __tablename__ = "policy_version"
    id: Mapped[Id]
    policy_id: Mapped[int] = mapped_column(BigId, ForeignKey("policy.id"))
    version: Mapped[int]
    target_unit: Mapped[TargetUnit]
    target_amount: Mapped[int | None]
    calendar: Mapped[str] = mapped_column(String(60))
    applies: Mapped[Json_]
    honours: Mapped[Json_]
    thresholds: Mapped[Json_]
    repeat_s: Mapped[int | None]
    extension_cap_s: Mapped[int | None]
    max_extensions: Mapped[int]
    effective_on: Mapped[date]
    basis: Mapped[str]
    confidence: Mapped[str] = mapped_column(String(3))
    published_at: Mapped[datetime | None]
    __table_args__ = (UniqueConstraint("policy_id", "version"),)


class ReasonCode(Schema):
    """A reason for a rejection or a pause; `max_s` is how long a pause may last."""

    __tablename__ = "reason_code"
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    code: Mapped[str] = mapped_column(String(60), primary_key=True)
    label_id: Mapped[str]
    label_en: Mapped[str]
    max_s: Mapped[int | None]
    needs_evidence: Mapped[bool]
