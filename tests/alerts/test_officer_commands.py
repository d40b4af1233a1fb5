"""`tanggap officer alerts` and `leave`: how somebody is told, and who is told while they are away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.alerts.chat import CHAT_PURPOSE
from app.complaint.roles import Role
from app.settings import load_settings
from app.vault import Vault
from tests.alerts.staff import hire
from tests.alerts.test_alert_commands import failed, one_engine
from tests.alerts.town import Town
from tests.processes import SECRET, Ran, run

Say = Callable[..., Awaitable[Ran]]

TELEGRAM = "tgram://123456789:ABCdefghijklmnopqrstuvwxyz12345678/12345"


@pytest.fixture
def say(database_url: str, tmp_path: Path) -> Say:
    """Runs `tanggap officer …`."""

    async def typed(*words: str) -> Ran:
        return await asyncio.to_thread(run, "officer", *words, folder=tmp_path, database_url=database_url)

    return typed


async def test_what_is_named_changes_and_all_else_stays(town: Town, say: Say) -> None:
    await hire(town, "sekar", Role.OFFICER, "rt-a")
    quiet = ("--quiet", "22:00-05:00", "--language", "en", "--no-digest")
    told = (await say("alerts", "sekar", *quiet, "--chat-url", TELEGRAM, "--json")).document
    assert told == {
        "officer": "sekar",
        "email": "sekar@example.go.id",
        "has_chat": True,
        "language": "en",
        "quiet_from": "22:00",
        "quiet_to": "05:00",
        "gets_digest": False,
    }
    (row,) = await town.rows("officer")
    vault = Vault(load_settings(secret_key=SECRET).data_key_bytes())
    assert vault.open(row.sealed_chat_url, CHAT_PURPOSE).decode() == TELEGRAM
    other = (await say("alerts", "sekar", "--email", "", "--quiet", "off", "--json")).document
    assert other == {**told, "email": None, "quiet_from": None, "quiet_to": None}
    assert (await say("alerts", "sekar", "--no-chat", "--json")).document == {**other, "has_chat": False}
    assert "language: en" in (await say("alerts", "sekar")).out, "shown, and nothing changed"
    trail = [(each.actor, each.action, each.details) for each in await town.rows("audit")]
    assert [actor for actor, _, _ in trail] == ["command line"] * 3
    assert trail[0][2] == {"changed": ["gets_digest", "has_chat", "language", "quiet_from", "quiet_to"]}
    assert "tgram" not in str(trail)


@one_engine
async def test_settings_that_make_no_sense_are_refused_in_one_line(town: Town, say: Say) -> None:
    await hire(town, "sekar", Role.OFFICER, "rt-a")
    assert failed(await say("alerts", "siapa"), "officer siapa is not known")
    assert failed(await say("alerts", "sekar", "--email", "sekar"), "email")
    assert failed(await say("alerts", "sekar", "--language", "fr"), "language")
    for quiet in ("22:00", "22:00-22:00", "25:00-05:00"):
        assert failed(await say("alerts", "sekar", "--quiet", quiet), "quiet"), quiet
    refused = await say("alerts", "sekar", "--chat-url", "mailto://rahasia@127.0.0.1")
    assert failed(refused, "chat_url") and "rahasia" not in refused.err
    assert (await say("alerts", "sekar", "--chat-url", TELEGRAM, "--no-chat")).code == 2
    assert await town.rows("audit") == []


async def test_a_leave_is_entered_with_a_delegate_listed_and_struck_out(town: Town, say: Say) -> None:
    await hire(town, "sekar", Role.OFFICER, "rt-a")
    await hire(town, "budi", Role.OFFICER, "rt-a")
    span = ("--from", "2098-12-21", "--until", "2099-01-04T07:30")
    made = (await say("leave", "add", "sekar", *span, "--delegate", "budi", "--json")).document
    assert (made["starts_at"], made["ends_at"]) == ("2098-12-20T17:00:00Z", "2099-01-04T00:30:00Z"), "local time"
    assert (made["officer"], made["delegate"], made["created_by"]) == ("sekar", "budi", "command line")
    assert (await say("leave", "list", "sekar", "--json")).document == {"items": [made]}
    assert "budi is told" in (await say("leave", "list", "sekar")).out
    assert failed(await say("leave", "end", "budi", str(made["id"])), "is not known")
    assert (await say("leave", "end", "sekar", str(made["id"]))).code == 0
    assert (await say("leave", "list", "sekar", "--json")).document == {"items": []}
    actions = [(each.actor, each.action) for each in await town.rows("audit")]
    assert actions == [("command line", "officer.leave"), ("command line", "officer.leave-end")]


@one_engine
async def test_a_leave_that_cannot_be_is_refused_in_one_line(town: Town, say: Say) -> None:
    await hire(town, "sekar", Role.OFFICER, "rt-a")
    add = ("leave", "add", "sekar", "--from", "2098-12-21")
    assert failed(await say(*add, "--until", "2098-12-21"), "ends_at")
    assert failed(await say(*add, "--until", "2098-12-22", "--delegate", "siapa"), "delegate")
    assert failed(await say(*add, "--until", "2098-12-22", "--delegate", "sekar"), "delegate")
    assert (await say(*add, "--until", "besok")).code == 2
