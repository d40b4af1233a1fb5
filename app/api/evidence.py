"""Photographs as evidence over REST: sent, listed, looked at, reviewed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field
from typing_extensions import TypedDict

from app.api.bodies import RowId, Sent
from app.api.complaint_answers import json_answer, seen_versions
from app.api.complaints import IfMatch, Ref, asker_of
from app.api.disclosure import note_reading, note_words
from app.api.evidence_form import BODY, MOST_BYTES, DarkroomDep, SentEvidence
from app.api.freshness import SourceFreshness, sources_block
from app.complaint.errors import InvalidInput
from app.complaint.evidence import Verdict
from app.dependencies import CallerDep, HouseDep, Now, Reading, Writing
from app.workqueue.detail import locate
from app.workqueue.evidence import (
    LONGEST_REASON,
    Review,
    add_evidence,
    review_evidence,
)
from app.workqueue.evidence_pictures import COPY, COPY_TYPE, ORIGINAL
from app.workqueue.evidence_reading import EvidenceCard, read_copy, read_evidence, read_original
from app.workqueue.shapes import Words

router = APIRouter(prefix="/complaints", tags=["evidence"])

_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
_ALONE = "default-src 'none'; sandbox"
"""A picture that is opened by itself may load and run nothing, whatever a browser takes it for."""

_STALE: dict[int | str, dict[str, Any]] = {412: {"description": "The version is another one than `If-Match` names."}}
_ADDED: dict[int | str, dict[str, Any]] = {
    **_STALE,
    200: {"description": "The complaint has had this very picture of this kind before."},
    409: {"description": "The complaint has as many pictures as it may."},
}
_REVIEWED: dict[int | str, dict[str, Any]] = {**_STALE, 409: {"description": "It is the caller's own picture."}}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_PICTURE: dict[int | str, dict[str, Any]] = {200: {"content": {COPY_TYPE: _BINARY}}}
_AS_IT_CAME: dict[int | str, dict[str, Any]] = {200: {"content": dict.fromkeys(_ENDINGS, _BINARY)}}


class EvidenceAnswer(EvidenceCard):
    """One picture; `href` is where it is seen, null where it has gone or is not the caller's to see."""

    href: str | None


class EvidenceAnswers(TypedDict):
    """The pictures of a complaint, oldest first."""

    items: list[EvidenceAnswer]
    next_cursor: None
    as_of: datetime
    sources: list[SourceFreshness]


class ReviewBody(Sent):
    """Whether the picture proves what it should, and why."""

    verdict: Verdict
    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON)]


@router.post(
    "/{ref}/evidence",
    status_code=201,
    max_body_size=MOST_BYTES,
    openapi_extra=BODY,
    response_model=EvidenceAnswer,
    responses=_ADDED,
)
async def send_evidence(
    ref: Ref,
    sent: SentEvidence,
    connection: Writing,
    caller: CallerDep,
    house: HouseDep,
    now: Now,
    if_match: IfMatch = None,
) -> Response:
    """Adds a picture; it stays for good. What makes it doubtful as proof is in its `flags`.

    The file's own time and place are believed before those of the form. Others see a copy without what the camera
    wrote; the original is kept sealed.
    """
    asker = asker_of(caller)
    found = await locate(connection, ref, asker.scope)
    evidence_id, is_new = await add_evidence(
        connection,
        found,
        sent,
        asker,
        await house.rulebooks.current(connection),
        far_m=house.settings.evidence_far_m,
        seen=seen_versions(if_match),
        now=now,
    )
    cards, words = await read_evidence(connection, found, asker, evidence_id)
    answer = json_answer(_answer(found, cards[0], words), {"Location": _path(found, evidence_id)})
    answer.status_code = 201 if is_new else 200
    return answer


@router.get("/{ref}/evidence", response_model=EvidenceAnswers)
async def list_evidence(ref: Ref, connection: Reading, caller: CallerDep, house: HouseDep, now: Now) -> Response:
    """All pictures of a complaint, oldest first."""
    asker = asker_of(caller)
    found = await locate(connection, ref, asker.scope)
    cards, words = await read_evidence(connection, found, asker)
    fresh = await sources_block(connection, now=now)
    if cards:
        await note_words(house, connection, caller, found, words, now=now)
    items = [_answer(found, card, words) for card in cards]
    return json_answer(EvidenceAnswers(items=items, next_cursor=None, as_of=now, sources=fresh))


@router.get("/{ref}/evidence/{evidence_id}", response_model=EvidenceAnswer)
async def one_evidence(
    ref: Ref, evidence_id: RowId, connection: Reading, caller: CallerDep, house: HouseDep, now: Now
) -> Response:
    """What is known of one picture, and where it is seen."""
    asker = asker_of(caller)
    found = await locate(connection, ref, asker.scope)
    cards, words = await read_evidence(connection, found, asker, evidence_id)
    await note_words(house, connection, caller, found, words, now=now)
    return json_answer(_answer(found, cards[0], words))


@router.get("/{ref}/evidence/{evidence_id}/file", response_class=Response, responses=_PICTURE)
async def see_evidence(
    ref: Ref,
    evidence_id: RowId,
    connection: Reading,
    caller: CallerDep,
    house: HouseDep,
    darkroom: DarkroomDep,
    now: Now,
) -> Response:
    """The picture: upright, at most 2,560 pixels long, without what the camera wrote. Private ones go on record."""
    asker = asker_of(caller)
    found = await locate(connection, ref, asker.scope)
    sealed, words = await read_copy(connection, found, evidence_id, asker)
    if words is Words.ON_RECORD:
        subject, details = f"complaint:{found}", {"evidence": evidence_id}
        await note_reading(house, connection, caller, "evidence.read", subject, details=details, now=now)
    return _picture(await darkroom.open(sealed, COPY), COPY_TYPE, f"evidence-{evidence_id}", "inline")


@router.get("/{ref}/evidence/{evidence_id}/original", response_class=Response, responses=_AS_IT_CAME)
async def fetch_original(
    ref: Ref,
    evidence_id: RowId,
    connection: Reading,
    caller: CallerDep,
    house: HouseDep,
    darkroom: DarkroomDep,
    now: Now,
) -> Response:
    """The very bytes that came in, for supervisors and administrators; it always goes on record."""
    asker = asker_of(caller)
    found = await locate(connection, ref, asker.scope)
    sealed, media_type = await read_original(connection, found, evidence_id, asker)
    subject, details = f"complaint:{found}", {"evidence": evidence_id}
    await note_reading(house, connection, caller, "evidence.original", subject, details=details, now=now)
    content = await darkroom.open(sealed, ORIGINAL)
    return _picture(content, media_type, f"evidence-{evidence_id}-original", "attachment")


@router.post("/{ref}/evidence/{evidence_id}/review", response_model=EvidenceAnswer, responses=_REVIEWED)
async def review(
    ref: Ref,
    evidence_id: RowId,
    body: ReviewBody,
    connection: Writing,
    caller: CallerDep,
    house: HouseDep,
    now: Now,
    if_match: IfMatch = None,
) -> Response:
    """Says whether a picture is good as proof. A flagged one needs this before `approve`; a refused one stays."""
    if not body.reason.strip():
        raise InvalidInput("reason", "must not be blank")
    asker = asker_of(caller)
    found = await locate(connection, ref, asker.scope)
    rules = await house.rulebooks.current(connection)
    verdict = Review(verdict=body.verdict, reason=body.reason)
    await review_evidence(connection, found, evidence_id, verdict, asker, rules, seen=seen_versions(if_match), now=now)
    cards, words = await read_evidence(connection, found, asker, evidence_id)
    return json_answer(_answer(found, cards[0], words))


def _answer(complaint_id: int, card: EvidenceCard, words: Words) -> EvidenceAnswer:
    is_seen = card["is_kept"] and words is not Words.HIDDEN
    href = f"{_path(complaint_id, card['id'])}/file" if is_seen else None
    return EvidenceAnswer(**card, href=href)


def _path(complaint_id: int, evidence_id: int) -> str:
    return f"/api/v1/complaints/{complaint_id}/evidence/{evidence_id}"


def _picture(content: bytes, media_type: str, name: str, disposition: str) -> Response:
    headers = {
        "content-disposition": f'{disposition}; filename="{name}.{_ENDINGS[media_type]}"',
        "content-security-policy": _ALONE,
    }
    return Response(content, headers=headers, media_type=media_type)
