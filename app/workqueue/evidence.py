"""Pictures added to complaints and the verdicts on them; nothing is ever taken away."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.complaint.errors import Conflict, EvidenceUnreviewed, Forbidden, NotFound, StaleVersion
from app.complaint.events import CaseEvent, EventKind
from app.complaint.evidence import EvidenceKind, Place, Scene, Shot, Verdict, distance_m, judge, telling
from app.db.complaints import Change, advance, lock
from app.db.scope import visible
from app.db.tables.complaints import Complaint
from app.db.tables.evidence import Evidence, EvidenceFile
from app.workqueue.asker import Asker
from app.workqueue.cards import is_hidden_from
from app.workqueue.evidence_likeness import find_alike, remember, take_turns
from app.workqueue.evidence_pictures import Picture

MOST_PICTURES = 50
"""Of one complaint."""
LONGEST_NOTE = 2_000
LONGEST_REASON = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvidence:
    """A developed picture and what its sender tells of it; the picture's own file is believed first."""

    kind: EvidenceKind
    picture: Picture
    note: str | None = None
    taken_at: datetime | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What an officer says of a picture as proof, and why."""

    verdict: Verdict
    reason: str


async def add_evidence(
    connection: AsyncConnection,
    complaint_id: int,
    new: NewEvidence,
    asker: Asker,
    rules: Rulebook,
    *,
    far_m: int,
    seen: Collection[int] | None = None,
    now: datetime,
) -> tuple[int, bool]:
    """The id of the picture, and whether it is new: the same bytes of the same kind are kept once.

    Raises: Forbidden, NotFound, StaleVersion as moves do; Conflict when the complaint has `MOST_PICTURES`.
    """
    demand_sender(asker)
    row = await _lock(connection, complaint_id, asker, seen)
    known = await _same(connection, complaint_id, new)
    if known is not None:
        return known, False
    count = select(func.count()).where(Evidence.complaint_id == complaint_id)
    if int(await connection.scalar(count) or 0) >= MOST_PICTURES:
        raise Conflict(f"complaint {_name(row)} has {MOST_PICTURES} pictures already", version=row.version)
    await take_turns(connection)
    evidence_id, flags = await _store(connection, row, new, asker.officer_id, far_m, now)
    told = {"evidence": evidence_id, "kind": new.kind, "flags": flags}
    event = _entry(asker, f"evidence:{evidence_id}", now=now, text=new.note)
    await _tell(connection, complaint_id, event, told, rules)
    return evidence_id, True


def demand_sender(asker: Asker) -> None:
    """Nothing, when the asker may add pictures: somebody must answer for them by name.

    Raises: Forbidden, otherwise.
    """
    if asker.officer_id is None or not asker.works:
        raise Forbidden("evidence needs an officer")


async def review_evidence(
    connection: AsyncConnection,
    complaint_id: int,
    evidence_id: int,
    review: Review,
    asker: Asker,
    rules: Rulebook,
    *,
    seen: Collection[int] | None = None,
    now: datetime,
) -> None:
    """Takes the verdict; a later one replaces it, and the history keeps both.

    Raises: Forbidden for whoever neither leads nor validates; NotFound, StaleVersion; Conflict for one's own picture.
    """
    if asker.officer_id is None or not asker.works or not (asker.leads or asker.scope.is_validator):
        raise Forbidden("a review needs a supervisor or an officer of the validating unit")
    row = await _lock(connection, complaint_id, asker, seen)
    if is_hidden_from(row, asker):
        raise Forbidden(f"the pictures of complaint {_name(row)} are not yours to see")
    picture = await _picture(connection, row, evidence_id)
    if picture.officer_id == asker.officer_id:
        raise Conflict(f"evidence {evidence_id} is your own: somebody else reviews it", version=row.version)
    values = {"verdict": review.verdict, "review_reason": review.reason, "reviewer_id": asker.officer_id}
    if all(getattr(picture, name) == value for name, value in values.items()):
        return
    await connection.execute(
        update(Evidence).where(Evidence.id == evidence_id).values(**values, reviewed_at=now.replace(microsecond=0))
    )
    event = _entry(asker, f"evidence:{evidence_id}:{uuid4().hex}", now=now, reason=review.reason)
    told = {"evidence": evidence_id, "kind": picture.kind, "verdict": review.verdict}
    await _tell(connection, complaint_id, event, told, rules)


async def demand_reviewed(connection: AsyncConnection, row: Any) -> None:
    """Nothing, when every flagged picture of the complaint (its header, locked, is `row`) has its verdict.

    Raises: EvidenceUnreviewed, with those that have none.
    """
    waits = (Evidence.complaint_id == row.id, Evidence.is_flagged, Evidence.verdict.is_(None))
    ids = list(await connection.scalars(select(Evidence.id).where(*waits).order_by(Evidence.id)))
    if ids:
        listed = ", ".join(map(str, ids))
        message = f"complaint {_name(row)} has flagged evidence that nobody has reviewed: {listed}"
        raise EvidenceUnreviewed(message, evidence=ids, version=row.version)


async def _lock(connection: AsyncConnection, complaint_id: int, asker: Asker, seen: Collection[int] | None) -> Any:
    """The complaint's header, locked; it may have been forwarded or changed since it was looked up."""
    row = await lock(connection, complaint_id)
    mine = select(Complaint.id).where(Complaint.id == complaint_id, visible(asker.scope))
    if await connection.scalar(mine) is None:
        raise NotFound(f"no complaint {_name(row)!r} in your units")
    if seen is not None and row.version not in seen:
        raise StaleVersion(f"complaint {_name(row)} is at version {row.version}", version=row.version)
    return row


async def _same(connection: AsyncConnection, complaint_id: int, new: NewEvidence) -> int | None:
    statement = select(Evidence.id).where(
        Evidence.complaint_id == complaint_id, Evidence.kind == new.kind, Evidence.sha256 == new.picture.sha256
    )
    found: int | None = await connection.scalar(statement)
    return found


async def _store(
    connection: AsyncConnection, row: Any, new: NewEvidence, officer_id: int | None, far_m: int, now: datetime
) -> tuple[int, list[str]]:
    """The rows of a picture; its id and flags."""
    picture, place = new.picture, new.picture.place or new.place
    shot = Shot(
        complaint_id=row.id,
        kind=new.kind,
        uploaded_at=now,
        taken_at=picture.taken_at or new.taken_at,
        place=place,
        has_exif=picture.taken_at is not None or picture.place is not None,
    )
    scene_place = Place(row.lat, row.lng) if row.lat is not None and row.lng is not None else None
    scene = Scene(reported_at=row.reported_at, place=scene_place, far_m=far_m)
    alike = telling(shot, await find_alike(connection, picture.sha256, picture.perceptual_hash))
    flags = [str(flag) for flag in judge(shot, scene, alike)]
    values = {**_columns(shot, picture), "note": new.note, "officer_id": officer_id, "flags": flags}
    values |= {"is_flagged": bool(flags), "distance_m": distance_m(place, scene_place)}
    evidence_id = int(await connection.scalar(insert(Evidence).values(values).returning(Evidence.id)) or 0)
    sealed = {"sealed_copy": picture.sealed_copy, "sealed_original": picture.sealed_original}
    await connection.execute(insert(EvidenceFile).values(evidence_id=evidence_id, **sealed))
    await remember(connection, evidence_id, picture.perceptual_hash, alike)
    return evidence_id, flags


def _columns(shot: Shot, picture: Picture) -> dict[str, Any]:
    return {
        "complaint_id": shot.complaint_id,
        "kind": shot.kind,
        "uploaded_at": shot.uploaded_at.replace(microsecond=0),
        "media_type": picture.media_type,
        "size": picture.size,
        "width": picture.width,
        "height": picture.height,
        "sha256": picture.sha256,
        "perceptual_hash": picture.perceptual_hash,
        "taken_at": shot.taken_at,
        "has_exif_time": picture.taken_at is not None,
        "lat": shot.place.lat if shot.place else None,
        "lng": shot.place.lng if shot.place else None,
        "has_exif_place": picture.place is not None,
    }


async def _picture(connection: AsyncConnection, row: Any, evidence_id: int) -> Any:
    columns = (Evidence.kind, Evidence.officer_id, Evidence.verdict, Evidence.review_reason, Evidence.reviewer_id)
    statement = select(*columns).where(Evidence.id == evidence_id, Evidence.complaint_id == row.id)
    found = (await connection.execute(statement)).one_or_none()
    if found is None:
        raise NotFound(f"complaint {_name(row)} has no evidence {evidence_id}")
    return found


def _entry(asker: Asker, key: str, *, now: datetime, text: str | None = None, reason: str | None = None) -> CaseEvent:
    return CaseEvent(
        occurred_at=now.replace(microsecond=0),
        recorded_at=now,
        kind=EventKind.EVIDENCE,
        key=key,
        actor_id=asker.officer_id,
        text=text,
        reason=reason,
    )


async def _tell(
    connection: AsyncConnection, complaint_id: int, event: CaseEvent, told: Mapping[str, object], rules: Rulebook
) -> None:
    """One more entry of the history, and a version more."""
    change = Change(complaint_id=complaint_id, events=[event], details={event.key: told})
    await advance(connection, [change], rules, now=event.recorded_at)


def _name(row: Any) -> str:
    """What people call the complaint."""
    return str(row.ticket_code or row.id)
