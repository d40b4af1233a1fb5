"""Saved views: filters of the queue under a name, an officer's own or shared with a unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import Conflict, Forbidden, InvalidInput, NotFound
from app.db.scope import Scope
from app.db.tables.people import Officer, SavedView
from app.db.tables.units import Unit, UnitAncestor
from app.workqueue.asker import Asker

MOST_VIEWS = 200
"""Views of one officer."""

Parameters = Mapping[str, str | int | bool]
"""A query of the queue, as its parameters."""


@dataclass(frozen=True, slots=True)
class NewView:
    """A view as somebody writes it; `shared_with` is the code of a unit."""

    name: str
    query: Parameters
    shared_with: str | None


@dataclass(frozen=True, slots=True)
class View:
    """A saved view; `is_own` is seen from whoever asks."""

    id: int
    name: str
    query: Parameters
    shared_with: str | None
    owner: str
    is_own: bool
    created_at: datetime
    updated_at: datetime


_views = (
    select(*SavedView.__table__.c, Officer.username, Unit.code)
    .join(Officer, Officer.id == SavedView.officer_id)
    .outerjoin(Unit, Unit.id == SavedView.unit_id)
)


async def list_views(connection: AsyncConnection, asker: Asker, *, after: int, limit: int) -> list[View]:
    """The asker's own views and those shared with a unit above, at or below one of theirs, by id."""
    statement = _views.where(_usable(asker), SavedView.id > after).order_by(SavedView.id).limit(limit)
    return [_view(row, asker) for row in await connection.execute(statement)]


async def read_view(connection: AsyncConnection, view_id: int, asker: Asker) -> View:
    """One view.

    Raises: NotFound, for an absent one and for one that is not the asker's to use.
    """
    return _view(await _find(connection, view_id, asker), asker)


async def add_view(connection: AsyncConnection, new: NewView, asker: Asker, *, now: datetime) -> View:
    """The new view.

    Raises: InvalidInput for an unknown unit, Forbidden for one outside the asker's, Conflict for a name of theirs.
    """
    unit_id = await _unit(connection, new.shared_with, asker.scope)
    count = select(func.count()).where(SavedView.officer_id == asker.officer_id)
    if int(await connection.scalar(count) or 0) >= MOST_VIEWS:
        raise Conflict(f"you keep {MOST_VIEWS} views already; drop one first")
    row = {"officer_id": asker.officer_id, "name": new.name, "query": dict(new.query), "unit_id": unit_id}
    statement = insert(SavedView).values(**row, created_at=now, updated_at=now).returning(SavedView.id)
    return await read_view(connection, await _write(connection, statement, new.name), asker)


async def change_view(connection: AsyncConnection, view_id: int, new: NewView, asker: Asker, *, now: datetime) -> View:
    """The view after the change.

    Raises: NotFound; Forbidden, when it is another's; InvalidInput, also when another's would be shared with nobody;
    otherwise as `add_view`.
    """
    row = await _find(connection, view_id, asker)
    await _demand_change(connection, row, asker)
    unit_id = await _unit(connection, new.shared_with, asker.scope)
    if unit_id is None and row.officer_id != asker.officer_id:
        raise InvalidInput("shared_with", f"must name a unit, since the view is {row.username}'s: drop it to end it")
    changed = {"name": new.name, "query": dict(new.query), "unit_id": unit_id, "updated_at": now}
    statement = update(SavedView).where(SavedView.id == view_id).values(changed).returning(SavedView.id)
    return await read_view(connection, await _write(connection, statement, new.name), asker)


async def drop_view(connection: AsyncConnection, view_id: int, asker: Asker) -> None:
    """The view is gone.

    Raises: NotFound; Forbidden, when it is another's.
    """
    await _demand_change(connection, await _find(connection, view_id, asker), asker)
    await connection.execute(delete(SavedView).where(SavedView.id == view_id))


async def _find(connection: AsyncConnection, view_id: int, asker: Asker) -> Any:
    row = (await connection.execute(_views.where(SavedView.id == view_id, _usable(asker)))).one_or_none()
    if row is None:
        raise NotFound(f"no view {view_id} is yours or your units'")
    return row


def _usable(asker: Asker) -> ColumnElement[bool]:
    own = SavedView.officer_id == asker.officer_id
    if asker.scope.unit_ids is None:
        return or_(own, SavedView.unit_id.is_not(None))
    above = select(UnitAncestor.ancestor_id).where(UnitAncestor.unit_id.in_(asker.scope.unit_ids))
    return or_(own, SavedView.unit_id.in_(_covered(asker.scope)), SavedView.unit_id.in_(above))


def _covered(scope: Scope) -> Any:
    return select(UnitAncestor.unit_id).where(UnitAncestor.ancestor_id.in_(scope.unit_ids or ()))


async def _unit(connection: AsyncConnection, code: str | None, scope: Scope) -> int | None:
    """The id of the unit to share with."""
    if code is None:
        return None
    found: int | None = await connection.scalar(select(Unit.id).where(Unit.code == code))
    if found is None:
        raise InvalidInput("shared_with", f"no unit is called {code!r}")
    if not await _covers(connection, scope, found):
        raise Forbidden(f"the unit {code} is not among yours: share with one that is")
    return found


async def _covers(connection: AsyncConnection, scope: Scope, unit_id: int) -> bool:
    if scope.unit_ids is None:
        return True
    return await connection.scalar(_covered(scope).where(UnitAncestor.unit_id == unit_id).limit(1)) is not None


async def _demand_change(connection: AsyncConnection, row: Any, asker: Asker) -> None:
    """Whoever made a view changes it, and whoever leads the unit that it is shared with: its maker may have left."""
    is_lead = asker.leads and row.unit_id is not None and await _covers(connection, asker.scope, row.unit_id)
    if row.officer_id != asker.officer_id and not is_lead:
        raise Forbidden(f"view {row.id} is {row.username}'s: save one of your own")


async def _write(connection: AsyncConnection, statement: Any, name: str) -> int:
    try:
        async with connection.begin_nested():
            return int(await connection.scalar(statement) or 0)
    except IntegrityError as error:
        raise Conflict(f"a view of that officer is called {name!r} already") from error


def _view(row: Any, asker: Asker) -> View:
    is_own = row.officer_id == asker.officer_id
    return View(row.id, row.name, row.query, row.code, row.username, is_own, row.created_at, row.updated_at)
