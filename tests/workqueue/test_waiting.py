"""Whose time a complaint took, as the complaint and its clocks tell it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from app.complaint.events import EventKind
from app.complaint.lifecycle import Move, Status
from app.db.session import reading, writing
from app.db.verify import verify
from app.workqueue.detail import read_clocks
from tests.workqueue.desk import NOON, Desk, entry, table

HOUR = timedelta(hours=1)


async def test_the_complaint_says_whose_time_it_took_from_source_to_closing(desk: Desk) -> None:
    crm = {"source_id": desk.sources["crm"]}
    events = [
        entry(EventKind.REPORTED, NOON, **crm),
        entry(EventKind.ASSIGNED, NOON, unit_id=desk.units["kelurahan-a"], **crm),
    ]
    found = await desk.store("JK1", events, {}, now=NOON + HOUR)
    await desk.move(found, Move.FORWARD, now=NOON + 3 * HOUR, unit="sudin", reason="Bukan jalan kelurahan")
    await desk.move(found, Move.ASK_COMPLAINANT, now=NOON + 4 * HOUR, text="Di mana?")
    await desk.move(found, Move.COMPLAINANT_ANSWERED, now=NOON + 9 * HOUR, text="Di depan sekolah")
    await desk.hear(found, Status.RESOLVED, NOON + 10 * HOUR)
    seen = await desk.see(found, now=NOON + 99 * HOUR)
    told = [(str(each["kind"]), each["unit"], each["seconds"] // 3600) for each in seen["attribution"]]
    assert told == [
        ("source_delay", None, 1),
        ("unit", {"code": "kelurahan-a", "name": "Kelurahan-A"}, 2),
        ("unit", {"code": "sudin", "name": "Sudin"}, 2),
        ("complainant", None, 5),
    ]
    assert seen["wait_seconds"] == 10 * 3600


async def test_the_clocks_come_with_every_stretch_of_the_wait(desk: Desk) -> None:
    found = await desk.report("JK1", NOON)
    await desk.move(found, Move.FORWARD, now=NOON + HOUR, unit="sudin", reason="Jalan kota")
    async with reading(desk.engine) as connection:
        now, rules = NOON + 2 * HOUR, await desk.rules(connection)
        seen = await read_clocks(connection, found, desk.asker("gita"), rules, now=now)
    sudin = {"code": "sudin", "name": "Sudin"}
    assert [(each["from"], each["to"], str(each["kind"]), each["unit"]) for each in seen["holdings"]] == [
        (NOON, NOON + HOUR, "unrouted", None),
        (NOON + HOUR, NOON + 2 * HOUR, "unit", sudin),
    ]
    assert sum(each["seconds"] for each in seen["holdings"]) == seen["wait_seconds"] == 7200
    assert {item["clock"] for item in seen["items"]} == {"respond", "resolve", "coordinate"}


async def test_a_stint_that_has_ended_keeps_what_its_unit_held(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    await desk.move(found, Move.ASK_COMPLAINANT, now=NOON + HOUR, text="Di mana?")
    await desk.move(found, Move.COMPLAINANT_ANSWERED, now=NOON + 3 * HOUR)
    await desk.move(found, Move.FORWARD, now=NOON + 4 * HOUR, unit="sudin", reason="Jalan kota")
    assert [row.held_s for row in await desk.rows("stint")] == [2 * 3600, None]
    await desk.hear(found, Status.RESOLVED, NOON + 9 * HOUR)
    assert [row.held_s for row in await desk.rows("stint")] == [2 * 3600, 5 * 3600]
    for kept, differences in ((None, 0), (1, 1), (7200, 0)):
        async with writing(desk.engine) as connection:
            stint = table("stint")
            await connection.execute(update(stint).where(stint.c.ordinal == 1).values(held_s=kept))
        async with reading(desk.engine) as connection:
            batches = [each async for each in verify(connection, await desk.rules(connection))]
        assert sum(len(found) for _, found in batches) == differences
