"""Officers over REST: changed, shut out and let in by whoever may, and what of theirs ends with it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.complaint.roles import Role
from app.dependencies import SESSION_COOKIE
from app.people.sign_in import sign_in
from tests.api.door import PASSWORD, Door
from tests.api.test_problems import assert_problem

OFFICERS = "/api/v1/admin/officers"
ME = "/api/v1/me"
BETTER = "kenanga-biru-91"


async def enter(door: Door, username: str = "siti", password: str = PASSWORD) -> str | None:
    """The cookie of a new session; None when the password opens nothing."""
    session = await sign_in(door.house.engine, username, password, now=door.clock.now)
    return session and session.secret


async def seen(door: Door, cookie: str | None) -> int:
    """What a browser with this cookie is answered."""
    return (await door.client.get(ME, headers={"Cookie": f"{SESSION_COOKIE}={cookie}"})).status_code


async def change(door: Door, officer_id: int, body: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
    return await door.client.patch(f"{OFFICERS}/{officer_id}", json=body, headers=headers)


@pytest.mark.parametrize(
    ("body", "ends"),
    [
        ({"role": "supervisor"}, True),
        ({"units": ["dlh"]}, True),
        ({"is_active": False}, True),
        ({"password": BETTER}, True),
        ({"name": "Siti Rahma"}, False),
        ({"role": "officer", "is_active": True}, False),
    ],
)
async def test_sessions_end_with_what_they_rested_on(door: Door, body: dict[str, Any], ends: bool) -> None:
    await door.units("dki", "dki/dlh")
    officer_id = await door.officer("siti")
    cookie = await enter(door)
    assert await seen(door, cookie) == 200
    changed = await change(door, officer_id, body, await door.token())
    assert changed.status_code == 200
    assert await seen(door, cookie) == (401 if ends else 200)
    shown = {name: value for name, value in body.items() if name != "password"}
    assert {name: changed.json()[name] for name in shown} == shown


async def test_whoever_left_is_out_until_they_are_let_in_again(door: Door) -> None:
    headers, officer_id = await door.token(), await door.officer("siti")
    await change(door, officer_id, {"is_active": False}, headers)
    assert await enter(door) is None
    await change(door, officer_id, {"is_active": True}, headers)
    assert await seen(door, await enter(door)) == 200


async def test_a_new_password_replaces_the_old_one_and_opens_the_lock(door: Door) -> None:
    headers, officer_id = await door.token(), await door.officer("siti")
    for _ in range(5):
        assert await enter(door, password="salah-sekali-1") is None
    listed = (await door.client.get(f"{OFFICERS}/{officer_id}", headers=headers)).json()
    assert listed["locked_until"] is not None
    changed = await change(door, officer_id, {"password": BETTER}, headers)
    assert changed.json()["locked_until"] is None and BETTER not in changed.text
    assert await enter(door) is None
    assert await enter(door, password=BETTER) is not None


async def test_a_lock_is_opened_before_its_time_once(door: Door) -> None:
    headers, officer_id = await door.token(), await door.officer("siti")
    for _ in range(5):
        await enter(door, password="salah-sekali-1")
    assert await enter(door) is None
    for _ in range(2):
        unlocked = await door.client.post(f"{OFFICERS}/{officer_id}/unlock", headers=headers)
        assert (unlocked.status_code, unlocked.json()["locked_until"]) == (200, None)
    assert await enter(door) is not None
    trail = (await door.client.get("/api/v1/admin/audit", headers=headers)).json()["items"]
    assert [item["action"] for item in trail].count("officer.unlock") == 1


async def test_an_administrator_of_a_unit_changes_only_whom_they_cover(door: Door) -> None:
    await door.units("dki", "dki/dlh", "dlh/sudin", "dki/dbm")
    mine = await door.token(Role.ADMIN, "dlh")
    own = await door.officer("siti", units=["sudin"])
    beyond = [
        await door.officer("budi", units=["dbm"]),
        await door.officer("rina", units=["dlh", "dbm"]),
        await door.officer("agus"),
        999,
    ]
    assert (await change(door, own, {"role": "viewer"}, mine)).status_code == 200
    absent = None
    for officer_id in beyond:
        for answer in (
            await door.client.get(f"{OFFICERS}/{officer_id}", headers=mine),
            await change(door, officer_id, {"role": "viewer"}, mine),
            await door.client.post(f"{OFFICERS}/{officer_id}/unlock", headers=mine),
        ):
            told = assert_problem(answer, 404, "not_found")
            told["detail"] = str(told["detail"]).replace(str(officer_id), "N")
            assert told == (absent := absent or told)
    for units in (["dbm"], ["dki"], []):
        assert_problem(await change(door, own, {"units": units}, mine), 403, "forbidden")


async def test_nobody_changes_what_they_may_do_themselves(door: Door) -> None:
    admin_id = await door.officer("ani", Role.ADMIN)
    cookie = await enter(door, "ani")
    assert cookie is not None
    csrf = await sign_in(door.house.engine, "ani", PASSWORD, now=door.clock.now)
    assert csrf is not None
    headers = {"Cookie": f"{SESSION_COOKIE}={csrf.secret}", "X-CSRF-Token": csrf.csrf_token}
    for body in ({"role": "viewer"}, {"units": []}, {"is_active": False}):
        assert_problem(await change(door, admin_id, body, headers), 409, "conflict")
    assert (await change(door, admin_id, {"name": "Ani W."}, headers)).json()["name"] == "Ani W."


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "king"}, "role"),
        ({"name": " "}, "name"),
        ({"units": ["nope"]}, "units"),
        ({"password": "pendek"}, "password"),
        ({"password": "siti-1234"}, "password"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_malformed_change_names_its_field(door: Door, body: dict[str, Any], field: str) -> None:
    officer_id = await door.officer("siti")
    answer = await change(door, officer_id, body, await door.token())
    assert [error["field"] for error in assert_problem(answer, 422, "invalid_input")["errors"]] == [field]


async def test_the_trail_tells_what_was_and_what_is_but_no_password(door: Door) -> None:
    await door.units("dki", "dki/dlh")
    headers, officer_id = await door.token(), await door.officer("siti")
    body = {"role": "supervisor", "units": ["dlh"], "password": BETTER, "name": "Siti Rahma"}
    await change(door, officer_id, body, headers)
    trail = await door.client.get("/api/v1/admin/audit", headers=headers)
    newest = trail.json()["items"][0]
    assert (newest["actor"], newest["action"], newest["subject"]) == ("token-1", "officer.change", "officer siti")
    assert newest["details"] == {
        "changed": ["name", "password", "role", "units"],
        "role_before": "officer",
        "role": "supervisor",
        "units_before": [],
        "units": ["dlh"],
    }
    assert BETTER not in trail.text


async def test_whoever_asks_is_told_who_they_are(door: Door) -> None:
    await door.units("dki", "!dki/biro")
    told = (await door.client.get(ME, headers=await door.token(Role.OFFICER, "biro"))).json()
    assert told == {"username": "token-1", "role": "officer", "units": ["biro"], "is_validator": True, "scopes": []}


async def test_a_person_changes_their_own_password_by_the_one_before(door: Door) -> None:
    await door.officer("siti")
    session = await sign_in(door.house.engine, "siti", PASSWORD, now=door.clock.now)
    assert session is not None
    headers = {"Cookie": f"{SESSION_COOKIE}={session.secret}", "X-CSRF-Token": session.csrf_token}
    url = f"{ME}/password"
    for body, field in (
        ({"current": "salah-sekali-1", "new": BETTER}, "current"),
        ({"current": PASSWORD, "new": "pendek"}, "new"),
    ):
        answer = await door.client.put(url, json=body, headers=headers)
        assert [error["field"] for error in assert_problem(answer, 422, "invalid_input")["errors"]] == [field]
    done = await door.client.put(url, json={"current": PASSWORD, "new": BETTER}, headers=headers)
    assert done.status_code == 204
    assert await seen(door, session.secret) == 401
    assert await enter(door) is None and await enter(door, password=BETTER) is not None
    token = await door.token()
    assert_problem(await door.client.put(url, json={"current": "x", "new": BETTER}, headers=token), 403, "forbidden")


async def test_guesses_at_the_own_password_lock_like_sign_ins(door: Door) -> None:
    await door.officer("siti")
    session = await sign_in(door.house.engine, "siti", PASSWORD, now=door.clock.now)
    assert session is not None
    headers = {"Cookie": f"{SESSION_COOKIE}={session.secret}", "X-CSRF-Token": session.csrf_token}
    for _ in range(5):
        body = {"current": "salah-sekali-1", "new": BETTER}
        assert (await door.client.put(f"{ME}/password", json=body, headers=headers)).status_code == 422
    right = await door.client.put(f"{ME}/password", json={"current": PASSWORD, "new": BETTER}, headers=headers)
    assert right.status_code == 422
    assert await enter(door) is None
