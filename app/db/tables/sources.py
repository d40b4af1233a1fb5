"""Tables of sources, what they said, and the words that we read it by."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy import text as condition
from sqlalchemy.orm import Mapped, mapped_column

from app.complaint.lifecycle import Status
from app.db.column_types import Json
from app.db.states import RejectState, RunKind, RunState
from app.db.tables.schema import ComplaintId, Id, Json_, Schema, Sealed, SourceId


class Source(Schema):
    """An outside system, its schedule, its lease and what we know of its health.

    `shape` counts the fields of the records that it gave, so that a new or vanished one is noticed.
    """

    __tablename__ = "source"
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(60), unique=True)
    connector: Mapped[str] = mapped_column(String(40))
    url: Mapped[str | None]
    sealed_token: Mapped[bytes | None] = mapped_column(LargeBinary)
    options: Mapped[Json_]
    since_on: Mapped[date | None]
    every_s: Mapped[int | None]
    is_enabled: Mapped[bool]
    created_at: Mapped[datetime]
    cursor: Mapped[str | None]
    next_run_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    lease_no: Mapped[int]
    last_look_at: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]
    complete_through: Mapped[datetime | None]
    failures: Mapped[int]
    open_until: Mapped[datetime | None]
    last_error: Mapped[str | None]
    last_error_at: Mapped[datetime | None]
    sealed_push_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    shape: Mapped[Any] = mapped_column(Json, nullable=True)
    reconciled_at: Mapped[datetime | None]
    __table_args__ = (Index("ix_source_next_run", "next_run_at"),)


class SourceRecord(Schema):
    """What one source says about a complaint: the newest raw record, sealed, and the words we read from it.

    From `forgotten_at` on it never brings an identity again. A raw record without bytes has been purged.
    """

    __tablename__ = "source_record"
    id: Mapped[Id]
    source_id: Mapped[SourceId]
    external_id: Mapped[str] = mapped_column(String(200))
    complaint_id: Mapped[ComplaintId]
    content_hash: Mapped[str] = mapped_column(String(64))
    sealed_raw: Mapped[Sealed]
    source_status: Mapped[str | None]
    unit_label: Mapped[str | None]
    reported_at: Mapped[datetime]
    first_seen_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    notices: Mapped[Json_]
    forgotten_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("source_id", "external_id"),
        Index("ix_source_record_complaint", "complaint_id"),
    )


class Reject(Schema):
    """A record that could not become a complaint, kept whole with its reason; the same one again is counted."""

    __tablename__ = "reject"
    id: Mapped[Id]
    source_id: Mapped[SourceId]
    content_hash: Mapped[str] = mapped_column(String(64))
    external_id: Mapped[str | None]
    reason: Mapped[str]
    sealed_raw: Mapped[Sealed]
    state: Mapped[RejectState]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    times_seen: Mapped[int]
    __table_args__ = (
        UniqueConstraint("source_id", "content_hash"),
        Index(
            "ix_reject_open",
            "source_id",
            "external_id",
            postgresql_where=condition("state = 'open'"),
            sqlite_where=condition("state = 'open'"),
        ),
    )


class SourceRun(Schema):
    """One pull or import and its tally: pulled = created + linked + updated + unchanged + rejected."""

    __tablename__ = "source_run"
    id: Mapped[Id]
    source_id: Mapped[SourceId]
    kind: Mapped[RunKind]
    state: Mapped[RunState]
    owner: Mapped[str]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    pulled: Mapped[int]
    created: Mapped[int]
    linked: Mapped[int]
    updated: Mapped[int]
    unchanged: Mapped[int]
    rejected: Mapped[int]
    complete_through: Mapped[datetime | None]
    error: Mapped[str | None]
    __table_args__ = (Index("ix_source_run_source", "source_id", "id"),)


class StatusWord(Schema):
    """A source's word for a status; `connector` '' holds for all, `word` is folded by `complaint.words`."""

    __tablename__ = "status_word"
    connector: Mapped[str] = mapped_column(String(60), primary_key=True)
    word: Mapped[str] = mapped_column(String(200), primary_key=True)
    status: Mapped[Status]


class Category(Schema):
    """A kind of complaint, by a stable code."""

    __tablename__ = "category"
    code: Mapped[str] = mapped_column(String(120), primary_key=True)
    name: Mapped[str]
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("category.code"))
    is_active: Mapped[bool]


class CategoryAlias(Schema):
    """A source's label for a category, folded."""

    __tablename__ = "category_alias"
    label: Mapped[str] = mapped_column(String(200), primary_key=True)
    code: Mapped[str] = mapped_column(ForeignKey("category.code"))
