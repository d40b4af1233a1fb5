"""Passwords: argon2id, computed in a thread, since one takes a tenth of a second."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.complaint.errors import InvalidInput

SHORTEST = 8
LONGEST = 256
"""Source: OWASP ASVS 5.0, 6.2.1 and 6.2.9."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the password was right; `rehashed` replaces a hash that was made with older parameters."""

    is_right: bool
    rehashed: str | None = None


def check(password: str, *, username: str, field: str = "password") -> None:
    """Nothing, when the password may be used.

    Raises: InvalidInput, saying what is wrong.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(field, f"must have {SHORTEST} to {LONGEST} characters")
    if len(set(password)) < 4 or username.casefold() in password.casefold():
        raise InvalidInput(field, "is too easy to guess")


async def hash_password(password: str) -> str:
    """The argon2id hash with its parameters and salt."""
    return await asyncio.to_thread(_hasher().hash, password)


async def verify(password_hash: str | None, password: str) -> Verdict:
    """The verdict on a password; without a hash the work is the same and the verdict is no."""
    return await asyncio.to_thread(_verify, password_hash, password)


def _verify(password_hash: str | None, password: str) -> Verdict:
    hasher = _hasher()
    try:
        # What is no proper text is no password either, but must not end in an error.
        hasher.verify(password_hash or _nobodys_hash(), password[:LONGEST].encode(errors="replace"))
    except (VerificationError, InvalidHashError):
        return Verdict(is_right=False)
    if password_hash is None or len(password) > LONGEST:
        return Verdict(is_right=False)
    return Verdict(True, hasher.hash(password) if hasher.check_needs_rehash(password_hash) else None)


@functools.cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@functools.cache
def _nobodys_hash() -> str:
    """What an unknown user's password is compared with, so that the time of an answer tells nothing."""
    return _hasher().hash("nobody has this password")
