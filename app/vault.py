"""Sealing of what only the service itself may read: raw records, identities, secrets of others."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NAMELESS = b"\x01"
_NAMED = b"\x02"
_NAME_BYTES = 4
_NONCE_BYTES = 12


class CannotOpen(Exception):
    """The sealed bytes were changed, were sealed for another purpose, or with another key."""


class Vault:
    """AES-256-GCM under one key; what was sealed for one purpose opens for that purpose alone.

    What `former` keys sealed still opens, so that keys change while the service runs.

    >>> vault = Vault(bytes(32))
    >>> vault.open(vault.seal(b"rahasia", "identity"), "identity")
    b'rahasia'
    """

    __slots__ = ("_ciphers", "mark")

    def __init__(self, key: bytes, former: Sequence[bytes] = ()) -> None:
        if any(len(each) != 32 for each in (key, *former)):
            raise ValueError("a vault needs keys of 32 bytes")
        self._ciphers = {_name(each): AESGCM(each) for each in (*former, key)}
        self.mark = _NAMED + _name(key)
        """How everything that the newest key sealed begins."""

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """Version byte, name of the key, random nonce, ciphertext with its tag."""
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._ciphers[self.mark[len(_NAMED) :]]
        return self.mark + nonce + cipher.encrypt(nonce, plain, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """What was sealed.

        Raises: CannotOpen, without a word about the content.
        """
        ciphers, body = self._for(bytes(sealed), purpose)
        for cipher in ciphers:
            try:
                return cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], purpose.encode())
            except (InvalidTag, ValueError):
                continue
        raise CannotOpen(f"{purpose}: changed, or sealed with another key")

    def reseal(self, sealed: bytes, purpose: str) -> bytes:
        """The same content under the newest key.

        Raises: CannotOpen.
        """
        return self.seal(self.open(sealed, purpose), purpose)

    def seal_json(self, value: object, purpose: str) -> bytes:
        """`seal` of the value as JSON."""
        # Not orjson, which refuses what is nested deeper than 254: a hostile record must not fail its whole batch.
        return self.seal(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), purpose)

    def open_json(self, sealed: bytes, purpose: str) -> object:
        """The value that `seal_json` sealed."""
        return json.loads(self.open(sealed, purpose))

    def _for(self, sealed: bytes, purpose: str) -> tuple[Sequence[AESGCM], bytes]:
        """The ciphers that may open it, and its nonce with what follows; the first version named no key."""
        version, rest = sealed[:1], sealed[1:]
        if version == _NAMED:
            cipher = self._ciphers.get(rest[:_NAME_BYTES])
            return ([cipher] if cipher else []), rest[_NAME_BYTES:]
        if version == _NAMELESS:
            return list(self._ciphers.values()), rest
        raise CannotOpen(f"{purpose}: not sealed by this version")


def _name(key: bytes) -> bytes:
    """Tells keys apart without telling anything of them."""
    return hashlib.sha256(b"tanggap key name" + key).digest()[:_NAME_BYTES]
