"""The service behind a proxy: whose word on the caller's address and scheme counts, and whose does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from app.commands.serving import make_server
from app.settings import Settings
from tests.api.door import settings_for


@pytest.fixture
def dialect() -> str:
    """Who is counted is settled in the process."""
    return "postgresql"


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the real server on a port of its own."""
    server = make_server(settings, host="127.0.0.1", port=0)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client
    server.should_exit = True
    await serving


async def guess(client: httpx.AsyncClient, address: str) -> int:
    headers = {"X-Forwarded-For": address, "Authorization": "Bearer tgp_wrong"}
    return (await client.get("/api/v1/moves", headers=headers)).status_code


async def test_behind_a_trusted_proxy_each_address_is_counted_by_itself(database_url: str) -> None:
    async with served(settings_for(database_url, rate_limit="2/minute")) as client:
        assert [await guess(client, "203.0.113.5") for _ in range(3)] == [401, 401, 429]
        assert await guess(client, "203.0.113.6") == 401
        answer = await client.get("/healthz", headers={"X-Forwarded-Proto": "https"})
        assert "max-age" in answer.headers["strict-transport-security"]


async def test_nobody_else_chooses_the_address_by_which_they_are_counted(database_url: str) -> None:
    settings = settings_for(database_url, rate_limit="2/minute", trusted_proxies="192.0.2.0/24")
    async with served(settings) as client:
        assert [await guess(client, f"203.0.113.{number}") for number in range(3)] == [401, 401, 429]
        answer = await client.get("/healthz", headers={"X-Forwarded-Proto": "https"})
        assert "strict-transport-security" not in answer.headers
