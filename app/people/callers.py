"""The caller: who is asking, in which role, over which units."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from app.complaint.errors import Forbidden, InvalidInput
from app.complaint.roles import Role, covers
from app.db.scope import Scope
from app.db.tables.units import Unit, UnitAncestor


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever is asking; `name` is the officer's user name, and a token has an officer of its own.

    `scopes` is what their token is for; none is everything that the role may.
    """

    name: str
    role: Role
    officer_id: int | None
    token_id: int | None
    scope: Scope
    scopes: frozenset[str] = frozenset()


def demand(caller: Caller, needed: Role) -> None:
    """Nothing, when the caller's role covers `needed`.

    Raises: Forbidden, otherwise.
    """
    if not covers(caller.role, needed):
        raise Forbidden(f"this needs the role {needed}; {caller.name} is {caller.role}")


def is_under_validator(unit_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """The condition that a unit validates results, or lies below one that does."""
    above = select(UnitAncestor.unit_id).join(Unit, Unit.id == UnitAncestor.ancestor_id)
    return exists(above.where(UnitAncestor.unit_id == unit_id, Unit.is_validator))


def scope_of(units: Sequence[tuple[int | None, bool]]) -> Scope:
    """The scope over units given as (id, whether under a validator); no unit at all is the whole tree.

    >>> scope_of([(None, False)]).is_whole, scope_of([(3, False), (7, True)])
    (True, Scope(unit_ids=(3, 7), is_validator=True))
    """
    ids = tuple(sorted(unit_id for unit_id, _ in units if unit_id is not None))
    return Scope(ids or None, any(is_validator for _, is_validator in units))


async def find_units(connection: AsyncConnection, codes: Collection[str], *, field: str = "units") -> list[int]:
    """The ids of units by code.

    Raises: InvalidInput, naming the code that is no unit.
    """
    if not codes:
        return []
    rows = await connection.execute(select(Unit.code, Unit.id).where(Unit.code.in_(codes)))
    ids = {row.code: int(row.id) for row in rows}
    unknown = sorted(set(codes) - ids.keys())
    if unknown:
        raise InvalidInput(field, f"no unit has the code {unknown[0]}")
    return sorted(ids.values())


async def find_own_unit(connection: AsyncConnection, code: str, scope: Scope) -> int:
    """The id of one of the units of a scope, or of one below them, by its code.

    Raises: InvalidInput, when no unit has the code; Forbidden, when one has that is not theirs.
    """
    (unit_id,) = await find_units(connection, [code], field="unit")
    if not scope.is_whole and unit_id not in await covered_units(connection, scope):
        raise Forbidden(f"the unit {code} is not among yours: leave it out, and the complaint is routed")
    return unit_id


async def demand_cover(connection: AsyncConnection, scope: Scope, unit_ids: Collection[int]) -> None:
    """Nothing, when the units (none: the whole tree) lie within `scope`: nobody grants more than they have.

    Raises: Forbidden, otherwise.
    """
    if scope.is_whole:
        return
    if not unit_ids or not set(unit_ids) <= await covered_units(connection, scope):
        raise Forbidden("these units are not all yours to grant")


async def covered_units(connection: AsyncConnection, scope: Scope) -> set[int]:
    """The ids of the units of a scope that is not the whole tree, with all below them."""
    below = select(UnitAncestor.unit_id).where(UnitAncestor.ancestor_id.in_(scope.unit_ids or ()))
    return {int(each) for each in await connection.scalars(below)}


async def unit_codes(connection: AsyncConnection, scope: Scope) -> list[str]:
    """The codes of the units that a scope names; none for the whole tree."""
    if scope.unit_ids is None:
        return []
    return list(await connection.scalars(select(Unit.code).where(Unit.id.in_(scope.unit_ids)).order_by(Unit.code)))
