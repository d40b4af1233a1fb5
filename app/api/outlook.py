"""The outlook of a unit over REST: what will be overdue before it opens, and if its pace clears its backlog."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request, Response
from typing_extensions import TypedDict

from app.api.etags import UNCHANGED, shown_sources
from app.api.freshness import SourceFreshness
from app.api.instants import rfc3339
from app.api.unit_answers import unit_name
from app.api.unit_polling import OUTLOOK
from app.api.unit_shapes import UnitName
from app.dependencies import CallerDep, HouseDep, LanguageDep, Now, Surveying
from app.sla.speech import Speech
from app.units.catalogue import say_pace, say_risks
from app.units.directory import UnitCard, read_directory
from app.units.outlook import read_outlooks
from app.units.pace import PACE_DAYS, Outlook

router = APIRouter(tags=["units"])

MOST_LISTED = 100


class RiskAnswer(TypedDict):
    """A complaint that will be overdue, by the clock that is due first."""

    ref: str
    clock: str
    due_at: str


class PaceAnswer(TypedDict):
    """What began and ended in so many whole days before today, and the backlog at that pace.

    `verdict` is `done` (no backlog), `clears`, `stands`, `grows` or `unknown`; `days_to_clear` counts working days.
    """

    days: int
    working_days: int
    received: int
    done: int
    received_per_working_day: float | None
    done_per_working_day: float | None
    backlog: int
    verdict: str
    days_to_clear: int | None
    clears_on: str | None


class UnitOutlook(TypedDict):
    """What lies ahead of a unit with all below it.

    `at_risk` are the complaints whose running clocks pass their due time before `opens_at`: `while_open` of them until
    it closes, the others while it is closed. Both instants are null for a unit that never closes.
    """

    unit: UnitName
    is_open: bool
    closes_at: str | None
    opens_at: str | None
    at_risk: int
    while_open: int
    while_closed: int
    pace: PaceAnswer
    text: str


class OutlookAnswer(UnitOutlook):
    """The outlook of one unit, with the complaints at risk, the first due first, and of each unit right below it."""

    complaints: list[RiskAnswer]
    units: list[UnitOutlook]
    as_of: str
    sources: list[SourceFreshness]


@router.get("/units/{code}/outlook", response_model=OutlookAnswer, responses=UNCHANGED, dependencies=OUTLOOK)
async def outlook(
    request: Request,
    connection: Surveying,
    caller: CallerDep,
    house: HouseDep,
    now: Now,
    language: LanguageDep,
    code: Annotated[str, Path(max_length=80)],
) -> Response:
    """What will be overdue before the unit opens next, and whether its pace clears its backlog."""
    rules = await house.rulebooks.current(connection)
    directory = await read_directory(connection, caller.scope, rules.ancestors)
    units = [directory.find(code)]
    units += directory.children(units[0].id)
    zone, ids = house.settings.zone, [unit.id for unit in units]
    found = await read_outlooks(connection, ids, rules, caller.scope, now=now, zone=zone)
    speech = Speech(language, zone)
    own, *below = (_told(unit, each, speech) for unit, each in zip(units, found, strict=True))
    risks = found[0].risks[:MOST_LISTED]
    answer = OutlookAnswer(
        **own,
        complaints=[RiskAnswer(ref=each.ref, clock=each.clock, due_at=rfc3339(each.due_at)) for each in risks],
        units=below,
        as_of=rfc3339(now),
        sources=await shown_sources(request, connection, now=now),
    )
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    return Response(orjson.dumps(answer), headers=headers, media_type="application/json")


def _told(unit: UnitCard, outlook: Outlook, speech: Speech) -> UnitOutlook:
    hours = outlook.hours
    risks = say_risks(speech, hours, while_open=outlook.while_open, while_closed=outlook.while_closed)
    return UnitOutlook(
        unit=unit_name(unit),
        is_open=hours.is_open,
        closes_at=rfc3339(hours.closes_at) if hours.closes_at else None,
        opens_at=rfc3339(hours.opens_at) if hours.opens_at else None,
        at_risk=len(outlook.risks),
        while_open=outlook.while_open,
        while_closed=outlook.while_closed,
        pace=_pace(outlook),
        text=f"{risks} {say_pace(speech, outlook.pace)}",
    )


def _pace(outlook: Outlook) -> PaceAnswer:
    pace = outlook.pace
    return PaceAnswer(
        days=PACE_DAYS,
        working_days=pace.working_days,
        received=pace.received,
        done=pace.done,
        received_per_working_day=pace.per_working_day(pace.received),
        done_per_working_day=pace.per_working_day(pace.done),
        backlog=pace.backlog,
        verdict=pace.verdict,
        days_to_clear=pace.days_to_clear,
        clears_on=outlook.clears_on.isoformat() if outlook.clears_on else None,
    )
