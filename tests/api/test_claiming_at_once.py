"""Fifty officers claim one complaint at the same moment: one gets it, the others are told so."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from tests.api.door import Door
from tests.workqueue.desk import NOON, Desk

OFFICERS = 50


async def test_of_fifty_claims_at_once_one_wins_and_the_others_are_conflicts(door: Door) -> None:
    door.clock.now = NOON
    desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
    await desk.build()
    found = await desk.report("JK1", NOON - timedelta(hours=1), unit="sudin")
    who = [await door.token("officer", "kota", name=f"petugas {number}") for number in range(OFFICERS)]
    answers = await asyncio.gather(*(_claim(door, headers) for headers in who))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: OFFICERS - 1}
    codes = Counter(answer.json()["code"] for answer in answers if answer.status_code == 409)
    assert codes == {"already_claimed": OFFICERS - 1}
    claims = [row for row in await desk.rows("complaint_event") if row.move == "claim"]
    assert [row.complaint_id for row in claims] == [found]


async def _claim(door: Door, headers: dict[str, str]) -> Any:
    return await door.client.post("/api/v1/complaints/JK1/moves", json={"move": "claim"}, headers=headers)
