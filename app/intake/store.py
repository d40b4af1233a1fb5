"""One batch into the database, in one transaction: records, complaints, history, clocks, rejects, tally, cursor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.complaint.lifecycle import Status
from app.complaint.words import fold_word
from app.db.bulk import insert_rows
from app.db.changes import claim_new_codes, reserve_ids, upsert
from app.db.complaints import Change, advance, lock_all
from app.db.states import NoticeKind
from app.db.tables.complaints import Complaint, Identity
from app.db.tables.doubles import QuotedCode
from app.db.tables.sources import SourceRecord
from app.intake.merging import HeldComplaint, HeldRecord, Judgement, SourceView, Verdict, forgotten, judge
from app.intake.tally import Tally
from app.vault import Vault
from connectors.contract import EventKind, IncomingComplaint

RAW = "raw"
IDENTITY = "identity"
_CHUNK = 500
_QUOTES, _QUOTE_LENGTH = 50, 40


@dataclass(slots=True)
class Storing:
    """What storing needs besides the records: the source as it looks, the rules, the key.

    `sightings` gathers the words of stored records that nobody here knows; `is_own_city` is a source whose categories
    are those of our city.
    """

    view: SourceView
    rules: Rulebook
    vault: Vault
    carries_ticket_codes: bool
    is_own_city: bool = True
    sightings: Counter[tuple[NoticeKind, str]] = field(default_factory=Counter)


async def held_hashes(connection: AsyncConnection, source_id: int, external_ids: Sequence[str]) -> dict[str, str]:
    """The content hash that we hold of each record that we have seen."""
    statement = select(SourceRecord.external_id, SourceRecord.content_hash).where(SourceRecord.source_id == source_id)
    found: dict[str, str] = {}
    for chunk in _chunks(external_ids):
        rows = await connection.execute(statement.where(SourceRecord.external_id.in_(chunk)))
        found.update({row.external_id: row.content_hash for row in rows})
    return found


async def store_complaints(
    connection: AsyncConnection, incoming: Sequence[IncomingComplaint], storing: Storing
) -> Tally:
    """Store the complaints of a batch; a record that comes twice in it is judged twice, in order.

    Two sources may bring one ticket at once: whoever brings new ones comes after the other, and finds what it brought.
    They take their turn before they lock any complaint, so that nobody who waits for a turn is waited for.
    """
    if storing.carries_ticket_codes and await _brings_new_codes(connection, incoming):
        await claim_new_codes(connection)
    tally = Tally()
    for rounds in _rounds(incoming, carries_codes=storing.carries_ticket_codes):
        tally.add(await _store_round(connection, rounds, storing))
    return tally


def _rounds(incoming: Iterable[IncomingComplaint], *, carries_codes: bool) -> Iterator[list[IncomingComplaint]]:
    """The batch cut so that no round holds one record, or one ticket, twice."""
    current: list[IncomingComplaint] = []
    seen: set[str] = set()
    for each in incoming:
        names = {f"id:{each.external_id}"}
        if carries_codes and each.ticket_code:
            names.add(f"code:{each.ticket_code}")
        if names & seen:
            yield current
            current, seen = [], set()
        current.append(each)
        seen |= names
    if current:
        yield current


@dataclass(slots=True)
class _Round:
    """What one round writes."""

    tally: Tally = field(default_factory=Tally)
    changes: list[Change] = field(default_factory=list)
    new_records: list[dict[str, Any]] = field(default_factory=list)
    changed_records: list[dict[str, Any]] = field(default_factory=list)
    identities: list[dict[str, Any]] = field(default_factory=list)
    quotes: list[dict[str, Any]] = field(default_factory=list)


async def _store_round(connection: AsyncConnection, incoming: Sequence[IncomingComplaint], storing: Storing) -> Tally:
    view = storing.view
    records = await _held_records(connection, view.id, [each.external_id for each in incoming])
    fresh = [each for each in incoming if not _is_same(each, records)]
    written = _Round()
    for _ in range(len(incoming) - len(fresh)):
        written.tally.count(Verdict.SKIP)
    if not fresh:
        return written.tally
    by_code = await _ids_by_code(connection, fresh) if storing.carries_ticket_codes else {}
    fresh, owners, later = _one_for_each(fresh, [_owner(each, records, by_code) for each in fresh])
    await lock_all(connection, sorted({owner for owner in owners if owner is not None}))
    complaints = await _held_complaints(connection, [owner for owner in owners if owner is not None])
    new_ids = iter(await reserve_ids(connection, _complaint, owners.count(None)))
    for each, owner in zip(fresh, owners, strict=True):
        record, held = records.get(each.external_id), complaints.get(owner) if owner else None
        known = forgotten(each, record, held)
        judgement = judge(known, view, record, held)
        complaint_id = owner if owner is not None else next(new_ids)
        _take(written, known, judgement, complaint_id, record, storing)
    await advance(connection, written.changes, storing.rules, now=view.looked_at)
    await _write_records(connection, written)
    if later:
        written.tally.add(await _store_round(connection, later, storing))
    return written.tally


def _one_for_each(
    incoming: Sequence[IncomingComplaint], owners: Sequence[int | None]
) -> tuple[list[IncomingComplaint], list[int | None], list[IncomingComplaint]]:
    """The records that can be stored at once with their complaints, and those that must see them stored first."""
    now, held, later = list[IncomingComplaint](), list[int | None](), list[IncomingComplaint]()
    for each, owner in zip(incoming, owners, strict=True):
        if owner is not None and owner in held:
            later.append(each)
        else:
            now.append(each)
            held.append(owner)
    return now, held, later


def _is_same(incoming: IncomingComplaint, records: Mapping[str, HeldRecord]) -> bool:
    record = records.get(incoming.external_id)
    return record is not None and record.content_hash == incoming.content_hash


def _owner(incoming: IncomingComplaint, records: Mapping[str, HeldRecord], by_code: Mapping[str, int]) -> int | None:
    """The complaint that a record belongs to: by its id, else by its ticket code."""
    record = records.get(incoming.external_id)
    if record is not None:
        return record.complaint_id
    return by_code.get(incoming.ticket_code) if incoming.ticket_code else None


def _take(
    written: _Round,
    incoming: IncomingComplaint,
    judgement: Judgement,
    complaint_id: int,
    record: HeldRecord | None,
    storing: Storing,
) -> None:
    view = storing.view
    written.tally.count(judgement.verdict)
    storing.sightings.update(_unknown_words(incoming, storing))
    # What is longer than a ticket code, such as another city's id of a double, can be the code of none.
    quoted = [code for code in incoming.quoted_codes if len(code) <= _QUOTE_LENGTH][:_QUOTES]
    written.quotes += [{"complaint_id": complaint_id, "code": code} for code in quoted]
    is_new = judgement.verdict is Verdict.CREATE
    values = dict(judgement.values or {})
    if is_new:
        values.update(_new_header(incoming, storing))
    written.changes.append(Change(complaint_id=complaint_id, events=judgement.events, values=values, is_new=is_new))
    row = {
        "content_hash": incoming.content_hash,
        "sealed_raw": storing.vault.seal_json(dict(incoming.raw), RAW) if incoming.raw else b"",
        "source_status": incoming.source_status,
        "unit_label": incoming.unit_label,
        "changed_at": view.looked_at,
        "notices": list(incoming.notices),
    }
    if record is None:
        named = {"source_id": view.id, "external_id": incoming.external_id, "complaint_id": complaint_id}
        seen = {"reported_at": incoming.reported_at, "first_seen_at": view.looked_at}
        written.new_records.append({**named, **seen, **row})
    else:
        written.changed_records.append({"id_": record.id, **row})
    if incoming.complainant is not None:
        written.identities.append(_identity(incoming, complaint_id, storing))


def _unknown_words(incoming: IncomingComplaint, storing: Storing) -> set[tuple[NoticeKind, str]]:
    """The words of a record, as the source writes them, that mean nothing here yet."""
    view = storing.view
    words = {incoming.source_status, *(each.label for each in incoming.events if each.kind is EventKind.STATUS)}
    found = {
        (NoticeKind.UNKNOWN_STATUS, fold_word(word)) for word in words if word and view.status(word) is Status.UNKNOWN
    }
    category = fold_word(incoming.category or "")
    if category and storing.is_own_city and category not in view.categories:
        found.add((NoticeKind.UNKNOWN_CATEGORY, category))
    return found


def _new_header(incoming: IncomingComplaint, storing: Storing) -> dict[str, object]:
    view = storing.view
    return {
        "ticket_code": incoming.ticket_code if storing.carries_ticket_codes else None,
        "received_at": view.looked_at,
        "is_history": view.is_history,
        "policy_families": list(view.families) if view.families is not None else None,
    }


def _identity(incoming: IncomingComplaint, complaint_id: int, storing: Storing) -> dict[str, object]:
    person = incoming.complainant
    assert person is not None
    told = {"name": person.name, "phone": person.phone, "email": person.email, "national_id": person.national_id}
    return {
        "complaint_id": complaint_id,
        "source_id": storing.view.id,
        "sealed": storing.vault.seal_json(told, IDENTITY),
        "received_at": storing.view.looked_at,
    }


async def _held_records(
    connection: AsyncConnection, source_id: int, external_ids: Sequence[str]
) -> dict[str, HeldRecord]:
    statement = select(
        SourceRecord.external_id,
        SourceRecord.id,
        SourceRecord.complaint_id,
        SourceRecord.content_hash,
        SourceRecord.source_status,
        SourceRecord.unit_label,
        SourceRecord.changed_at,
        SourceRecord.forgotten_at,
    ).where(SourceRecord.source_id == source_id)
    found: dict[str, HeldRecord] = {}
    for chunk in _chunks(external_ids):
        for row in await connection.execute(statement.where(SourceRecord.external_id.in_(chunk))):
            found[row.external_id] = HeldRecord(*row[1:])
    return found


async def _brings_new_codes(connection: AsyncConnection, incoming: Sequence[IncomingComplaint]) -> bool:
    known = await _ids_by_code(connection, incoming)
    return any(each.ticket_code and each.ticket_code not in known for each in incoming)


async def _ids_by_code(connection: AsyncConnection, incoming: Sequence[IncomingComplaint]) -> dict[str, int]:
    codes = [each.ticket_code for each in incoming if each.ticket_code]
    found: dict[str, int] = {}
    for chunk in _chunks(codes):
        statement = select(Complaint.ticket_code, Complaint.id).where(Complaint.ticket_code.in_(chunk))
        found.update({row.ticket_code: row.id for row in await connection.execute(statement)})
    return found


async def _held_complaints(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, HeldComplaint]:
    statement = select(
        Complaint.id,
        Complaint.connectors,
        Complaint.content_rank,
        Complaint.handling_rank,
        Complaint.is_private,
        Complaint.is_anonymous,
        Complaint.is_confidential,
        Complaint.unit_id,
        Complaint.erased_at,
    )
    found: dict[int, HeldComplaint] = {}
    for chunk in _chunks(ids):
        for row in await connection.execute(statement.where(Complaint.id.in_(chunk))):
            found[row.id] = HeldComplaint(row.id, tuple(row.connectors), *row[2:])
    return found


async def _write_records(connection: AsyncConnection, written: _Round) -> None:
    if written.new_records:
        ids = await reserve_ids(connection, _record, len(written.new_records))
        for row, row_id in zip(written.new_records, ids, strict=True):
            row["id"] = row_id
        await insert_rows(connection, _record, written.new_records)
    if written.changed_records:
        names = [name for name in written.changed_records[0] if name != "id_"]
        values: dict[str, Any] = {name: bindparam(name) for name in names}
        statement = update(_record).where(_record.c.id == bindparam("id_")).values(values)
        await connection.execute(statement, written.changed_records)
    await upsert(connection, _identity_table, written.identities, key=("complaint_id", "source_id"))
    await upsert(connection, _quoted, written.quotes, key=("complaint_id", "code"))


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


_complaint: Table = Complaint.__table__  # type: ignore[assignment]
_record: Table = SourceRecord.__table__  # type: ignore[assignment]
_identity_table: Table = Identity.__table__  # type: ignore[assignment]
_quoted: Table = QuotedCode.__table__  # type: ignore[assignment]
