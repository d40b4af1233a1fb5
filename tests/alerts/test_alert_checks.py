"""What keeps messages from going out is found without sending one, in one line that says what to do, never a secret."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from app.alerts.chat import CHAT_PURPOSE
from app.alerts.chat_check import check_chats, find_fault
from app.alerts.groups import put_group, seal_group
from app.alerts.mail import MailServer
from app.alerts.mail_check import check_mail
from app.clock import utc_now
from app.complaint.roles import Role
from app.db.session import reading, writing
from tests.alerts.mail_sink import receiving_mail
from tests.alerts.staff import hire
from tests.alerts.test_alert_mail import _contexts
from tests.alerts.town import VAULT, Town

# The library's own imports.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

BRIEF = timedelta(milliseconds=300)
SECRET = "kata%20kunci"


def _server(port: int, scheme: str = "smtp", user: str = "", host: str = "127.0.0.1") -> MailServer:
    return MailServer.parse(f"{scheme}://{user}{host}:{port}?from=tanggap@example.go.id")


@asynccontextmanager
async def _silent() -> AsyncIterator[int]:
    """Somebody who takes calls and says nothing."""
    stop = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stop.wait()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        stop.set()


async def test_a_mail_server_that_takes_our_messages_is_no_finding_and_gets_none() -> None:
    own, trusted = _contexts()
    async with receiving_mail() as sink:
        assert await check_mail(_server(sink.port)) is None
        assert (sink.connections, sink.messages) == (1, [])
    async with receiving_mail(starttls=own) as sink:
        server = _server(sink.port, "smtp+starttls", "tanggap:kata%20sandi@")
        assert await check_mail(server, context=trusted) is None
        assert sink.logins == [("tanggap", "kata sandi")]
    async with receiving_mail(tls=own) as sink:
        assert await check_mail(_server(sink.port, "smtps"), context=trusted) is None


async def test_a_password_that_is_refused_is_said_without_it() -> None:
    own, trusted = _contexts()
    async with receiving_mail(starttls=own) as sink:
        found = await check_mail(_server(sink.port, "smtp+starttls", f"tanggap:{SECRET}@"), context=trusted)
        assert found is not None
        assert found.startswith(f"the mail server 127.0.0.1:{sink.port} refuses the user name or password (SMTP 535)")
        assert "TANGGAP_SMTP_URL" in found and "kunci" not in found and "\n" not in found


async def test_each_trouble_with_tls_says_which_scheme_or_certificate_to_mend() -> None:
    own, _ = _contexts()
    async with receiving_mail() as sink:
        assert "offers no STARTTLS" in str(await check_mail(_server(sink.port, "smtp+starttls")))
        assert "speaks no TLS" in str(await check_mail(_server(sink.port, "smtps"), patience=BRIEF))
    async with receiving_mail(starttls=own) as sink:
        assert "a certificate that does not hold" in str(await check_mail(_server(sink.port, "smtp+starttls")))
    async with receiving_mail(tls=own) as sink:
        assert "a certificate that does not hold" in str(await check_mail(_server(sink.port, "smtps")))
        assert "465 wants smtps://" in str(await check_mail(_server(sink.port), patience=BRIEF))


async def test_a_server_that_is_not_there_or_says_nothing_is_named_with_what_to_look_at() -> None:
    assert "refuses connections" in str(await check_mail(_server(1)))
    async with _silent() as port:
        assert "did not answer within 0.3 s" in str(await check_mail(_server(port), patience=BRIEF))


async def test_a_sender_that_is_refused_is_named() -> None:
    async with receiving_mail() as sink:
        sink.sender_answer = "550 5.7.1 not from you"
        found = str(await check_mail(_server(sink.port)))
    assert "takes nothing from tanggap@example.go.id (SMTP 550): say another one with ?from=" in found


def test_a_chat_address_that_the_library_cannot_read_is_said_without_it() -> None:
    assert find_fault("tgram://123456789:abcdefg_hijklmnop/12315544", ()) is None
    assert find_fault("tgram://rahasia", ()) == "cannot be read by apprise as one of tgram://"
    assert "host in the list" in str(find_fault("ntfys://rahasia@chat.example/topik", ()))
    assert find_fault("ntfys://rahasia@chat.example/topik", ("chat.example",)) is None


async def test_officers_and_rules_with_such_an_address_are_named_and_others_are_not(town: Town) -> None:
    for number in range(12):
        sealed = VAULT.seal(b"tgram://rahasia", CHAT_PURPOSE)
        await hire(town, f"petugas-{number:02}", Role.OFFICER, None, sealed_chat_url=sealed)
    good = VAULT.seal(b"tgram://123456789:abcdefg_hijklmnop/12315544", CHAT_PURPOSE)
    await hire(town, "melati", Role.OFFICER, None, sealed_chat_url=good)
    await hire(town, "mawar", Role.OFFICER, None, sealed_chat_url=b"of another key")
    await hire(town, "gone", Role.OFFICER, None, sealed_chat_url=good, is_active=False)
    async with writing(town.engine) as connection:
        group = seal_group("ntfys://rahasia@chat.example/topik", VAULT, ["chat.example"])
        await put_group(connection, "banjir", group, by="sekar", now=utc_now())
    async with reading(town.engine) as connection:
        rule, *found = [each async for each in check_chats(connection, VAULT, ())]
    assert rule.startswith(
        "the chat address of alert rule banjir may not be called (ntfys on a host of one's own needs"
    )
    assert rule.endswith("tanggap alerts rules set banjir --group-url sets another one")
    assert found[0].startswith(
        "the chat address of officer petugas-00 cannot be read by apprise as one of tgram://: PUT"
    )
    assert len(found) == 10 and found[-1].startswith("3 more chat addresses")
    assert "rahasia" not in " ".join(found)
