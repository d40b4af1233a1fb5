"""Subject access: everything that is held about a complainant, and who has read it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.errors import InvalidInput
from app.db.metadata import metadata
from app.db.session import snapshot, writing
from app.db.tables.complaints import Complaint, Identity
from app.db.tables.people import Audit
from app.db.tables.sources import Reject, Source, SourceRecord
from app.people.audit import Details, record
from app.people.identities import open_identities, opened
from app.vault import CannotOpen, Vault

REJECT, RAW = "reject", "raw"
_AT_ONCE = 2_000
_SIGNS = " -.()/"
_OF_A_COMPLAINT = ("complaint_event", "sla_clock", "stint", "pause", "evidence")
_INTERNAL = frozenset({"key", "rank", "complaint_id", "content_rank", "handling_rank", "change_no", "queue_at"})

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whoever is asked after: by telephone number, by e-mail address or by NIK, one of them."""

    phone: str | None = None
    email: str | None = None
    nik: str | None = None

    def is_in(self, person: dict[str, str | None]) -> bool:
        """Whether an opened identity is theirs, however its number is written."""
        if self.phone is not None:
            return bool(person["phone"]) and subscriber(person["phone"] or "") == subscriber(self.phone)
        if self.email is not None:
            return (person["email"] or "").strip().casefold() == self.email.strip().casefold()
        return _digits(person["national_id"] or "") == _digits(self.nik or "")

    @property
    def known_by(self) -> str:
        """What they are known by, never its value."""
        return "phone" if self.phone is not None else "email" if self.email is not None else "nik"

    @property
    def mark(self) -> str:
        """What a text that tells of them holds, once its signs are taken out."""
        if self.email is not None:
            return self.email.strip().casefold()
        return subscriber(self.phone) if self.phone is not None else _digits(self.nik or "")


_SHORTEST_NUMBER, _NIK_DIGITS = 7, 16


def subject_of(*, phone: str | None = None, email: str | None = None, nik: str | None = None) -> Subject:
    """Whoever is asked after.

    Raises: InvalidInput, for what is too short to tell anybody from others, or is none.
    """
    subject = Subject(phone=phone, email=email, nik=nik)
    if phone is not None and len(subject.mark) < _SHORTEST_NUMBER:
        raise InvalidInput("phone", f"needs {_SHORTEST_NUMBER} digits or more")
    if nik is not None and len(subject.mark) != _NIK_DIGITS:
        raise InvalidInput("nik", f"has {_NIK_DIGITS} digits")
    if email is not None and not re.fullmatch(r"\S+@\S+", subject.mark):
        raise InvalidInput("email", "is no e-mail address")
    return subject


async def disclose(
    engine: AsyncEngine,
    vault: Vault,
    wanted: int | Subject,
    *,
    actor: str,
    reason: str | None,
    clock: Callable[[], datetime],
    tell: Callable[[int], None] = lambda done: None,
) -> Document:
    """Everything held about a complainant, by a complaint of theirs or by what they are known by.

    What was found is on record before it is read, in a transaction of its own; so is that somebody was looked for,
    by what but not by which: nothing in the trail tells who.
    """
    async with snapshot(engine) as connection:
        found = [wanted] if isinstance(wanted, int) else await find_complaints(connection, wanted, vault, tell)
    why: Details = {} if reason is None else {"reason": reason}
    subjects = {f"complaint:{each}": why for each in found}
    if isinstance(wanted, Subject):
        subjects["complainant"] = {**why, "by": wanted.known_by, "complaints": len(found)}
    async with writing(engine) as connection:
        for subject, details in subjects.items():
            now = clock()
            await record(connection, actor=actor, action="privacy.export", subject=subject, details=details, now=now)
    async with snapshot(engine) as connection:
        rejects = None if isinstance(wanted, int) else find_rejects(connection, wanted, vault)
        return {
            "made_at": clock(),
            "complaints": [await held_about(connection, each, vault) for each in found],
            "rejects": [each async for each in rejects] if rejects else [],
        }


def subscriber(phone: str) -> str:
    """The digits of a telephone number behind the country's code or the zero.

    >>> subscriber("+62 812-0000-1234") == subscriber("(0812) 0000 1234") == "81200001234"
    True
    """
    return re.sub(r"^(?:0062|62|0)", "", _digits(phone))


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


async def find_complaints(
    connection: AsyncConnection, subject: Subject, vault: Vault, tell: Callable[[int], None] = lambda done: None
) -> list[int]:
    """The complaints whose complainant they are, or whose words or address name them.

    Identities are sealed one by one so that nobody can list them by number: every one of them is opened here.
    """
    found: set[int] = set()
    last: tuple[int, int] = (0, 0)
    seen = 0
    while rows := await _identities(connection, last):
        for row in rows:
            if subject.is_in(_opened(row.sealed, vault)):
                found.add(row.complaint_id)
        last, seen = (rows[-1].complaint_id, rows[-1].source_id), seen + len(rows)
        tell(seen)
    named = select(Complaint.id).where(or_(_names(Complaint.text, subject), _names(Complaint.address, subject)))
    return sorted(found | set(await connection.scalars(named)))


async def held_about(connection: AsyncConnection, complaint_id: int, vault: Vault) -> Document:
    """All that is held of one complaint, opened: header, identity, raw records, history, clocks, and its readers."""
    header = await _rows(connection, "complaint", Complaint.id == complaint_id)
    document: Document = {"complaint": _shown(header[0])}
    document["identities"] = [asdict(each) for each in await open_identities(connection, complaint_id, vault)]
    document["source_records"] = await _records(connection, complaint_id, vault)
    for name in _OF_A_COMPLAINT:
        rows = await _rows(connection, name, metadata.tables[name].c.complaint_id == complaint_id)
        document[name] = [_shown(row) for row in rows]
    of_pairs = metadata.tables["suggestion"].c
    is_of_it = or_(of_pairs.complaint_id == complaint_id, of_pairs.earlier_id == complaint_id)
    document["suggestion"] = [_shown(row) for row in await _rows(connection, "suggestion", is_of_it)]
    trail = await _rows(connection, "audit", Audit.subject == f"complaint:{complaint_id}")
    document["processing"] = [
        {"at": row.at, "by": row.actor, "what": row.action, "details": row.details} for row in trail
    ]
    return document


async def find_rejects(connection: AsyncConnection, subject: Subject, vault: Vault) -> AsyncIterator[Document]:
    """The records kept aside that name them: what could not become a complaint is held all the same."""
    columns: list[Any] = [Reject.id, Reject.external_id, Reject.reason, Reject.first_seen_at, Reject.sealed_raw]
    statement = select(*columns, Source.name.label("source")).join(Source, Source.id == Reject.source_id)
    last = 0
    while rows := (await connection.execute(statement.where(Reject.id > last).order_by(Reject.id).limit(200))).all():
        for row in rows:
            raw = _raw(row.sealed_raw, REJECT, vault)
            if subject.mark in _plain(str(raw), subject):
                yield {**_shown(row), "raw": raw}
        last = rows[-1].id


async def _identities(connection: AsyncConnection, after: tuple[int, int]) -> Sequence[Row[Any]]:
    place = tuple_(Identity.complaint_id, Identity.source_id)
    columns: list[Any] = [Identity.complaint_id, Identity.source_id, Identity.sealed]
    statement = select(*columns).where(place > after).order_by(*columns[:2]).limit(_AT_ONCE)
    return (await connection.execute(statement)).all()


def _opened(sealed: bytes, vault: Vault) -> dict[str, str | None]:
    try:
        return opened(sealed, vault)
    except CannotOpen:
        return {"name": None, "phone": None, "email": None, "national_id": None}


def _names(column: Any, subject: Subject) -> ColumnElement[bool]:
    """That a text holds the number or address, however it is written."""
    plain = func.lower(column)
    for sign in _SIGNS if subject.email is None else "":
        plain = func.replace(plain, sign, "")
    return plain.contains(subject.mark, autoescape=True)


def _plain(text: str, subject: Subject) -> str:
    """The text as `_names` compares it."""
    signs = _SIGNS if subject.email is None else ""
    return text.casefold().translate({ord(sign): None for sign in signs})


async def _rows(connection: AsyncConnection, name: str, which: ColumnElement[bool]) -> Sequence[Row[Any]]:
    table = metadata.tables[name]
    return (await connection.execute(select(table).where(which).order_by(*table.primary_key))).all()


async def _records(connection: AsyncConnection, complaint_id: int, vault: Vault) -> list[Document]:
    statement = select(SourceRecord.__table__, Source.name.label("source"))
    statement = statement.join(Source, Source.id == SourceRecord.source_id).order_by(SourceRecord.id)
    rows = await connection.execute(statement.where(SourceRecord.complaint_id == complaint_id))
    return [{**_shown(row), "raw": _raw(row.sealed_raw, RAW, vault)} for row in rows]


def _raw(sealed: bytes, purpose: str, vault: Vault) -> object:
    """The raw record; None where it has been purged or its key is lost."""
    try:
        return vault.open_json(sealed, purpose) if sealed else None
    except CannotOpen:
        return None


def _shown(row: Any) -> Document:
    """The columns of a row that mean something to a reader; sealed ones are opened elsewhere."""
    return {
        name: value
        for name, value in row._mapping.items()
        if name not in _INTERNAL and not isinstance(value, bytes | memoryview)
    }
