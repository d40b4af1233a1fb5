"""Refusals as pages: whoever reads pages is told in their language what programs are told as a problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.dashboard.catalogue import LANGUAGES
from app.dashboard.mishap_words import ANY, MISHAPS
from app.dashboard.reader import language_of
from app.dashboard.rendering import render
from app.dashboard.wording import Wording
from app.dependencies import house_of

_PROBLEM = "application/problem+json"


class Mishaps:
    """The outermost layer of the pages; what is asked of the REST door, or with a token, stays as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _reads_pages(scope):
            send = _Retold(scope, send).send
        await self._app(scope, receive, send)


class _Retold:
    """One answer; a problem is held until it is whole, and told as a page."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._start: Message | None = None
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_problem(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._tell(self._start)

    async def _tell(self, start: Message) -> None:
        page = _page(Request(self._scope), start["status"], orjson.loads(bytes(self._body) or b"{}")).encode()
        headers = MutableHeaders(scope=start)
        headers["content-type"], headers["content-length"] = "text/html; charset=utf-8", str(len(page))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": page})


def _page(request: Request, status: int, problem: Mapping[str, Any]) -> str:
    settings, wish = house_of(request).settings, request.query_params.get("lang")
    say = Wording(wish if wish in LANGUAGES else language_of(request, settings.language), settings.zone)
    title, lead = MISHAPS[say.language].get(status, MISHAPS[say.language][ANY])
    return render("mishap.html", say, title=title, lead=lead, request_id=problem.get("request_id"))


def _reads_pages(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["path"].startswith("/api/"):
        return False
    headers = Headers(scope=scope)
    return "text/html" in headers.get("accept", "") and "authorization" not in headers


def _is_problem(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith(_PROBLEM)
