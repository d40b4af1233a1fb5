"""What every request passes, whatever its route: its id, the host check, headers, the last net, the log line."""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from http import HTTPStatus
from uuid import uuid4

import structlog
from fastapi import Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.metrics import RequestMetrics
from app.api.problems import problem

REQUEST_ID = "x-request-id"
PROBES = frozenset({"/healthz", "/readyz"})
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Source: OWASP secure headers, read 2026-11; a route may set one of its own."""

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_YEAR_S = 31_536_000
_log = structlog.get_logger(__name__)


class Edge:
    """The outermost layer of ours; an error that nothing below answered becomes a 500 that says its id alone."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics, allowed_hosts: Collection[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._allowed_hosts = frozenset(allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passage = _Passage(scope, send)
        with structlog.contextvars.bound_contextvars(request_id=passage.request_id):
            try:
                await self._answer(passage, receive)
            finally:
                self._note(passage)

    async def _answer(self, passage: _Passage, receive: Receive) -> None:
        scope = passage.scope
        if not self._knows_host(scope):
            refusal = problem(HTTPStatus.BAD_REQUEST, "unknown_host", "this host name is not served here")
            await refusal(scope, receive, passage.send)
            return
        try:
            await self._app(scope, receive, passage.send)
        except Exception as error:
            _log.exception("request_failed", error=type(error).__name__)
            if passage.status is not None:
                raise
            await _last_answer(passage.request_id)(scope, receive, passage.send)

    def _knows_host(self, scope: Scope) -> bool:
        if not self._allowed_hosts or scope["path"] in PROBES:
            return True
        host = Headers(scope=scope).get("host", "").lower()
        name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
        return name.strip("[]").rstrip(".") in self._allowed_hosts

    def _note(self, passage: _Passage) -> None:
        seconds = time.perf_counter() - passage.started
        status = passage.status or HTTPStatus.INTERNAL_SERVER_ERROR
        route, method = route_of(passage.scope), str(passage.scope["method"])
        self._metrics.observe(route, method, status, seconds)
        if passage.scope["path"] not in PROBES:
            _log.info("request", method=method, route=route, status=int(status), took_ms=round(seconds * 1000, 1))


class _Passage:
    """One request on its way: its id, when it came, what was answered."""

    def __init__(self, scope: Scope, send: Send) -> None:
        given = Headers(scope=scope).get(REQUEST_ID, "")
        self.request_id = given if _GIVEN_ID.fullmatch(given) else uuid4().hex
        self.scope = scope
        self.started = time.perf_counter()
        self.status: int | None = None
        self._send = send
        self._is_replaced = False
        scope.setdefault("state", {})["request_id"] = self.request_id

    async def send(self, message: Message) -> None:
        """Passes the answer on with our headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._is_replaced = _is_bare_413(message)
            if self._is_replaced:
                await self._send_whole(problem(413, "too_large", "the body is too large"))
            else:
                self._add_headers(message)
        if not self._is_replaced:
            await self._send(message)

    async def _send_whole(self, response: Response) -> None:
        start: Message = {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": response.raw_headers,
        }
        self._add_headers(start)
        await self._send(start)
        await self._send({"type": "http.response.body", "body": response.body})

    def _add_headers(self, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        headers[REQUEST_ID] = self.request_id
        # What has an ETag may be kept and asked after; nothing else of ours may be kept anywhere.
        headers.setdefault("cache-control", "private, no-cache" if "etag" in headers else "no-store")
        if self.scope["scheme"] == "https":
            headers.setdefault("strict-transport-security", f"max-age={_YEAR_S}; includeSubDomains")


def route_of(scope: Scope) -> str:
    """The route's own path, with names in place of values, so that no id becomes a label."""
    route = scope.get("route")
    if not isinstance(route, APIRoute):
        return "other"
    prefix = "/api/v1" if scope["path"].startswith("/api/v1/") and not route.path.startswith("/api/") else ""
    return prefix + route.path


def _is_bare_413(message: Message) -> bool:
    """The framework's limiter answers in plain text and lets no handler speak."""
    return message["status"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and Headers(raw=message["headers"]).get(
        "content-type", ""
    ).startswith("text/plain")


def _last_answer(request_id: str) -> Response:
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal",
        f"something went wrong; the log knows more under {request_id}",
        request_id=request_id,
    )
