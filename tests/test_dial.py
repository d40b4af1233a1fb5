"""Connections that are not HTTP stand under the same rule: checked host, pinned address, checked certificate."""

from __future__ import annotations

import asyncio
import ssl

import httpx
import pytest

from app.outbound import ForbiddenHost, dial
from tests.connectors.imap_server import Mailbox, serving_imap


async def test_a_listed_host_is_reached_over_tls_though_it_is_loopback():
    async with serving_imap(Mailbox()) as place:
        link = await dial("127.0.0.1", place.port, allowed_hosts=["127.0.0.1"], context=place.trusted)
        with link:
            assert await asyncio.to_thread(link.recv, 100) == b"* OK ready\r\n"
            assert link.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize("allowed", [[], ["mail.example"]])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "2130706433", "::1"])
async def test_what_is_private_or_not_listed_is_refused(host, allowed):
    with pytest.raises(ForbiddenHost):
        await dial(host, 993, allowed_hosts=allowed)


async def test_a_name_that_leads_inside_is_refused(monkeypatch):
    async def resolve(*_, **__):
        return [(2, 1, 6, "", ("127.0.0.1", 993))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    with pytest.raises(ForbiddenHost, match="private address"):
        await dial("mail.city.example", 993)


async def test_a_certificate_of_an_unknown_authority_or_another_name_is_refused(monkeypatch):
    async with serving_imap(Mailbox()) as place:
        with pytest.raises(httpx.ConnectError, match="certificate"):
            await dial("127.0.0.1", place.port, allowed_hosts=["127.0.0.1"])

        async def resolve(*_, **__):
            return [(2, 1, 6, "", ("127.0.0.1", place.port))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
        with pytest.raises(httpx.ConnectError, match=r"mail\.example"):
            await dial("mail.example", place.port, allowed_hosts=["mail.example"], context=place.trusted)


async def test_a_dead_port_or_an_unknown_name_cannot_be_reached():
    async with serving_imap(Mailbox()) as place:
        pass
    with pytest.raises(httpx.ConnectError):
        await dial("127.0.0.1", place.port, allowed_hosts=["127.0.0.1"], context=ssl.create_default_context())
    with pytest.raises(httpx.ConnectError):
        await dial("nowhere.invalid", 993, allowed_hosts=["nowhere.invalid"])
