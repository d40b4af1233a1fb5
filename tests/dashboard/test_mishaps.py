"""What goes wrong, as whoever reads pages sees it: in their language, never as a program would."""

from __future__ import annotations

import pytest
from fastapi import APIRouter

from app.complaint.lifecycle import Move
from app.dashboard.catalogue import LANGUAGES
from app.dashboard.mishap_words import MISHAPS
from tests.api.door import Door, opened, settings_for
from tests.dashboard.visitor import HTML, Visitor


def test_every_mishap_has_words_in_both_languages() -> None:
    assert set(MISHAPS) == set(LANGUAGES)
    assert MISHAPS["id"].keys() == MISHAPS["en"].keys()


@pytest.fixture
async def visitor(door: Door) -> Visitor:
    await door.officer("sari")
    visitor = Visitor(door)
    await visitor.sign_in("sari")
    return visitor


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_page_says_in_words_what_went_wrong(visitor: Visitor) -> None:
    for status, answer in (
        (404, await visitor.get("/tidak-ada")),
        (422, await visitor.get("/complaints?warna=biru")),
        (403, await visitor.send("/complaints/JK1/moves", move=Move.CLAIM, version="1", csrf_token="x")),
    ):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "content-security-policy" in answer.headers and "x-request-id" in answer.headers
        title, lead = MISHAPS["id"][status]
        assert f"<h1>{title}</h1>" in answer.text and lead in answer.text and 'lang="id"' in answer.text
    assert MISHAPS["en"][404][0] in (await visitor.get("/tidak-ada?lang=en")).text
    await visitor.get("/complaints?lang=en")
    assert MISHAPS["en"][404][0] in (await visitor.get("/tidak-ada")).text


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_form_that_is_sent_after_the_session_ended_leads_to_the_way_in(visitor: Visitor) -> None:
    visitor.door.client.cookies.clear()
    answer = await visitor.send("/complaints/JK1/notes", text="Sudah ditelepon", version="1")
    assert answer.status_code == 401 and MISHAPS["id"][401][0] in answer.text


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_an_error_of_ours_tells_its_id_and_nothing_else(database_url: str) -> None:
    broken = APIRouter()

    @broken.get("/rusak")
    async def breaks() -> None:
        raise RuntimeError("0812-0000-1234")

    async with opened(settings_for(database_url, rate_limit="off"), broken) as door:
        answer = await Visitor(door).get("/rusak")
    assert answer.status_code == 500
    assert f"<code>{answer.headers['x-request-id']}</code>" in answer.text and "0812-" not in answer.text


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_programs_are_told_problems_as_before(visitor: Visitor) -> None:
    for answer in (
        await visitor.get("/api/v1/tidak-ada"),
        await visitor.door.client.get("/tidak-ada"),
        await visitor.door.client.get("/tidak-ada", headers={**HTML, **await visitor.door.token()}),
    ):
        assert answer.headers["content-type"] == "application/problem+json" and answer.json()["status"] == 404


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_who_must_wait_is_told_so(database_url: str) -> None:
    async with opened(settings_for(database_url, rate_limit="1/minute")) as door:
        await Visitor(door).get("/sign-in")
        answer = await Visitor(door).get("/sign-in")
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0
    assert MISHAPS["id"][429][0] in answer.text
