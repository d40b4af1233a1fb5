"""Commands on units: close a month."""

from __future__ import annotations

from typing import Annotated

import typer

from app.clock import utc_now
from app.commands.frame import open_plant, run, show
from app.monthly import close

units = typer.Typer(help="Units: monthly closes.", no_args_is_help=True)


@units.command("close")
def close_(
    month: Annotated[str, typer.Argument(help="A month that has ended: 2026-10.")],
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Keep the month's figures of every unit as they are known now; nothing rewrites them."""
    show({"month": month, "units": run(_close(month))}, as_json=as_json)


async def _close(month: str) -> int:
    async with open_plant() as plant:
        return await close(plant, month, actor="tanggap units close", now=utc_now())
