"""Signing in and out: a form that only our own page can send, then a session cookie."""

from __future__ import annotations

import hmac
import secrets
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from app.dashboard.reader import Tongue, TongueDep
from app.dependencies import (
    SESSION_COOKIE,
    HouseDep,
    Now,
    Someone,
    Writing,
    address_of,
    clear_session_cookie,
    house_of,
    is_secure,
    set_session_cookie,
)
from app.people.errors import TooManyRequests
from app.people.sessions import close_session
from app.people.sign_in import sign_in

router = APIRouter(include_in_schema=False)

FORM_COOKIE = "tanggap_form"
HOME = "/"

Next = Annotated[str, Query(alias="next", max_length=500)]


class SignIn(BaseModel):
    """What the form sends; `csrf_token` is the one in the form's own cookie."""

    model_config = ConfigDict(extra="forbid")
    username: Annotated[str, Field(max_length=200)] = ""
    password: Annotated[SecretStr, Field(max_length=1000)] = SecretStr("")
    csrf_token: Annotated[str, Field(max_length=200)] = ""
    next: Annotated[str, Field(max_length=500)] = HOME


class SignOut(BaseModel):
    """The sign-out button; its token is checked with the caller."""

    model_config = ConfigDict(extra="forbid")
    csrf_token: Annotated[str, Field(max_length=200)] = ""


@router.get("/sign-in")
async def form(request: Request, tongue: TongueDep, caller: Someone, target: Next = HOME) -> Response:
    """The form; who is signed in already goes on."""
    if caller is not None:
        return RedirectResponse(own_path(target), 303)
    return sign_in_form(request, tongue, target)


@router.post("/sign-in")
async def enter(
    request: Request, house: HouseDep, now: Now, tongue: TongueDep, given: Annotated[SignIn, Form()]
) -> Response:
    """A session for the right password; else the form again, which never tells what was wrong."""
    shown = request.cookies.get(FORM_COOKIE, "")
    if not shown or not hmac.compare_digest(shown.encode(), given.csrf_token.encode(errors="replace")):
        return sign_in_form(request, tongue, given.next, given.username, problem="form_expired", status=403)
    try:
        house.rates.count_sign_in(address_of(request), now=now)
    except TooManyRequests as error:
        again = sign_in_form(request, tongue, given.next, given.username, problem="too_many", status=429)
        again.headers["Retry-After"] = str(error.retry_after_s)
        return again
    brought = request.cookies.get(SESSION_COOKIE)
    session = await sign_in(house.engine, given.username, given.password.get_secret_value(), now=now, replacing=brought)
    if session is None:
        return sign_in_form(request, tongue, given.next, given.username, problem="refused", status=403)
    response = RedirectResponse(own_path(given.next), 303)
    set_session_cookie(request, response, session.secret)
    response.delete_cookie(FORM_COOKIE, path="/sign-in")
    return response


@router.post("/sign-out")
async def leave(
    request: Request, connection: Writing, _caller: Someone, _given: Annotated[SignOut, Form()]
) -> Response:
    """The session ends on both sides."""
    secret = request.cookies.get(SESSION_COOKIE)
    if secret:
        await close_session(connection, secret)
    response = RedirectResponse("/sign-in", 303)
    clear_session_cookie(request, response)
    return response


def sign_in_form(
    request: Request,
    tongue: Tongue,
    target: str,
    username: str = "",
    *,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    """The form, with a secret in it that only its own cookie matches."""
    token, oidc = secrets.token_urlsafe(24), house_of(request).oidc
    page = tongue.page(
        "sign_in.html",
        status,
        token=token,
        target=own_path(target),
        username=username,
        problem=problem,
        elsewhere=oidc is not None and oidc.client_id is not None,
    )
    page.set_cookie(FORM_COOKIE, token, httponly=True, samesite="strict", secure=is_secure(request), path="/sign-in")
    return page


def own_path(target: str) -> str:
    """A path of our own to go on to; an address elsewhere would make us a signpost for whoever wrote the link.

    >>> own_path("/units/31.71"), own_path("//evil.example"), own_path("https://evil.example")
    ('/units/31.71', '/', '/')
    """
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if is_ours and "\\" not in target else HOME
