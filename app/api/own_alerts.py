"""How an officer is told, and when they are away: their own affair, or an administrator's."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field, SecretStr, StrictBool
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.chat import CHAT_PURPOSE, check_chat_url
from app.api.auth import AdminDep
from app.api.bodies import RowId, Sent
from app.api.instants import Instant
from app.complaint.errors import Forbidden
from app.dependencies import CallerDep, House, HouseDep, Now, Reading, Writing
from app.people.alert_settings import MAX_EMAIL, AlertSettings, NewSettings, change_settings, read_settings
from app.people.leave import LeaveView, add_leave, end_leave, list_leave
from app.people.officers import find_officer

router = APIRouter(tags=["people"])

Time = Annotated[str | None, Field(max_length=5, examples=["22:00"], description="Local time, HH:MM.")]


class SettingsBody(Sent):
    """How somebody shall be reached; what is left out is taken away, but for `chat_url`, which then stays."""

    email: Annotated[str | None, Field(max_length=MAX_EMAIL)] = None
    chat_url: Annotated[
        SecretStr | None,
        Field(max_length=2_000, description="An Apprise URL; kept sealed, never shown. Null removes it."),
    ] = None
    language: Annotated[str | None, Field(max_length=2, description="id or en.")] = None
    quiet_from: Time = None
    quiet_to: Time = None
    gets_digest: Annotated[StrictBool, Field(description="The list at 07:30 on working days.")] = True


class SettingsAnswer(BaseModel):
    """How somebody is reached."""

    email: str | None
    has_chat: bool
    language: str | None
    quiet_from: str | None
    quiet_to: str | None
    gets_digest: bool

    @classmethod
    def of(cls, settings: AlertSettings) -> Self:
        """The settings without any secret."""
        return cls.model_validate(settings, from_attributes=True)


class LeaveBody(Sent):
    """A leave to be; without a delegate the next level up is told meanwhile."""

    starts_at: Instant
    ends_at: Instant
    delegate: Annotated[str | None, Field(min_length=1, max_length=80, description="A user name.")] = None


class LeaveAnswer(BaseModel):
    """One leave."""

    id: int
    officer: str
    starts_at: Instant
    ends_at: Instant
    delegate: str | None
    created_at: Instant
    created_by: str

    @classmethod
    def of(cls, view: LeaveView) -> Self:
        """The leave as it stands."""
        return cls.model_validate(view, from_attributes=True)


class LeaveList(BaseModel):
    """The leave of one officer that is not over, soonest first."""

    items: list[LeaveAnswer]
    next_cursor: str | None = None
    as_of: Instant


async def _own_id(caller: CallerDep) -> int:
    if caller.token_id is not None or caller.officer_id is None:
        raise Forbidden("a token is nobody who is told: sign in, or ask an administrator")
    return caller.officer_id


Own = Annotated[int, Depends(_own_id)]


@router.get("/me/alert-settings")
async def own_settings(connection: Reading, officer_id: Own) -> SettingsAnswer:
    """How alerts reach whoever is signed in."""
    return SettingsAnswer.of(await read_settings(connection, officer_id))


@router.put("/me/alert-settings")
async def change_own_settings(
    body: SettingsBody, connection: Writing, caller: CallerDep, officer_id: Own, house: HouseDep, now: Now
) -> SettingsAnswer:
    """Be reached otherwise from now on."""
    return await _change(connection, house, officer_id, body, caller.name, now)


@router.get("/me/leave")
async def own_leave(connection: Reading, officer_id: Own, now: Now) -> LeaveList:
    """The leave of whoever is signed in."""
    return await _leave(connection, officer_id, now)


@router.post("/me/leave", status_code=201)
async def take_leave(
    body: LeaveBody, response: Response, connection: Writing, caller: CallerDep, officer_id: Own, now: Now
) -> LeaveAnswer:
    """Be away for a span; a delegate is told instead."""
    return await _add(connection, officer_id, body, response, caller.name, "/api/v1/me/leave", now)


@router.delete("/me/leave/{leave_id}", status_code=204)
async def strike_own_leave(leave_id: RowId, connection: Writing, caller: CallerDep, officer_id: Own, now: Now) -> None:
    """Be back, or not go."""
    await end_leave(connection, officer_id, leave_id, actor=caller.name, now=now)


@router.get("/admin/officers/{officer_id}/alert-settings")
async def others_settings(connection: Reading, caller: AdminDep, officer_id: RowId) -> SettingsAnswer:
    """How alerts reach an officer of the caller's units."""
    await find_officer(connection, officer_id, scope=caller.scope)
    return SettingsAnswer.of(await read_settings(connection, officer_id))


@router.put("/admin/officers/{officer_id}/alert-settings")
async def change_others_settings(
    body: SettingsBody, connection: Writing, caller: AdminDep, officer_id: RowId, house: HouseDep, now: Now
) -> SettingsAnswer:
    """Have an officer reached otherwise from now on."""
    await find_officer(connection, officer_id, scope=caller.scope)
    return await _change(connection, house, officer_id, body, caller.name, now)


@router.get("/admin/officers/{officer_id}/leave")
async def others_leave(connection: Reading, caller: AdminDep, officer_id: RowId, now: Now) -> LeaveList:
    """The leave of an officer of the caller's units."""
    await find_officer(connection, officer_id, scope=caller.scope)
    return await _leave(connection, officer_id, now)


@router.post("/admin/officers/{officer_id}/leave", status_code=201)
async def send_on_leave(
    body: LeaveBody, response: Response, connection: Writing, caller: AdminDep, officer_id: RowId, now: Now
) -> LeaveAnswer:
    """Enter the leave of an officer."""
    await find_officer(connection, officer_id, scope=caller.scope)
    path = f"/api/v1/admin/officers/{officer_id}/leave"
    return await _add(connection, officer_id, body, response, caller.name, path, now)


@router.delete("/admin/officers/{officer_id}/leave/{leave_id}", status_code=204)
async def strike_leave(leave_id: RowId, connection: Writing, caller: AdminDep, officer_id: RowId, now: Now) -> None:
    """Strike out a leave of an officer."""
    await find_officer(connection, officer_id, scope=caller.scope)
    await end_leave(connection, officer_id, leave_id, actor=caller.name, now=now)


async def _change(
    connection: AsyncConnection, house: House, officer_id: int, body: SettingsBody, actor: str, now: Now
) -> SettingsAnswer:
    sealed = None
    if body.chat_url is not None:
        url = body.chat_url.get_secret_value()
        check_chat_url(url, house.settings.allowed_webhook_hosts)
        sealed = house.vault.seal(url.encode(), CHAT_PURPOSE)
    new = NewSettings(
        **body.model_dump(exclude={"chat_url"}),
        sealed_chat_url=sealed,
        keeps_chat="chat_url" not in body.model_fields_set,
    )
    return SettingsAnswer.of(await change_settings(connection, officer_id, new, actor=actor, now=now))


async def _leave(connection: AsyncConnection, officer_id: int, now: Now) -> LeaveList:
    return LeaveList(
        items=[LeaveAnswer.of(each) for each in await list_leave(connection, officer_id, now=now)], as_of=now
    )


async def _add(
    connection: AsyncConnection,
    officer_id: int,
    body: LeaveBody,
    response: Response,
    actor: str,
    path: str,
    now: Now,
) -> LeaveAnswer:
    view = await add_leave(connection, officer_id, **body.model_dump(), actor=actor, now=now)
    response.headers["Location"] = f"{path}/{view.id}"
    return LeaveAnswer.of(view)
