"""HEAD of whatever GET answers: the same status and headers, and nothing behind them."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SIGN_IN = "/sign-in"
"""Signing in elsewhere comes back to a link that works once: nobody uses it up by looking at its headers."""
_STREAM = "/stream"
"""What begins to look for changes as soon as it is asked for, and has no end."""


class Heads:
    """Asks GET in the place of HEAD, with all that GET demands and puts on record. Source: RFC 9110, 9.3.2."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_head(scope):
            await self._app(scope, receive, send)
            return

        async def send_headers(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        # A copy: the server still has to know that HEAD was asked, and that no body follows.
        await self._app({**scope, "method": "GET"}, receive, send_headers)


def _is_head(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "HEAD":
        return False
    return not scope["path"].startswith(_SIGN_IN) and not scope["path"].endswith(_STREAM)
