"""Commands on intake beside pulling: import, backfill, rejects, replay, compare, notices, the secret of pushes."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import orjson
import typer

from app.api.sheets import guarded
from app.backfilling import finish_backfill, reconcile_source
from app.clock import utc_now
from app.commands.frame import ACTOR, open_plant, run, say, show
from app.commands.on_record import on_record
from app.commands.progress import Steps, showing
from app.commands.sources import Json, Options, day, pairs
from app.complaint.errors import DomainError, InvalidInput
from app.db.session import reading, writing
from app.db.states import JobState
from app.importing import FileToRead, OnBatch, import_file, rehearse_file
from app.intake import notices, replay
from app.intake.backfill import BackfillView, order_backfill
from app.intake.beside import Desk
from app.intake.connecting import connect_rereading
from app.intake.push import make_push_secret
from app.intake.reconcile import DAYS, DayView
from app.intake.run import Report
from app.intake.sources import read_source
from app.intake.tally import Tally
from app.intake.view import RejectView, view_rejects
from app.people.audit import record
from app.pulling import Plant
from connectors.contract import Reject
from connectors.registry import CONNECTORS, profile_names

_SHOWN = 200


class BackfillFailed(DomainError):
    """A backfill was given up."""


def import_(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, JSON lines or Excel; also .gz and .zip.")],
    profile: Annotated[str, typer.Option(help=f"{', '.join(profile_names())}, or the path of a TOML profile.")],
    history: Annotated[bool, typer.Option("--history", help="Raise no alerts for what the file brings.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing; say what storing would come to.")] = False,
    rejects: Annotated[Path | None, typer.Option(help="Write the rows that are refused, with reasons, as CSV.")] = None,
    option: Options = None,
    as_json: Json = False,
) -> None:
    """Import a file by a mapping profile and print the tally; importing it again changes nothing."""
    if not file.is_file():
        raise InvalidInput("file", f"{file} is not a file")
    wanted = FileToRead(file, profile, pairs(option), is_history=history)
    total = Tally()
    with _report(rejects) as add, showing(file.name) as step:

        def on_batch(tally: Tally, refused: tuple[Reject, ...]) -> None:
            total.add(tally)
            add(refused)
            step(total.pulled, None, f"{total.pulled:,} rows, {total.rejected:,} refused")

        found = run(_import(wanted, on_batch, is_dry_run=dry_run))
    show(found, as_json=as_json)


@contextmanager
def _report(file: Path | None) -> Iterator[Callable[[tuple[Reject, ...]], None]]:
    """Writes what is refused into a sheet, as long as the block runs; nothing without a file."""
    if file is None:
        yield lambda refused: None
        return
    with file.open("w", encoding="utf-8-sig", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(("external_id", "reason", "row"))
        yield lambda refused: writer.writerows(_refused(each) for each in refused)


def _refused(reject: Reject) -> tuple[str, str, str]:
    row = orjson.dumps(dict(reject.raw), default=str).decode()
    return str(guarded(reject.external_id or "")), reject.reason, row


async def _import(file: FileToRead, on_batch: OnBatch, *, is_dry_run: bool) -> dict[str, object]:
    async with open_plant() as plant:
        if not is_dry_run:
            return (await _store(plant, file, on_batch)).to_json()
        tally = await rehearse_file(plant, file, on_batch=on_batch)
        return {"run": None, "source": file.profile, **tally.as_columns(), "complete_through": None, "dry_run": True}


async def _store(plant: Plant, file: FileToRead, on_batch: OnBatch) -> Report:
    async with on_record(plant, "import", f"profile {Path(file.profile).stem}") as deed:
        if isinstance(file.content, Path):
            deed.add(size=file.content.stat().st_size)
        report = await import_file(plant, file, on_batch=on_batch)
        deed.subject = f"source {report.source}"
        deed.add(run=report.run_id, **report.tally.as_columns())
        return report


def backfill(
    name: Annotated[str, typer.Argument(help="The source.")],
    first: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Last day, YYYY-MM-DD.")],
    as_json: Json = False,
) -> None:
    """Read past days of a source; stopped, it goes on where it was when it is called again or by a worker."""
    from_on, to_on = day("from", first), day("to", last)
    assert from_on is not None and to_on is not None
    with showing(name) as step:
        found = run(_backfill(name, from_on, to_on, step))
    told = asdict(found)
    told["from"], told["to"] = told.pop("from_on"), told.pop("to_on")
    show(told, as_json=as_json)
    if found.state is JobState.FAILED:
        raise BackfillFailed(f"the backfill of {name} was given up: {found.error}")


async def _backfill(name: str, first: date, last: date, step: Steps) -> BackfillView:
    async with open_plant() as plant:
        async with writing(plant.engine) as connection:
            source = await read_source(connection, name)
            zone, now = plant.settings.zone, utc_now()
            wanted = await order_backfill(connection, source, from_on=first, to_on=last, by=ACTOR, zone=zone, now=now)
            subject, details = f"source {name} {first}..{last}", {"backfill": wanted}
            await record(connection, actor=ACTOR, action="source.backfill", subject=subject, details=details, now=now)
        async with on_record(plant, "source.backfill-end", subject) as deed:
            deed.add(backfill=wanted)
            done = await finish_backfill(plant, wanted, lambda view: step(view.days_done, view.days, _told(view)))
            counts = {each: getattr(done, each) for each in Tally().as_columns()}
            deed.add(state=done.state, days=done.days_done, **counts)
            return done


def _told(view: BackfillView) -> str:
    return f"{view.days_done} of {view.days} days, {view.pulled:,} records{', ' + view.error if view.error else ''}"


def replay_rejects(
    name: Annotated[str, typer.Argument(help="The source.")],
    reject: Annotated[int | None, typer.Option(help="Only the reject of this id.")] = None,
    as_json: Json = False,
) -> None:
    """Read the records that were kept aside again, after a mapping was mended."""
    show(run(_replay(name, reject)), as_json=as_json)


async def _replay(name: str, reject_id: int | None) -> dict[str, object]:
    subject = f"source {name}" if reject_id is None else f"source {name} reject {reject_id}"
    async with open_plant() as plant, on_record(plant, "reject.replay", subject) as deed:
        told = await _replay_all(plant, name, reject_id)
        deed.add(**told)
        return {"source": name, **told}


async def _replay_all(plant: Plant, name: str, reject_id: int | None) -> dict[str, int]:
    tally, after, replayed, rejected = Tally(), 0, 0, 0
    while True:
        async with writing(plant.engine) as connection:
            source = await read_source(connection, name)
            connector = connect_rereading(source, plant.vault, CONNECTORS)
            desk = Desk(plant.rulebooks, plant.vault, ACTOR, utc_now())
            if reject_id is not None:
                done = await replay.replay_one(connection, desk, source, connector, reject_id)
            else:
                done = await replay.replay_many(connection, desk, source, connector, after=after)
        tally.add(done.tally)
        after, replayed, rejected = done.last_id, replayed + done.replayed, rejected + done.rejected
        if reject_id is not None or not done.remaining:
            break
    tally.rejected = rejected
    return {"replayed": replayed, "still_rejected": rejected, **tally.as_columns()}


def list_rejects(name: Annotated[str, typer.Argument(help="The source.")], as_json: Json = False) -> None:
    """Which records were kept aside, and why; newest first."""
    found = run(_rejects(name))
    if as_json:
        show({"source": name, "items": [asdict(each) for each in found]}, as_json=True)
        return
    for each in found:
        typer.echo(f"{each.id:<8} {each.external_id or 'without id':<20} {each.reason}  ({each.times_seen} times)")
    if not found:
        say(f"No record of {name} is kept aside.")


async def _rejects(name: str) -> list[RejectView]:
    async with open_plant() as plant, reading(plant.engine) as connection:
        return list(await view_rejects(connection, name, before=None, limit=_SHOWN))


def reconcile(
    name: Annotated[str, typer.Argument(help="The source.")],
    days: Annotated[int, typer.Option(help="Whole days before today to compare.", min=1, max=400)] = DAYS,
    as_json: Json = False,
) -> None:
    """Compare the ids that a source lists for each day with what is held; what is missing is stored."""
    found = run(_reconcile(name, days))
    if as_json:
        show({"source": name, "items": [asdict(each) for each in found]}, as_json=True)
        return
    for each in found:
        typer.echo(
            f"{each.day_on}  listed {each.listed:>6}  held {each.held:>6}  "
            f"repaired {each.repaired:>5}  no longer listed {each.unlisted:>5}"
        )


async def _reconcile(name: str, days: int) -> list[DayView]:
    async with open_plant() as plant, on_record(plant, "source.reconcile", f"source {name}") as deed:
        found = await reconcile_source(plant, name, days=days)
        repaired, unlisted = sum(each.repaired for each in found), sum(each.unlisted for each in found)
        deed.add(days=len(found), repaired=repaired, unlisted=unlisted)
        return found


def list_notices(
    name: Annotated[str | None, typer.Argument(help="Only those of this source.")] = None, as_json: Json = False
) -> None:
    """What about the data of the sources needs somebody: unknown words, fields that came or went, gaps."""
    found = run(_notices(name))
    if as_json:
        show({"items": [asdict(each) for each in found]}, as_json=True)
        return
    for each in found:
        typer.echo(f"{each.source:<20} {each.kind:<18} {each.subject}  ({each.times_seen} times)")
    if not found:
        say("No notice waits for anybody.")


async def _notices(name: str | None) -> list[notices.NoticeView]:
    async with open_plant() as plant, reading(plant.engine) as connection:
        if name is not None:
            await read_source(connection, name)
        return list(await notices.view_notices(connection, source=name, before=None, limit=_SHOWN))


def push_secret(name: Annotated[str, typer.Argument(help="The source.")], as_json: Json = False) -> None:
    """Make the secret with which a source signs what it pushes to /api/v1/intake/NAME; a former one fits no more."""
    secret = run(_push_secret(name))
    show({"source": name, "secret": secret}, as_json=as_json)


async def _push_secret(name: str) -> str:
    async with open_plant() as plant, writing(plant.engine) as connection:
        source = await read_source(connection, name)
        subject = f"source {name}"
        await record(connection, actor=ACTOR, action="source.push_secret", subject=subject, now=utc_now())
        return await make_push_secret(connection, source, plant.vault)
