"""Complaints that an officer takes in by hand: stored as any source's, with a built-in source and a code of our own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.complaint.errors import InvalidInput
from app.complaint.lifecycle import Status
from app.complaint.words import fold_label, fold_word, says_something
from app.db.changes import count_up, upsert
from app.db.complaints import find
from app.db.tables.sources import Category, Source
from app.intake.merging import SourceView, whole_second
from app.intake.reference import Reference, read_reference
from app.intake.routing import Directory, Village
from app.intake.store import Storing, store_complaints
from app.vault import Vault
from connectors.contract import (
    Complainant,
    EventKind,
    IncomingComplaint,
    Precedence,
    Raw,
    SourceEvent,
    SourceTraits,
    hash_raw,
)

DESK = "desk"
"""The source of what is taken in by hand; it is never pulled."""

FIRST_YEAR = 1971
"""The first year in which a report may lie, as for those of sources: what is earlier is a slip of the pen."""

_TAKEN_IN = "received"


class Channel(StrEnum):
    """How a complaint came that no system brought."""

    WALK_IN = "walk_in"
    LETTER = "letter"
    PHONE = "phone"
    SMS = "sms"
    WHATSAPP = "whatsapp"
    SOCIAL_MEDIA = "social_media"
    MASS_MEDIA = "mass_media"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who complains; it goes only to the encrypted identity table."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    national_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkIn:
    """A complaint as an officer writes it down; `category` and `village` are codes, `unit` is (code, id)."""

    channel: Channel
    text: str
    reported_at: datetime
    taken_by: str
    subject: str | None = None
    category: str | None = None
    unit: tuple[str, int] | None = None
    lat: float | None = None
    lng: float | None = None
    address: str | None = None
    village: str | None = None
    is_private: bool = False
    is_anonymous: bool = False
    person: Person | None = None


async def take_in(
    connection: AsyncConnection, new: WalkIn, rules: Rulebook, vault: Vault, *, now: datetime, zone: ZoneInfo
) -> int:
    """The id of the stored complaint.

    Raises: InvalidInput for a category or village that nobody knows, and for a report of the future, of long ago, or
    of nothing.
    """
    if new.reported_at > now:
        raise InvalidInput("reported_at", "lies in the future")
    if new.reported_at.year < FIRST_YEAR:
        raise InvalidInput("reported_at", f"lies before the year {FIRST_YEAR}")
    if not says_something(new.text):
        raise InvalidInput("text", "says nothing")
    source_id = await _source(connection, now)
    reference = await read_reference(connection, DESK, SourceTraits())
    category = await _category(connection, new.category)
    village = _village(reference, new.village)
    code = await _draw_code(connection, now.astimezone(zone).strftime("%y%m%d"))
    view = _view(source_id, _as_told(reference, new, category, village), now)
    storing = Storing(view=view, rules=rules, vault=vault, carries_ticket_codes=True)
    incoming = _incoming(new, code, category[1] if category else None, village, now)
    await store_complaints(connection, [incoming], storing)
    return int(await find(connection, code) or 0)


async def _source(connection: AsyncConnection, now: datetime) -> int:
    """The built-in source, made when first needed; who takes in waits here for whoever does so at the same time."""
    row = {"name": DESK, "connector": DESK, "options": {}, "is_enabled": True, "created_at": now}
    found = select(Source.id).where(Source.name == DESK)
    if await connection.scalar(found) is None:
        await upsert(connection, Source.__table__, [{**row, "lease_no": 0, "failures": 0}], key=("name",))  # type: ignore[arg-type]
    return int(await connection.scalar(found.with_for_update()) or 0)


async def _draw_code(connection: AsyncConnection, day: str) -> str:
    """A ticket code that nobody has: `TG`, the local date, a number of four digits (more on a day that needs them)."""
    while True:
        code = f"TG{day}{await count_up(connection, f'TG{day}'):04}"
        if await find(connection, code) is None:
            return code


async def _category(connection: AsyncConnection, code: str | None) -> tuple[str, str] | None:
    """The category's code and name."""
    if code is None:
        return None
    name = await connection.scalar(select(Category.name).where(Category.code == code, Category.is_active))
    if name is None:
        raise InvalidInput("category", f"no category is called {code!r}")
    return code, str(name)


def _village(reference: Reference, code: str | None) -> str | None:
    if code is None:
        return None
    names = (name for name, village in reference.directory.villages.items() if village.code == code)
    found = next(names, None)
    if found is None:
        raise InvalidInput("location.kelurahan_code", f"no village has the code {code!r}")
    return found


def _as_told(reference: Reference, new: WalkIn, category: tuple[str, str] | None, village: str | None) -> Reference:
    """The reference by which this complaint is read: a unit that the officer names counts, wherever the place is."""
    categories: Mapping[str, str] = {fold_word(category[1]): category[0]} if category else {}
    directory = reference.directory
    if new.unit is not None:
        code, unit_id = new.unit
        villages = {village: Village(unit_id, new.village)} if village and new.village else {}
        directory = Directory({fold_label(code): unit_id}, villages)
    return Reference({_TAKEN_IN: Status.RECEIVED}, directory, categories)


def _view(source_id: int, reference: Reference, now: datetime) -> SourceView:
    return SourceView(
        id=source_id,
        connector=DESK,
        precedence=Precedence(),
        words=reference.words,
        directory=reference.directory,
        categories=reference.categories,
        families=None,
        is_history=False,
        looked_at=now,
        last_look_at=None,
    )


def _incoming(new: WalkIn, code: str, category: str | None, village: str | None, now: datetime) -> IncomingComplaint:
    unit = new.unit[0] if new.unit else None
    raw = _raw(new, code)
    return IncomingComplaint(
        external_id=code,
        ticket_code=code,
        source_status=_TAKEN_IN,
        channel=str(new.channel),
        category=category,
        subject=new.subject,
        text=new.text,
        reported_at=new.reported_at,
        raw=raw,
        content_hash=hash_raw(raw),
        unit_label=unit,
        village=village,
        lat=new.lat,
        lng=new.lng,
        address=new.address,
        is_private=new.is_private,
        is_anonymous=new.is_anonymous,
        # Who holds it is known from now on, and not since it was reported.
        events=(SourceEvent(whole_second(now), EventKind.STATUS, _TAKEN_IN, unit),),
        complainant=Complainant(**asdict(new.person)) if new.person else None,
    )


def _raw(new: WalkIn, code: str) -> Raw:
    """What was written down, without the complainant: who that is stands in the table of identities alone."""
    return {
        "ticket_code": code,
        "channel": str(new.channel),
        "subject": new.subject,
        "text": new.text,
        "category": new.category,
        "unit": new.unit[0] if new.unit else None,
        "location": {"lat": new.lat, "lng": new.lng, "address": new.address, "kelurahan_code": new.village},
        "reported_at": new.reported_at.isoformat(),
        "taken_by": new.taken_by,
    }
