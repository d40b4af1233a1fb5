"""Polling what is not complaints: alerts, sources, the tree, signals and the outlook; 304 until one of them changed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.alerts.watch import sweep_all
from app.complaint.lifecycle import Move
from app.db.metadata import metadata
from app.db.session import writing
from app.db.states import DeliveryState
from tests.api.door import Door
from tests.api.screen import API, Screen, screen_of, statements, tell_source
from tests.units.city import City
from tests.units.test_outlook import office
from tests.workqueue.desk import DAY, NOON, at

ALERTS = ("/alerts", "/alerts?unit=kota&level=warning,breach")
SOURCES = ("/sources", "/sources/crm")
TREE = ("/units", "/units/sudin")
AHEAD = ("/units/sudin/outlook", "/units/kota/outlook")
SIGNALS = ("/units/sudin/signals?period=7d",)
LISTS = (*ALERTS, *SOURCES, *TREE, *AHEAD, *SIGNALS)
# The look at the changes reads counters, sources and rules; which of the lists' own tables no poll may read.
ON_LISTED = re.compile(
    r"(FROM|JOIN) (alert|delivery|source_run|reject|source_notice|complaint|stint|pause|unit_alias)\b"
)


@pytest.fixture
async def screen(door: Door) -> Screen:
    return await screen_of(door)


async def _sweep(screen: Screen) -> int:
    swept = await sweep_all(screen.door.house.engine, screen.door.house.rulebooks, now=screen.door.clock.now)
    await screen.see()
    return swept.raised


async def test_a_list_that_has_not_changed_is_told_in_no_words_and_no_query(screen: Screen) -> None:
    assert await screen.statuses(*LISTS) == [200] * len(LISTS)
    with statements(screen.door) as told:
        for path in LISTS:
            again = await screen.poll(path)
            assert (again.status_code, again.content) == (304, b""), path
            assert again.headers["cache-control"] == "private, no-cache"
    assert not [each for each in told if ON_LISTED.search(each)]


async def test_a_breach_that_was_told_of_is_another_list_of_alerts(screen: Screen) -> None:
    screen.set_time(NOON + timedelta(hours=23, seconds=1))
    await screen.statuses(*ALERTS, *SOURCES, *TREE)
    assert await _sweep(screen) > 0
    assert await screen.statuses(*ALERTS, *SOURCES, *TREE) == [200, 200, 304, 304, 304, 304]
    assert "breach" in {each["level"] for each in (await _fresh(screen, "/alerts"))["items"]}
    assert await _sweep(screen) == 0
    assert await screen.statuses(*ALERTS) == [304, 304], "a pass that finds nothing writes nothing"


async def test_an_alert_that_somebody_acknowledges_is_another_list_at_once(screen: Screen) -> None:
    screen.set_time(NOON + timedelta(hours=23, seconds=1))
    await _sweep(screen)
    (first, *_) = (await _fresh(screen, "/alerts"))["items"]
    assert (await screen.poll("/alerts")).status_code == 304
    officer = await screen.door.token("officer")
    done = await screen.door.client.post(f"{API}/alerts/{first['id']}/acknowledge", headers=officer)
    assert done.status_code == 200
    answer = await screen.poll("/alerts")
    assert answer.status_code == 200
    assert next(each for each in answer.json()["items"] if each["id"] == first["id"])["acknowledged_at"]


async def test_a_message_that_arrives_is_another_list_of_alerts(screen: Screen) -> None:
    screen.set_time(NOON + timedelta(hours=23, seconds=1))
    await _sweep(screen)
    await screen.statuses(*ALERTS, *SOURCES)
    async with writing(screen.door.house.engine) as connection:
        arrived = update(metadata.tables["delivery"]).values(state=DeliveryState.DELIVERED, attempts=1)
        await connection.execute(arrived)
    await screen.see()
    assert await screen.statuses(*ALERTS, *SOURCES) == [200, 200, 304, 304]


async def test_a_complaint_that_leaves_takes_its_alerts_along(screen: Screen) -> None:
    here = Screen(screen.door, screen.desk, await screen.door.token("officer", "sudin"))
    screen.set_time(NOON + timedelta(hours=23, seconds=1))
    await _sweep(screen)
    assert (await here.poll("/alerts")).json()["items"]
    await screen.desk.move(1, Move.FORWARD, "citra", unit="kelurahan-a", reason="Bukan wilayah kami")
    await here.see()
    assert (await here.poll("/alerts")).json()["items"] == []


async def test_a_source_that_is_pulled_is_another_list_of_sources(screen: Screen) -> None:
    await screen.statuses(*LISTS)
    await tell_source(screen.door, "crm", failures=1, last_error="401: the token is refused", last_error_at=NOON)
    await screen.see()
    assert await screen.statuses(*SOURCES, *ALERTS, *TREE) == [200, 200, 304, 304, 304, 304]
    assert (await _fresh(screen, "/sources/crm"))["last_error"] == "401: the token is refused"


async def test_a_dead_source_turns_every_list_stale_within_one_poll(screen: Screen) -> None:
    await screen.statuses(*LISTS)
    screen.set_time(NOON + timedelta(minutes=15))
    assert set(await screen.statuses(*LISTS)) == {304}
    screen.set_time(NOON + timedelta(minutes=15, seconds=1))
    for path in LISTS:
        answer = await screen.poll(path)
        assert answer.status_code == 200, path
        assert [each["stale"] for each in answer.json()["sources"]] == [True, True], path


async def test_a_unit_with_another_name_is_another_tree(screen: Screen) -> None:
    await screen.statuses(*TREE)
    await screen.desk.report("JK3", NOON, unit="sudin")
    await screen.see()
    assert await screen.statuses(*TREE) == [304, 304], "no complaint is in it"
    admin = await screen.door.token("admin")
    renamed = await screen.door.client.patch(f"{API}/admin/units/sudin", json={"name": "Suku Dinas"}, headers=admin)
    assert renamed.status_code == 200
    assert await screen.statuses(*TREE) == [200, 200]


async def test_what_passes_its_due_time_is_no_longer_ahead(screen: Screen) -> None:
    await office(City(screen.door.house.engine))
    screen.set_time(NOON + timedelta(hours=22, minutes=59))
    await screen.see()
    await screen.statuses(*AHEAD)
    screen.set_time(NOON + timedelta(hours=23, seconds=1))
    assert await screen.statuses(*AHEAD) == [200, 200]


async def test_a_unit_that_opens_or_closes_has_another_outlook(screen: Screen) -> None:
    await office(City(screen.door.house.engine))
    screen.set_time(at("2026-01-13 15:30"))
    await screen.see()
    await screen.statuses(*AHEAD, *SIGNALS)
    for before, after in (("2026-01-13 15:59", "2026-01-13 16:00"), ("2026-01-14 07:29", "2026-01-14 07:30")):
        screen.set_time(at(before))
        await screen.statuses(*AHEAD, *SIGNALS)
        assert await screen.statuses(*AHEAD) == [304, 304]
        screen.set_time(at(after))
        assert await screen.statuses(*AHEAD, *SIGNALS) == [200, 200, 304]


async def test_a_change_of_a_unit_is_a_change_of_its_outlook_and_signals_alone(screen: Screen) -> None:
    paths = ("/units/kelurahan-a/outlook", "/units/kelurahan-a/signals", *AHEAD, *SIGNALS)
    await screen.statuses(*paths)
    await screen.desk.report("JK3", NOON - DAY, unit="kelurahan-a")
    await screen.see()
    assert await screen.statuses(*paths) == [200, 200, 304, 200, 304]


async def test_any_is_no_list_where_there_would_be_none(screen: Screen) -> None:
    held = {"If-None-Match": "*"}
    assert (await screen.poll("/alerts?unit=atlantis", **held)).status_code == 422
    assert (await screen.poll("/alerts?level=soon", **held)).status_code == 422
    for path in ("/sources/atlantis", "/units/atlantis", "/units/atlantis/outlook", "/units/atlantis/signals"):
        answer = await screen.poll(path, **held)
        assert (answer.status_code, "etag" in answer.headers) == (404, False), path


async def _fresh(screen: Screen, path: str) -> dict[str, list[dict[str, str]]]:
    """The whole answer, whatever the screen holds."""
    answer = await screen.poll(path, **{"If-None-Match": ""})
    return answer.json()  # type: ignore[no-any-return]
