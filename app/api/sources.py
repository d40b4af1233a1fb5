"""Sources over REST: how each does, its runs, the records kept aside, and a pull on demand."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel

from app.api.auth import SupervisorDep
from app.api.etags import UNCHANGED, Asked, shown_sources, unless_unchanged
from app.api.freshness import SourceFreshness
from app.api.instants import Instant
from app.api.paging import CursorsDep, CursorText, Limit, next_link
from app.db.states import RejectState, RunState
from app.db.written import Listed
from app.dependencies import CallerDep, Looking, Now, Reading, Writing
from app.intake import view
from app.people.audit import record

router = APIRouter(tags=["sources"])

_REJECTS = "rejects"

Name = Annotated[str, Path(max_length=60, description="A source's name.")]


class RunAnswer(BaseModel):
    """One run and its tally: pulled = created + linked + updated + unchanged + rejected."""

    id: int
    kind: str
    state: RunState
    started_at: Instant
    finished_at: Instant | None
    pulled: int
    created: int
    linked: int
    updated: int
    unchanged: int
    rejected: int
    complete_through: Instant | None
    error: str | None

    @classmethod
    def of(cls, run: view.RunView) -> Self:
        """The run as it stands."""
        return cls.model_validate(run, from_attributes=True)


class SourceAnswer(BaseModel):
    """How one source does; `lag_s` is how many seconds behind now it is complete."""

    source: str
    connector: str
    is_enabled: bool
    every_s: int | None
    next_run_at: Instant | None
    last_success_at: Instant | None
    complete_through: Instant | None
    lag_s: int | None
    failures: int
    rejects: int
    notices: int
    last_error: str | None
    last_error_at: Instant | None
    last_run: RunAnswer | None

    @classmethod
    def of(cls, source: view.SourceView) -> Self:
        """The source as it stands."""
        return cls.model_validate(source, from_attributes=True)


class SourceList(BaseModel):
    """Every source, by name."""

    items: list[SourceAnswer]
    next_cursor: str | None = None
    as_of: Instant
    sources: list[SourceFreshness]


class SourceDetail(SourceAnswer):
    """One source with its newest runs, newest first."""

    runs: list[RunAnswer]
    as_of: Instant
    sources: list[SourceFreshness]


class RejectAnswer(BaseModel):
    """A record kept aside whole, with its reason; the same one again raises `times_seen`."""

    id: int
    external_id: str | None
    reason: str
    state: RejectState
    first_seen_at: Instant
    last_seen_at: Instant
    times_seen: int


class RejectPage(BaseModel):
    """A page of rejects, newest first."""

    items: list[RejectAnswer]
    next_cursor: str | None
    as_of: Instant


class PullAnswer(BaseModel):
    """The source is due; a worker pulls it within seconds."""

    source: str
    due_at: Instant


def _asked(_request: Request) -> Asked:
    return Asked(listed=Listed.SOURCES, of_complaints=False)


_POLLED = [Depends(unless_unchanged(_asked))]


@router.get("/sources", responses=UNCHANGED, dependencies=_POLLED)
async def list_sources(request: Request, connection: Looking, caller: CallerDep, now: Now) -> SourceList:
    """How every source does."""
    found = await view.view_sources(connection, now=now)
    fresh = await shown_sources(request, connection, now=now)
    return SourceList(items=[SourceAnswer.of(each) for each in found], as_of=now, sources=fresh)


@router.get("/sources/{name}", responses=UNCHANGED, dependencies=_POLLED)
async def one_source(request: Request, connection: Looking, caller: CallerDep, now: Now, name: Name) -> SourceDetail:
    """How one source does, with its newest runs."""
    source = SourceAnswer.of(await view.view_source(connection, name, now=now))
    runs = [RunAnswer.of(each) for each in await view.newest_runs(connection, name)]
    fresh = await shown_sources(request, connection, now=now)
    return SourceDetail(**source.model_dump(), runs=runs, as_of=now, sources=fresh)


@router.post("/sources/{name}/pull", status_code=202)
async def pull_source(connection: Writing, caller: SupervisorDep, now: Now, name: Name) -> PullAnswer:
    """Make the source due now; `GET /sources/{name}` shows the run once a worker has taken it."""
    await view.call_for_pull(connection, name, now=now)
    await record(connection, actor=caller.name, action="source.pull", subject=f"source {name}", now=now)
    return PullAnswer(source=name, due_at=now)


@router.get("/sources/{name}/rejects")
async def list_rejects(
    request: Request,
    response: Response,
    connection: Reading,
    caller: SupervisorDep,
    now: Now,
    cursors: CursorsDep,
    name: Name,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> RejectPage:
    """The records that wait for a mapping that can read them."""
    place = cursors.decode(_REJECTS, cursor)
    before = int(place[0] or 0) if place else None
    found = await view.view_rejects(connection, name, before=before, limit=limit + 1)
    next_cursor = cursors.encode(_REJECTS, [found[limit - 1].id]) if len(found) > limit else None
    response.headers.update(next_link(request, next_cursor))
    items = [RejectAnswer.model_validate(each, from_attributes=True) for each in found[:limit]]
    return RejectPage(items=items, next_cursor=next_cursor, as_of=now)
