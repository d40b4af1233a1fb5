"""What stops an alert: acknowledgement, a move, a pause, a correction; and how a ladder goes on after one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.alerts.acknowledging import acknowledge
from app.alerts.contents import Correction
from app.alerts.notifiers import body_of
from app.complaint.events import CaseEvent, EventKind
from app.complaint.lifecycle import Move, Status
from app.complaint.roles import Role
from app.db.scope import WHOLE
from app.db.session import writing
from tests.alerts.staff import LADDER, hire, letters, open_office, set_rules
from tests.alerts.town import WORDING, Recorder, Town, at, hours

START = at("2026-01-16 10:00")
"""A Friday; the first warning fires on Saturday at 04:00 and waits for Monday, the response is due at 10:00."""
WARNED = at("2026-01-17 04:01")
BREACHED = at("2026-01-17 10:01")


@pytest.fixture
async def staffed(town: Town) -> Town:
    """The town with its ladder, an officer and a head."""
    await open_office(town)
    await set_rules(town, **LADDER)
    await hire(town, "ani", Role.OFFICER, "rt-a")
    await hire(town, "budi", Role.SUPERVISOR, "rt-a")
    return town


def _late_word(status: Status, happened: datetime, heard: datetime) -> CaseEvent:
    return CaseEvent(
        kind=EventKind.STATUS, occurred_at=happened, recorded_at=heard, key=f"late {happened}", status=status
    )


async def _claimed(town: Town) -> int:
    """A complaint that somebody took up at once: only the clock of its resolution runs, for seven days."""
    complaint = await town.report("JK1", START)
    await town.move(complaint, Move.CLAIM, START + hours(1))
    await town.move(complaint, Move.RESPOND, START + hours(1), text="Kami kerjakan.")
    return complaint


async def _tell_everybody(town: Town, now: datetime) -> Recorder:
    mail = Recorder("email")
    await town.deliver(now, Recorder(), mail)
    return mail


async def test_a_move_that_stops_the_clock_withdraws_what_waits(staffed: Town) -> None:
    complaint = await staffed.report("JK1", START)
    await staffed.sweep(WARNED)
    assert await letters(staffed, state="pending") == [("ani", 75)]
    await staffed.hear(complaint, Status.RESOLVED, WARNED + hours(1))
    await staffed.sweep(WARNED + hours(1))
    assert await letters(staffed, state="withdrawn") == [("ani", 75)]
    assert await staffed.rows("alert_review") == []
    assert (await _tell_everybody(staffed, at("2026-01-19 08:00"))).notices == []


async def test_a_pause_withdraws_what_waits(staffed: Town) -> None:
    complaint = await staffed.report("JK1", START)
    await staffed.sweep(WARNED)
    await staffed.move(complaint, Move.ASK_COMPLAINANT, WARNED + hours(1), text="Di mana?")
    await staffed.sweep(WARNED + hours(1))
    assert await letters(staffed, state="withdrawn") == [("ani", 75)]
    assert await letters(staffed, "correction") == []


async def test_acknowledgement_withdraws_what_waits_and_stops_the_ladder(staffed: Town) -> None:
    await staffed.report("JK1", START)
    await staffed.sweep(WARNED)
    (alert,) = await staffed.rows("alert")
    async with writing(staffed.engine) as connection:
        await acknowledge(connection, alert.id, WHOLE, officer_id=None, now=WARNED)
    await staffed.sweep(START + timedelta(days=4))
    assert await letters(staffed) == [("ani", 75)]
    assert await letters(staffed, state="withdrawn") == [("ani", 75)]


async def test_acknowledging_one_ladder_leaves_the_other_in_the_same_message(staffed: Town) -> None:
    await staffed.report("JK1", START)
    await staffed.sweep(START + timedelta(days=14, hours=1))
    loudest = max(await staffed.rows("alert"), key=lambda row: row.step)
    async with writing(staffed.engine) as connection:
        await acknowledge(connection, loudest.id, WHOLE, officer_id=None, now=START + timedelta(days=15))
    console = next(row for row in await staffed.rows("delivery") if row.channel == "console")
    assert (console.alert_id, console.state) == (loudest.id, "pending")


async def test_a_late_word_that_clears_a_breach_is_told_to_whoever_was_told(staffed: Town) -> None:
    complaint = await staffed.report("JK1", START)
    await staffed.sweep(BREACHED)
    await _tell_everybody(staffed, BREACHED)
    heard = BREACHED + hours(3)
    await staffed.add(complaint, _late_word(Status.IN_PROGRESS, START + hours(20), heard))
    await staffed.sweep(heard)
    assert await letters(staffed, "correction") == [("ani", 100), ("budi", 100)]
    corrections = [row for row in await staffed.rows("delivery") if row.kind == "correction"]
    assert sorted(row.channel for row in corrections) == ["console", "email", "email"]
    assert {row.next_attempt_at for row in corrections} == {heard}
    (alert,) = await staffed.rows("alert")
    assert alert.cleared_at == heard
    await staffed.sweep(heard + hours(1))
    assert len([row for row in await staffed.rows("delivery") if row.kind == "correction"]) == 3


async def test_two_breaches_that_one_late_word_clears_are_both_taken_back_in_one_message(staffed: Town) -> None:
    complaint = await staffed.report("JK1", START)
    breached = START + timedelta(days=7, hours=1)
    await staffed.sweep(breached)
    await _tell_everybody(staffed, breached)
    await staffed.add(complaint, _late_word(Status.RESOLVED, START + hours(20), breached + hours(3)))
    await staffed.sweep(breached + hours(3))
    console = Recorder()
    assert (await staffed.deliver(breached + hours(3), console)).delivered == 1
    (notice,) = console.notices
    assert isinstance(notice.content, Correction)
    assert [each.clock for each in notice.content.facts] == ["respond", "resolve"]
    data: Any = body_of(notice.content, WORDING)["data"]
    assert (data["clock"], [each["clock"] for each in data["joined"]]) == ("respond", ["resolve"])
    for told, clock in ((data, "tanggapan pertama"), (data["joined"][0], "penyelesaian")):
        assert told["text_id"].startswith(f"Koreksi atas peringatan sebelumnya: JK1, {clock}")


async def test_whoever_was_not_yet_told_of_a_cleared_breach_hears_nothing(staffed: Town) -> None:
    complaint = await staffed.report("JK1", START)
    await staffed.sweep(BREACHED)
    await staffed.deliver(BREACHED, Recorder())
    await staffed.add(complaint, _late_word(Status.IN_PROGRESS, START + hours(20), BREACHED + hours(3)))
    await staffed.sweep(BREACHED + hours(3))
    assert await letters(staffed, "correction") == []
    assert await letters(staffed, state="withdrawn") == [("ani", 100), ("budi", 100)]


async def test_a_warning_that_turns_out_early_needs_no_correction(staffed: Town) -> None:
    complaint = await staffed.report("JK1", START)
    await staffed.sweep(WARNED)
    await _tell_everybody(staffed, at("2026-01-17 04:02"))
    await staffed.add(complaint, _late_word(Status.IN_PROGRESS, START + hours(1), WARNED + hours(1)))
    await staffed.sweep(WARNED + hours(1))
    assert [row for row in await staffed.rows("delivery") if row.kind == "correction"] == []


async def test_a_breach_that_a_late_pause_cleared_is_told_again_when_it_comes_true(staffed: Town) -> None:
    complaint = await _claimed(staffed)
    await staffed.sweep(START + hours(168.1))
    await _tell_everybody(staffed, START + hours(168.1))
    heard = START + hours(169)
    for move, when in ((Move.ASK_COMPLAINANT, START + hours(10)), (Move.COMPLAINANT_ANSWERED, START + hours(30))):
        entry = CaseEvent(
            kind=EventKind.MOVE, occurred_at=when, recorded_at=heard, key=str(move), move=move, text="Di mana?"
        )
        await staffed.add(complaint, entry)
    await staffed.sweep(heard)
    assert await letters(staffed, "correction") == [("ani", 100), ("budi", 100)]
    clock = await staffed.clock(complaint, "resolve")
    assert (clock.raised_step, clock.next_step, clock.next_fire_at) == (75, 90, START + hours(169.2))
    await _tell_everybody(staffed, heard)
    due = START + hours(188)
    await staffed.sweep(due + hours(0.1))
    (breach,) = await staffed.rows("alert")
    assert (breach.step, breach.round, breach.due_at, breach.cleared_at) == (100, 2, due, None)
    assert breach.state == "pending"
    assert await letters(staffed, state="pending") == [("ani", 100), ("budi", 100)]
    await _tell_everybody(staffed, due + hours(0.2))
    assert (await staffed.rows("alert"))[0].state == "delivered"


async def test_a_recalculation_that_moves_the_due_time_corrects_too(staffed: Town) -> None:
    complaint = await staffed.report("JK1", START)
    await staffed.sweep(BREACHED)
    await _tell_everybody(staffed, BREACHED)
    async with writing(staffed.engine) as connection:
        longer = "UPDATE policy_version SET target_amount = 2880 WHERE target_amount = 1440"
        await connection.execute(text(longer))
        await connection.execute(text("INSERT INTO counter (name, value) VALUES ('rules', 1)"))
    await staffed.move(complaint, Move.CLAIM, BREACHED + hours(1))
    await staffed.sweep(BREACHED + hours(1))
    assert await letters(staffed, "correction") == [("ani", 100), ("budi", 100)]


async def test_a_due_time_that_moves_keeps_the_warning_that_waits(staffed: Town) -> None:
    complaint = await _claimed(staffed)
    warned = START + hours(151.3)
    await staffed.sweep(warned)
    for move, when in ((Move.ASK_COMPLAINANT, warned), (Move.COMPLAINANT_ANSWERED, warned + hours(1))):
        await staffed.move(complaint, move, when, text="Di mana?")
    await staffed.sweep(warned + hours(1))
    (alert,) = await staffed.rows("alert")
    assert alert.due_at == (await staffed.clock(complaint, "resolve")).due_at == START + hours(169)
    assert await letters(staffed, state="pending") == [("ani", 90)]


async def test_a_complaint_that_was_never_told_of_leaves_nothing_to_review(staffed: Town) -> None:
    complaint = await staffed.report("JK1", START)
    await staffed.move(complaint, Move.CLAIM, START + hours(1))
    assert await staffed.rows("alert_review") == []


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_a_review_of_a_complaint_that_somebody_holds_waits_for_the_next_sweep(staffed: Town) -> None:
    complaint = await staffed.report("JK1", START)
    await staffed.sweep(WARNED)
    await staffed.hear(complaint, Status.RESOLVED, WARNED + hours(1))
    async with writing(staffed.engine) as officer:
        await officer.execute(text("SELECT 1 FROM complaint WHERE id = :id FOR UPDATE"), {"id": complaint})
        await staffed.sweep(WARNED + hours(1))
        assert await letters(staffed, state="pending") == [("ani", 75)]
    await staffed.sweep(WARNED + hours(1))
    assert await letters(staffed, state="withdrawn") == [("ani", 75)]
