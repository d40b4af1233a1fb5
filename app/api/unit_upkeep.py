"""Administration of units over REST: a new one, another name, labels of sources, one that closes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field, StrictBool

from app.api.auth import AdminDep
from app.api.bodies import Sent
from app.api.instants import Instant
from app.api.paging import CursorsDep, CursorText, Limit, last_id, next_link
from app.dependencies import Now, Reading, Writing
from app.people.audit import Details, record
from app.units.upkeep import NewUnit, UnitChange, UnitEntry, add_unit, change_unit, find_unit, list_units

router = APIRouter(prefix="/admin/units", tags=["admin"])

Code = Annotated[str, Path(min_length=1, max_length=80)]
UnitCode = Annotated[str, Field(min_length=1, max_length=80)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Type = Annotated[str, Field(min_length=1, max_length=30, examples=["sudin"])]
Labels = Annotated[
    list[Annotated[str, Field(max_length=200)]],
    Field(max_length=100, description="How sources write it; case, spaces and punctuation do not count."),
]


class UnitRequest(Sent):
    """A unit to add; without a parent it is the top of a tree."""

    code: UnitCode
    name: Name
    type: Type
    parent: UnitCode | None = None
    second_parent: UnitCode | None = None
    labels: Labels = Field(default_factory=list)


class UnitPatch(Sent):
    """What shall be otherwise; what is left out or null stays. `labels` is the whole list."""

    name: Name | None = None
    type: Type | None = None
    is_active: StrictBool | None = None
    labels: Labels | None = None


class UnitItem(BaseModel):
    """A unit; its labels are folded to letters and digits."""

    code: str
    name: str
    type: str
    parents: list[str]
    labels: list[str]
    is_validator: bool
    is_active: bool


class UnitPage(BaseModel):
    """Units in the order in which they were added."""

    items: list[UnitItem]
    next_cursor: str | None
    as_of: Instant


@router.get("")
async def units(
    request: Request,
    response: Response,
    connection: Reading,
    caller: AdminDep,
    now: Now,
    cursors: CursorsDep,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> UnitPage:
    """The caller's units and all below them, closed ones too."""
    after = last_id(cursors, "units", cursor) or 0
    found = await list_units(connection, scope=caller.scope, after=after, limit=limit + 1)
    next_cursor = cursors.encode("units", [found[limit - 1].id]) if len(found) > limit else None
    response.headers.update(next_link(request, next_cursor))
    return UnitPage(items=[_item(each) for each in found[:limit]], next_cursor=next_cursor, as_of=now)


@router.post("", status_code=201, responses={409: {"description": "The code or a label is taken."}})
async def make_unit(asked: UnitRequest, connection: Writing, caller: AdminDep, now: Now) -> UnitItem:
    """A new unit below one of the caller's."""
    added = await add_unit(connection, NewUnit(**asked.model_dump()), scope=caller.scope)
    details: Details = {
        "name": added.name,
        "type": added.type,
        "parents": list(added.parents),
        "labels": list(added.labels),
    }
    subject = f"unit {added.code}"
    await record(connection, actor=caller.name, action="unit.create", subject=subject, details=details, now=now)
    return _item(added)


@router.get("/{code}")
async def one_unit(code: Code, connection: Reading, caller: AdminDep) -> UnitItem:
    """One unit of the caller's."""
    return _item(await find_unit(connection, code, scope=caller.scope))


@router.patch("/{code}", responses={409: {"description": "A label is taken, or the unit is not idle."}})
async def patch_unit(code: Code, asked: UnitPatch, connection: Writing, caller: AdminDep, now: Now) -> UnitItem:
    """The unit, changed. One that holds open complaints or has active units below it does not close."""
    given = asked.model_dump(exclude_none=True)
    changed = await change_unit(connection, code, UnitChange(**given), scope=caller.scope)
    subject = f"unit {code}"
    await record(connection, actor=caller.name, action="unit.change", subject=subject, details=given, now=now)
    return _item(changed)


def _item(unit: UnitEntry) -> UnitItem:
    return UnitItem.model_validate(unit, from_attributes=True)
