"""`tanggap audit`: whether the trail is whole, and the trail itself for whoever wants to check it elsewhere."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import orjson
import typer

from app.clock import utc_now
from app.commands.frame import open_plant, run, say, show
from app.commands.people import ACTOR
from app.commands.results import Output, written_to
from app.commands.sources import Json, day
from app.complaint.errors import DomainError, InvalidInput
from app.db.session import snapshot, writing
from app.people import audit as trail
from app.pulling import Plant

audit = typer.Typer(help="The audit trail: who did and who saw what.", no_args_is_help=True)


class BrokenTrail(DomainError):
    """The trail was changed behind the service's back."""


@audit.command("verify")
def verify(
    anchor: Annotated[str | None, typer.Option(help="ID:HASH as an earlier run printed it.")] = None,
    as_json: Json = False,
) -> None:
    """Check the whole chain of hashes; exit 1 and the first broken entry when it was changed or cut short."""
    found, holds = run(_verify(anchor))
    document = {"entries": found.entries, "anchor": found.anchor, "broken_id": found.broken_id, "holds_anchor": holds}
    show(document, as_json=as_json)
    if found.broken_id is not None:
        raise BrokenTrail(f"the audit trail is broken at entry {found.broken_id}")
    if not holds:
        raise BrokenTrail(f"the audit trail no longer has the entry {anchor}")


async def _verify(anchor: str | None) -> tuple[trail.Examined, bool]:
    async with open_plant() as plant, snapshot(plant.engine) as connection:
        found = await trail.examine(connection)
        return found, anchor is None or await trail.holds_anchor(connection, anchor)


@audit.command("export")
def export(
    first: Annotated[str | None, typer.Option("--from", help="First local day, YYYY-MM-DD.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last local day, YYYY-MM-DD.")] = None,
    output: Output = None,
) -> None:
    """Write the entries as JSON Lines, each with its hash and the one before, for a check outside; it is on record."""
    from_on, to_on = day("from", first), day("to", last)
    if from_on is not None and to_on is not None and to_on < from_on:
        raise InvalidInput("to", "must not lie before from")
    say(f"{run(_export(from_on, to_on, output))} entries.")


async def _export(from_on: date | None, to_on: date | None, output: Path | None) -> int:
    count = 0
    async with open_plant() as plant:
        since, until = _begin(from_on, plant.settings.zone, days=0), _begin(to_on, plant.settings.zone, days=1)
        with written_to(output) as lines:
            await _note(plant, {"from": str(from_on or ""), "to": str(to_on or "")})
            async with snapshot(plant.engine) as connection:
                async for each in trail.export(connection, since=since, until=until):
                    lines.write(orjson.dumps(each) + b"\n")
                    count += 1
    return count


async def _note(plant: Plant, details: trail.Details) -> None:
    async with writing(plant.engine) as connection:
        now = utc_now()
        await trail.record(connection, actor=ACTOR, action="audit.export", subject="audit", details=details, now=now)


def _begin(on: date | None, zone: ZoneInfo, *, days: int) -> datetime | None:
    return None if on is None else datetime.combine(on + timedelta(days=days), time(), zone)
