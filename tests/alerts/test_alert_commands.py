"""The commands on alerts as an operator types them: a channel is tried, alerts are listed, rules and mutes kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier

from app.alerts import webhooks
from app.alerts.chat import CHAT_PURPOSE
from app.alerts.webhooks import NewWebhook
from app.clock import utc_now
from app.complaint.roles import Role
from app.db.scope import WHOLE
from app.db.session import writing
from app.settings import load_settings
from app.vault import Vault
from tests.alerts.mail_sink import receiving_mail
from tests.alerts.sink import LOOPBACK, receiving
from tests.alerts.staff import hire
from tests.alerts.test_alert_mail import part
from tests.alerts.town import Recorder, Town, hours
from tests.processes import SECRET, Ran, run

Say = Callable[..., Awaitable[Ran]]

one_engine = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@pytest.fixture
def say(database_url: str, tmp_path: Path) -> Say:
    """Runs `tanggap alerts …` beside the loop, so that servers of the test answer meanwhile."""

    async def typed(*words: str, **settings: object) -> Ran:
        named = {"allowed_webhook_hosts": "127.0.0.1", **settings}
        return await asyncio.to_thread(run, "alerts", *words, folder=tmp_path, database_url=database_url, **named)

    return typed


def failed(ran: Ran, *words: str) -> bool:
    """One line on standard error that says why, nothing on standard output, exit code 1."""
    (line,) = ran.err.splitlines()
    return (ran.code, ran.out) == (1, "") and line.startswith("tanggap: ") and all(word in line for word in words)


# --- test ---


@one_engine
async def test_a_test_reaches_an_officer_by_mail_in_their_language_and_leaves_no_row(town: Town, say: Say) -> None:
    await hire(town, "sekar", Role.OFFICER, "rt-a", language="en")
    await hire(town, "ani", Role.OFFICER, "rt-a")
    async with receiving_mail() as sink:
        url = f"smtp://127.0.0.1:{sink.port}?from=tanggap@example.go.id"
        ran = await say("test", "--channel", "email", "--to", "sekar", smtp_url=url)
        assert (ran.code, ran.out.startswith("email to sekar: delivered (SMTP 250, ")) == (0, True)
        assert (await say("test", "--channel", "email", "--to", "ani", smtp_url=url)).code == 0
    assert sink.recipients == ["sekar@example.go.id", "ani@example.go.id"]
    assert [message["Subject"] for message in sink.messages] == ["[Tanggap] Test message", "[Tanggap] Uji coba pesan"]
    assert "Nothing needs to be done." in part(sink.messages[0], "plain")
    assert "Tidak ada yang perlu dilakukan." in part(sink.messages[1], "plain")
    assert await town.rows("delivery") == []


@one_engine
async def test_a_refusal_is_told_with_its_reason_for_each_operator(town: Town, say: Say) -> None:
    emails = "ops@example.go.id,lama@example.go.id"
    async with receiving_mail() as sink:
        sink.refusals["lama@example.go.id"] = "550 5.1.1 gone"
        settings = {"smtp_url": f"smtp://127.0.0.1:{sink.port}", "operator_email": emails}
        ran = await say("test", "--channel", "email", "--json", **settings)
        plain = await say("test", "--channel", "email", **settings)
    first, second = ran.document["items"]
    assert (ran.code, first["to"], first["delivered"], second["delivered"]) == (1, "ops@example.go.id", True, False)
    assert second["answer"] == "SMTP 550 5.1.1: the recipient is refused"
    assert (plain.code, plain.out.count("delivered")) == (1, 1)
    assert (
        plain.err
        == "tanggap: email to lama@example.go.id was not delivered: SMTP 550 5.1.1: the recipient is refused\n"
    )


@one_engine
async def test_what_is_not_set_up_is_said_with_what_sets_it(town: Town, say: Say) -> None:
    await hire(town, "sekar", Role.OFFICER, "rt-a")
    await hire(town, "tono", Role.OFFICER, "rt-a", email=None)
    await hire(town, "lama", Role.OFFICER, "rt-a", is_active=False)
    mail = ("test", "--channel", "email")
    assert failed(await say(*mail, "--to", "sekar"), "email to sekar was not delivered", "set TANGGAP_SMTP_URL")
    assert failed(await say(*mail), "TANGGAP_OPERATOR_EMAIL")
    assert failed(await say(*mail, "--to", "tono"), "officer tono has no email", "/alert-settings")
    assert failed(await say(*mail, "--to", "lama"), "not active")
    assert failed(await say(*mail, "--to", "siapa"), "officer siapa is not known")
    assert failed(await say("test", "--channel", "chat", "--to", "sekar"), "officer sekar has no chat_url")
    assert failed(await say("test", "--channel", "webhook", "--to", "7"), "webhook 7 does not exist")


@one_engine
async def test_a_test_reaches_the_chat_and_the_webhook(town: Town, say: Say) -> None:
    vault = Vault(load_settings(secret_key=SECRET).data_key_bytes())
    async with receiving() as sink:
        chat = vault.seal(sink.url.replace("http://", "json://").encode() + b"/ruang", CHAT_PURPOSE)
        await hire(town, "sekar", Role.OFFICER, "rt-a", sealed_chat_url=chat)
        new, now = NewWebhook(url=sink.url), utc_now()
        async with writing(town.engine) as connection:
            view, secret = await webhooks.create(
                connection, new, scope=WHOLE, created_by="test", vault=vault, allowed_hosts=LOOPBACK, now=now
            )
        told = await say("test", "--channel", "chat", "--to", "sekar")
        posted = await say("test", "--channel", "webhook", "--to", str(view.id), "--json")
        sink.statuses = [503]
        refused = await say("test", "--channel", "webhook", "--to", str(view.id))
    assert (told.code, told.out.startswith("chat to sekar: delivered (json: taken")) == (0, True)
    assert json.loads(sink.messages[0].body)["title"] == "[Tanggap] Uji coba pesan"
    assert (posted.code, posted.document["items"][0]["answer"]) == (0, "HTTP 204")
    assert Verifier(secret).verify(sink.messages[1].body, sink.messages[1].headers)["type"] == "test"
    assert failed(refused, f"webhook to {view.id} was not delivered: HTTP 503")
    assert await town.rows("delivery") == []


@one_engine
async def test_the_console_is_tried_without_anybody_and_others_not_with_the_wrong_one(town: Town, say: Say) -> None:
    ran = await say("test", "--channel", "console")
    assert (ran.code, ran.out.startswith("console: delivered (written, ")) == (0, True)
    assert "Ini uji coba" in ran.err
    for wrong in (("console", "--to", "sekar"), ("chat",), ("webhook",), ("webhook", "--to", "sekar"), ("merpati",)):
        assert (await say("test", "--channel", *wrong)).code == 2


# --- list ---


async def test_alerts_are_listed_by_state_level_and_unit(town: Town, say: Say) -> None:
    now = utc_now().replace(microsecond=0)
    await town.report("JK1", now - hours(25))
    await town.report("JK2", now - hours(22), unit="dinas-b")
    await town.sweep(now)
    await town.deliver(now, Recorder())
    items = (await say("list", "--json")).document["items"]
    assert [(each["complaint"]["ticket_code"], each["level"]) for each in items] == [
        ("JK2", "warning"),
        ("JK1", "breach"),
    ]
    assert (items[1]["unit"], items[1]["deliveries"][0]["state"]) == ({"code": "rt-a", "name": "Rt A"}, "delivered")
    assert items[1]["fired_at"].endswith("Z")
    lines = (await say("list", "--level", "breach", "--state", "delivered", "--unit", "dinas-a")).out.splitlines()
    assert [line.split()[1:] for line in lines] == [["breach", "delivered", "JK1", "rt-a", "respond", "100"]]
    assert (await say("list", "--state", "dead", "--json")).document == {"items": []}
    assert len((await say("list", "--limit", "1")).out.splitlines()) == 1
    assert failed(await say("list", "--unit", "entah"), "unit", "entah")
    assert (await say("list", "--level", "keras")).code == 2


# --- rules and mutes ---


async def test_a_rule_is_set_shown_replaced_and_removed(town: Town, say: Say) -> None:
    narrow = ("--unit", "dinas-a", "--severity", "urgent", "--json")
    made = await say("rules", "set", "banjir", "--from", "90", "--who", "officers", "--who", "head+1", *narrow)
    assert (made.document["from_step"], made.document["who"]) == (90, ["officers", "head+1"])
    assert (made.document["units"], made.document["clocks"], made.document["severity"]) == (["dinas-a"], None, "urgent")
    assert (await say("rules", "show", "banjir", "--json")).document == made.document
    again = await say("rules", "set", "banjir", "--from", "100", "--to", "100", "--who", "head", "--off")
    assert (again.code, "from_step: 100" in again.out, "is_active: False" in again.out) == (0, True, True)
    assert (await say("rules", "list")).out.split() == ["banjir", "100-100", "head", "(off)"]
    (listed,) = (await say("rules", "list", "--json")).document["items"]
    assert (listed["name"], listed["units"], listed["updated_by"]) == ("banjir", None, "command line")
    assert (await say("rules", "remove", "banjir")).out == "removed: banjir\n"
    assert (await say("rules", "list", "--json")).document == {"items": []}
    actions = [row.action for row in await town.rows("audit")]
    assert actions == ["alert-rule.create", "alert-rule.change", "alert-rule.delete"]


@one_engine
async def test_a_rule_that_makes_no_sense_is_refused_in_one_line(town: Town, say: Say) -> None:
    assert failed(await say("rules", "set", "banjir", "--from", "90", "--who", "bos"), "who")
    assert failed(await say("rules", "set", "banjir", "--from", "90", "--who", "head", "--unit", "entah"), "units")
    for words in (("show", "entah"), ("remove", "entah")):
        assert failed(await say("rules", *words), "entah")
    assert failed(await say("rules", "set", "banjir", "--from", "90"), "who")
    assert await town.rows("audit") == []


async def test_a_mute_is_made_and_lifted_once(town: Town, say: Say) -> None:
    made = await say("mute", "rt-a", "--until", "2099-01-01T07:30", "--reason", "Banjir", "--json")
    (row,) = await town.rows("alert_mute")
    assert (made.document, row.until_at.isoformat()) == ({"id": row.id}, "2099-01-01T00:30:00+00:00")
    first = await say("unmute", str(row.id), "--json")
    assert (first.document["id"], first.document["lifted_by"]) == (row.id, "command line")
    assert (await say("unmute", str(row.id), "--json")).document == first.document
    assert "lifted_by: command line" in (await say("unmute", str(row.id))).out
    assert [row.action for row in await town.rows("audit")] == ["alert.mute", "alert.mute-lift"]


@one_engine
async def test_a_mute_that_cannot_be_is_refused_in_one_line(town: Town, say: Say) -> None:
    until = ("--until", "2099-01-01T07:30")
    assert failed(await say("mute", "entah", *until, "--reason", "Banjir"), "unit")
    assert failed(await say("mute", "rt-a", *until, "--reason", " "), "reason")
    assert failed(await say("mute", "rt-a", "--until", "2020-01-01T07:30", "--reason", "Banjir"), "until")
    assert failed(await say("mute", "rt-a", *until, "--reason", "Banjir", "--rule", "entah"), "rule")
    assert failed(await say("unmute", "7"), "mute 7 does not exist")
    assert (await say("mute", "rt-a", "--until", "besok", "--reason", "Banjir")).code == 2
