"""Tables of evidence: each picture, its sealed bytes apart, the index of likeness, and what looks alike."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.complaint.evidence import EvidenceKind, Verdict
from app.db.column_types import BigId
from app.db.tables.schema import ComplaintId, Id, Json_, OfficerId, Schema, Sealed


class Evidence(Schema):
    """One picture of one complaint; append-only but for its verdict.

    `has_exif_time` and `has_exif_place` say that the file itself told them, and not the program that sent it. The hash
    is 16 hexadecimal digits, `flags` are those of the moment it came in.
    """

    __tablename__ = "evidence"
    id: Mapped[Id]
    complaint_id: Mapped[ComplaintId]
    kind: Mapped[EvidenceKind]
    officer_id: Mapped[OfficerId]
    uploaded_at: Mapped[datetime]
    note: Mapped[str | None]
    media_type: Mapped[str] = mapped_column(String(20))
    size: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    perceptual_hash: Mapped[str] = mapped_column(String(16))
    taken_at: Mapped[datetime | None]
    has_exif_time: Mapped[bool]
    lat: Mapped[float | None]
    lng: Mapped[float | None]
    has_exif_place: Mapped[bool]
    distance_m: Mapped[int | None]
    flags: Mapped[Json_]
    is_flagged: Mapped[bool]
    verdict: Mapped[Verdict | None]
    reviewer_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("officer.id"))
    reviewed_at: Mapped[datetime | None]
    review_reason: Mapped[str | None]
    __table_args__ = (
        UniqueConstraint("complaint_id", "kind", "sha256"),
        Index("ix_evidence_sha256", "sha256"),
        Index("ix_evidence_uploaded", "uploaded_at", postgresql_using="brin"),
    )


class EvidenceFile(Schema):
    """The bytes of a picture, sealed: the copy that people see, and the original as proof."""

    __tablename__ = "evidence_file"
    evidence_id: Mapped[int] = mapped_column(BigId, ForeignKey("evidence.id"), primary_key=True)
    sealed_copy: Mapped[Sealed]
    sealed_original: Mapped[Sealed]


class EvidenceBand(Schema):
    """A part of a picture's hash under a key of its own: pictures that look alike share one, or nearly."""

    __tablename__ = "evidence_band"
    key: Mapped[int] = mapped_column(primary_key=True)
    evidence_id: Mapped[int] = mapped_column(BigId, ForeignKey("evidence.id"), primary_key=True)


class EvidenceMatch(Schema):
    """An earlier picture that looks the same where it should not; `distance` are the bits between their hashes."""

    __tablename__ = "evidence_match"
    evidence_id: Mapped[int] = mapped_column(BigId, ForeignKey("evidence.id"), primary_key=True)
    earlier_id: Mapped[int] = mapped_column(BigId, ForeignKey("evidence.id"), primary_key=True)
    distance: Mapped[int]
    __table_args__ = (Index("ix_evidence_match_earlier", "earlier_id"),)
