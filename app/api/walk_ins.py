"""Manual intake over REST: what a citizen says at the desk, writes in a letter or tells on the telephone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast

from fastapi import APIRouter, Response
from pydantic import Field, StrictBool
from typing_extensions import TypedDict

from app.api.auth import OfficerDep
from app.api.bodies import Sent
from app.api.complaint_answers import ComplaintAnswer, complaint_answer
from app.api.complaints import asker_of
from app.api.freshness import sources_block
from app.api.instants import Instant
from app.complaint.errors import InvalidInput
from app.dependencies import HouseDep, Now, Writing
from app.intake.doubles import Pair
from app.intake.pairing import pair_one
from app.intake.walk_in import Channel, Person, WalkIn, take_in
from app.people.audit import record
from app.people.callers import find_own_unit
from app.workqueue.detail import read_one
from app.workqueue.shapes import ComplaintDetail

router = APIRouter(prefix="/complaints", tags=["complaints"])

_PATH = "/api/v1/complaints"


class Place(Sent):
    """Where it is; a pin has both degrees."""

    lat: Annotated[float | None, Field(ge=-90, le=90, strict=True)] = None
    lng: Annotated[float | None, Field(ge=-180, le=180, strict=True)] = None
    address: Annotated[str | None, Field(min_length=1, max_length=500)] = None
    kelurahan_code: Annotated[str | None, Field(min_length=1, max_length=80)] = None


class Complainant(Sent):
    """Who complains: sealed at once, and no answer of this service but `…/identity` has it."""

    name: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    phone: Annotated[str | None, Field(min_length=1, max_length=40)] = None
    email: Annotated[str | None, Field(min_length=3, max_length=254)] = None
    nik: Annotated[str | None, Field(pattern="^[0-9]{16}$", description="The 16 digits of the identity card.")] = None


class WalkInRequest(Sent):
    """A complaint to take in; without a unit it is routed by its place, as a source's would be."""

    channel: Channel
    subject: Annotated[str | None, Field(min_length=1, max_length=300)] = None
    text: Annotated[str, Field(min_length=1, max_length=20_000, pattern=r"\S")]
    category: Annotated[str | None, Field(min_length=1, max_length=120, description="A code of a category.")] = None
    location: Place | None = None
    unit: Annotated[str | None, Field(min_length=1, max_length=80, description="The code of one of your units.")] = None
    reported_at: Annotated[Instant | None, Field(description="When the citizen said it; now unless told.")] = None
    is_private: StrictBool = False
    is_anonymous: StrictBool = False
    identity: Complainant | None = None


class Double(TypedDict):
    """A complaint that is probably the same; `score` is 0 to 100."""

    ticket_code: str | None
    score: int
    reasons: dict[str, int]


class TakenIn(ComplaintAnswer):
    """The complaint, and what it probably repeats: a warning, stored as suggestions too."""

    duplicates: list[Double]


@router.post("", status_code=201, response_model=TakenIn)
async def add_complaint(
    asked: WalkInRequest, connection: Writing, caller: OfficerDep, house: HouseDep, now: Now
) -> Response:
    """Takes a complaint in by hand; it gets a ticket code of our own, clocks and a unit like any other."""
    rules = await house.rulebooks.current(connection)
    unit = (asked.unit, await find_own_unit(connection, asked.unit, caller.scope)) if asked.unit is not None else None
    new = _walk_in(asked, unit, caller.name, now)
    found = await take_in(connection, new, rules, house.vault, now=now, zone=house.settings.zone)
    pairs = await pair_one(connection, found, caller.scope, now=now)
    await record(connection, actor=caller.name, action="complaint.take_in", subject=f"complaint:{found}", now=now)
    card = await read_one(connection, found, asker_of(caller), rules, now=now)
    told = {**card, "duplicates": [_double(pair, found) for pair in pairs]}
    answer = complaint_answer(cast(ComplaintDetail, told), await sources_block(connection, now=now), now=now)
    answer.status_code = 201
    answer.headers["Location"] = f"{_PATH}/{card['ticket_code']}"
    return answer


def _walk_in(asked: WalkInRequest, unit: tuple[str, int] | None, taken_by: str, now: datetime) -> WalkIn:
    place, who = asked.location or Place(), asked.identity
    if (place.lat is None) != (place.lng is None):
        raise InvalidInput("location.lng" if place.lng is None else "location.lat", "is required with the other")
    return WalkIn(
        channel=asked.channel,
        subject=asked.subject,
        text=asked.text,
        category=asked.category,
        unit=unit,
        lat=place.lat,
        lng=place.lng,
        address=place.address,
        village=place.kelurahan_code,
        reported_at=asked.reported_at or now,
        is_private=asked.is_private,
        is_anonymous=asked.is_anonymous,
        person=Person(name=who.name, phone=who.phone, email=who.email, national_id=who.nik) if who else None,
        taken_by=taken_by,
    )


def _double(pair: Pair, complaint_id: int) -> Double:
    other = pair.earlier if pair.later.id == complaint_id else pair.later
    return Double(ticket_code=other.ticket_code, score=pair.score, reasons=dict(pair.reasons))
