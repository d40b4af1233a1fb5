"""An OIDC issuer as we know it: its addresses and keys, kept for a while, and used for longer while it is down."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from app.outbound import MIB, outbound_client
from app.people.errors import IssuerUnreachable

FRESH = timedelta(minutes=10)
STALE = timedelta(hours=24)
"""Keys are asked for again after ten minutes; while the issuer is down they are used for a day."""
PAUSE = timedelta(seconds=10)
"""Between two attempts, so that neither an issuer that is down nor tokens of invented keys cost a call each."""
_PATIENCE = timedelta(seconds=5)
_KINDS: Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}

PublicKey = RSAKey | ECKey | OKPKey
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """What the issuer last said of itself; `name` is how its tokens name it."""

    name: str
    authorization_endpoint: str | None
    token_endpoint: str | None
    keys: tuple[PublicKey, ...]
    fetched_at: datetime


class Issuer:
    """One issuer; each process asks it by itself."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._known: Known | None = None
        self._tried_at: datetime | None = None
        self._lock = asyncio.Lock()

    async def known(self, *, now: datetime, renew: bool = False) -> Known:
        """What the issuer says of itself, fresh where it answers; `renew` asks again unless it was asked just now.

        Raises: IssuerUnreachable, when nothing is known that is not too old.
        """
        held = self._known
        if held is None or renew or now - held.fetched_at >= FRESH:
            async with self._lock:
                if self._known is held:
                    await self._try(now)
        if self._known is None or now - self._known.fetched_at >= STALE:
            raise IssuerUnreachable("the sign-in service cannot be reached just now")
        return self._known

    async def key(self, key_id: str | None, *, now: datetime) -> PublicKey | None:
        """The key of that id; one that is not known yet makes us ask again. Without an id, the only key there is.

        Raises: IssuerUnreachable.
        """
        found = _pick((await self.known(now=now)).keys, key_id)
        return found or _pick((await self.known(now=now, renew=True)).keys, key_id)

    async def call(self, url: str, form: Mapping[str, str] | None = None, auth: tuple[str, str] | None = None) -> Any:
        """The JSON that an address of the issuer answers; the issuer's own host may be private, others may not.

        Raises: httpx.HTTPError; ValueError, when it is no JSON object.
        """
        host = urlsplit(self.url).hostname or ""
        allowed = (host,) if urlsplit(url).hostname == host else ()
        async with outbound_client(allowed_hosts=allowed, timeout=_PATIENCE, max_bytes=MIB) as client:
            proof = httpx.BasicAuth(*auth) if auth else httpx.USE_CLIENT_DEFAULT
            answer = await (client.get(url) if form is None else client.post(url, data=dict(form), auth=proof))
            answer.raise_for_status()
            said = answer.json()
        if answer.is_redirect or not isinstance(said, dict):
            raise ValueError("the issuer answered with no JSON object")
        return said

    async def _try(self, now: datetime) -> None:
        if self._tried_at is not None and now - self._tried_at < PAUSE:
            return
        self._tried_at = now
        try:
            self._known = await self._fetch(now)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            _log.warning("issuer_unreachable", issuer=self.url, error=type(error).__name__)

    async def _fetch(self, now: datetime) -> Known:
        said = await self.call(f"{self.url}/.well-known/openid-configuration")
        name = str(said["issuer"])
        if name.rstrip("/") != self.url:
            raise ValueError("the issuer names another one")
        keys = await self.call(str(said["jwks_uri"]))
        return Known(
            name=name,
            authorization_endpoint=said.get("authorization_endpoint"),
            token_endpoint=said.get("token_endpoint"),
            keys=tuple(_public_keys(keys["keys"])),
            fetched_at=now,
        )


def _public_keys(listed: Sequence[Any]) -> list[PublicKey]:
    """The keys that can check a signature; shared secrets and keys to encrypt for are none."""
    found: list[PublicKey] = []
    for each in listed:
        signs = isinstance(each, dict) and each.get("use", "sig") == "sig"
        kind = _KINDS.get(str(each.get("kty"))) if signs else None
        if kind is None:
            continue
        try:
            found.append(kind.import_key(each))
        except (JoseError, ValueError, KeyError) as error:
            _log.warning("key_skipped", error=type(error).__name__)
    return found


def _pick(keys: Sequence[PublicKey], key_id: str | None) -> PublicKey | None:
    if key_id is None:
        return keys[0] if len(keys) == 1 else None
    return next((key for key in keys if key.kid == key_id), None)
