"""Secrets that we hand out and keep as hashes alone."""

from __future__ import annotations

import hashlib
import secrets

TOKEN_PREFIX = "tgp_"  # noqa: S105 - not a secret: by it a leaked token is recognised
_LONGEST = 200


def new_token() -> str:
    """A bearer token of 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def new_secret() -> str:
    """A cookie or form secret of 256 random bits."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str | None:
    """The hash by which a shown secret is looked up; None when it cannot be one of ours.

    Plain SHA-256 is enough: the secrets are random, not chosen.
    """
    if not secret.isascii() or len(secret) > _LONGEST:
        return None
    return hashlib.sha256(secret.encode()).hexdigest()
