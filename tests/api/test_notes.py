"""Notes: in the history for those who may read it, and a public one answers the response clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.door import Door
from tests.workqueue.desk import DAY, NOON, Desk

PATH = "/api/v1/complaints"


@pytest.fixture
async def desk(door: Door) -> AsyncIterator[Desk]:
    door.clock.now = NOON
    desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
    await desk.build()
    yield desk


async def _note(door: Door, ref: object, role: str = "officer", /, headers: Any = None, **body: Any) -> Any:
    token = await door.token(role, "kota")
    return await door.client.post(f"{PATH}/{ref}/notes", json=body, headers={**token, **(headers or {})})


async def test_a_note_is_in_the_history_and_raises_the_version(door: Door, desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY / 2, unit="sudin")
    before = await desk.see(found)
    answer = await _note(door, "JK1", text="Sudah ditelepon.")
    assert answer.status_code == 201
    assert answer.json()["version"] == before["version"] + 1
    assert answer.headers["etag"] == f'"{before["version"] + 1}"'
    newest = (await desk.history(found)).items[-1]
    assert (newest["kind"], newest["text"], newest["is_public"]) == ("note", "Sudah ditelepon.", False)
    assert await _response(desk, found) == "running"


async def test_a_public_note_answers_the_response_clock(door: Door, desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY / 2, unit="sudin")
    assert (await _note(door, "JK1", text="Kami periksa hari ini.", is_public=True)).status_code == 201
    assert await _response(desk, found) == "met"


async def test_notes_may_come_after_the_end(door: Door, desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="sudin")
    await desk.move(found, "withdraw", reason="Salah lapor")  # type: ignore[arg-type]
    answer = await _note(door, "JK1", text="Pelapor menelepon lagi.")
    assert (answer.status_code, answer.json()["status"]) == (201, "withdrawn")


async def test_who_may_not_write_a_note_and_what_is_none(door: Door, desk: Desk) -> None:
    await desk.report("JK1", NOON - DAY, unit="sudin")
    await desk.report("JK2", NOON - DAY, unit="dinas")
    assert (await _note(door, "JK1", "viewer", text="Halo")).status_code == 403
    for ref in ("JK2", "JK9"):
        assert (await _note(door, ref, text="Halo")).status_code == 404
    for body in ({}, {"text": ""}, {"text": "   "}, {"text": "x" * 10_001}):
        answer = await _note(door, "JK1", **body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "text")
    assert (await _note(door, "JK1", headers={"If-Match": '"99"'}, text="Halo")).status_code == 412


async def _response(desk: Desk, complaint_id: int) -> str:
    (clock,) = [
        row for row in await desk.rows("sla_clock") if (row.complaint_id, row.clock) == (complaint_id, "respond")
    ]
    return str(clock.state)
