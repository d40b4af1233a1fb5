"""One move for many complaints: each stands alone, refusals say why, and a dry run leaves everything as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from app.complaint.lifecycle import Move
from tests.api.door import Door
from tests.workqueue.desk import DAY, NOON, Desk

PATH = "/api/v1/complaints/moves"
FORWARD = {"move": "forward", "unit": "sudin", "reason": "Bukan kewenangan kelurahan"}


@pytest.fixture
async def desk(door: Door) -> AsyncIterator[Desk]:
    door.clock.now = NOON
    desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
    await desk.build()
    yield desk


async def _take(door: Door, refs: Sequence[object], move: dict[str, Any], **rest: Any) -> Any:
    body = {"refs": [str(ref) for ref in refs], **move, **rest}
    return await door.client.post(PATH, json=body, headers=await door.token("officer", "kota"))


async def test_five_hundred_with_ten_illegal_ones_are_490_and_10(door: Door, desk: Desk) -> None:
    ids = await desk.report_many(500, NOON - DAY, unit="kelurahan-a")
    for each in ids[:10]:
        await desk.move(each, "withdraw", reason="Salah lapor")  # type: ignore[arg-type]
    before = {each[0]: each.version for each in await desk.rows("complaint")}
    answer = await _take(door, ids, {"move": "accept"})
    body = answer.json()
    assert (answer.status_code, body["done"], body["refused"], len(body["items"])) == (200, 490, 10, 500)
    assert [item["ref"] for item in body["items"]] == [str(each) for each in ids]
    for item in body["items"][:10]:
        assert not item["ok"]
        assert item["problem"]["code"] == "illegal_move"
        assert item["problem"]["legal_moves"] == []
    stored = {row.id: row for row in await desk.rows("complaint")}
    for each, item in zip(ids[10:], body["items"][10:], strict=True):
        assert item["ok"]
        assert item["status"] == stored[each].status == "in_progress"
        assert item["version"] == stored[each].version == before[each] + 1
    assert {stored[each].version - before[each] for each in ids[:10]} == {0}


async def test_a_dry_run_tells_what_would_come_and_writes_nothing(door: Door, desk: Desk) -> None:
    ids = [await desk.report(f"JK{number}", NOON - DAY, unit="kelurahan-a") for number in range(3)]
    before = [await desk.rows(name) for name in ("complaint", "complaint_event", "sla_clock")]
    told = (await _take(door, ids, FORWARD, dry_run=True)).json()
    assert [await desk.rows(name) for name in ("complaint", "complaint_event", "sla_clock")] == before
    done = (await _take(door, ids, FORWARD)).json()
    assert told["dry_run"]
    assert told["items"] == done["items"]
    assert all(item["next_due_at"] for item in done["items"])


async def test_what_the_caller_may_not_see_is_absent(door: Door, desk: Desk) -> None:
    mine = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    await desk.report("JK2", NOON - DAY, unit="dinas")
    body = (await _take(door, ["JK1", mine, f"0{mine}", "JK2", "JK9", "999"], {"move": "claim"})).json()
    assert [item["ok"] for item in body["items"]] == [True, True, True, False, False, False]
    assert {item["problem"]["code"] for item in body["items"] if not item["ok"]} == {"not_found"}


async def test_a_move_that_is_wrong_for_all_is_refused_as_a_whole(door: Door, desk: Desk) -> None:
    await desk.report("JK1", NOON, unit="kelurahan-a")
    for field, refs, move in (
        ("refs", [], {"move": "claim"}),
        ("refs", range(1, 502), {"move": "claim"}),
        ("unit", ["JK1"], {**FORWARD, "unit": "atlantis"}),
        ("reason", ["JK1"], {"move": "forward", "unit": "sudin"}),
    ):
        answer = await _take(door, list(refs), move)
        assert answer.status_code == 422, (field, answer.text)
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    viewer = await door.token("viewer", "kota")
    answer = await door.client.post(PATH, json={"refs": ["JK1"], "move": "claim"}, headers=viewer)
    assert answer.status_code == 403


async def test_what_changed_since_it_was_seen_stays_and_the_others_are_done(door: Door, desk: Desk) -> None:
    ids = [await desk.report(f"JK{number}", NOON - DAY, unit="kelurahan-a") for number in range(4)]
    seen = {row.id: row.version for row in await desk.rows("complaint")}
    await desk.move(ids[0], Move.RESPOND, text="Kami periksa.")
    await desk.move(ids[3], Move.RESPOND, text="Kami periksa.")
    versions = {"JK0": seen[ids[0]], str(ids[1]): seen[ids[1]], "JK2": seen[ids[2]]}
    refs = ["JK0", ids[0], ids[1], "JK2", "JK3"]
    told = (await _take(door, refs, {"move": "accept"}, versions=versions, dry_run=True)).json()
    body = (await _take(door, refs, {"move": "accept"}, versions=versions)).json()
    assert told["items"] == body["items"]
    assert (body["done"], body["refused"]) == (3, 2)
    assert [item["ok"] for item in body["items"]] == [False, False, True, True, True]
    now = seen[ids[0]] + 1
    for item in body["items"][:2]:
        problem = item["problem"]
        assert (problem["status"], problem["code"], problem["version"]) == (409, "stale_version", now)
    assert [row.move for row in await desk.rows("complaint_event") if row.move].count("accept") == 3


async def test_versions_of_what_is_not_asked_for_are_refused(door: Door, desk: Desk) -> None:
    await desk.report("JK1", NOON, unit="kelurahan-a")
    for versions in ({"JK2": 1}, {"JK1": 0}, {"JK1": "1"}):
        answer = await _take(door, ["JK1"], {"move": "accept"}, versions=versions)
        assert answer.status_code == 422, versions
        assert [error["field"].split(".")[0] for error in answer.json()["errors"]] == ["versions"]
