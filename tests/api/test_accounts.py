"""The account of a clock over REST."""

from __future__ import annotations

from typing import Any

import pytest

from app.workqueue.account_card import AccountCard
from tests.api.door import Door
from tests.workqueue.desk import DAY, NOON, Desk

ROW = {"from", "to", "kind", "counted_seconds", "note", "source"}


@pytest.fixture
async def desk(door: Door) -> Desk:
    door.clock.now = NOON
    desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
    await desk.build()
    await desk.report("JK1", NOON - 2 * DAY, unit="sudin")
    return desk


async def ask(door: Door, path: str, headers: dict[str, str] | None = None, **query: Any) -> Any:
    token = await door.token("viewer", "kota")
    url = f"/api/v1/complaints/{path}/explain"
    return await door.client.get(url, params=query, headers={**token, **(headers or {})})


@pytest.mark.usefixtures("desk")
async def test_an_account_has_its_figures_its_rows_and_the_hash_of_its_inputs(door: Door) -> None:
    answer = await ask(door, "JK1/clocks/respond")
    body = answer.json()
    assert answer.status_code == 200
    assert set(body) == set(AccountCard.__required_keys__) | {"as_of", "sources"}
    assert body["complaint"] == {"ticket_code": "JK1"}
    assert (body["clock"], body["cycle"], body["state"]) == ("respond", 1, "running")
    policy = {"name": "city.respond", "version": 1, "basis": "the city's own", "confidence": "H"}
    assert body["policy"] == policy
    assert body["calendar"] == {"name": "24x7", "version": 1, "unit": None}
    assert (body["due_at"], body["breached_at"]) == ("2026-01-11T05:00:00Z", "2026-01-11T05:00:00Z")
    assert (body["elapsed_seconds"], body["remaining_seconds"]) == (2 * 86_400, -86_400)
    assert [set(row) for row in body["rows"]] == [ROW, ROW]
    assert [(row["kind"], row["counted_seconds"]) for row in body["rows"]] == [("open", 86_400), ("after_due", 86_400)]
    assert body["rows"][0]["from"] == "2026-01-10T05:00:00Z"
    assert len(body["hash"]) == 64
    assert body["as_of"] == "2026-01-12T05:00:00Z"


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("wish", "language", "words"),
    [
        ("en-GB,en;q=0.9", "en", ("Time runs; held by Sudin", "Past due by 1 day.")),
        ("id", "id", ("Waktu berjalan; dipegang Sudin", "Sudah lewat tenggat 1 hari.")),
        ("fr", "id", ("Waktu berjalan; dipegang Sudin", "Sudah lewat tenggat 1 hari.")),
    ],
)
async def test_it_speaks_the_language_of_the_caller(
    door: Door, wish: str, language: str, words: tuple[str, str]
) -> None:
    answer = await ask(door, "JK1/clocks/respond", {"Accept-Language": wish})
    body = answer.json()
    assert answer.headers["content-language"] == language
    assert body["rows"][0]["note"] == words[0]
    assert words[1] in body["text"]


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("path", "query", "status", "field"),
    [
        ("JK1/clocks/respond", {"cycle": 2}, 404, None),
        ("JK1/clocks/validate", {}, 404, None),
        ("JK1/clocks/respond", {"policy": "city.resolve"}, 404, None),
        ("JK9/clocks/respond", {}, 404, None),
        ("JK1/clocks/nap", {}, 422, "clock"),
        ("JK1/clocks/respond", {"cycle": 0}, 422, "cycle"),
        ("JK1/clocks/respond", {"cycle": "one"}, 422, "cycle"),
        ("JK1/clocks/respond", {"policy": "atlantis"}, 422, "policy"),
        ("JK1/clocks/respond", {"policy": ""}, 422, "policy"),
        ("JK1/clocks/respond", {"as_of": "2026-01-12"}, 422, "as_of"),
    ],
)
async def test_what_does_not_exist_and_what_is_not_understood_are_refused(
    door: Door, path: str, query: dict[str, Any], status: int, field: str | None
) -> None:
    answer = await ask(door, path, **query)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json().get("errors") or []] == ([field] if field else [])


async def test_a_complaint_of_others_is_not_there(door: Door, desk: Desk) -> None:
    await desk.report("JK2", NOON, unit="dinas")
    assert (await ask(door, "JK2/clocks/respond")).status_code == 404
