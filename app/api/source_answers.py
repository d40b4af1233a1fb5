"""What the doors of intake answer with: tallies, replays, backfills, compared days, notices."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, Field

from app.api.bodies import Sent
from app.api.instants import Instant
from app.db.states import JobState, NoticeKind
from app.intake.backfill import BackfillView
from app.intake.notices import NoticeView
from app.intake.reconcile import DayView


class TallyAnswer(BaseModel):
    """What became of records: pulled = created + linked + updated + unchanged + rejected."""

    pulled: int
    created: int
    linked: int
    updated: int
    unchanged: int
    rejected: int


class ReplayAnswer(TallyAnswer):
    """`replayed` rejects wait no more, `still_rejected` cannot be read yet; `remaining` were not tried: ask again with
    `after` = `last_id`."""

    source: str
    replayed: int
    still_rejected: int
    remaining: int
    last_id: int


class BackfillRequest(Sent):
    """The days to read, both included, as local days of the source."""

    from_on: Annotated[date, Field(alias="from")]
    to_on: Annotated[date, Field(alias="to")]


class BackfillAnswer(TallyAnswer):
    """A backfill and how far it has come; a source that can only be asked for changes is read in one stretch."""

    id: int
    source: str
    from_on: Annotated[date, Field(serialization_alias="from")]
    to_on: Annotated[date, Field(serialization_alias="to")]
    next_on: date | None
    state: JobState
    days: int
    days_done: int
    error: str | None
    created_by: str
    created_at: Instant
    finished_at: Instant | None

    @classmethod
    def of(cls, view: BackfillView) -> Self:
        """The backfill as it stands."""
        return cls.model_validate(view, from_attributes=True)


class BackfillList(BaseModel):
    """The backfills of a source, newest first."""

    items: list[BackfillAnswer]
    as_of: Instant


class DayAnswer(BaseModel):
    """One local day at its last comparison: ids that the source lists, ids that we hold, what was missing here and is
    stored now, what we hold though the source lists it no more."""

    day_on: Annotated[date, Field(serialization_alias="day")]
    listed: int
    held: int
    repaired: int
    unlisted: int
    checked_at: Instant

    @classmethod
    def of(cls, view: DayView) -> Self:
        """The day as it was counted."""
        return cls.model_validate(view, from_attributes=True)


class DayList(BaseModel):
    """The compared days of a source, newest first."""

    items: list[DayAnswer]
    reconciled_at: Instant | None
    as_of: Instant


class NoticeAnswer(BaseModel):
    """Something about a source's data that somebody should see: a field, a word or a day."""

    id: int
    source: str
    kind: NoticeKind
    subject: str
    is_open: bool
    first_seen_at: Instant
    last_seen_at: Instant
    times_seen: int

    @classmethod
    def of(cls, view: NoticeView) -> Self:
        """The notice as it stands."""
        return cls.model_validate(view, from_attributes=True)


class NoticePage(BaseModel):
    """A page of notices, newest first."""

    items: list[NoticeAnswer]
    next_cursor: str | None
    as_of: Instant


class PushSecret(BaseModel):
    """The secret that signs what the source pushes, shown this once; a former one fits no more."""

    source: str
    secret: str
    url: str
