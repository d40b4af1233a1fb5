"""Weak ETags of lists and status: who polls what has not changed is told so without the question being asked again."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.freshness import SourceFreshness, sources_block, told
from app.db.freshness import Freshness, stand_at
from app.db.marks import Passing
from app.db.pulse import UnitIds, View
from app.db.reads import Desk
from app.db.written import Listed
from app.dependencies import caller_of, desk_of, house_of, language_of, now_of
from app.people.callers import Caller

VARY = "Authorization, Cookie, Accept, Accept-Language"
LAG = "Tanggap-Replica-Lag"
"""How many seconds what was answered may be behind, where a replica answers."""

UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "What `If-None-Match` names is still the answer."}}

_DIGEST_BYTES = 15
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer is about: units by code with all below them, no code being all that the caller covers.

    `compares` it with other units; `by_minute` it changes with the clock itself. `listed` is what it lists that is
    written by itself; without `of_complaints` no complaint is in it.
    """

    codes: Sequence[str] = ()
    compares: bool = False
    by_minute: bool = False
    listed: Listed | None = None
    of_complaints: bool = True


Asks = Callable[[Request], Asked]
Beside = Callable[[View, datetime], object]
"""What else an answer hangs on, as it stands at an instant."""


class NotModified(Exception):
    """The answer that the caller holds is still the answer."""


def who_is(caller: Caller) -> str:
    """The caller as one word."""
    return f"token:{caller.token_id}" if caller.token_id is not None else f"officer:{caller.officer_id}"


def unless_unchanged(asks: Asks, *passings: Passing, beside: Beside | None = None) -> Callable[..., Awaitable[None]]:
    """A dependency for a route whose answer changes with the complaints it is about and as these instants pass.

    It stands before the connection of the route, which an unchanged answer does not need.
    """

    # Functions are called where dependencies could be named: those the framework works out one by one, each time.
    async def examine(request: Request) -> None:
        desk, caller, house = await desk_of(request), await caller_of(request), house_of(request)
        now, language = await now_of(request), await language_of(request)
        view, asked = await desk.pulse.view(), asks(request)
        units = _units(desk, view, caller, asked) if view is not None else None
        if view is None or isinstance(units, Unknown):
            return
        request.state.sources = sources = stand_at(view.sources, now)
        parts = [_stamps(view, units, asked), view.rules.revision, [(each.source, each.is_stale) for each in sources]]
        for passing in passings:
            parts.append((await desk.pulse.marks(view, passing, units, now=now)).last)
        if beside is not None:
            parts.append(beside(view, now))
        parts += [_time(now, house.settings.zone, asked), _about(request, caller, language)]
        tag, held = _tag(house.cursor_key, parts), held_tags(request)
        request.state.etag = tag
        if tag in held:
            raise NotModified
        request.state.holds_any = "*" in held

    return examine


async def shown_sources(request: Request, connection: AsyncConnection, *, now: datetime) -> list[SourceFreshness]:
    """The `sources` block that the ETag of this request speaks of: never ahead of what else is answered."""
    seen: Sequence[Freshness] | None = getattr(request.state, "sources", None)
    return told(seen) if seen is not None else await sources_block(connection, now=now)


class Unknown:
    """The units asked for are not known: the route says so."""


async def not_modified(_request: Request, _error: Exception) -> Response:
    """304; the headers come on its way out."""
    return Response(status_code=304)


class Tags:
    """Puts the ETag of a request on its answer, and lets whoever writes here see it at once."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passage = _Tagged(scope, send)
        await self._app(scope, receive, passage.send)


class _Tagged:
    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._has_ended = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif not self._has_ended:
            await self._send(message)

    async def _begin(self, message: Message) -> None:
        state = self._scope.get("state", {})
        if self._scope["method"] not in _SAFE and message["status"] < 400:
            _note_writing(self._scope, state.get("caller"))
        if "lag_s" in state and message["status"] in (200, 304):
            MutableHeaders(scope=message)[LAG] = f"{state['lag_s']:.1f}"
        tag = state.get("etag")
        if tag is None or message["status"] not in (200, 304):
            await self._send(message)
            return
        headers = MutableHeaders(scope=message)
        headers["etag"] = f"W/{tag}"
        headers.add_vary_header(VARY)
        if message["status"] == 200 and state.get("holds_any"):
            # Whether there is an answer at all is known only now.
            self._has_ended = True
            bare = [each for each in message["headers"] if each[0] not in (b"content-length", b"content-type")]
            await self._send({**message, "status": 304, "headers": bare})
            await self._send({"type": "http.response.body", "body": b""})
            return
        await self._send(message)


def _note_writing(scope: Scope, caller: Caller | None) -> None:
    reads = getattr(scope["app"].state, "reads", None)
    if reads is not None:
        reads.wrote(who_is(caller) if caller is not None else "")


def held_tags(request: Request) -> frozenset[str]:
    """The opaque parts that `If-None-Match` lists, weak or strong; `*` is one of them.

    >>> from starlette.datastructures import Headers
    >>> scope = {"type": "http", "headers": Headers({"if-none-match": 'W/"a", "b" , *'}).raw}
    >>> sorted(held_tags(Request(scope)))
    ['"a"', '"b"', '*']
    """
    headers = request.headers.getlist("if-none-match")
    return frozenset(part.strip().removeprefix("W/") for header in headers for part in header.split(","))


def _units(desk: Desk, view: View, caller: Caller, asked: Asked) -> UnitIds | Unknown:
    if asked.compares:
        return None
    covered = desk.pulse.covered(view, caller.scope)
    if not asked.codes:
        return covered
    ids = [view.rules.unit_ids.get(code) for code in asked.codes]
    known = [each for each in ids if each is not None]
    if len(known) < len(ids):
        return Unknown()
    below = desk.pulse.below(view, known)
    return below if covered is None else below & covered


def _stamps(view: View, units: UnitIds, asked: Asked) -> tuple[object, ...]:
    """What writes come to: of complaints, and of what is listed beside them."""
    of_complaints = view.stamp(units) if asked.of_complaints else None
    return (of_complaints,) if asked.listed is None else (of_complaints, view.written.get(asked.listed))


def _time(now: datetime, zone: ZoneInfo, asked: Asked) -> str:
    """The local day, with which rolling periods and what is due today change, or the minute."""
    return now.astimezone(zone).strftime("%Y-%m-%d %H:%M" if asked.by_minute else "%Y-%m-%d")


def _about(request: Request, caller: Caller, language: str) -> tuple[object, ...]:
    accept = request.headers.get("accept", "")
    who = (caller.scope, caller.role, caller.officer_id)
    return who, request.url.path, request.url.query, language, accept, request.app.version


def _tag(key: bytes, parts: Sequence[object]) -> str:
    digest = hashlib.blake2b(repr(parts).encode(), key=key, digest_size=_DIGEST_BYTES)
    return f'"{digest.hexdigest()}"'
