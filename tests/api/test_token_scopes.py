"""What a token is for: scopes keep it to reading or writing, everywhere or in one area."""

from __future__ import annotations

import pytest

from app.api.documents import describe
from app.people.token_scopes import AREAS
from tests.api.door import Door
from tests.api.test_problems import assert_problem

TOKENS = "/api/v1/admin/tokens"
OFFICERS = "/api/v1/admin/officers"


async def scoped(door: Door, *scopes: str, role: str = "admin") -> dict[str, str]:
    """The headers of a new token made for these scopes."""
    body = {"name": "terbatas", "role": role, "scopes": scopes}
    made = await door.client.post(TOKENS, json=body, headers=await door.token())
    assert made.status_code == 201, made.text
    return {"Authorization": f"Bearer {made.json()['token']}"}


@pytest.mark.parametrize(
    ("scopes", "reads_units", "reads_tokens", "makes_tokens", "reads_document"),
    [
        (["read"], 200, 200, 403, 200),
        (["write"], 200, 200, 201, 200),
        (["units:read"], 200, 403, 403, 403),
        (["admin:read"], 403, 200, 403, 403),
        (["admin:write"], 403, 200, 403, 403),
        (["complaints:write"], 403, 403, 403, 403),
    ],
)
async def test_a_token_does_what_its_scopes_say_and_nothing_else(
    door: Door, scopes: list[str], reads_units: int, reads_tokens: int, makes_tokens: int, reads_document: int
) -> None:
    """One that may write in `admin` alone makes no token that could do more."""
    headers = await scoped(door, *scopes)
    assert (await door.client.get("/api/v1/units", headers=headers)).status_code == reads_units
    assert (await door.client.get(TOKENS, headers=headers)).status_code == reads_tokens
    assert (await door.client.get("/openapi.json", headers=headers)).status_code == reads_document
    made = await door.client.post(TOKENS, json={"name": "x", "role": "viewer"}, headers=headers)
    assert made.status_code == makes_tokens


async def test_a_scope_widens_no_role(door: Door) -> None:
    headers = await scoped(door, "write", role="viewer")
    assert_problem(await door.client.get(TOKENS, headers=headers), 403, "forbidden")


async def test_a_token_makes_another_one_of_its_own_scopes(door: Door) -> None:
    headers = await scoped(door, "admin:write")
    for scope, status in (("admin:read", 201), ("admin:write", 201), ("units:read", 403), ("read", 403)):
        body = {"name": "x", "role": "viewer", "scopes": [scope]}
        assert (await door.client.post(TOKENS, json=body, headers=headers)).status_code == status, scope


async def test_a_token_of_some_scopes_makes_nobody_who_could_do_more(door: Door) -> None:
    """Who may set a role or a password may sign in by it, and a sign-in has no scopes."""
    narrow, wide = await scoped(door, "admin:write"), await scoped(door, "write")
    new = {"username": "baru", "name": "Baru", "role": "viewer", "password": "empat-kuda-biru-laut"}
    assert_problem(await door.client.post(OFFICERS, json=new, headers=narrow), 403, "forbidden")
    made = await door.client.post(OFFICERS, json=new, headers=wide)
    assert made.status_code == 201, made.text
    theirs = f"{OFFICERS}/{made.json()['id']}"
    for change in ({"password": "lima-kuda-biru-laut"}, {"role": "admin"}, {"units": []}):
        assert_problem(await door.client.patch(theirs, json=change, headers=narrow), 403, "forbidden")
    for change in ({"name": "Baru Sekali"}, {"is_active": False}):
        answer = await door.client.patch(theirs, json=change, headers=narrow)
        assert answer.status_code == 200, answer.text


async def test_the_list_and_the_trail_tell_the_scopes(door: Door) -> None:
    await scoped(door, "units:read", "alerts:write", "units:read")
    headers = await door.token()
    item = (await door.client.get(TOKENS, headers=headers)).json()["items"][1]
    assert item["scopes"] == ["alerts:write", "units:read"]
    trail = (await door.client.get("/api/v1/admin/audit", headers=headers)).json()["items"]
    assert ["alerts:write", "units:read"] in [entry["details"].get("scopes") for entry in trail]


async def test_a_scope_that_is_none_is_named(door: Door) -> None:
    body = {"name": "x", "role": "viewer", "scopes": ["everything"]}
    answer = await door.client.post(TOKENS, json=body, headers=await door.token())
    (error,) = assert_problem(answer, 422, "invalid_input")["errors"]  # type: ignore[misc]
    assert error["field"] == "scopes"


async def test_every_route_is_in_an_area_that_scopes_can_name(door: Door) -> None:
    document = describe(door.app)
    tags = {operation.get("tags", [None])[0] for path in document["paths"].values() for operation in path.values()}
    # Pushed records are signed; no token is asked for there.
    assert tags - {"intake"} <= set(AREAS)
