"""Evidence as it is shown: what is known of each picture, and its bytes for those who may see them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased
from typing_extensions import TypedDict

from app.complaint.errors import Forbidden, NotFound
from app.complaint.evidence import EvidenceKind, Flag, Verdict
from app.db.scope import visible
from app.db.tables.complaints import Complaint
from app.db.tables.evidence import Evidence, EvidenceFile, EvidenceMatch
from app.db.tables.people import Officer
from app.workqueue.asker import Asker
from app.workqueue.cards import header, shown, words_for
from app.workqueue.shapes import Words


class Teller(StrEnum):
    """Who says when or where a picture was taken: its own file, or the program that sent it."""

    FILE = "file"
    CLIENT = "client"


class MatchCard(TypedDict):
    """An earlier picture that looks the same, `distance` bits of 64 apart; whose it is where the caller sees that."""

    evidence: int | None
    ticket_code: str | None
    complaint_id: int | None
    distance: int


class ReviewCard(TypedDict):
    """The verdict on a picture, by whom and why."""

    verdict: Verdict
    reason: str | None
    reviewer: str | None
    reviewed_at: datetime


class EvidenceCard(TypedDict):
    """One picture; note and place are null where the caller may not see them.

    `width` and `height` are the original's, `sha256` is that of its bytes. `is_kept` says that the picture itself is
    still there, and has not gone at the end of its term. `needs_review` says that it is flagged and nobody has looked.
    """

    id: int
    kind: EvidenceKind
    uploaded_at: datetime
    uploaded_by: str
    note: str | None
    media_type: str
    size: int
    width: int
    height: int
    sha256: str
    perceptual_hash: str
    taken_at: datetime | None
    taken_at_from: Teller | None
    lat: float | None
    lng: float | None
    place_from: Teller | None
    distance_m: int | None
    flags: list[Flag]
    matches: list[MatchCard]
    is_kept: bool
    needs_review: bool
    review: ReviewCard | None


_sender, _reviewer, _earlier = aliased(Officer), aliased(Officer), aliased(Evidence)

_pictures = (
    select(
        *Evidence.__table__.c,
        EvidenceFile.evidence_id.label("kept_id"),
        _sender.name.label("sender"),
        _reviewer.name.label("reviewer"),
    )
    .join(_sender, _sender.id == Evidence.officer_id)
    .outerjoin(_reviewer, _reviewer.id == Evidence.reviewer_id)
    .outerjoin(EvidenceFile, EvidenceFile.evidence_id == Evidence.id)
    .order_by(Evidence.id)
)


async def read_evidence(
    connection: AsyncConnection, complaint_id: int, asker: Asker, evidence_id: int | None = None
) -> tuple[list[EvidenceCard], Words]:
    """The pictures of a complaint that the asker may see, oldest first (or the one), and how its words are for them.

    Raises: NotFound, when `evidence_id` is none of its pictures.
    """
    row = await header(connection, complaint_id)
    words = words_for(row, asker)
    statement = _pictures.where(Evidence.complaint_id == complaint_id)
    if evidence_id is not None:
        statement = statement.where(Evidence.id == evidence_id)
    pictures = (await connection.execute(statement)).all()
    if evidence_id is not None and not pictures:
        raise _absent(row, evidence_id)
    matches = await _matches(connection, [picture.id for picture in pictures], asker)
    return [_card(picture, matches[picture.id], asker, words) for picture in pictures], words


async def read_copy(
    connection: AsyncConnection, complaint_id: int, evidence_id: int, asker: Asker
) -> tuple[bytes, Words]:
    """The sealed copy of a picture, without what its camera wrote, and how words and pictures are for the asker.

    Raises: NotFound; Forbidden, when the complaint is private and the asker does not handle it.
    """
    sealed, words, _ = await _read_file(connection, complaint_id, evidence_id, asker, EvidenceFile.sealed_copy)
    return sealed, words


async def read_original(
    connection: AsyncConnection, complaint_id: int, evidence_id: int, asker: Asker
) -> tuple[bytes, str]:
    """The sealed original of a picture as it came in, and its media type.

    Raises: NotFound; Forbidden, for whoever leads no unit, or may not see the copy.
    """
    if not asker.leads:
        raise Forbidden("the original of a picture needs a supervisor")
    sealed, _, media_type = await _read_file(connection, complaint_id, evidence_id, asker, EvidenceFile.sealed_original)
    return sealed, media_type


async def _read_file(
    connection: AsyncConnection, complaint_id: int, evidence_id: int, asker: Asker, column: Any
) -> tuple[bytes, Words, str]:
    row = await header(connection, complaint_id)
    statement = (
        select(column, Evidence.media_type)
        .join(Evidence, Evidence.id == EvidenceFile.evidence_id)
        .where(Evidence.id == evidence_id, Evidence.complaint_id == complaint_id)
    )
    found = (await connection.execute(statement)).one_or_none()
    if found is None:
        raise _absent(row, evidence_id)
    words = words_for(row, asker)
    if words is Words.HIDDEN:
        raise Forbidden("the pictures of this complaint are for those who handle it")
    return bytes(found[0]), words, found.media_type


async def _matches(
    connection: AsyncConnection, evidence_ids: Sequence[int], asker: Asker
) -> Mapping[int, list[MatchCard]]:
    """What each picture looks like, the nearest first; of complaints outside the asker's units only how near."""
    found: dict[int, list[MatchCard]] = defaultdict(list)
    if not evidence_ids:
        return found
    statement = (
        select(EvidenceMatch.__table__, Complaint.id.label("complaint_id"), Complaint.ticket_code)
        .join(_earlier, _earlier.id == EvidenceMatch.earlier_id)
        .outerjoin(Complaint, and_(Complaint.id == _earlier.complaint_id, visible(asker.scope)))
        .where(EvidenceMatch.evidence_id.in_(evidence_ids))
        .order_by(EvidenceMatch.distance, EvidenceMatch.earlier_id)
    )
    for row in await connection.execute(statement):
        is_known = row.complaint_id is not None
        found[row.evidence_id].append(
            MatchCard(
                evidence=row.earlier_id if is_known else None,
                ticket_code=row.ticket_code,
                complaint_id=row.complaint_id,
                distance=row.distance,
            )
        )
    return found


def _card(row: Any, matches: list[MatchCard], asker: Asker, words: Words) -> EvidenceCard:
    is_hidden = words is Words.HIDDEN
    has_place = row.lat is not None and not is_hidden
    return EvidenceCard(
        id=row.id,
        kind=row.kind,
        uploaded_at=row.uploaded_at,
        uploaded_by=row.sender,
        note=shown(row.note, is_hidden=is_hidden, is_masked=not asker.works),
        media_type=row.media_type,
        size=row.size,
        width=row.width,
        height=row.height,
        sha256=row.sha256,
        perceptual_hash=row.perceptual_hash,
        taken_at=row.taken_at,
        taken_at_from=_teller(row.has_exif_time) if row.taken_at is not None else None,
        lat=row.lat if has_place else None,
        lng=row.lng if has_place else None,
        place_from=_teller(row.has_exif_place) if has_place else None,
        distance_m=None if is_hidden else row.distance_m,
        flags=row.flags,
        matches=[] if is_hidden else matches,
        is_kept=row.kept_id is not None,
        needs_review=row.is_flagged and row.verdict is None,
        review=_review(row, is_hidden=is_hidden, is_masked=not asker.works),
    )


def _review(row: Any, *, is_hidden: bool, is_masked: bool) -> ReviewCard | None:
    if row.verdict is None:
        return None
    reason = shown(row.review_reason, is_hidden=is_hidden, is_masked=is_masked)
    return ReviewCard(verdict=row.verdict, reason=reason, reviewer=row.reviewer, reviewed_at=row.reviewed_at)


def _teller(has_exif: bool) -> Teller:
    return Teller.FILE if has_exif else Teller.CLIENT


def _absent(row: Any, evidence_id: int) -> NotFound:
    return NotFound(f"complaint {row.ticket_code or row.id} has no evidence {evidence_id}")
