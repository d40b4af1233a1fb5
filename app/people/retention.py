"""Retention: what a closed complaint no longer needs goes, a group of fields at a time, with a proof on record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.clocks import Rulebook
from app.complaint.privacy import scrub
from app.db.rulebook import Rulebooks
from app.db.session import reading, writing
from app.db.tables.complaints import Complaint, Identity
from app.db.tables.evidence import Evidence, EvidenceFile
from app.db.tables.sources import SourceRecord
from app.db.words import forget_words
from app.people.audit import Details, record
from app.people.duties import digest, erase_words, unheld
from app.people.identities import names_in
from app.vault import CannotOpen, Vault

RAW = "raw"
"""What the vault binds a raw record to."""
_AT_ONCE = 200


class Group(StrEnum):
    """A group of fields that goes together."""

    IDENTITY = "identity"
    RAW = "raw"
    EVIDENCE = "evidence"
    WORDS = "words"


class Periods(Protocol):
    """The settings: for each group how many days after a complaint was closed it is kept; 0 keeps it."""

    @property
    def retention_identity_days(self) -> int: ...
    @property
    def retention_raw_days(self) -> int: ...
    @property
    def retention_evidence_days(self) -> int: ...
    @property
    def retention_words_days(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """For each group that goes, how many days after a complaint was closed; who lets it go, when, and why now."""

    days: Mapping[Group, int]
    actor: str
    at: datetime
    reason: str | None = None

    def cut_off(self, group: Group) -> datetime | None:
        """What was closed before this instant goes; None keeps everything."""
        days = self.days.get(group, 0)
        return self.at - timedelta(days=days) if days else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What a group came to: how many of its values go, or have gone, with the proof of each batch of them."""

    group: Group
    days: int
    cut_off: datetime | None
    count: int
    proofs: tuple[str, ...] = ()


def terms_of(periods: Periods, actor: str, *, at: datetime, reason: str | None = None) -> Terms:
    """How long the settings keep each group of fields of a closed complaint."""
    days = {group: getattr(periods, f"retention_{group}_days") for group in Group}
    return Terms(days=days, actor=actor, at=at, reason=reason)


async def foresee(engine: AsyncEngine, terms: Terms) -> list[Purged]:
    """What a purge would take, group by group; nothing is changed."""
    async with reading(engine) as connection:
        return [_told(group, terms, await _count(connection, group, terms)) for group in Group]


async def purge(
    engine: AsyncEngine, terms: Terms, vault: Vault, rulebooks: Rulebooks, *, rounds: int | None = None
) -> list[Purged]:
    """What was closed before its cut-off goes, batch by batch; stopped, or after `rounds`, the next run goes on.

    Each batch has its line on record: how many, the cut-off, and the SHA-256 over what went. What a legal hold keeps
    stays. Figures of complaints stay as they are.
    """
    found = []
    for group in Group:
        count, proofs, cut_off = 0, list[str](), terms.cut_off(group)
        while cut_off is not None and (rounds is None or len(proofs) < rounds):
            async with writing(engine) as connection:
                rules = await rulebooks.current(connection)
                gone = await _TAKES[group](connection, cut_off, _Means(vault, rules, terms.at))
                if gone:
                    proofs.append(await _prove(connection, group, gone, cut_off, terms))
            count += len(gone)
            if not gone:
                break
        found.append(_told(group, terms, count, proofs))
    if terms.cut_off(Group.WORDS) is not None:
        async with writing(engine) as connection:
            await forget_words(connection)
    return found


@dataclass(frozen=True, slots=True)
class _Means:
    vault: Vault
    rules: Rulebook
    now: datetime


def _told(group: Group, terms: Terms, count: int, proofs: Sequence[str] = ()) -> Purged:
    days, cut_off = terms.days.get(group, 0), terms.cut_off(group)
    return Purged(group=group, days=days, cut_off=cut_off, count=count, proofs=tuple(proofs))


async def _count(connection: AsyncConnection, group: Group, terms: Terms) -> int:
    cut_off = terms.cut_off(group)
    if cut_off is None:
        return 0
    return int(await connection.scalar(select(func.count()).select_from(_DUE[group](cut_off).subquery())) or 0)


async def _prove(
    connection: AsyncConnection, group: Group, gone: Sequence[str], cut_off: datetime, terms: Terms
) -> str:
    proof = digest(gone)
    details: Details = {"count": len(gone), "cut_off": cut_off.isoformat(), "sha256": proof}
    if terms.reason is not None:
        details = {**details, "reason": terms.reason}
    await record(connection, actor=terms.actor, action="privacy.purge", subject=group, details=details, now=terms.at)
    return proof


# --- what is due ------------------------------------------------------------------------------------------------------


def _closed(cut_off: datetime) -> ColumnElement[bool]:
    return and_(Complaint.closed_at.is_not(None), Complaint.closed_at < cut_off, unheld(Complaint.id))


def _identities(cut_off: datetime) -> Select[Any]:
    columns: list[Any] = [Identity.complaint_id, Identity.source_id, Identity.sealed]
    statement = select(*columns).join(Complaint, Complaint.id == Identity.complaint_id).where(_closed(cut_off))
    return statement.order_by(Identity.complaint_id, Identity.source_id)


def _records(cut_off: datetime) -> Select[Any]:
    statement = select(SourceRecord.id).join(Complaint, Complaint.id == SourceRecord.complaint_id)
    return statement.where(_closed(cut_off), func.length(SourceRecord.sealed_raw) > 0).order_by(SourceRecord.id)


def _pictures(cut_off: datetime) -> Select[Any]:
    statement = select(EvidenceFile.evidence_id).join(Evidence, Evidence.id == EvidenceFile.evidence_id)
    statement = statement.join(Complaint, Complaint.id == Evidence.complaint_id).where(_closed(cut_off))
    return statement.order_by(EvidenceFile.evidence_id)


def _words(cut_off: datetime) -> Select[Any]:
    return select(Complaint.id).where(_closed(cut_off), Complaint.erased_at.is_(None)).order_by(Complaint.id)


# --- and how it goes --------------------------------------------------------------------------------------------------


async def _take_identities(connection: AsyncConnection, cut_off: datetime, means: _Means) -> Sequence[str]:
    """Raw records hold the identity too: they are scrubbed of it, and no later form of them brings it back."""
    due = _identities(cut_off).limit(_AT_ONCE).with_for_update(of=Identity, skip_locked=True)
    rows = (await connection.execute(due)).all()
    for row in rows:
        await _scrub_records(connection, row, names_in(row.sealed, means.vault), means)
    keys = [{"complaint": row.complaint_id, "source": row.source_id} for row in rows]
    if keys:
        same = and_(Identity.complaint_id == bindparam("complaint"), Identity.source_id == bindparam("source"))
        await connection.execute(delete(Identity).where(same), keys)
    return [f"identity:{row.complaint_id}:{row.source_id}" for row in rows]


async def _scrub_records(connection: AsyncConnection, row: Any, names: Sequence[str], means: _Means) -> None:
    own = and_(SourceRecord.complaint_id == row.complaint_id, SourceRecord.source_id == row.source_id)
    held = (await connection.execute(select(SourceRecord.id, SourceRecord.sealed_raw).where(own))).all()
    for each in held:
        values = {"sealed_raw": _scrubbed(each.sealed_raw, names, means.vault), "forgotten_at": means.now}
        await connection.execute(update(SourceRecord).where(SourceRecord.id == each.id).values(values))


def _scrubbed(sealed: bytes, names: Sequence[str], vault: Vault) -> bytes:
    """The raw record without the names; one whose key is lost goes whole."""
    try:
        return vault.seal_json(scrub(vault.open_json(sealed, RAW), names), RAW) if sealed else b""
    except CannotOpen:
        return b""


async def _take_records(connection: AsyncConnection, cut_off: datetime, _: _Means) -> Sequence[str]:
    due = _records(cut_off).limit(_AT_ONCE).with_for_update(of=SourceRecord, skip_locked=True)
    ids = (await connection.scalars(due)).all()
    await connection.execute(update(SourceRecord).where(SourceRecord.id.in_(ids)).values(sealed_raw=b""))
    return [f"record:{each}" for each in ids]


async def _take_pictures(connection: AsyncConnection, cut_off: datetime, _: _Means) -> Sequence[str]:
    due = _pictures(cut_off).limit(_AT_ONCE).with_for_update(of=EvidenceFile, skip_locked=True)
    ids = (await connection.scalars(due)).all()
    await connection.execute(delete(EvidenceFile).where(EvidenceFile.evidence_id.in_(ids)))
    return [f"evidence:{each}" for each in ids]


async def _take_words(connection: AsyncConnection, cut_off: datetime, means: _Means) -> Sequence[str]:
    ids = (await connection.scalars(_words(cut_off).limit(_AT_ONCE).with_for_update(skip_locked=True))).all()
    if ids:
        await erase_words(connection, ids, means.rules, now=means.now)
    return [f"words:{each}" for each in ids]


_DUE: Mapping[Group, Callable[[datetime], Select[Any]]] = {
    Group.IDENTITY: _identities,
    Group.RAW: _records,
    Group.EVIDENCE: _pictures,
    Group.WORDS: _words,
}
_TAKES: Mapping[Group, Callable[[AsyncConnection, datetime, _Means], Awaitable[Sequence[str]]]] = {
    Group.IDENTITY: _take_identities,
    Group.RAW: _take_records,
    Group.EVIDENCE: _take_pictures,
    Group.WORDS: _take_words,
}
