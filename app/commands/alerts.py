"""Commands on alerts."""

from __future__ import annotations

import typer

from app.alerts.watch import Swept, sweep_all
from app.clock import utc_now
from app.commands.frame import open_plant, run, show
from app.commands.sources import Json

alerts = typer.Typer(help="Alerts: warnings before and at each breach.", no_args_is_help=True)


@alerts.command("sweep")
def sweep(as_json: Json = False) -> None:
    """Raise now what has fired; a worker does this every second."""
    swept = run(_sweep())
    show({"raised": swept.raised, "advanced": swept.advanced}, as_json=as_json)


async def _sweep() -> Swept:
    async with open_plant() as plant:
        return await sweep_all(plant.engine, plant.rulebooks, now=utc_now())
