"""Polling with `If-None-Match`: 304 while nothing of it changed, another answer as soon as anything did, time too."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest

from app.complaint.lifecycle import Move
from app.db.changes import RULES, count_up
from app.db.pulse import FRESH_S
from app.db.session import writing
from tests.api.door import Door
from tests.api.screen import API, Screen, screen_of, statements, tell_source
from tests.workqueue.desk import _VERSION, DAY, NOON, _add

POLLED = ("/complaints", "/complaints?unit=sudin", "/overview", "/units/status", "/units/sudin/status")
# A foreign key names it too, and so do other tables' columns.
ON_COMPLAINT = re.compile(r"(FROM|JOIN) complaint\b")


@pytest.fixture
async def screen(door: Door) -> Screen:
    return await screen_of(door)


async def test_what_has_not_changed_is_told_in_no_words_and_no_query(screen: Screen) -> None:
    first = {path: await screen.poll(path) for path in POLLED}
    with statements(screen.door) as told:
        for path in POLLED:
            again = await screen.poll(path)
            assert (again.status_code, again.content) == (304, b"")
            for name in ("etag", "cache-control", "vary"):
                assert again.headers[name] == first[path].headers[name]
    assert not [each for each in told if ON_COMPLAINT.search(each)]
    assert first[POLLED[0]].headers["etag"].startswith('W/"')
    assert first[POLLED[0]].headers["cache-control"] == "private, no-cache"
    assert {"authorization", "accept-language"} <= {
        each.strip().lower() for each in first[POLLED[0]].headers["vary"].split(",")
    }


async def test_a_look_at_the_changes_reads_an_index_and_not_the_complaints(screen: Screen) -> None:
    await screen.poll("/overview")
    await asyncio.sleep(FRESH_S)
    assert (await screen.poll("/overview")).status_code == 304


async def test_a_list_of_tags_a_strong_one_and_any_are_understood(screen: Screen) -> None:
    tag = (await screen.poll("/overview")).headers["etag"]
    for held in (f'"other", {tag}', tag.removeprefix("W/"), f'{tag},W/"other"', "*"):
        answer = await screen.poll("/overview", **{"If-None-Match": held})
        assert (answer.status_code, answer.content) == (304, b""), held
        assert answer.headers["etag"] == tag
    assert (await screen.poll("/overview", **{"If-None-Match": 'W/"other"'})).status_code == 200


async def test_any_is_no_answer_where_there_would_be_none(screen: Screen) -> None:
    held = {"If-None-Match": "*"}
    assert (await screen.poll("/complaints?due=soon", **held)).status_code == 422
    assert (await screen.poll("/complaints?unit=atlantis", **held)).status_code == 422
    assert (await screen.poll("/units/atlantis/status", **held)).status_code == 404
    assert (await screen.poll("/overview?period=3d", **held)).status_code == 422
    nobody = await screen.door.client.get(f"{API}/overview", headers=held)
    assert nobody.status_code == 401
    assert "etag" not in nobody.headers


async def test_a_breach_by_time_alone_is_another_answer(screen: Screen) -> None:
    paths = ("/complaints", "/complaints?unit=sudin", "/units/sudin/status", "/overview", "/units/status?parent=kota")
    due_at = NOON + timedelta(hours=23)
    screen.set_time(due_at - timedelta(minutes=1))
    await screen.statuses(*paths)
    screen.set_time(due_at)
    assert (await screen.poll("/complaints?unit=sudin")).status_code == 304, "at its due time it is not late"
    screen.set_time(due_at + timedelta(seconds=1))
    assert await screen.statuses(*paths) == [200] * 5
    (item,) = (await screen.poll("/complaints?unit=sudin", **{"If-None-Match": "none"})).json()["items"]
    assert item["next_due"]["breached"] is True
    assert await screen.statuses(*paths) == [304] * 5


async def test_a_verdict_that_is_overdue_is_an_answer_of_the_unit_that_waits_for_it(screen: Screen) -> None:
    """The clock is the validating bureau's, the complaint is still held by the unit that did the work."""
    paths = ("/units/sudin/status", "/complaints?unit=sudin")
    async with writing(screen.desk.engine) as connection:
        policy_id = await _add(connection, "policy", name="city.verdict", family="city", kind="clock", clock="validate")
        await _add(connection, "policy_version", policy_id=policy_id, target_amount=60, **_VERSION)
        await count_up(connection, RULES)
    known = (await screen.poll("/complaints/JK1")).json()["id"]
    for move in (Move.ACCEPT, Move.SUBMIT):
        await screen.desk.move(known, move)
    await screen.see()
    for minutes, overdue in ((20, 0), (61, 1)):
        screen.set_time(NOON + timedelta(minutes=minutes))
        status, listed = [await screen.poll(path) for path in paths]
        assert (status.status_code, listed.status_code) == (200, 200)
        assert status.json()["overdue"]["value"] == overdue
        assert listed.json()["items"][0]["next_due"]["breached"] is bool(overdue)
        assert await screen.statuses(*paths) == [304, 304]


async def test_what_is_reported_a_little_ahead_of_our_clock_counts_when_its_time_has_come(screen: Screen) -> None:
    """A source's clock may run a little ahead of ours. Nothing is due that no policy judges."""
    await screen.desk.report("JK3", NOON + timedelta(minutes=2), unit="kelurahan-b", policy_families=[])
    await screen.see()
    path = "/units/kelurahan-b/status"
    for minutes, reported in ((1, 0), (3, 1)):
        screen.set_time(NOON + timedelta(minutes=minutes))
        answer = await screen.poll(path)
        assert (answer.status_code, answer.json()["handling"]["reported"]["value"]) == (200, reported)
        assert await screen.statuses(path) == [304]


async def test_a_breach_elsewhere_is_not(screen: Screen) -> None:
    screen.set_time(NOON + timedelta(hours=21, minutes=30))
    paths = ("/complaints?unit=sudin", "/units/sudin/status")
    await screen.statuses(*paths)
    screen.set_time(NOON + timedelta(hours=22, seconds=1))
    assert await screen.statuses("/complaints?unit=kelurahan-a", *paths) == [200, 304, 304]


async def test_what_becomes_due_within_a_day_is_another_status(screen: Screen) -> None:
    await screen.desk.report("JK3", NOON, unit="kelurahan-b")
    await screen.see()
    paths = ("/units/kelurahan-b/status", "/complaints?unit=kelurahan-b&due=24h")
    # It is to be resolved within a week, so this mark passes on the sixth day.
    screen.set_time(NOON + 6 * DAY)
    await screen.statuses(*paths)
    assert await screen.statuses(*paths) == [304, 304]
    screen.set_time(NOON + 6 * DAY + timedelta(seconds=1))
    assert await screen.statuses(*paths) == [200, 200]


async def test_a_new_local_day_is_another_answer(screen: Screen) -> None:
    path = "/units/dinas/status?period=7d"
    screen.set_time(NOON + timedelta(hours=11, minutes=59))
    await screen.poll(path)
    assert (await screen.poll(path)).status_code == 304
    screen.set_time(NOON + timedelta(hours=12))
    assert (await screen.poll(path)).status_code == 200


async def test_a_dead_source_turns_stale_within_one_poll(screen: Screen) -> None:
    await screen.statuses(*POLLED)
    stale_at = NOON + timedelta(minutes=15)
    screen.set_time(stale_at)
    assert set(await screen.statuses(*POLLED)) == {304}
    screen.set_time(stale_at + timedelta(seconds=1))
    for path in POLLED:
        answer = await screen.poll(path)
        assert answer.status_code == 200
        assert all(each["stale"] for each in answer.json()["sources"])
    await tell_source(screen.door, "crm", complete_through=stale_at)
    await screen.see()
    answer = await screen.poll("/overview")
    assert [each["stale"] for each in answer.json()["sources"]] == [False, True]


async def test_a_write_in_a_foreign_unit_is_no_change(screen: Screen) -> None:
    here = Screen(screen.door, screen.desk, await screen.door.token("officer", "sudin"))
    await here.statuses(*POLLED)
    await screen.statuses(*POLLED)
    await screen.desk.report("JK4", NOON, unit="kelurahan-a")
    await here.see()
    assert await here.statuses(*POLLED) == [304] * 5
    assert await screen.statuses(*POLLED) == [200, 304, 200, 200, 304]


async def test_a_complaint_that_comes_and_one_that_leaves_are_changes(screen: Screen) -> None:
    here = Screen(screen.door, screen.desk, await screen.door.token("officer", "sudin"))
    await here.poll("/complaints")
    found = await screen.desk.report("JK4", NOON - timedelta(hours=1), unit="sudin")
    await here.see()
    assert len((await here.poll("/complaints")).json()["items"]) == 2
    await screen.desk.move(found, Move.FORWARD, "citra", unit="kelurahan-a", reason="Bukan wilayah kami")
    await here.see()
    assert len((await here.poll("/complaints")).json()["items"]) == 1
    assert (await here.poll("/complaints")).status_code == 304


async def test_who_writes_here_sees_it_at_once(screen: Screen) -> None:
    officer = Screen(screen.door, screen.desk, await screen.door.token("officer", "sudin"))
    await officer.poll("/complaints")
    moved = await screen.door.client.post(
        f"{API}/complaints/JK1/moves", json={"move": "claim"}, headers=officer.headers
    )
    assert moved.status_code == 200
    assert (await officer.poll("/complaints")).json()["items"][0]["version"] == moved.json()["version"]


async def test_each_scope_language_form_and_address_has_a_tag_of_its_own(screen: Screen) -> None:
    foreign = await screen.door.token("viewer", "dinas")
    whole = Screen(screen.door, screen.desk, screen.headers)
    tags = [
        (await whole.poll("/overview")).headers["etag"],
        (await whole.poll("/overview?period=7d")).headers["etag"],
        (await whole.poll("/overview", **{"Accept-Language": "en", "If-None-Match": ""})).headers["etag"],
        (await whole.poll("/overview", **{"Accept": "text/csv", "If-None-Match": ""})).headers["etag"],
        (await Screen(screen.door, screen.desk, foreign).poll("/overview")).headers["etag"],
    ]
    assert len(set(tags)) == len(tags)


async def test_another_name_of_a_unit_is_a_change(screen: Screen) -> None:
    await screen.statuses(*POLLED)
    admin = await screen.door.token("admin")
    renamed = await screen.door.client.patch(f"{API}/admin/units/sudin", json={"name": "Suku Dinas"}, headers=admin)
    assert renamed.status_code == 200
    assert await screen.statuses(*POLLED) == [200] * 5


async def test_a_comparison_with_the_former_period_is_a_minute_old_at_most(screen: Screen) -> None:
    goes_on = "/units/sudin/status?compare=previous"
    paths = (goes_on, f"{goes_on}&period=2026-01", f"{goes_on}&period=2025-12", f"{goes_on}&as_of=2026-01-12T00:00:00Z")
    screen.set_time(NOON + timedelta(seconds=1))
    await screen.statuses(*paths)
    screen.set_time(NOON + timedelta(seconds=59))
    assert await screen.statuses(*paths) == [304] * 4
    screen.set_time(NOON + timedelta(minutes=1))
    assert await screen.statuses(*paths) == [200, 200, 304, 304]


async def test_a_comparison_with_sisters_changes_with_them(screen: Screen) -> None:
    path = "/units/kelurahan-b/status?compare=sisters"
    await screen.statuses(path, "/units/kelurahan-b/status")
    await screen.desk.report("JK4", NOON, unit="kelurahan-a")
    await screen.see()
    assert await screen.statuses(path, "/units/kelurahan-b/status") == [200, 304]
