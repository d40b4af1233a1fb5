"""Signing in by form: a session for the right password, nothing told of a wrong one, nothing done for a forged form."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.dependencies import SESSION_COOKIE
from tests.api.door import PASSWORD, Door
from tests.dashboard.visitor import Visitor, hidden


@pytest.fixture
async def visitor(door: Door) -> Visitor:
    await door.units("kota")
    await door.officer("sari", "officer", ["kota"])
    return Visitor(door)


async def test_a_stranger_is_shown_the_way_in_and_then_on(visitor: Visitor) -> None:
    first = await visitor.get("/units/kota")
    assert (first.status_code, first.headers["location"]) == (303, "/sign-in?next=/units/kota")
    entered = await visitor.sign_in("sari", target="/units/kota")
    assert (entered.status_code, entered.headers["location"]) == (303, "/units/kota")
    page = await visitor.get("/units/kota")
    assert page.status_code == 200 and "sari" in page.text
    again = await visitor.get("/sign-in?next=/units/kota")
    assert (again.status_code, again.headers["location"]) == (303, "/units/kota")


async def test_what_a_link_narrows_is_kept_over_signing_in(visitor: Visitor) -> None:
    shown = await visitor.get("/complaints?due=overdue&unit=kota")
    assert shown.headers["location"] == "/sign-in?next=/complaints%3Fdue%3Doverdue%26unit%3Dkota"
    form = await visitor.get(shown.headers["location"])
    entered = await visitor.send("/sign-in", username="sari", password=PASSWORD, **hidden(form.text))
    assert entered.headers["location"] == "/complaints?due=overdue&unit=kota"
    visitor.door.client.cookies.clear()
    assert (await visitor.get(f"/complaints?q={'a' * 600}")).headers["location"] == "/sign-in?next=/complaints"


async def test_the_cookie_is_for_this_site_alone_and_no_script_reads_it(visitor: Visitor) -> None:
    cookies = (await visitor.sign_in("sari")).headers.get_list("set-cookie")
    (session,) = [each for each in cookies if each.startswith(f"{SESSION_COOKIE}=")]
    assert "HttpOnly" in session and "SameSite=lax" in session and "Path=/" in session


@pytest.mark.parametrize(
    ("username", "password"), [("sari", "salah"), ("nobody", "salah"), ("", ""), ("sari\x00", "x")]
)
async def test_a_wrong_password_and_a_wrong_name_read_alike(visitor: Visitor, username: str, password: str) -> None:
    refused = await visitor.sign_in(username, password)
    assert refused.status_code == 403
    assert "Nama pengguna atau kata sandi salah" in refused.text
    assert SESSION_COOKIE not in visitor.door.client.cookies
    assert "salah&" not in refused.text and 'value="salah"' not in refused.text


async def test_a_form_that_is_not_ours_opens_nothing(visitor: Visitor) -> None:
    form = hidden((await visitor.get("/sign-in")).text)
    forged = await visitor.send("/sign-in", username="sari", password="mawar-melati-77", csrf_token="x", next="/")
    assert forged.status_code == 403 and "kedaluwarsa" in forged.text
    visitor.door.client.cookies.clear()
    without = await visitor.send("/sign-in", username="sari", password="mawar-melati-77", **form)
    assert without.status_code == 403 and SESSION_COOKIE not in visitor.door.client.cookies


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb", ""]
)
async def test_nobody_is_sent_elsewhere_after_signing_in(visitor: Visitor, target: str) -> None:
    form = hidden((await visitor.get("/sign-in")).text)
    form["next"] = target
    entered = await visitor.send("/sign-in", username="sari", password="mawar-melati-77", **form)
    assert (entered.status_code, entered.headers["location"]) == (303, "/")


async def test_too_many_tries_must_wait(visitor: Visitor) -> None:
    answers = [await visitor.sign_in("nobody", "salah") for _ in range(12)]
    assert answers[-1].status_code == 429
    assert "Terlalu banyak percobaan" in answers[-1].text
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_signing_out_ends_the_session_on_both_sides(visitor: Visitor) -> None:
    await visitor.sign_in("sari")
    secret = visitor.door.client.cookies[SESSION_COOKIE]
    form = hidden((await visitor.get("/")).text)
    refused = await visitor.send("/sign-out", csrf_token="x")
    assert refused.status_code == 403 and (await visitor.get("/")).status_code == 200
    left = await visitor.send("/sign-out", **form)
    assert (left.status_code, left.headers["location"]) == (303, "/sign-in")
    visitor.door.client.cookies.set(SESSION_COOKIE, secret, domain="tanggap.test")
    assert (await visitor.get("/")).status_code == 303


async def test_a_session_ends_when_it_is_idle(visitor: Visitor) -> None:
    await visitor.sign_in("sari")
    visitor.door.clock.now += timedelta(hours=13)
    assert (await visitor.get("/live")).status_code == 303
