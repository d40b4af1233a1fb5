"""A read that its replica could not answer is asked again, of the primary."""

from __future__ import annotations

from http import HTTPStatus
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.db.reads import Reads

_SAFE = frozenset({"GET", "HEAD"})
_FOUND_THERE = ("lag_s", "etag", "sources", "holds_any")
"""What the first try left in the state of the request and must not show in the second one's answer."""


class SecondTry:
    """A replica that goes away, or that drops a query to keep up, is nothing that a reader need know of."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _SAFE:
            await self._app(scope, receive, send)
            return
        asked, attempt = dict(scope), _Attempt(scope, send)
        await self._app(scope, receive, attempt.send)
        if attempt.has_failed:
            scope.clear()
            scope.update(asked)
            _turn_to_primary(scope)
            await self._app(scope, receive, send)


class _Attempt:
    """Passes an answer on, unless it says that the replica could not be reached."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self.has_failed = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            is_of_replica = "lag_s" in self._scope.get("state", {})
            self.has_failed = is_of_replica and message["status"] == HTTPStatus.SERVICE_UNAVAILABLE
        if not self.has_failed:
            await self._send(message)


def _turn_to_primary(scope: Scope) -> None:
    reads, state = cast(Reads, scope["app"].state.reads), scope["state"]
    reads.doubt()
    for name in _FOUND_THERE:
        state.pop(name, None)
    state["desk"] = reads.primary
