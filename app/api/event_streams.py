"""Server-Sent Events: one look at the changes and one page of them for all streams that wait for the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol, cast

import structlog
from fastapi import Request, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Receive, Scope, Send

from app.api.etags import who_is
from app.db.pulse import UnitIds, View
from app.db.reads import Desk
from app.people.callers import Caller
from app.people.errors import TooManyRequests
from app.workqueue.asker import Asker
from app.workqueue.changes import Place

MEDIA_TYPE = "text/event-stream"
HEARTBEAT_S = 15.0
RECHECK_S = 5.0
"""How often a stream asks whether its caller may still read; before events it asks anyway."""
SLOW_S = 60.0
"""Who takes nothing for so long is left: the cursor of their last event brings the rest."""

_KNOWN_S = 1.0
_MOST_CALLERS = 4_096
_RETRY = b"retry: 3000\n\n"
_BEAT = b": \n\n"
_MOST_PAGES = 32
_RETRY_AFTER_S = 30
_log = structlog.get_logger(__name__)

Frames = tuple[bytes, Place, bool]


class Source(Protocol):
    """The changes as one caller sees them."""

    @property
    def desk(self) -> Desk:
        """Where they are read."""

    @property
    def asker(self) -> Asker:
        """Whose they are."""

    @property
    def scope_mark(self) -> str:
        """What tells their cursors from others'."""

    async def frames(self, after: Place) -> Frames:
        """The next events, where they end, and whether more follow at once."""


class Streams:
    """The open streams of this process, and the pages that they share."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[str] = Counter()
        self._running: set[asyncio.Task[None]] = set()
        self._pages: dict[tuple[object, ...], asyncio.Task[Frames]] = {}
        self._callers: dict[str, tuple[float, asyncio.Task[Caller | None]]] = {}
        self._is_closing = False

    @property
    def count(self) -> int:
        """How many are open."""
        return self._open.total()

    def close(self) -> None:
        """Every stream ends after its last whole event; its reader comes back to another process."""
        self._is_closing = True
        for task in self._running:
            task.cancel()

    def begin(self, who: str, task: asyncio.Task[None]) -> None:
        """One more stream of this caller, until its task ends."""
        self._open[who] += 1
        self._running.add(task)
        task.add_done_callback(lambda _: self._end(who, task))
        if self._is_closing:
            task.cancel()

    def demand_room(self, who: str) -> None:
        """Nothing, when the caller may open one more.

        Raises: TooManyRequests.
        """
        if self._open[who] >= self._limit:
            raise TooManyRequests(_RETRY_AFTER_S)

    async def frames(self, source: Source, place: Place, key: object) -> Frames:
        """The page behind `place`, read once for all streams that stand there and see the same."""
        name = (id(source.desk.pulse), source.scope_mark, place, key)
        if name not in self._pages or self._pages[name].cancelled():
            while len(self._pages) >= _MOST_PAGES:
                self._pages.pop(next(iter(self._pages)))
            self._pages[name] = asyncio.create_task(source.frames(place))
        try:
            return await asyncio.shield(self._pages[name])
        except (SQLAlchemyError, OSError):
            self._pages.pop(name, None)
            raise

    async def caller_now(self, credential: str, find: Callable[[], Awaitable[Caller | None]]) -> Caller | None:
        """Whom a credential stands for, asked once a second for all streams that were opened with it."""
        now = asyncio.get_running_loop().time()
        held = self._callers.get(credential)
        if held is None or now - held[0] >= _KNOWN_S:
            if len(self._callers) >= _MOST_CALLERS:
                self._callers.clear()
            held = self._callers[credential] = now, asyncio.create_task(_found(find))
        return await asyncio.shield(held[1])

    def _end(self, who: str, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._open[who] -= 1
        if self._open[who] <= 0:
            del self._open[who]


def streams_of(request: Request) -> Streams:
    """The streams of this process."""
    return cast(Streams, request.app.state.streams)


class EventStream(Response):
    """An answer that goes on: events as they come, from a place on; it holds no connection while it waits."""

    media_type = MEDIA_TYPE

    def __init__(
        self, streams: Streams, source: Source, place: Place, *, caller: Caller, is_same: Callable[[], Awaitable[bool]]
    ) -> None:
        """`is_same` says whether the caller may still read what they might at the beginning.

        Raises: TooManyRequests.
        """
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        streams.demand_room(who_is(caller))
        self._streams, self._source, self._place = streams, source, place
        self._who, self._is_same = who_is(caller), is_same
        self._checked_at, self._may_stay = asyncio.get_running_loop().time(), True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Until the caller leaves or may not stay, or this process closes."""
        pump = asyncio.create_task(self._pump(send))
        self._streams.begin(self._who, pump)
        leaving = asyncio.create_task(_left(receive))
        await asyncio.wait({pump, leaving}, return_when=asyncio.FIRST_COMPLETED)
        has_left = leaving.done()
        for task in (pump, leaving):
            task.cancel()
        error, _ = await asyncio.gather(pump, leaving, return_exceptions=True)
        if isinstance(error, Exception):
            _log.warning("stream_broken", error=type(error).__name__)
        if not has_left and not isinstance(error, TimeoutError):
            with suppress(TimeoutError):
                await _sent(send, b"", is_last=True)

    async def _pump(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await _sent(send, _RETRY)
        pulse = self._source.desk.pulse
        async with pulse.watched():
            while await self._is_welcome(RECHECK_S):
                view = await pulse.view()
                if view is None:
                    continue
                units = pulse.covered(view, self._source.asker.scope)
                frames, place, has_more = await self._streams.frames(self._source, self._place, view.settled(units))
                if frames and not await self._is_welcome(1.0):
                    return
                if frames:
                    await _sent(send, frames)
                self._place = place
                if not has_more:
                    await self._rest(send, units, view)

    async def _rest(self, send: Send, units: UnitIds, view: View) -> None:
        """Until something moved, with a sign of life now and then."""
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + HEARTBEAT_S
        while await self._is_welcome(RECHECK_S):
            within_s = min(beat_at - loop.time(), RECHECK_S)
            if await self._source.desk.pulse.moved_for(units, view, within_s=within_s):
                return
            if loop.time() >= beat_at:
                await _sent(send, _BEAT)
                beat_at = loop.time() + HEARTBEAT_S

    async def _is_welcome(self, within_s: float) -> bool:
        """Whether the caller may still read, as it was known at most so long ago; one refusal is enough."""
        now = asyncio.get_running_loop().time()
        if self._may_stay and now - self._checked_at >= within_s:
            self._checked_at = now
            self._may_stay = await self._is_same()
        return self._may_stay


async def _sent(send: Send, body: bytes, *, is_last: bool = False) -> None:
    async with asyncio.timeout(SLOW_S):
        await send({"type": "http.response.body", "body": body, "more_body": not is_last})


async def _found(find: Callable[[], Awaitable[Caller | None]]) -> Caller | None:
    return await find()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
