"""Status words of the sources: list them, teach one, and read again what was stored while it was unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.errors import InvalidInput
from app.complaint.events import CaseEvent, EventKind, Timing
from app.complaint.lifecycle import Status
from app.complaint.words import fold_word
from app.db.changes import upsert
from app.db.complaints import Change, advance, lock_all
from app.db.rulebook import Rulebooks
from app.db.session import reading, writing
from app.db.states import NoticeKind
from app.db.tables.complaints import Complaint, ComplaintEvent
from app.db.tables.sources import Source, SourceRecord, StatusWord
from app.intake.notices import close_about
from app.intake.reference import read_reference
from app.intake.routing import FRESH, Directory
from connectors.contract import SourceTraits

ANY = ""
"""The connector of a word that means the same whichever source says it."""

_AT_ONCE = 200
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Word:
    """What a word of one kind of source means."""

    connector: str
    word: str
    status: Status


@dataclass(frozen=True, slots=True)
class Learned:
    """A word that some sources said while nobody knew it, as they write it, and what it means now."""

    source_ids: tuple[int, ...]
    connector: str
    word: str
    status: Status


async def list_words(connection: AsyncConnection) -> list[Word]:
    """Every word that is known, in order."""
    rows = await connection.execute(
        select(StatusWord.connector, StatusWord.word, StatusWord.status).order_by(StatusWord.connector, StatusWord.word)
    )
    return [Word(row.connector, row.word, row.status) for row in rows]


def check_kind(connector: str, known: Sequence[str]) -> None:
    """Nothing for a kind of source that there is.

    Raises: InvalidInput for another one.
    """
    if connector not in known:
        named = ", ".join(each for each in known if each)
        raise InvalidInput("connector", f"{connector} is unknown; known are {named}, or none for all of them")


async def teach_word(connection: AsyncConnection, connector: str, word: str, status: Status) -> Word:
    """The word means the status from now on; complaints that carry it are read again by a worker.

    Raises: InvalidInput for a word that is empty or too long, and for a status that says nothing.
    """
    folded = fold_word(word)
    if not 0 < len(folded) <= _LONGEST:
        raise InvalidInput("word", f"must have 1 to {_LONGEST} characters")
    if status is Status.UNKNOWN:
        raise InvalidInput("status", "unknown is what a word is that nobody has taught")
    row: dict[str, object] = {"connector": connector, "word": folded, "status": status}
    await upsert(connection, StatusWord.__table__, [row], key=("connector", "word"))  # type: ignore[arg-type]
    return Word(connector, folded, status)


async def reread_learned(engine: AsyncEngine, rulebooks: Rulebooks, *, now: datetime) -> int:
    """Read every complaint again that carries a word which was unknown and is known now; how many there were.

    Batches of their own transactions: nobody waits for them, and what a crash leaves is found again.
    """
    async with reading(engine) as connection:
        learned = await _learned(connection)
    count = 0
    for each in learned:
        while found := await _reread_some(engine, rulebooks, each, now=now):
            count += found
    return count


async def _learned(connection: AsyncConnection) -> list[Learned]:
    said = (
        select(ComplaintEvent.source_id, Source.connector, ComplaintEvent.word)
        .join(Source, Source.id == ComplaintEvent.source_id)
        .where(ComplaintEvent.status == Status.UNKNOWN, ComplaintEvent.word.is_not(None))
        .distinct()
    )
    by_word: dict[tuple[str, str], list[int]] = {}
    for row in await connection.execute(said):
        by_word.setdefault((row.connector, row.word), []).append(row.source_id)
    known = {(each.connector, each.word): each.status for each in await list_words(connection)} if by_word else {}
    found = []
    for (connector, word), source_ids in sorted(by_word.items()):
        status = known.get((connector, fold_word(word)), known.get((ANY, fold_word(word))))
        if status is not None and status is not Status.UNKNOWN:
            found.append(Learned(tuple(source_ids), connector, word, status))
    return found


async def _reread_some(engine: AsyncEngine, rulebooks: Rulebooks, learned: Learned, *, now: datetime) -> int:
    carries = _carries(learned)
    async with writing(engine) as connection:
        statement = select(ComplaintEvent.complaint_id).where(*carries).distinct().limit(_AT_ONCE)
        ids = list(await connection.scalars(statement))
        if not ids:
            await close_about(connection, learned.source_ids, NoticeKind.UNKNOWN_STATUS, fold_word(learned.word))
            return 0
        await lock_all(connection, ids)
        taught = update(ComplaintEvent).where(ComplaintEvent.complaint_id.in_(ids), *carries)
        await connection.execute(taught.values(status=learned.status))
        reference = await read_reference(connection, learned.connector, SourceTraits())
        handed = await _handed_over(connection, ids, learned, reference.directory, now=now)
        changes = [Change(complaint_id=each, events=handed.get(each, ())) for each in ids]
        await advance(connection, changes, await rulebooks.current(connection), now=now)
    return len(ids)


def _carries(learned: Learned) -> Sequence[ColumnElement[bool]]:
    return (
        ComplaintEvent.status == Status.UNKNOWN,
        ComplaintEvent.source_id.in_(learned.source_ids),
        ComplaintEvent.word == learned.word,
    )


async def _handed_over(
    connection: AsyncConnection, ids: Sequence[int], learned: Learned, directory: Directory, *, now: datetime
) -> dict[int, Sequence[CaseEvent]]:
    """Complaints that lay with their village while the word was unknown, and that lie with the unit that the source
    names now that it says somebody has them; from when we first saw it say so."""
    if learned.status in FRESH:
        return {}
    statement = (
        select(SourceRecord.__table__, Complaint.unit_id, Complaint.handling_rank)
        .join(Complaint, Complaint.id == SourceRecord.complaint_id)
        .where(SourceRecord.complaint_id.in_(ids), SourceRecord.source_id.in_(learned.source_ids))
        .where(SourceRecord.source_status == learned.word, SourceRecord.unit_label.is_not(None))
    )
    found: dict[int, Sequence[CaseEvent]] = {}
    for row in await connection.execute(statement):
        unit_id = directory.unit(row.unit_label)
        if unit_id is not None and unit_id != row.unit_id:
            found[row.complaint_id] = (_assigned(row, unit_id, now),)
    return found


def _assigned(record: Any, unit_id: int, now: datetime) -> CaseEvent:
    at = record.changed_at.replace(microsecond=0)
    return CaseEvent(
        occurred_at=at,
        recorded_at=now,
        kind=EventKind.ASSIGNED,
        key=f"reread:{record.id}:{int(at.timestamp())}:{unit_id}",
        unit_id=unit_id,
        source_id=record.source_id,
        timing=Timing.OBSERVED,
        earliest_at=at,
        # Behind what the same look said while the word was unknown.
        rank=record.handling_rank + 1,
    )
