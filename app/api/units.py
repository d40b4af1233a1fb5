"""Units over REST: the tree, one unit, and the response-time status of each with all below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.api.freshness import sources_block
from app.api.instants import rfc3339
from app.api.paging import CursorsDep, CursorText, Limit, next_link
from app.api.sheets import WantsCsv, sheet
from app.api.unit_answers import (
    SHEET_HEADER,
    StatusAnswer,
    StatusFigures,
    StatusPage,
    UnitAnswer,
    UnitNode,
    UnitTree,
    period_span,
    sheet_row,
    status_figures,
    tree,
    unit_name,
)
from app.complaint.clocks import Rulebook
from app.dependencies import CallerDep, HouseDep, Now, Reading
from app.people.callers import Caller
from app.units.directory import Directory, UnitCard, read_directory
from app.units.links import Links
from app.units.periods import DEFAULT, Period, read_period
from app.units.status import read_statuses

router = APIRouter(tags=["units"])

Code = Annotated[str, Path(max_length=80)]
Span = Annotated[str, Query(max_length=7, description="7d, 30d or 90d of local days up to now, or a month: 2026-11.")]
Csv: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}


@dataclass(frozen=True, slots=True)
class Desk:
    """What every answer about units is made of: the caller's part of the tree, the rules, the instant."""

    connection: Reading
    caller: Caller
    directory: Directory
    rules: Rulebook
    now: datetime

    async def figures(self, groups: Sequence[Sequence[UnitCard]], period: Period) -> list[StatusFigures]:
        """The figures of each group; what no unit holds is told at the top, to whoever covers it."""
        whole = self.caller.scope.is_whole
        statuses = await read_statuses(
            self.connection,
            [tuple(unit.id for unit in group) for group in groups],
            self.rules,
            period=period,
            with_unrouted=whole,
            now=self.now,
        )
        return [
            status_figures(group, status, self._links(group, period), is_top=all(not unit.parent_ids for unit in group))
            for group, status in zip(groups, statuses, strict=True)
        ]

    def _links(self, group: Sequence[UnitCard], period: Period) -> Links:
        ids = {unit.id for unit in group}
        validators = self.rules.ancestors.get(self.rules.validator_id, ()) if self.rules.validator_id else ()
        return Links([unit.code for unit in group], period, self.now, not ids.isdisjoint(validators))


async def _desk(connection: Reading, caller: CallerDep, house: HouseDep, now: Now) -> Desk:
    rules = await house.rulebooks.current(connection)
    directory = await read_directory(connection, caller.scope, rules.ancestors)
    return Desk(connection, caller, directory, rules, now)


DeskDep = Annotated[Desk, Depends(_desk)]


async def _period(house: HouseDep, now: Now, period: Span = DEFAULT) -> Period:
    return read_period(period, now=now, zone=house.settings.zone)


PeriodDep = Annotated[Period, Depends(_period)]


@router.get("/units", response_model=UnitTree, responses=Csv)
async def unit_tree(desk: DeskDep, wants_csv: WantsCsv) -> Response:
    """The units that the caller covers, as a tree; one with two parents stands below both."""
    if wants_csv:
        units = desk.directory.active()
        rows = ([unit.code, unit.name, unit.type, ",".join(desk.directory.parent_codes(unit))] for unit in units)
        return sheet("units", ("code", "name", "type", "parents"), rows)
    items: list[UnitNode] = tree(desk.directory)
    return _answer({"items": items, "next_cursor": None, **await _freshness(desk)})


@router.get("/units/status", response_model=StatusPage, responses=Csv)
async def statuses(
    request: Request,
    desk: DeskDep,
    period: PeriodDep,
    cursors: CursorsDep,
    wants_csv: WantsCsv,
    parent: Annotated[str | None, Query(max_length=80, description="The code of the unit right above.")] = None,
    unit_type: Annotated[str | None, Query(alias="type", max_length=30, description="The type of the units.")] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Response:
    """The status of the units right below `parent`, or of every unit of the caller, by code."""
    directory = desk.directory
    units = directory.children(directory.named("parent", parent).id) if parent is not None else directory.active()
    if unit_type is not None:
        units = directory.of_type(unit_type, units)
    kind = f"units/status {parent} {unit_type}"
    place = cursors.decode(kind, cursor)
    rest = [unit for unit in units if place is None or unit.code > str(place[0])]
    shown = rest[:limit]
    next_cursor = cursors.encode(kind, [shown[-1].code]) if len(rest) > limit else None
    items = await desk.figures([[unit] for unit in shown], period)
    if wants_csv:
        answer = sheet("units-status", SHEET_HEADER, (sheet_row(item) for item in items))
    else:
        spans = {"next_cursor": next_cursor, "period": period_span(period)}
        answer = _answer({"items": items, **spans, **await _freshness(desk)})
    answer.headers.update(next_link(request, next_cursor))
    return answer


@router.get("/units/{code}", response_model=UnitAnswer)
async def one_unit(desk: DeskDep, code: Code) -> Response:
    """One unit with what is right above and below it."""
    directory = desk.directory
    unit = directory.find(code)
    return _answer(
        {
            **unit_name(unit),
            "type": unit.type,
            "is_validator": unit.is_validator,
            "is_active": unit.is_active,
            "parents": [unit_name(directory.units[each]) for each in unit.parent_ids if each in directory.units],
            "children": [unit_name(child) for child in directory.children(unit.id)],
            **await _freshness(desk),
        }
    )


@router.get("/units/{code}/status", response_model=StatusAnswer, responses=Csv)
async def one_status(desk: DeskDep, period: PeriodDep, wants_csv: WantsCsv, code: Code) -> Response:
    """How one unit does, with all below it."""
    return await _status(desk, [desk.directory.find(code)], period, "unit-status", wants_csv=wants_csv)


@router.get("/overview", response_model=StatusAnswer, responses=Csv)
async def overview(desk: DeskDep, period: PeriodDep, wants_csv: WantsCsv) -> Response:
    """How everything does that the caller covers: the root unit, or several topmost ones together."""
    return await _status(desk, desk.directory.tops(), period, "overview", wants_csv=wants_csv)


async def _status(desk: Desk, group: Sequence[UnitCard], period: Period, name: str, *, wants_csv: bool) -> Response:
    (figures,) = await desk.figures([group], period)
    if wants_csv:
        return sheet(name, SHEET_HEADER, [sheet_row(figures)])
    return _answer({**figures, "period": period_span(period), **await _freshness(desk)})


async def _freshness(desk: Desk) -> dict[str, object]:
    return {"as_of": rfc3339(desk.now), "sources": await sources_block(desk.connection, now=desk.now)}


def _answer(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
