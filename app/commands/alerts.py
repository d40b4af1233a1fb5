"""Commands on alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.ladder import Level
from app.alerts.reading import AlertFilters, AlertView, page
from app.alerts.replaying import replay_all
from app.alerts.watch import Swept, sweep_all
from app.clock import utc_now
from app.commands.frame import open_plant, run, show
from app.commands.people import ACTOR
from app.commands.sources import Json
from app.db.scope import WHOLE
from app.db.session import reading, writing
from app.db.states import AlertState
from app.people.audit import Details, record

alerts = typer.Typer(help="Alerts: warnings before and at each breach.", no_args_is_help=True)


@alerts.command("sweep")
def sweep(as_json: Json = False) -> None:
    """Raise now what has fired; a worker does this every second."""
    swept = run(_sweep())
    show({"raised": swept.raised, "advanced": swept.advanced}, as_json=as_json)


@alerts.command("replay")
def replay(
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="Only what was tried since then, local time."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Send every dead message again, under the same ids; what has lost its reason meanwhile is withdrawn."""
    show({"replayed": run(_replay(since))}, as_json=as_json)


@alerts.command("list")
def list_(
    state: Annotated[list[AlertState] | None, typer.Option(help="Only in this state; may be repeated.")] = None,
    level: Annotated[list[Level] | None, typer.Option(help="Only of this level; may be repeated.")] = None,
    unit: Annotated[str | None, typer.Option(help="Only of this unit and those below: its code.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 50,
    as_json: Json = False,
) -> None:
    """The alerts, newest first, with what became of each."""
    found = run(_list(AlertFilters(states=tuple(state or ()), levels=tuple(level or ()), unit=unit), limit))
    if as_json:
        show({"items": found}, as_json=True)
        return
    for each in found:
        name = each.complaint.ticket_code or f"#{each.complaint.id}"
        where = each.unit.code if each.unit is not None else "-"
        step = f"{each.clock} {each.step}"
        typer.echo(f"{each.id:>8} {each.level:<8} {each.state:<12} {name:<16} {where:<16} {step}")


async def _list(filters: AlertFilters, limit: int) -> Sequence[AlertView]:
    async with open_plant() as plant, reading(plant.engine) as connection:
        found, _ = await page(connection, filters, WHOLE, limit=limit)
        return found


async def _replay(since: datetime | None) -> int:
    async with open_plant() as plant:
        total, now = 0, utc_now()
        first = since.replace(tzinfo=plant.settings.zone) if since is not None else None
        while True:
            async with writing(plant.engine) as connection:
                count = await replay_all(connection, since=first, now=now)
                if count:
                    await _note(connection, count, now)
            if not count:
                return total
            total += count


async def _note(connection: AsyncConnection, count: int, now: datetime) -> None:
    details: Details = {"count": count}
    await record(connection, actor=ACTOR, action="delivery.replay", subject="deliveries", details=details, now=now)


async def _sweep() -> Swept:
    async with open_plant() as plant:
        return await sweep_all(plant.engine, plant.rulebooks, now=utc_now())
