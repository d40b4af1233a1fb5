"""Tables of intake's long work and of what it found out about the data: backfills, imports, notices, day counts."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.column_types import BigId
from app.db.states import JobState, NoticeKind
from app.db.tables.schema import Id, Json_, Schema, Sealed, SourceId


class SourceNotice(Schema):
    """Something about a source's data that somebody should see; the same again is counted."""

    __tablename__ = "source_notice"
    id: Mapped[Id]
    source_id: Mapped[SourceId]
    kind: Mapped[NoticeKind]
    subject: Mapped[str] = mapped_column(String(300))
    is_open: Mapped[bool]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    times_seen: Mapped[int]
    __table_args__ = (UniqueConstraint("source_id", "kind", "subject"),)


class DayCount(Schema):
    """One local day of a source at its last reconciliation: the ids that it lists and those that we hold.

    `repaired` were missing here and are stored now; `unlisted` are held though the source lists them no more.
    """

    __tablename__ = "day_count"
    source_id: Mapped[SourceId] = mapped_column(primary_key=True)
    day_on: Mapped[date] = mapped_column(primary_key=True)
    listed: Mapped[int]
    held: Mapped[int]
    repaired: Mapped[int]
    unlisted: Mapped[int]
    checked_at: Mapped[datetime]


class PushedMessage(Schema):
    """A message that was pushed to us, so that the same one again is answered and not stored again."""

    __tablename__ = "pushed_message"
    source_id: Mapped[SourceId] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    body_hash: Mapped[str] = mapped_column(String(64))
    run_id: Mapped[int] = mapped_column(BigId, ForeignKey("source_run.id"))
    received_at: Mapped[datetime]
    __table_args__ = (Index("ix_pushed_message_received", "received_at"),)


class Backfill(Schema):
    """Past days of a source to be read, and how far that has come: `next_on` is the first day not yet read."""

    __tablename__ = "backfill"
    id: Mapped[Id]
    source_id: Mapped[SourceId]
    from_on: Mapped[date]
    to_on: Mapped[date]
    next_on: Mapped[date]
    cursor: Mapped[str | None]
    state: Mapped[JobState]
    created: Mapped[int]
    linked: Mapped[int]
    updated: Mapped[int]
    unchanged: Mapped[int]
    rejected: Mapped[int]
    failures: Mapped[int]
    error: Mapped[str | None]
    next_try_at: Mapped[datetime | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    __table_args__ = (Index("ix_backfill_state", "state", "id"),)


class ImportJob(Schema):
    """An uploaded file and what became of its rows; the file itself goes once it has been read."""

    __tablename__ = "import_job"
    id: Mapped[Id]
    profile: Mapped[str] = mapped_column(String(60))
    options: Mapped[Json_]
    file_name: Mapped[str] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(BigId)
    sealed_file: Mapped[bytes | None] = mapped_column(LargeBinary)
    is_dry_run: Mapped[bool]
    is_history: Mapped[bool]
    state: Mapped[JobState]
    created: Mapped[int]
    linked: Mapped[int]
    updated: Mapped[int]
    unchanged: Mapped[int]
    rejected: Mapped[int]
    run_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("source_run.id"))
    error: Mapped[str | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    __table_args__ = (Index("ix_import_job_state", "state", "id"),)


class ImportReject(Schema):
    """A row of an uploaded file that could not become a complaint, for the report of that import."""

    __tablename__ = "import_reject"
    job_id: Mapped[int] = mapped_column(BigId, ForeignKey("import_job.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    external_id: Mapped[str | None]
    reason: Mapped[str]
    sealed_raw: Mapped[Sealed]
