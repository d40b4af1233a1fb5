"""Units over HTTP: the tree, scopes, periods, pages, CSV; and behind every figure exactly the complaints it counts."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import text

from app.complaint.lifecycle import OPEN
from app.db.changes import RULES, count_up
from app.db.session import writing
from app.units.figures import CLOCKS
from tests.api.door import Door
from tests.units.city import NOW, City, Recount, period
from tests.workqueue.desk import table

Answer = Mapping[str, Any]
OPEN_WORDS = ",".join(OPEN)


@pytest.fixture
async def city(door: Door) -> City:
    """The city behind the door, seen at the instant its recount is made for."""
    built = City(door.house.engine)
    await built.build()
    await built.fill(90)
    door.clock.now = NOW
    return built


class Caller:
    """Somebody with a token, who reads JSON."""

    def __init__(self, door: Door, headers: dict[str, str]) -> None:
        self.door, self.headers = door, headers

    async def get(self, path: str, status: int = 200, **query: str | int) -> Answer:
        url = path if path.startswith("/api") else f"/api/v1{path}"
        answer = await self.door.client.get(url, headers=self.headers, params=query or None)
        assert answer.status_code == status, answer.text
        found: Answer = answer.json()
        return found

    async def listed(self, href: str) -> set[int]:
        """The ids of every complaint that an address lists, over all its pages."""
        found: list[int] = []
        page = await self.get(href)
        while True:
            found += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            page = await self.get(f"{href}&cursor={page['next_cursor']}")
        assert len(found) == len(set(found))
        return set(found)


@pytest.fixture
async def admin(door: Door, city: City) -> Caller:
    return Caller(door, await door.token("admin"))


async def _of(door: Door, *units: str) -> Caller:
    return Caller(door, await door.token("viewer", *units, name=f"token of {units}"))


async def test_each_open_figure_leads_to_exactly_its_complaints(city: City, admin: Caller) -> None:
    counted = await city.recount()
    for code in ("kota", "sudin", "kelurahan-a"):
        rows = counted.open_ones((city.units[code],))
        status = await admin.get(f"/units/{code}/status")
        expected = {
            "open": rows,
            "overdue": [row for row in rows if row.next_due_at is not None and row.next_due_at < NOW],
            "unassigned": [row for row in rows if row.assignee_id is None],
        }
        for name, behind in expected.items():
            assert status[name]["value"] == len(behind)
            assert await admin.listed(status[name]["href"]) == {row.id for row in behind}, name
        assert len(await admin.listed(status["due_24h"]["href"])) == status["due_24h"]["value"]
        aged = [await admin.listed(bucket["href"]) for bucket in status["ageing"]]
        assert [len(each) for each in aged] == [bucket["value"] for bucket in status["ageing"]]
        assert set().union(*aged) == {row.id for row in rows}
        oldest = await admin.get(status["oldest"]["href"])
        assert oldest["items"][0]["reported_at"] == status["oldest"]["since"]


async def test_each_figure_of_a_clock_leads_to_exactly_its_complaints(city: City, admin: Caller) -> None:
    """A figure counts cycles, its address lists the complaints that have one."""
    counted = await city.recount()
    for code in ("kota", "sudin", "biro"):
        clocks = (await admin.get(f"/units/{code}/status"))["clocks"]
        for clock in CLOCKS:
            for name, cycles in _behind(counted, (city.units[code],), clock):
                figure = clocks[clock][name]
                found = await admin.listed(figure["href"])
                assert found == {row.complaint_id for row in cycles}, (code, clock, name)
                assert name in ("compliance", "median_seconds") or figure["value"] == len(cycles)


def _behind(counted: Recount, group: tuple[int, ...], clock: str) -> Iterator[tuple[str, list[Any]]]:
    span, cycles = period(), counted.cycles(group, clock)
    due = [row for row in cycles if row.due_at is not None and span.since <= row.due_at < span.until]
    by_state: Callable[..., list[Any]] = lambda *states: [row for row in due if row.state in states]  # noqa: E731
    yield "received", [row for row in cycles if span.since <= row.started_at < span.until]
    yield "met", by_state("met")
    yield "missed", by_state("missed")
    yield "running_overdue", by_state("running", "paused")
    yield "compliance", by_state("met", "missed", "running", "paused")
    stopped = [row for row in cycles if row.state in ("met", "missed") and span.since <= row.stopped_at < span.until]
    yield "median_seconds", stopped


async def test_what_no_unit_holds_is_told_at_the_top_to_whoever_covers_it(city: City, admin: Caller) -> None:
    top = (await admin.get("/units/kota/status"))["unrouted"]
    counted = await city.recount()
    lost = {row.id for row in counted.complaints if row.unit_id is None and row.closed_at is None}
    assert top["value"] == len(lost) > 0
    assert await admin.listed(top["href"]) == lost
    assert len(await admin.listed(top["overdue"]["href"])) == top["overdue"]["value"]
    assert (await admin.get("/units/kecamatan/status"))["unrouted"] is None
    owner = await _of(admin.door, "kota")
    assert (await owner.get("/units/kota/status"))["unrouted"] is None


async def test_where_there_is_no_unit_a_figure_of_units_leads_nowhere(door: Door) -> None:
    caller = Caller(door, await door.token("admin"))
    told = await caller.get("/overview")
    figures = (told["open"], told["overdue"], told["clocks"]["respond"]["met"], told["clocks"]["handle"]["received"])
    assert [(figure["value"], figure["href"]) for figure in figures] == [(0, None)] * 4
    assert await caller.listed(told["unrouted"]["href"]) == set()


async def test_the_tree_shows_a_unit_below_both_its_parents(admin: Caller) -> None:
    tree = await admin.get("/units")
    tops = {node["code"]: node for node in tree["items"]}
    assert set(tops) == {"kota", "dinas", "biro"}
    assert [node["code"] for node in tops["dinas"]["children"]] == ["sudin"]
    assert [node["code"] for node in tops["kota"]["children"]] == ["kecamatan", "sudin"]
    assert tops["dinas"]["children"][0]["parents"] == ["dinas", "kota"]
    assert tree["as_of"] and {source["source"] for source in tree["sources"]} == {"crm", "jaki"}


async def test_a_caller_sees_their_own_units_and_nothing_tells_of_others(city: City, admin: Caller) -> None:
    caller = await _of(admin.door, "kecamatan")
    (top,) = (await caller.get("/units"))["items"]
    assert top["code"] == "kecamatan" and top["parents"] == []
    assert [node["code"] for node in top["children"]] == ["kelurahan-a", "kelurahan-b"]
    for path in ("/units/sudin", "/units/sudin/status", "/units/absent", "/units/absent/status"):
        answer = await caller.get(path, 404)
        assert answer["detail"] == f"unit {path.split('/')[2]} does not exist"
    for code in ("sudin", "absent"):
        assert (await caller.get("/units/status", 422, parent=code))["errors"] == [
            {"field": "parent", "message": f"no unit is called '{code}'"}
        ]
    codes = [item["unit"]["code"] for item in (await caller.get("/units/status"))["items"]]
    assert codes == ["kecamatan", "kelurahan-a", "kelurahan-b"]
    assert await caller.get("/overview") == await caller.get("/units/kecamatan/status")


async def test_the_overview_of_several_units_counts_each_complaint_once(city: City, admin: Caller) -> None:
    caller = await _of(admin.door, "dinas", "kota")
    overview, counted = await caller.get("/overview"), await city.recount()
    rows = counted.open_ones((city.units["dinas"], city.units["kota"]))
    assert overview["unit"] is None
    assert [unit["code"] for unit in overview["units"]] == ["dinas", "kota"]
    assert overview["open"]["value"] == len(rows)
    assert await caller.listed(overview["open"]["href"]) == {row.id for row in rows}


async def test_a_status_leads_to_the_signals_of_its_unit_in_its_period(admin: Caller) -> None:
    status = await admin.get("/api/v1/units/kota/status?period=7d")
    told = await admin.get(status["signals"]["href"])
    assert (told["unit"]["code"], told["period"]["name"]) == ("kota", "7d")
    earlier = await admin.get("/api/v1/units/kota/status?period=7d&as_of=2026-03-01")
    assert earlier["signals"] == {"href": None}


async def test_one_unit_names_its_neighbours_in_the_tree(admin: Caller) -> None:
    unit = await admin.get("/units/kecamatan")
    assert (unit["name"], unit["type"], unit["is_validator"], unit["is_active"]) == ("Kecamatan", "test", False, True)
    assert unit["parents"] == [{"code": "kota", "name": "Kota"}]
    assert [child["code"] for child in unit["children"]] == ["kelurahan-a", "kelurahan-b"]


async def test_the_list_of_status_is_paged_by_code_and_narrowed_by_parent(admin: Caller) -> None:
    codes, query = [], {"limit": 3}
    while True:
        page = await admin.get("/units/status", **query)
        codes += [item["unit"]["code"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query = {"limit": 3, "cursor": page["next_cursor"]}
    assert codes == ["biro", "dinas", "kecamatan", "kelurahan-a", "kelurahan-b", "kota", "sudin"]
    below = await admin.get("/units/status", parent="kota", type="test")
    assert [item["unit"]["code"] for item in below["items"]] == ["kecamatan", "sudin"]
    await admin.get("/units/status", 422, type="istana")
    stolen = (await admin.get("/units/status", limit=1))["next_cursor"]
    assert (await admin.get("/units/status", 422, parent="kota", cursor=stolen))["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_no_unit_is_lost_between_pages_where_the_database_sorts_as_a_dictionary_does(door: Door) -> None:
    await door.units("A1", "b1", "C1", "d1")
    async with writing(door.house.engine) as connection:
        # The server that comes with the tests knows no language but C: this type sorts as one would.
        await connection.execute(text("CREATE EXTENSION citext"))
        await connection.execute(text("ALTER TABLE unit ALTER COLUMN code TYPE citext"))
    caller, codes, query = Caller(door, await door.token("admin")), [], {"limit": 1}
    while query:
        page = await caller.get("/units/status", **query)
        codes += [item["unit"]["code"] for item in page["items"]]
        query = {"limit": 1, "cursor": page["next_cursor"]} if page["next_cursor"] else {}
    assert codes == ["A1", "C1", "b1", "d1"]


async def test_a_closed_unit_is_told_of_where_it_has_any_figure(city: City, admin: Caller) -> None:
    """Its last days are of the period, and a source may go on naming it: what is counted above it has a row below."""
    unit = table("unit")
    async with writing(city.engine) as connection:
        closed = unit.c.code.in_(("kelurahan-b", "biro"))
        await connection.execute(unit.update().where(closed).values(is_active=False))
        await count_up(connection, RULES)
    above = (await admin.get("/units/kecamatan/status"))["open"]["value"]
    own = await admin.listed("/complaints?unit=kecamatan&unit_scope=exact&status=" + OPEN_WORDS)
    below = (await admin.get("/units/status", parent="kecamatan"))["items"]
    assert [item["unit"]["code"] for item in below] == ["kelurahan-a", "kelurahan-b"]
    assert below[1]["open"]["value"] > 0
    assert above == len(own) + sum(item["open"]["value"] for item in below)
    for name, is_there in (("30d", True), ("2024-01", False)):
        everyone = (await admin.get("/units/status", period=name))["items"]
        assert ("biro" in {item["unit"]["code"] for item in everyone}) is is_there
    assert [child["code"] for child in (await admin.get("/units/kecamatan"))["children"]] == ["kelurahan-a"]


async def test_a_period_is_told_in_full(admin: Caller) -> None:
    for name in ("7d", "30d", "90d", "2026-02"):
        answer = await admin.get("/overview", period=name)
        span = period(name)
        assert answer["period"]["name"] == name
        assert len(answer["trend"]) == len(span.days)
        assert answer["trend"][0]["on"] == span.days[0].on.isoformat()


async def test_a_period_that_is_none_is_refused_by_name(admin: Caller) -> None:
    for name in ("1d", "2026-13", "2026-04", "1999-12", "2026-2", "30 d", ""):
        assert (await admin.get("/overview", 422, period=name))["errors"][0]["field"] == "period"


async def test_what_is_not_known_is_refused(admin: Caller) -> None:
    answer = await admin.get("/units/kota/status", 422, since="2026-01-01T00:00:00Z")
    assert answer["errors"] == [{"field": "since", "message": "is not known"}]


async def test_who_wishes_for_no_sheet_gets_none(admin: Caller) -> None:
    for accept in ("text/csv;q=0, application/json", "text/csv;q=0.2, */*", "text/html"):
        answer = await admin.door.client.get("/api/v1/overview", headers={**admin.headers, "Accept": accept})
        assert answer.headers["content-type"] == "application/json", accept


async def test_the_same_figures_come_as_csv(admin: Caller) -> None:
    items = (await admin.get("/units/status"))["items"]
    weighed = {"Accept": "application/json;q=0.5, text/csv"}
    for ask in ({"params": {"format": "csv"}}, {"headers": {"Accept": "text/csv"}}, {"headers": weighed}):
        headers = {**admin.headers, **ask.get("headers", {})}
        answer = await admin.door.client.get("/api/v1/units/status", headers=headers, params=ask.get("params"))
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [(row["code"], row["open"]) for row in rows] == [
            (item["unit"]["code"], str(item["open"]["value"])) for item in items
        ]
        share = items[0]["clocks"]["validate"]["compliance"]["value"]
        assert float(rows[0]["validate_compliance"]) == share
    for path in ("/units", "/overview", "/units/kota/status"):
        answer = await admin.door.client.get(f"/api/v1{path}?format=csv", headers=admin.headers)
        assert answer.headers["content-disposition"].startswith("attachment")
