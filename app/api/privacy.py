"""Duties towards complainants over REST, as `tanggap privacy` has them: access, restriction, legal hold, erasure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StrictBool

from app.api.auth import WholeAdminDep
from app.api.bodies import Sent
from app.api.complaint_answers import json_answer
from app.api.complaints import Ref
from app.api.instants import Instant
from app.api.paging import CursorsDep, CursorText, Limit, last_id, next_link
from app.complaint.errors import InvalidInput
from app.db.scope import WHOLE
from app.db.session import reading
from app.dependencies import HouseDep, Now, Reading, Writing
from app.people import duties, retention
from app.people.callers import Caller
from app.people.reasons import LONGEST_REASON, SHORTEST_REASON, check_reason
from app.people.retention import Group
from app.people.subject_access import Subject, disclose, subject_of
from app.workqueue.detail import locate

router = APIRouter(prefix="/admin/privacy", tags=["privacy"])

_HOLDS = "holds"
_ROUNDS = 25

Known = Annotated[str | None, Field(min_length=1, max_length=254)]
DryRun = Annotated[
    StrictBool, Field(description="Only tell what would go. Nothing brings back what went: say `false` to do it.")
]


class Reasoned(Sent):
    """Why it is done. It goes on record as it stands: no personal data in it."""

    reason: Annotated[str, Field(min_length=SHORTEST_REASON, max_length=LONGEST_REASON)]


class ExportRequest(Reasoned):
    """Whose data: one of a complaint (id or ticket code), a telephone number, an e-mail address and a NIK."""

    complaint: Annotated[str | None, Field(min_length=1, max_length=40)] = None
    phone: Known = None
    email: Known = None
    nik: Known = None


class ErasureRequest(Reasoned):
    """How far an erasure goes."""

    with_words: Annotated[StrictBool, Field(description="All words too, not just what names the complainant.")] = False
    dry_run: DryRun = True


class PurgeRequest(Reasoned):
    """What the retention settings no longer keep."""

    dry_run: DryRun = True


class ExportAnswer(BaseModel):
    """Everything held about a complainant, opened, with who has read it; and the records kept aside that name them."""

    made_at: Instant
    complaints: list[dict[str, Any]]
    rejects: list[dict[str, Any]]


class HoldAnswer(BaseModel):
    """A complaint of which nothing is erased or purged."""

    complaint_id: int
    ticket_code: str | None
    reason: str
    placed_by: str
    placed_at: Instant


class HoldPage(BaseModel):
    """Legal holds by the ids of their complaints."""

    items: list[HoldAnswer]
    next_cursor: str | None
    as_of: Instant


class StandingAnswer(BaseModel):
    """How one complaint stands."""

    complaint_id: int
    is_restricted: bool
    hold: HoldAnswer | None
    erased_at: Instant | None
    as_of: Instant


class ErasureAnswer(BaseModel):
    """What went, or would; `sha256` is the proof that the trail has."""

    complaint_id: int
    identities: int
    records: int
    rejects: int
    sha256: str
    dry_run: bool
    as_of: Instant


class PurgedGroup(BaseModel):
    """What a group came to; `proofs` are the SHA-256 of its batches, as the trail has them."""

    group: Group
    days: int
    cut_off: Instant | None
    count: int
    proofs: list[str]


class PurgeAnswer(BaseModel):
    """Group by group what went, or would; `remaining` still waits, for the next call or for a worker."""

    groups: list[PurgedGroup]
    remaining: int
    dry_run: bool
    as_of: Instant


@router.post("/exports", response_model=ExportAnswer, responses={404: {"description": "No such complaint."}})
async def export(asked: ExportRequest, caller: WholeAdminDep, house: HouseDep) -> Response:
    """Everything held about a complainant. By what they are known by it takes minutes for a million complaints."""
    reason = check_reason(asked.reason)
    given = [name for name in ("complaint", "phone", "email", "nik") if getattr(asked, name) is not None]
    if len(given) != 1:
        raise InvalidInput(given[-1] if given else "complaint", "give one of complaint, phone, email and nik")
    wanted: int | Subject
    if asked.complaint is None:
        wanted = subject_of(phone=asked.phone, email=asked.email, nik=asked.nik)
    else:
        async with reading(house.engine) as connection:
            wanted = await locate(connection, asked.complaint, WHOLE)
    document = await disclose(house.engine, house.vault, wanted, actor=caller.name, reason=reason, clock=house.clock)
    return json_answer(document)


@router.get("/holds")
async def holds(
    request: Request,
    response: Response,
    connection: Reading,
    _caller: WholeAdminDep,
    now: Now,
    cursors: CursorsDep,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> HoldPage:
    """The complaints under legal hold."""
    found = await duties.list_holds(connection, after=last_id(cursors, _HOLDS, cursor) or 0, limit=limit + 1)
    next_cursor = cursors.encode(_HOLDS, [found[limit - 1].complaint_id]) if len(found) > limit else None
    response.headers.update(next_link(request, next_cursor))
    items = [HoldAnswer.model_validate(each, from_attributes=True) for each in found[:limit]]
    return HoldPage(items=items, next_cursor=next_cursor, as_of=now)


@router.get("/complaints/{ref}")
async def standing(ref: Ref, connection: Reading, _caller: WholeAdminDep, now: Now) -> StandingAnswer:
    """Whether a complaint is restricted, held or erased."""
    return await _standing(connection, await locate(connection, ref, WHOLE), now)


@router.post("/complaints/{ref}/restrict")
async def restrict(
    ref: Ref, asked: Reasoned, connection: Writing, caller: WholeAdminDep, house: HouseDep, now: Now
) -> StandingAnswer:
    """Words and identity are closed to all but administrators; the clocks go on."""
    found, rules = await locate(connection, ref, WHOLE), await house.rulebooks.current(connection)
    await duties.set_restriction(connection, found, _act(caller, asked, now), rules, is_restricted=True)
    return await _standing(connection, found, now)


@router.post("/complaints/{ref}/unrestrict")
async def unrestrict(
    ref: Ref, asked: Reasoned, connection: Writing, caller: WholeAdminDep, house: HouseDep, now: Now
) -> StandingAnswer:
    """Words and identity are open again to those who may read them."""
    found, rules = await locate(connection, ref, WHOLE), await house.rulebooks.current(connection)
    await duties.set_restriction(connection, found, _act(caller, asked, now), rules, is_restricted=False)
    return await _standing(connection, found, now)


@router.post("/complaints/{ref}/hold")
async def hold(ref: Ref, asked: Reasoned, connection: Writing, caller: WholeAdminDep, now: Now) -> StandingAnswer:
    """Nothing of the complaint is erased or purged until it is released."""
    found = await locate(connection, ref, WHOLE)
    await duties.hold(connection, found, _act(caller, asked, now))
    return await _standing(connection, found, now)


@router.post("/complaints/{ref}/release")
async def release(ref: Ref, asked: Reasoned, connection: Writing, caller: WholeAdminDep, now: Now) -> StandingAnswer:
    """The legal hold ends."""
    found = await locate(connection, ref, WHOLE)
    await duties.release(connection, found, _act(caller, asked, now))
    return await _standing(connection, found, now)


@router.post("/complaints/{ref}/erase")
async def erase(
    ref: Ref, asked: ErasureRequest, connection: Writing, caller: WholeAdminDep, house: HouseDep, now: Now
) -> ErasureAnswer:
    """Who complained goes for good: identity, raw records, names and numbers in the words. Figures stay."""
    found, rules = await locate(connection, ref, WHOLE), await house.rulebooks.current(connection)
    deed = duties.rehearse_erasure if asked.dry_run else duties.erase
    act = _act(caller, asked, now)
    erased = await deed(connection, found, act, house.vault, rules, with_words=asked.with_words)
    return ErasureAnswer(complaint_id=found, **asdict(erased), dry_run=asked.dry_run, as_of=now)


@router.post("/purge")
async def purge(asked: PurgeRequest, caller: WholeAdminDep, house: HouseDep, now: Now) -> PurgeAnswer:
    """What the retention settings no longer keep goes, some thousands of values of each group in one call."""
    terms = retention.terms_of(house.settings, caller.name, at=now, reason=check_reason(asked.reason))
    waiting = await retention.foresee(house.engine, terms)
    done = waiting
    if not asked.dry_run:
        done = await retention.purge(house.engine, terms, house.vault, house.rulebooks, rounds=_ROUNDS)
        waiting = await retention.foresee(house.engine, terms)
    groups = [PurgedGroup.model_validate(each, from_attributes=True) for each in done]
    remaining = sum(each.count for each in waiting)
    return PurgeAnswer(groups=groups, remaining=remaining, dry_run=asked.dry_run, as_of=now)


def _act(caller: Caller, asked: Reasoned, now: Instant) -> duties.Act:
    return duties.Act(actor=caller.name, reason=check_reason(asked.reason), at=now)


async def _standing(connection: Reading, complaint_id: int, now: Instant) -> StandingAnswer:
    found = asdict(await duties.read_standing(connection, complaint_id))
    return StandingAnswer.model_validate({**found, "as_of": now})
