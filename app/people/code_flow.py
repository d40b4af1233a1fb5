"""Signing in with the OIDC issuer: there with a question of our own, back with a code, and a session for the answer."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import quote_plus, urlencode

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from app.complaint.errors import Forbidden
from app.db.session import writing
from app.people import audit
from app.people.errors import IssuerUnreachable, NotSignedIn
from app.people.oidc import Oidc, check_token
from app.people.sessions import NewSession, open_session
from app.people.vouching import admit
from app.vault import CannotOpen, Vault

PATIENCE = timedelta(minutes=10)
"""How long somebody may take at the issuer."""
_PURPOSE = "sign-in question"


@dataclass(frozen=True, slots=True)
class Question:
    """What one browser asked, kept by it until it comes back; `verifier` proves that the code is for whoever asked."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    target: str
    asked_at: datetime


def new_question(redirect_uri: str, target: str, *, now: datetime) -> Question:
    """A question that nobody can guess; `target` is where they want to go afterwards."""
    state, nonce = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    return Question(state, nonce, secrets.token_urlsafe(48), redirect_uri, target, now)


def seal_question(vault: Vault, question: Question) -> str:
    """The question as its browser keeps it: a text that nobody reads or changes."""
    told = {**asdict(question), "asked_at": question.asked_at.isoformat()}
    return base64.urlsafe_b64encode(vault.seal_json(told, _PURPOSE)).decode()


def open_question(vault: Vault, sealed: str) -> Question | None:
    """The question that was sealed; None for any other text."""
    try:
        told = cast("dict[str, Any]", vault.open_json(base64.urlsafe_b64decode(sealed), _PURPOSE))
    except (CannotOpen, ValueError):
        return None
    return Question(**{**told, "asked_at": datetime.fromisoformat(told["asked_at"])})


async def way_to_issuer(oidc: Oidc, question: Question, *, now: datetime) -> str:
    """The address at the issuer to send the browser to.

    Raises: IssuerUnreachable.
    """
    endpoint = (await oidc.issuer.known(now=now)).authorization_endpoint
    if endpoint is None:
        raise IssuerUnreachable("the sign-in service names no place to sign in")
    challenge = hashlib.sha256(question.verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": oidc.client_id or "",
        "redirect_uri": question.redirect_uri,
        "scope": "openid profile",
        "state": question.state,
        "nonce": question.nonce,
        "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"


async def sign_in_by_code(
    engine: AsyncEngine,
    oidc: Oidc,
    question: Question,
    code: str,
    *,
    now: datetime,
    replacing: str | None = None,
) -> NewSession:
    """A session for whoever the issuer says came back with this code.

    Raises: NotSignedIn, when it is too late or the answer is not for this question; Forbidden; IssuerUnreachable.
    """
    if now - question.asked_at > PATIENCE or oidc.client_id is None:
        raise NotSignedIn("the sign-in took too long: begin again")
    id_token = await _redeem(oidc, question, code, now)
    vouched = await check_token(oidc, id_token, audience=oidc.client_id, now=now, nonce=question.nonce)
    caller = await admit(engine, vouched, now=now)
    if caller.officer_id is None:
        raise Forbidden("only officers sign in")
    async with writing(engine) as connection:
        session = await open_session(connection, caller.officer_id, now=now, replacing=replacing)
        subject, details = f"officer {caller.name}", {"by": "oidc"}
        await audit.record(connection, actor=caller.name, action="sign_in", subject=subject, details=details, now=now)
    return session


async def _redeem(oidc: Oidc, question: Question, code: str, now: datetime) -> str:
    """The ID token that the issuer gives for the code."""
    known = await oidc.issuer.known(now=now)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": question.redirect_uri,
        "client_id": oidc.client_id or "",
        "code_verifier": question.verifier,
    }
    # RFC 6749, 2.3.1: both are form-encoded before they become a header.
    auth = (quote_plus(form["client_id"]), quote_plus(oidc.client_secret)) if oidc.client_secret else None
    try:
        said = await oidc.issuer.call(known.token_endpoint or "", form, auth)
        return str(said["id_token"])
    except httpx.HTTPStatusError as error:
        raise NotSignedIn("the sign-in service does not know this code") from error
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise IssuerUnreachable("the sign-in service cannot be reached just now") from error
