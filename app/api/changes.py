"""Changes over REST: page by page with a long poll, or as a stream of events."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from typing_extensions import TypedDict

from app.api.complaint_answers import json_answer
from app.api.complaints import asker_of
from app.api.event_streams import MEDIA_TYPE, EventStream, Streams, streams_of
from app.api.freshness import SourceFreshness, sources_block
from app.api.paging import Cursors, CursorsDep, Limit, next_link
from app.complaint.clocks import Rulebook
from app.complaint.errors import InvalidInput
from app.db.reads import Desk
from app.db.scope import Scope
from app.db.session import reading
from app.dependencies import CallerDep, DeskDep, House, HouseDep, known_anew
from app.people.callers import Caller
from app.workqueue.asker import Asker
from app.workqueue.changes import ChangePage, GoneCard, Place, covered_by, newest_place, read_changes
from app.workqueue.shapes import ComplaintCard

router = APIRouter(prefix="/changes", tags=["complaints"])

NOW = "now"
MAX_WAIT_S = 30
_KIND = "changes"
_STREAM_PAGE = 100

Cursor = Annotated[
    str | None,
    Query(
        max_length=2000,
        description="`next_cursor` of the answer before; without one from the beginning, with `now` from here on.",
    ),
]
Wait = Annotated[
    int, Query(ge=0, le=MAX_WAIT_S, description="Seconds to wait for a change where there is none: a long poll.")
]
LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=2000, description="The id of the last event; goes before `cursor`."),
]
_TOO_MANY: dict[int | str, dict[str, Any]] = {429: {"description": "The rate or the open streams are used up."}}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Each event's data is a complaint or `{id, ticket_code, deleted}`, its id the cursor behind it.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}


class ChangesAnswer(TypedDict):
    """Complaints that changed, each once and as it is now, and those that are gone from the caller's units."""

    items: list[ComplaintCard | GoneCard]
    next_cursor: str
    as_of: datetime
    sources: list[SourceFreshness]


@dataclass(frozen=True, slots=True)
class Feed:
    """The changes as one caller sees them."""

    house: House
    desk: Desk
    asker: Asker
    cursors: Cursors
    rules: Rulebook
    scope_mark: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scope_mark", _mark(self.asker.scope, self.rules))

    def place(self, cursor: str | None, name: str) -> Place:
        """Where the cursor ends.

        Raises: InvalidInput, when it is none of this feed, or was made for other units.
        """
        try:
            told = self.cursors.decode(_KIND, cursor)
        except InvalidInput as error:
            raise InvalidInput(name, "is not a cursor of the changes") from error
        if told is None:
            return Place()
        if told[2] != self.scope_mark:
            raise InvalidInput(name, "was made for other units than yours are now: begin again without a cursor")
        return Place(int(told[0] or 0), int(told[1] or 0))

    def cursor(self, place: Place) -> str:
        """The cursor of a place."""
        return self.cursors.encode(_KIND, [*place, self.scope_mark])

    async def page(self, after: Place, limit: int, *, now: datetime) -> tuple[ChangePage, list[SourceFreshness]]:
        """What changed behind `after`; no connection is held before or after."""
        async with reading(self.desk.engine) as connection:
            rules = await self.house.rulebooks.current(connection)
            page = await read_changes(connection, self.asker, rules, after=after, limit=limit, now=now)
            return page, await sources_block(connection, now=now)

    async def start(self, cursor: str | None, name: str) -> Place:
        """Where to begin.

        Raises: InvalidInput.
        """
        if cursor != NOW:
            return self.place(cursor, name)
        async with reading(self.desk.engine) as connection:
            return await newest_place(connection)

    async def frames(self, after: Place) -> tuple[bytes, Place, bool]:
        """The next events as they go over the wire, where they end, and whether more follow at once."""
        page, _ = await self.page(after, _STREAM_PAGE, now=self.house.clock())
        events = (b"id: %b\ndata: %b\n\n" % (self.cursor(each.place).encode(), _json(each.card)) for each in page.items)
        return b"".join(events), page.last, page.has_more


async def _feed(caller: Caller, house: House, desk: Desk, cursors: Cursors) -> Feed:
    view = await desk.pulse.view()
    if view is not None:
        return Feed(house, desk, asker_of(caller), cursors, view.rules)
    async with reading(desk.engine) as connection:
        rules = await house.rulebooks.current(connection)
    return Feed(house, desk, asker_of(caller), cursors, rules)


@router.get("", response_model=ChangesAnswer)
async def changes(
    request: Request,
    caller: CallerDep,
    house: HouseDep,
    desk: DeskDep,
    cursors: CursorsDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    wait: Wait = 0,
) -> Response:
    """Every complaint of the caller's units that changed behind the cursor, in order; none is ever skipped.

    A page without items is the end for now.
    """
    feed = await _feed(caller, house, desk, cursors)
    place = await feed.start(cursor, "cursor")
    page, fresh = await _awaited(feed, place, limit, wait)
    answer = ChangesAnswer(
        items=[each.card for each in page.items],
        next_cursor=feed.cursor(page.last),
        as_of=house.clock(),
        sources=fresh,
    )
    return json_answer(answer, next_link(request, answer["next_cursor"]))


async def _awaited(feed: Feed, place: Place, limit: int, wait_s: int) -> tuple[ChangePage, list[SourceFreshness]]:
    loop = asyncio.get_running_loop()
    until, pulse = loop.time() + wait_s, feed.desk.pulse
    async with pulse.watched():
        while True:
            view = await pulse.view() if wait_s else None
            page, fresh = await feed.page(place, limit, now=feed.house.clock())
            rest_s = until - loop.time()
            if page.items or rest_s <= 0 or view is None:
                return page, fresh
            place = page.last
            await pulse.moved_for(pulse.covered(view, feed.asker.scope), view, within_s=rest_s)


@router.get("/stream", responses={**_STREAM, **_TOO_MANY}, response_class=Response)
async def stream(
    request: Request,
    caller: CallerDep,
    house: HouseDep,
    desk: DeskDep,
    cursors: CursorsDep,
    cursor: Cursor = None,
    last_event_id: LastEventId = None,
) -> Response:
    """The same as Server-Sent Events, for as long as the caller stays; it ends when their token does.

    A comment every 15 seconds keeps the connection. Who reads slowly gets everything later, in the same order.
    """
    streams: Streams = streams_of(request)
    feed = await _feed(caller, house, desk, cursors)
    place = await feed.start(last_event_id or cursor, "cursor" if last_event_id is None else "Last-Event-ID")

    credential = request.headers.get("authorization") or request.headers.get("cookie", "")

    async def is_same() -> bool:
        return await streams.caller_now(credential, partial(known_anew, request)) == caller

    return EventStream(streams, feed, place, caller=caller, is_same=is_same)


def _mark(scope: Scope, rules: Rulebook) -> str:
    """The units that a cursor was made for: complaints of one that comes or goes do not change with it."""
    if scope.unit_ids is None:
        return "all"
    told = f"{scope.is_validator} {sorted(covered_by(scope, rules))}"
    return hashlib.blake2b(told.encode(), digest_size=6).hexdigest()


def _json(card: ComplaintCard | GoneCard) -> bytes:
    return orjson.dumps(card, option=orjson.OPT_UTC_Z)
