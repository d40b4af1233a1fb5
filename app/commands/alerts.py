"""Commands on alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.replaying import replay_all
from app.alerts.watch import Swept, sweep_all
from app.clock import utc_now
from app.commands.frame import open_plant, run, show
from app.commands.sources import Json
from app.db.session import writing
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
    await record(connection, actor="cli", action="delivery.replay", subject="deliveries", details=details, now=now)


async def _sweep() -> Swept:
    async with open_plant() as plant:
        return await sweep_all(plant.engine, plant.rulebooks, now=utc_now())
