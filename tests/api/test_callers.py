"""Who gets in: tokens, roles, sessions, rates, hosts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy import select

from app.complaint.roles import Role
from app.db.session import reading, writing
from app.db.tables.people import ApiToken, Session
from app.dependencies import (
    SESSION_COOKIE,
    CallerDep,
    HouseDep,
    Now,
    Someone,
    session_of,
    set_session_cookie,
    someone,
)
from app.people.sign_in import sign_in
from app.people.tokens import NewToken, create_token
from tests.api.door import ORIGIN, PASSWORD, Door, opened, settings_for
from tests.api.test_problems import assert_problem

router = APIRouter(dependencies=[Depends(someone)])
ME = "/api/test/me"


@router.get(ME)
async def me(caller: CallerDep) -> dict[str, object]:
    return {
        "name": caller.name,
        "role": caller.role,
        "units": caller.scope.unit_ids and len(caller.scope.unit_ids),
        "is_validator": caller.scope.is_validator,
        "officer": caller.officer_id is not None,
    }


@router.post(ME)
async def change_me(caller: CallerDep) -> str:
    return caller.name


@router.get("/page")
async def page(caller: CallerDep) -> str:
    return caller.name


@router.post("/page")
async def submit(caller: CallerDep, note: Annotated[str, Form()], csrf_token: Annotated[str, Form()] = "") -> str:
    return note


@router.post("/enter")
async def enter(request: Request, response: Response, house: HouseDep, now: Now, caller: Someone) -> str:
    session = await sign_in(house.engine, "siti", PASSWORD, now=now, replacing=request.cookies.get(SESSION_COOKIE))
    assert session is not None
    set_session_cookie(request, response, session.secret)
    return session.csrf_token


@router.get("/csrf")
async def csrf(request: Request, caller: CallerDep) -> str:
    session = session_of(request)
    return session.csrf_token if session else ""


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened(settings_for(database_url, rate_limit="off"), router) as door:
        yield door


async def test_a_token_opens_the_door_with_its_role_and_an_officer_of_its_own(door: Door) -> None:
    headers = await door.token(Role.OFFICER)
    answer = await door.client.get(ME, headers=headers)
    assert answer.json() == {
        "name": "token-1",
        "role": "officer",
        "units": None,
        "is_validator": False,
        "officer": True,
    }


async def test_a_token_for_a_validator_or_a_unit_below_validates(door: Door) -> None:
    await door.units("dki", "!dki/biro", "biro/tim", "dki/dlh")
    for unit, is_validator in (("biro", True), ("tim", True), ("dlh", False), ("dki", False)):
        answer = await door.client.get(ME, headers=await door.token(Role.OFFICER, unit))
        assert (answer.json()["units"], answer.json()["is_validator"]) == (1, is_validator), unit


@pytest.mark.parametrize(
    "header",
    ["Bearer tgp_wrong", "Bearer ", "Bearer " + "x" * 5000, "Basic c2l0aTpzaXRp", "tgp_wrong", "Bearer é"],
)
async def test_what_is_no_token_is_401_and_says_how_to_sign_in(door: Door, header: str) -> None:
    answer = await door.client.get(ME, headers={"Authorization": header.encode()})
    assert_problem(answer, 401, "not_signed_in")
    assert answer.headers["www-authenticate"].startswith('Bearer realm="tanggap"')


async def test_a_revoked_token_is_refused(door: Door) -> None:
    admin, other = await door.token(), await door.token(Role.VIEWER)
    assert (await door.client.delete("/api/v1/admin/tokens/2", headers=admin)).status_code == 204
    assert_problem(await door.client.get(ME, headers=other), 401, "not_signed_in")
    assert (await door.client.get(ME, headers=admin)).status_code == 200


async def test_an_expired_token_is_refused(door: Door) -> None:
    ends = door.clock.now + timedelta(hours=1)
    async with writing(door.house.engine) as connection:
        new = NewToken("sebentar", Role.VIEWER, expires_at=ends)
        made = await create_token(connection, new, actor="tests", now=door.clock.now)
    headers = {"Authorization": f"Bearer {made.token}"}
    door.clock.now = ends - timedelta(seconds=1)
    assert (await door.client.get(ME, headers=headers)).status_code == 200
    door.clock.now = ends
    assert_problem(await door.client.get(ME, headers=headers), 401, "not_signed_in")


async def test_the_use_of_a_token_is_noted_once_a_minute(door: Door) -> None:
    headers = await door.token(Role.VIEWER)
    first = door.clock.now
    for seconds, noted in ((0, 0), (59, 0), (60, 60)):
        door.clock.now = first + timedelta(seconds=seconds)
        await door.client.get(ME, headers=headers)
        await door.house.errands.finish()
        async with reading(door.house.engine) as connection:
            assert await connection.scalar(select(ApiToken.used_at)) == first + timedelta(seconds=noted)


@pytest.mark.parametrize("path", ["moves", "admin/tokens", "admin/officers", "admin/audit", "admin/tokens?colour=red"])
async def test_nothing_below_the_api_is_answered_to_a_stranger(door: Door, path: str) -> None:
    assert_problem(await door.client.get(f"/api/v1/{path}"), 401, "not_signed_in")


async def test_every_route_of_the_document_needs_a_token_but_the_probes(door: Door) -> None:
    document = (await door.client.get("/openapi.json", headers=await door.token())).json()
    for path, operations in document["paths"].items():
        for method in operations:
            answer = await door.client.request(method, path.replace("{", "").replace("}", ""))
            is_open = path in ("/healthz", "/readyz") or path.startswith(("/api/test", "/page", "/enter", "/csrf"))
            assert is_open or answer.status_code == 401, (method, path, answer.status_code)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OFFICER, Role.SUPERVISOR, Role.SERVICE])
async def test_administration_is_for_administrators(door: Door, role: Role) -> None:
    headers = await door.token(role)
    for path in ("tokens", "officers", "audit"):
        assert_problem(await door.client.get(f"/api/v1/admin/{path}", headers=headers), 403, "forbidden")
    body = {"name": "x", "role": "admin"}
    assert_problem(await door.client.post("/api/v1/admin/tokens", json=body, headers=headers), 403, "forbidden")


async def test_a_cookie_reads_and_writes_only_with_its_csrf_token(door: Door) -> None:
    await door.officer("siti")
    csrf_token = (await door.client.post("/enter")).json()
    assert (await door.client.get(ME)).json()["name"] == "siti"
    assert (await door.client.get("/csrf")).json() == csrf_token
    assert_problem(await door.client.post(ME), 403, "forbidden")
    assert_problem(await door.client.post(ME, headers={"X-CSRF-Token": "wrong"}), 403, "forbidden")
    assert (await door.client.post(ME, headers={"X-CSRF-Token": csrf_token})).json() == "siti"


async def test_a_form_shows_its_csrf_token_in_a_field(door: Door) -> None:
    await door.officer("siti")
    csrf_token = (await door.client.post("/enter")).json()
    assert_problem(await door.client.post("/page", data={"note": "a"}), 403, "forbidden")
    assert (await door.client.post("/page", data={"note": "a", "csrf_token": csrf_token})).json() == "a"


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
async def test_another_site_can_neither_write_nor_read_the_api_with_the_cookie(
    door: Door, headers: dict[str, str]
) -> None:
    await door.officer("siti")
    csrf_token = (await door.client.post("/enter")).json()
    assert_problem(await door.client.get(ME, headers=headers), 401, "not_signed_in")
    forged = {**headers, "X-CSRF-Token": csrf_token}
    assert_problem(await door.client.post("/page", data={"note": "a"}, headers=forged), 403, "forbidden")
    assert_problem(await door.client.post("/enter", headers=headers), 403, "forbidden")
    same = {"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN, "X-CSRF-Token": csrf_token}
    assert (await door.client.post(ME, headers=same)).status_code == 200


async def test_the_cookie_is_for_the_server_alone(door: Door) -> None:
    await door.officer("siti")
    cookie = (await door.client.post("/enter")).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie


async def test_the_cookie_is_secure_where_the_public_address_is(database_url: str) -> None:
    settings = settings_for(database_url, rate_limit="off", public_url="https://tanggap.example")
    async with opened(settings, router) as door:
        await door.officer("siti")
        assert "Secure" in (await door.client.post("/enter")).headers["set-cookie"]


async def test_a_session_slides_while_it_is_used_and_ends_when_it_is_not(door: Door) -> None:
    await door.officer("siti")
    await door.client.post("/enter")
    for _ in range(3):
        door.clock.now += timedelta(hours=11)
        assert (await door.client.get(ME)).status_code == 200
        await door.house.errands.finish()
    door.clock.now += timedelta(hours=12)
    assert_problem(await door.client.get(ME), 401, "not_signed_in")


async def test_a_session_ends_after_a_week_of_use(door: Door) -> None:
    await door.officer("siti")
    await door.client.post("/enter")
    for _ in range(15):
        door.clock.now += timedelta(hours=11)
        assert (await door.client.get(ME)).status_code == 200
        await door.house.errands.finish()
    door.clock.now += timedelta(hours=11)
    assert_problem(await door.client.get(ME), 401, "not_signed_in")


async def test_signing_in_again_makes_a_new_cookie_and_ends_the_old_session(door: Door) -> None:
    await door.officer("siti")
    csrf_token = (await door.client.post("/enter")).json()
    old = door.client.cookies[SESSION_COOKIE]
    assert (await door.client.post("/enter", headers={"X-CSRF-Token": csrf_token})).status_code == 200
    assert door.client.cookies[SESSION_COOKIE] != old
    async with reading(door.house.engine) as connection:
        assert len((await connection.execute(select(Session.officer_id))).all()) == 1


async def test_a_browser_without_a_session_is_shown_the_way_in(door: Door) -> None:
    answer = await door.client.get("/docs", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/docs")
    assert_problem(await door.client.get(ME, headers={"Accept": "text/html"}), 401, "not_signed_in")


async def test_each_token_has_a_rate_of_its_own(database_url: str) -> None:
    async with opened(settings_for(database_url, rate_limit="3/minute"), router) as door:
        one, other = await door.token(Role.VIEWER), await door.token(Role.VIEWER)
        for _ in range(3):
            assert (await door.client.get(ME, headers=one)).status_code == 200
        refused = await door.client.get(ME, headers=one)
        assert_problem(refused, 429, "too_many_requests")
        assert refused.headers["retry-after"].isdigit()
        assert (await door.client.get(ME, headers=other)).status_code == 200
        assert (await door.client.get("/healthz")).status_code == 200


async def test_guesses_from_one_address_are_counted_together(database_url: str) -> None:
    async with opened(settings_for(database_url, rate_limit="3/minute"), router) as door:
        guesses = [await door.client.get(ME, headers={"Authorization": f"Bearer tgp_{n}"}) for n in range(4)]
        assert [guess.status_code for guess in guesses] == [401, 401, 401, 429]
        assert (await door.client.get(ME, headers=await door.token(Role.VIEWER))).status_code == 200


async def test_only_allowed_hosts_are_served_but_probes_come_by_any(database_url: str) -> None:
    async with opened(settings_for(database_url, allowed_hosts="tanggap.test,10.0.0.7")) as door:
        for host, status in (
            ("tanggap.test", 401),
            ("TANGGAP.test:8000", 401),
            ("10.0.0.7:8000", 401),
            ("evil.example", 400),
        ):
            answer = await door.client.get("/api/v1/moves", headers={"Host": host})
            assert answer.status_code == status, host
        assert (await door.client.get("/healthz", headers={"Host": "127.0.0.1:8000"})).status_code == 200


async def test_every_answer_bears_the_headers_that_a_browser_obeys(door: Door) -> None:
    for answer in (
        await door.client.get("/healthz"),
        await door.client.get("/nothing"),
        await door.client.get("/docs", headers=await door.token()),
    ):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.headers["x-request-id"]) == 32


async def test_a_request_id_that_is_none_is_replaced(door: Door) -> None:
    for given in ("short", "x" * 65, "with space 1234", 'quote"1234567'):
        answer: httpx.Response = await door.client.get("/healthz", headers={"X-Request-ID": given})
        assert answer.headers["x-request-id"] != given


async def test_many_requests_at_once_do_not_wait_for_each_other_for_ever(door: Door) -> None:
    """Each needs a connection twice, and there are many more of them than connections."""
    headers = await door.token()
    answers = [door.client.get("/api/v1/admin/tokens", headers=headers) for _ in range(60)]
    assert {answer.status_code for answer in await asyncio.gather(*answers)} == {200}
