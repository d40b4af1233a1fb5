"""The page of the desk in a browser without script: a complaint is taken in, and what it may repeat is told."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import httpx
import pytest
from sqlalchemy import insert, select

from app.dashboard.case_words import CASE_WORDS
from app.db.session import reading, writing
from app.db.tables.complaints import Identity
from app.db.tables.sources import Category
from app.db.tables.units import UnitAlias
from app.intake.store import IDENTITY
from app.intake.walk_in import Channel
from tests.api.door import Door
from tests.dashboard.visitor import Visitor, hidden, signed_in
from tests.workqueue.desk import NOON, WIB, Desk

PAGE = "/walk-in"
TOLD = {
    "channel": "letter",
    "subject": "Lampu mati",
    "text": "Lampu jalan di depan balai warga mati sejak kemarin malam",
    "category": "lampu",
    "village": "kelurahan-a",
    "address": "Jl. Kenanga 5",
    "point": "-6.2, 106.8",
}
WHO = {"name": "Siti Contoh", "phone": "081200001234", "email": "siti@contoh.example", "nik": "3171000000000001"}


@pytest.fixture
async def desk(desk: Desk) -> Desk:
    """A desk that knows villages and categories by name."""
    async with writing(desk.engine) as connection:
        for village in ("kelurahan-a", "kelurahan-b"):
            alias = {"kind": "village", "label": village.replace("-", ""), "unit_id": desk.units[village]}
            await connection.execute(insert(UnitAlias).values(alias))
        await connection.execute(insert(Category).values(code="lampu", name="Lampu Jalan", is_active=True))
    return desk


async def _send(visitor: Visitor, **fields: str) -> httpx.Response:
    """Fills in the form as the page has it, and follows where it leads."""
    form = (await visitor.get(PAGE)).text.split('<form class="card taking"')[1]
    token = hidden(f'<form method="post"{form}')["csrf_token"]
    answer = await visitor.send(PAGE, csrf_token=token, **fields)
    return await visitor.get(answer.headers["location"]) if answer.status_code == 303 else answer


async def test_a_complaint_is_taken_in_and_its_code_is_told(desk: Desk, officer: Visitor) -> None:
    assert f'href="{PAGE}"' in (await officer.get("/complaints")).text
    reported = (NOON - timedelta(hours=2)).astimezone(WIB).strftime("%Y-%m-%dT%H:%M")
    answer = await _send(officer, **TOLD, reported_at=reported, is_private="true")
    (row,) = await desk.rows("complaint")
    assert answer.status_code == 200 and f'<a href="/complaints/{row.ticket_code}">' in answer.text
    assert "dirutekan ke Kelurahan-A" in answer.text and "Mungkin mengulang" not in answer.text
    assert (row.channel, row.subject, row.category) == (Channel.LETTER, "Lampu mati", "Lampu Jalan")
    assert (row.unit_id, row.lat, row.lng) == (desk.units["kelurahan-a"], -6.2, 106.8)
    assert (row.is_private, row.is_anonymous) == (True, False)
    assert row.reported_at == NOON - timedelta(hours=2)
    *_, entry = [each for each in await desk.rows("audit") if each.actor == "lina"]
    assert (entry.action, entry.subject) == ("complaint.take_in", f"complaint:{row.id}")
    assert (await officer.get(f"/complaints/{row.ticket_code}")).status_code == 200


async def test_who_complains_is_sealed_and_shown_nowhere(door: Door, desk: Desk, officer: Visitor) -> None:
    answer = await _send(officer, **TOLD, **WHO)
    assert not any(value in answer.text for value in WHO.values())
    async with reading(desk.engine) as connection:
        sealed = await connection.scalar(select(Identity.sealed))
    assert sealed is not None
    told = {"name": WHO["name"], "phone": WHO["phone"], "email": WHO["email"], "national_id": WHO["nik"]}
    assert door.house.vault.open_json(sealed, IDENTITY) == told


async def test_what_it_may_repeat_is_linked_for_those_who_may_see_it(door: Door, desk: Desk, officer: Visitor) -> None:
    await _send(officer, **TOLD)
    (first,) = await desk.rows("complaint")
    again = await _send(officer, **{**TOLD, "text": f"{TOLD['text']}, tolong"})
    assert "Mungkin mengulang aduan yang sudah ada" in again.text
    assert f'<a class="code" href="/complaints/{first.id}">{first.ticket_code}</a>' in again.text
    neighbour = await signed_in(door, "nabil", "officer", "kelurahan-b")
    elsewhere = await _send(neighbour, **{**TOLD, "text": f"{TOLD['text']}, mohon"})
    assert first.ticket_code not in elsewhere.text and "Mungkin mengulang" not in elsewhere.text


async def test_what_is_routed_to_others_shows_nothing_but_its_code(desk: Desk, officer: Visitor) -> None:
    answer = await _send(officer, **{**TOLD, "village": "kelurahan-b"})
    (row,) = await desk.rows("complaint")
    assert f"{row.ticket_code}</strong>, dirutekan ke luar unit Anda" in answer.text
    assert f"/complaints/{row.ticket_code}" not in answer.text
    absent = await officer.get(f"{PAGE}?taken=TG9901010001")
    assert "TG9901010001</strong>, dirutekan ke luar unit Anda" in absent.text
    assert (await officer.get(f"{PAGE}?taken=JK1")).status_code == 422


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"text": " "}, 422, "Isian “Isi aduan” kosong"),
        ({"point": "di sana"}, 422, "Titik peta"),
        ({"point": "106.8, -6.2"}, 422, "Titik peta"),
        ({"point": "nan, nan"}, 422, "Titik peta"),
        ({"nik": "317100000000000"}, 422, "NIK"),
        ({"reported_at": "kemarin"}, 422, "Kapan disampaikan"),
        ({"reported_at": "2099-01-01T08:00"}, 422, "Kapan disampaikan"),
        ({"reported_at": "0001-01-01T00:00"}, 422, "Kapan disampaikan"),
        ({"category": "angkasa"}, 422, "Kategori"),
        ({"village": "Bulan"}, 422, "Tidak ada unit “Bulan”"),
        ({"village": "kelurahan"}, 422, "Beberapa unit cocok"),
        ({"village": "kota"}, 422, "Kelurahan (kode atau nama)"),
        ({"unit": "kelurahan-b"}, 403, "Unit itu bukan unit Anda"),
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_what_does_not_hold_is_named_and_nothing_is_typed_twice(
    desk: Desk, officer: Visitor, fields: dict[str, str], status: int, said: str
) -> None:
    typed = {**TOLD, **WHO, "is_anonymous": "true", **fields}
    answer = await _send(officer, **typed)
    page = unescape(answer.text)
    assert answer.status_code == status and said in page.split('role="alert">')[1].split("</p>")[0]
    assert await desk.rows("complaint") == []
    kept = {name: value for name, value in typed.items() if name not in ("channel", "text", "category", "is_anonymous")}
    for name, value in kept.items():
        assert f'value="{value}"' in page, name
    assert f">{typed['text']}</textarea>" in page and '<option value="letter" selected>' in page
    assert 'name="is_anonymous" value="true" checked' in page


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_only_officers_take_complaints_in_and_only_by_their_own_page(
    door: Door, desk: Desk, officer: Visitor
) -> None:
    forged = await officer.send(PAGE, **TOLD, csrf_token="x")
    assert forged.status_code == 403
    viewer = await signed_in(door, "tamu", "viewer", "kota")
    assert f'href="{PAGE}"' not in (await viewer.get("/complaints")).text
    assert (await viewer.get(PAGE)).status_code == 403
    door.client.cookies.clear()
    assert (await viewer.get(PAGE)).status_code == 303
    assert await desk.rows("complaint") == []


def test_every_channel_has_words_in_both_languages() -> None:
    for words in CASE_WORDS.values():
        assert all(f"channel_{each}" in words for each in Channel)
