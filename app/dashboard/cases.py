"""The page of one complaint, where the links in alerts lead, and the forms by which officers move it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi import Path as PathValue
from fastapi.responses import RedirectResponse
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.complaint.errors import DomainError, InvalidInput, NotFound
from app.complaint.lifecycle import Move
from app.dashboard.case import asked_of, read_case
from app.dashboard.queue import QUEUE
from app.dashboard.reader import Tongue, TongueDep
from app.dashboard.steps import (
    FIELDS,
    Given,
    GivenNote,
    GivenReview,
    Problem,
    UnitNotMeant,
    problem_of,
    problem_of_review,
    request_of,
)
from app.db.session import reading, writing
from app.dependencies import CallerDep, House, HouseDep, Now, session_of
from app.people.callers import Caller
from app.people.disclosure import note_reading
from app.workqueue.actions import move
from app.workqueue.asker import Asker
from app.workqueue.detail import locate
from app.workqueue.evidence import Review, review_evidence
from app.workqueue.move_catalogue import MOVE_LABELS
from app.workqueue.notes import add_note
from app.workqueue.shapes import Words

router = APIRouter(include_in_schema=False)

Ref = Annotated[str, PathValue(max_length=40)]
_Write = Callable[[AsyncConnection, int, Asker, Rulebook], Awaitable[object]]


@router.get("/complaints/{ref}")
async def complaint(
    request: Request,
    ref: Ref,
    caller: CallerDep,
    house: HouseDep,
    now: Now,
    tongue: TongueDep,
    why: Annotated[str | None, Query(max_length=120)] = None,
) -> Response:
    """The complaint; `why` names a cycle of a clock whose account is to be shown."""
    return await _page(request, ref, caller, house, tongue, now=now, why=why)


@router.post("/complaints/{ref}/moves")
async def take(
    request: Request,
    ref: Ref,
    caller: CallerDep,
    house: HouseDep,
    now: Now,
    tongue: TongueDep,
    given: Annotated[Given, Form()],
) -> Response:
    """Takes a move and shows the complaint after it, or says why not with everything as it was typed."""

    async def write(connection: AsyncConnection, found: int, asker: Asker, rules: Rulebook) -> None:
        wanted = await request_of(connection, given, house.settings.zone)
        claim = house.settings.claim_lasts
        await move(connection, found, wanted, asker, rules, seen=(given.version,), claim=claim, now=now)

    problem = await _written(house, caller, ref, write, given.move, given)
    return await _after(request, ref, caller, house, tongue, problem, now=now)


@router.post("/complaints/{ref}/notes")
async def note(
    request: Request,
    ref: Ref,
    caller: CallerDep,
    house: HouseDep,
    now: Now,
    tongue: TongueDep,
    given: Annotated[GivenNote, Form()],
) -> Response:
    """Adds a note and shows the complaint with it."""

    async def write(connection: AsyncConnection, found: int, asker: Asker, rules: Rulebook) -> None:
        seen, text = (given.version,), given.text.strip()
        await add_note(connection, found, text, asker, rules, is_public=given.is_public, seen=seen, now=now)

    problem = await _written(house, caller, ref, write, None, given)
    return await _after(request, ref, caller, house, tongue, problem, now=now)


@router.post("/complaints/{ref}/evidence/{evidence_id}/review")
async def judge(
    request: Request,
    ref: Ref,
    evidence_id: Annotated[int, PathValue(ge=1, le=2**63 - 1)],
    caller: CallerDep,
    house: HouseDep,
    now: Now,
    tongue: TongueDep,
    given: Annotated[GivenReview, Form()],
) -> Response:
    """Takes a verdict on a picture and shows the complaint with it."""

    async def write(connection: AsyncConnection, found: int, asker: Asker, rules: Rulebook) -> None:
        if not given.reason.strip():
            raise InvalidInput("reason", "must not be blank")
        review = Review(verdict=given.verdict, reason=given.reason.strip())
        await review_evidence(connection, found, evidence_id, review, asker, rules, seen=(given.version,), now=now)

    problem = await _written(house, caller, ref, write, None, given, evidence_id)
    return await _after(request, ref, caller, house, tongue, problem, now=now)


async def _written(
    house: House,
    caller: Caller,
    ref: str,
    write: _Write,
    wanted: Move | None,
    given: BaseModel,
    evidence_id: int | None = None,
) -> Problem | None:
    """What came of a form: None when it is done, else why not, with nothing written.

    Raises: NotFound.
    """
    asker = _asker(caller)
    try:
        async with writing(house.engine) as connection:
            found = await locate(connection, ref, asker.scope)
            await write(connection, found, asker, await house.rulebooks.current(connection))
    except NotFound:
        raise
    except (DomainError, UnitNotMeant) as error:
        typed = {name: value for name, value in given.model_dump().items() if isinstance(value, str)}
        if evidence_id is not None and isinstance(error, DomainError):
            return problem_of_review(error, evidence_id, typed)
        return problem_of(error, wanted, typed)
    return None


async def _after(
    request: Request,
    ref: str,
    caller: Caller,
    house: House,
    tongue: Tongue,
    problem: Problem | None,
    *,
    now: datetime,
) -> Response:
    if problem is None:
        is_ours = await _still_theirs(house, caller, ref)
        return RedirectResponse(f"{QUEUE}/{quote(ref, safe='')}" if is_ours else QUEUE, 303)
    return await _page(request, ref, caller, house, tongue, now=now, problem=problem)


async def _still_theirs(house: House, caller: Caller, ref: str) -> bool:
    """Whether the complaint is within the caller's units; one that was forwarded may have left them."""
    async with reading(house.asking) as connection:
        try:
            await locate(connection, ref, caller.scope)
        except NotFound:
            return False
    return True


async def _page(
    request: Request,
    ref: str,
    caller: Caller,
    house: House,
    tongue: Tongue,
    *,
    now: datetime,
    why: str | None = None,
    problem: Problem | None = None,
) -> Response:
    asker, language = _asker(caller), tongue.say.language
    async with reading(house.asking) as connection:
        try:
            found = await locate(connection, ref, asker.scope)
            rules = await house.rulebooks.current(connection)
            asked = asked_of(why)
            case = await read_case(connection, found, asker, rules, asked=asked, language=language, now=now)
        except NotFound:
            return tongue.page("case_not_found.html", 404)
        if case.card["words"] is Words.ON_RECORD:
            await note_reading(house.engine, connection, caller, "words.read", f"complaint:{found}", now=now)
    session = session_of(request)
    return tongue.page(
        "case.html",
        problem.status if problem else 200,
        case=case,
        problem=problem,
        username=caller.name,
        csrf_token=session.csrf_token if session else None,
        labels={each: words[language == "en"] for each, words in MOVE_LABELS.items()},
        field_words=FIELDS,
    )


def _asker(caller: Caller) -> Asker:
    return Asker(caller.scope, caller.role, caller.officer_id)
