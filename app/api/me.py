"""Whoever is asking: who they are here, and their own password."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, SecretStr

from app.api.bodies import Sent
from app.complaint.errors import Forbidden
from app.complaint.roles import Role
from app.dependencies import CallerDep, HouseDep, Now, Reading
from app.people.callers import unit_codes
from app.people.own_password import change_password

router = APIRouter(prefix="/me", tags=["people"])

Password = Annotated[SecretStr, Field(max_length=1000)]


class Me(BaseModel):
    """Who is asking; no unit is the whole tree, no scope is all that the role may."""

    username: str
    role: Role
    units: list[str]
    is_validator: bool
    scopes: list[str]


class PasswordChange(Sent):
    """The password in use, and the one to come."""

    current: Password
    new: Password


@router.get("")
async def me(connection: Reading, caller: CallerDep) -> Me:
    """Who the token or the session belongs to, and what it reaches."""
    units = await unit_codes(connection, caller.scope)
    return Me(
        username=caller.name,
        role=caller.role,
        units=units,
        is_validator=caller.scope.is_validator,
        scopes=sorted(caller.scopes),
    )


@router.put("/password", status_code=204)
async def new_password(asked: PasswordChange, caller: CallerDep, house: HouseDep, now: Now) -> None:
    """A new password for whoever is signed in with one; every session ends, this one too."""
    if caller.token_id is not None:
        raise Forbidden("a token has no password")
    current, new = asked.current.get_secret_value(), asked.new.get_secret_value()
    await change_password(house.engine, caller.name, current, new, now=now)
