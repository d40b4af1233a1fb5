"""`tanggap export`: complaints for whoever works on with them elsewhere, as a sheet or as one JSON document."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import orjson
import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.complaint_answers import COLUMNS, sheet_row
from app.api.sheets import Cell, guarded
from app.clock import utc_now
from app.commands.frame import ACTOR, open_plant, run, say
from app.commands.progress import Steps, showing
from app.commands.results import Output, written_to
from app.commands.sources import Json, day
from app.complaint.clocks import Rulebook
from app.complaint.errors import InvalidInput
from app.complaint.lifecycle import Status
from app.complaint.roles import Role
from app.db.scope import WHOLE
from app.db.session import snapshot, writing
from app.people.audit import Details, record
from app.pulling import Plant
from app.workqueue.asker import Asker
from app.workqueue.filters import Filters, Sort, Span
from app.workqueue.listing import read_page
from app.workqueue.selection import Selection, select_for
from app.workqueue.shapes import ComplaintCard

_OPERATOR = Asker(WHOLE, Role.ADMIN)
_PAGE = 500


@dataclass(frozen=True, slots=True)
class _Wish:
    """Which complaints are wanted; the days are those on which they were reported."""

    units: tuple[str, ...]
    statuses: tuple[Status, ...]
    sources: tuple[str, ...]
    from_on: date | None
    to_on: date | None

    def filters(self, zone: ZoneInfo) -> Filters:
        """The filters of the queue; `zone` says when a day begins."""
        reported_in = Span(_midnight(self.from_on, zone, days=0), _midnight(self.to_on, zone, days=1))
        return Filters(units=self.units, statuses=self.statuses, sources=self.sources, reported_in=reported_in)

    def on_record(self) -> Details:
        """The wish as the audit trail keeps it."""
        days = {"from": self.from_on, "to": self.to_on}
        named = {"unit": self.units, "status": self.statuses, "source": self.sources}
        filters = [f"{name}={each}" for name, values in named.items() for each in values]
        return {"filters": filters + [f"{name}={each}" for name, each in days.items() if each is not None]}


def export(
    unit: Annotated[list[str] | None, typer.Option(help="Only of this unit and those below; may be repeated.")] = None,
    status: Annotated[list[Status] | None, typer.Option(help="Only in this status; may be repeated.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="Only what this source brings; may be repeated.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="Reported from this local day on, YYYY-MM-DD.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Reported up to this local day.")] = None,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Write complaints as CSV, oldest first, as lists show them: masked and without private words; it is on record."""
    from_on, to_on = day("from", first), day("to", last)
    if from_on is not None and to_on is not None and to_on < from_on:
        raise InvalidInput("to", "must not lie before from")
    wish = _Wish(tuple(unit or ()), tuple(status or ()), tuple(source or ()), from_on, to_on)
    with showing("export") as step:
        count = run(_export(wish, output, step, as_json=as_json))
    say(f"{count:,} complaints.")


async def _export(wish: _Wish, output: Path | None, step: Steps, *, as_json: bool) -> int:
    now, count = utc_now(), 0
    async with open_plant() as plant, snapshot(plant.engine) as connection:
        rules = await plant.rulebooks.current(connection)
        zone = plant.settings.zone
        selection = await select_for(connection, wish.filters(zone), _OPERATOR, rules, now=now, zone=zone)
        with written_to(output) as file:
            await _note(plant, wish, now)
            file.write(_begin(now, as_json=as_json))
            async for cards in _pages(connection, selection, rules, now):
                file.write(_document(cards, is_first=not count) if as_json else _sheet(map(sheet_row, cards)))
                count += len(cards)
                step(count, None, f"{count:,} complaints")
            file.write(b"]}\n" if as_json else b"")
    return count


async def _note(plant: Plant, wish: _Wish, now: datetime) -> None:
    async with writing(plant.engine) as connection:
        details = wish.on_record()
        await record(connection, actor=ACTOR, action="complaint.export", subject="complaints", details=details, now=now)


async def _pages(
    connection: AsyncConnection, selection: Selection, rules: Rulebook, now: datetime
) -> AsyncIterator[Sequence[ComplaintCard]]:
    after = None
    while True:
        page = await read_page(
            connection, selection, _OPERATOR, rules, sort=Sort.OLDEST, after=after, limit=_PAGE, now=now
        )
        yield page.items
        after = page.last
        if after is None:
            return


def _begin(now: datetime, *, as_json: bool) -> bytes:
    """What stands before the first complaint; spreadsheets need a mark to see that a sheet is in UTF-8."""
    if as_json:
        return b'{"as_of":' + orjson.dumps(now, option=orjson.OPT_UTC_Z) + b',"items":['
    return codecs.BOM_UTF8 + _sheet([COLUMNS])


def _document(cards: Sequence[ComplaintCard], *, is_first: bool) -> bytes:
    items = orjson.dumps(cards, option=orjson.OPT_UTC_Z)[1:-1]
    return items if is_first or not items else b"," + items


def _sheet(rows: Iterable[Sequence[Cell]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _midnight(on: date | None, zone: ZoneInfo, *, days: int) -> datetime | None:
    return None if on is None else datetime.combine(on + timedelta(days=days), time(), zone)
