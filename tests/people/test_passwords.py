"""What passwords cost whoever stole their hashes: that of service, which the other tests do without."""

from __future__ import annotations

from argon2 import Type, extract_parameters

from app.people import passwords

# Taken while the tests are collected, before the run makes hashes light.
_in_service = passwords._hasher


def test_hashes_of_service_cost_what_is_asked() -> None:
    """Source: OWASP Password Storage Cheat Sheet: argon2id with 19 MiB and two passes, or as much work as that."""
    found = extract_parameters(_in_service().hash("mawar-melati-77"))
    assert found.type is Type.ID and found.memory_cost >= 19 * 1024 and found.time_cost >= 2
    assert (found.hash_len, found.salt_len) == (32, 16)


async def test_a_light_hash_is_made_anew_in_service() -> None:
    light = await passwords.hash_password("mawar-melati-77")
    assert extract_parameters(light).memory_cost < 1024
    assert _in_service().check_needs_rehash(light)
