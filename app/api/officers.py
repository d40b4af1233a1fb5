"""Administration of officers: who they are, what they may do, and whether they are in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, SecretStr, StrictBool

from app.api.admin import Name, UnitCodes
from app.api.auth import AdminDep
from app.api.bodies import RowId, Sent
from app.api.instants import Instant
from app.api.paging import CursorsDep, CursorText, Limit, last_id, next_link
from app.complaint.roles import Role
from app.dependencies import Now, Reading, Writing
from app.people.callers import demand_cover, find_units
from app.people.officer_changes import OfficerChange, change_officer, unlock_officer
from app.people.officers import NewOfficer, add_officer, find_officer, list_officers
from app.people.token_scopes import demand_no_more

router = APIRouter(prefix="/admin", tags=["admin"])

_ALL_OF_A_ROLE = ()
"""The scopes of whoever signs in."""


class OfficerRequest(Sent):
    """An officer to add; without a password nobody signs in by that name."""

    username: Annotated[str, Field(min_length=1, max_length=80)]
    name: Name
    role: Role
    units: UnitCodes
    password: SecretStr | None = None


class OfficerMade(BaseModel):
    """The new officer's id."""

    id: int
    username: str


class OfficerItem(BaseModel):
    """What is known of an officer."""

    id: int
    username: str
    name: str
    role: Role
    units: list[str]
    is_active: bool
    locked_until: Instant | None
    created_at: Instant
    is_external: bool = Field(description="Whether OIDC vouches for them and says their role and units.")


class OfficerPage(BaseModel):
    """Officers by id."""

    items: list[OfficerItem]
    next_cursor: str | None
    as_of: Instant


class OfficerPatch(Sent):
    """What shall be otherwise; what is left out or null stays. `units` is the whole list."""

    name: Name | None = None
    role: Role | None = None
    units: Annotated[list[str] | None, Field(max_length=100, description="Empty: the whole tree.")] = None
    is_active: StrictBool | None = None
    password: SecretStr | None = None


@router.get("/officers")
async def officers(
    request: Request,
    response: Response,
    connection: Reading,
    caller: AdminDep,
    now: Now,
    cursors: CursorsDep,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> OfficerPage:
    """The officers of the caller's units."""
    after = last_id(cursors, "officers", cursor) or 0
    found = await list_officers(connection, scope=caller.scope, after=after, limit=limit + 1)
    next_cursor = cursors.encode("officers", [found[limit - 1].id]) if len(found) > limit else None
    response.headers.update(next_link(request, next_cursor))
    items = [OfficerItem.model_validate(each, from_attributes=True) for each in found[:limit]]
    return OfficerPage(items=items, next_cursor=next_cursor, as_of=now)


@router.post("/officers", status_code=201, responses={409: {"description": "The user name is taken."}})
async def make_officer(asked: OfficerRequest, connection: Writing, caller: AdminDep, now: Now) -> OfficerMade:
    """A new officer over units of the caller's. A token with scopes of its own makes none who could do more."""
    demand_no_more(caller, _ALL_OF_A_ROLE)
    await demand_cover(connection, caller.scope, await find_units(connection, asked.units))
    password = asked.password.get_secret_value() if asked.password else None
    new = NewOfficer(asked.username, asked.name, asked.role, tuple(asked.units), password)
    officer_id = await add_officer(connection, new, actor=caller.name, now=now)
    return OfficerMade(id=officer_id, username=asked.username)


@router.get("/officers/{officer_id}")
async def one_officer(officer_id: RowId, connection: Reading, caller: AdminDep) -> OfficerItem:
    """One officer of the caller's units."""
    found = await find_officer(connection, officer_id, scope=caller.scope)
    return OfficerItem.model_validate(found, from_attributes=True)


@router.patch("/officers/{officer_id}", responses={409: {"description": "The caller's own account, or an OIDC one."}})
async def patch_officer(
    officer_id: RowId, asked: OfficerPatch, connection: Writing, caller: AdminDep, now: Now
) -> OfficerItem:
    """The officer, changed. Another role, other units, a new password or leaving ends every session of theirs.

    Role, units and password are not for a token with scopes of its own: whoever signs in does all that a role may.
    """
    if asked.role is not None or asked.units is not None or asked.password is not None:
        demand_no_more(caller, _ALL_OF_A_ROLE)
    password = asked.password.get_secret_value() if asked.password else None
    change = OfficerChange(
        name=asked.name, role=asked.role, units=asked.units, is_active=asked.is_active, password=password
    )
    changed = await change_officer(connection, officer_id, change, by=caller, now=now)
    return OfficerItem.model_validate(changed, from_attributes=True)


@router.post("/officers/{officer_id}/unlock")
async def unlock(officer_id: RowId, connection: Writing, caller: AdminDep, now: Now) -> OfficerItem:
    """The officer may sign in again at once, however many wrong passwords there were."""
    unlocked = await unlock_officer(connection, officer_id, by=caller, now=now)
    return OfficerItem.model_validate(unlocked, from_attributes=True)
