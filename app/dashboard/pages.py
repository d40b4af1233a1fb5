"""The pages: the overview, one for each unit, and the part of them that is asked for again and again."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as PathValue
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from app.complaint.errors import NotFound
from app.dashboard.board import Board
from app.dashboard.insight import Insight
from app.dashboard.reader import Reader, ReaderDep
from app.dashboard.rendering import render

router = APIRouter(include_in_schema=False)

ASSETS = "/assets"


def assets() -> StaticFiles:
    """The style sheet, the script and the mark; they need no sign-in."""
    return StaticFiles(directory=Path(str(files("app.dashboard"))) / "assets")


@router.get("/")
async def overview(reader: ReaderDep) -> Response:
    """All that the reader covers."""
    return _page(reader, await reader.board(None), None)


@router.get("/units/{code}")
async def unit(
    reader: ReaderDep,
    code: Annotated[str, PathValue(max_length=80)],
    is_whole: Annotated[bool, Query(alias="whole")] = False,
) -> Response:
    """One unit with all below it; `whole` at once, for a browser that runs no script."""
    try:
        board = await reader.board(code)
    except NotFound:
        return reader.tongue.page("not_found.html", 404)
    has_insight = is_whole and not board.look.is_earlier
    return _page(reader, board, code, await reader.insight(code) if has_insight else None)


@router.get("/live")
async def live(
    request: Request, reader: ReaderDep, code: Annotated[str | None, Query(alias="unit", max_length=80)] = None
) -> Response:
    """The part of a page that changes; 304 when it reads as it did before."""
    board = await reader.board(code)
    body = render("live.html", reader.tongue.say, board=board)
    etag = f'W/"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={"ETag": etag})
    return HTMLResponse(body, headers={"ETag": etag})


@router.get("/insight")
async def insight(reader: ReaderDep, code: Annotated[str, Query(alias="unit", max_length=80)]) -> Response:
    """The part of a unit's page that takes longer, which the page asks for once it is there."""
    return HTMLResponse(render("insight.html", reader.tongue.say, insight=await reader.insight(code)))


def _page(reader: Reader, board: Board, code: str | None, insight: Insight | None = None) -> Response:
    return reader.tongue.page(
        "page.html",
        422 if reader.wish.is_refused else 200,
        is_refused=reader.wish.is_refused,
        last_day=(reader.now.astimezone(reader.tongue.say.zone) - timedelta(days=1)).date(),
        board=board,
        insight=insight,
        code=code,
        username=reader.caller.name,
        csrf_token=reader.csrf_token,
    )
