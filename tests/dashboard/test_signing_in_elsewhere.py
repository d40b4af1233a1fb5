"""Signing in with a real OIDC issuer on loopback: there, back, and in; and every way in which it must fail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from app.dependencies import SESSION_COOKIE
from tests.api.door import ORIGIN, Door, opened, settings_for
from tests.dashboard.visitor import Visitor
from tests.people.issuer import AUDIENCE, CLIENT, SECRET, Login, open_login


@pytest.fixture
async def login() -> AsyncIterator[Login]:
    async with open_login() as login:
        yield login


@pytest.fixture
async def door(database_url: str, login: Login) -> AsyncIterator[Door]:
    settings = settings_for(
        database_url,
        rate_limit="off",
        oidc_issuer=login.url,
        oidc_audience=AUDIENCE,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
    )
    async with opened(settings) as door:
        await door.units("dki", "dki/dlh")
        login.now = door.clock.now
        yield door


async def there(door: Door, target: str = "/units/dlh") -> str:
    """The address with which the issuer sends the browser back."""
    sent = await Visitor(door).get(f"/sign-in/elsewhere?next={target}")
    assert sent.status_code == 303, sent.text
    async with httpx.AsyncClient(trust_env=False) as browser:
        back = (await browser.get(sent.headers["location"])).headers["location"]
    assert back.startswith(f"{ORIGIN}/sign-in/callback?")
    return back.removeprefix(ORIGIN)


async def test_somebody_signs_in_with_the_issuer_and_goes_on(door: Door) -> None:
    visitor = Visitor(door)
    assert "/sign-in/elsewhere?next=/units/dlh" in (await visitor.get("/sign-in?next=/units/dlh")).text
    entered = await visitor.get(await there(door))
    assert (entered.status_code, entered.headers["location"]) == (303, "/units/dlh")
    page = await visitor.get("/units/dlh")
    assert page.status_code == 200 and "rini" in page.text
    trail = (await door.client.get("/api/v1/admin/audit", headers=await door.token())).json()["items"]
    assert ("rini", "sign_in", {"by": "oidc"}) in [(each["actor"], each["action"], each["details"]) for each in trail]


async def test_what_an_issuer_adds_to_its_answer_is_ignored(door: Door) -> None:
    """RFC 6749, 4.1.2: Google adds `authuser` and `hd`, others add what they like."""
    entered = await Visitor(door).get(f"{await there(door)}&authuser=0&hd=jakarta.go.id&session_state=a&x=1&x=2")
    assert (entered.status_code, entered.headers["location"]) == (303, "/units/dlh")


async def test_an_answer_is_good_once_and_for_its_own_browser(door: Door) -> None:
    visitor, back = Visitor(door), await there(door)
    question = dict(door.client.cookies)
    door.client.cookies.clear()
    assert (await visitor.get(back)).status_code == 403
    door.client.cookies.update(question)
    assert (await visitor.get(back)).status_code == 303
    door.client.cookies.clear()
    door.client.cookies.update(question)
    again = await visitor.get(back)
    assert again.status_code == 403 and SESSION_COOKIE not in door.client.cookies


@pytest.mark.parametrize("wrong", [{"state": "x"}, {"code": "x"}, {"code": ""}, {"error": "access_denied", "code": ""}])
async def test_an_answer_to_another_question_opens_nothing(door: Door, wrong: dict[str, str]) -> None:
    back = urlsplit(await there(door))
    query = {name: values[0] for name, values in parse_qs(back.query).items()} | wrong
    answer = await Visitor(door).get(f"{back.path}?{urlencode(query)}")
    assert answer.status_code == 403 and "akun kantor" in answer.text
    assert SESSION_COOKIE not in door.client.cookies


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "claims",
    [{"nonce": "another"}, {"nonce": None}, {"aud": AUDIENCE}, {"iss": "https://x.example"}, {"roles": []}, {"exp": 1}],
    ids=str,
)
async def test_an_id_token_that_is_not_for_us_opens_nothing(door: Door, login: Login, claims: dict[str, Any]) -> None:
    login.claims = claims
    assert (await Visitor(door).get(await there(door))).status_code == 403
    assert SESSION_COOKIE not in door.client.cookies


async def test_who_takes_too_long_begins_again(door: Door) -> None:
    back = await there(door)
    door.clock.now += timedelta(minutes=11)
    assert (await Visitor(door).get(back)).status_code == 403


async def test_an_issuer_that_is_down_is_said_to_be(door: Door, login: Login) -> None:
    login.is_down = True
    answer = await Visitor(door).get("/sign-in/elsewhere")
    assert answer.status_code == 503 and "tidak dapat dihubungi" in answer.text


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example"])
async def test_nobody_is_sent_to_another_site_afterwards(door: Door, target: str) -> None:
    assert (await Visitor(door).get(await there(door, target))).headers["location"] == "/"


async def test_without_an_issuer_there_is_no_such_way(database_url: str) -> None:
    async with opened(settings_for(database_url)) as door:
        visitor = Visitor(door)
        assert "/sign-in/elsewhere" not in (await visitor.get("/sign-in")).text
        assert (await visitor.get("/sign-in/elsewhere")).status_code == 404
        assert (await visitor.get("/sign-in/callback?state=x&code=y")).status_code == 403
