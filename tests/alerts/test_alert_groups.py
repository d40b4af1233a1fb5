"""The chat group of a rule: told with its people, by an address that nobody reads again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.alerts.chat import ChatNotifier
from app.alerts.delivery import Sent
from app.alerts.groups import drop_group, put_group, seal_group
from app.alerts.notifiers import CHAT, EMAIL
from app.alerts.signing import PURPOSE
from app.complaint.lifecycle import Status
from app.complaint.roles import Role
from app.db.session import writing
from tests.alerts.sink import LOOPBACK, Sink, receiving
from tests.alerts.staff import LONG_AGO, hire, open_office, set_rules
from tests.alerts.test_alert_api import Door, door
from tests.alerts.test_alert_commands import Say, failed, one_engine, say
from tests.alerts.test_alert_stops import BREACHED, START, _late_word
from tests.alerts.town import VAULT, WORDING, Recorder, Town, hours, table

__all__ = ["door", "say"]
# The chat library's own imports.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

RULE = {"from_step": 100, "to_step": 100}
TELEGRAM = "tgram://123456789:ABCdefghijklmnopqrstuvwxyz12345678/12345"


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with receiving() as opened:
        yield opened


def _room(sink: Sink, room: str = "ruang") -> str:
    return f"{sink.url.replace('http://', 'json://')}/{room}"


async def _tell_group(town: Town, rule: str, url: str) -> None:
    async with writing(town.engine) as connection:
        await put_group(connection, rule, seal_group(url, VAULT, LOOPBACK), by="test", now=LONG_AGO)


async def _groups(town: Town) -> list[Any]:
    return [row for row in await town.rows("delivery") if row.recipient.startswith("group:")]


async def test_a_breach_arrives_in_the_group_beside_the_people_of_the_rule(town: Town, sink: Sink) -> None:
    await set_rules(town, breach={**RULE, "who": ["officers"]}, other={**RULE, "who": []})
    await hire(town, "ani", Role.OFFICER, "rt-a")
    await _tell_group(town, "breach", _room(sink))
    await town.report("JK1", START)
    await town.sweep(BREACHED)
    chat = ChatNotifier(VAULT, WORDING, allowed_hosts=LOOPBACK)
    assert await town.deliver(BREACHED, chat, Recorder(EMAIL)) == Sent(delivered=2)
    (message,), (delivery,) = sink.messages, await _groups(town)
    said = json.loads(message.body)
    assert (message.path, said["title"]) == ("/ruang", "[Tanggap] Lewat tenggat: JK1, tanggapan pertama")
    assert "Rt A. Tenggat 17 Jan 2026 10.00 WIB" in said["message"]
    assert "https://tanggap.example.go.id/complaints/JK1" in said["message"]
    assert b"Rahasia" not in message.body and b"Sekar" not in message.body
    assert (delivery.recipient, delivery.channel, delivery.state) == ("group:breach", CHAT, "delivered")
    assert delivery.payload == {"rules": ["breach"], "severity": "normal", "told_as": "group"}


async def test_a_group_hears_in_office_hours_where_the_rule_says_so_and_not_what_is_muted(town: Town) -> None:
    await open_office(town)
    await set_rules(town, calm={**RULE, "who": [], "hours": "working"}, loud={**RULE, "who": []})
    for rule in ("calm", "loud"):
        await _tell_group(town, rule, TELEGRAM)
    mute = {"rule": "loud", "unit_id": town.units["rt-a"], "until_at": BREACHED + hours(1), "reason": "Banjir"}
    async with writing(town.engine) as connection:
        await connection.execute(table("alert_mute").insert().values(**mute, created_at=START, created_by="test"))
    await town.report("JK1", START)
    await town.sweep(BREACHED)
    (delivery,) = await _groups(town)
    assert (delivery.recipient, delivery.next_attempt_at) == ("group:calm", START + hours(69.5)), "Monday, half past 7"


async def test_a_group_that_was_told_is_told_of_the_correction(town: Town, sink: Sink) -> None:
    await set_rules(town, breach={**RULE, "who": []})
    await _tell_group(town, "breach", _room(sink))
    complaint = await town.report("JK1", START)
    await town.sweep(BREACHED)
    chat, heard = ChatNotifier(VAULT, WORDING, allowed_hosts=LOOPBACK), BREACHED + hours(3)
    await town.deliver(BREACHED, chat)
    await town.add(complaint, _late_word(Status.IN_PROGRESS, START + hours(20), heard))
    await town.sweep(heard)
    assert await town.deliver(heard, chat) == Sent(delivered=1)
    assert json.loads(sink.messages[-1].body)["title"] == "[Tanggap] Koreksi: JK1, tanggapan pertama"


async def test_what_waits_goes_to_the_groups_new_address_and_to_none_that_was_dropped(town: Town, sink: Sink) -> None:
    await set_rules(town, breach={**RULE, "who": []}, gone={**RULE, "who": []})
    for rule in ("breach", "gone"):
        await _tell_group(town, rule, _room(sink, "lama"))
    await town.report("JK1", START)
    await town.sweep(BREACHED)
    await _tell_group(town, "breach", _room(sink, "baru"))
    async with writing(town.engine) as connection:
        await drop_group(connection, "gone")
    chat = ChatNotifier(VAULT, WORDING, allowed_hosts=LOOPBACK)
    assert await town.deliver(BREACHED, chat) == Sent(delivered=1, withdrawn=1)
    assert [message.path for message in sink.messages] == ["/baru"]
    assert [row.sealed_secret for row in await town.rows("webhook") if not row.is_active] == [b""]


async def test_the_address_of_a_group_is_shown_masked_kept_and_taken_away(town: Town, door: Door) -> None:
    admin = await door(Role.ADMIN)
    made = await admin.post("/alert-rules", json={"name": "breach", **RULE, "group_url": TELEGRAM})
    assert (made.status_code, made.json()["group"], made.json()["who"]) == (201, "tgram://***", [])
    kept = await admin.put("/alert-rules/breach", json=RULE)
    assert (kept.status_code, kept.json()["group"]) == (200, "tgram://***")
    (row,) = await town.rows("webhook")
    assert row.sealed_secret and b"ABCdef" not in row.sealed_secret and "ABCdef" not in kept.text
    assert (await admin.get("/webhooks")).json()["items"] == []
    assert (await admin.post(f"/webhooks/{row.id}/rotate")).status_code == 404
    hosted = await admin.put("/alert-rules/breach", json={**RULE, "group_url": "json://127.0.0.1:1/ruang"})
    assert hosted.json()["group"] == "json://127.0.0.1/***"
    gone = await admin.put("/alert-rules/breach", json={**RULE, "who": ["head"], "group_url": None})
    assert gone.json()["group"] is None and [each.is_active for each in await town.rows("webhook")] == [False]
    details = [each.details for each in await town.rows("audit") if each.action.startswith("alert-rule")]
    assert details == [{"changed": ["group_url"]}, {}, {"changed": ["group_url"]}, {"changed": ["group_url"]}]


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("group_url", {"group_url": "mailto://u:p@127.0.0.1"}),
        ("group_url", {"group_url": "json://10.0.0.7/ruang"}),
        ("who", {"group_url": None}),
        ("who", {}),
    ],
)
async def test_a_rule_that_tells_nobody_or_where_nobody_may_be_told_is_refused(
    town: Town, door: Door, field: str, body: dict[str, Any]
) -> None:
    refused = await (await door(Role.ADMIN)).post("/alert-rules", json={"name": "breach", **RULE, **body})
    assert (refused.status_code, [each["field"] for each in refused.json()["errors"]]) == (422, [field])
    assert await town.rows("webhook") == []


async def test_a_rule_that_is_taken_away_forgets_its_group(town: Town, door: Door) -> None:
    admin = await door(Role.ADMIN)
    await admin.post("/alert-rules", json={"name": "breach", **RULE, "group_url": TELEGRAM})
    await admin.delete("/alert-rules/breach")
    again = await admin.post("/alert-rules", json={"name": "breach", **RULE, "who": ["head"]})
    assert again.json()["group"] is None


@one_engine
async def test_a_group_is_set_tried_and_taken_away_by_command(town: Town, say: Say, sink: Sink) -> None:
    tell = ("rules", "set", "banjir", "--from", "90", "--json")
    made = await say(*tell, "--group-url", _room(sink))
    assert (made.code, made.document["group"]) == (0, "json://127.0.0.1/***")
    tried = await say("test", "--channel", "chat", "--rule", "banjir")
    assert (tried.code, tried.out.startswith("chat to the group of banjir: delivered")) == (0, True)
    assert json.loads(sink.messages[0].body)["title"] == "[Tanggap] Uji coba pesan"
    assert (await say(*tell, "--who", "head")).document["group"] == "json://127.0.0.1/***"
    assert failed(await say(*tell, "--no-group"), "who")
    assert (await say(*tell, "--who", "head", "--no-group")).document["group"] is None
    assert failed(await say("test", "--channel", "chat", "--rule", "banjir"), "has no group")
    for wrong in (("test", "--channel", "email", "--rule", "banjir"), (*tell, "--no-group", "--group-url", "x")):
        assert (await say(*wrong)).code == 2


def test_a_groups_address_is_sealed_as_the_column_it_lies_in_is() -> None:
    assert VAULT.open(seal_group(TELEGRAM, VAULT, ()).sealed_url, PURPOSE).decode() == TELEGRAM
