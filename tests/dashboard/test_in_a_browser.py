"""A real browser signs in and watches the page change, and neither its console nor its network has anything to say."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from sqlalchemy import update

from app.db.session import writing
from app.main import create_app
from app.people.officers import NewOfficer, add_officer
from tests.api.door import PASSWORD, Clock, Role, settings_for
from tests.dashboard.browser import NAMES, Tab, browsing, find_browser
from tests.units.city import NOW, City
from tests.workqueue.desk import table
from tests.workqueue.pictures import photo

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@dataclass
class Served:
    """The application on a real port, and the clock it goes by."""

    url: str
    clock: Clock


@pytest.fixture
def program() -> str:
    found = find_browser()
    if found is None:
        pytest.skip(f"no browser is installed: none of {', '.join(NAMES)} is on the path")
    return found


@pytest.fixture
async def city(engine: object, database_url: str) -> City:
    built = City(engine)  # type: ignore[arg-type]
    await built.build()
    await built.fill(90)
    async with writing(built.engine) as connection:
        await add_officer(
            connection, NewOfficer("gubernur", "Gubernur", Role.ADMIN, (), PASSWORD), actor="tests", now=NOW
        )
        await connection.execute(update(table("source")).values(complete_through=NOW))
    return built


@pytest.fixture
def served(city: City, database_url: str) -> Iterator[Served]:
    clock = Clock()
    clock.now = NOW
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # A browser that comes before the application is ready waits in line.
        listener.listen()
        app = create_app(settings_for(database_url, rate_limit="off"), clock=clock)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", clock)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def tab(program: str, tmp_path: Path) -> Iterator[Tab]:
    with browsing(program, tmp_path / "profile") as opened:
        yield opened


def _sign_in(tab: Tab, served: Served) -> None:
    tab.open(served.url)
    values = {"#username": "gubernur", "#password": PASSWORD}
    for selector, value in values.items():
        tab.run(f"document.querySelector('{selector}').value = {json.dumps(value)}")
    tab.run("document.querySelector('main button').click()")
    tab.wait("document.querySelector('.figures') !== null && document.readyState === 'complete'")


def test_somebody_signs_in_and_sees_the_units_and_what_is_overdue(tab: Tab, served: Served) -> None:
    _sign_in(tab, served)
    assert tab.run("document.documentElement.lang") == "id"
    assert tab.run("document.querySelectorAll('.units tbody tr').length") == 3
    assert tab.run("document.querySelectorAll('.stacked tbody tr').length") == 20
    tab.run("document.querySelector('.units a').click()")
    tab.wait("location.pathname.startsWith('/units/') && document.readyState === 'complete'")
    assert tab.run("document.querySelector('.figures dd').innerText") != ""
    assert tab.complaints == []
    # A `data:` address, such as that of the browser's own calendar sign, leads nowhere.
    assert [url for url in tab.requests if not url.startswith((served.url, "data:"))] == []


def test_the_page_keeps_itself_current_and_what_the_reader_opened_stays_open(tab: Tab, served: Served) -> None:
    _sign_in(tab, served)
    tab.run("document.querySelector('#trend-table summary').click()")
    assert "10.20" in tab.run("document.querySelector('.as-of time').innerText")
    served.clock.now = NOW.replace(minute=21)
    tab.run("document.dispatchEvent(new Event('visibilitychange'))")
    tab.wait("document.querySelector('.as-of time').innerText.includes('10.21')")
    assert tab.run("document.querySelector('#trend-table').open") is True
    assert tab.run("document.querySelector('#offline').hidden") is True
    assert tab.complaints == []


def test_a_page_that_cannot_reach_us_says_so(tab: Tab, served: Served) -> None:
    _sign_in(tab, served)
    tab.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
    tab.run("document.dispatchEvent(new Event('visibilitychange'))")
    tab.wait("document.querySelector('#offline').hidden === false")
    tab.call("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    tab.run("document.dispatchEvent(new Event('visibilitychange'))")
    tab.wait("document.querySelector('#offline').hidden === true")


def test_an_ended_session_leads_back_to_the_sign_in(tab: Tab, served: Served) -> None:
    _sign_in(tab, served)
    tab.call("Network.clearBrowserCookies")
    tab.run("document.dispatchEvent(new Event('visibilitychange'))")
    tab.wait("location.pathname === '/sign-in'")


@pytest.mark.parametrize("is_dark", [False, True])
def test_the_page_fits_a_small_phone(tab: Tab, served: Served, is_dark: bool) -> None:
    tab.resize(360, 740, is_dark=is_dark)
    _sign_in(tab, served)
    assert tab.run("document.documentElement.scrollWidth") == 360
    assert tab.run(_FAINT) == []
    tab.open(f"{served.url}/units/kota")
    tab.wait("document.querySelectorAll('.signals tbody tr').length === 8")
    assert tab.run("document.documentElement.scrollWidth") == 360
    assert tab.run(_FAINT) == []
    assert tab.complaints == []


@pytest.mark.parametrize("is_dark", [False, True])
def test_the_queue_and_a_complaint_fit_a_small_phone(tab: Tab, served: Served, is_dark: bool) -> None:
    tab.resize(360, 740, is_dark=is_dark)
    _sign_in(tab, served)
    tab.open(f"{served.url}/complaints")
    assert tab.run("document.documentElement.scrollWidth") == 360
    assert tab.run(_FAINT) == []
    tab.run("document.querySelector('.stacked a').click()")
    tab.wait("location.pathname.startsWith('/complaints/') && document.readyState === 'complete'")
    tab.run("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    assert tab.run("document.documentElement.scrollWidth") == 360
    assert tab.run(_FAINT) == []
    assert tab.complaints == []


@pytest.mark.parametrize("is_dark", [False, True])
def test_a_complaint_is_taken_in_on_a_small_phone(tab: Tab, served: Served, is_dark: bool) -> None:
    tab.resize(360, 740, is_dark=is_dark)
    _sign_in(tab, served)
    tab.open(f"{served.url}/complaints")
    tab.run("document.querySelector('.heading a').click()")
    tab.wait("location.pathname === '/walk-in' && document.readyState === 'complete'")
    assert tab.run("document.documentElement.scrollWidth") == 360
    assert tab.run(_FAINT) == []
    unnamed = "[...document.querySelectorAll('.taking :is(input:not([type=hidden]), select, textarea)')]"
    assert tab.run(f"{unnamed}.filter((each) => each.labels.length !== 1).length") == 0
    for words in ("Lampu mati di depan pasar", "Lampu mati di depan pasar, tolong"):
        for field, value in {"text": words, "unit": "kota", "point": "-6.2, 106.8"}.items():
            tab.run(f"document.querySelector('#{field}').value = {json.dumps(value)}")
        tab.run("document.querySelector('.taking > button').click()")
        tab.wait("document.querySelector('[role=status] .code') && document.querySelector('#text').value === ''")
    assert tab.run("document.querySelector('[role=status] li a').innerText").startswith("TG")
    assert tab.run("document.documentElement.scrollWidth") == 360
    assert tab.run(_FAINT) == []
    assert tab.complaints == []


def test_an_officer_sends_a_picture_and_is_told_when_it_is_none(tab: Tab, served: Served, tmp_path: Path) -> None:
    _sign_in(tab, served)
    tab.open(f"{served.url}/complaints/JK00000001")
    _choose(tab, tmp_path / "teks.jpg", b"bukan gambar")
    tab.run("document.querySelector('#evidence button').click()")
    tab.wait("document.querySelector('#evidence-trouble').innerText.startsWith('Foto ditolak')")
    _choose(tab, tmp_path / "foto.jpg", photo(3))
    tab.run("document.querySelector('#evidence-note').value = 'Sudah terang'")
    tab.run("document.querySelector('#evidence button').click()")
    tab.wait("document.querySelector('#evidence-heading').parentElement.innerText.includes('Sudah terang')")
    seen = tab.run(
        "fetch(document.querySelector('a[href$=\"/file\"]').href).then((each) => each.headers.get('content-type'))"
    )
    assert seen.startswith("image/")


def _choose(tab: Tab, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    root = tab.call("DOM.getDocument")["root"]["nodeId"]
    node = tab.call("DOM.querySelector", nodeId=root, selector="#evidence-file")["nodeId"]
    tab.call("DOM.setFileInputFiles", nodeId=node, files=[str(file)])


def test_a_unit_prints_its_figures_whole_and_nothing_to_click(tab: Tab, served: Served) -> None:
    _sign_in(tab, served)
    tab.open(f"{served.url}/units/kota")
    tab.wait("document.querySelector('#months-heading') !== null")
    tab.run("window.print = () => (window.printed = true)")
    tab.run("document.querySelector('#print').click()")
    assert tab.run("window.printed") is True
    tab.call("Emulation.setEmulatedMedia", media="print", features=[])
    gone = ".bar-end, .periods, #print, footer, details"
    assert tab.run(f"[...document.querySelectorAll('{gone}')].every(each => !each.checkVisibility())") is True
    kept = "#clocks-heading, #outlook-heading, #signals-heading, #months-heading, .as-of time"
    assert tab.run(f"[...document.querySelectorAll('{kept}')].filter(each => each.checkVisibility()).length") == 5
    tab.resize(718, 1000)
    tab.call("Emulation.setEmulatedMedia", media="print", features=[])
    clipped = "[...document.querySelectorAll('.scroll')].filter(each => each.scrollWidth > each.clientWidth + 1).length"
    assert tab.run(clipped) == 0
    assert tab.run(_FAINT) == []
    pages = tab.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)
    assert len(pages["data"]) > 10_000


# Words and figures against the colour behind them, after WCAG 2.2: at least 4.5 to 1.
_FAINT = """(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let each = node; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
    if (!own || node.closest("[hidden], script, noscript, .unseen")) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${node.tagName}.${node.className}: ${node.innerText} ${ratio.toFixed(2)}`);
  }
  return faint;
})()"""
