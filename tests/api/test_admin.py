"""Administration: nobody grants more than they have, and the trail tells of it."""

from __future__ import annotations

from typing import Any

import pytest

from app.complaint.roles import Role
from app.db.session import reading
from app.people import audit
from tests.api.door import Door
from tests.api.test_problems import assert_problem

TOKENS = "/api/v1/admin/tokens"
OFFICERS = "/api/v1/admin/officers"


async def test_a_token_is_shown_once(door: Door) -> None:
    headers = await door.token()
    made = await door.client.post(TOKENS, json={"name": "dasbor", "role": "viewer"}, headers=headers)
    assert made.status_code == 201
    assert made.json().keys() == {"id", "token"}
    assert (await door.client.get("/api/v1/moves", headers=_bearer(made.json()["token"]))).status_code == 200
    listed = await door.client.get(TOKENS, headers=headers)
    assert made.json()["token"] not in listed.text
    item = listed.json()["items"][1]
    assert made.json()["token"].startswith(item["prefix"])
    assert (item["name"], item["role"], item["officer"], item["units"]) == ("dasbor", "viewer", "token-2", [])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "role": "king"}, "role"),
        ({"role": "viewer"}, "name"),
        ({"name": " ", "role": "viewer"}, "name"),
        ({"name": "x", "role": "viewer", "units": ["nope"]}, "units"),
        ({"name": "x", "role": "viewer", "expires_at": "2026-06-02T01:59:59Z"}, "expires_at"),
        ({"name": "x", "role": "viewer", "scope": "all"}, "scope"),
    ],
)
async def test_a_malformed_token_request_names_its_field(door: Door, body: dict[str, Any], field: str) -> None:
    answer = await door.client.post(TOKENS, json=body, headers=await door.token())
    assert [error["field"] for error in assert_problem(answer, 422, "invalid_input")["errors"]] == [field]


async def test_an_administrator_of_a_unit_grants_only_what_lies_below_it(door: Door) -> None:
    await door.units("dki", "dki/dlh", "dlh/sudin", "dki/dbm")
    headers = await door.token(Role.ADMIN, "dlh")
    for units, status in (
        (["dlh"], 201),
        (["sudin"], 201),
        (["dbm"], 403),
        (["dlh", "dbm"], 403),
        (["dki"], 403),
        ([], 403),
    ):
        for path, body in (
            (TOKENS, {"name": "x", "role": "viewer", "units": units}),
            (
                OFFICERS,
                {
                    "username": f"o{len(units)}{units[:1]}".strip("[]'").replace("['", "-"),
                    "name": "x",
                    "role": "viewer",
                    "units": units,
                },
            ),
        ):
            answer = await door.client.post(path, json=body, headers=headers)
            assert answer.status_code == status, (units, path, answer.text)


async def test_an_administrator_of_a_unit_sees_and_revokes_only_tokens_below_it(door: Door) -> None:
    await door.units("dki", "dki/dlh", "dki/dbm")
    mine = await door.token(Role.ADMIN, "dlh")
    await door.token(Role.VIEWER, "dbm")
    await door.token(Role.VIEWER, "dlh", "dbm")
    await door.token(Role.VIEWER)
    listed = (await door.client.get(TOKENS, headers=mine)).json()["items"]
    assert [item["id"] for item in listed] == [1]
    for foreign in (2, 3, 4, 99):
        assert_problem(await door.client.delete(f"{TOKENS}/{foreign}", headers=mine), 404, "not_found")
    assert_problem(await door.client.get("/api/v1/admin/audit", headers=mine), 403, "forbidden")


async def test_revoking_twice_is_revoking_once(door: Door) -> None:
    headers = await door.token()
    await door.token(Role.VIEWER)
    for _ in range(2):
        assert (await door.client.delete(f"{TOKENS}/2", headers=headers)).status_code == 204
    trail = (await door.client.get("/api/v1/admin/audit", headers=headers)).json()["items"]
    assert [item["action"] for item in trail].count("token.revoke") == 1


async def test_an_officer_is_listed_without_password_and_tokens_are_no_officers(door: Door) -> None:
    headers = await door.token()
    body = {"username": "siti.r", "name": "Siti R.", "role": "officer", "password": " mawar melati 77 "}
    assert (await door.client.post(OFFICERS, json=body, headers=headers)).status_code == 201
    assert_problem(await door.client.post(OFFICERS, json=body, headers=headers), 409, "conflict")
    listed = await door.client.get(OFFICERS, headers=headers)
    assert [item["username"] for item in listed.json()["items"]] == ["siti.r"]
    assert "mawar" not in listed.text and "argon2" not in listed.text


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"username": "me"}, "username"),
        ({"username": "worker"}, "username"),
        ({"username": "oidc"}, "username"),
        ({"username": "token-9"}, "username"),
        ({"username": "Siti"}, "username"),
        ({"username": "a b"}, "username"),
        ({"name": ""}, "name"),
        ({"password": "pendek"}, "password"),
        ({"password": "aaaaaaaaaa"}, "password"),
        ({"password": "siti.r1234"}, "password"),
        ({"password": "x" * 257}, "password"),
    ],
)
async def test_a_malformed_officer_names_the_field(door: Door, given: dict[str, str], field: str) -> None:
    body = {"username": "siti.r", "name": "Siti R.", "role": "officer", **given}
    answer = await door.client.post(OFFICERS, json=body, headers=await door.token())
    assert [error["field"] for error in assert_problem(answer, 422, "invalid_input")["errors"]] == [field]
    assert given.get("password", "no password given") not in answer.text


async def test_pages_of_tokens_meet_each_once(door: Door) -> None:
    headers = await door.token()
    for number in range(6):
        await door.token(Role.VIEWER, name=f"t{number}")
    url, seen = f"{TOKENS}?limit=3", []
    while True:
        answer = await door.client.get(url, headers=headers)
        seen += [item["id"] for item in answer.json()["items"]]
        if answer.json()["next_cursor"] is None:
            assert "link" not in answer.headers
            break
        url = answer.links["next"]["url"]
    assert seen == [1, 2, 3, 4, 5, 6, 7]


async def test_a_cursor_of_another_list_is_refused(door: Door) -> None:
    headers = await door.token()
    await door.token()
    cursor = (await door.client.get(f"{TOKENS}?limit=1", headers=headers)).json()["next_cursor"]
    answer = await door.client.get(f"{OFFICERS}?cursor={cursor}", headers=headers)
    assert [error["field"] for error in assert_problem(answer, 422, "invalid_input")["errors"]] == ["cursor"]


async def test_the_trail_tells_newest_first_and_its_chain_holds(door: Door) -> None:
    headers = await door.token()
    await door.officer("siti")
    answer = (await door.client.get("/api/v1/admin/audit", headers=headers)).json()
    assert [(item["actor"], item["action"], item["subject"]) for item in answer["items"]] == [
        ("tests", "officer.create", "officer siti"),
        ("tests", "token.create", "token 1"),
    ]
    async with reading(door.house.engine) as connection:
        assert (await audit.examine(connection)).broken_id is None


async def test_the_trail_is_narrowed_and_paged(door: Door) -> None:
    headers = await door.token()
    for name in ("siti", "budi", "sari"):
        await door.officer(name)
    await door.client.delete(f"{TOKENS}/1", headers=headers)
    headers = await door.token()

    async def subjects(**query: Any) -> list[str]:
        answer = await door.client.get("/api/v1/admin/audit", params=query, headers=headers)
        return [item["subject"] for item in answer.json()["items"]]

    assert await subjects(action="officer.create") == ["officer sari", "officer budi", "officer siti"]
    assert await subjects(subject="officer budi", actor="tests") == ["officer budi"]
    assert await subjects(action="officer.create", to="2026-06-01") == []
    assert len(await subjects(action="officer.create", **{"from": "2026-06-02", "to": "2026-06-02"})) == 3
    first = (await door.client.get("/api/v1/admin/audit?action=officer.create&limit=2", headers=headers)).json()
    assert await subjects(action="officer.create", cursor=first["next_cursor"]) == ["officer siti"]
    for field, value in (("from", "kemarin"), ("to", "2026-02-30"), ("actor", ""), ("cursor", first["next_cursor"])):
        answer = await door.client.get("/api/v1/admin/audit", params={field: value}, headers=headers)
        assert [error["field"] for error in assert_problem(answer, 422, "invalid_input")["errors"]] == [field]
    backwards = {"from": "2026-06-03", "to": "2026-06-01"}
    answer = await door.client.get("/api/v1/admin/audit", params=backwards, headers=headers)
    assert [error["field"] for error in assert_problem(answer, 422, "invalid_input")["errors"]] == ["to"]


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
