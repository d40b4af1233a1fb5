"""Three weeks of the make-believe city, seen at their end: each wait adds up, and each clock is accounted for."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.lifecycle import TERMINAL
from app.complaint.roles import Role
from app.db.scope import WHOLE
from app.db.session import reading
from app.workqueue.account_card import account_card
from app.workqueue.account_sums import parts_of
from app.workqueue.asker import Asker
from app.workqueue.detail import read_one
from app.workqueue.explaining import explain_clock
from tests.intake.feeds import at
from tests.intake.station import Station
from tests.journey.test_demo_day import station

__all__ = ["station"]

FIGURES = ("state", "due_at", "stopped_at", "breached_at", "elapsed_seconds", "paused_seconds", "remaining_seconds")
EVERY = 12
"""Of so many complaints one has all its clocks explained."""

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_each_wait_adds_up_and_each_clock_is_accounted_for(station: Station) -> None:
    station.now = at("31 20:00")
    for source in ("jaki", "crm"):
        await station.pull(source)
    rows = await station.rows("complaint")
    assert sum(row.status in TERMINAL for row in rows) > 400
    kinds, explained = set[str](), 0
    async with reading(station.engine) as connection:
        for place, row in enumerate(rows):
            detail = await _detail(station, connection, row.id)
            kinds |= {str(each["kind"]) for each in detail["attribution"]}
            assert sum(each["seconds"] for each in detail["attribution"]) == detail["wait_seconds"], row.ticket_code
            if row.status in TERMINAL and row.reopen_count == 0:
                assert detail["wait_seconds"] == (row.closed_at - row.reported_at).total_seconds(), row.ticket_code
            if place % EVERY == 0:
                explained += await _explain_all(station, connection, row.id, detail["clocks"])
    assert kinds >= {"source_delay", "unit"}
    assert explained > 200


async def _detail(station: Station, connection: AsyncConnection, complaint_id: int) -> Any:
    asker, rules = Asker(WHOLE, Role.ADMIN), await station.rulebooks.current(connection)
    return await read_one(connection, complaint_id, asker, rules, now=station.now)


async def _explain_all(station: Station, connection: AsyncConnection, complaint_id: int, clocks: list[Any]) -> int:
    """How many clocks were explained, each with the figures that the complaint shows."""
    rules = await station.rulebooks.current(connection)
    for clock in clocks:
        wanted = {
            "clock": clock["clock"],
            "cycle": clock["cycle"],
            "policy": clock["policy"] and clock["policy"]["name"],
        }
        account = await explain_clock(connection, complaint_id, rules, language="id", now=station.now, **wanted)
        shown: dict[str, Any] = dict(account_card(account, "id"))
        assert {name: shown[name] for name in FIGURES} == {name: clock[name] for name in FIGURES}
        assert sum(row.counted_s for row in account.rows) == clock["elapsed_seconds"]
        assert all(before.to_at == after.from_at for before, after in pairwise(account.rows))
        if account.rows:
            whole = account.rows[-1].to_at - account.rows[0].from_at
            assert sum(parts_of(account.rows).values()) == whole.total_seconds()
    return len(clocks)
