"""A month that goes on: every figure equals a plain recount, leads to what it counts, and what was told stays told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from app.units.periods import before, read_period
from tests.api.amid import all_gone, written_amid
from tests.api.door import Door
from tests.api.test_unit_answers import Caller
from tests.units.city import WIB
from tests.units.month import END, THEN, Month
from tests.units.plainly import Everything, told

UNITS = ("kota", "dinas", "biro", "kecamatan", "kelurahan-a", "kelurahan-b", "sudin")
PERIODS = ("7d", "30d", "90d", "2026-01", "2026-02")


@pytest.fixture
async def month(door: Door) -> Month:
    built = Month(door.house.engine)
    await built.build()
    await built.begin(130)
    await built.go_on_to(THEN)
    door.clock.now = THEN
    return built


@pytest.fixture
async def admin(door: Door, month: Month) -> Caller:
    return Caller(door, await door.token("admin"))


async def _a_week_later(door: Door, month: Month) -> None:
    await month.go_on_to(END)
    door.clock.now = END


async def test_every_figure_of_every_unit_equals_a_plain_recount(month: Month, admin: Caller) -> None:
    await _a_week_later(admin.door, month)
    everything = await Everything.of(month)
    for name in PERIODS:
        span = read_period(name, now=END, zone=WIB)
        page = await admin.get("/units/status", period=name)
        assert {item["unit"]["code"] for item in page["items"]} == set(UNITS)
        for item in page["items"]:
            group = (month.units[item["unit"]["code"]],)
            assert told(item) == everything.figures(group, span, END), (name, item["unit"]["code"])
            assert item["trend"] == everything.trend(group, span)
    whole = everything.figures(tuple(month.units.values()), span, END)
    assert whole["holding"]["stints"] > 50 and whole["handling"]["reopen_rate"] and whole["handling"]["send_back_rate"]
    assert all(whole["clocks"][clock]["median_seconds"] for clock in ("respond", "coordinate", "handle", "validate"))


async def test_every_part_equals_a_recount_of_its_complaints_and_leads_to_them(month: Month, admin: Caller) -> None:
    await _a_week_later(admin.door, month)
    everything, span = await Everything.of(month), read_period("30d", now=END, zone=WIB)
    rows = everything.counted.complaints
    by_source = {name: {n for n, life in month.lives.items() if name in life.sources} for name in month.sources}
    parts: dict[str, dict[str | None, set[int]]] = {
        "category": {code: {row.id for row in rows if row.category_code == code} for code in ("jalan", "pohon", None)},
        "channel": {name: {row.id for row in rows if row.channel == name} for name in ("E-mail", "JAKI", "Twitter")},
        "source": dict(by_source),
    }
    for by, numbers in parts.items():
        answer = await admin.get("/units/kota/status", by=by)
        assert [part["part"] for part in answer["parts"]] == list(numbers)
        for part in answer["parts"]:
            only = everything.only(numbers[part["part"]])
            expected = only.figures((month.units["kota"],), span, END)
            assert told(part) == expected, (by, part["part"])
            if part["part"] is None:
                assert all(figure["href"] is None for _, figure in _figures(part))
                continue
            assert told(await admin.get("/units/kota/status", **{by: part["part"]})) == expected
            for name in ("open", "overdue"):
                assert len(await admin.listed(part[name]["href"])) == part[name]["value"]
            cycles = only.counted.cycles((month.units["kota"],), "respond")
            met = {row.complaint_id for row in cycles if row.state == "met" and span.since <= row.due_at < span.until}
            assert await admin.listed(part["clocks"]["respond"]["met"]["href"]) == met


async def test_each_address_lists_exactly_what_its_figure_counts(month: Month, admin: Caller) -> None:
    await _a_week_later(admin.door, month)
    everything, span = await Everything.of(month), read_period("2026-02", now=END, zone=WIB)
    for code in ("kota", "dinas", "biro"):
        status = await admin.get(f"/units/{code}/status", period="2026-02")
        for name in ("open", "overdue", "due_24h", "unassigned"):
            assert len(await admin.listed(status[name]["href"])) == status[name]["value"], (code, name)
        for bucket in status["ageing"]:
            assert len(await admin.listed(bucket["href"])) == bucket["value"]
        reported = status["handling"]["reported"]
        assert len(await admin.listed(reported["href"])) == reported["value"]
        for clock, card in status["clocks"].items():
            cycles = everything.counted.cycles((month.units[code],), clock)
            due = [row for row in cycles if row.due_at is not None and span.since <= row.due_at < span.until]
            for name, states in _STATES.items():
                found = await admin.listed(card[name]["href"])
                assert found == {row.complaint_id for row in due if row.state in states}, (code, clock, name)


async def test_what_was_told_is_told_again_after_a_week_of_later_entries(month: Month, admin: Caller) -> None:
    before = {ask: await _answers(admin, *ask) for ask in _asks()}
    at_once = {ask: await _answers(admin, *ask, as_of=_then()) for ask in _asks()}
    await _a_week_later(admin.door, month)
    later = {ask: await _answers(admin, *ask) for ask in _asks()}
    as_of = {ask: await _answers(admin, *ask, as_of=_then()) for ask in _asks()}
    for ask in _asks():
        assert _without_addresses(as_of[ask]) == _without_addresses(before[ask]), ask
        assert as_of[ask] == at_once[ask]
        assert _without_addresses(later[ask]) != _without_addresses(before[ask]), ask
        assert all(figure["href"] is None for _, figure in _figures(as_of[ask]))
    kinds = {str(row.kind) for row in await month.rows("complaint_event") if row.recorded_at > THEN}
    assert kinds >= {"reported", "assigned", "move", "recalculated"}
    late = [row for row in await month.rows("complaint_event") if row.recorded_at > THEN > row.occurred_at]
    assert len(late) > 10 and len(await month.rows("former_facts")) > 10


async def test_what_is_written_meanwhile_takes_nothing_from_an_earlier_instant(month: Month, admin: Caller) -> None:
    await _a_week_later(admin.door, month)
    alone = await admin.get("/overview", as_of=_then())
    async with written_amid(admin.door, before="complaint_rows") as written:
        assert await admin.get("/overview", as_of=_then()) == alone
    assert written


@pytest.mark.parametrize(
    ("path", "query", "second"),
    [
        ("/overview", {}, "happened"),
        ("/units/status", {}, "happened"),
        ("/units/dinas/status", {"by": "source", "compare": "previous,sisters"}, "happened"),
        ("/units/kota/signals", {}, "given"),
        ("/units/kota/outlook", {}, "goes_on"),
    ],
)
async def test_what_is_written_between_two_statements_is_in_no_figure_of_the_answer(
    month: Month, admin: Caller, path: str, query: dict[str, str], second: str
) -> None:
    alone = await admin.get(path, **query)
    async with written_amid(admin.door, before=second, write=all_gone) as written:
        assert await admin.get(path, **query) == alone
    assert written and await admin.get(path, **query) != alone


async def test_as_of_answers_add_up_on_every_level(month: Month, admin: Caller) -> None:
    await _a_week_later(admin.door, month)
    page = await admin.get("/units/status", as_of=_then(), period="2026-02")
    by_code = {item["unit"]["code"]: item for item in page["items"]}
    whole = await admin.get("/overview", as_of=_then(), period="2026-02")
    shared = by_code["sudin"]
    for path in (
        ("open",),
        *((("clocks", clock, name)) for clock in ("respond", "handle") for name in ("met", "missed")),
    ):
        tops = sum(_value(by_code[code], path) for code in ("kota", "dinas", "biro"))
        assert _value(whole, path) == tops - _value(shared, path), path


async def test_the_period_before_stands_beside_and_equals_a_recount(month: Month, admin: Caller) -> None:
    everything = await Everything.of(month)
    for name in ("7d", "2026-02"):
        span = before(read_period(name, now=THEN, zone=WIB), now=THEN, zone=WIB)
        previous = (await admin.get("/units/kota/status", period=name, compare="previous"))["previous"]
        expected = everything.figures((month.units["kota"],), span, THEN)
        assert datetime.fromisoformat(previous["period"]["until"]) == span.until
        for clock, card in previous["clocks"].items():
            assert {key: _plain(value) for key, value in card.items()} == expected["clocks"][clock]
            assert len(await admin.listed(card["received"]["href"])) <= card["received"]["value"]
        assert {key: value["value"] for key, value in previous["handling"].items()} == expected["handling"]
        assert previous["holding"] == expected["holding"]


async def test_a_unit_stands_among_its_sisters(month: Month, admin: Caller) -> None:
    answers = [await admin.get(f"/units/{code}/status", compare="sisters") for code in ("kota", "dinas", "biro")]
    for clock in ("respond", "coordinate"):
        met = [answer["clocks"][clock]["compliance"]["value"] for answer in answers]
        for answer, own in zip(answers, met, strict=True):
            told_of = answer["sisters"]["clocks"][clock]["compliance"]
            known = [each for each in met if each is not None]
            rank = None if own is None else 1 + sum(each > own for each in known)
            assert told_of["rank"] == rank
            assert own is None or told_of["units"] == len(known)
    assert answers[0]["sisters"]["type"] == "test" and answers[0]["sisters"]["parent"] is None
    assert (await admin.get("/units/kota/status"))["sisters"] is None
    lonely = Caller(admin.door, await admin.door.token("viewer", "kelurahan-a"))
    hidden = (await lonely.get("/units/kelurahan-a/status", compare="sisters,previous"))["sisters"]
    assert hidden["parent"] is None
    assert {each["compliance"]["rank"] for each in hidden["clocks"].values()} == {None}


async def test_a_trend_by_week_is_the_trend_by_day_in_sevens(admin: Caller) -> None:
    days = (await admin.get("/overview", period="30d"))["trend"]
    weeks = (await admin.get("/overview", period="30d", trend_by="week"))["trend"]
    assert 5 <= len(weeks) <= 6 and weeks[0]["on"] == days[0]["on"] and weeks[-1]["to"] == days[-1]["on"]
    for name in ("received", "resolved"):
        assert sum(week[name] for week in weeks) == sum(day[name] for day in days) > 0
    assert sum(week["respond"]["due"] for week in weeks) == sum(day["respond"]["due"] for day in days)


async def test_what_cannot_be_narrowed_or_compared_is_refused_by_name(admin: Caller) -> None:
    bad = {
        "source": "lapor",
        "by": "mood",
        "compare": "sisters,me",
        "trend_by": "year",
        "channel": "a,,b",
        "category": "",
    }
    for field, value in bad.items():
        assert (await admin.get("/overview", 422, **{field: value}))["errors"][0]["field"] == field


async def test_an_instant_that_is_none_or_lies_ahead_is_refused(admin: Caller) -> None:
    for text in ("2026-02-25T00:00:00Z", "2026-02-24", "yesterday", "2026-02-24T10:00:00", "1999-01-01T00:00:00Z", ""):
        for path in ("/overview", "/units/status", "/units/kota/status"):
            assert (await admin.get(path, 422, as_of=text))["errors"][0]["field"] == "as_of", text
    day = await admin.get("/overview", as_of="2026-02-23")
    assert day["as_of"] == "2026-02-23T17:00:00Z"


async def test_before_anything_was_known_there_is_nothing(admin: Caller) -> None:
    answer = await admin.get("/overview", as_of="2026-01-10")
    assert answer["open"]["value"] == 0 and answer["clocks"]["respond"]["received"]["value"] == 0


async def test_an_earlier_instant_comes_as_csv_too(admin: Caller) -> None:
    answer = await admin.door.client.get(
        "/api/v1/overview", params={"as_of": _then(), "format": "csv", "by": "channel"}, headers=admin.headers
    )
    rows = answer.content.decode("utf-8-sig").splitlines()
    assert answer.status_code == 200 and len(rows) == 1 + 1 + 3
    assert all(_then() in row for row in rows[1:])


_STATES = {
    "met": ("met",),
    "missed": ("missed",),
    "running_overdue": ("running", "paused"),
    "compliance": ("met", "missed", "running", "paused"),
}


def _then() -> str:
    return "2026-02-24T03:20:00Z"


def _asks() -> list[tuple[str, str, str | None]]:
    asks: list[tuple[str, str, str | None]] = [("/units/status", name, None) for name in ("7d", "30d", "2026-02")]
    return [*asks, *(("/overview", "30d", by) for by in ("category", "channel", "source"))]


async def _answers(caller: Caller, path: str, period: str, by: str | None, **more: str) -> Mapping[str, Any]:
    query = {"period": period, **more, **({"by": by} if by else {})}
    answer = dict(await caller.get(path, **query))
    del answer["sources"]
    return answer


def _without_addresses(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_addresses(each) for name, each in value.items() if name != "href"}
    return [_without_addresses(each) for each in value] if isinstance(value, list) else value


def _figures(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every figure within an answer."""
    if isinstance(value, dict):
        if "href" in value:
            yield name, value
        for key, each in value.items():
            yield from _figures(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from _figures(each, name)


def _plain(value: Any) -> Any:
    return value["value"] if isinstance(value, dict) else value


def _value(answer: Mapping[str, Any], path: tuple[str, ...]) -> int:
    found: Any = answer
    for name in path:
        found = found[name]
    return int(found["value"])
