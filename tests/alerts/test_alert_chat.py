"""Chat: the kept library reaches a listed host, and no address leads it elsewhere."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from app.alerts import chat
from app.alerts.chat import CHAT_PURPOSE, ChatNotifier, check_chat_url
from app.alerts.notifiers import Answer, Notice, Person
from app.complaint.errors import InvalidInput
from tests.alerts.sink import LOOPBACK, Sink, receiving
from tests.alerts.test_alert_mail import BREACH, NOW
from tests.alerts.town import VAULT, WORDING

# The library's own imports.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with receiving() as opened:
        yield opened


async def _tell(url: str | None, *, allowed: tuple[str, ...] = LOOPBACK, language: str | None = None) -> Answer:
    sealed = VAULT.seal(url.encode(), CHAT_PURPOSE) if url is not None else None
    notifier = ChatNotifier(VAULT, WORDING, allowed_hosts=allowed, timeout=timedelta(seconds=5))
    return await notifier.send(Notice("msg_1", BREACH, Person(sealed_chat_url=sealed, language=language)), now=NOW)


async def test_a_breach_arrives_in_the_chat_in_the_readers_language(sink: Sink) -> None:
    url = sink.url.replace("http://", "json://") + "/room"
    assert await _tell(url, language="en") == Answer(True, "json: taken")
    (message,) = sink.messages
    said = json.loads(message.body)
    assert message.path.startswith("/room")
    assert said["title"] == "[Tanggap] Overdue: JK2601120042, first response"
    assert "Due 13 Jan 2026 15:01 WIB, late by 2 days 3 hours." in said["message"]
    assert "https://tanggap.example.go.id/complaints/JK2601120042" in said["message"]


async def test_a_refusal_or_a_redirect_is_a_failure_that_tells_no_secret(
    sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.statuses, sink.head = [500, 302, 204], f"Location: {sink.url}/elsewhere\r\n".encode()
    url = sink.url.replace("http://", "json://") + "/geheim"
    with caplog.at_level(logging.DEBUG):
        for _ in range(2):
            assert await _tell(url) == Answer(False, "json: refused or not reached")
    assert [message.path for message in sink.messages] == ["/geheim", "/geheim"]
    assert not [record for record in caplog.records if record.name == "apprise"]


async def test_a_host_that_is_listed_no_more_is_dead_at_once(sink: Sink) -> None:
    answer = await _tell(sink.url.replace("http://", "json://"), allowed=("chat.example",))
    assert answer == Answer(False, "127.0.0.1 is not in the list of allowed hosts", is_final=True)
    assert sink.messages == []


async def test_without_an_address_or_the_library_it_is_dead_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await _tell(None) == Answer(False, "no address", is_final=True)
    monkeypatch.setattr(chat, "is_installed", lambda: False)
    assert await _tell(None) == Answer(False, "chat is not set up: install tanggap[notify]", is_final=True)


@pytest.mark.parametrize(
    ("url", "allowed", "why"),
    [
        ("json://chat.example/x", (), "needs that host in the list"),
        ("json://127.0.0.1/x", (), "needs that host in the list"),
        ("json://127.0.0.1/x", ("chat.example",), "not in the list of allowed hosts"),
        ("jsons://[::1]:8000/x", ("chat.example",), "not in the list of allowed hosts"),
        ("dbus://", LOOPBACK, "begins with one of"),
        ("syslog://127.0.0.1", LOOPBACK, "begins with one of"),
        ("mailto://u:p@127.0.0.1", LOOPBACK, "begins with one of"),
        ("http://127.0.0.1/x", LOOPBACK, "begins with one of"),
        ("json://127.0.0.1/x?verify=no&rto=9999", LOOPBACK, "may not set rto, verify"),
        ("slack://a/b/c?retry=1000", (), "may not set retry"),
        ("json://[::1/x", LOOPBACK, "not the address of a chat"),
        ("json://127.0.0.1:99999/x", LOOPBACK, "not the address of a chat"),
        ("chat", (), "begins with one of"),
        ("slack://" + "a" * 1_000, (), "longer than 1000"),
    ],
)
def test_an_address_that_may_not_be_called_is_refused_when_saved(url: str, allowed: tuple[str, ...], why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as refused:
        check_chat_url(url, allowed)
    assert refused.value.field == "chat_url"


def test_services_at_a_public_address_and_listed_hosts_are_accepted() -> None:
    check_chat_url("tgram://123456789:ABCdefghijklmnopqrstuvwxyz12345678/12345", ())
    check_chat_url("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", ("chat.example",))
    check_chat_url("mmosts://chat.example/key", ("chat.example",))
