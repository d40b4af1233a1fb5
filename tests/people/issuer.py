"""A real OIDC issuer on loopback: discovery, keys that rotate, signed tokens, the code flow with PKCE."""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode
from uuid import uuid4

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

AUDIENCE, CLIENT, SECRET = "tanggap-api", "tanggap-web", "rahasia klien"

Key = RSAKey | ECKey | OKPKey


@dataclass
class Login:
    """An issuer with one key at first; `asked` counts how often its keys were fetched."""

    url: str = ""
    keys: list[Key] = field(default_factory=list)
    is_down: bool = False
    asked: int = 0
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    """What the next sign-in by code tells of whoever signs in."""
    now: datetime | None = None

    def rotate(self, kind: str = "RSA") -> Key:
        """A new key signs from now on; the former ones are gone."""
        key_id = {"kid": uuid4().hex[:8]}
        made: dict[str, Any] = {
            "RSA": lambda: RSAKey.generate_key(2048, key_id),
            "EC": lambda: ECKey.generate_key("P-256", key_id),
            "OKP": lambda: OKPKey.generate_key("Ed25519", key_id),
        }
        self.keys = [made[kind]()]
        return self.keys[0]

    def token(self, now: datetime, *, key: Key | None = None, alg: str = "RS256", **claims: Any) -> str:
        """A signed access token for an officer of `dlh`, with these claims instead; None leaves one out."""
        signer = key or self.keys[0]
        issued = int(now.timestamp())
        told = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "s-1",
            "iat": issued,
            "exp": issued + 300,
            "preferred_username": "rini",
            "name": "Rini K.",
            "roles": ["officer"],
            "units": ["dlh"],
            **claims,
        }
        told = {name: value for name, value in told.items() if value is not None}
        return jwt.encode({"alg": alg, "kid": signer.kid}, told, signer, algorithms=[alg])

    def app(self) -> Starlette:
        """The issuer's own routes."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/keys", self._keys),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _discovery(self, _request: Request) -> Response:
        if self.is_down:
            return Response(status_code=503)
        document = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
        }
        return JSONResponse(document)

    async def _keys(self, _request: Request) -> Response:
        self.asked += 1
        shared_secret = {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"}
        return JSONResponse({"keys": [shared_secret, *(key.as_dict(private=False) for key in self.keys)]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256" and "openid" in asked["scope"].split()
        code = uuid4().hex
        self.codes[code] = asked
        query = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{query}", 302)

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        user, _, password = base64.b64decode(request.headers["authorization"].split()[1]).decode().partition(":")
        # RFC 6749, 2.3.1: both are form-encoded before they become a header.
        is_client = (user, password) == (CLIENT, SECRET.replace(" ", "+"))
        if asked is None or challenge != asked["code_challenge"] or not is_client:
            return JSONResponse({"error": "invalid_grant"}, 400)
        if form["redirect_uri"] != asked["redirect_uri"] or self.now is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        told = {"aud": CLIENT, "nonce": asked["nonce"], **self.claims}
        return JSONResponse({"id_token": self.token(self.now, **told), "token_type": "Bearer", "access_token": "x"})


@functools.cache
def _first_key() -> Key:
    """One for all issuers: finding two primes takes longer than a test."""
    return RSAKey.generate_key(2048, {"kid": "first"})


@asynccontextmanager
async def open_login() -> AsyncIterator[Login]:
    """An issuer that answers on a port of its own."""
    login = Login(keys=[_first_key()])
    listening = socket.create_server(("127.0.0.1", 0))
    login.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(login.app(), log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield login
    finally:
        server.should_exit = True
        await serving
