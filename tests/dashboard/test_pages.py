"""The pages show the same figures as the API, to whoever may see them, and never a complainant's words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event, insert, update

from app.dashboard.catalogue import LANGUAGES, WORDS
from app.db.changes import RULES, count_up
from app.db.session import writing
from app.units.directory import read_directory
from tests.api.door import Door
from tests.dashboard.visitor import Page, Visitor
from tests.units.city import NOW, City
from tests.workqueue.desk import table


@pytest.fixture
async def visitor(door: Door, city: City) -> Visitor:
    """The head of the city's administration, signed in."""
    await door.officer("kepala", "supervisor", ["kota", "dinas", "biro"])
    found = Visitor(door)
    await found.sign_in("kepala")
    return found


@pytest.fixture
async def mayor(door: Door, city: City) -> Visitor:
    """Somebody who covers everything."""
    await door.officer("gubernur", "admin")
    found = Visitor(door)
    await found.sign_in("gubernur")
    return found


async def _page(visitor: Visitor, path: str) -> Page:
    answer = await visitor.get(path)
    assert answer.status_code == 200, answer.text
    return Page.of(answer.text)


async def test_a_unit_page_shows_the_figures_of_the_api(visitor: Visitor) -> None:
    page = await _page(visitor, "/units/kota")
    status = (await visitor.get("/api/v1/units/kota/status")).json()
    assert page.terms["Terbuka"] == str(status["open"]["value"])
    assert page.terms["Lewat tenggat"] == str(status["overdue"]["value"])
    assert page.terms["Jatuh tempo 24 jam"] == str(status["due_24h"]["value"])
    assert page.terms["Belum ada petugas"] == str(status["unassigned"]["value"])
    assert "Belum ada unit" not in page.terms
    respond = status["clocks"]["respond"]
    due = sum(respond[name]["value"] for name in ("met", "missed", "running_overdue"))
    row = next(row for row in page.rows["clocks-heading"] if row[0] == "Tanggapan pertama")
    assert row[2] == f"{respond['met']['value']} / {due}"
    assert row[3:5] == [str(respond["missed"]["value"]), str(respond["running_overdue"]["value"])]


async def test_a_closed_unit_has_its_row_where_its_figures_are_in_those_above(visitor: Visitor, city: City) -> None:
    before = (await _page(visitor, "/units/kecamatan")).rows["units-heading"][1:]
    async with writing(city.engine) as connection:
        unit = table("unit")
        await connection.execute(update(unit).where(unit.c.code == "kelurahan-b").values(is_active=False))
        await count_up(connection, RULES)
    rows = (await _page(visitor, "/units/kecamatan")).rows["units-heading"][1:]
    assert len(before) == 2 and rows == before


async def test_the_units_below_come_most_overdue_first_and_lead_to_their_own_page(visitor: Visitor) -> None:
    page = await _page(visitor, "/units/kota")
    rows = page.rows["units-heading"][1:]
    assert {row[0] for row in rows} == {"Kecamatan", "Sudin"}
    overdue = [int(row[2]) for row in rows]
    assert overdue == sorted(overdue, reverse=True) and overdue[0] > 0
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert "/units/sudin?period=30d" in links
    below = await _page(visitor, "/units/sudin")
    assert below.terms["Lewat tenggat"] == next(row[2] for row in rows if row[0] == "Sudin")


async def test_the_most_overdue_complaints_come_longest_first(visitor: Visitor) -> None:
    page = await _page(visitor, "/")
    listed = (await visitor.get("/api/v1/complaints?due=overdue&limit=20")).json()["items"]
    rows = page.rows["overdue-heading"][1:]
    assert [row[0] for row in rows] == [item["ticket_code"] for item in listed]
    assert all(row[5].split()[1] in ("hari", "jam", "menit") for row in rows)


async def test_several_units_of_one_officer_are_shown_together(visitor: Visitor) -> None:
    page, overview = await _page(visitor, "/"), (await visitor.get("/api/v1/overview")).json()
    assert page.terms["Terbuka"] == str(overview["open"]["value"])
    assert {row[0] for row in page.rows["units-heading"][1:]} == {"Biro", "Dinas", "Kota"}


async def test_who_covers_everything_sees_what_no_unit_holds(mayor: Visitor) -> None:
    page, overview = await _page(mayor, "/"), (await mayor.get("/api/v1/overview")).json()
    assert page.terms["Belum ada unit"] == str(overview["unrouted"]["value"]) != "0"
    assert any(row[2] == "belum ada unit" for row in page.rows["overdue-heading"][1:])


async def test_a_unit_that_is_not_ones_own_is_not_there(city: City, door: Door) -> None:
    await door.officer("lurah", "officer", ["kelurahan-a"])
    visitor = Visitor(door)
    await visitor.sign_in("lurah")
    for code in ("kota", "absent"):
        answer = await visitor.get(f"/units/{code}")
        assert answer.status_code == 404
        assert "di luar unit yang Anda pegang" in answer.text
    assert (await visitor.get("/live?unit=kota")).status_code == 404


async def test_a_page_holds_no_word_of_a_complaint_nor_who_made_it(city: City, mayor: Visitor) -> None:
    async with writing(city.engine) as connection:
        complaint = table("complaint")
        secret = {"subject": "Rahasia-subjek", "text": "Rahasia-teks 0812-0000-1234", "address": "Rahasia-alamat"}
        await connection.execute(update(complaint).values(**secret, is_private=True))
    for path in ("/", "/units/kota", "/live"):
        text = (await mayor.get(path)).text
        assert "JK0000" in text
        assert "Rahasia" not in text and "0812-" not in text


async def test_what_a_source_names_is_shown_as_text(city: City, mayor: Visitor) -> None:
    async with writing(city.engine) as connection:
        await connection.execute(update(table("complaint")).values(category="<script>alert(1)</script>"))
        await connection.execute(update(table("unit")).values(name='"><img src=x>'))
    text = (await mayor.get("/")).text
    assert "<script>alert" not in text and "<img src=x" not in text
    assert "&lt;script&gt;alert(1)" in text


async def test_a_stale_source_is_said_in_words(city: City, mayor: Visitor) -> None:
    assert "Data tidak mutakhir" in (await mayor.get("/")).text
    async with writing(city.engine) as connection:
        await connection.execute(update(table("source")).values(complete_through=NOW))
    text = (await mayor.get("/")).text
    assert "Data tidak mutakhir" not in text and "lengkap sampai 2 Mar 10.20" in text
    mayor.door.clock.now = NOW + timedelta(minutes=16)
    text = (await mayor.get("/")).text
    assert "Data tidak mutakhir" in text and "tertinggal" in text


async def test_the_newest_alerts_are_told(city: City, mayor: Visitor) -> None:
    row = {"complaint_id": 1, "clock": "respond", "cycle": 1, "rule": "city.respond", "step": 100, "level": "breach"}
    row |= {"state": "pending", "unit_id": city.units["sudin"], "due_at": NOW, "fired_at": NOW, "raised_at": NOW}
    assert "Belum ada peringatan." in (await mayor.get("/")).text
    async with writing(city.engine) as connection:
        await connection.execute(insert(table("alert")).values(row))
    text = " ".join((await mayor.get("/")).text.split())
    link = '<a href="/complaints/JK00000001">JK00000001</a>'
    assert f'<span class="tag tag-breach">Lewat tenggat</span> <b class="code">{link}</b>' in text
    assert "Tanggapan pertama · Sudin" in text


async def test_the_link_of_an_alert_leads_to_its_complaint(mayor: Visitor) -> None:
    answer = await mayor.get("/complaints/JK00000001")
    assert answer.status_code == 200 and '<h1 class="code">JK00000001</h1>' in answer.text
    mayor.door.client.cookies.clear()
    stranger = await mayor.get("/complaints/JK00000001")
    assert stranger.headers["location"] == "/sign-in?next=/complaints/JK00000001"


async def test_the_live_part_is_the_page_itself_and_not_sent_twice(mayor: Visitor) -> None:
    whole, part = (await mayor.get("/?period=7d")).text, await mayor.get("/live?period=7d")
    assert part.text.strip() in whole
    again = await mayor.get("/live?period=7d", **{"If-None-Match": part.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    mayor.door.clock.now = NOW + timedelta(minutes=1)
    later = await mayor.get("/live?period=7d", **{"If-None-Match": part.headers["etag"]})
    assert later.status_code == 200 and later.headers["etag"] != part.headers["etag"]


async def test_the_page_is_indonesian_until_the_reader_chooses_english(mayor: Visitor) -> None:
    first = await mayor.get("/", **{"Accept-Language": "en-US,en"})
    assert '<html lang="id">' in first.text and "Lewat tenggat" in first.text
    chosen = await mayor.get("/?lang=en")
    assert '<html lang="en">' in chosen.text and "Longest overdue" in chosen.text
    assert '<html lang="en">' in (await mayor.get("/units/kota")).text
    assert '<html lang="id">' in (await mayor.get("/?lang=id")).text


async def test_the_page_needs_nothing_from_elsewhere_and_nothing_inline(mayor: Visitor) -> None:
    answer = await mayor.get("/")
    page = Page.of(answer.text)
    for tag, attributes in page.tags:
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes), tag
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "/").startswith(("/", "#", "?")), attributes
    assert not [attributes for tag, attributes in page.tags if tag == "script" and "src" not in attributes]
    assert not [tag for tag, _ in page.tags if tag == "style"]
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert answer.headers["cache-control"] == "no-store"


async def test_the_page_has_landmarks_headings_and_named_tables(mayor: Visitor) -> None:
    page = Page.of((await mayor.get("/units/kota")).text)
    names = [tag for tag, _ in page.tags]
    assert names.count("h1") == 1 and names.count("main") == 1 and {"header", "footer", "nav"} <= set(names)
    assert len(page.ids) == len(set(page.ids))
    assert all(attributes.get("scope") for tag, attributes in page.tags if tag == "th")
    labels = [attributes.get("aria-labelledby") for tag, attributes in page.tags if tag == "section"]
    assert all(label is None or label in page.ids for label in labels)
    assert all(
        attributes.get("aria-hidden") == "true" or attributes.get("aria-label")
        for tag, attributes in page.tags
        if tag == "svg"
    )


async def test_the_assets_need_no_sign_in(door: Door) -> None:
    for name in ("style.css", "live.js", "mark.svg"):
        assert (await door.client.get(f"/assets/{name}")).status_code == 200


async def test_a_page_costs_as_many_statements_for_many_units_as_for_few(
    city: City, mayor: Visitor, door: Door
) -> None:
    """Its live part, which is asked for again and again, costs far fewer than the rest."""
    seen: list[str] = []
    await mayor.get("/")
    event.listen(door.house.engine.sync_engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    for page, most in (("/insight?unit={}", 28), ("/live?unit={}", 14), ("/units/{}", 14)):
        seen[:] = []
        await mayor.get(page.format("kota"))
        many, seen[:] = _selects(seen), []
        await mayor.get(page.format("kelurahan-a"))
        assert many == _selects(seen) <= most


def _selects(statements: list[str]) -> int:
    return sum(each.startswith(("SELECT", "WITH")) for each in statements)


def test_both_languages_have_the_same_words() -> None:
    assert set(WORDS) == set(LANGUAGES)
    assert WORDS["id"].keys() == WORDS["en"].keys()


async def test_the_way_up_to_a_unit_leads_over_its_first_parent(city: City) -> None:
    async with city.engine.connect() as connection:
        rules = await city.rules(connection)
        directory = await read_directory(connection, city.asker("gita").scope, rules.ancestors)
    assert [unit.code for unit in directory.way_up(directory.find("kelurahan-a"))] == ["kota", "kecamatan"]
    assert [unit.code for unit in directory.way_up(directory.find("sudin"))] == ["dinas"]
