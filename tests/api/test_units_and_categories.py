"""Units and categories over REST: added, renamed, closed, and found by the labels of sources."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.complaint.roles import Role
from app.db.complaints import advance
from app.db.scope import WHOLE
from app.db.session import reading, writing
from app.intake.reference import read_reference
from app.units.upkeep import NewUnit, add_unit
from connectors.contract import SourceTraits
from tests.api.door import Door
from tests.api.test_problems import assert_problem
from tests.workqueue.desk import NOON, Desk

UNITS = "/api/v1/admin/units"
CATEGORIES = "/api/v1/admin/categories"


async def test_a_unit_takes_its_place_in_the_tree_and_is_found_by_its_labels(door: Door) -> None:
    await door.units("dki", "dki/dlh", "dki/jakbar")
    headers = await door.token()
    body = {
        "code": "sudin-lh-jb",
        "name": "Sudin LH Jakarta Barat",
        "type": "sudin",
        "parent": "dlh",
        "second_parent": "jakbar",
        "labels": ["SUDIN LH  Jakarta-Barat"],
    }
    made = await door.client.post(UNITS, json=body, headers=headers)
    assert made.status_code == 201, made.text
    assert made.json()["parents"] == ["dlh", "jakbar"] and made.json()["labels"] == ["sudinlhjakartabarat"]
    for unit in ("dki", "dlh", "jakbar"):
        below = await door.token(Role.VIEWER, unit)
        assert (await door.client.get("/api/v1/units/sudin-lh-jb", headers=below)).status_code == 200
    async with reading(door.house.engine) as connection:
        directory = (await read_reference(connection, "crm", SourceTraits())).directory
    assert directory.unit("sudin lh jakarta barat") is not None
    assert_problem(await door.client.post(UNITS, json=body, headers=headers), 409, "conflict")
    again = {**body, "code": "other", "labels": ["sudin lh jakarta barat"]}
    assert_problem(await door.client.post(UNITS, json=again, headers=headers), 409, "conflict")


async def test_a_unit_with_units_below_it_does_not_close(door: Door) -> None:
    await door.units("dki", "dki/dlh")
    headers = await door.token()
    assert_problem(await door.client.patch(f"{UNITS}/dki", json={"is_active": False}, headers=headers), 409, "conflict")
    for code in ("dlh", "dki"):
        closed = await door.client.patch(f"{UNITS}/{code}", json={"is_active": False}, headers=headers)
        assert (closed.status_code, closed.json()["is_active"]) == (200, False)
    under = {"code": "x", "name": "X", "type": "sudin", "parent": "dki"}
    answer = await door.client.post(UNITS, json=under, headers=headers)
    assert [error["field"] for error in assert_problem(answer, 422, "invalid_input")["errors"]] == ["parent"]


async def test_a_unit_does_not_work_again_below_one_that_is_closed(door: Door) -> None:
    await door.units("dki", "dki/dlh")
    headers = await door.token()
    for code in ("dlh", "dki"):
        await door.client.patch(f"{UNITS}/{code}", json={"is_active": False}, headers=headers)
    assert_problem(await door.client.patch(f"{UNITS}/dlh", json={"is_active": True}, headers=headers), 409, "conflict")
    for code in ("dki", "dlh"):
        again = await door.client.patch(f"{UNITS}/{code}", json={"is_active": True}, headers=headers)
        assert (again.status_code, again.json()["is_active"]) == (200, True)


async def test_a_unit_that_is_just_being_given_something_does_not_close(door: Door) -> None:
    desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
    await desk.build()
    headers = await door.token()
    async with writing(door.house.engine) as connection:
        rules = await door.house.rulebooks.current(connection)
        await advance(connection, [desk._new(1, "JK1", NOON, "sudin")], rules, now=NOON)
        closing = asyncio.create_task(door.client.patch(f"{UNITS}/sudin", json={"is_active": False}, headers=headers))
        assert not (await asyncio.wait({closing}, timeout=0.4))[0]
    assert_problem(await closing, 409, "conflict")


async def test_a_unit_that_is_just_getting_one_below_it_does_not_close(door: Door) -> None:
    await door.units("dki", "dki/dlh")
    headers = await door.token()
    async with writing(door.house.engine) as connection:
        await add_unit(connection, NewUnit(code="x", name="X", type="sudin", parent="dlh"), scope=WHOLE)
        closing = asyncio.create_task(door.client.patch(f"{UNITS}/dlh", json={"is_active": False}, headers=headers))
        assert not (await asyncio.wait({closing}, timeout=0.4))[0]
    assert_problem(await closing, 409, "conflict")


async def test_an_administrator_of_a_unit_reaches_what_lies_below_it_alone(door: Door) -> None:
    await door.units("dki", "dki/dlh", "dlh/sudin", "dki/dbm")
    mine = await door.token(Role.ADMIN, "dlh")
    listed = (await door.client.get(UNITS, headers=mine)).json()["items"]
    assert [item["code"] for item in listed] == ["dlh", "sudin"]
    for foreign in ("dbm", "nope"):
        assert_problem(await door.client.get(f"{UNITS}/{foreign}", headers=mine), 404, "not_found")
        renamed = await door.client.patch(f"{UNITS}/{foreign}", json={"name": "x"}, headers=mine)
        assert_problem(renamed, 404, "not_found")
    renamed = await door.client.patch(f"{UNITS}/sudin", json={"name": "Sudin Baru"}, headers=mine)
    assert renamed.json()["name"] == "Sudin Baru"
    steered = await door.client.patch(f"{UNITS}/sudin", json={"labels": ["dbm"]}, headers=mine)
    assert_problem(steered, 403, "forbidden")
    for parent, status in (("sudin", 201), ("dbm", 422), (None, 403)):
        body = {"code": f"baru-{parent}", "name": "Baru", "type": "seksi", "parent": parent}
        assert (await door.client.post(UNITS, json=body, headers=mine)).status_code == status, parent


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"code": "a b"}, "code"),
        ({"name": " "}, "name"),
        ({"type": "Sudin LH"}, "type"),
        ({"parent": "nope"}, "parent"),
        ({"second_parent": "dki"}, "second_parent"),
        ({"labels": ["--"]}, "labels"),
    ],
)
async def test_a_malformed_unit_names_its_field(door: Door, body: dict[str, Any], field: str) -> None:
    await door.units("dki")
    given = {"code": "x", "name": "X", "type": "sudin", **body}
    answer = await door.client.post(UNITS, json=given, headers=await door.token())
    assert [error["field"] for error in assert_problem(answer, 422, "invalid_input")["errors"]] == [field]


async def test_a_category_is_added_renamed_closed_and_known_by_its_labels(door: Door) -> None:
    headers = await door.token()
    body = {"code": "banjir-rob", "name": "Banjir Rob", "labels": ["Genangan  ROB"]}
    made = await door.client.post(CATEGORIES, json=body, headers=headers)
    assert (made.status_code, made.json()["labels"]) == (201, ["banjir rob", "genangan rob"])
    async with reading(door.house.engine) as connection:
        known = (await read_reference(connection, "crm", SourceTraits())).categories
    assert known["genangan rob"] == "banjir-rob"
    assert_problem(await door.client.post(CATEGORIES, json=body, headers=headers), 409, "conflict")
    taken = {"code": "rob", "name": "Rob", "labels": ["genangan rob"]}
    assert_problem(await door.client.post(CATEGORIES, json=taken, headers=headers), 409, "conflict")
    patch = {"name": "Rob", "is_active": False, "labels": ["rob"]}
    changed = await door.client.patch(f"{CATEGORIES}/banjir-rob", json=patch, headers=headers)
    assert changed.json() == {"code": "banjir-rob", **patch}
    assert_problem(await door.client.get(f"{CATEGORIES}/nope", headers=headers), 404, "not_found")
    trail = (await door.client.get("/api/v1/admin/audit", headers=headers)).json()["items"]
    assert [item["action"] for item in trail[:2]] == ["category.change", "category.create"]


async def test_what_reaches_every_unit_is_for_administrators_of_the_whole_tree(door: Door) -> None:
    await door.units("dki", "dki/dlh")
    mine = await door.token(Role.ADMIN, "dlh")
    for method, path, body in (
        ("POST", CATEGORIES, {"code": "x", "name": "X"}),
        ("PATCH", f"{CATEGORIES}/x", {"name": "X"}),
        ("PUT", "/api/v1/admin/status-words", {"word": "x", "status": "resolved"}),
    ):
        assert_problem(await door.client.request(method, path, json=body, headers=mine), 403, "forbidden")
