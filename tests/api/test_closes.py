"""Closed months: what was closed stays, what is known now stands beside it, and corrections explain the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import Conflict, InvalidInput
from app.complaint.events import EventKind
from app.db.changes import RULES, count_up
from app.db.complaints import Change, advance
from app.db.session import writing
from app.monthly import close, months_due
from app.pulling import Plant
from tests.api.amid import written_amid
from tests.api.door import Door
from tests.api.test_unit_answers import Caller
from tests.units.month import END, Month
from tests.workqueue.desk import at, entry, table

CLOSED = at("2026-02-06 03:00")
SECOND = timedelta(seconds=1)


@pytest.fixture
async def month(door: Door) -> Month:
    built = Month(door.house.engine)
    await built.build()
    await built.begin(120)
    await built.go_on_to(CLOSED)
    door.clock.now = CLOSED
    return built


@pytest.fixture
async def admin(door: Door, month: Month) -> Caller:
    return Caller(door, await door.token("admin"))


@pytest.fixture
def plant(door: Door) -> Plant:
    house = door.house
    return Plant(house.settings, house.engine, house.rulebooks, house.vault)


async def test_a_closed_month_stays_and_its_corrections_explain_what_is_known_now(
    month: Month, admin: Caller, plant: Plant
) -> None:
    assert await close(plant, "2026-01", actor="worker", now=CLOSED) == 7
    at_once = await admin.get("/units/kota/closes/2026-01")
    assert at_once["closed"] == at_once["now"] and at_once["corrections"] == []
    await month.go_on_to(END)
    admin.door.clock.now = END
    explained = 0
    for code in ("kota", "dinas", "biro", "kelurahan-a"):
        answer = await admin.get(f"/units/{code}/closes/2026-01")
        then = await admin.get(f"/units/{code}/status", period="2026-01", as_of="2026-02-05T20:00:00Z")
        assert answer["closed"] == _numbers(then)
        assert answer["now"] == _numbers(await admin.get(f"/units/{code}/status", period="2026-01"))
        assert (answer["month"], answer["closed_at"], answer["closed_by"]) == (
            "2026-01",
            "2026-02-05T20:00:00Z",
            "worker",
        )
        below = {each["code"] for each in (await admin.get(f"/units/{code}"))["children"]} | {
            code,
            *_DEEPER.get(code, ()),
        }
        for clock, closed in answer["closed"]["clocks"].items():
            corrected = [each for each in answer["corrections"] if each["clock"] == clock]
            now = answer["now"]["clocks"][clock]
            for verdict in ("met", "late"):
                gained = sum(
                    _counts(each["new"], verdict, below) - _counts(each["old"], verdict, below) for each in corrected
                )
                assert _of(now, verdict) - _of(closed, verdict) == gained, (code, clock, verdict)
            explained += len(corrected)
        assert answer["corrections_total"] == len(answer["corrections"])
    assert explained > 3


async def test_what_is_written_meanwhile_is_no_correction(month: Month, admin: Caller, plant: Plant) -> None:
    await close(plant, "2026-01", actor="worker", now=CLOSED)
    alone = await admin.get("/units/kota/closes/2026-01")
    async with written_amid(
        admin.door, before="SELECT sla_clock.complaint_id, sla_clock.clock, sla_clock.cycle"
    ) as amid:
        assert await admin.get("/units/kota/closes/2026-01") == alone
    assert amid and not alone["corrections"]


async def test_a_close_holds_what_was_recorded_up_to_its_instant_and_nothing_else(
    month: Month, admin: Caller, plant: Plant
) -> None:
    """What came after it, but before it was counted, is not in; what began before and comes later stands behind it."""
    before = await _as_of_closed(admin)
    await _hand_over(month, recorded_at=CLOSED + SECOND)
    admin.door.clock.now = CLOSED + 2 * SECOND
    assert await close(plant, "2026-01", actor="worker", now=CLOSED) == 7
    await _hand_over(month, recorded_at=CLOSED - SECOND)
    assert [await _closed(admin), await _as_of_closed(admin)] == [before, before]
    assert (await admin.get("/units/dinas/closes/2026-01"))["now"] != before["dinas"]


async def test_a_close_waits_for_what_is_being_recorded(month: Month, admin: Caller, plant: Plant) -> None:
    before = await _as_of_closed(admin)
    async with writing(month.engine) as connection:
        await _hand_over_in(connection, month, recorded_at=CLOSED - SECOND)
        closing = asyncio.create_task(close(plant, "2026-01", actor="worker", now=CLOSED))
        assert not (await asyncio.wait({closing}, timeout=0.4))[0]
    assert await closing == 7
    assert await _closed(admin) == await _as_of_closed(admin) != before


async def test_a_month_is_closed_once_and_only_when_it_has_ended(month: Month, admin: Caller, plant: Plant) -> None:
    await close(plant, "2026-01", actor="gita", now=CLOSED)
    with pytest.raises(Conflict):
        await close(plant, "2026-01", actor="gita", now=CLOSED)
    for name in ("2026-02", "2026-03", "januari"):
        with pytest.raises(InvalidInput):
            await close(plant, name, actor="gita", now=CLOSED)
    assert len(await month.rows("unit_close")) == 7
    trail = [row for row in await month.rows("audit") if row.action == "units.close"]
    assert [(row.actor, row.subject, row.details) for row in trail] == [("gita", "2026-01", {"units": 7})]
    listed = await admin.get("/units/kota/closes")
    assert [each["month"] for each in listed["items"]] == ["2026-01"]


async def test_a_unit_that_was_closed_since_keeps_what_it_did_in_the_month(
    month: Month, admin: Caller, plant: Plant
) -> None:
    unit = table("unit")
    async with writing(month.engine) as connection:
        gone = unit.c.code.in_(("kelurahan-a", "kelurahan-b"))
        await connection.execute(unit.update().where(gone).values(is_active=False))
        await count_up(connection, RULES)
    assert await close(plant, "2026-01", actor="worker", now=CLOSED) == 7
    as_of = await admin.get("/units/kelurahan-a/status", period="2026-01", as_of=CLOSED.isoformat())
    closed = (await admin.get("/units/kelurahan-a/closes/2026-01"))["closed"]
    assert closed == _numbers(as_of) and closed["handling"]["reported"] > 0


async def test_the_worker_closes_what_ended_long_enough_ago(month: Month, plant: Plant) -> None:
    assert await months_due(plant, now=at("2026-02-05 23:59")) == ["2025-12"]
    assert await months_due(plant, now=at("2026-02-06 00:00")) == ["2026-01"]
    await close(plant, "2026-01", actor="worker", now=CLOSED)
    assert await months_due(plant, now=at("2026-03-05 12:00")) == []
    assert await months_due(plant, now=at("2026-04-06 00:00")) == ["2026-02", "2026-03"]
    off = Plant(plant.settings.model_copy(update={"close_after_days": 0}), plant.engine, plant.rulebooks, plant.vault)
    assert await months_due(off, now=at("2026-04-06 00:00")) == []


async def test_what_is_not_closed_or_not_the_callers_is_absent(month: Month, admin: Caller, plant: Plant) -> None:
    await close(plant, "2026-01", actor="worker", now=CLOSED)
    caller = Caller(admin.door, await admin.door.token("viewer", "kecamatan"))
    assert (await caller.get("/units/kelurahan-a/closes/2026-01"))["unit"]["code"] == "kelurahan-a"
    for path in ("/units/sudin/closes", "/units/sudin/closes/2026-01", "/units/kecamatan/closes/2025-12"):
        await caller.get(path, 404)
    for name in ("2026-13", "1999-01", "today", "2026-03"):
        assert (await caller.get(f"/units/kecamatan/closes/{name}", 422))["errors"][0]["field"] == "month"


async def _hand_over(month: Month, *, recorded_at: datetime) -> None:
    async with writing(month.engine) as connection:
        await _hand_over_in(connection, month, recorded_at=recorded_at)


async def _hand_over_in(connection: AsyncConnection, month: Month, *, recorded_at: datetime) -> None:
    """Of each complaint it is told that the office had it at first."""
    rules = await month.rulebooks.current(connection)
    told = {"unit_id": month.units["dinas"], "recorded_at": recorded_at}
    changes = [
        Change(complaint_id=row.id, events=[replace(entry(EventKind.ASSIGNED, row.reported_at), **told)])
        for row in await month.rows("complaint")
    ]
    await advance(connection, changes, rules, now=recorded_at)


async def _closed(admin: Caller) -> dict[str, Any]:
    return {code: (await admin.get(f"/units/{code}/closes/2026-01"))["closed"] for code in ("kota", "dinas", "biro")}


async def _as_of_closed(admin: Caller) -> dict[str, Any]:
    as_of = {"period": "2026-01", "as_of": CLOSED.isoformat()}
    return {code: _numbers(await admin.get(f"/units/{code}/status", **as_of)) for code in ("kota", "dinas", "biro")}


_DEEPER = {"kota": ("kelurahan-a", "kelurahan-b")}


def _numbers(status: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of the period in an answer, without their addresses."""
    clocks = {clock: _values(card) for clock, card in status["clocks"].items()}
    return {"clocks": clocks, "handling": _values(status["handling"]), "holding": status["holding"]}


def _values(card: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each["value"] if isinstance(each, dict) else each for name, each in card.items()}


def _counts(judgement: Mapping[str, Any] | None, verdict: str, units: set[str]) -> int:
    return int(judgement is not None and judgement["verdict"] == verdict and judgement["unit"] in units)


def _of(card: Mapping[str, Any], verdict: str) -> int:
    return int(card["met"] if verdict == "met" else card["missed"] + card["running_overdue"])
