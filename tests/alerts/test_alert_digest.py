"""The digest of a working morning: what is on it, who gets it, once whatever happens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.alerts.digest import SHOWN, make_digests
from app.complaint.lifecycle import Move
from app.complaint.roles import Role
from app.db.session import writing
from tests.alerts.staff import change, hire, open_office, send_away
from tests.alerts.town import Town, at, hours, table

MONDAY = at("2026-01-12 07:30")


@pytest.fixture
async def staffed(town: Town) -> Town:
    """The town with officers at rt-a and above it."""
    await open_office(town)
    await hire(town, "ani", Role.OFFICER, "rt-a")
    await hire(town, "citra", Role.SUPERVISOR, "dinas-a")
    await hire(town, "dodi", Role.OFFICER, "dinas-b")
    return town


async def _digests(town: Town) -> dict[str, Any]:
    names = {f"officer:{row.id}": row.username for row in await town.rows("officer")}
    return {names[row.recipient]: row for row in await town.rows("delivery") if row.kind == "digest"}


async def _make(town: Town, now: datetime) -> int:
    return await make_digests(town.engine, town.rulebooks, now=now)


async def test_the_list_has_what_is_overdue_and_what_is_due_today_in_the_units_of_each(staffed: Town) -> None:
    late = await staffed.report("JK1", MONDAY - hours(30))
    today = await staffed.report("JK2", MONDAY - hours(10), unit="dinas-a")
    await staffed.report("JK3", MONDAY - hours(1), unit="dinas-a")
    assert await _make(staffed, MONDAY) == 2
    found = await _digests(staffed)
    assert found.keys() == {"ani", "citra"}
    assert (found["ani"].payload["overdue"], found["ani"].payload["due_today"]) == (1, 0)
    assert (found["citra"].payload["overdue"], found["citra"].payload["due_today"]) == (1, 1)
    assert found["citra"].payload["on"] == "2026-01-12"
    assert [item["complaint_id"] for item in found["citra"].payload["items"]] == [late, today]
    assert found["citra"].payload["items"][1] == {
        "complaint_id": today,
        "ticket_code": "JK2",
        "unit_code": "dinas-a",
        "unit_name": "Dinas A",
        "clock": "respond",
        "due_at": "2026-01-12T14:30:00+00:00",
    }


async def test_a_second_run_and_a_second_worker_write_no_second_digest(staffed: Town) -> None:
    await staffed.report("JK1", MONDAY - hours(30))
    assert await _make(staffed, MONDAY) == 2
    assert await _make(staffed, MONDAY + hours(1)) == 0
    assert len(await _digests(staffed)) == len(await staffed.rows("delivery")) == 2


async def test_a_crash_before_the_day_was_noted_doubles_nothing(staffed: Town) -> None:
    await staffed.report("JK1", MONDAY - hours(30))
    await _make(staffed, MONDAY)
    sent = {row.id for row in await staffed.rows("delivery")}
    async with writing(staffed.engine) as connection:
        await connection.execute(table("alert_digest").delete())
    await hire(staffed, "late", Role.SUPERVISOR, "kota")
    await _make(staffed, MONDAY + hours(1))
    rows = await staffed.rows("delivery")
    assert {row.id for row in rows} > sent and len(rows) == 3


@pytest.mark.parametrize("when", ["2026-01-12 07:29", "2026-01-12 16:00", "2026-01-11 09:00"])
async def test_there_is_none_before_its_hour_nor_in_the_evening_nor_on_a_day_off(staffed: Town, when: str) -> None:
    await staffed.report("JK1", MONDAY - hours(60))
    assert await _make(staffed, at(when)) == 0


async def test_nothing_due_is_no_digest(staffed: Town) -> None:
    paused = await staffed.report("JK1", MONDAY - hours(10))
    await staffed.move(paused, Move.ASK_COMPLAINANT, MONDAY - hours(9), text="Di mana?")
    await staffed.report("JK2", MONDAY - timedelta(days=300), is_history=True)
    assert await _make(staffed, MONDAY) == 0
    assert len(await staffed.rows("alert_digest")) == 1


async def test_a_long_list_is_cut_and_still_counted(staffed: Town) -> None:
    for n in range(SHOWN + 3):
        await staffed.report(f"JK{n}", MONDAY - hours(30))
    await _make(staffed, MONDAY)
    payload = (await _digests(staffed))["ani"].payload
    assert (len(payload["items"]), payload["overdue"]) == (SHOWN, SHOWN + 3)


async def test_units_that_overlap_count_a_complaint_once(staffed: Town) -> None:
    eka = await hire(staffed, "eka", Role.SUPERVISOR, "dinas-a")
    async with writing(staffed.engine) as connection:
        row = {"officer_id": eka, "unit_id": staffed.units["rt-a"]}
        await connection.execute(table("officer_unit").insert().values(row))
    await staffed.report("JK1", MONDAY - hours(30))
    await _make(staffed, MONDAY)
    assert (await _digests(staffed))["eka"].payload["overdue"] == 1


async def test_whoever_does_not_want_it_or_is_away_gets_none_but_the_delegate_does(staffed: Town) -> None:
    names = {row.username: row.id for row in await staffed.rows("officer")}
    await change(staffed, "officer", names["ani"], gets_digest=False)
    await send_away(staffed, names["citra"], MONDAY - hours(1), MONDAY + hours(10), names["dodi"])
    await staffed.report("JK1", MONDAY - hours(30))
    assert await _make(staffed, MONDAY) == 1
    assert (await _digests(staffed))["dodi"].payload["for_officer_id"] == names["citra"]


async def test_quiet_hours_hold_the_digest(staffed: Town) -> None:
    ani = next(row.id for row in await staffed.rows("officer") if row.username == "ani")
    await change(staffed, "officer", ani, quiet_from=0, quiet_to=9 * 60)
    await staffed.report("JK1", MONDAY - hours(30))
    await _make(staffed, MONDAY)
    assert (await _digests(staffed))["ani"].next_attempt_at == at("2026-01-12 09:00")
