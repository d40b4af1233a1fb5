"""Commands on people: tokens and officers."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated

import typer

from app.clock import utc_now
from app.commands.frame import ACTOR as ACTOR
from app.commands.frame import open_plant, run, say, show
from app.commands.sources import Json, parse_span
from app.complaint.roles import Role
from app.db.scope import WHOLE
from app.db.session import reading, writing
from app.people.callers import Caller
from app.people.officer_changes import OfficerChange, change_officer, unlock_officer
from app.people.officers import NewOfficer, OfficerEntry, add_officer, find_by_username, list_officers
from app.people.tokens import CreatedToken, NewToken, TokenEntry, create_token, list_tokens, revoke_token

token = typer.Typer(help="API tokens.", no_args_is_help=True)
officer = typer.Typer(help="Officers: the people who sign in.", no_args_is_help=True)

_OPERATOR = Caller(ACTOR, Role.ADMIN, None, None, WHOLE)
"""Whoever may run a command on the database's machine."""
_ALL = 1_000_000

Units = Annotated[list[str] | None, typer.Option("--unit", help="Unit code; may be given several times.")]
Username = Annotated[str, typer.Argument(help="By which name they sign in.")]
Password = Annotated[str | None, typer.Option(help="Asked for when not given.")]


@token.command("create")
def create(
    role: Annotated[Role, typer.Option(help="What the token may do.")],
    unit: Units = None,
    name: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    expires: Annotated[str | None, typer.Option(help="How long it lives, e.g. 90d.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="Only for this: read, write, or units:read, complaints:write, …; may be given several times."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a token and show it this one time; without --unit it covers the whole tree and what is unrouted."""
    now = utc_now()
    expires_at = now + timedelta(seconds=parse_span("expires", expires)) if expires else None
    new = NewToken(name=name or f"{role} token", role=role, units=unit or (), expires_at=expires_at, scopes=scope or ())
    created = run(_create(new))
    show({"id": created.id, "token": created.token}, as_json=as_json)


async def _create(new: NewToken) -> CreatedToken:
    async with open_plant() as plant, writing(plant.engine) as connection:
        return await create_token(connection, new, actor=ACTOR, now=utc_now())


@token.command("list")
def list_made(as_json: Json = False) -> None:
    """Every token by its id, with what it may do and when it was used; never the token itself."""
    found = run(_tokens())
    if as_json:
        show({"items": [asdict(each) for each in found]}, as_json=True)
        return
    now = utc_now()
    for each in found:
        covers = ",".join(each.units) or "everything"
        does = f"{each.role} for {','.join(each.scopes) or 'all'} over {covers}"
        typer.echo(f"{each.id:<6} {each.prefix}…  {_state(each, now):<22} {_used(each):<18} {each.name}: {does}")
    if not found:
        say("There is no token yet. Make one: tanggap token create --role viewer")


async def _tokens() -> list[TokenEntry]:
    async with open_plant() as plant, reading(plant.engine) as connection:
        return await list_tokens(connection, scope=WHOLE, limit=_ALL)


def _state(entry: TokenEntry, now: datetime) -> str:
    if entry.revoked_at is not None:
        return f"revoked {entry.revoked_at:%Y-%m-%d}"
    if entry.expires_at is None:
        return "without an end"
    return f"{'ended' if entry.expires_at <= now else 'until'} {entry.expires_at:%Y-%m-%d}"


def _used(entry: TokenEntry) -> str:
    return "never used" if entry.used_at is None else f"used {entry.used_at:%Y-%m-%d}"


@token.command("revoke")
def revoke(
    token_id: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="As `token list` shows it.")],
    as_json: Json = False,
) -> None:
    """End a token: within a second it opens nothing any more."""
    run(_revoke(token_id))
    if as_json:
        show({"id": token_id, "revoked": True}, as_json=True)
    say(f"Token {token_id} is revoked.")


async def _revoke(token_id: int) -> None:
    async with open_plant() as plant, writing(plant.engine) as connection:
        await revoke_token(connection, token_id, scope=WHOLE, actor=ACTOR, now=utc_now())


@officer.command("add")
def add(
    username: str,
    role: Annotated[Role, typer.Option(help="What the officer may do.")],
    name: Annotated[str | None, typer.Option(help="The officer's name.")] = None,
    unit: Units = None,
    password: Password = None,
    as_json: Json = False,
) -> None:
    """Add somebody who signs in with a user name and a password."""
    chosen = _chosen(password)
    new = NewOfficer(username=username, name=name or username, role=role, units=unit or (), password=chosen)
    run(_add(new))
    if as_json:
        show({"username": username, "role": role, "units": new.units}, as_json=True)
    say(f"Officer {username} may sign in now.")


def _chosen(password: str | None) -> str:
    """The password, asked for where none is given: beside standard output, which belongs to the result."""
    if password is not None:
        return password
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


async def _add(new: NewOfficer) -> None:
    async with open_plant() as plant, writing(plant.engine) as connection:
        await add_officer(connection, new, actor=ACTOR, now=utc_now())


@officer.command("list")
def list_officers_(as_json: Json = False) -> None:
    """Everybody who signs in, with role and units, and who is locked out or has left."""
    found = run(_officers())
    if as_json:
        show({"items": [asdict(each) for each in found]}, as_json=True)
        return
    now = utc_now()
    for each in found:
        typer.echo(
            f"{each.username:<24} {each.role:<11} {_standing(each, now):<10} {','.join(each.units) or 'everything'}"
        )
    if not found:
        say("There is no officer yet. Add one: tanggap officer add NAME --role admin")


async def _officers() -> list[OfficerEntry]:
    async with open_plant() as plant, reading(plant.engine) as connection:
        return await list_officers(connection, scope=WHOLE, limit=_ALL)


def _standing(entry: OfficerEntry, now: datetime) -> str:
    if not entry.is_active:
        return "has left"
    return "locked" if entry.locked_until is not None and entry.locked_until > now else "active"


@officer.command("unlock")
def unlock(username: Username, as_json: Json = False) -> None:
    """Let somebody sign in again at once, however many wrong passwords there were."""
    run(_unlock(username))
    if as_json:
        show({"username": username, "unlocked": True}, as_json=True)
    say(f"Officer {username} may sign in again.")


async def _unlock(username: str) -> None:
    async with open_plant() as plant, writing(plant.engine) as connection:
        found = await find_by_username(connection, username, scope=WHOLE)
        await unlock_officer(connection, found.id, by=_OPERATOR, now=utc_now())


@officer.command("password")
def new_password(username: Username, password: Password = None, as_json: Json = False) -> None:
    """Give somebody a new password: a lock is over, and every session of theirs ends."""
    run(_change(username, OfficerChange(password=_chosen(password))))
    if as_json:
        show({"username": username, "changed": True}, as_json=True)
    say(f"Officer {username} signs in with the new password from now on.")


async def _change(username: str, change: OfficerChange) -> None:
    async with open_plant() as plant, writing(plant.engine) as connection:
        found = await find_by_username(connection, username, scope=WHOLE)
        await change_officer(connection, found.id, change, by=_OPERATOR, now=utc_now())
