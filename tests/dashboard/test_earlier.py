"""A page as of an earlier instant: the figures of the API's `as_of`, links that stay there, nothing of now alone."""

from __future__ import annotations

import pytest

from app.dashboard.catalogue import WORDS
from app.db.session import writing
from tests.api.door import Door
from tests.dashboard.visitor import Page, Visitor
from tests.units.city import NOW, City
from tests.workqueue.desk import table

THEN = "2026-02-18"
FIGURES = {
    "Terbuka": "open",
    "Lewat tenggat": "overdue",
    "Jatuh tempo 24 jam": "due_24h",
    "Belum ada petugas": "unassigned",
}


@pytest.fixture
async def mayor(door: Door, city: City) -> Visitor:
    await door.officer("gubernur", "admin")
    found = Visitor(door)
    await found.sign_in("gubernur")
    return found


async def _page(visitor: Visitor, path: str, status: int = 200) -> tuple[Page, str]:
    answer = await visitor.get(path)
    assert answer.status_code == status, answer.text
    return Page.of(answer.text), " ".join(answer.text.split())


async def test_a_page_shows_the_figures_that_the_api_gives_as_of_that_day(mayor: Visitor) -> None:
    for path, asked in (("/units/kota", "/units/kota/status"), ("/", "/overview")):
        page, _ = await _page(mayor, f"{path}?period=7d&as_of={THEN}")
        then = (await mayor.get(f"/api/v1{asked}?period=7d&as_of={THEN}")).json()
        now = (await mayor.get(f"/api/v1{asked}?period=7d")).json()
        assert then["open"]["value"] != now["open"]["value"] and then["overdue"]["value"] > 0
        for name, figure in FIGURES.items():
            assert page.terms[name] == str(then[figure]["value"]), (path, name)
        for clock, name in (("respond", "Tanggapan pertama"), ("resolve", "Penyelesaian")):
            card = {figure: then["clocks"][clock][figure]["value"] for figure in ("met", "missed", "running_overdue")}
            row = next(row for row in page.rows["clocks-heading"] if row[0] == name)
            assert row[2] == (f"{card['met']} / {sum(card.values())}" if sum(card.values()) else "–")
            assert row[3:5] == [str(card["missed"]), str(card["running_overdue"])]


async def test_it_stays_as_it_was_whatever_comes_later(city: City, mayor: Visitor) -> None:
    before = await _page(mayor, f"/units/kota?as_of={THEN}")
    await city.report("JK9", NOW, unit="kelurahan-a")
    assert await _page(mayor, f"/units/kota?as_of={THEN}") == before


async def test_it_says_so_and_its_links_stay_at_that_instant(mayor: Visitor) -> None:
    page, text = await _page(mayor, f"/units/kota?period=7d&as_of={THEN}")
    assert "Angka di halaman ini adalah yang diketahui pada 19 Feb 2026 00.00 WIB, bukan keadaan sekarang." in text
    links = [str(attributes["href"]) for tag, attributes in page.tags if tag == "a" and "href" in attributes]
    assert {f"/units/sudin?period=7d&as_of={THEN}", f"/units/kota?period=30d&as_of={THEN}"} <= set(links)
    assert [link for link in links if link.startswith("/units/kota?period=7d")] == [
        f"/units/kota?period=7d&as_of={THEN}", "/units/kota?period=7d",
    ]  # fmt: skip
    field = next(attributes for tag, attributes in page.tags if attributes.get("name") == "as_of")
    assert (field["type"], field["value"], field["max"]) == ("date", THEN, "2026-03-01")
    _, english = await _page(mayor, f"/units/kota?lang=en&as_of={THEN}")
    assert "The figures on this page are those known at 19 Feb 2026 00:00 WIB, not those of now." in english


async def test_what_is_only_known_of_now_is_not_shown(mayor: Visitor) -> None:
    now, _ = await _page(mayor, "/units/kota")
    then, text = await _page(mayor, f"/units/kota?as_of={THEN}&whole=true")
    assert {"overdue-heading", "alerts-heading", "insight"} <= set(now.ids)
    assert not {"overdue-heading", "alerts-heading", "insight", "outlook-heading"} & set(then.ids)
    live = [next(attributes for _, attributes in page.tags if attributes.get("id") == "live") for page in (now, then)]
    assert ["data-source" in each for each in live] == [True, False]
    assert 'http-equiv="refresh"' not in text


async def test_sources_are_told_as_they_were_then(city: City, mayor: Visitor) -> None:
    async with writing(city.engine) as connection:
        await connection.execute(table("source").update().values(complete_through=NOW))
    assert "Data tidak mutakhir" not in (await mayor.get("/")).text
    assert "Data tidak mutakhir" in (await mayor.get(f"/?as_of={THEN}")).text


async def test_a_date_that_is_not_over_or_none_at_all_is_refused_in_words(mayor: Visitor) -> None:
    now, _ = await _page(mayor, "/units/kota?period=30d&as_of=")
    assert "overdue-heading" in now.ids, "an empty form asks for what is so now"
    for as_of in ("2026-03-02", "2026-13-01", "kemarin", "1999-01-01"):
        page, text = await _page(mayor, f"/units/kota?as_of={as_of}", 422)
        assert WORDS["id"]["as_of_refused"] in text and WORDS["id"]["back_to_now"] not in text
        assert page.terms["Terbuka"] == now.terms["Terbuka"]
