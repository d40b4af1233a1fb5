"""Complaints that came in lately, compared with what lies near: suggestions for officers, and repeats that are counted.

It follows the change numbers, so that nothing is skipped and intake itself waits for nothing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.lifecycle import TERMINAL
from app.complaint.words import fold_word
from app.db.changes import change_horizon, is_postgresql, tell_again
from app.db.complaints import lock_all
from app.db.scope import Scope, visible
from app.db.session import reading, writing
from app.db.states import Relation, SuggestionState
from app.db.tables.complaints import Complaint
from app.db.tables.doubles import QuotedCode, RelatedComplaint, Suggestion
from app.db.tables.machine import Counter
from app.intake.doubles import AT_ONCE, COMES_BACK, NEAR_M, SOON, Pair, Told, compare, fold_text

PAIRED = "paired"
"""The counter that says up to which change number complaints have been compared."""

_LATELY = timedelta(days=7)
_CHANGES_AT_ONCE = 200
_NEIGHBOURS = 100
_SUGGESTIONS_EACH = 3
_TEXT = 2_000
_DEGREE_M = 111_320.0

_COLUMNS = (
    Complaint.id, Complaint.ticket_code, Complaint.reported_at, Complaint.status, Complaint.closed_at,
    Complaint.category, Complaint.category_code, func.substr(Complaint.text, 1, _TEXT).label("text"),
    Complaint.kelurahan_code, Complaint.lat, Complaint.lng, Complaint.unit_id, Complaint.change_no,
)  # fmt: skip


async def pair_new(engine: AsyncEngine, *, now: datetime) -> int:
    """Compare the next complaints that changed; how many there were, 0 when all are done or another worker did them."""
    async with reading(engine) as connection:
        done = int(await connection.scalar(select(Counter.value).where(Counter.name == PAIRED)) or 0)
        upper = await _upper(connection, done, now)
        if upper <= done:
            return 0
        rows = await _changed(connection, done, upper, now)
        subjects = [_told(row, quotes) for row, quotes in await _with_quotes(connection, rows)]
        pairs = [pair for each in subjects for pair in await _pairs(connection, each)]
    async with writing(engine) as connection:
        if not await _move_on(connection, done, upper):
            return 0
        await _keep_suggestions(connection, pairs, now)
        await _keep_repeats(connection, pairs, now)
    return max(1, len(subjects))


async def pair_one(connection: AsyncConnection, complaint_id: int, scope: Scope, *, now: datetime) -> list[Pair]:
    """The probable doubles of a complaint that is being taken in, kept as suggestions; of `scope` those are told."""
    rows = (await connection.execute(select(*_COLUMNS).where(Complaint.id == complaint_id))).all()
    pairs = [
        pair
        for row, quotes in await _with_quotes(connection, rows)
        for pair in await _pairs(connection, _told(row, quotes))
    ]
    await _keep_suggestions(connection, pairs, now)
    await _keep_repeats(connection, pairs, now)
    others = {id(pair): pair.earlier.id if pair.later.id == complaint_id else pair.later.id for pair in pairs}
    seen = set(await connection.scalars(select(Complaint.id).where(Complaint.id.in_(others.values()), visible(scope))))
    return [pair for pair in pairs if pair.relation is Relation.DUPLICATE and others[id(pair)] in seen]


async def _upper(connection: AsyncConnection, done: int, now: datetime) -> int:
    """The change number to go up to: that of the last of some complaints, or of the last change that is sure."""
    newest = int(await connection.scalar(select(func.max(Complaint.change_no))) or 0)
    sure = min(newest, await change_horizon(connection) - 1)
    statement = _recent(select(Complaint.change_no), done, sure, now).order_by(Complaint.change_no)
    full = await connection.scalar(statement.offset(_CHANGES_AT_ONCE - 1).limit(1))
    return int(full) if full is not None else sure


async def _changed(connection: AsyncConnection, done: int, upper: int, now: datetime) -> Sequence[Row[Any]]:
    statement = _recent(select(*_COLUMNS), done, upper, now).order_by(Complaint.change_no, Complaint.id)
    return (await connection.execute(statement)).all()


def _recent(statement: Any, done: int, upper: int, now: datetime) -> Any:
    """Open complaints that came in lately and changed behind `done`; an old one that moves has been compared."""
    changed = (Complaint.change_no > done, Complaint.change_no <= upper)
    return statement.where(*changed, Complaint.is_open, ~Complaint.is_history, Complaint.received_at >= now - _LATELY)


async def _with_quotes(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[tuple[Row[Any], frozenset[str]]]:
    """The rows, each with the ticket codes that its text names."""
    quotes: dict[int, set[str]] = defaultdict(set)
    for start in range(0, len(rows), _CHANGES_AT_ONCE):
        ids = [row.id for row in rows[start : start + _CHANGES_AT_ONCE]]
        wanted = select(QuotedCode.complaint_id, QuotedCode.code).where(QuotedCode.complaint_id.in_(ids))
        for each in await connection.execute(wanted):
            quotes[each.complaint_id].add(each.code)
    return [(row, frozenset(quotes.get(row.id, ()))) for row in rows]


async def _pairs(connection: AsyncConnection, subject: Told) -> list[Pair]:
    """What the complaint belongs to: the most probable doubles, and the newest one whose trouble came back."""
    conditions = _nearby(subject)
    if not conditions:
        return []
    statement = select(*_COLUMNS).where(Complaint.id != subject.id, *conditions)
    rows = (await connection.execute(statement.order_by(Complaint.reported_at.desc()).limit(_NEIGHBOURS))).all()
    others = [_told(row, quotes) for row, quotes in await _with_quotes(connection, rows)]
    found = [pair for pair in (compare(subject, other) for other in others) if pair is not None]
    doubles = sorted((each for each in found if each.relation is Relation.DUPLICATE), key=_by_score)
    repeats = sorted((each for each in found if each.relation is Relation.REPEAT), key=_by_earlier, reverse=True)
    return doubles[:_SUGGESTIONS_EACH] + [each for each in repeats if each.later.id == subject.id][:1]


def _nearby(subject: Told) -> list[ColumnElement[bool]]:
    """What bounds the complaints to compare with: a square around the place, or village or unit for some minutes."""
    if subject.lat is not None and subject.lng is not None:
        north = NEAR_M / _DEGREE_M
        east = north / max(0.01, math.cos(math.radians(subject.lat)))
        since, until = subject.reported_at - COMES_BACK - COMES_BACK, subject.reported_at + SOON
        return [
            Complaint.lat.between(subject.lat - north, subject.lat + north),
            Complaint.lng.between(subject.lng - east, subject.lng + east),
            Complaint.reported_at.between(since, until),
        ]
    soon = Complaint.reported_at.between(subject.reported_at - AT_ONCE, subject.reported_at + AT_ONCE)
    if subject.village is not None:
        return [Complaint.kelurahan_code == subject.village, soon]
    return [Complaint.unit_id == subject.unit_id, soon] if subject.unit_id is not None else []


def _told(row: Row[Any], quotes: frozenset[str]) -> Told:
    return Told(
        id=row.id,
        ticket_code=row.ticket_code,
        reported_at=row.reported_at,
        status=row.status,
        closed_at=row.closed_at if row.status in TERMINAL else None,
        category=row.category_code or fold_word(row.category or ""),
        text=fold_text(row.text),
        village=row.kelurahan_code,
        lat=row.lat,
        lng=row.lng,
        unit_id=row.unit_id,
        quotes=quotes,
    )


async def _move_on(connection: AsyncConnection, done: int, upper: int) -> bool:
    """Whether this worker is the one that compared these; the other's suggestions are the same ones."""
    if done == 0:
        insert_ = postgresql_insert if is_postgresql(connection) else sqlite_insert
        await connection.execute(insert_(_counter).values(name=PAIRED, value=0).on_conflict_do_nothing())
    moved = update(_counter).where(Counter.name == PAIRED, Counter.value == done).values(value=upper)
    return await connection.scalar(moved.returning(Counter.value)) is not None


async def _keep_suggestions(connection: AsyncConnection, pairs: Sequence[Pair], now: datetime) -> None:
    """New suggestions; one that an officer has decided, or that is open already, stays as it is."""
    rows = [_suggestion(pair, now) for pair in pairs if pair.relation is Relation.DUPLICATE]
    if rows:
        insert_ = postgresql_insert if is_postgresql(connection) else sqlite_insert
        statement = insert_(_suggestions).on_conflict_do_nothing(index_elements=["complaint_id", "earlier_id"])
        await connection.execute(statement, rows)


async def _keep_repeats(connection: AsyncConnection, pairs: Sequence[Pair], now: datetime) -> None:
    """Each repeat once, with the count of how many times the trouble has come back by now.

    Both complaints show it, so whoever follows the changes is told of both; their versions stay as they are.
    """
    repeats = await _not_kept(connection, [each for each in pairs if each.relation is Relation.REPEAT])
    both = [each.id for pair in repeats for each in (pair.later, pair.earlier)]
    await lock_all(connection, both)
    for pair in sorted(repeats, key=_by_earlier):
        known = select(func.max(RelatedComplaint.count)).where(RelatedComplaint.relation == Relation.REPEAT)
        before = await connection.scalar(known.where(RelatedComplaint.complaint_id == pair.earlier.id))
        ids = {"complaint_id": pair.later.id, "earlier_id": pair.earlier.id, "relation": Relation.REPEAT}
        await connection.execute(insert(_related).values(**ids, count=int(before or 0) + 1, created_at=now))
    await tell_again(connection, both)


async def _not_kept(connection: AsyncConnection, repeats: Sequence[Pair]) -> list[Pair]:
    """The repeats whose later complaint is not known for one yet."""
    kept = select(RelatedComplaint.complaint_id).where(
        RelatedComplaint.relation == Relation.REPEAT,
        RelatedComplaint.complaint_id.in_([each.later.id for each in repeats]),
    )
    known = set(await connection.scalars(kept)) if repeats else set()
    return [each for each in repeats if each.later.id not in known]


def _suggestion(pair: Pair, now: datetime) -> dict[str, object]:
    return {
        "complaint_id": pair.later.id,
        "earlier_id": pair.earlier.id,
        "score": pair.score,
        "reasons": dict(pair.reasons),
        "state": SuggestionState.OPEN,
        "created_at": now,
    }


def _by_score(pair: Pair) -> tuple[int, int]:
    return -pair.score, pair.earlier.id


def _by_earlier(pair: Pair) -> tuple[datetime, int]:
    return pair.earlier.age


_counter: Table = Counter.__table__  # type: ignore[assignment]
_suggestions: Table = Suggestion.__table__  # type: ignore[assignment]
_related: Table = RelatedComplaint.__table__  # type: ignore[assignment]
