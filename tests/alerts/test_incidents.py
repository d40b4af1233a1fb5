"""Those who run this installation are told once of what stays wrong, and once when it is over."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import insert

from app.alerts.incidents import STAYS, Fault, judge
from app.alerts.notifiers import EMAIL
from app.db.session import reading, writing
from app.watching import find_faults
from tests.alerts.town import Recorder, Town, at, table

NOW = at("2026-01-15 03:00")
SECOND = timedelta(seconds=1)
DOWN = Fault("source_down:crm", "source_down", {"source": "crm"})


async def _judge(town: Town, now: datetime, *faults: Fault) -> int:
    async with writing(town.engine) as connection:
        return await judge(connection, faults, emails=["a@example.go.id", "b@example.go.id"], now=now)


async def test_what_stays_wrong_is_told_once_and_its_end_once(town: Town) -> None:
    wrong = [await _judge(town, NOW + STAYS * share, DOWN) for share in (0, 0.5, 1, 2, 9)]
    assert wrong == [0, 0, 1, 0, 0]
    fine = [await _judge(town, NOW + STAYS * share) for share in (10, 10.5, 11, 12)]
    assert fine == [0, 0, 1, 0]
    rows = await town.rows("delivery")
    assert sorted((row.recipient, row.payload["is_over"]) for row in rows) == [
        (f"operator:{who}@example.go.id", is_over) for who in "ab" for is_over in (False, True)
    ]
    console = Recorder(EMAIL)
    await town.deliver(NOW + STAYS * 12, console)
    assert {notice.content.since for notice in console.notices} == {NOW}  # type: ignore[union-attr]


async def test_what_comes_and_goes_is_told_of_as_one_incident(town: Town) -> None:
    assert [await _judge(town, NOW + SECOND * 60 * minute, DOWN) for minute in range(3)] == [0, 0, 1]
    for minute in range(3, 20):
        faults = (DOWN,) if minute % 2 else ()
        assert await _judge(town, NOW + SECOND * 60 * minute, *faults) == 0
    assert len(await town.rows("incident")) == 1


async def test_what_was_wrong_for_a_moment_is_not_told(town: Town) -> None:
    assert [await _judge(town, NOW, DOWN), await _judge(town, NOW + SECOND), await _judge(town, NOW + STAYS)] == [0] * 3
    assert await town.rows("delivery") == []
    assert (await town.rows("incident"))[0].over_at == NOW + SECOND


async def test_dead_messages_and_late_alerts_are_found_and_dead_notices_are_not(town: Town) -> None:
    async def found(now: datetime) -> set[str]:
        async with reading(town.engine) as connection:
            return {fault.key async for fault in find_faults(connection, now)}

    row = {"channel": EMAIL, "recipient": "operator:a@b.id", "state": "dead", "attempts": 1, "round": 1}
    async with writing(town.engine) as connection:
        await connection.execute(insert(table("delivery")).values(id="msg_n", kind="notice", **row))
    assert await found(NOW) == set()
    async with writing(town.engine) as connection:
        await connection.execute(insert(table("delivery")).values(id="msg_d", kind="digest", **row))
    await town.report("JK1", NOW - timedelta(hours=25))
    assert await found(NOW) == {"dead_deliveries", "alerts_late"}
