"""Calendars, policies, proposals and what-if over REST."""

from __future__ import annotations

from typing import Any

import pytest

from app.complaint.roles import Role
from app.db.session import reading
from app.db.states import RuleKind
from app.people import audit
from tests.api.door import Door
from tests.api.test_problems import assert_problem
from tests.rules.hall import OFFICE, SHORT, Hall

ADMIN = "/api/v1/admin"
CALENDAR = f"{ADMIN}/calendars/office"
POLICY = f"{ADMIN}/policies/law.resolve"
PROPOSALS = f"{ADMIN}/proposals"
WHAT_IF = "/api/v1/sla/what-if"
CODES = {404: "not_found", 409: "conflict", 422: "invalid_input"}
RULE = (RuleKind.POLICY, "law.resolve")
TWO_DAYS = {"target": {"unit": "working_day", "amount": 2}}


async def test_a_calendar_goes_the_whole_way_from_proposal_to_revert(hall: Hall, door: Door) -> None:
    first, second = await door.token(name="satu"), await door.token(name="dua")
    due = await due_times(door, first)
    made = await door.client.post(f"{CALENDAR}/proposals", json={"rules": SHORT, "reason": "Ramadan"}, headers=first)
    assert made.status_code == 201, made.text
    proposal = made.json()
    assert (proposal["state"], proposal["version"], proposal["former_version"]) == ("draft", 2, 1)
    preview = proposal["preview"]
    assert preview["moved"] == sum(unit["moved"] for unit in preview["units"]) > 0
    assert await due_times(door, first) == due
    path = f"{PROPOSALS}/{proposal['id']}"
    assert_problem(await door.client.post(f"{path}/approve", headers=first), 403, "forbidden")
    approved = await door.client.post(f"{path}/approve", headers=second)
    assert (approved.status_code, approved.json()["state"]) == (200, "approved")
    await hall.work()
    applied = (await door.client.get(path, headers=first)).json()
    assert applied["state"] == "applied"
    (run,) = applied["recalculations"]
    assert (run["state"], run["moved"], run["visited"]) == ("done", preview["moved"], run["total"])
    assert await due_times(door, first) != due
    reverted = await door.client.post(f"{path}/revert", headers=first)
    assert reverted.status_code == 200
    await hall.work()
    assert (await door.client.get(path, headers=first)).json()["state"] == "reverted"
    assert await due_times(door, first) == due
    shown = (await door.client.get(CALENDAR, headers=first)).json()
    assert [(each["version"], each["state"]) for each in shown["versions"]] == [
        (3, "in_force"),
        (2, "former"),
        (1, "former"),
    ]
    async with reading(door.house.engine) as connection:
        trail = [entry.action for entry in await audit.entries(connection, before=None, limit=10)]
    assert trail[:3] == ["proposal.revert", "proposal.approve", "proposal.create"]


async def test_every_clock_of_a_draft_is_shown_with_both_due_times(hall: Hall, door: Door) -> None:
    headers = await door.token()
    made = await door.client.post(f"{POLICY}/proposals", json={**TWO_DAYS, "reason": "percepat"}, headers=headers)
    proposal = made.json()
    found: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 7}
    while True:
        page = await door.client.get(f"{PROPOSALS}/{proposal['id']}/clocks", params=query, headers=headers)
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        if page.json()["next_cursor"] is None:
            break
        query["cursor"] = page.json()["next_cursor"]
    assert len(found) == proposal["preview"]["moved"] > 7
    assert {item["clock"] for item in found} == {"resolve"}
    running = [item for item in found if item["old_due_at"] is not None]
    assert running
    assert all(item["new_due_at"] < item["old_due_at"] for item in running)
    appearing = [item for item in found if item["breach"] == "appears"]
    assert len(appearing) == proposal["preview"]["breaches_appearing"]


async def test_a_recalculated_clock_says_in_its_history_what_it_was(hall: Hall, door: Door) -> None:
    headers = await door.token()
    proposal = await hall.propose(*RULE, **TWO_DAYS)
    await hall.approve(proposal)
    await hall.work()
    moved = next(row for row in await hall.rows("complaint_event") if row.kind == "recalculated")
    history = await door.client.get(f"/api/v1/complaints/{moved.complaint_id}/history", headers=headers)
    (entry,) = [item for item in history.json()["items"] if item["kind"] == "recalculated"]
    details = entry["details"]
    assert (details["clock"], details["proposal"], entry["reason"]) == ("resolve", proposal, "jam kerja baru")
    assert (details["old"]["policy_version"], details["new"]["policy_version"]) == (1, 2)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        (f"{CALENDAR}/proposals", {"rules": SHORT}, 422, "reason"),
        (f"{CALENDAR}/proposals", {"rules": SHORT, "reason": ""}, 422, "reason"),
        (f"{CALENDAR}/proposals", {"rules": {**OFFICE, "week": {}}, "reason": "x"}, 422, "rules.week"),
        (f"{CALENDAR}/proposals", {"rules": {**OFFICE, "timezone": "WIB7"}, "reason": "x"}, 422, "rules.timezone"),
        (f"{CALENDAR}/proposals", {"rules": SHORT, "reason": "x", "hours": 1}, 422, "hours"),
        (f"{CALENDAR}/proposals", {"rules": SHORT, "version": 1, "reason": "x"}, 422, "version"),
        (f"{CALENDAR}/proposals", {"version": 1, "reason": "x"}, 409, None),
        (f"{CALENDAR}/proposals", {"version": 7, "reason": "x"}, 404, None),
        (f"{POLICY}/proposals", {"target": {"unit": "working_day", "amount": 0}, "reason": "x"}, 422, "target.amount"),
        (
            f"{POLICY}/proposals",
            {"target": {"unit": "working_day", "amount": "6"}, "reason": "x"},
            422,
            "target.amount",
        ),
        (f"{POLICY}/proposals", {"calendar": "nowhere", "reason": "x"}, 422, "calendar"),
        (f"{POLICY}/proposals", {"applies": {"connectors": ["jakii"]}, "reason": "x"}, 422, "applies.connectors"),
        (f"{POLICY}/versions", {"applies": {"connectors": ["jakii"]}}, 422, "applies.connectors"),
        (f"{POLICY}/proposals", {"effective_on": "kemarin", "reason": "x"}, 422, "effective_on"),
        (f"{POLICY}/proposals", {"family": "city", "reason": "x"}, 422, "family"),
        (f"{ADMIN}/policies/new/proposals", {"target": TWO_DAYS["target"], "basis": "x", "reason": "x"}, 422, "family"),
        (f"{CALENDAR}/versions/1/publish", {}, 409, None),
        (f"{CALENDAR}/versions/1/publish", {"confirm": "yes"}, 422, "confirm"),
        (f"{PROPOSALS}/99/approve", {}, 404, None),
        (f"{PROPOSALS}/99/refuse", {}, 404, None),
        (f"{PROPOSALS}/99/revert", None, 404, None),
        (WHAT_IF, {"policy": "law.resolve", "from": "2026-01-01", "to": "2026-02-28"}, 422, "target"),
        (
            WHAT_IF,
            {"policy": "law.resolve", "calendar": "nowhere", "from": "2026-01-01", "to": "2026-02-28"},
            422,
            "calendar",
        ),
        (WHAT_IF, {"policy": "law.resolve", **TWO_DAYS, "from": "2026-03-01", "to": "2026-02-28"}, 422, "to"),
        (WHAT_IF, {"policy": "law.resolve", **TWO_DAYS, "from": "awal", "to": "2026-02-28"}, 422, "from"),
        (WHAT_IF, {"policy": "moon", **TWO_DAYS, "from": "2026-01-01", "to": "2026-02-28"}, 404, None),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    hall: Hall, door: Door, path: str, body: dict[str, Any] | None, status: int, field: str | None
) -> None:
    answer = await door.client.post(path, json=body, headers=await door.token())
    problem = assert_problem(answer, status, CODES[status])
    if field is not None:
        assert [error["field"] for error in problem["errors"]] == [field]


async def test_a_draft_is_made_checked_and_listed(hall: Hall, door: Door) -> None:
    headers = await door.token()
    wrong = await door.client.post(f"{CALENDAR}/validate", json={"rules": {**OFFICE, "week": {}}}, headers=headers)
    assert wrong.status_code == 200
    assert (wrong.json()["valid"], wrong.json()["errors"][0]["field"]) == (False, "rules.week")
    made = await door.client.post(
        f"{CALENDAR}/versions", json={"rules": SHORT, "source_document": "SE 8/SE/2025"}, headers=headers
    )
    assert made.status_code == 201
    newest = made.json()["versions"][0]
    assert (newest["version"], newest["state"], newest["content"]["source_document"]) == (2, "draft", "SE 8/SE/2025")
    listed = (await door.client.get(f"{ADMIN}/calendars", params={"limit": 1}, headers=headers)).json()
    rest = await door.client.get(
        f"{ADMIN}/calendars", params={"limit": 1, "cursor": listed["next_cursor"]}, headers=headers
    )
    assert [item["name"] for item in (*listed["items"], *rest.json()["items"])] == ["24x7", "office"]
    assert rest.json()["next_cursor"] is None


async def test_a_calendar_that_nobody_uses_is_published_at_once(hall: Hall, door: Door) -> None:
    headers, path = await door.token(), f"{ADMIN}/calendars/night"
    assert (await door.client.get(path, headers=headers)).status_code == 404
    assert (await door.client.post(f"{path}/versions", json={"rules": OFFICE}, headers=headers)).status_code == 201
    published = await door.client.post(f"{path}/versions/1/publish", headers=headers)
    assert (published.status_code, published.json()["version_in_force"]) == (200, 1)


async def test_a_word_that_no_complaint_ever_had_is_doubtful_until_it_is_confirmed(hall: Hall, door: Door) -> None:
    first, second = await door.token(name="satu"), await door.token(name="dua")
    applies = {"connectors": ["jaki", "desk"], "channels": ["JAKI", "JAK1"], "classifications": ["keluhan"]}
    content = {**TWO_DAYS, "applies": applies}
    found = (await door.client.post(f"{POLICY}/validate", json=content, headers=first)).json()
    told = [(each["code"], each["field"], each["message"]) for each in found["warnings"]]
    assert found["valid"]
    assert told == [
        ("unseen", "applies.channels", "no complaint ever had the channel JAK1; the nearest is JAKI"),
        ("unseen", "applies.classifications", "no complaint ever had the classification keluhan"),
    ]
    made = await door.client.post(f"{POLICY}/proposals", json={**content, "reason": "x"}, headers=first)
    assert made.json()["preview"]["warnings"] == found["warnings"]
    path = f"{PROPOSALS}/{made.json()['id']}/approve"
    assert "JAK1" in assert_problem(await door.client.post(path, headers=second), 409, "conflict")["detail"]
    assert (await door.client.post(path, json={"confirm": True}, headers=second)).status_code == 200
    await hall.work()
    again = (await door.client.post(f"{POLICY}/validate", json={}, headers=first)).json()
    assert {each["is_new"] for each in again["warnings"]} == {False}


async def test_proposals_are_listed_and_refused(hall: Hall, door: Door) -> None:
    first = await door.token()
    for path, body in ((POLICY, TWO_DAYS), (CALENDAR, {"rules": SHORT})):
        await door.client.post(f"{path}/proposals", json={**body, "reason": "x"}, headers=first)
    newest = (await door.client.get(PROPOSALS, params={"limit": 1}, headers=first)).json()
    assert [item["kind"] for item in newest["items"]] == ["calendar"]
    rest = await door.client.get(PROPOSALS, params={"limit": 1, "cursor": newest["next_cursor"]}, headers=first)
    (policy,) = rest.json()["items"]
    assert (policy["kind"], policy["name"]) == ("policy", "law.resolve")
    refused = await door.client.post(f"{PROPOSALS}/{policy['id']}/refuse", json={"reason": "tidak"}, headers=first)
    assert (refused.json()["state"], refused.json()["decision"]) == ("refused", "tidak")
    drafts = await door.client.get(PROPOSALS, params={"state": "draft", "kind": "policy"}, headers=first)
    assert drafts.json()["items"] == []


@pytest.mark.parametrize(
    ("role", "units", "method", "path", "status"),
    [
        (Role.SUPERVISOR, (), "GET", f"{ADMIN}/calendars", 403),
        (Role.SUPERVISOR, (), "POST", f"{CALENDAR}/proposals", 403),
        (Role.ADMIN, ("dinas",), "GET", f"{ADMIN}/policies", 200),
        (Role.ADMIN, ("dinas",), "POST", f"{CALENDAR}/proposals", 403),
        (Role.ADMIN, ("dinas",), "POST", f"{PROPOSALS}/1/approve", 403),
        (Role.OFFICER, (), "POST", WHAT_IF, 403),
    ],
)
async def test_rules_are_for_administrators_of_the_whole_tree(
    hall: Hall, door: Door, role: Role, units: tuple[str, ...], method: str, path: str, status: int
) -> None:
    body = {"rules": SHORT, "reason": "x"} if path.startswith(CALENDAR) else None
    if path == WHAT_IF:
        body = {"policy": "law.resolve", **TWO_DAYS, "from": "2026-01-01", "to": "2026-02-28"}
    headers = await door.token(role, *units)
    assert (await door.client.request(method, path, json=body, headers=headers)).status_code == status


async def test_what_if_shows_only_the_units_of_the_caller(hall: Hall, door: Door) -> None:
    body = {"policy": "law.resolve", **TWO_DAYS, "from": "2026-01-01", "to": "2026-02-28"}
    whole = (await door.client.post(WHAT_IF, json=body, headers=await door.token(Role.SUPERVISOR))).json()
    own = (await door.client.post(WHAT_IF, json=body, headers=await door.token(Role.SUPERVISOR, "dinas"))).json()
    assert {unit["code"] for unit in own["units"]} <= {"dinas", "sudin"}
    assert 0 < own["total"]["cycles"] < whole["total"]["cycles"]
    of_dinas = [unit for unit in whole["units"] if unit["code"] == "dinas"]
    assert [unit for unit in own["units"] if unit["code"] == "dinas"] == of_dinas


async def due_times(door: Door, headers: dict[str, str]) -> dict[int, list[str | None]]:
    """When every open clock of each complaint in the queue is due, as the service says it."""
    answer = await door.client.get("/api/v1/complaints", params={"limit": 200}, headers=headers)
    return {item["id"]: [clock["due_at"] for clock in item["clocks"]] for item in answer.json()["items"]}
