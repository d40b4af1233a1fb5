"""A webhook that is switched off: its owner hears of it, and so do those who run the installation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from app.alerts.notifiers import EMAIL
from app.alerts.owners import tell_owners
from app.alerts.webhooks import Failed, NewWebhook, create, switch_on
from app.chores import Chores
from app.clock import utc_now
from app.complaint.roles import Role
from app.db.scope import WHOLE
from app.db.session import reading, writing
from app.pulling import Plant
from app.watching import find_faults
from tests.alerts.staff import hire
from tests.alerts.town import VAULT, WIB, WORDING, Recorder, Town, at, table
from tests.api.door import settings_for

NIGHT = at("2026-01-15 03:00")
DEAD = Failed(7, "mati.example", "sekar")


@pytest.fixture
def plant(town: Town, database_url: str) -> Plant:
    return Plant(settings_for(database_url, disk_left_percent=0), town.engine, town.rulebooks, VAULT)


async def _tell(town: Town) -> list[tuple[str, str]]:
    async with writing(town.engine) as connection:
        count = await tell_owners(connection, [DEAD], zone=WIB, now=NIGHT)
    told = [(row.channel, row.recipient) for row in await town.rows("delivery")]
    assert len(told) == count
    return sorted(told)


async def test_the_owner_and_the_operators_hear_of_a_webhook_that_is_switched_off(town: Town, plant: Plant) -> None:
    owner = await hire(town, "sekar", Role.SUPERVISOR, "dinas-a", language="en")
    now = utc_now()
    async with writing(town.engine) as connection:
        asked = NewWebhook(url="https://mati.example/kunci-rahasia")
        view, _ = await create(
            connection, asked, scope=WHOLE, created_by="sekar", vault=VAULT, allowed_hosts=(), now=now
        )
        await connection.execute(update(table("webhook")).values(failing_since=now - timedelta(days=8)))
    for _ in range(2):
        await Chores(plant).keep_deliveries()
    (row,) = await town.rows("delivery")
    assert (row.channel, row.recipient, row.payload["what"]) == (EMAIL, f"officer:{owner}", "webhook_off")
    mail = Recorder(EMAIL)
    await town.deliver(utc_now(), mail)
    letter = WORDING.letter(mail.notices[0].content, "en")
    assert (
        letter.subject == f"[Tanggap] Needs attention: webhook {view.id} (mati.example) was switched off: "
        "its receiver kept failing or said that it is gone"
    )
    assert "kunci-rahasia" not in letter.text and "enable" in letter.text
    async with reading(town.engine) as connection:
        (fault,) = [each async for each in find_faults(plant, connection, now)]
    assert (fault.key, fault.about) == (row.payload["key"], row.payload["about"])
    async with writing(town.engine) as connection:
        await switch_on(connection, view.id, WHOLE)
    async with reading(town.engine) as connection:
        assert [each async for each in find_faults(plant, connection, now)] == []


async def test_a_receiver_that_is_gone_is_left_at_once_and_its_owner_hears(town: Town, plant: Plant) -> None:
    owner = await hire(town, "sekar", Role.SUPERVISOR, "dinas-a")
    now = utc_now()
    async with writing(town.engine) as connection:
        asked = NewWebhook(url="https://mati.example/")
        view, _ = await create(
            connection, asked, scope=WHOLE, created_by="sekar", vault=VAULT, allowed_hosts=(), now=now
        )
    for gone in ([], [view.id], [view.id]):
        await Chores(plant).leave_webhooks(gone)
    (row,) = await town.rows("delivery")
    assert (row.recipient, row.payload["what"]) == (f"officer:{owner}", "webhook_off")
    assert (await town.rows("webhook"))[0].off_at is not None
    assert [entry.action for entry in await town.rows("audit")] == ["webhook.off"]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_where_webhooks_are_never_switched_off_one_that_is_gone_is_not_either(town: Town, plant: Plant) -> None:
    never = replace(plant, settings=plant.settings.model_copy(update={"webhook_off_days": 0}))
    async with writing(town.engine) as connection:
        asked = NewWebhook(url="https://mati.example/")
        view, _ = await create(
            connection, asked, scope=WHOLE, created_by="sekar", vault=VAULT, allowed_hosts=(), now=utc_now()
        )
    await Chores(never).leave_webhooks([view.id])
    assert (await town.rows("webhook"))[0].off_at is None


async def test_it_waits_for_the_end_of_quiet_hours_and_goes_by_every_channel_of_the_owner(town: Town) -> None:
    owner = await hire(town, "sekar", Role.OFFICER, None, sealed_chat_url=b"x", quiet_from=22 * 60, quiet_to=6 * 60)
    assert await _tell(town) == [("chat", f"officer:{owner}"), ("email", f"officer:{owner}")]
    assert {row.next_attempt_at for row in await town.rows("delivery")} == {at("2026-01-15 06:00")}


async def test_whoever_stands_in_for_the_owner_is_told(town: Town) -> None:
    owner, other = [await hire(town, name, Role.OFFICER, None) for name in ("sekar", "melati")]
    async with writing(town.engine) as connection:
        leave = {"officer_id": owner, "delegate_id": other, "created_at": NIGHT, "created_by": "sekar"}
        day = timedelta(days=1)
        await connection.execute(insert(table("leave")).values(**leave, starts_at=NIGHT - day, ends_at=NIGHT + day))
    assert await _tell(town) == [("email", f"officer:{other}")]


@pytest.mark.parametrize(("username", "is_active"), [("meja uji", True), ("sekar", False)])
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_token_and_an_officer_who_left_are_told_nothing(town: Town, username: str, is_active: bool) -> None:
    await hire(town, username, Role.OFFICER, None, is_active=is_active)
    assert await _tell(town) == []
