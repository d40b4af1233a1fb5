"""Signing in with the OIDC issuer: the way there, and back with a code, held together by a sealed cookie."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.complaint.errors import Forbidden
from app.dashboard.reader import TongueDep
from app.dashboard.signing_in import HOME, Next, own_path, sign_in_form
from app.dependencies import SESSION_COOKIE, House, HouseDep, Now, address_of, is_secure, set_session_cookie
from app.people.code_flow import new_question, open_question, seal_question, sign_in_by_code, way_to_issuer
from app.people.errors import IssuerUnreachable, NotSignedIn

router = APIRouter(include_in_schema=False)
answers = APIRouter(include_in_schema=False)
"""What the issuer sends back: parameters that it adds of its own are ignored (RFC 6749, 4.1.2)."""

QUESTION_COOKIE = "tanggap_question"
_PATH = "/sign-in"

Text = Annotated[str, Query(max_length=4000)]


@router.get("/sign-in/elsewhere")
async def go(request: Request, house: HouseDep, now: Now, tongue: TongueDep, target: Next = HOME) -> Response:
    """To the issuer, with a question that only this browser can answer."""
    if house.oidc is None or house.oidc.client_id is None:
        return sign_in_form(request, tongue, target, problem="elsewhere_off", status=404)
    house.rates.count_sign_in(address_of(request), now=now)
    question = new_question(f"{_public_url(request, house)}/sign-in/callback", own_path(target), now=now)
    try:
        response = RedirectResponse(await way_to_issuer(house.oidc, question, now=now), 303)
    except IssuerUnreachable:
        return sign_in_form(request, tongue, target, problem="elsewhere_down", status=503)
    sealed = seal_question(house.vault, question)
    # Lax: the browser comes back from another site.
    response.set_cookie(
        QUESTION_COOKIE, sealed, max_age=600, httponly=True, samesite="lax", secure=is_secure(request), path=_PATH
    )
    return response


@answers.get("/sign-in/callback")
async def come_back(
    request: Request,
    house: HouseDep,
    now: Now,
    tongue: TongueDep,
    state: Text = "",
    code: Text = "",
) -> Response:
    """A session for whoever the issuer vouches for; else the form, which says why not."""
    question = open_question(house.vault, request.cookies.get(QUESTION_COOKIE, ""))
    is_answer = question is not None and hmac.compare_digest(question.state.encode(), state.encode(errors="replace"))
    if house.oidc is None or question is None or not is_answer or not code:
        return _without_question(sign_in_form(request, tongue, HOME, problem="elsewhere_refused", status=403))
    brought = request.cookies.get(SESSION_COOKIE)
    try:
        session = await sign_in_by_code(house.engine, house.oidc, question, code, now=now, replacing=brought)
    except (NotSignedIn, Forbidden):
        refused = sign_in_form(request, tongue, question.target, problem="elsewhere_refused", status=403)
        return _without_question(refused)
    except IssuerUnreachable:
        return sign_in_form(request, tongue, question.target, problem="elsewhere_down", status=503)
    response = _without_question(RedirectResponse(own_path(question.target), 303))
    set_session_cookie(request, response, session.secret)
    return response


def _public_url(request: Request, house: House) -> str:
    return house.settings.public_url or str(request.base_url).rstrip("/")


def _without_question(response: Response) -> Response:
    response.delete_cookie(QUESTION_COOKIE, path=_PATH)
    return response
