"""Units over REST: the tree, one unit, and the response-time status of each with all below it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.api.etags import UNCHANGED, shown_sources
from app.api.instants import rfc3339
from app.api.paging import CursorsDep, CursorText, Limit, next_link
from app.api.sheets import WantsCsv, sheet
from app.api.unit_answers import tree, unit_name
from app.api.unit_desk import StatusDesk, StatusDeskDep
from app.api.unit_polling import ONE_UNIT, OVERVIEW, RIGHT_BELOW, TREE
from app.api.unit_query import ExtrasDep, TrendBy
from app.api.unit_shapes import StatusAnswer, StatusPage, UnitAnswer, UnitNode, UnitTree
from app.api.unit_sheets import SHEET_HEADER, part_rows, sheet_row
from app.dependencies import CallerDep, HouseDep, Now, Surveying
from app.units.directory import Directory, read_directory

router = APIRouter(tags=["units"])

Code = Annotated[str, Path(max_length=80)]
Csv: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}
POLLED = Csv | UNCHANGED


@dataclass(frozen=True, slots=True)
class Desk:
    """What every answer about units is made of: the caller's part of the tree, and the instant."""

    request: Request
    connection: Surveying
    directory: Directory
    now: datetime


async def _desk(request: Request, connection: Surveying, caller: CallerDep, house: HouseDep, now: Now) -> Desk:
    rules = await house.rulebooks.current(connection)
    return Desk(request, connection, await read_directory(connection, caller.scope, rules.ancestors), now)


DeskDep = Annotated[Desk, Depends(_desk)]


@router.get("/units", response_model=UnitTree, responses=POLLED, dependencies=TREE)
async def unit_tree(desk: DeskDep, wants_csv: WantsCsv) -> Response:
    """The units that the caller covers, as a tree; one with two parents stands below both."""
    if wants_csv:
        units = desk.directory.active()
        rows = ([unit.code, unit.name, unit.type, ",".join(desk.directory.parent_codes(unit))] for unit in units)
        return sheet("units", ("code", "name", "type", "parents"), rows)
    items: list[UnitNode] = tree(desk.directory)
    return _answer({"items": items, "next_cursor": None, **await _freshness(desk)})


@router.get("/units/status", response_model=StatusPage, responses=POLLED, dependencies=RIGHT_BELOW)
async def statuses(
    request: Request,
    desk: StatusDeskDep,
    cursors: CursorsDep,
    wants_csv: WantsCsv,
    parent: Annotated[str | None, Query(max_length=80, description="The code of the unit right above.")] = None,
    unit_type: Annotated[str | None, Query(alias="type", max_length=30, description="The type of the units.")] = None,
    trend_by: TrendBy = "day",
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Response:
    """The status of the units right below `parent`, or of every unit of the caller, by code.

    One that is closed is among them where it has any figure: what is counted above it is told of it, too.
    """
    directory = desk.directory
    below = (
        directory.all_below(directory.named("parent", parent).id) if parent is not None else directory.units.values()
    )
    units = await desk.without_silent(list(below))
    if unit_type is not None:
        units = directory.of_type(unit_type, units)
    kind = f"units/status {parent} {unit_type}"
    place = cursors.decode(kind, cursor)
    rest = [unit for unit in units if place is None or unit.code > str(place[0])]
    shown = rest[:limit]
    next_cursor = cursors.encode(kind, [shown[-1].code]) if len(rest) > limit else None
    items = await desk.figures([[unit] for unit in shown], by_week=trend_by == "week")
    if wants_csv:
        answer = sheet("units-status", SHEET_HEADER, (sheet_row(item, desk.spoken) for item in items))
    else:
        answer = _answer({"items": items, "next_cursor": next_cursor, **await desk.frame()})
    answer.headers.update(next_link(request, next_cursor))
    return answer


@router.get("/units/{code}", response_model=UnitAnswer, responses=UNCHANGED, dependencies=TREE)
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


@router.get("/units/{code}/status", response_model=StatusAnswer, responses=POLLED, dependencies=ONE_UNIT)
async def one_status(
    desk: StatusDeskDep, wants_csv: WantsCsv, extras: ExtrasDep, code: Code, trend_by: TrendBy = "day"
) -> Response:
    """How one unit does, with all below it."""
    answer = await desk.answer([desk.directory.find(code)], extras, by_week=trend_by == "week")
    return _status(desk, answer, "unit-status", wants_csv=wants_csv)


@router.get("/overview", response_model=StatusAnswer, responses=POLLED, dependencies=OVERVIEW)
async def overview(desk: StatusDeskDep, wants_csv: WantsCsv, extras: ExtrasDep, trend_by: TrendBy = "day") -> Response:
    """How everything does that the caller covers: the root unit, or several topmost ones together."""
    answer = await desk.answer(desk.directory.tops(), extras, by_week=trend_by == "week")
    return _status(desk, answer, "overview", wants_csv=wants_csv)


def _status(desk: StatusDesk, answer: StatusAnswer, name: str, *, wants_csv: bool) -> Response:
    if not wants_csv:
        return _answer(answer)
    return sheet(name, SHEET_HEADER, [sheet_row(answer, desk.spoken), *part_rows(answer, desk.spoken)])


async def _freshness(desk: Desk) -> dict[str, object]:
    fresh = await shown_sources(desk.request, desk.connection, now=desk.now)
    return {"as_of": rfc3339(desk.now), "sources": fresh}


def _answer(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
