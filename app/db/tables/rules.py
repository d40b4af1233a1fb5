"""Tables of calendars, policies and reasons, as versions, and of the proposals that change them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.column_types import BigId
from app.db.states import ProposalState, RecalculationState, RuleKind
from app.db.tables.schema import Id, Json_, Schema
from app.sla.clock import TargetUnit


class Calendar(Schema):
    """A working calendar by name."""

    __tablename__ = "calendar"
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(60), unique=True)


class CalendarVersion(Schema):
    """A version of a calendar, in the JSON shape of the preview; immutable once published.

    It governs the cycles that start on `effective_on` or later; without one every open cycle follows.
    """

    __tablename__ = "calendar_version"
    id: Mapped[Id]
    calendar_id: Mapped[int] = mapped_column(BigId, ForeignKey("calendar.id"))
    version: Mapped[int]
    rules: Mapped[Json_]
    effective_on: Mapped[date | None]
    source_document: Mapped[str | None]
    created_by: Mapped[str | None]
    created_at: Mapped[datetime | None]
    published_by: Mapped[str | None]
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
    """A version of a policy; immutable once published. Source of each number: `basis`, with its confidence.

    `on_change` says how open cycles follow a new version: `retroactive`, `restart` or `carry_remaining`.
    """

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
    on_change: Mapped[str] = mapped_column(String(20), server_default="retroactive")
    source_document: Mapped[str | None]
    created_by: Mapped[str | None]
    created_at: Mapped[datetime | None]
    published_by: Mapped[str | None]
    published_at: Mapped[datetime | None]
    __table_args__ = (UniqueConstraint("policy_id", "version"),)


class ReasonCode(Schema):
    """A reason for a rejection or a pause, and the role it takes; `max_s` is how long a pause may last."""

    __tablename__ = "reason_code"
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    code: Mapped[str] = mapped_column(String(60), primary_key=True)
    label_id: Mapped[str]
    label_en: Mapped[str]
    max_s: Mapped[int | None]
    needs_evidence: Mapped[bool]
    needed_role: Mapped[str] = mapped_column(String(20), server_default="officer")


class Proposal(Schema):
    """A version that somebody wants in force, and what came of it.

    `version_id` and `former_id` (what was in force when it was proposed) are versions of its kind; `preview` is what
    it would have moved then. `revert_version_id` is the version that took it back.
    """

    __tablename__ = "proposal"
    id: Mapped[Id]
    kind: Mapped[RuleKind]
    name: Mapped[str] = mapped_column(String(60))
    version_id: Mapped[int] = mapped_column(BigId)
    former_id: Mapped[int | None] = mapped_column(BigId)
    reason: Mapped[str]
    state: Mapped[ProposalState]
    preview: Mapped[Json_]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decision: Mapped[str | None]
    reverted_by: Mapped[str | None]
    reverted_at: Mapped[datetime | None]
    revert_version_id: Mapped[int | None] = mapped_column(BigId)


class Recalculation(Schema):
    """The open clocks following a change, batch by batch: how far it is, and which worker is on it.

    `reach` says which open clocks may move; the complaints that have one are visited by id, up to `last_complaint_id`.
    """

    __tablename__ = "recalculation"
    id: Mapped[Id]
    proposal_id: Mapped[int] = mapped_column(BigId, ForeignKey("proposal.id"))
    reverts: Mapped[bool]
    reach: Mapped[Json_]
    state: Mapped[RecalculationState]
    last_complaint_id: Mapped[int] = mapped_column(BigId)
    total: Mapped[int | None]
    visited: Mapped[int]
    moved: Mapped[int]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    lease_no: Mapped[int]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    __table_args__ = (Index("ix_recalculation_proposal", "proposal_id"),)
