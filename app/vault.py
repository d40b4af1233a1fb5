"""Sealing of what only the service itself may read: raw records, identities, secrets of others."""

from __future__ import annotations

import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE_BYTES = 12
_HEADER_BYTES = len(_VERSION) + _NONCE_BYTES


class CannotOpen(Exception):
    """The sealed bytes were changed, were sealed for another purpose, or with another key."""


class Vault:
    """AES-256-GCM under one key; what was sealed for one purpose opens for that purpose alone.

    >>> vault = Vault(bytes(32))
    >>> vault.open(vault.seal(b"rahasia", "identity"), "identity")
    b'rahasia'
    """

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ValueError("a vault needs a key of 32 bytes")
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """Version byte, random nonce, ciphertext with its tag."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """What was sealed.

        Raises: CannotOpen, without a word about the content.
        """
        if sealed[:1] != _VERSION or len(sealed) < _HEADER_BYTES:
            raise CannotOpen(f"{purpose}: not sealed by this version")
        nonce = bytes(sealed[1:_HEADER_BYTES])
        try:
            return self._cipher.decrypt(nonce, bytes(sealed[_HEADER_BYTES:]), purpose.encode())
        except InvalidTag:
            raise CannotOpen(f"{purpose}: changed, or sealed with another key") from None

    def seal_json(self, value: object, purpose: str) -> bytes:
        """`seal` of the value as JSON."""
        # Not orjson, which refuses what is nested deeper than 254: a hostile record must not fail its whole batch.
        return self.seal(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), purpose)

    def open_json(self, sealed: bytes, purpose: str) -> object:
        """The value that `seal_json` sealed."""
        return json.loads(self.open(sealed, purpose))
