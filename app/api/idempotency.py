"""`Idempotency-Key`: a write that comes again with the same key is answered as before and done once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from email.message import Message as Header
from typing import Any

from fastapi import Request, Response
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import problem
from app.dependencies import house_of
from app.people.answers import HEADER, KEY, Answer, AnswerEmptied, KeyInUse, Repeated
from app.people.attempts import Attempt, RequestHash

PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": KEY},
    "description": "A random key. Within 24 hours the same request with the same key is answered as the first one was, "
    "and done once; another request with it is a 422, one that comes while the first still runs waits, or is a 409 "
    "with `Retry-After`. What failed is tried anew. Once personal data is erased or closed, all answers given before "
    "are gone: a repeat is a 409 `answer_emptied`, and still done once.",
}
REPLAYED = "idempotent-replayed"
"""Says of an answer that it was given before."""

_PREFIX = "/api/v1/"
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_NOT_KEPT = frozenset({"content-length", "set-cookie"})
_RETRY_S = 1
_EMPTIED = (
    "this was done; its answer is gone, because personal data was erased or closed since: look at what there is now"
)


class Repeats:
    """Holds the answer of a write that has a key until all it did is committed together with the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = _key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        answer = await self._settle(scope, receive, key)
        await answer(scope, receive, send)

    async def _settle(self, scope: Scope, receive: Receive, key: str) -> Response:
        try:
            async with AsyncExitStack() as stack:
                attempt = Attempt(key, RequestHash(_address(scope), _boundary(scope)), stack)
                scope.setdefault("state", {})["attempt"] = attempt
                held = _Held()
                await self._app(scope, _heard(receive, attempt), held.take)
                await attempt.end(held.answer(), now=house_of(Request(scope)).clock())
            return _told(held.answer(), held.cookies)
        except Repeated as before:
            return _told(before.answer, (), is_replayed=True)
        except AnswerEmptied:
            return problem(409, "answer_emptied", _EMPTIED)
        except KeyInUse:
            detail = f"a request with this {HEADER} still runs"
            return problem(409, "key_in_use", detail, headers={"Retry-After": str(_RETRY_S)})
        except (OperationalError, InterfaceError) as error:
            # The commit, which no route's own answer covers: what the table of errors says of it holds here too.
            handler = scope["app"].exception_handlers[type(error)]
            answered: Response = await handler(Request(scope), error)
            return answered


class _Held:
    """An answer that has not left yet."""

    def __init__(self) -> None:
        self._status = 500
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()
        self.cookies: Sequence[str] = ()

    async def take(self, message: Message) -> None:
        """As the server would."""
        if message["type"] == "http.response.start":
            headers = Headers(raw=message["headers"])
            self._status, self.cookies = message["status"], headers.getlist("set-cookie")
            self._headers = [(name, value) for name, value in headers.items() if name not in _NOT_KEPT]
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")

    def answer(self) -> Answer:
        """All of it, but for what is the first receiver's alone."""
        return Answer(self._status, self._headers, bytes(self._body))


def _key(scope: Scope) -> str | None:
    if scope["type"] != "http" or scope["method"] not in _WRITES or not scope["path"].startswith(_PREFIX):
        return None
    return Headers(scope=scope).get(HEADER)


def _address(scope: Scope) -> str:
    return f"{scope['method']} {scope['path']}?{scope['query_string'].decode('latin-1')}\n"


def _boundary(scope: Scope) -> bytes:
    """What separates the parts of a form: chosen anew each time that a client sends the same one."""
    header = Header()
    header["content-type"] = Headers(scope=scope).get("content-type", "")
    boundary = header.get_boundary()
    return boundary.encode("latin-1", "replace") if boundary else b""


def _heard(receive: Receive, attempt: Attempt) -> Receive:
    async def heard() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            attempt.request_hash.add(message.get("body", b""))
            attempt.is_read = not message.get("more_body", False)
        return message

    return heard


def _told(answer: Answer, cookies: Sequence[str], *, is_replayed: bool = False) -> Response:
    response = Response(answer.body, answer.status)
    for name, value in answer.headers:
        response.headers.append(name, value)
    for cookie in cookies:
        response.headers.append("set-cookie", cookie)
    if is_replayed:
        response.headers[REPLAYED] = "true"
    return response
