"""Probable doubles: officers see them with their reasons, confirm or refuse; each complaint keeps its own clocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.complaint.errors import Conflict, NotFound
from app.db.changes import is_postgresql
from app.db.complaints import Change, advance, lock_all
from app.db.scope import Scope, visible
from app.db.states import Relation, SuggestionState
from app.db.tables.complaints import Complaint
from app.db.tables.doubles import RelatedComplaint, Suggestion

LONGEST_NOTE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionView:
    """Two complaints that are probably one: the later and the earlier, how sure it is (0 to 100), and why."""

    id: int
    complaint_id: int
    ticket_code: str | None
    earlier_id: int
    earlier_ticket_code: str | None
    score: int
    reasons: Mapping[str, int]
    state: SuggestionState
    created_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an officer says of a suggestion."""

    state: SuggestionState
    by: str
    note: str | None
    at: datetime


async def list_suggestions(
    connection: AsyncConnection,
    scope: Scope,
    *,
    state: SuggestionState,
    complaint_id: int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[SuggestionView]:
    """Suggestions whose complaints both lie within the scope, newest first, below the id `before`."""
    statement = _within(scope).where(Suggestion.state == state).order_by(Suggestion.id.desc()).limit(limit)
    if complaint_id is not None:
        statement = statement.where((Suggestion.complaint_id == complaint_id) | (Suggestion.earlier_id == complaint_id))
    if before is not None:
        statement = statement.where(Suggestion.id < before)
    return [_view(row) for row in await connection.execute(statement)]


async def decide(
    connection: AsyncConnection, suggestion_id: int, scope: Scope, decision: Decision, rules: Rulebook
) -> SuggestionView:
    """The suggestion as it stands after an officer's word. A confirmed one relates both complaints, whose versions
    rise; nothing else of them changes.

    Raises: NotFound, absent or outside the scope; Conflict when it has been decided.
    """
    row = await _find(connection, suggestion_id, scope)
    taken = update(Suggestion).where(Suggestion.id == suggestion_id, Suggestion.state == SuggestionState.OPEN)
    values = {"state": decision.state, "decided_by": decision.by, "decided_at": decision.at, "note": decision.note}
    if await connection.scalar(taken.values(values).returning(Suggestion.id)) is None:
        raise Conflict(f"suggestion {suggestion_id} is {row.state} already")
    if decision.state is SuggestionState.CONFIRMED:
        await _relate(connection, row, rules, now=decision.at)
    return _view(await _find(connection, suggestion_id, scope))


async def _relate(connection: AsyncConnection, row: Row[Any], rules: Rulebook, *, now: datetime) -> None:
    pair = {"complaint_id": row.complaint_id, "earlier_id": row.earlier_id, "relation": Relation.DUPLICATE}
    insert = postgresql_insert if is_postgresql(connection) else sqlite_insert
    statement = insert(RelatedComplaint).values({**pair, "count": 1, "created_at": now})
    await connection.execute(statement.on_conflict_do_nothing())
    both = [row.complaint_id, row.earlier_id]
    await lock_all(connection, both)
    await advance(connection, [Change(complaint_id=each) for each in both], rules, now=now)


async def _find(connection: AsyncConnection, suggestion_id: int, scope: Scope) -> Row[Any]:
    row = (await connection.execute(_within(scope).where(Suggestion.id == suggestion_id))).one_or_none()
    if row is None:
        raise NotFound(f"no suggestion {suggestion_id} in your units")
    return row


def _within(scope: Scope) -> Any:
    """Suggestions with the ticket codes of both complaints, which the scope covers both."""
    inside = select(Complaint.id).where(visible(scope))
    later = select(Complaint.ticket_code).where(Complaint.id == Suggestion.complaint_id).scalar_subquery()
    earlier = select(Complaint.ticket_code).where(Complaint.id == Suggestion.earlier_id).scalar_subquery()
    statement = select(*Suggestion.__table__.c, later.label("ticket_code"), earlier.label("earlier_ticket_code"))
    if scope.is_whole:
        return statement
    return statement.where(Suggestion.complaint_id.in_(inside), Suggestion.earlier_id.in_(inside))


def _view(row: Row[Any]) -> SuggestionView:
    return SuggestionView(**{name: getattr(row, name) for name in SuggestionView.__slots__})
