"""Commands on how an officer is told, and on when they are away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.chat import CHAT_PURPOSE, check_chat_url
from app.clock import utc_now
from app.commands.frame import open_plant, run, say, show
from app.commands.people import ACTOR, Username
from app.commands.sources import Json
from app.complaint.errors import InvalidInput
from app.db.scope import WHOLE
from app.db.session import reading, writing
from app.people.alert_settings import AlertSettings, NewSettings, change_settings, read_settings
from app.people.leave import LeaveView, add_leave, end_leave, list_leave
from app.people.officers import find_by_username
from app.pulling import Plant

leave = typer.Typer(help="When an officer is away, and who is told instead.", no_args_is_help=True)

_OFF = "off"
_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M"]


def alert_settings(
    username: Username,
    email: Annotated[str | None, typer.Option(help="Where mail goes; '' takes it away.")] = None,
    chat_url: Annotated[str | None, typer.Option(help="An Apprise URL, kept encrypted; - asks for it.")] = None,
    no_chat: Annotated[bool, typer.Option("--no-chat", help="Tell nothing by chat any more.")] = False,
    language: Annotated[str | None, typer.Option(help="id or en; '' is the language of the house.")] = None,
    quiet: Annotated[str | None, typer.Option(help="Quiet hours, local time: 22:00-05:00, or off.")] = None,
    digest: Annotated[bool | None, typer.Option("--digest/--no-digest", help="The list of a working morning.")] = None,
    as_json: Json = False,
) -> None:
    """Show how somebody is told, after changing what is named; all else stays."""
    if chat_url is not None and no_chat:
        raise typer.BadParameter("either --chat-url or --no-chat")
    if chat_url == "-":
        chat_url = str(typer.prompt("Chat URL", hide_input=True, err=True))
    named = {
        **({"email": email or None} if email is not None else {}),
        **({"language": language or None} if language is not None else {}),
        **(_hours(quiet) if quiet is not None else {}),
        **({"gets_digest": digest} if digest is not None else {}),
    }
    settings = run(_settings(username, named, chat_url, keeps_chat=chat_url is None and not no_chat))
    show({"officer": username, **asdict(settings)}, as_json=as_json)


@leave.command("list")
def list_all(username: Username, as_json: Json = False) -> None:
    """The leave of somebody that is not over, soonest first."""
    found = run(_list(username))
    if as_json:
        show({"items": [asdict(each) for each in found]}, as_json=True)
        return
    for each in found:
        span = f"{each.starts_at:%Y-%m-%d %H:%M} to {each.ends_at:%Y-%m-%d %H:%M} UTC"
        typer.echo(f"{each.id:>6} {span}, {each.delegate or 'the next level up'} is told")


@leave.command("add")
def add(
    username: Username,
    starts: Annotated[datetime, typer.Option("--from", formats=_FORMATS, help="Local time; a day is its midnight.")],
    until: Annotated[datetime, typer.Option(formats=_FORMATS, help="When they are back, likewise.")],
    delegate: Annotated[str | None, typer.Option(help="Who is told instead; else the next level up is.")] = None,
    as_json: Json = False,
) -> None:
    """Enter that somebody is away for a span."""
    show(asdict(run(_add(username, starts, until, delegate))), as_json=as_json)


@leave.command("end")
def end(username: Username, leave_id: Annotated[int, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Strike out a leave, whether it has begun or not."""
    run(_end(username, leave_id))
    if as_json:
        show({"id": leave_id, "officer": username, "ended": True}, as_json=True)
    say(f"Leave {leave_id} of {username} is struck out.")


def _hours(quiet: str) -> dict[str, str | None]:
    if quiet == _OFF:
        return {"quiet_from": None, "quiet_to": None}
    first, dash, last = quiet.partition("-")
    if not dash:
        raise InvalidInput("quiet", "must be two local times such as 22:00-05:00, or off")
    return {"quiet_from": first.strip(), "quiet_to": last.strip()}


@asynccontextmanager
async def _officer(username: str) -> AsyncIterator[tuple[Plant, AsyncConnection, int]]:
    """One transaction on an officer, by id."""
    async with open_plant() as plant, writing(plant.engine) as connection:
        found = await find_by_username(connection, username, scope=WHOLE)
        yield plant, connection, found.id


async def _settings(
    username: str, named: Mapping[str, Any], chat_url: str | None, *, keeps_chat: bool
) -> AlertSettings:
    async with _officer(username) as (plant, connection, officer_id):
        before = await read_settings(connection, officer_id)
        if not named and keeps_chat:
            return before
        sealed = None
        if chat_url is not None:
            check_chat_url(chat_url, plant.settings.allowed_webhook_hosts)
            sealed = plant.vault.seal(chat_url.encode(), CHAT_PURPOSE)
        kept = {name: value for name, value in asdict(before).items() if name != "has_chat"}
        new = replace(NewSettings(**kept), sealed_chat_url=sealed, keeps_chat=keeps_chat, **named)
        return await change_settings(connection, officer_id, new, actor=ACTOR, now=utc_now())


async def _list(username: str) -> list[LeaveView]:
    async with open_plant() as plant, reading(plant.engine) as connection:
        found = await find_by_username(connection, username, scope=WHOLE)
        return await list_leave(connection, found.id, now=utc_now())


async def _add(username: str, starts: datetime, until: datetime, delegate: str | None) -> LeaveView:
    async with _officer(username) as (plant, connection, officer_id):
        zone, now = plant.settings.zone, utc_now()
        span = {"starts_at": starts.replace(tzinfo=zone), "ends_at": until.replace(tzinfo=zone)}
        return await add_leave(connection, officer_id, **span, delegate=delegate, actor=ACTOR, now=now)


async def _end(username: str, leave_id: int) -> None:
    async with _officer(username) as (_, connection, officer_id):
        await end_leave(connection, officer_id, leave_id, actor=ACTOR, now=utc_now())
