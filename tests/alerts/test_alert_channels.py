"""Every kind of message goes by every channel, and none but of the kinds that a webhook asked for."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from app.alerts.chat import CHAT_PURPOSE, ChatNotifier
from app.alerts.contents import Content, Correction, Trial
from app.alerts.digest import make_digests
from app.alerts.notifiers import (
    CHAT,
    CONSOLE,
    EMAIL,
    WEBHOOK,
    ConsoleNotifier,
    Endpoint,
    Notice,
    Notifier,
    Person,
    WebhookNotifier,
    body_of,
    webhook_client,
)
from app.alerts.signing import Secrets
from app.db.states import DeliveryKind
from tests.alerts.mail_sink import receiving_mail
from tests.alerts.sink import LOOPBACK, receiving
from tests.alerts.staff import open_office
from tests.alerts.test_alert_mail import BREACH, DIGEST, DOWN, NOW, ONE, notifier
from tests.alerts.test_alert_webhooks import _create
from tests.alerts.town import VAULT, WORDING, Town, at, hours

# The chat library's own imports.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/alerts.md"
MONDAY = at("2026-01-12 07:30")
CONTENTS: tuple[Content, ...] = (BREACH, Correction((ONE, ONE)), DIGEST, DOWN, Trial(NOW, 1))


@asynccontextmanager
async def _opened(channel: str) -> AsyncIterator[tuple[Notifier, Endpoint | Person | None]]:
    """The channel, and somebody who is reached by it for real."""
    async with receiving() as sink, receiving_mail() as mail, webhook_client(LOOPBACK) as client:
        match channel:
            case "email":
                through = notifier(mail)
                yield through, Person(email="sekar@example.go.id")
                await through.aclose()
            case "chat":
                sealed = VAULT.seal(sink.url.replace("http://", "json://").encode(), CHAT_PURPOSE)
                yield ChatNotifier(VAULT, WORDING, allowed_hosts=LOOPBACK), Person(sealed_chat_url=sealed)
            case "webhook":
                yield WebhookNotifier(client, VAULT, WORDING), Endpoint(sink.url, Secrets.new().seal(VAULT))
            case _:
                yield ConsoleNotifier(WORDING), None


def test_the_contents_are_of_every_kind() -> None:
    assert {each.kind for each in CONTENTS} == set(DeliveryKind)


@pytest.mark.parametrize("channel", [CONSOLE, EMAIL, CHAT, WEBHOOK])
async def test_every_kind_of_message_goes_by_every_channel(channel: str) -> None:
    async with _opened(channel) as (through, target):
        answers = [await through.send(Notice(f"msg_{n}", each, target), now=NOW) for n, each in enumerate(CONTENTS)]
    assert [each.is_delivered for each in answers] == [True] * len(CONTENTS), answers


async def test_a_webhook_that_asks_for_it_gets_the_list_of_the_morning_of_its_units_and_clocks(town: Town) -> None:
    await open_office(town)
    late = await town.report("JK1", MONDAY - hours(30))
    await town.report("JK2", MONDAY - hours(30), unit="dinas-b")
    async with receiving() as sink, webhook_client(LOOPBACK) as client:
        await _create(town, sink.url, events=["digest"], units=["dinas-a"], clocks=["respond"])
        await _create(town, sink.url, events=["digest"], units=["dinas-a"], clocks=["handle"])
        await _create(town, sink.url)
        assert [await make_digests(town.engine, town.rulebooks, now=MONDAY) for _ in range(2)] == [1, 0]
        await town.deliver(MONDAY + hours(2), WebhookNotifier(client, VAULT, WORDING))
    (message,) = sink.messages
    body = json.loads(message.body)
    assert (message.headers["webhook-id"], body["type"]) == ("digest-20260112-webhook-1", "digest")
    assert body["timestamp"] == "2026-01-12T00:30:00Z"
    assert (body["data"]["on"], body["data"]["overdue"], body["data"]["due_today"]) == ("2026-01-12", 1, 0)
    assert body["data"]["items"] == [
        {
            "complaint": {"id": late, "ticket_code": "JK1"},
            "unit": {"code": "rt-a", "name": "Rt A"},
            "clock": "respond",
            "due_at": "2026-01-11T18:30:00Z",
            "late_seconds": 6 * 3600,
            "link": "https://tanggap.example.go.id/complaints/JK1",
        }
    ]
    assert body["data"]["text_id"] == "Senin, 12 Januari 2026: 1 hitungan lewat tenggat, 0 jatuh tempo hari ini."


async def test_a_webhook_over_the_whole_tree_hears_of_what_is_unrouted_and_of_nothing_when_nothing_is_due(
    town: Town,
) -> None:
    await open_office(town)
    await _create(town, "http://127.0.0.1/", events=["digest"])
    assert await make_digests(town.engine, town.rulebooks, now=MONDAY) == 0
    await town.report("JK1", MONDAY, unit=None)
    assert await make_digests(town.engine, town.rulebooks, now=MONDAY + hours(24)) == 1
    (delivery,) = await town.rows("delivery")
    assert (delivery.recipient, delivery.payload["items"][0]["unit_code"]) == ("webhook:1", None)


def test_the_body_of_a_webhook_is_documented_field_by_field() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    written, sent = json.loads(example), json.loads(orjson.dumps(body_of(BREACH, WORDING)))
    assert written.keys() == sent.keys() and written["data"].keys() == sent["data"].keys()
    assert all(written["data"][name].keys() == sent["data"][name].keys() for name in ("complaint", "unit"))
