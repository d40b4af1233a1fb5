"""Commands on the clocks: preview a case, verify what is stored, fold it again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

from app.clock import utc_now
from app.commands.frame import open_plant, run, say, show
from app.complaint.errors import DomainError, InvalidInput
from app.db.recompute import recompute_all
from app.db.rulebook import stored_calendars
from app.db.session import reading, snapshot
from app.db.verify import Difference, verify
from app.sla.calendars import CalendarRules
from app.sla.preview import preview

sla = typer.Typer(help="SLA clocks: preview, verify.", no_args_is_help=True)

_SHOWN = 20


class Unverified(DomainError):
    """Stored figures differ from the fold of their history."""


@sla.command("preview")
def preview_(
    file: Annotated[str, typer.Argument(help="A case as JSON; - is standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="The answer is JSON either way.")] = True,
) -> None:
    """The outcome of one case: calendar, target and events in, state, due time and account out."""
    case = _read_case(file)
    calendars = run(_calendars()) if isinstance(case.get("calendar"), str) else {}
    show(preview(case, calendars=calendars.get), as_json=True)


def _read_case(file: str) -> dict[str, object]:
    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        case = orjson.loads(text)
    except OSError as error:
        raise InvalidInput("file", f"{file} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise InvalidInput("file", f"{file} is not JSON: {error}") from error
    if not isinstance(case, dict):
        raise InvalidInput("file", "a case is a JSON object")
    return case


async def _calendars() -> dict[str, CalendarRules]:
    async with open_plant() as plant, reading(plant.engine) as connection:
        return await stored_calendars(connection)


@sla.command("verify")
def verify_(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Fold every complaint's history again and compare with what is stored; 0 = every stored clock equals its fold."""
    count, found = run(_verify())
    differences = [
        {"complaint": each.complaint_id, "what": each.what, "stored": str(each.stored), "folded": str(each.folded)}
        for each in found
    ]
    show({"complaints": count, "differences": len(found), "first": differences[:_SHOWN]}, as_json=as_json)
    if found:
        raise Unverified(f"{len(found)} stored figures differ from their history; `tanggap recompute` folds them again")


async def _verify() -> tuple[int, list[Difference]]:
    count, found = 0, list[Difference]()
    async with open_plant() as plant, snapshot(plant.engine) as connection:
        rules = await plant.rulebooks.current(connection)
        async for compared, differences in verify(connection, rules):
            count += compared
            found += differences
    return count, found


def recompute(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Fold every complaint again under the rules in force; closed clocks keep their verdict."""
    changed = run(_recompute())
    show({"recomputed": changed}, as_json=as_json)
    say("Versions of complaints stay as they were: only clocks moved.")


async def _recompute() -> int:
    async with open_plant() as plant:
        return await recompute_all(plant.engine, plant.rulebooks, now=utc_now())
