"""The page of the desk: what a citizen says in person, in a letter or by telephone becomes a complaint."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import DomainError, Forbidden, InvalidInput, NotFound
from app.complaint.roles import Role
from app.dashboard.reader import Tongue, TongueDep
from app.dashboard.steps import Problem, UnitNotMeant, find_unit_code, problem_of, read_instant
from app.db.scope import Scope
from app.db.session import reading, writing
from app.db.states import SuggestionState
from app.db.tables.complaints import Complaint
from app.db.tables.units import Unit
from app.dependencies import CallerDep, House, HouseDep, Now, session_of
from app.intake.categories import list_categories
from app.intake.pairing import pair_one
from app.intake.walk_in import Channel, Person, WalkIn, take_in
from app.people.audit import record
from app.people.callers import Caller, demand, find_own_unit
from app.workqueue.detail import locate
from app.workqueue.suggestions import list_suggestions

router = APIRouter(include_in_schema=False)

DESK = "/walk-in"
_NIK = re.compile(r"[0-9]{16}", re.ASCII)

_Line = Annotated[str, Field(max_length=200)]
Taken = Annotated[str | None, Query(pattern=r"^TG[0-9]{10,14}$")]


class GivenComplaint(BaseModel):
    """The form; a field that is left empty is none."""

    model_config = ConfigDict(extra="forbid")
    csrf_token: _Line = ""
    channel: Channel = Channel.WALK_IN
    reported_at: _Line = ""
    subject: Annotated[str, Field(max_length=300)] = ""
    text: Annotated[str, Field(max_length=20_000)] = ""
    category: _Line = ""
    village: _Line = ""
    address: Annotated[str, Field(max_length=500)] = ""
    point: _Line = ""
    unit: _Line = ""
    is_private: bool = False
    is_anonymous: bool = False
    name: _Line = ""
    phone: Annotated[str, Field(max_length=40)] = ""
    email: Annotated[str, Field(max_length=254)] = ""
    nik: _Line = ""


@dataclass(frozen=True, slots=True)
class Double:
    """A complaint that is probably the same, and how sure that is (0 to 100)."""

    id: int
    name: str
    score: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the officer tells the citizen, and looks at themselves; of another's units nothing but the code."""

    code: str
    is_ours: bool = False
    unit: str | None = None
    doubles: Sequence[Double] = ()


@router.get(DESK)
async def blank(
    request: Request, caller: CallerDep, house: HouseDep, tongue: TongueDep, taken: Taken = None
) -> Response:
    """The empty form; above it, after one was saved, the complaint's code and what it may repeat."""
    demand(caller, Role.OFFICER)
    return await _page(request, caller, house, tongue, GivenComplaint(), taken=taken)


@router.post(DESK)
async def save(
    request: Request,
    caller: CallerDep,
    house: HouseDep,
    now: Now,
    tongue: TongueDep,
    given: Annotated[GivenComplaint, Form()],
) -> Response:
    """Takes the complaint in and shows its code, or says why not with everything as it was typed."""
    demand(caller, Role.OFFICER)
    try:
        async with writing(house.engine) as connection:
            code = await _store(connection, given, caller, house, now=now)
    except (DomainError, UnitNotMeant) as error:
        return await _page(request, caller, house, tongue, given, problem=_problem_of(error))
    return RedirectResponse(f"{DESK}?taken={code}", 303)


async def _store(
    connection: AsyncConnection, given: GivenComplaint, caller: Caller, house: House, *, now: datetime
) -> str:
    """The ticket code of the complaint, which is stored with all that it probably repeats."""
    rules, zone = await house.rulebooks.current(connection), house.settings.zone
    new = await _read(connection, given, caller, zone, now=now)
    found = await take_in(connection, new, rules, house.vault, now=now, zone=zone)
    await pair_one(connection, found, caller.scope, now=now)
    await record(connection, actor=caller.name, action="complaint.take_in", subject=f"complaint:{found}", now=now)
    return str(await connection.scalar(select(Complaint.ticket_code).where(Complaint.id == found)))


async def _read(
    connection: AsyncConnection, given: GivenComplaint, caller: Caller, zone: ZoneInfo, *, now: datetime
) -> WalkIn:
    """What was typed, as intake takes it.

    Raises: InvalidInput, Forbidden, UnitNotMeant.
    """
    if not given.text.strip():
        raise InvalidInput("complaint_text", "must not be blank")
    lat, lng = _point(given.point)
    village, unit = given.village.strip(), given.unit.strip()
    code = await find_unit_code(connection, unit) if unit else None
    return WalkIn(
        channel=given.channel,
        subject=given.subject.strip() or None,
        text=given.text.strip(),
        category=given.category or None,
        unit=(code, await find_own_unit(connection, code, caller.scope)) if code else None,
        lat=lat,
        lng=lng,
        address=given.address.strip() or None,
        village=await find_unit_code(connection, village) if village else None,
        reported_at=read_instant(given.reported_at, zone, field="reported_at") if given.reported_at else now,
        is_private=given.is_private,
        is_anonymous=given.is_anonymous,
        person=_person(given),
        taken_by=caller.name,
    )


def _point(told: str) -> tuple[float | None, float | None]:
    """Latitude and longitude as maps give them to copy.

    >>> _point("-6.2, 106.8")
    (-6.2, 106.8)
    """
    if not told.strip():
        return None, None
    try:
        lat, lng = (float(each) for each in told.split(","))
    except ValueError as error:
        raise InvalidInput("point", "is no latitude and longitude") from error
    if not (-90 <= lat <= 90 and -180 <= lng <= 180):
        raise InvalidInput("point", "lies nowhere on earth")
    return lat, lng


def _person(given: GivenComplaint) -> Person | None:
    told = {"name": given.name, "phone": given.phone, "email": given.email, "national_id": given.nik}
    said = {name: value.strip() for name, value in told.items() if value.strip()}
    if "national_id" in said and not _NIK.fullmatch(said["national_id"]):
        raise InvalidInput("nik", "has 16 digits")
    return Person(**said) if said else None


def _problem_of(error: DomainError | UnitNotMeant) -> Problem:
    found = problem_of(error, None, {})
    return replace(found, word="problem_not_your_unit") if isinstance(error, Forbidden) else found


async def _page(
    request: Request,
    caller: Caller,
    house: House,
    tongue: Tongue,
    given: GivenComplaint,
    *,
    taken: str | None = None,
    problem: Problem | None = None,
) -> Response:
    async with reading(house.asking) as connection:
        categories = [each for each in await list_categories(connection) if each.is_active]
        receipt = await _receipt(connection, taken, caller.scope) if taken else None
    session = session_of(request)
    return tongue.page(
        "take_in.html",
        problem.status if problem else 200,
        given=given,
        problem=problem,
        receipt=receipt,
        channels=list(Channel),
        categories=sorted(categories, key=lambda each: each.name),
        username=caller.name,
        csrf_token=session.csrf_token if session else None,
    )


async def _receipt(connection: AsyncConnection, code: str, scope: Scope) -> Receipt:
    try:
        found = await locate(connection, code, scope)
    except NotFound:
        return Receipt(code)
    unit = await connection.scalar(
        select(Unit.name).join(Complaint, Complaint.unit_id == Unit.id).where(Complaint.id == found)
    )
    pairs = await list_suggestions(connection, scope, state=SuggestionState.OPEN, complaint_id=found)
    others = [
        (each.earlier_id, each.earlier_ticket_code, each.score)
        if each.complaint_id == found
        else (each.complaint_id, each.ticket_code, each.score)
        for each in pairs
    ]
    doubles = [Double(id_, name or f"#{id_}", score) for id_, name, score in others]
    return Receipt(code, True, unit, sorted(doubles, key=lambda each: -each.score))
