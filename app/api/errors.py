"""The one table from error to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from app.api.problems import FieldError, malformed, problem
from app.api.strictness import Malformed
from app.complaint.errors import (
    AlreadyClaimed,
    Conflict,
    DomainError,
    EvidenceUnreviewed,
    Forbidden,
    IllegalMove,
    InvalidInput,
    NotFound,
    SourceBusy,
    StaleVersion,
)
from app.people.errors import IssuerUnreachable, NotSignedIn, TooManyRequests
from app.sla.fields import InvalidField

SIGN_IN_PAGE = "/sign-in"
LONGEST_TARGET = 500
"""Characters that the form there takes of where to go on to."""

# The first line that fits an error is its line.
ANSWERS: tuple[tuple[type[DomainError], int, str], ...] = (
    (NotSignedIn, 401, "not_signed_in"),
    (Forbidden, 403, "forbidden"),
    (NotFound, 404, "not_found"),
    (IllegalMove, 409, "illegal_move"),
    (AlreadyClaimed, 409, "already_claimed"),
    (EvidenceUnreviewed, 409, "evidence_unreviewed"),
    (SourceBusy, 409, "source_busy"),
    (StaleVersion, 412, "stale_version"),
    (Conflict, 409, "conflict"),
    (TooManyRequests, 429, "too_many_requests"),
    (IssuerUnreachable, 503, "issuer_unreachable"),
)
CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}
DETAILS = {
    404: "there is nothing here",
    405: "this address does not take this method",
    413: "the body is too large",
}
RETRY_SECONDS = 5
_IS_THERE = frozenset({"23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"})
"""How PostgreSQL and SQLite name the refusal of a second row under one key."""
_LOCATIONS = frozenset({"body", "query", "path", "header", "cookie"})
_MESSAGES = {"missing": "is required", "extra_forbidden": "is not known"}

_log = structlog.get_logger(__name__)


def add_error_answers(app: FastAPI) -> None:
    """Every error that a route may raise is answered by this table; the rest is a 500 of the edge."""
    handlers = {
        DomainError: _domain_error,
        InvalidField: _invalid_field,
        Malformed: _malformed,
        RequestValidationError: _validation_error,
        HTTPException: _http_error,
        IntegrityError: _taken,
        OperationalError: _unavailable,
        InterfaceError: _unavailable,
        PoolTimeout: _unavailable,
    }
    for error, handler in handlers.items():
        app.add_exception_handler(error, handler)


async def _domain_error(request: Request, error: Exception) -> Response:
    if isinstance(error, InvalidInput):
        return malformed([FieldError(field=error.field, message=error.message)])
    if isinstance(error, NotSignedIn) and _is_page(request):
        return RedirectResponse(f"{SIGN_IN_PAGE}?next={quote(_asked_for(request))}", 303)
    status, code = next((status, code) for kind, status, code in ANSWERS if isinstance(error, kind))
    return problem(
        status,
        code,
        str(error),
        headers=_headers(error),
        legal_moves=list(error.legal) if isinstance(error, IllegalMove) else None,
        evidence=list(error.evidence) if isinstance(error, EvidenceUnreviewed) else None,
        version=error.version if isinstance(error, Conflict) else None,
    )


def code_of(error: DomainError) -> str:
    """The word that programs know the error by."""
    return next((code for kind, _, code in ANSWERS if isinstance(error, kind)), "invalid_input")


def status_of(error: DomainError) -> int:
    """The HTTP status that the error is answered with."""
    return next((status for kind, status, _ in ANSWERS if isinstance(error, kind)), 422)


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, NotSignedIn):
        reason = ', error="invalid_token"' if error.was_refused else ""
        return {"WWW-Authenticate": f'Bearer realm="tanggap"{reason}'}
    if isinstance(error, IssuerUnreachable):
        return {"Retry-After": str(RETRY_SECONDS)}
    return {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooManyRequests) else {}


def _is_page(request: Request) -> bool:
    """A browser that asks for a page, and whoever asks for the front one, is shown the way in; others are told 401."""
    if "authorization" in request.headers or request.method not in ("GET", "HEAD"):
        return False
    wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
    return wants_page or request.url.path == "/"


def _asked_for(request: Request) -> str:
    """The address to go on to after signing in; without its query where that is longer than the form takes."""
    path, query = request.url.path, request.url.query
    whole = f"{path}?{query}" if query else path
    return whole if len(whole) <= LONGEST_TARGET else path


async def _invalid_field(_request: Request, error: Exception) -> Response:
    assert isinstance(error, InvalidField)
    return malformed([FieldError(field=error.field or "body", message=error.message)])


async def _malformed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Malformed)
    return malformed(error.errors)


async def _validation_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return malformed([_field_error(detail, error.body) for detail in error.errors()])


def _field_error(detail: Mapping[str, Any], body: object) -> FieldError:
    kind = detail["type"]
    context = detail.get("ctx", {})
    if kind == "json_invalid":
        return FieldError(field="body", message=f"is not valid JSON at character {detail['loc'][-1]}")
    location = list(detail["loc"])
    if "discriminator" in context:
        location.append(str(context["discriminator"]).strip("'"))
    message = _MESSAGES.get(kind, str(detail["msg"]).removeprefix("Value error, "))
    return FieldError(field=field_path(location, body), message=message)


def field_path(location: Sequence[str | int], body: object) -> str:
    """Where a value stands, as a caller would name it: `events[0].at`.

    The validator also names the member of a union that it tried; what is no part of the body is left out.

    >>> field_path(["body", "forward", "unit"], {"move": "forward"})
    'unit'
    >>> field_path(["body", "refs", 1], {"refs": ["a", 2]})
    'refs[1]'
    """
    steps = list(location[1:]) if location and location[0] in _LOCATIONS else list(location)
    if location and location[0] != "body":
        return str(steps[0]) if steps else str(location[0])
    path, current = "", body
    for index, step in enumerate(steps):
        if isinstance(step, int) and isinstance(current, list):
            path += f"[{step}]"
            current = current[step] if step < len(current) else None
        elif isinstance(step, str) and isinstance(current, dict) and (step in current or index == len(steps) - 1):
            path += f".{step}" if path else step
            current = current.get(step)
    return path or "body"


async def _http_error(_request: Request, error: Exception) -> Response:
    """What the framework refuses by itself."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return malformed([FieldError(field="body", message="cannot be read")])
    code = CODES.get(error.status_code, "refused")
    detail = DETAILS.get(error.status_code, str(error.detail))
    return problem(error.status_code, code, detail, headers=error.headers)


async def _taken(_request: Request, error: Exception) -> Response:
    """Two made the same thing at one instant, and each found the name free: the second is told so.

    Raises: IntegrityError, for any other rule of the database, which is an error of ours.
    """
    assert isinstance(error, IntegrityError)
    if _IS_THERE.isdisjoint(getattr(error.orig, name, None) for name in ("sqlstate", "sqlite_errorname")):
        raise error
    return problem(HTTPStatus.CONFLICT, "conflict", "somebody has just made the same; look at what there is now")


async def _unavailable(request: Request, error: Exception) -> Response:
    """The database cannot be reached or is busy beyond patience: worth another try."""
    _log.warning("database_unavailable", error=type(getattr(error, "orig", None) or error).__name__)
    return problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "the database cannot be reached just now",
        headers={"Retry-After": str(RETRY_SECONDS)},
        request_id=getattr(request.state, "request_id", None),
    )
