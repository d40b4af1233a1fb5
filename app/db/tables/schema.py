"""The schema that all tables share: naming of constraints, Python types to column types, key types."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from sqlalchemy import BigInteger, Date, ForeignKey, LargeBinary, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column

from app.complaint.events import Effect, EventKind, Timing
from app.complaint.evidence import EvidenceKind, Verdict
from app.complaint.lifecycle import Move, Status
from app.complaint.roles import Role
from app.db.column_types import BigId, Json, UtcDateTime, by_value
from app.db.states import (
    AlertState,
    DeliveryKind,
    DeliveryState,
    JobState,
    NoticeKind,
    ProposalState,
    RecalculationState,
    RejectState,
    Relation,
    RuleKind,
    RunKind,
    RunState,
    SuggestionState,
)
from app.sla.clock import State, TargetUnit

Id = Annotated[int, mapped_column(BigId, primary_key=True)]
ComplaintId = Annotated[int, mapped_column(BigId, ForeignKey("complaint.id"))]
UnitId = Annotated[int, mapped_column(BigId, ForeignKey("unit.id"))]
SourceId = Annotated[int, mapped_column(BigId, ForeignKey("source.id"))]
OfficerId = Annotated[int, mapped_column(BigId, ForeignKey("officer.id"))]
Seconds = Annotated[int, mapped_column(BigInteger)]
Json_ = Annotated[Any, mapped_column(Json)]
Sealed = Annotated[bytes, mapped_column(LargeBinary)]


class Schema(DeclarativeBase):
    """The schema of both databases; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads this attribute
        datetime: UtcDateTime,
        date: Date,
        str: Text,
        Status: by_value(Status, "status"),
        Move: by_value(Move, "move"),
        EventKind: by_value(EventKind, "kind"),
        Timing: by_value(Timing, "timing"),
        Effect: by_value(Effect, "effect"),
        EvidenceKind: by_value(EvidenceKind, "kind"),
        Verdict: by_value(Verdict, "verdict"),
        State: by_value(State, "state"),
        TargetUnit: by_value(TargetUnit, "target_unit"),
        Role: by_value(Role, "role"),
        AlertState: by_value(AlertState, "state"),
        DeliveryKind: by_value(DeliveryKind, "kind"),
        DeliveryState: by_value(DeliveryState, "state"),
        RejectState: by_value(RejectState, "state"),
        RunKind: by_value(RunKind, "kind"),
        RunState: by_value(RunState, "state"),
        RuleKind: by_value(RuleKind, "kind"),
        ProposalState: by_value(ProposalState, "state"),
        RecalculationState: by_value(RecalculationState, "state"),
        Relation: by_value(Relation, "relation"),
        SuggestionState: by_value(SuggestionState, "state"),
        NoticeKind: by_value(NoticeKind, "kind"),
        JobState: by_value(JobState, "state"),
    }
