"""Those who run this installation are told once of what stays wrong, and once when it is over."""

from __future__ import annotations

import socket
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from app.alerts.incidents import STAYS, Fault, judge
from app.alerts.notifiers import EMAIL, Answer
from app.db.session import reading, writing
from app.pulling import Plant
from app.rules.checks import missing_decree
from app.sla.calendars import parse_rules
from app.watching import find_faults, find_full_disk, watch
from tests.alerts.town import ALWAYS, VAULT, Recorder, Town, at, table
from tests.api.door import settings_for

NOW = at("2026-01-15 03:00")
SECOND = timedelta(seconds=1)
DOWN = Fault("source_down:crm", "source_down", {"source": "crm"})


HOUR = timedelta(hours=1)


async def _judge(town: Town, now: datetime, *faults: Fault, **more: Any) -> int:
    async with writing(town.engine) as connection:
        return await judge(connection, faults, emails=["a@example.go.id", "b@example.go.id"], now=now, **more)


@pytest.fixture
def plant(town: Town, database_url: str) -> Plant:
    return Plant(settings_for(database_url, disk_left_percent=0), town.engine, town.rulebooks, VAULT)


async def _found(plant: Plant, now: datetime) -> dict[str, Fault]:
    async with reading(plant.engine) as connection:
        return {fault.key: fault async for fault in find_faults(plant, connection, now)}


async def test_what_stays_wrong_is_told_once_and_its_end_once(town: Town) -> None:
    mail = Recorder(EMAIL)
    wrong = [await _judge(town, NOW + STAYS * share, DOWN) for share in (0, 0.5, 1, 2, 9)]
    assert wrong == [0, 0, 1, 0, 0]
    await town.deliver(NOW + STAYS * 9, mail)
    fine = [await _judge(town, NOW + STAYS * share) for share in (10, 10.5, 11, 12)]
    assert fine == [0, 0, 1, 0]
    rows = await town.rows("delivery")
    assert sorted((row.recipient, row.payload["is_over"]) for row in rows) == [
        (f"operator:{who}@example.go.id", is_over) for who in "ab" for is_over in (False, True)
    ]
    await town.deliver(NOW + STAYS * 12, mail)
    assert {notice.content.since for notice in mail.notices} == {NOW}  # type: ignore[union-attr]


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


async def test_dead_messages_and_late_alerts_are_found_and_dead_notices_are_not(town: Town, plant: Plant) -> None:
    row = {"channel": EMAIL, "recipient": "operator:a@b.id", "state": "dead", "attempts": 1, "round": 1}
    async with writing(town.engine) as connection:
        await connection.execute(insert(table("delivery")).values(id="msg_n", kind="notice", **row))
    assert await _found(plant, NOW) == {}
    async with writing(town.engine) as connection:
        await connection.execute(insert(table("delivery")).values(id="msg_d", kind="digest", **row))
    await town.report("JK1", NOW - timedelta(hours=25))
    assert (await _found(plant, NOW)).keys() == {"dead_deliveries", "alerts_late"}


async def test_what_lasts_is_told_again_after_a_day_three_days_and_then_every_week(town: Town) -> None:
    looks = (0, 1, 2, 23, 24, 25, 71, 72, 73, 239, 240, 241, 407, 408)
    told = [hour for hour in looks if await _judge(town, NOW + HOUR * hour, DOWN)]
    assert told == [1, 24, 72, 240, 408]
    payloads = [row.payload for row in await town.rows("delivery") if row.recipient == "operator:a@example.go.id"]
    assert [each["is_reminder"] for each in payloads].count(True) == 0
    mail = Recorder(EMAIL)
    await town.deliver(NOW + HOUR * 410, mail)
    assert await _judge(town, NOW + HOUR * 600, DOWN) == 1
    await town.deliver(NOW + HOUR * 601, mail)
    assert [notice.content.is_reminder for notice in mail.notices] == [False, False, True, True]  # type: ignore[union-attr]


async def test_a_reminder_carries_the_newest_figures(town: Town) -> None:
    full, fuller = (Fault("disk:a", "disk", {"host": "a", "path": "/", "percent": each}) for each in "93")
    for hour, fault in ((0, full), (1, full), (25, fuller)):
        await _judge(town, NOW + HOUR * hour, fault)
        await town.deliver(NOW + HOUR * hour, Recorder(EMAIL))
    percents = {(row.payload["is_reminder"], row.payload["about"]["percent"]) for row in await town.rows("delivery")}
    assert percents == {(False, "9"), (True, "3")}


async def test_who_was_never_written_to_is_not_told_that_it_is_over(town: Town) -> None:
    for minute in (0, 2):
        await _judge(town, NOW + SECOND * 60 * minute, DOWN)
    assert [await _judge(town, NOW + SECOND * 60 * minute) for minute in (3, 5)] == [0, 1]
    assert [row.state for row in await town.rows("delivery")] == ["withdrawn"] * 2


async def test_what_did_not_arrive_is_withdrawn_by_the_end_which_is_told(town: Town) -> None:
    for minute in (0, 2):
        await _judge(town, NOW + SECOND * 60 * minute, DOWN)
    await town.deliver(NOW + SECOND * 120, Recorder(EMAIL, [Answer(False, "no answer within 10 s")]), retries=(3600,))
    for minute in (3, 5):
        await _judge(town, NOW + SECOND * 60 * minute)
    found = [(row.state, row.payload["is_over"]) for row in await town.rows("delivery")]
    assert sorted(found) == [("delivered", False), ("pending", True), ("pending", True), ("withdrawn", False)]


async def test_nobody_ends_an_incident_that_they_cannot_see(town: Town) -> None:
    for minute in range(3):
        await _judge(town, NOW + SECOND * 60 * minute, DOWN)
    for minute in range(3, 9):
        assert await _judge(town, NOW + SECOND * 60 * minute, among=lambda key: key != DOWN.key) == 0
    assert (await town.rows("incident"))[0].over_at is None


async def test_a_source_that_sends_much_that_cannot_be_read_is_found_until_it_is_mended(
    town: Town, plant: Plant
) -> None:
    async with writing(town.engine) as connection:
        source = {
            "name": "crm", "connector": "crm", "options": {}, "is_enabled": True, "created_at": NOW, "lease_no": 0,
            "failures": 0,
        }  # fmt: skip
        await connection.execute(insert(table("source")).values(source))
        (source_id,) = await connection.scalars(
            insert(table("source")).values({**source, "name": "jaki"}).returning(table("source").c.id)
        )

    async def pull(pulled: int, rejected: int) -> None:
        tally = {"created": 0, "linked": 0, "updated": 0, "unchanged": pulled - rejected, "rejected": rejected}
        row = {"source_id": source_id, "kind": "pull", "state": "done", "owner": "w", "started_at": NOW, **tally}
        async with writing(town.engine) as connection:
            await connection.execute(insert(table("source_run")).values({**row, "pulled": pulled}))

    async def keep(*hashes: str) -> None:
        rows = [
            {
                "source_id": source_id, "content_hash": each, "reason": "no id", "sealed_raw": b"x", "state": "open",
                "first_seen_at": NOW, "last_seen_at": NOW, "times_seen": 1,
            }
            for each in hashes
        ]  # fmt: skip
        async with writing(town.engine) as connection:
            await connection.execute(insert(table("reject")), rows)

    for _ in range(20):
        await pull(1, 1)
    await keep("a")
    assert await _found(plant, NOW) == {}, "one bad record, read again and again"
    await keep("b", "c", "d", "e")
    await pull(0, 0)
    found = await _found(plant, NOW)
    assert found == {
        "source_rejects:jaki": Fault("source_rejects:jaki", "source_rejects", {"source": "jaki", "percent": "100"})
    }
    async with writing(town.engine) as connection:
        await connection.execute(
            update(table("reject")).where(table("reject").c.content_hash == "a").values(state="replayed")
        )
    assert await _found(plant, NOW) == {}
    await keep("f")
    await pull(81, 0)
    assert await _found(plant, NOW) == {}, "twenty of the last hundred and one"


async def test_a_calendar_without_the_decree_of_the_next_year_is_found_in_december(town: Town, plant: Plant) -> None:
    rules = {**ALWAYS, "days": [{"date": "2026-01-01", "hours": []}], "decreed_through": "2026-12-31"}
    async with writing(town.engine) as connection:
        await connection.execute(update(table("calendar_version")).values(rules=rules))
    assert await _found(plant, at("2026-11-30 23:59")) == {}
    (fault,) = (await _found(plant, at("2026-12-01 00:00"))).values()
    assert fault == Fault("calendar:24x7:2027", "calendar", {"calendar": "24x7", "year": "2027"})


@pytest.mark.parametrize(
    ("today", "rules", "year"),
    [
        (date(2026, 12, 31), {"decreed_through": "2027-12-31"}, None),
        (date(2027, 1, 2), {"decreed_through": "2026-12-31"}, 2027),
        (date(2026, 12, 1), {"days": [{"date": "2026-01-01", "hours": []}]}, 2027),
        (date(2026, 12, 1), {}, None),
    ],
)
def test_a_calendar_that_knows_holidays_needs_the_decree(today: date, rules: dict[str, Any], year: int | None) -> None:
    assert missing_decree(parse_rules({**ALWAYS, **rules}), today) == year


def test_a_full_disk_is_named_with_what_is_left(tmp_path: Path) -> None:
    fault = find_full_disk([tmp_path], 100)
    assert fault is not None and fault.what == "disk" and fault.about["path"] == str(tmp_path)
    assert 0 <= int(fault.about["percent"]) < 100
    assert find_full_disk([tmp_path], 0) is None
    assert find_full_disk([tmp_path / "elsewhere"], 100) is None


async def test_the_disk_of_the_database_is_looked_at_and_other_machines_see_to_their_own(
    town: Town, plant: Plant, database_url: str
) -> None:
    full = Plant(settings_for(database_url, disk_left_percent=100), plant.engine, plant.rulebooks, VAULT)
    own, others, gone = (f"disk:{host}" for host in (socket.gethostname(), "lain.example", "lama.example"))
    assert own in await _found(full, NOW)
    async with writing(town.engine) as connection:
        row = {"name": "lain.example:7", "started_at": NOW, "seen_at": NOW}
        await connection.execute(insert(table("worker")).values(row))
        rows = [{"key": key, "what": "disk", "about": {}, "first_seen_at": NOW} for key in (others, gone)]
        await connection.execute(insert(table("incident")), rows)
    await watch(full)
    assert {row.key for row in await town.rows("incident") if row.over_at is None} == {own, others}
