"""Saved views: kept, shared, found by those they are for alone, and checked as the queue checks a query."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.door import Door

VIEWS = "/api/v1/views"
MINE: dict[str, Any] = {"name": "Terlambat di unit saya", "query": {"due": "overdue", "unit": "kelurahan", "limit": 20}}


@pytest.fixture(autouse=True)
async def city(door: Door) -> None:
    await door.units("kota", "kota/kelurahan", "dinas")


async def _id(door: Door, who: dict[str, str], **changed: Any) -> int:
    answer = await door.client.post(VIEWS, json={**MINE, **changed}, headers=who)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


async def _status(door: Door, verb: str, view_id: int, who: dict[str, str], body: Any = None) -> int:
    return (await door.client.request(verb, f"{VIEWS}/{view_id}", json=body, headers=who)).status_code


async def test_a_view_is_kept_and_leads_to_its_list(door: Door) -> None:
    ani = await door.token("officer", "kelurahan", name="ani")
    made = await door.client.post(VIEWS, json={**MINE, "query": {**MINE["query"], "unrouted": False}}, headers=ani)
    view = made.json()
    assert made.status_code == 201 and made.headers["Location"] == f"{VIEWS}/{view['id']}"
    assert view["href"] == "/api/v1/complaints?unit=kelurahan&due=overdue&unrouted=false&limit=20"
    assert view["is_own"] and view["shared_with"] is None
    assert (await door.client.get(view["href"], headers=ani)).status_code == 200
    assert (await door.client.get(made.headers["Location"], headers=ani)).json() == view
    changed = await door.client.put(made.headers["Location"], json={"name": "Semua", "query": {}}, headers=ani)
    assert (changed.json()["href"], changed.json()["query"]) == ("/api/v1/complaints", {})
    assert (await door.client.delete(made.headers["Location"], headers=ani)).status_code == 204
    assert (await door.client.get(made.headers["Location"], headers=ani)).status_code == 404


async def test_a_view_of_another_is_absent_until_it_is_shared_with_a_unit_of_ours(door: Door) -> None:
    dewi = await door.token("supervisor", "kota", name="dewi")
    ani = await door.token("officer", "kelurahan", name="ani")
    budi = await door.token("officer", "dinas", name="budi")
    own = await _id(door, dewi)
    shared = await _id(door, dewi, name="Kota", shared_with="kota")
    for who, sees in ((dewi, {own, shared}), (ani, {shared}), (budi, set())):
        items = (await door.client.get(VIEWS, headers=who)).json()["items"]
        assert {each["id"] for each in items} == sees
    assert [await _status(door, verb, own, ani, MINE) for verb in ("GET", "PUT")] == [404, 404]
    assert await _status(door, "DELETE", own, ani) == 404
    assert await _status(door, "GET", shared, budi) == 404
    assert await _status(door, "PUT", shared, ani, MINE) == 403
    assert await _status(door, "DELETE", shared, ani) == 403
    of_ani = await _id(door, ani, shared_with="kelurahan")
    unshared = await door.client.put(f"{VIEWS}/{of_ani}", json=MINE, headers=dewi)
    assert [each["field"] for each in unshared.json()["errors"]] == ["shared_with"]
    assert await _status(door, "PUT", of_ani, dewi, {**MINE, "shared_with": "kelurahan"}) == 200
    assert await _status(door, "DELETE", of_ani, dewi) == 204


async def test_views_come_in_pages(door: Door) -> None:
    ani = await door.token("officer", "kelurahan", name="ani")
    ids = [await _id(door, ani, name=f"Tampilan {number}") for number in range(3)]
    first = await door.client.get(VIEWS, params={"limit": 2}, headers=ani)
    cursor = first.json()["next_cursor"]
    second = await door.client.get(VIEWS, params={"limit": 2, "cursor": cursor}, headers=ani)
    assert [each["id"] for each in (*first.json()["items"], *second.json()["items"])] == ids
    assert second.json()["next_cursor"] is None and 'rel="next"' in first.headers["Link"]


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("name", {**MINE, "name": "  "}),
        ("query", {"name": "Tanpa"}),
        ("query.unit", {**MINE, "query": {"unit": "atlantis"}}),
        ("query.due", {**MINE, "query": {"due": "besok"}}),
        ("query.page", {**MINE, "query": {"page": 2}}),
        ("query.cursor", {**MINE, "query": {"cursor": "abc"}}),
        ("query.limit", {**MINE, "query": {"limit": 0}}),
        ("shared_with", {**MINE, "shared_with": "atlantis"}),
        ("owner", {**MINE, "owner": "budi"}),
    ],
)
async def test_a_view_that_the_queue_would_not_take_is_refused(door: Door, field: str, body: Any) -> None:
    answer = await door.client.post(VIEWS, json=body, headers=await door.token("officer", "kelurahan"))
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == [field]


async def test_a_name_is_taken_once_and_a_foreign_unit_is_not_shared_with(door: Door) -> None:
    ani = await door.token("officer", "kelurahan", name="ani")
    await _id(door, ani)
    assert (await door.client.post(VIEWS, json=MINE, headers=ani)).status_code == 409
    foreign = {**MINE, "name": "Lain", "shared_with": "dinas"}
    assert (await door.client.post(VIEWS, json=foreign, headers=ani)).status_code == 403
    assert (await door.client.post(VIEWS, json=MINE, headers=await door.token("officer"))).status_code == 201
