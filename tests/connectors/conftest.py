"""What tests of connectors share: a guarded client for loopback servers, and retries without waiting."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import stamina

from app.outbound import outbound_client
from connectors.fetch import Fetcher

# The kit's failures show what was found, as those of any test.
pytest.register_assert_rewrite("tests.connectors.kit")


@pytest.fixture(autouse=True)
def retries_at_once() -> Iterator[None]:
    """Retries happen, but nobody waits for them."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """The guarded client, allowed to reach loopback."""
    async with outbound_client(allowed_hosts=["127.0.0.1"], max_redirects=3) as client:
        yield client


@pytest.fixture
def fetcher(http: httpx.AsyncClient) -> Fetcher:
    """The client that connectors get, at a rate that does not hold up a test."""
    return Fetcher(http, rate=1000)
