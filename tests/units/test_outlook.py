"""What will be overdue before a unit opens again, and whether its pace clears its backlog."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.complaint.lifecycle import Move
from app.db.changes import RULES, count_up
from app.db.scope import WHOLE, Scope
from app.db.session import reading, writing
from app.sla.calendars import compile_calendar, parse_rules
from app.units.opening import hours_at
from app.units.outlook import read_outlooks
from app.units.pace import Outlook, Pace, Verdict
from app.units.periods import read_period
from app.units.signal_rows import Asked, month_end
from tests.units.city import City
from tests.units.stories import tell
from tests.workqueue.desk import _VERSION, WIB, Desk, _add, at, table

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OFFICE: dict[str, Any] = {
    "timezone": "Asia/Jakarta",
    "week": {day: [["07:30", "12:00"], ["13:00", "16:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
    # Idul Fitri of 2026 with its cuti bersama, from a Friday to the Tuesday after next.
    "days": [{"date": f"2026-03-{day}", "hours": []} for day in (20, 23, 24)],
}
FRIDAY = at("2026-02-27 10:00")


@pytest.fixture
async def city(engine: AsyncEngine) -> City:
    """The city without a complaint, its units working by the office calendar; it promises two things alone."""
    built = City(engine)
    await Desk.build(built)
    await office(built)
    return built


async def office(
    city: City, name: str = "asn", rules: dict[str, Any] = OFFICE, *units: str, clock: str = "update"
) -> None:
    """A calendar on which a policy for a clock counts working days, for some units or for all."""
    async with writing(city.engine) as connection:
        calendar_id = await _add(connection, "calendar", name=name)
        row = {"calendar_id": calendar_id, "version": 1, "rules": rules, "published_at": at("2020-01-01 00:00")}
        await _add(connection, "calendar_version", **row)
        policy = {"name": f"law.{name}", "family": f"law-{name}", "kind": "clock", "clock": clock}
        version = {**_VERSION, "target_unit": "working_day", "target_amount": 60, "calendar": name}
        version |= {"applies": {"units": list(units)}}
        await _add(connection, "policy_version", policy_id=await _add(connection, "policy", **policy), **version)
        await count_up(connection, RULES)


async def outlooks(city: City, *units: str, now: datetime = FRIDAY, scope: Scope = WHOLE) -> list[Outlook]:
    async with reading(city.engine) as connection:
        ids = [city.units[unit] for unit in units]
        return await read_outlooks(connection, ids, await city.rules(connection), scope, now=now, zone=WIB)


async def refs(city: City, unit: str = "kelurahan-a", now: datetime = FRIDAY) -> list[str]:
    (found,) = await outlooks(city, unit, now=now)
    return [risk.ref for risk in found.risks]


async def due(city: City, when: str, code: str, unit: str = "kelurahan-a", *steps: Any) -> int:
    """A complaint whose response is due at an instant: a day after its report."""
    return await tell(city, at(when) - DAY, unit, *steps, code=code)


@pytest.mark.parametrize(
    ("now", "closes", "opens"),
    [
        ("2026-02-27 10:00", "2026-02-27 16:00", "2026-03-02 07:30"),
        ("2026-02-27 12:30", None, "2026-02-27 13:00"),
        ("2026-02-27 15:59:59", "2026-02-27 16:00", "2026-03-02 07:30"),
        ("2026-02-27 16:00", None, "2026-03-02 07:30"),
        ("2026-02-26 06:00", None, "2026-02-26 07:30"),
        ("2026-02-28 12:00", None, "2026-03-02 07:30"),
        ("2026-03-19 15:00", "2026-03-19 16:00", "2026-03-25 07:30"),
        ("2026-03-21 09:00", None, "2026-03-25 07:30"),
    ],
)
def test_a_unit_opens_after_weekends_and_lebaran(now: str, closes: str | None, opens: str) -> None:
    hours = hours_at(compile_calendar(parse_rules(OFFICE)), at(now))
    assert hours.closes_at == (at(closes) if closes else None)
    assert (hours.opens_at, hours.is_open) == (at(opens), closes is not None)


def test_a_unit_that_works_over_midnight_closes_on_the_next_day() -> None:
    week = {"mon": [["20:00", "24:00"]], "tue": [["00:00", "02:00"], ["20:00", "24:00"]], "wed": [["00:00", "02:00"]]}
    hours = hours_at(compile_calendar(parse_rules({"timezone": "Asia/Jakarta", "week": week})), at("2026-03-02 21:00"))
    assert (hours.closes_at, hours.opens_at) == (at("2026-03-03 02:00"), at("2026-03-03 20:00"))


async def test_what_is_due_before_the_unit_opens_on_monday_is_at_risk(city: City) -> None:
    for when, code in (
        ("2026-02-27 09:59:59", "overdue already"),
        ("2026-02-27 10:00", "due now"),
        ("2026-02-27 16:00", "due as it closes"),
        ("2026-02-27 16:00:01", "due in the evening"),
        ("2026-03-02 07:29:59", "due before it opens"),
        ("2026-03-02 07:30", "due as it opens"),
    ):
        await due(city, when, code)
    (found,) = await outlooks(city, "kelurahan-a")
    assert [risk.ref for risk in found.risks] == [
        "due now", "due as it closes", "due in the evening", "due before it opens",
    ]  # fmt: skip
    assert (found.while_open, found.while_closed) == (2, 2)
    assert {risk.clock for risk in found.risks} == {"respond"}


async def test_before_lebaran_the_whole_holiday_is_at_risk(city: City) -> None:
    await due(city, "2026-03-25 07:00", "in the holidays")
    await due(city, "2026-03-25 08:00", "after them")
    assert await refs(city, now=at("2026-03-19 15:00")) == ["in the holidays"]
    assert await refs(city, now=at("2026-03-18 15:00")) == []


async def test_answered_paused_and_closed_complaints_are_not_at_risk(city: City) -> None:
    when, soon = "2026-02-28 12:00", timedelta(minutes=30)
    await due(city, when, "waits")
    await due(city, when, "answered", "kelurahan-a", (soon, Move.ACCEPT))
    await due(city, when, "withdrawn", "kelurahan-a", (soon, Move.WITHDRAW))
    week = at(when) - 7 * DAY
    await tell(city, week, "kelurahan-a", (soon, Move.ACCEPT), (HOUR, Move.ASK_COMPLAINANT), code="paused")
    await tell(city, week, "kelurahan-a", (soon, Move.ACCEPT), code="worked on")
    assert await refs(city) == ["waits", "worked on"]


async def test_a_complaint_with_two_clocks_at_risk_is_told_once_by_the_first(city: City) -> None:
    reported = FRIDAY - 7 * DAY + 8 * HOUR
    await tell(city, reported, "kelurahan-a", (HOUR, Move.FORWARD, "sudin"), code="JK1")
    async with writing(city.engine) as connection:
        clock = table("sla_clock")
        later = clock.update().where(clock.c.clock == "respond").values(due_at=FRIDAY + 9 * HOUR)
        await connection.execute(later)
    (found,) = await outlooks(city, "sudin")
    assert [(risk.ref, risk.clock, risk.due_at) for risk in found.risks] == [("JK1", "resolve", reported + 7 * DAY)]


async def test_a_unit_that_never_closes_has_nothing_at_risk_for_being_closed(city: City) -> None:
    await office(city, "piket", {"timezone": "Asia/Jakarta", "week": _always()}, "kecamatan")
    await due(city, "2026-02-28 12:00", "JK1")
    found, above = await outlooks(city, "kelurahan-a", "kota")
    assert found.hours.never_closes and found.risks == []
    assert not above.hours.never_closes and [risk.ref for risk in above.risks] == ["JK1"]


def _always() -> dict[str, Sequence[Sequence[str]]]:
    return {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


async def test_a_unit_has_the_days_off_of_its_own(city: City) -> None:
    own = {"unit": "kelurahan-a", "days": [{"date": "2026-03-02", "hours": []}]}
    await office(city, "own", {**OFFICE, "exceptions": [own]}, "kecamatan")
    await due(city, "2026-03-02 12:00", "JK1")
    await due(city, "2026-03-02 12:00", "JK2", "kelurahan-b")
    mine, theirs = await outlooks(city, "kelurahan-a", "kelurahan-b")
    assert (mine.hours.opens_at, theirs.hours.opens_at) == (at("2026-03-03 07:30"), at("2026-03-02 07:30"))
    assert [[risk.ref for risk in each.risks] for each in (mine, theirs)] == [["JK1"], []]


async def test_a_unit_is_told_of_all_below_it_and_others_are_not(city: City) -> None:
    await due(city, "2026-02-28 12:00", "JK1", "kelurahan-a")
    await due(city, "2026-02-28 11:00", "JK2", "kelurahan-b")
    above, other = await outlooks(city, "kecamatan", "sudin")
    assert [risk.ref for risk in above.risks] == ["JK2", "JK1"] and other.risks == []
    (narrow,) = await outlooks(city, "kecamatan", scope=Scope((city.units["kelurahan-a"],)))
    assert [risk.ref for risk in narrow.risks] == ["JK1"]


@pytest.mark.parametrize(
    ("received", "done", "backlog", "verdict", "days"),
    [
        (20, 60, 10, Verdict.CLEARS, 5),
        (20, 60, 11, Verdict.CLEARS, 6),
        (20, 21, 1, Verdict.CLEARS, 20),
        (20, 20, 5, Verdict.STANDS, None),
        (21, 20, 5, Verdict.GROWS, None),
        (0, 0, 5, Verdict.UNKNOWN, None),
        (9, 0, 0, Verdict.DONE, None),
    ],
)
def test_a_pace_clears_a_backlog_or_never(
    received: int, done: int, backlog: int, verdict: Verdict, days: int | None
) -> None:
    pace = Pace(received=received, done=done, backlog=backlog, working_days=20)
    assert (pace.verdict, pace.days_to_clear) == (verdict, days)


def test_without_a_working_day_there_is_no_pace() -> None:
    pace = Pace(received=1, done=2, backlog=3)
    assert pace.verdict is Verdict.UNKNOWN and pace.per_working_day(2) is None


async def test_the_pace_is_that_of_the_28_whole_days_before_today(city: City) -> None:
    """On Friday the 27th these are the days from 30 January to 26 February, 20 of them working days."""
    done = (HOUR, Move.ACCEPT), (2 * HOUR, Move.SUBMIT)
    for first in ("2026-01-29 22:59:59", "2026-01-30 00:00", "2026-02-26 21:59:59", "2026-02-26 22:00"):
        await tell(city, at(first), "kelurahan-a", *done)
    for first in ("2026-02-27 00:00", "2026-02-26 23:59:59"):
        await tell(city, at(first), "kelurahan-a", (HOUR, Move.ACCEPT))
    (found,) = await outlooks(city, "kecamatan")
    # The first of the four was reported a second too early and delivered in time; the last was delivered today.
    assert found.pace == Pace(received=4, done=3, backlog=2, working_days=20)
    assert found.pace.verdict is Verdict.GROWS and found.clears_on is None


async def test_a_backlog_is_cleared_on_a_working_day(city: City) -> None:
    for number in range(4):
        await tell(city, at("2026-02-02 08:00"), "kelurahan-a", (HOUR, Move.ACCEPT), (DAY, Move.SUBMIT))
        await tell(city, at("2026-01-02 08:00"), "kelurahan-a", (HOUR, Move.ACCEPT), (40 * DAY, Move.SUBMIT))
        if number < 2:
            await tell(city, at("2026-01-02 08:00"), "kelurahan-a", (HOUR, Move.ACCEPT))
    (found,) = await outlooks(city, "kelurahan-a")
    assert found.pace == Pace(received=4, done=8, backlog=2, working_days=20)
    assert (found.pace.days_to_clear, found.clears_on) == (10, date(2026, 3, 13))


async def test_what_was_sent_back_and_what_is_paused_is_backlog_and_what_waits_for_a_verdict_is_not(city: City) -> None:
    start, submit = (HOUR, Move.ACCEPT), (2 * HOUR, Move.SUBMIT)
    begun = FRIDAY - 5 * DAY
    await tell(city, begun, "kelurahan-a", start, submit)
    await tell(city, begun, "kelurahan-a", start, submit, (3 * HOUR, Move.SEND_BACK))
    await tell(city, begun, "kelurahan-a", start, (2 * HOUR, Move.ASK_COMPLAINANT))
    await tell(city, begun, "kelurahan-a", (HOUR, Move.WITHDRAW))
    (found,) = await outlooks(city, "kelurahan-a")
    assert (found.pace.received, found.pace.done, found.pace.backlog) == (4, 2, 2)


async def test_a_wait_that_two_policies_judge_is_counted_once(city: City) -> None:
    await office(city, "second", OFFICE, clock="resolve")
    begun = FRIDAY - 2 * DAY
    await tell(city, begun, "kelurahan-a", (HOUR, Move.ACCEPT), (2 * HOUR, Move.SUBMIT))
    await tell(city, begun, "kelurahan-a", (HOUR, Move.ACCEPT))
    waits = [row for row in await city.rows("sla_clock") if row.clock == "resolve"]
    assert len(waits) == 4
    (found,) = await outlooks(city, "kelurahan-a")
    assert (found.pace.received, found.pace.done, found.pace.backlog) == (2, 1, 1)
    async with reading(city.engine) as connection:
        span = read_period("30d", now=FRIDAY, zone=WIB)
        delivered = await month_end(Asked(connection, [city.units["kelurahan-a"]], span))
    assert delivered.of == 1
