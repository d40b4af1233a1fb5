"""Who is told: by rules up the tree, delegates for those on leave, at an hour that suits, once for everything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from app.alerts import webhooks
from app.alerts.contents import Alerts
from app.alerts.mutes import NewMute, lift, mute
from app.alerts.notifiers import Answer
from app.alerts.webhooks import NewWebhook
from app.complaint.errors import InvalidInput, NotFound
from app.complaint.roles import Role
from app.db.scope import WHOLE, Scope
from app.db.session import writing
from tests.alerts.staff import LADDER, change, hire, letters, open_office, send_away, set_rules
from tests.alerts.town import VAULT, Recorder, Town, at, hours, table

START = at("2026-01-12 15:00")
"""A Monday; the response is due on Tuesday at 15:00, warnings fire at 09:00 and 12:36."""


@pytest.fixture
async def staffed(town: Town) -> Town:
    """The town with its ladder, an officer and a head of rt-a, and a head of dinas-a above it."""
    await open_office(town)
    await set_rules(town, **LADDER)
    await hire(town, "ani", Role.OFFICER, "rt-a")
    await hire(town, "budi", Role.SUPERVISOR, "rt-a")
    await hire(town, "citra", Role.SUPERVISOR, "dinas-a")
    return town


async def _deferred(town: Town) -> dict[str, Any]:
    return {row.recipient: row for row in await town.rows("delivery") if row.channel == "email"}


async def test_a_breach_goes_to_the_officers_and_the_head_and_a_reminder_one_level_up(staffed: Town) -> None:
    await staffed.report("JK1", START)
    await staffed.sweep(START + hours(24.1))
    assert await letters(staffed) == [("ani", 100), ("budi", 100)]
    await staffed.sweep(START + hours(48.1))
    assert await letters(staffed) == [("ani", 100), ("budi", 100), ("citra", 101)]


async def test_the_assignee_is_told_and_while_there_is_none_the_officers_instead(staffed: Town) -> None:
    dewi = await hire(staffed, "dewi", Role.OFFICER, "rt-a")
    held, free = await staffed.report("JK1", START), await staffed.report("JK2", START)
    await change(staffed, "complaint", held, assignee_id=dewi)
    await staffed.sweep(START + hours(18.1))
    assert await letters(staffed) == [("ani", 75), ("dewi", 75), ("dewi", 75)]
    told = [row.payload for row in await staffed.rows("delivery") if row.channel == "email"]
    assert {row["told_as"]: row.get("instead_of") for row in told} == {"assignee": None, "officers": "assignee"}
    assert free != held


async def test_nobody_at_a_level_means_the_next_one_up_and_the_message_says_so(town: Town) -> None:
    await set_rules(town, breach={"from_step": 100, "to_step": 100, "who": ["assignee"], "severity": "high"})
    citra = await hire(town, "citra", Role.SUPERVISOR, "dinas-a")
    await hire(town, "gone", Role.SUPERVISOR, "rt-a", is_active=False)
    await hire(town, "silent", Role.OFFICER, "rt-a", email=None)
    await town.report("JK1", START)
    await town.sweep(START + hours(24.1))
    (row,) = (await _deferred(town)).values()
    assert row.recipient == f"officer:{citra}"
    assert row.payload == {
        "rules": ["breach"], "severity": "high", "told_as": "head+1", "instead_of": "assignee",
    }  # fmt: skip


async def test_what_nobody_of_the_unit_answers_for_comes_to_whoever_has_the_whole_tree(town: Town) -> None:
    await set_rules(town, breach={"from_step": 100, "to_step": 100, "who": ["officers"]})
    await hire(town, "eka", Role.SUPERVISOR, None)
    await hire(town, "far", Role.SUPERVISOR, "dinas-b")
    await town.report("JK1", START)
    await town.report("JK2", START, unit=None)
    await town.sweep(START + hours(24.1))
    assert await letters(town) == [("eka", 100), ("eka", 100)]


async def test_the_validators_are_the_bureau(town: Town) -> None:
    await change(town, "unit", town.units["dinas-b"], is_validator=True)
    await set_rules(town, breach={"from_step": 100, "to_step": 100, "who": ["bureau"]})
    await hire(town, "eka", Role.SUPERVISOR, None)
    await hire(town, "fitri", Role.SUPERVISOR, "dinas-b")
    await town.report("JK1", START)
    await town.sweep(START + hours(24.1))
    assert await letters(town) == [("fitri", 100)]


async def test_a_delegate_is_told_for_whoever_is_on_leave_over_any_chain(staffed: Town) -> None:
    gita, hadi = await hire(staffed, "gita", Role.OFFICER, "dinas-b"), await hire(staffed, "hadi", Role.OFFICER, None)
    budi = next(row.id for row in await staffed.rows("officer") if row.username == "budi")
    await send_away(staffed, budi, START, START + hours(25), gita)
    await send_away(staffed, gita, START, START + hours(240), hadi)
    await staffed.report("JK1", START)
    await staffed.sweep(START + hours(24.1))
    assert await letters(staffed) == [("ani", 100), ("hadi", 100)]
    assert (await _deferred(staffed))[f"officer:{hadi}"].payload["for_officer_id"] == budi


async def test_a_circle_of_delegates_ends_and_the_next_level_is_told(town: Town) -> None:
    await set_rules(town, breach={"from_step": 100, "to_step": 100, "who": ["head"]})
    one, two = await hire(town, "one", Role.SUPERVISOR, "rt-a"), await hire(town, "two", Role.SUPERVISOR, "rt-a")
    await hire(town, "citra", Role.SUPERVISOR, "dinas-a")
    await send_away(town, one, START, START + hours(240), two)
    await send_away(town, two, START, START + hours(240), one)
    await town.report("JK1", START)
    await town.sweep(START + hours(24.1))
    assert await letters(town) == [("citra", 100)]


async def test_a_leave_that_is_over_counts_no_more(staffed: Town) -> None:
    budi = next(row.id for row in await staffed.rows("officer") if row.username == "budi")
    await send_away(staffed, budi, START, START + hours(24))
    await staffed.report("JK1", START)
    await staffed.sweep(START + hours(24.1))
    assert ("budi", 100) in await letters(staffed)


async def test_whoever_two_rules_name_hears_once(town: Town) -> None:
    await set_rules(
        town,
        slow={"from_step": 100, "to_step": 100, "who": ["head"], "hours": "working", "severity": "high"},
        quick={"from_step": 100, "to_step": None, "who": ["officers", "head"]},
    )
    await open_office(town)
    budi = await hire(town, "budi", Role.SUPERVISOR, "rt-a")
    await town.report("JK1", at("2026-01-12 22:00"))
    now = at("2026-01-13 22:06")
    await town.sweep(now)
    row = (await _deferred(town))[f"officer:{budi}"]
    assert (row.next_attempt_at, row.payload["rules"], row.payload["severity"]) == (now, ["quick", "slow"], "high")


async def test_a_warning_waits_for_the_office_and_a_breach_does_not(staffed: Town) -> None:
    await staffed.report("JK1", at("2026-01-16 10:00"))
    await staffed.sweep(at("2026-01-17 04:01"))
    (row,) = (await _deferred(staffed)).values()
    assert row.next_attempt_at == at("2026-01-19 07:30")
    await staffed.sweep(at("2026-01-17 10:01"))
    rows = [row for row in await staffed.rows("delivery") if row.channel == "email" and row.state == "pending"]
    assert {row.next_attempt_at for row in rows} == {at("2026-01-17 10:01")}


async def test_a_warning_that_waits_is_taken_back_when_the_same_person_hears_of_the_breach(staffed: Town) -> None:
    await staffed.report("JK1", at("2026-01-16 10:00"))
    await staffed.sweep(at("2026-01-17 04:01"))
    assert await letters(staffed, state="pending") == [("ani", 75)]
    await staffed.sweep(at("2026-01-17 10:01"))
    assert await letters(staffed, state="pending") == [("ani", 100), ("budi", 100)]
    assert await letters(staffed, state="withdrawn") == [("ani", 75)]


@pytest.mark.parametrize(("severity", "expected"), [("high", "2026-01-14 06:00"), ("urgent", "2026-01-13 22:06")])
async def test_quiet_hours_hold_all_but_what_is_urgent(town: Town, severity: str, expected: str) -> None:
    await set_rules(town, breach={"from_step": 100, "to_step": 100, "who": ["head"], "severity": severity})
    budi = await hire(town, "budi", Role.SUPERVISOR, "rt-a", quiet_from=22 * 60, quiet_to=6 * 60)
    await town.report("JK1", at("2026-01-12 22:00"))
    await town.sweep(at("2026-01-13 22:06"))
    assert (await _deferred(town))[f"officer:{budi}"].next_attempt_at == at(expected)


async def test_a_message_that_waited_for_its_hour_says_how_late_it_is_then(town: Town) -> None:
    await set_rules(town, breach={"from_step": 100, "to_step": 100, "who": ["head"]})
    await hire(town, "budi", Role.SUPERVISOR, "rt-a", quiet_from=22 * 60, quiet_to=6 * 60)
    await town.report("JK1", at("2026-01-12 22:00"))
    await town.sweep(at("2026-01-13 22:01"))
    mail = Recorder(channel="email", answers=[Answer(False, "SMTP 451")])
    for when in ("2026-01-14 06:00", "2026-01-14 06:05"):
        await town.deliver(at(when), mail)
    contents = [notice.content for notice in mail.notices]
    assert [each.facts[0].late_s for each in contents if isinstance(each, Alerts)] == [8 * 3600] * 2


async def test_a_day_of_downtime_is_one_message_for_each_recipient_and_complaint(staffed: Town) -> None:
    complaint = await staffed.report("JK1", START)
    await staffed.sweep(START + timedelta(days=14, hours=1))
    raised = await staffed.steps()
    assert [(clock, rule) for _, clock, rule, _ in raised] == [
        ("respond", "kota.respond"), ("resolve", "kota.resolve"), ("respond", "uu.respond"),
    ]  # fmt: skip
    deliveries = await staffed.rows("delivery")
    heard = sorted((row.channel, row.recipient) for row in deliveries)
    assert len(heard) == len(set(heard)) == 4
    console = next(row for row in deliveries if row.channel == "console")
    loudest = max(await staffed.rows("alert"), key=lambda row: row.step)
    assert console.alert_id == loudest.id
    others = sorted(row.id for row in await staffed.rows("alert") if row.id != loudest.id)
    assert sorted(console.payload["alert_ids"]) == others
    assert {row.complaint_id for row in await staffed.rows("alert")} == {complaint}


async def test_a_message_that_waited_for_its_hour_gives_way_to_what_fired_while_no_worker_ran(staffed: Town) -> None:
    await staffed.report("JK1", at("2026-01-16 10:00"))
    await staffed.sweep(at("2026-01-17 04:01"))
    assert await letters(staffed, state="pending") == [("ani", 75)]
    late, mail = at("2026-01-19 08:00"), Recorder(channel="email")
    await staffed.deliver(late, mail)
    assert mail.notices == [], "the sweep has not caught up"
    await staffed.sweep(late)
    await staffed.deliver(late + timedelta(seconds=31), mail)
    assert await letters(staffed, state="withdrawn") == [("ani", 75)]
    assert sorted(await letters(staffed, state="delivered")) == [("ani", 101), ("budi", 101), ("citra", 101)]
    assert len(mail.notices) == 3


async def test_a_message_is_put_off_for_the_sweep_once(staffed: Town) -> None:
    await staffed.report("JK1", at("2026-01-16 10:00"))
    await staffed.sweep(at("2026-01-17 04:01"))
    late, mail = at("2026-01-19 08:00"), Recorder(channel="email")
    await staffed.deliver(late, mail)
    await staffed.deliver(late + timedelta(seconds=31), mail)
    assert await letters(staffed, state="delivered") == [("ani", 75)]


async def test_whoever_would_have_heard_of_a_missed_step_hears_of_what_it_collapsed_into(staffed: Town) -> None:
    await staffed.report("JK1", START)
    await staffed.sweep(START + hours(24 * 3) + timedelta(minutes=1))
    assert sorted(await letters(staffed)) == [("ani", 102), ("budi", 102), ("citra", 102)]


async def test_at_first_sight_only_those_of_the_highest_step_are_told(staffed: Town) -> None:
    await staffed.report("JK1", START, received_at=START + hours(24 * 3) + timedelta(minutes=1))
    await staffed.sweep(START + hours(24 * 3) + timedelta(minutes=2))
    assert await letters(staffed) == [("citra", 102)]


async def test_a_webhook_for_breaches_hears_of_one_that_collapsed_into_a_reminder(town: Town) -> None:
    async with writing(town.engine) as connection:
        for level in ("breach", "warning"):
            asked = NewWebhook(url=f"http://127.0.0.1/{level}", levels=[level])
            await webhooks.create(
                connection, asked, scope=WHOLE, created_by="t", vault=VAULT, allowed_hosts=("127.0.0.1",), now=START
            )
    await town.report("JK1", START)
    await town.sweep(START + hours(23))
    await town.sweep(START + hours(49))
    heard = [row.recipient for row in await town.rows("delivery") if row.channel == "webhook"]
    assert sorted(heard) == ["webhook:1", "webhook:2"]


async def test_what_is_told_with_another_alert_stands_where_its_message_does(staffed: Town) -> None:
    await staffed.report("JK1", START)
    await staffed.sweep(START + timedelta(days=14, hours=1))
    assert {row.state for row in await staffed.rows("alert")} == {"pending"}
    recipients = {row.id for row in await staffed.rows("delivery") if row.channel == "email"}
    async with writing(staffed.engine) as connection:
        gone = table("delivery_alert").delete().where(table("delivery_alert").c.delivery_id.in_(recipients))
        await connection.execute(gone)
        await connection.execute(table("delivery").delete().where(table("delivery").c.id.in_(recipients)))
    await staffed.deliver(START + timedelta(days=14, hours=2))
    assert {row.state for row in await staffed.rows("alert")} == {"delivered"}


@pytest.mark.parametrize("rule", [None, "kota.respond"])
async def test_a_muted_ladder_sends_nothing_and_is_on_record(staffed: Town, rule: str | None) -> None:
    await staffed.report("JK1", START)
    async with writing(staffed.engine) as connection:
        new = NewMute(rule=rule, unit="dinas-a", until_at=START + hours(30), reason="Banjir")
        await mute(connection, new, WHOLE, created_by="test", now=START)
    await staffed.sweep(START + hours(24.1))
    assert await staffed.rows("delivery") == []
    assert [(row.step, row.state) for row in await staffed.rows("alert")] == [(100, "withdrawn")]
    await staffed.sweep(START + hours(48.1))
    assert await letters(staffed) == [("citra", 101)]


async def test_a_muted_rule_is_silent_alone(staffed: Town) -> None:
    await staffed.report("JK1", START)
    await staffed.sweep(START + hours(23))
    before = await letters(staffed)
    async with writing(staffed.engine) as connection:
        new = NewMute(rule="breach", unit="rt-a", until_at=START + hours(300), reason="Banjir")
        made = await mute(connection, new, WHOLE, created_by="test", now=START)
    await staffed.sweep(START + hours(24.1))
    assert await letters(staffed) == before
    async with writing(staffed.engine) as connection:
        lifted = await lift(connection, made.id, WHOLE, lifted_by="budi", now=START + hours(25))
    assert lifted.lifted_by == "budi"
    await staffed.report("JK2", START)
    await staffed.sweep(START + hours(25))
    assert sorted(await letters(staffed)) == sorted([*before, ("ani", 100), ("budi", 100)])


async def test_a_mute_takes_back_what_waits(staffed: Town) -> None:
    await staffed.report("JK1", at("2026-01-16 10:00"))
    await staffed.sweep(at("2026-01-17 04:01"))
    async with writing(staffed.engine) as connection:
        new = NewMute(rule="warning", unit="kota", until_at=at("2026-01-20 00:00"), reason="Banjir")
        await mute(connection, new, WHOLE, created_by="test", now=at("2026-01-17 05:00"))
    assert await letters(staffed, state="withdrawn") == [("ani", 75)]


@pytest.mark.parametrize(
    ("muted", "told"),
    [("kota.respond", ["uu.respond", "kota.resolve"]), ("kota.resolve", ["kota.respond", "uu.respond"]), (None, [])],
)
async def test_a_mute_of_one_policy_leaves_the_other_alerts_of_the_same_message(
    staffed: Town, muted: str | None, told: list[str]
) -> None:
    await staffed.report("JK1", START)
    now = START + timedelta(days=14, hours=1)
    await staffed.sweep(now)
    async with writing(staffed.engine) as connection:
        new = NewMute(rule=muted, unit="kota", until_at=now + hours(2), reason="Banjir")
        await mute(connection, new, WHOLE, created_by="test", now=now)
    console = Recorder()
    await staffed.deliver(now, console)
    contents = [notice.content for notice in console.notices]
    assert sorted(each.rule for content in contents if isinstance(content, Alerts) for each in content.facts) == sorted(
        told
    )


async def test_a_mute_is_of_one_s_own_units_for_a_reason_and_until_later(staffed: Town) -> None:
    mine = Scope((staffed.units["dinas-b"],))
    good = {"rule": None, "unit": "dinas-b", "until_at": START + hours(1), "reason": "Banjir"}
    async with writing(staffed.engine) as connection:
        for field, wrong in (
            ("unit", {"unit": "rt-a"}), ("unit", {"unit": "nowhere"}), ("until", {"until_at": START}),
            ("reason", {"reason": "  "}), ("rule", {"rule": "nonsense"}),
        ):  # fmt: skip
            with pytest.raises(InvalidInput) as caught:
                await mute(connection, NewMute(**(good | wrong)), mine, created_by="test", now=START)
            assert caught.value.field == field
        made = await mute(connection, NewMute(**good), mine, created_by="test", now=START)
        with pytest.raises(NotFound):
            await lift(connection, made.id, Scope((staffed.units["rt-a"],)), lifted_by="x", now=START)


async def test_telling_costs_as_many_statements_for_forty_complaints_as_for_one(staffed: Town) -> None:
    counts = []
    for wave, number in enumerate((1, 40)):
        start = START + timedelta(days=wave)
        for n in range(number):
            await staffed.report(f"JK{wave}-{n}", start)
        with staffed.overheard() as heard:
            await staffed.sweep(start + hours(18.1))
        counts.append(len(heard))
    # What the first wave left unsent is taken back in the second.
    assert counts[1] <= counts[0] + 10


async def test_an_officer_of_a_webhook_s_unit_and_the_webhook_are_told_apart(staffed: Town) -> None:
    hook = {"url": "https://example.org", "events": ["alert"], "filters": {}, "sealed_secret": b"", "is_active": True}
    async with writing(staffed.engine) as connection:
        row = {**hook, "unit_codes": ["dinas-a"], "created_at": START, "created_by": "test"}
        await connection.execute(insert(table("webhook")).values(row))
    await staffed.report("JK1", START)
    await staffed.sweep(START + hours(24.1))
    channels = sorted(row.channel for row in await staffed.rows("delivery"))
    assert channels == ["console", "email", "email", "webhook"]
