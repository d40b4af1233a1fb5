"""The page of one unit tells what lies ahead, what to check and how the months went, as the API does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from app.complaint.lifecycle import Move
from app.db.session import writing
from app.units.closing import figures_of_month, keep
from app.units.periods import read_month
from app.units.signs import Sign
from tests.api.door import Door
from tests.dashboard.visitor import Page, Visitor
from tests.units.city import HOUR, NOW, City
from tests.units.stories import tell
from tests.units.test_outlook import office
from tests.workqueue.desk import WIB, at, table

DAY = timedelta(days=1)
MONDAY = at("2026-02-09 08:00")


@pytest.fixture
async def head(door: Door, city: City) -> Visitor:
    """The head of a kelurahan and all it belongs to, signed in, where units work by the office calendar."""
    await office(city)
    await door.officer("lurah", "supervisor", ["kecamatan"])
    found = Visitor(door)
    await found.sign_in("lurah")
    return found


async def _page(visitor: Visitor, path: str = "/units/kecamatan?whole=true&lang=id") -> Page:
    answer = await visitor.get(path)
    assert answer.status_code == 200, answer.text
    return Page.of(answer.text)


async def test_the_page_of_a_unit_tells_every_signal_and_the_complaints_behind_what_shows(
    head: Visitor, city: City
) -> None:
    there, back = (HOUR, Move.FORWARD, "sudin"), (2 * HOUR, Move.FORWARD, "kelurahan-a")
    for number in range(12):
        await tell(city, MONDAY, "kelurahan-a", there, back, code=f"PP{number}")
    page = await _page(head)
    told = (await head.get("/api/v1/units/kecamatan/signals")).json()["signals"]
    rows = page.rows["signals-heading"][1:]
    assert len(rows) == len(told) == len(Sign)
    for row, signal in zip(rows, told, strict=True):
        assert signal["text"] in row[0] and row[1] == f"{signal['count']} / {signal['of']}"
        assert ("Periksa" in row[0]) is signal["shows"]
    ping_pong = next(row for row in rows if row[0].startswith("Pengalihan bolak-balik"))
    assert "PP11 PP10" in ping_pong[0] and "PP1 dan" not in ping_pong[0] and " lagi" in ping_pong[0]
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert "/complaints/PP11" in links


async def test_the_page_of_a_unit_tells_what_lies_ahead_of_it_and_of_those_below(head: Visitor, city: City) -> None:
    await tell(city, NOW - 20 * HOUR, "kelurahan-a", code="SOON")
    text, page = (await head.get("/units/kecamatan?whole=true&lang=id")).text, await _page(head)
    told = (await head.get("/api/v1/units/kecamatan/outlook")).json()
    assert "SOON" in [each["ref"] for each in told["complaints"]]
    for sentence in told["text"].split(". "):
        assert sentence.rstrip(".") in text
    rows = page.rows["outlook-heading"][1:]
    listed = [each["ref"] for each in told["complaints"][:20]]
    assert [row[0] for row in rows[: len(listed)]] == listed
    below = {row[0]: row for row in rows[len(listed) :]}
    first = next(each for each in told["units"] if each["unit"]["code"] == "kelurahan-a")
    assert below["Kelurahan-A"][1] == str(first["at_risk"]) and below["Kelurahan-A"][3] == str(first["pace"]["backlog"])


async def test_a_closed_month_stays_as_it_was_and_the_others_are_counted_now(
    head: Visitor, city: City, door: Door
) -> None:
    before = (await _page(head)).rows["months-heading"][1:]
    assert [row[0] for row in before[:2]] == ["Maret 2026", "Februari 2026"] and len(before) == 6
    assert {row[4] for row in before} == {"belum ditutup"}
    async with writing(city.engine) as connection:
        rules, month = await city.rules(connection), read_month("2026-02", now=NOW, zone=WIB)
        rows = await figures_of_month(connection, rules, month, actor="uji", now=NOW)
        await keep(connection, rows)
    closed = (await _page(head)).rows["months-heading"][1:]
    assert closed[1][:4] == before[1][:4] and closed[1][4] == "ditutup"
    assert closed[0] == before[0] and closed[2:] == before[2:]
    await tell(city, MONDAY, "kelurahan-a")
    later = (await _page(head)).rows["months-heading"][1:]
    assert later[1] == closed[1] and int(closed[1][1]) > 0
    async with writing(city.engine) as connection:
        await connection.execute(table("unit_close").delete())
    assert int((await _page(head)).rows["months-heading"][2][1]) == int(closed[1][1]) + 1


async def test_a_page_of_several_units_together_tells_none_of_it(door: Door, city: City) -> None:
    await door.officer("kepala", "supervisor", ["kota", "dinas"])
    visitor = Visitor(door)
    await visitor.sign_in("kepala")
    page = await _page(visitor, "/")
    assert not {"signals-heading", "outlook-heading", "months-heading"} & set(page.ids)
    assert "insight" not in page.ids


async def test_a_page_is_there_before_what_takes_longer(head: Visitor) -> None:
    """Its script asks for the rest, and without a script a link does."""
    first = (await head.get("/units/kecamatan?period=7d")).text
    assert "signals-heading" not in first
    part = await head.get("/insight?unit=kecamatan&period=7d")
    whole = await head.get("/units/kecamatan?period=7d&whole=true")
    assert "signals-heading" in part.text and part.text.strip() in whole.text
    for path in ("/insight?unit=kecamatan&amp;period=7d", "/units/kecamatan?period=7d&amp;whole=true"):
        assert f'"{path}"' in first
    assert '"/insight?unit=kecamatan&amp;period=30d"' in (await head.get("/")).text


async def test_what_is_told_of_a_unit_is_for_those_who_cover_it(head: Visitor) -> None:
    assert (await head.get("/insight?unit=kota")).status_code == 404
    assert (await head.get("/units/kota?whole=true")).status_code == 404


async def test_what_is_ahead_can_be_read_in_english(head: Visitor) -> None:
    text = (await head.get("/units/kecamatan?whole=true&lang=en")).text
    assert "Signals of figures to check" in text and "Month by month" in text
    assert "the unit opens again at Tuesday, 3 March 2026" in text


async def test_names_and_codes_of_sources_are_shown_as_text(head: Visitor, city: City) -> None:
    await tell(city, NOW - 20 * HOUR, "kelurahan-a", code="<b>JK</b>")
    async with writing(city.engine) as connection:
        await connection.execute(update(table("source")).values(name=table("source").c.name + "<i>"))
    text = (await head.get("/units/kecamatan?whole=true")).text
    assert "<b>JK" not in text and "<i>" not in text and "&lt;b&gt;JK" in text
    assert "/complaints/%3Cb%3EJK%3C/b%3E" in text
