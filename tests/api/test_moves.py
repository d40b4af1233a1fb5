"""The table of moves as clients read it."""

from __future__ import annotations

from app.complaint.lifecycle import STEPS, Move, Status
from tests.api.door import Door
from tests.workqueue.desk import Desk


async def test_the_table_tells_all_that_a_client_needs(door: Door) -> None:
    await Desk(door.house.engine, door.house.rulebooks, door.house.vault).build()
    answer = await door.client.get("/api/v1/moves", headers=await door.token("viewer"))
    rows = {row["move"]: row for row in answer.json()["items"]}
    assert list(rows) == [str(move) for move in Move]
    assert rows["forward"] == {
        "move": "forward",
        "label": {"id": "Teruskan", "en": "Forward"},
        "sources": [str(status) for status in Status if status in STEPS[Move.FORWARD].sources],
        "target": "coordinating",
        "required": ["unit", "reason"],
        "optional": [],
        "actor": "officer",
        "roles": ["officer", "supervisor", "admin"],
        "reasons": None,
    }
    assert (rows["claim"]["target"], rows["assign"]["roles"]) == (None, ["supervisor", "admin"])
    assert [reason["code"] for reason in rows["reject"]["reasons"]] == ["duplicate"]
    assert rows["reject"]["reasons"][0]["label"] == {"id": "Laporan berulang", "en": "Repeated report"}
    takes_code = {str(move) for move, step in STEPS.items() if "reason_code" in step.required + step.optional}
    assert {move for move, row in rows.items() if row["reasons"] is not None} == takes_code
