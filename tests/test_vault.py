"""The vault: what it seals opens for its purpose alone, and any change is seen."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.vault import CannotOpen, Vault

VAULT = Vault(bytes(range(32)))


def test_what_is_sealed_opens_again() -> None:
    for plain in (b"", b"nama pelapor", bytes(100_000)):
        assert VAULT.open(VAULT.seal(plain, "identity"), "identity") == plain


def test_a_value_comes_back_as_it_was() -> None:
    value = {"nama": "Budi Fiktif", "nik": None, "umur": 40}
    assert VAULT.open_json(VAULT.seal_json(value, "identity"), "identity") == value


def test_nothing_of_the_content_shows_and_no_two_seals_are_alike() -> None:
    first, second = VAULT.seal(b"rahasia", "raw"), VAULT.seal(b"rahasia", "raw")
    assert b"rahasia" not in first
    assert first != second


def test_another_purpose_does_not_open_it() -> None:
    with pytest.raises(CannotOpen):
        VAULT.open(VAULT.seal(b"rahasia", "raw"), "identity")


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(CannotOpen):
        Vault(bytes(32)).open(VAULT.seal(b"rahasia", "raw"), "raw")


def test_a_former_key_opens_what_it_sealed_and_seals_no_more() -> None:
    old, new = Vault(bytes(32)), Vault(bytes(range(32)), [bytes(32)])
    sealed = old.seal(b"rahasia", "raw")
    assert new.open(sealed, "raw") == b"rahasia"
    again = new.reseal(sealed, "raw")
    assert again.startswith(new.mark) and not sealed.startswith(new.mark)
    assert VAULT.open(again, "raw") == b"rahasia"
    with pytest.raises(CannotOpen):
        old.open(again, "raw")


def test_what_the_first_version_sealed_opens_under_any_key_at_hand() -> None:
    nonce = bytes(12)
    sealed = b"\x01" + nonce + AESGCM(bytes(32)).encrypt(nonce, b"rahasia", b"raw")
    assert Vault(bytes(range(32)), [bytes(32)]).open(sealed, "raw") == b"rahasia"
    with pytest.raises(CannotOpen):
        VAULT.open(sealed, "raw")


def test_any_changed_byte_is_seen() -> None:
    sealed = VAULT.seal(b"rahasia", "raw")
    for index in range(len(sealed)):
        changed = bytearray(sealed)
        changed[index] ^= 1
        with pytest.raises(CannotOpen):
            VAULT.open(bytes(changed), "raw")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01short", b"\x02" + bytes(40)])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(CannotOpen):
        VAULT.open(sealed, "raw")


def test_a_key_of_another_length_is_refused() -> None:
    for keys in ((b"short",), (bytes(32), [b"short"])):
        with pytest.raises(ValueError, match="32 bytes"):
            Vault(*keys)
