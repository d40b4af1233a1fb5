"""Tokens of an OIDC issuer: checked, and read as who is asking, in which role, over which units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from app.complaint.errors import Forbidden
from app.complaint.roles import Role
from app.people.errors import NotSignedIn
from app.people.issuer import Issuer

ALGORITHMS = ("RS256", "ES256", "EdDSA", "Ed25519")
"""Never `none`, and nothing that one shared secret both signs and checks."""
LEEWAY_S = 30
WHOLE_TREE = "*"
_STRONGEST = (Role.ADMIN, Role.SUPERVISOR, Role.OFFICER, Role.VIEWER, Role.SERVICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Oidc:
    """The issuer whose word counts here, and where in its tokens role and units stand.

    `roles` says which of the issuer's names mean which role; where it is empty the roles have their own names.
    """

    issuer: Issuer
    audience: str
    client_id: str | None = None
    client_secret: str | None = None
    role_claim: str = "roles"
    units_claim: str = "units"
    roles: Mapping[str, Role] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """Somebody the issuer vouches for; `units` None is the whole tree."""

    issuer: str
    subject: str
    username: str
    name: str
    role: Role
    units: tuple[str, ...] | None
    issued_at: datetime


class _Registry(JWSRegistry):
    """Our algorithms alone; the library warns of EdDSA's old name, which issuers still use."""

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(f"algorithm {name[:20]!r} is not accepted")
        return self.algorithms[name]


def looks_signed(bearer: str) -> bool:
    """Whether a bearer token has the three parts of a signed one."""
    return bearer.count(".") == 2


async def check_token(oidc: Oidc, token: str, *, audience: str, now: datetime, nonce: str | None = None) -> Vouched:
    """Whom a token vouches for: signed by a key of the issuer, for this audience, valid now within half a minute.

    Raises: NotSignedIn, when it is not; Forbidden, when it names no role or no unit of ours; IssuerUnreachable.
    """
    try:
        claims = await _claims(oidc, token, audience, now, nonce)
        issued_at = datetime.fromtimestamp(int(claims["iat"]), UTC)
    except (JoseError, ValueError, OverflowError, OSError, RecursionError) as error:
        # What is wrong with it stays here: whoever forges one learns nothing.
        raise NotSignedIn("the token is unknown, expired or revoked", was_refused=True) from error
    return Vouched(
        issuer=oidc.issuer.url,
        subject=claims["sub"],
        username=_text(claims, "preferred_username").casefold(),
        name=_text(claims, "name") or _text(claims, "preferred_username"),
        role=_role(oidc, claims),
        units=_units(oidc, claims),
        issued_at=issued_at,
    )


async def _claims(oidc: Oidc, token: str, audience: str, now: datetime, nonce: str | None) -> dict[str, Any]:
    registry = _Registry(strict_check_header=False)
    header = jws.extract_compact(token.encode(), registry=registry).headers()
    key = await oidc.issuer.key(header.get("kid"), now=now)
    if key is None:
        raise ValueError("no key of the issuer signed this")
    claims = jwt.decode(token, key, registry=registry).claims
    known = await oidc.issuer.known(now=now)
    rules = JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY_S,
        iss={"essential": True, "value": known.name},
        aud={"essential": True, "value": audience},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    rules.validate(claims)
    if nonce is not None and claims.get("nonce") != nonce:
        raise ValueError("the token answers another request")
    if not 0 < len(claims["sub"]) <= 255 or not _is_storable(claims["sub"]):
        raise ValueError("the subject is empty, too long or no text that a database holds")
    return claims


def _role(oidc: Oidc, claims: Mapping[str, Any]) -> Role:
    """The strongest role that the token names."""
    own = {str(role): role for role in Role}
    names = _texts(claims, oidc.role_claim)
    found = {role for name in names if (role := (oidc.roles or own).get(name)) is not None}
    if not found:
        raise Forbidden(f"the token names no role of this service in its claim {oidc.role_claim}")
    return min(found, key=_STRONGEST.index)


def _units(oidc: Oidc, claims: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The codes that the token names; none at all is no unit, never every unit."""
    names = _texts(claims, oidc.units_claim)
    if not names:
        raise Forbidden(f"the token names no unit in its claim {oidc.units_claim}")
    return None if WHOLE_TREE in names else tuple(sorted(set(names)))


def _texts(claims: Mapping[str, Any], path: str) -> list[str]:
    """The texts of a claim, one or a list, by its name or by a path with dots: `realm_access.roles`.

    >>> _texts({"realm_access": {"roles": ["officer", 7]}, "units": "dlh"}, "realm_access.roles")
    ['officer']
    """
    value: Any = claims
    for step in (path,) if path in claims else path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str) and each and _is_storable(each)]


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value.strip()[:200] if isinstance(value, str) and _is_storable(value) else ""


def _is_storable(text: str) -> bool:
    """Without NUL, which PostgreSQL does not hold, and halves of surrogate pairs, which UTF-8 does not."""
    return not any(each == "\0" or "\ud800" <= each <= "\udfff" for each in text)
