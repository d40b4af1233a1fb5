"""Saved views over REST: queries of the queue under a name, checked as the queue checks them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.bodies import RowId, Sent
from app.api.complaint_query import ComplaintQuery
from app.api.complaints import asker_of
from app.api.instants import Instant
from app.api.paging import CursorsDep, CursorText, Limit, next_link
from app.complaint.errors import InvalidInput
from app.dependencies import CallerDep, House, HouseDep, Now, Reading, Writing
from app.workqueue import views
from app.workqueue.asker import Asker
from app.workqueue.selection import select_for

router = APIRouter(prefix="/views", tags=["complaints"])

_COMPLAINTS = "/api/v1/complaints"
_VIEWS = "/api/v1/views"
_KIND = "views"


class ViewQuery(ComplaintQuery):
    """The parameters of `GET /complaints` that make the view; it begins at the first page."""

    model_config = ConfigDict(extra="forbid")


class ViewRequest(Sent):
    """A view; with `shared_with` it is for the officers of that unit, of those above and of those below."""

    name: Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S")]
    query: ViewQuery
    shared_with: Annotated[str | None, Field(min_length=1, max_length=80, description="The code of a unit.")] = None


class ViewAnswer(BaseModel):
    """A view; `href` is the list that it stands for."""

    id: int
    name: str
    query: dict[str, str | int | bool]
    href: str
    shared_with: str | None
    owner: str
    is_own: bool
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, view: views.View) -> Self:
        """The view as it stands."""
        given = {name: view.query[name] for name in ComplaintQuery.model_fields if name in view.query}
        told = {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
        return cls(
            id=view.id,
            name=view.name,
            query=given,
            href=f"{_COMPLAINTS}?{urlencode(told)}" if told else _COMPLAINTS,
            shared_with=view.shared_with,
            owner=view.owner,
            is_own=view.is_own,
            created_at=view.created_at,
            updated_at=view.updated_at,
        )


class ViewPage(BaseModel):
    """A page of views, oldest first."""

    items: list[ViewAnswer]
    next_cursor: str | None
    as_of: Instant


@router.get("")
async def list_views(
    request: Request,
    response: Response,
    connection: Reading,
    caller: CallerDep,
    now: Now,
    cursors: CursorsDep,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> ViewPage:
    """The caller's own views and those shared with their units."""
    place = cursors.decode(_KIND, cursor)
    after = int(place[0] or 0) if place else 0
    found = await views.list_views(connection, asker_of(caller), after=after, limit=limit + 1)
    next_cursor = cursors.encode(_KIND, [found[limit - 1].id]) if len(found) > limit else None
    response.headers.update(next_link(request, next_cursor))
    return ViewPage(items=[ViewAnswer.of(each) for each in found[:limit]], next_cursor=next_cursor, as_of=now)


@router.post("", status_code=201)
async def add_view(
    asked: ViewRequest, response: Response, connection: Writing, caller: CallerDep, house: HouseDep, now: Now
) -> ViewAnswer:
    """Keeps a query of the queue under a name."""
    asker = asker_of(caller)
    new = await _checked(connection, asked, asker, house, now)
    view = await views.add_view(connection, new, asker, now=now)
    response.headers["Location"] = f"{_VIEWS}/{view.id}"
    return ViewAnswer.of(view)


@router.get("/{view_id}")
async def one_view(view_id: RowId, connection: Reading, caller: CallerDep) -> ViewAnswer:
    """One view."""
    return ViewAnswer.of(await views.read_view(connection, view_id, asker_of(caller)))


@router.put("/{view_id}")
async def change_view(
    view_id: RowId, asked: ViewRequest, connection: Writing, caller: CallerDep, house: HouseDep, now: Now
) -> ViewAnswer:
    """Writes the view anew: its maker may, and whoever leads the unit that it is shared with."""
    asker = asker_of(caller)
    await views.read_view(connection, view_id, asker)
    new = await _checked(connection, asked, asker, house, now)
    return ViewAnswer.of(await views.change_view(connection, view_id, new, asker, now=now))


@router.delete("/{view_id}", status_code=204)
async def drop_view(view_id: RowId, connection: Writing, caller: CallerDep) -> None:
    """Drops the view, for everybody."""
    await views.drop_view(connection, view_id, asker_of(caller))


async def _checked(
    connection: AsyncConnection, asked: ViewRequest, asker: Asker, house: House, now: datetime
) -> views.NewView:
    """The view, once the queue would take its query.

    Raises: InvalidInput, naming the parameter as `query.unit`.
    """
    query, zone = asked.query, house.settings.zone
    if query.cursor is not None:
        raise InvalidInput("query.cursor", "has no place in a view, which begins at the first page")
    try:
        rules = await house.rulebooks.current(connection)
        await select_for(connection, query.filters(zone), asker, rules, now=now, zone=zone)
    except InvalidInput as error:
        raise InvalidInput(f"query.{error.field}", error.message) from error
    return views.NewView(asked.name.strip(), query.model_dump(mode="json", exclude_defaults=True), asked.shared_with)
