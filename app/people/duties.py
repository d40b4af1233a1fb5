"""What a complainant, or a court, may ask of one complaint: restriction, a legal hold, erasure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.complaint.errors import Conflict, NotFound
from app.complaint.privacy import ERASED, scrub
from app.db.complaints import Change, advance, lock, lock_all
from app.db.tables.complaints import Complaint, ComplaintEvent, Identity, LegalHold
from app.db.tables.doubles import Suggestion
from app.db.tables.evidence import Evidence
from app.db.tables.intake import ImportJob, ImportReject
from app.db.tables.sources import Reject, Source, SourceRecord
from app.db.words import forget_words
from app.people.answers import empty_answers
from app.people.audit import Details, record
from app.people.identities import known_names
from app.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who does it, why, and when."""

    actor: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What an erasure took away; `sha256` is its proof, as the trail has it."""

    identities: int
    records: int
    rejects: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A legal hold: which complaint nothing is erased from, why, by whose word and since when."""

    complaint_id: int
    ticket_code: str | None
    reason: str
    placed_by: str
    placed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a complaint stands: closed to most, held for a court, erased."""

    complaint_id: int
    is_restricted: bool
    hold: Hold | None
    erased_at: datetime | None


async def set_restriction(
    connection: AsyncConnection, complaint_id: int, act: Act, rules: Rulebook, *, is_restricted: bool
) -> None:
    """Words and identity of the complaint are closed to all but administrators from now on, or open again.

    Raises: NotFound; Conflict, when they are so already.
    """
    row = await lock(connection, complaint_id)
    if row.is_restricted is is_restricted:
        raise Conflict(f"complaint {complaint_id} is {'restricted already' if is_restricted else 'not restricted'}")
    change = Change(complaint_id=complaint_id, values={"is_restricted": is_restricted})
    await advance(connection, [change], rules, now=act.at)
    if is_restricted:
        await empty_answers(connection)
    await _note(connection, complaint_id, "restrict" if is_restricted else "unrestrict", act)


async def hold(connection: AsyncConnection, complaint_id: int, act: Act) -> None:
    """Nothing of the complaint is erased or purged until it is released.

    Raises: NotFound; Conflict, when it is held already.
    """
    await lock(connection, complaint_id)
    if await is_held(connection, complaint_id):
        raise Conflict(f"complaint {complaint_id} is under legal hold already")
    row = {"complaint_id": complaint_id, "reason": act.reason, "placed_by": act.actor, "placed_at": act.at}
    await connection.execute(insert(LegalHold).values(row))
    await _note(connection, complaint_id, "hold", act)


async def release(connection: AsyncConnection, complaint_id: int, act: Act) -> None:
    """The legal hold ends.

    Raises: NotFound; Conflict, when there is none.
    """
    await lock(connection, complaint_id)
    gone = delete(LegalHold).where(LegalHold.complaint_id == complaint_id).returning(LegalHold.complaint_id)
    if await connection.scalar(gone) is None:
        raise Conflict(f"complaint {complaint_id} is under no legal hold")
    await _note(connection, complaint_id, "release", act)


async def read_standing(connection: AsyncConnection, complaint_id: int) -> Standing:
    """How the complaint stands.

    Raises: NotFound.
    """
    columns: list[Any] = [Complaint.is_restricted, Complaint.erased_at]
    row = (await connection.execute(select(*columns).where(Complaint.id == complaint_id))).one_or_none()
    if row is None:
        raise NotFound(f"complaint {complaint_id} does not exist")
    held = await list_holds(connection, after=complaint_id - 1, limit=1)
    hold_ = next((each for each in held if each.complaint_id == complaint_id), None)
    return Standing(complaint_id=complaint_id, is_restricted=row.is_restricted, hold=hold_, erased_at=row.erased_at)


async def list_holds(connection: AsyncConnection, *, after: int = 0, limit: int) -> list[Hold]:
    """The legal holds that last, by the ids of their complaints, above the id `after`."""
    statement = (
        select(LegalHold.__table__, Complaint.ticket_code)
        .join(Complaint, Complaint.id == LegalHold.complaint_id)
        .where(LegalHold.complaint_id > after)
        .order_by(LegalHold.complaint_id)
        .limit(limit)
    )
    return [Hold(**row) for row in (await connection.execute(statement)).mappings()]


async def is_held(connection: AsyncConnection, complaint_id: int) -> bool:
    """Whether a legal hold keeps the complaint as it is."""
    return bool(await connection.scalar(select(exists().where(LegalHold.complaint_id == complaint_id))))


def unheld(complaint_id: Any) -> ColumnElement[bool]:
    """The condition that no legal hold keeps a complaint, given the column of its id."""
    return ~exists().where(LegalHold.complaint_id == complaint_id)


async def erase(
    connection: AsyncConnection,
    complaint_id: int,
    act: Act,
    vault: Vault,
    rules: Rulebook,
    *,
    with_words: bool = False,
) -> Erased:
    """Who complained is gone for good: identity, raw records, records kept aside; from the words the person's name and
    numbers, or `with_words` all of them. Status, history and clocks stay as they are, and no pull brings it back.

    Raises: NotFound; Conflict, while a legal hold keeps the complaint.
    """
    row = await lock(connection, complaint_id)
    if await is_held(connection, complaint_id):
        raise Conflict(f"complaint {complaint_id} is under legal hold and cannot be erased")
    names = await known_names(connection, complaint_id, vault)
    told = delete(Identity).where(Identity.complaint_id == complaint_id).returning(Identity.source_id)
    identities = (await connection.scalars(told)).all()
    records = await _empty_records(connection, SourceRecord.complaint_id == complaint_id, act.at)
    erased = Erased(
        identities=len(identities),
        records=len(records),
        rejects=await _drop_rejects(connection, complaint_id),
        sha256=digest(f"record:{each}" for each in records),
    )
    if with_words:
        await erase_words(connection, [complaint_id], rules, now=act.at)
    else:
        await _scrub_words(connection, row, names, rules, now=act.at)
    await forget_words(connection)
    await empty_answers(connection)
    await _note(connection, complaint_id, "erase", act, {**asdict(erased), "with_words": with_words})
    return erased


async def rehearse_erasure(
    connection: AsyncConnection,
    complaint_id: int,
    act: Act,
    vault: Vault,
    rules: Rulebook,
    *,
    with_words: bool = False,
) -> Erased:
    """What an erasure would take away: it is carried out and undone, so nothing of it stays, in the trail neither.

    Raises: as `erase`.
    """
    async with connection.begin_nested() as attempt:
        erased = await erase(connection, complaint_id, act, vault, rules, with_words=with_words)
        await attempt.rollback()
    return erased


async def erase_words(connection: AsyncConnection, ids: Sequence[int], rules: Rulebook, *, now: datetime) -> None:
    """Subject, text, address, photos and remarks of the complaints are gone; who reads changes learns of it."""
    await lock_all(connection, ids)
    values: dict[str, object] = {"subject": None, "text": ERASED, "address": None, "evidence_urls": []}
    values["erased_at"] = now
    await advance(connection, [Change(complaint_id=each, values=values) for each in ids], rules, now=now)
    for table, owners, names in _REMARKS:
        for name in names:
            said = update(table).where(_is_about(table, owners, ids), table.c[name].is_not(None))
            await connection.execute(said.values({name: ERASED}))


def digest(names: Iterable[str]) -> str:
    """The proof of what was erased: SHA-256 over its names in order, one a line."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()


async def _empty_records(connection: AsyncConnection, which: ColumnElement[bool], now: datetime) -> Sequence[int]:
    """Takes the bytes of raw records; their hashes stay, so that the same form of one is known when it comes again."""
    emptied = update(SourceRecord).where(which).values(sealed_raw=b"", forgotten_at=now)
    return (await connection.scalars(emptied.returning(SourceRecord.id))).all()


async def _drop_rejects(connection: AsyncConnection, complaint_id: int) -> int:
    """Forms of the complaint's records that were kept aside, by pulls and by uploads."""
    own = select(SourceRecord.source_id, SourceRecord.external_id).where(SourceRecord.complaint_id == complaint_id)
    count = 0
    for source_id, external_id in (await connection.execute(own)).all():
        same = delete(Reject).where(Reject.source_id == source_id, Reject.external_id == external_id)
        count += len((await connection.scalars(same.returning(Reject.id))).all())
        name = select(Source.name).where(Source.id == source_id).scalar_subquery()
        jobs = select(ImportJob.id).where(ImportJob.profile == name)
        rows = delete(ImportReject).where(ImportReject.job_id.in_(jobs), ImportReject.external_id == external_id)
        count += len((await connection.scalars(rows.returning(ImportReject.ordinal))).all())
    return count


async def _scrub_words(
    connection: AsyncConnection, row: Any, names: Sequence[str], rules: Rulebook, *, now: datetime
) -> None:
    """Name, numbers and addresses of the person go out of what was written; the rest of the words stays."""
    values = {name: _scrubbed(getattr(row, name), names) for name in ("subject", "text", "address")}
    change = Change(complaint_id=row.id, values={**values, "evidence_urls": [], "erased_at": now})
    await advance(connection, [change], rules, now=now)
    for table, owners, columns in _REMARKS:
        said = select(table.c.id, *(table.c[name] for name in columns)).where(_is_about(table, owners, [row.id]))
        for each in (await connection.execute(said)).all():
            kept: Mapping[str, object] = {name: _scrubbed(getattr(each, name), names) for name in columns}
            if any(kept[name] != getattr(each, name) for name in columns):
                await connection.execute(update(table).where(table.c.id == each.id).values(kept))


def _is_about(table: Table, owners: Sequence[str], ids: Sequence[int]) -> ColumnElement[bool]:
    return or_(*(table.c[owner].in_(ids) for owner in owners))


def _scrubbed(words: str | None, names: Sequence[str]) -> object:
    return None if words is None else scrub(words, names)


async def _note(
    connection: AsyncConnection, complaint_id: int, what: str, act: Act, details: Details | None = None
) -> None:
    told: Details = {"reason": act.reason, **(details or {})}
    subject = f"complaint:{complaint_id}"
    await record(connection, actor=act.actor, action=f"privacy.{what}", subject=subject, details=told, now=act.at)


_event: Table = ComplaintEvent.__table__  # type: ignore[assignment]
_evidence: Table = Evidence.__table__  # type: ignore[assignment]
_suggestion: Table = Suggestion.__table__  # type: ignore[assignment]
_REMARKS = (
    (_event, ("complaint_id",), ("text", "reason")),
    (_evidence, ("complaint_id",), ("note", "review_reason")),
    (_suggestion, ("complaint_id", "earlier_id"), ("note",)),
)
"""Where officers' words about complaints are kept: the table, whose complaints they are, and the words."""
