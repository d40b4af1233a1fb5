"""Commands on people: tokens and officers."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from app.clock import utc_now
from app.commands.frame import open_plant, run, say, show
from app.commands.sources import Json, parse_span
from app.complaint.roles import Role
from app.db.session import writing
from app.people.officers import NewOfficer, add_officer
from app.people.tokens import CreatedToken, NewToken, create_token

token = typer.Typer(help="API tokens.", no_args_is_help=True)
officer = typer.Typer(help="Officers: the people who sign in.", no_args_is_help=True)

ACTOR = "command line"

Units = Annotated[list[str] | None, typer.Option("--unit", help="Unit code; may be given several times.")]


@token.command("create")
def create(
    role: Annotated[Role, typer.Option(help="What the token may do.")],
    unit: Units = None,
    name: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    expires: Annotated[str | None, typer.Option(help="How long it lives, e.g. 90d.")] = None,
    as_json: Json = False,
) -> None:
    """Create a token and show it this one time; without --unit it covers the whole tree and what is unrouted."""
    now = utc_now()
    expires_at = now + timedelta(seconds=parse_span("expires", expires)) if expires else None
    new = NewToken(name=name or f"{role} token", role=role, units=unit or (), expires_at=expires_at)
    created = run(_create(new))
    show({"id": created.id, "token": created.token}, as_json=as_json)


async def _create(new: NewToken) -> CreatedToken:
    async with open_plant() as plant, writing(plant.engine) as connection:
        return await create_token(connection, new, actor=ACTOR, now=utc_now())


@officer.command("add")
def add(
    username: str,
    role: Annotated[Role, typer.Option(help="What the officer may do.")],
    name: Annotated[str | None, typer.Option(help="The officer's name.")] = None,
    unit: Units = None,
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for when not given.")
    ] = "",
) -> None:
    """Add somebody who signs in with a user name and a password."""
    new = NewOfficer(username=username, name=name or username, role=role, units=unit or (), password=password)
    run(_add(new))
    say(f"Officer {username} may sign in now.")


async def _add(new: NewOfficer) -> None:
    async with open_plant() as plant, writing(plant.engine) as connection:
        await add_officer(connection, new, actor=ACTOR, now=utc_now())
