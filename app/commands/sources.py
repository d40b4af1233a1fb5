"""Commands on sources: add, change, list, check, pull."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any

import typer
from sqlalchemy import Row

from app.clock import utc_now
from app.commands.frame import ACTOR, open_plant, run, say, show
from app.commands.on_record import on_record
from app.complaint.errors import InvalidInput
from app.db.session import reading, writing
from app.intake.run import Report
from app.intake.sources import (
    NewSource,
    SourceChange,
    add_source,
    change_source,
    last_runs,
    list_sources,
    open_reject_counts,
    read_source,
)
from app.people.audit import record
from app.pulling import build_connector, check_source, pull_source
from connectors.registry import CONNECTORS

source = typer.Typer(help="Sources: the outside systems that complaints come from.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Options = Annotated[list[str] | None, typer.Option("--option", help="KEY=VALUE, as the connector's README says.")]

_FIRST_YEAR, _LAST_YEAR = 1900, 9998
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_LONGEST_SPAN_S = 3_653 * 86_400


@source.command("add")
def add(
    name: Annotated[str, typer.Argument(help="How the source is called here, e.g. jaki.")],
    connector: Annotated[str, typer.Option(help=f"One of {', '.join(CONNECTORS)}.")],
    url: Annotated[str | None, typer.Option(help="Where it is.")] = None,
    token: Annotated[str | None, typer.Option(help="Bearer token; kept encrypted.")] = None,
    since: Annotated[str | None, typer.Option(help="First day to ask for, YYYY-MM-DD.")] = None,
    every: Annotated[str, typer.Option(help="How often to pull: 30s, 5m, 1h.")] = "5m",
    option: Options = None,
    as_json: Json = False,
) -> None:
    """Add a source; a worker pulls it at once and then on its schedule."""
    new = NewSource(
        name=name,
        connector=connector,
        url=url,
        token=token,
        since_on=day("since", since),
        every_s=parse_span("every", every),
        options=pairs(option),
    )
    run(_add(new))
    if as_json:
        show({"source": name, "connector": connector, "url": url, "every_s": new.every_s}, as_json=True)
    say(f"Source {name} is added. Try it: tanggap source check {name}")


async def _add(new: NewSource) -> None:
    async with open_plant() as plant, writing(plant.engine) as connection:
        await add_source(connection, new, plant.vault, now=utc_now())
        # Bad options are told now, inside the transaction, and not at three in the morning.
        build_connector(await read_source(connection, new.name), plant.vault)
        subject, details = f"source {new.name}", {"connector": new.connector}
        await record(connection, actor=ACTOR, action="source.create", subject=subject, details=details, now=utc_now())


@source.command("change")
def change(
    name: Annotated[str, typer.Argument(help="The source.")],
    url: Annotated[str | None, typer.Option(help="Where it is from now on.")] = None,
    token: Annotated[str | None, typer.Option(help="Its new token; kept encrypted.")] = None,
    since: Annotated[str | None, typer.Option(help="First day to ask for, YYYY-MM-DD.")] = None,
    every: Annotated[str | None, typer.Option(help="How often to pull: 30s, 5m, 1h.")] = None,
    option: Options = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Pull it, or leave it alone.")] = None,
    as_json: Json = False,
) -> None:
    """Change what a source is pulled by; what is not given stays, and KEY= takes an option away. It is due at once."""
    wanted = SourceChange(
        url=url,
        token=token,
        since_on=day("since", since),
        every_s=None if every is None else parse_span("every", every),
        is_enabled=enabled,
        options=pairs(option),
    )
    if wanted == SourceChange():
        raise typer.BadParameter("say what shall be otherwise: --url, --token, --since, --every, --option, --disable")
    run(_change(name, wanted))
    if as_json:
        show({"source": name, "changed": changed_fields(wanted)}, as_json=True)
    say(f"Source {name} is changed. Try it: tanggap source check {name}")


async def _change(name: str, wanted: SourceChange) -> None:
    async with open_plant() as plant, writing(plant.engine) as connection:
        await change_source(connection, name, wanted, plant.vault, now=utc_now())
        build_connector(await read_source(connection, name), plant.vault)
        subject, details = f"source {name}", {"changed": changed_fields(wanted)}
        await record(connection, actor=ACTOR, action="source.change", subject=subject, details=details, now=utc_now())


def changed_fields(wanted: SourceChange) -> list[str]:
    """What is otherwise, by name: a value may be a secret."""
    plain = ("url", "token", "since_on", "every_s", "is_enabled")
    return [*(each for each in plain if getattr(wanted, each) is not None), *sorted(wanted.options)]


@source.command("list")
def list_(as_json: Json = False) -> None:
    """What sources there are and how they do."""
    rows = run(_list())
    if as_json:
        show({"items": rows}, as_json=True)
        return
    for row in rows:
        state = row["last_error"] or f"complete through {row['complete_through'] or 'nothing yet'}"
        typer.echo(f"{row['source']:<20} {row['connector']:<12} {state}")
    if not rows:
        say("There is no source yet. Add one: tanggap source add NAME --connector crm --url https://…")


async def _list() -> list[dict[str, object]]:
    async with open_plant() as plant, reading(plant.engine) as connection:
        rejects = await open_reject_counts(connection)
        runs = await last_runs(connection)
        return [_entry(row, rejects.get(row.id, 0), runs.get(row.id)) for row in await list_sources(connection)]


def _entry(row: Row[Any], rejects: int, last: Row[Any] | None) -> dict[str, object]:
    return {
        "source": row.name,
        "connector": row.connector,
        "url": row.url,
        "every_s": row.every_s,
        "is_enabled": row.is_enabled,
        "next_run_at": row.next_run_at,
        "last_success_at": row.last_success_at,
        "complete_through": row.complete_through,
        "rejects": rejects,
        "last_run": last.state if last else None,
        "last_error": row.last_error,
    }


@source.command("check")
def check(name: str, as_json: Json = False) -> None:
    """Can the source be reached and read? Stores nothing."""
    reached = run(_check(name))
    if as_json:
        show({"source": name, "reached": reached}, as_json=True)
    else:
        typer.echo(reached)


async def _check(name: str) -> str:
    async with open_plant() as plant:
        return await check_source(plant, name)


def pull(name: str, as_json: Json = False) -> None:
    """Pull one source now and print the tally."""
    show(run(_pull(name)).to_json(), as_json=as_json)


async def _pull(name: str) -> Report:
    async with open_plant() as plant, on_record(plant, "source.pull", f"source {name}") as deed:
        report = await pull_source(plant, name)
        deed.add(run=report.run_id, **report.tally.as_columns())
        return report


def parse_span(field: str, text: str) -> int:
    """Seconds of a span written `30s`, `5m`, `1h` or `1d`.

    Raises: InvalidInput.
    """
    written = _SPAN.fullmatch(text)
    span_s = int(written[1]) * _UNITS[written[2]] if written else 0
    if not 1 <= span_s <= _LONGEST_SPAN_S:
        raise InvalidInput(field, f"{text} is no span: write 30s, 5m, 1h or 1d, at most ten years")
    return span_s


def day(field: str, text: str | None) -> date | None:
    """The day of `YYYY-MM-DD`; None for nothing.

    Raises: InvalidInput.
    """
    if text is None:
        return None
    try:
        found = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError as error:
        raise InvalidInput(field, f"{text} is no day: write YYYY-MM-DD") from error
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise InvalidInput(field, f"{text} lies outside the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return found


def pairs(options: list[str] | None) -> dict[str, str]:
    """The options of `KEY=VALUE` words.

    Raises: InvalidInput.
    """
    found = {}
    for each in options or ():
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise InvalidInput("option", f"{each} is not KEY=VALUE")
        found[name] = value
    return found
