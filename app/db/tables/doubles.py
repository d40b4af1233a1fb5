"""Tables of what belongs together: quoted ticket codes, related complaints, probable doubles."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.column_types import BigId
from app.db.states import Relation, SuggestionState
from app.db.tables.schema import ComplaintId, Id, Json_, Schema


class QuotedCode(Schema):
    """A ticket code that a complaint's text names; the complaint of that code may come later or never."""

    __tablename__ = "quoted_code"
    complaint_id: Mapped[ComplaintId] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    __table_args__ = (Index("ix_quoted_code_code", "code"),)


class RelatedComplaint(Schema):
    """A later complaint that belongs to an earlier one; `count` is how many times the trouble has come back by now.

    Each keeps its own status and clocks.
    """

    __tablename__ = "related_complaint"
    complaint_id: Mapped[ComplaintId] = mapped_column(primary_key=True)
    earlier_id: Mapped[int] = mapped_column(BigId, ForeignKey("complaint.id"), primary_key=True)
    relation: Mapped[Relation] = mapped_column(primary_key=True)
    count: Mapped[int]
    created_at: Mapped[datetime]
    __table_args__ = (Index("ix_related_complaint_earlier", "earlier_id"),)


class Suggestion(Schema):
    """A probable double with its reasons, until an officer confirms or refuses it."""

    __tablename__ = "suggestion"
    id: Mapped[Id]
    complaint_id: Mapped[ComplaintId]
    earlier_id: Mapped[int] = mapped_column(BigId, ForeignKey("complaint.id"))
    score: Mapped[int]
    reasons: Mapped[Json_]
    state: Mapped[SuggestionState]
    created_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    note: Mapped[str | None]
    __table_args__ = (
        UniqueConstraint("complaint_id", "earlier_id"),
        Index("ix_suggestion_earlier", "earlier_id"),
        Index("ix_suggestion_state", "state", "id"),
    )
