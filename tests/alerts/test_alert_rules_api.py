"""Rules of telling, mutes, settings and leave over REST."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.complaint.roles import Role
from tests.alerts.staff import hire, letters
from tests.alerts.test_alert_api import Door, _breaches, door
from tests.alerts.town import Town

RULE = {"from_step": 100, "to_step": 100, "who": ["officers", "head"], "channels": ["email"]}

__all__ = ["door"]


async def _add(client: httpx.AsyncClient, **changed: Any) -> httpx.Response:
    return await client.post("/alert-rules", json={"name": "breach", **RULE, **changed})


async def test_a_rule_is_made_read_replaced_and_taken_away(town: Town, door: Door) -> None:
    admin = await door(Role.ADMIN)
    made = await _add(admin)
    assert (made.status_code, made.headers["Location"]) == (201, "/api/v1/alert-rules/breach")
    assert (made.json()["severity"], made.json()["hours"], made.json()["units"]) == ("normal", "any", None)
    assert (await _add(admin)).status_code == 409
    other = await admin.put("/alert-rules/breach", json={**RULE, "who": ["head"], "units": ["dinas-a"]})
    assert (other.status_code, other.json()["who"], other.json()["units"]) == (200, ["head"], ["dinas-a"])
    assert [each["name"] for each in (await admin.get("/alert-rules")).json()["items"]] == ["breach"]
    assert (await admin.delete("/alert-rules/breach")).status_code == 204
    assert (await admin.get("/alert-rules/breach")).status_code == 404
    assert (await _add(admin)).status_code == 201
    actions = [row.action for row in await town.rows("audit") if row.action.startswith("alert-rule")]
    assert actions == ["alert-rule.create", "alert-rule.change", "alert-rule.delete", "alert-rule.create"]


async def test_a_rule_that_was_made_tells(town: Town, door: Door) -> None:
    await hire(town, "ani", Role.OFFICER, "rt-a")
    await _add(await door(Role.ADMIN))
    await _breaches(town, "JK1")
    assert await letters(town) == [("ani", 100)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Not A Name"), ("name", "kota.respond"), ("to_step", 99), ("who", ["boss"]), ("clocks", ["lunch"]),
        ("policies", ["none.such"]), ("units", ["nowhere"]), ("categories", ["nothing"]), ("every", 7),
    ],
)  # fmt: skip
async def test_a_rule_that_makes_no_sense_is_refused_by_field(town: Town, door: Door, field: str, value: Any) -> None:
    answer = await _add(await door(Role.ADMIN), **{field: value})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_only_administrators_of_the_whole_tree_write_rules(town: Town, door: Door) -> None:
    assert (await _add(await door(Role.ADMIN, "kota"))).status_code == 403
    assert (await _add(await door(Role.SUPERVISOR))).status_code == 403


async def test_a_supervisor_mutes_and_lifts_in_their_own_units(town: Town, door: Door) -> None:
    head, foreign = await door(Role.SUPERVISOR, "dinas-a"), await door(Role.SUPERVISOR, "dinas-b")
    body = {"unit": "rt-a", "until": "2099-01-01T00:00:00Z", "reason": "Banjir"}
    made = await head.post("/alert-mutes", json=body)
    assert made.status_code == 201
    assert (await foreign.post("/alert-mutes", json=body)).status_code == 422
    path = f"/alert-mutes/{made.json()['id']}/lift"
    assert (await foreign.post(path)).status_code == 404
    assert [each["unit"] for each in (await head.get("/alert-mutes")).json()["items"]] == ["rt-a"]
    await _breaches(town, "JK1")
    assert await town.rows("delivery") == []
    assert (await head.post(path)).json()["lifted_by"]
    assert (await head.get("/alert-mutes")).json()["items"] == []
    assert len((await head.get("/alert-mutes", params={"is_active": "false"})).json()["items"]) == 1


async def test_an_administrator_sets_how_an_officer_is_reached(town: Town, door: Door) -> None:
    ani = await hire(town, "ani", Role.OFFICER, "rt-a", email=None)
    admin, path = await door(Role.ADMIN), f"/admin/officers/{ani}/alert-settings"
    body = {"email": "ani@example.go.id", "language": "en", "quiet_from": "22:00", "quiet_to": "06:00"}
    answer = await admin.put(path, json=body)
    assert answer.json() == {**body, "has_chat": False, "gets_digest": True}
    for field, value in (("email", "nobody"), ("language", "fr"), ("quiet_to", "22:00"), ("quiet_from", "25:00")):
        refused = await admin.put(path, json={**body, field: value})
        assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert (await (await door(Role.ADMIN, "dinas-b")).get(path)).status_code == 404
    assert "example.go.id" not in str([row.details for row in await town.rows("audit")])
    assert (await (await door(Role.OFFICER)).get("/me/alert-settings")).status_code == 403


async def test_leave_has_an_end_and_a_delegate_who_is_somebody_else(town: Town, door: Door) -> None:
    ani = await hire(town, "ani", Role.OFFICER, "rt-a")
    await hire(town, "budi", Role.OFFICER, "rt-a")
    admin, path = await door(Role.ADMIN), f"/admin/officers/{ani}/leave"
    span = {"starts_at": "2098-01-01T00:00:00Z", "ends_at": "2098-02-01T00:00:00Z"}
    made = await admin.post(path, json={**span, "delegate": "budi"})
    assert (made.status_code, made.json()["delegate"]) == (201, "budi")
    for field, wrong in (("delegate", {"delegate": "ani"}), ("delegate", {"delegate": "x"}), ("ends_at", {"ends_at": "2020-01-01T00:00:00Z"})):  # fmt: skip # noqa: E501
        refused = await admin.post(path, json={**span, **wrong})
        assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert len((await admin.get(path)).json()["items"]) == 1
    assert (await admin.delete(f"{path}/{made.json()['id']}")).status_code == 204
    assert (await admin.delete(f"{path}/{made.json()['id']}")).status_code == 404
