"""Units as rows: a new one in the tree, another name, the labels that sources know it by, and one that closes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import Conflict, Forbidden, InvalidInput, NotFound
from app.complaint.words import fold_label
from app.db.changes import RULES, claim_rules, count_up, share_rules
from app.db.scope import Scope
from app.db.tables.complaints import Complaint
from app.db.tables.units import Unit, UnitAlias, UnitAncestor

LABEL = "label"
"""The kind of a name by which sources mean a unit; villages and the labels of an import's own tree are others."""

_CODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,78}[A-Za-z0-9])?")
_TYPE = re.compile(r"[a-z][a-z0-9_]{0,29}")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class UnitEntry:
    """A unit as administrators see it; `parents` is who it answers to, then the area it works in if another one."""

    id: int
    code: str
    name: str
    type: str
    parents: tuple[str, ...]
    labels: tuple[str, ...]
    is_validator: bool
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUnit:
    """What a unit shall be; without a parent it is the top of a tree."""

    code: str
    name: str
    type: str
    parent: str | None = None
    second_parent: str | None = None
    labels: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitChange:
    """What shall be otherwise; None leaves it as it is. `labels` is the whole list."""

    name: str | None = None
    type: str | None = None
    is_active: bool | None = None
    labels: Sequence[str] | None = None


async def list_units(
    connection: AsyncConnection, *, scope: Scope, after: int = 0, limit: int = 50, only: str | None = None
) -> list[UnitEntry]:
    """The units within `scope`, closed ones too, by id, above the id `after`."""
    statement = select(Unit.__table__).where(Unit.id > after).order_by(Unit.id).limit(limit)
    if only is not None:
        statement = statement.where(Unit.code == only)
    if scope.unit_ids is not None:
        below = select(UnitAncestor.unit_id).where(UnitAncestor.ancestor_id.in_(scope.unit_ids))
        statement = statement.where(Unit.id.in_(below))
    rows = (await connection.execute(statement)).all()
    labels = await _labels_of(connection, [row.id for row in rows])
    parent_ids = {each for row in rows for each in (row.parent_id, row.second_parent_id) if each is not None}
    codes = await _codes_of(connection, parent_ids)
    return [
        UnitEntry(
            id=row.id,
            code=row.code,
            name=row.name,
            type=row.type,
            parents=tuple(codes[each] for each in (row.parent_id, row.second_parent_id) if each is not None),
            labels=tuple(labels[row.id]),
            is_validator=row.is_validator,
            is_active=row.is_active,
        )
        for row in rows
    ]


async def find_unit(connection: AsyncConnection, code: str, *, scope: Scope) -> UnitEntry:
    """The unit of this code.

    Raises: NotFound, when it is absent or outside the scope.
    """
    found = await list_units(connection, scope=scope, limit=1, only=code)
    if not found:
        raise NotFound(f"unit {code} does not exist")
    return found[0]


async def add_unit(connection: AsyncConnection, new: NewUnit, *, scope: Scope) -> UnitEntry:
    """The new unit, at its place in the tree.

    Raises: InvalidInput, naming the field; Forbidden, for a place or labels that the scope does not reach; Conflict.
    """
    _check_new(new)
    await share_rules(connection)  # Who closes a unit waits for what is being put below it.
    if await connection.scalar(select(Unit.id).where(Unit.code == new.code)) is not None:
        raise Conflict(f"unit {new.code} exists")
    parent_id = await _parent(connection, "parent", new.parent, scope)
    second_id = await _parent(connection, "second_parent", new.second_parent, scope)
    if parent_id is None and not scope.is_whole:
        raise Forbidden("the top of a tree is for administrators of the whole tree: name a parent")
    row = {"code": new.code, "name": new.name.strip(), "type": new.type, "is_validator": False, "is_active": True}
    statement = insert(Unit).values(**row, parent_id=parent_id, second_parent_id=second_id).returning(Unit.id)
    unit_id = int((await connection.execute(statement)).scalar_one())
    await _place(connection, unit_id, [each for each in (parent_id, second_id) if each is not None])
    await _put_labels(connection, unit_id, new.labels, scope)
    await count_up(connection, RULES)
    return await find_unit(connection, new.code, scope=scope)


async def change_unit(connection: AsyncConnection, code: str, change: UnitChange, *, scope: Scope) -> UnitEntry:
    """The unit as it is then. One that still holds open complaints, or has active units below, does not close; and none
    works again below one that is closed, where nobody would find it.

    Raises: NotFound; InvalidInput; Forbidden, for labels without the whole tree; Conflict.
    """
    before = await find_unit(connection, code, scope=scope)
    _check_texts(change.name, change.type)
    if change.is_active is False and before.is_active:
        await _demand_idle(connection, before)
    if change.is_active and not before.is_active:
        await share_rules(connection)
        await _demand_place(connection, before)
    named = {"name": change.name and change.name.strip(), "type": change.type, "is_active": change.is_active}
    values = {name: value for name, value in named.items() if value is not None}
    if values:
        await connection.execute(update(Unit).where(Unit.id == before.id).values(**values))
    if change.labels is not None:
        await _put_labels(connection, before.id, change.labels, scope)
    await count_up(connection, RULES)
    return await find_unit(connection, code, scope=scope)


def _check_new(new: NewUnit) -> None:
    if not _CODE.fullmatch(new.code):
        raise InvalidInput("code", "must be 1 to 80 letters, digits or . _ -, none of these at the ends")
    if new.second_parent is not None and new.parent is None:
        raise InvalidInput("second_parent", "needs a parent beside it")
    _check_texts(new.name, new.type)


def _check_texts(name: str | None, unit_type: str | None) -> None:
    if name is not None and not name.strip():
        raise InvalidInput("name", "must not be blank")
    if unit_type is not None and not _TYPE.fullmatch(unit_type):
        raise InvalidInput("type", "must be 1 to 30 small letters, digits or _, a letter first")


async def _parent(connection: AsyncConnection, field: str, code: str | None, scope: Scope) -> int | None:
    if code is None:
        return None
    try:
        found = await find_unit(connection, code, scope=scope)
    except NotFound as error:
        raise InvalidInput(field, f"no unit has the code {code}") from error
    if not found.is_active:
        raise InvalidInput(field, f"unit {code} is closed")
    return found.id


async def _place(connection: AsyncConnection, unit_id: int, parent_ids: Sequence[int]) -> None:
    """Below itself and all that its parents are below, over the shorter way where there are two."""
    statement = (
        select(UnitAncestor.ancestor_id, func.min(UnitAncestor.depth) + 1)
        .where(UnitAncestor.unit_id.in_(parent_ids))
        .group_by(UnitAncestor.ancestor_id)
    )
    above = [(row[0], row[1]) for row in await connection.execute(statement)]
    rows = [{"unit_id": unit_id, "ancestor_id": each, "depth": depth} for each, depth in ((unit_id, 0), *above)]
    await connection.execute(insert(UnitAncestor), rows)


async def _put_labels(connection: AsyncConnection, unit_id: int, labels: Sequence[str], scope: Scope) -> None:
    """These labels mean the unit, and no others of theirs do; what sources send from now on goes by them."""
    wanted = {_folded(label) for label in labels}
    stored = set((await _labels_of(connection, [unit_id]))[unit_id])
    if wanted == stored:
        return
    if not scope.is_whole:
        raise Forbidden("labels steer what every source sends: they are for administrators of the whole tree")
    of_kind = UnitAlias.kind == LABEL
    gone = of_kind & (UnitAlias.unit_id == unit_id) & UnitAlias.label.not_in(wanted)
    await connection.execute(delete(UnitAlias).where(gone))
    added = sorted(wanted - stored)
    taken = await connection.scalar(select(UnitAlias.label).where(of_kind, UnitAlias.label.in_(added)).limit(1))
    if taken is not None:
        raise Conflict(f"the label {taken!r} means another unit already")
    if added:
        rows = [{"kind": LABEL, "label": label, "unit_id": unit_id} for label in added]
        await connection.execute(insert(UnitAlias), rows)


def _folded(label: str) -> str:
    folded = fold_label(label)
    if not 0 < len(folded) <= _LONGEST:
        raise InvalidInput("labels", f"each must have 1 to {_LONGEST} letters or digits")
    return folded


async def _demand_idle(connection: AsyncConnection, unit: UnitEntry) -> None:
    # Whoever hands something over, or puts a unit below it, holds the rules: alone with these, all that is committed.
    if not await claim_rules(connection):
        raise Conflict(f"unit {unit.code} cannot be closed just now: a long transaction writes; try again")
    is_open = (Complaint.unit_id == unit.id, Complaint.is_open)
    held = await connection.scalar(select(func.count()).select_from(Complaint).where(*is_open)) or 0
    is_below = or_(Unit.parent_id == unit.id, Unit.second_parent_id == unit.id)
    below = await connection.scalar(select(func.count()).select_from(Unit).where(is_below, Unit.is_active)) or 0
    if held or below:
        raise Conflict(f"unit {unit.code} holds {held} open complaints and has {below} active units below it")


async def _demand_place(connection: AsyncConnection, unit: UnitEntry) -> None:
    closed = select(Unit.code).where(Unit.code.in_(unit.parents), ~Unit.is_active).order_by(Unit.code).limit(1)
    code = await connection.scalar(closed)
    if code is not None:
        raise Conflict(f"unit {code} above {unit.code} is closed: open it first")


async def _labels_of(connection: AsyncConnection, unit_ids: Sequence[int]) -> dict[int, list[str]]:
    statement = select(UnitAlias.unit_id, UnitAlias.label).where(
        UnitAlias.kind == LABEL, UnitAlias.unit_id.in_(unit_ids)
    )
    found: dict[int, list[str]] = defaultdict(list)
    for row in await connection.execute(statement.order_by(UnitAlias.label)):
        found[row.unit_id].append(row.label)
    return found


async def _codes_of(connection: AsyncConnection, unit_ids: set[int]) -> dict[int, str]:
    rows = await connection.execute(select(Unit.id, Unit.code).where(Unit.id.in_(unit_ids)))
    return {row.id: row.code for row in rows}
