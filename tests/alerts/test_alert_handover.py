"""What waits for its hour while its complaint changes hands: it goes to who answers then, once, and to nobody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.alerts.contents import Alerts
from app.alerts.notifiers import Answer
from app.complaint.events import CaseEvent, EventKind
from app.complaint.lifecycle import Move, Status
from app.complaint.roles import Role
from tests.alerts.staff import LADDER, hire, letters, open_office, set_rules
from tests.alerts.town import Recorder, Town, at, hours

START = at("2026-01-16 10:00")
"""A Friday; the first warning fires on Saturday at 04:00 and waits for Monday, the response is due at 10:00."""
WARNED = at("2026-01-17 04:01")
HANDED_OVER = WARNED + hours(1)
MONDAY = at("2026-01-19 07:30")


@pytest.fixture
async def staffed(town: Town) -> Town:
    """The town with its ladder, two officers of rt-a, one of dinas-b, and a head of the city above them."""
    await open_office(town)
    await set_rules(town, **LADDER)
    await hire(town, "ani", Role.OFFICER, "rt-a")
    await hire(town, "beni", Role.OFFICER, "rt-a")
    await hire(town, "gita", Role.OFFICER, "dinas-b")
    await hire(town, "kota", Role.SUPERVISOR, "kota")
    return town


async def _forward(town: Town, complaint: int, unit: str, when: Any = HANDED_OVER) -> None:
    await town.move(complaint, Move.FORWARD, when, unit_id=town.units[unit])


async def _said_to(town: Town, now: Any) -> list[tuple[str, str | None]]:
    """How often mail is sent now, and of which unit it speaks."""
    mail = Recorder("email")
    await town.deliver(now, Recorder(), mail)
    contents = [notice.content for notice in mail.notices]
    people = [notice.target.email for notice in mail.notices]  # type: ignore[union-attr]
    units = [each.facts[0].unit_code for each in contents if isinstance(each, Alerts)]
    return sorted(zip(people, units, strict=True))


async def test_a_warning_that_waits_goes_to_the_unit_that_holds_the_complaint_then(staffed: Town) -> None:
    complaint = await staffed.report("JK1", START)
    await staffed.sweep(WARNED)
    assert await letters(staffed, state="pending") == [("ani", 75), ("beni", 75)]
    await _forward(staffed, complaint, "dinas-b")
    await staffed.sweep(HANDED_OVER)
    assert await letters(staffed, state="withdrawn") == [("ani", 75), ("beni", 75)]
    assert await letters(staffed, state="pending") == [("gita", 75)]
    assert await staffed.rows("alert_review") == []
    assert await _said_to(staffed, MONDAY) == [("gita@example.go.id", "dinas-b")]
    (alert,) = await staffed.rows("alert")
    assert (alert.state, alert.unit_id) == ("delivered", staffed.units["dinas-b"])


async def test_what_comes_back_goes_to_whoever_it_went_to_first(staffed: Town) -> None:
    complaint = await staffed.report("JK1", START)
    await staffed.sweep(WARNED)
    for hop, unit in enumerate(("dinas-b", "rt-a"), start=1):
        await _forward(staffed, complaint, unit, WARNED + hours(hop))
        await staffed.sweep(WARNED + hours(hop))
    assert await letters(staffed, state="pending") == [("ani", 75), ("beni", 75)]
    told = [("ani@example.go.id", "rt-a"), ("beni@example.go.id", "rt-a")]
    assert await _said_to(staffed, MONDAY) == told


async def test_who_answers_before_and_after_is_told_once(staffed: Town) -> None:
    await set_rules(staffed, high={"from_step": 75, "to_step": 99, "who": ["head+1", "head+2"], "hours": "working"})
    complaint = await staffed.report("JK1", START)
    await staffed.sweep(WARNED)
    await _forward(staffed, complaint, "dinas-b")
    await staffed.sweep(HANDED_OVER)
    assert await letters(staffed, state="pending") == [("gita", 75), ("kota", 75)]
    assert len(await _said_to(staffed, MONDAY)) == 2


async def test_who_was_told_already_is_not_told_again(staffed: Town) -> None:
    """One of the unit hears at once, another has quiet hours; what is said is said, what waits goes elsewhere."""
    await set_rules(staffed, quick={"from_step": 75, "to_step": 75, "who": ["officers"], "hours": "any"})
    await hire(staffed, "doni", Role.OFFICER, "rt-a", quiet_from=0, quiet_to=6 * 60)
    complaint = await staffed.report("JK1", START)
    await staffed.sweep(WARNED)
    assert len(await _said_to(staffed, WARNED)) == 2
    await _forward(staffed, complaint, "dinas-b")
    await staffed.sweep(HANDED_OVER)
    assert await letters(staffed, state="withdrawn") == [("doni", 75)]
    assert await _said_to(staffed, HANDED_OVER) == [("gita@example.go.id", "dinas-b")]
    await _forward(staffed, complaint, "rt-a", HANDED_OVER + hours(1))
    await staffed.sweep(HANDED_OVER + hours(1))
    assert await _said_to(staffed, MONDAY) == []


async def test_whoever_takes_a_complaint_up_is_told_in_place_of_the_unit(staffed: Town) -> None:
    complaint = await staffed.report("JK1", START)
    ani = next(row.id for row in await staffed.rows("officer") if row.username == "ani")
    await staffed.sweep(WARNED)
    await staffed.move(complaint, Move.CLAIM, HANDED_OVER, actor_id=ani, assignee_id=ani)
    await staffed.sweep(HANDED_OVER)
    assert await letters(staffed, state="pending") == [("ani", 75)]


async def test_what_failed_and_waits_for_another_attempt_follows_too(staffed: Town) -> None:
    complaint = await staffed.report("JK1", at("2026-01-12 15:00"))
    warned = at("2026-01-13 09:01")
    await staffed.sweep(warned)
    await staffed.deliver(warned, Recorder(), Recorder("email", answers=[Answer(False, "SMTP 451")] * 2))
    await _forward(staffed, complaint, "dinas-b", warned + timedelta(seconds=1))
    await staffed.sweep(warned + timedelta(seconds=1))
    assert await letters(staffed, state="pending") == [("gita", 75)]


async def test_the_hour_that_comes_before_the_sweep_waits_for_it(staffed: Town) -> None:
    complaint = await staffed.report("JK1", START)
    await staffed.sweep(WARNED)
    await staffed.add(complaint, _assigned(staffed, "dinas-b", MONDAY))
    assert await _said_to(staffed, MONDAY) == []
    assert {row.attempts for row in await staffed.rows("delivery") if row.channel == "email"} == {0}


async def test_what_was_closed_meanwhile_is_told_to_nobody(staffed: Town) -> None:
    complaint = await staffed.report("JK1", START)
    await staffed.sweep(WARNED)
    await _forward(staffed, complaint, "dinas-b")
    await staffed.hear(complaint, Status.RESOLVED, HANDED_OVER + hours(1))
    await staffed.sweep(HANDED_OVER + hours(1))
    assert await letters(staffed, state="pending") == []
    assert await _said_to(staffed, MONDAY) == []


async def test_a_webhook_hears_once_whoever_holds_the_complaint(staffed: Town) -> None:
    complaint = await staffed.report("JK1", START)
    await staffed.sweep(WARNED)
    await _forward(staffed, complaint, "dinas-b")
    await staffed.sweep(HANDED_OVER)
    assert [row.state for row in await staffed.rows("delivery") if row.channel == "console"] == ["pending"]


def _assigned(town: Town, unit: str, when: Any) -> CaseEvent:
    return CaseEvent(
        kind=EventKind.ASSIGNED, occurred_at=when, recorded_at=when, key=f"assigned {when}", unit_id=town.units[unit]
    )
