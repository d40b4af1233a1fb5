"""Access tokens of an OIDC issuer, checked against a real one: who gets in, as what, and who does not."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from app.people.issuer import FRESH, PAUSE, STALE
from tests.api.door import Door, opened, settings_for
from tests.people.issuer import AUDIENCE, Login, open_login

ME = "/api/v1/me"
one_database = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""For what is settled before any row is read."""


@pytest.fixture
async def login() -> AsyncIterator[Login]:
    async with open_login() as login:
        yield login


@pytest.fixture
async def door(database_url: str, login: Login) -> AsyncIterator[Door]:
    settings = settings_for(database_url, rate_limit="off", oidc_issuer=login.url, oidc_audience=AUDIENCE)
    async with opened(settings) as door:
        await door.units("dki", "dki/dlh", "dki/dbm")
        yield door


async def ask(door: Door, token: str) -> httpx.Response:
    return await door.client.get(ME, headers={"Authorization": f"Bearer {token}"})


async def test_a_token_opens_the_door_with_its_role_and_units_and_an_officer_of_its_own(
    door: Door, login: Login
) -> None:
    told = {"username": "rini", "role": "officer", "units": ["dlh"], "is_validator": False, "scopes": []}
    for _ in range(2):
        assert (await ask(door, login.token(door.clock.now))).json() == told
    assert login.asked == 1
    listed = (await door.client.get("/api/v1/admin/officers", headers=await door.token())).json()["items"]
    assert [(each["username"], each["name"], each["is_external"]) for each in listed] == [("rini", "Rini K.", True)]


@one_database
@pytest.mark.parametrize(("kind", "alg"), [("RSA", "RS256"), ("EC", "ES256"), ("OKP", "Ed25519")])
async def test_each_accepted_algorithm_opens(door: Door, login: Login, kind: str, alg: str) -> None:
    login.rotate(kind)
    assert (await ask(door, login.token(door.clock.now, alg=alg))).status_code == 200


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
async def test_the_former_name_of_ed25519_opens_too(door: Door, login: Login) -> None:
    login.rotate("OKP")
    assert (await ask(door, login.token(door.clock.now, alg="EdDSA"))).status_code == 200


@one_database
@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another-service"},
        {"aud": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": 7},
        {"sub": ["s-1"]},
        {"sub": "s\0"},
        {"exp": None},
        {"exp": "never"},
        {"iat": None},
        {"iat": "now"},
        {"iat": -1e18},
        {"exp": 1},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000},
    ],
    ids=str,
)
async def test_a_token_with_a_wrong_claim_opens_nothing(door: Door, login: Login, claims: dict[str, Any]) -> None:
    answer = await ask(door, login.token(door.clock.now, **claims))
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"].endswith('error="invalid_token"')


async def test_half_a_minute_of_leeway_and_no_more(door: Door, login: Login) -> None:
    token, issued = login.token(door.clock.now), door.clock.now
    for seconds, status in ((-30, 200), (-31, 401), (329, 200), (330, 401)):
        door.clock.now = issued + timedelta(seconds=seconds)
        assert (await ask(door, token)).status_code == status, seconds


async def test_forged_tokens_open_nothing(door: Door, login: Login) -> None:
    good = login.token(door.clock.now)
    header, payload, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    as_admin = _part({**claims, "roles": ["admin"]})
    stranger = Login(url=login.url)
    stranger.rotate()
    pem = login.keys[0].as_pem(private=False)
    with_public_key = jwt.encode(
        {"alg": "HS256", "kid": login.keys[0].kid},
        claims,
        OctKey.import_key(base64.b64encode(pem)),
        algorithms=["HS256"],
    )
    forged = [
        f"{header}.{as_admin}.{signature}",
        f"{_part({'alg': 'none'})}.{payload}.",
        f"{_part({'alg': 'none', 'kid': login.keys[0].kid})}.{payload}.",
        f"{_part({'alg': 'HS256', 'kid': 'shared'})}.{payload}.{signature}",
        with_public_key,
        stranger.token(door.clock.now),
        f"{header}.{payload}.",
        "..",
        "a.b.c",
        f"{'é' * 10}.b.c".encode().decode("latin-1"),
        f"{base64.urlsafe_b64encode(b'[' * 3000).decode()}.b.c",
    ]
    for token in forged:
        answer = await door.client.get(ME, headers={"Authorization": f"Bearer {token}".encode("latin-1")})
        assert answer.status_code == 401, (token, answer.text)
    assert (await ask(door, good)).status_code == 200


@one_database
@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"roles": ["king"]}, "no role"),
        ({"roles": None}, "no role"),
        ({"units": None}, "no unit"),
        ({"units": []}, "no unit"),
        ({"units": ["nope"]}, "no unit"),
    ],
    ids=str,
)
async def test_without_a_role_and_a_unit_of_ours_nobody_gets_anything(
    door: Door, login: Login, claims: dict[str, Any], said: str
) -> None:
    answer = await ask(door, login.token(door.clock.now, **claims))
    assert answer.status_code == 403 and said in answer.json()["detail"]


async def test_the_strongest_role_counts_and_an_unknown_unit_grants_nothing(door: Door, login: Login) -> None:
    token = login.token(door.clock.now, roles=["viewer", "supervisor", "king"], units=["dlh", "nope"])
    told = (await ask(door, token)).json()
    assert (told["role"], told["units"]) == ("supervisor", ["dlh"])


async def test_what_no_database_holds_is_left_out(door: Door, login: Login) -> None:
    odd = {"roles": ["officer", "a\0"], "units": ["dlh", "x\0"], "name": "R\0", "preferred_username": "a\0"}
    told = await ask(door, login.token(door.clock.now, **odd))
    assert told.status_code == 200, told.text
    assert (told.json()["role"], told.json()["units"]) == ("officer", ["dlh"])


async def test_a_star_is_the_whole_tree(door: Door, login: Login) -> None:
    token = login.token(door.clock.now, roles="admin", units="*")
    told = await door.client.get("/api/v1/admin/audit", headers={"Authorization": f"Bearer {token}"})
    assert told.status_code == 200
    assert [(each["actor"], each["action"]) for each in told.json()["items"]] == [("oidc", "officer.create")]


async def test_claims_by_path_and_names_of_their_own(database_url: str, login: Login) -> None:
    settings = settings_for(
        database_url,
        oidc_issuer=login.url,
        oidc_audience=AUDIENCE,
        oidc_role_claim="realm_access.roles",
        oidc_units_claim="https://tanggap.example/units",
        oidc_role_map="kepala-dinas=supervisor, petugas=officer",
    )
    async with opened(settings) as door:
        await door.units("dki", "dki/dlh")
        claims = {"realm_access": {"roles": ["kepala-dinas", "admin"]}, "https://tanggap.example/units": ["dlh"]}
        told = (await ask(door, login.token(door.clock.now, **claims))).json()
        assert (told["role"], told["units"]) == ("supervisor", ["dlh"])


async def test_the_newest_token_says_what_an_officer_may(door: Door, login: Login) -> None:
    older = login.token(door.clock.now, roles=["supervisor"], units=["dlh", "dbm"])
    assert (await ask(door, older)).json()["units"] == ["dbm", "dlh"]
    door.clock.now += timedelta(seconds=60)
    newer = login.token(door.clock.now, roles=["viewer"], units=["dbm"])
    for token in (newer, older):
        told = (await ask(door, token)).json()
        assert (told["role"], told["units"]) == ("viewer", ["dbm"])


async def test_an_officer_who_left_is_out_whatever_the_issuer_says(door: Door, login: Login) -> None:
    await ask(door, login.token(door.clock.now))
    headers = await door.token()
    url = "/api/v1/admin/officers/1"
    for body in ({"role": "admin"}, {"units": []}, {"password": "kenanga-biru-91"}):
        assert (await door.client.patch(url, json=body, headers=headers)).status_code == 409
    assert (await door.client.patch(url, json={"is_active": False}, headers=headers)).status_code == 200
    door.clock.now += timedelta(seconds=60)
    assert (await ask(door, login.token(door.clock.now, roles=["admin"]))).status_code == 401


async def test_a_user_name_that_is_taken_opens_nobody_elses_account(door: Door, login: Login) -> None:
    await door.officer("rini", "admin")
    told = (await ask(door, login.token(door.clock.now))).json()
    assert told["username"].startswith("oidc-") and told["role"] == "officer"


async def test_a_new_key_is_found_at_once_and_the_old_one_opens_no_more(door: Door, login: Login) -> None:
    old = login.token(door.clock.now)
    assert (await ask(door, old)).status_code == 200
    login.rotate("EC")
    door.clock.now += PAUSE
    assert (await ask(door, login.token(door.clock.now, alg="ES256"))).status_code == 200
    assert (await ask(door, old)).status_code == 401
    assert login.asked == 2


async def test_tokens_of_invented_keys_cost_one_call_in_a_while(door: Door, login: Login) -> None:
    await ask(door, login.token(door.clock.now))
    stranger = Login(url=login.url)
    for _ in range(5):
        stranger.rotate("EC")
        assert (await ask(door, stranger.token(door.clock.now, alg="ES256"))).status_code == 401
    assert login.asked == 1
    door.clock.now += PAUSE
    await ask(door, stranger.token(door.clock.now, alg="ES256"))
    await ask(door, stranger.token(door.clock.now, alg="ES256"))
    assert login.asked == 2


async def test_while_the_issuer_is_down_its_keys_serve_for_a_day(door: Door, login: Login) -> None:
    start = door.clock.now
    await ask(door, login.token(start))
    login.is_down = True
    for after, status in ((FRESH, 200), (STALE - timedelta(seconds=1), 200), (STALE, 503)):
        door.clock.now = start + after
        answer = await ask(door, login.token(door.clock.now))
        assert answer.status_code == status, after
    assert (answer.json()["code"], answer.headers["retry-after"]) == ("issuer_unreachable", "5")
    login.is_down = False
    door.clock.now += PAUSE
    assert (await ask(door, login.token(door.clock.now))).status_code == 200


async def test_without_an_issuer_a_signed_token_is_a_token_that_nobody_knows(database_url: str, login: Login) -> None:
    async with opened(settings_for(database_url)) as door:
        assert (await ask(door, login.token(door.clock.now))).status_code == 401
        assert login.asked == 0


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
