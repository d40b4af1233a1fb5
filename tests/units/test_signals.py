"""Each signal shows what it is about, at its edge and not beyond it, with the complaints behind it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.complaint.events import EventKind
from app.complaint.lifecycle import Move, Status
from app.db.scope import WHOLE, Scope
from app.db.session import reading, writing
from app.units.catalogue import OUTLOOKS, SIGNALS
from app.units.outlook import read_outlooks
from app.units.periods import Period
from app.units.signal_rows import Asked, recorded_late
from app.units.signals import Signal, read_signals
from app.units.signs import LIMITS, Finding, Sign, finding, month_end_limit, month_ends
from tests.units.city import NOW, City, period
from tests.units.stories import tell
from tests.workqueue.desk import WIB, at, entry, table

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)
MONDAY = at("2026-02-09 08:00")
SEVEN_DAYS = 7 * DAY


@pytest.fixture
async def city(engine: AsyncEngine) -> City:
    """The city without a complaint."""
    built = City(engine)
    await built.build()
    return built


async def signal(
    city: City, sign: Sign, unit: str = "kelurahan-a", span: Period | None = None, scope: Scope = WHOLE
) -> Signal:
    async with reading(city.engine) as connection:
        rules = await city.rules(connection)
        found = await read_signals(connection, [city.units[unit]], rules, scope, period=span or period(), now=NOW)
    assert [each.found.sign for each in found] == list(Sign)
    return next(each for each in found if each.found.sign is sign)


async def counted(city: City, sign: Sign, unit: str = "kelurahan-a", span: Period | None = None) -> tuple[int, int]:
    found = (await signal(city, sign, unit, span)).found
    return found.count, found.of


@pytest.mark.parametrize("sign", [sign for sign in Sign if sign not in (Sign.MONTH_END, Sign.SOURCE_STALE)])
def test_a_signal_shows_from_its_share_and_its_number_on(sign: Sign) -> None:
    limit = LIMITS[sign]
    whole = int(limit.least * 100 / limit.percent)
    assert finding(sign, range(limit.least), whole).shows
    assert not finding(sign, range(limit.least), whole + 1).shows
    assert not finding(sign, range(limit.least - 1), limit.least - 1).shows
    assert not finding(sign, [], 0).shows


def test_the_limit_of_the_months_end_is_three_times_its_even_share() -> None:
    month = period("2026-02")
    assert [day.on.day for day in month_ends(month)] == [27, 28]
    assert month_end_limit(month) == round(3 * 100 * 2 / 28, 2) == 21.43
    assert month_ends(period("2026-03")) == [] and month_end_limit(period("2026-03")) == 0
    edge = Finding(sign=Sign.MONTH_END, count=15, of=70, limit=21.43)
    assert not edge.shows and Finding(sign=Sign.MONTH_END, count=15, of=69, limit=21.43).shows
    assert not Finding(sign=Sign.MONTH_END, count=9, of=9, limit=21.43).shows


def test_every_sign_has_its_sentence_in_both_languages() -> None:
    for words in (SIGNALS, OUTLOOKS):
        assert words["id"].keys() == words["en"].keys()
    assert set(SIGNALS["id"]) >= {str(sign) for sign in Sign}


# A resolution has seven days, so its last tenth begins 16 hours and 48 minutes before they end.
LAST_TENTH = SEVEN_DAYS * 0.9


async def test_a_pause_counts_as_late_in_the_last_tenth_of_what_it_puts_off(city: City) -> None:
    start = (HOUR, Move.ACCEPT)
    late = await tell(city, MONDAY, "kelurahan-a", start, (LAST_TENTH, Move.ASK_COMPLAINANT), code="JK1")
    await tell(city, MONDAY, "kelurahan-a", start, (LAST_TENTH - SECOND, Move.ASK_COMPLAINANT))
    at_due = await tell(city, MONDAY, "kelurahan-a", start, (SEVEN_DAYS, Move.ASK_COMPLAINANT), code="JK3")
    await tell(city, MONDAY, "kelurahan-a", start, (SEVEN_DAYS + SECOND, Move.ASK_COMPLAINANT))
    await tell(city, MONDAY, "kelurahan-b", start, (LAST_TENTH, Move.ASK_COMPLAINANT))
    found = await signal(city, Sign.PAUSE_BEFORE_DUE)
    assert (found.found.count, found.found.of) == (2, 3)
    assert found.found.complaint_ids == (at_due, late) and found.refs == ("JK3", "JK1")
    assert await counted(city, Sign.PAUSE_BEFORE_DUE, "kecamatan") == (3, 4)
    assert await counted(city, Sign.PAUSE_BEFORE_DUE, "sudin") == (0, 0)


async def test_an_earlier_pause_puts_the_last_tenth_off(city: City) -> None:
    """A day of waiting moves the due time by a day, and with it the part of the target that is left."""
    waited = ((HOUR, Move.ACCEPT), (DAY, Move.ASK_COMPLAINANT), (2 * DAY, Move.COMPLAINANT_ANSWERED))
    for again in (LAST_TENTH, LAST_TENTH + DAY - SECOND, LAST_TENTH + DAY):
        await tell(city, MONDAY, "kelurahan-a", *waited, (again, Move.ASK_COMPLAINANT))
    assert await counted(city, Sign.PAUSE_BEFORE_DUE) == (1, 6)
    ended = (LAST_TENTH + DAY + HOUR, Move.COMPLAINANT_ANSWERED)
    await tell(city, MONDAY, "kelurahan-b", *waited, (LAST_TENTH + DAY, Move.ASK_COMPLAINANT), ended)
    assert await counted(city, Sign.PAUSE_BEFORE_DUE, "kelurahan-b") == (1, 2)


async def test_a_pause_that_no_policy_honours_puts_nothing_off(city: City) -> None:
    async with writing(city.engine) as connection:
        await connection.execute(update(table("policy_version")).values(honours=[]))
    await tell(city, MONDAY, "kelurahan-a", (HOUR, Move.ACCEPT), (LAST_TENTH, Move.ASK_COMPLAINANT))
    assert await counted(city, Sign.PAUSE_BEFORE_DUE) == (0, 0)


async def test_a_closing_counts_when_it_is_opened_again_within_a_week(city: City) -> None:
    done = ((HOUR, Move.ACCEPT), (2 * HOUR, Move.SUBMIT), (DAY, Move.APPROVE))
    soon = await tell(city, MONDAY, "kelurahan-a", *done, (DAY + SEVEN_DAYS, Move.REOPEN), code="JK1")
    await tell(city, MONDAY, "kelurahan-a", *done, (DAY + SEVEN_DAYS + SECOND, Move.REOPEN))
    await tell(city, MONDAY, "kelurahan-a", *done)
    await tell(city, MONDAY, "kelurahan-a", (HOUR, Move.REJECT))
    await tell(city, MONDAY, "kelurahan-a", (HOUR, Move.WITHDRAW))
    found = await signal(city, Sign.CLOSED_AND_REOPENED)
    assert (found.found.count, found.found.of, found.found.complaint_ids) == (1, 4, (soon,))
    assert await counted(city, Sign.CLOSED_AND_REOPENED, "sudin") == (0, 0)


async def test_ping_pong_is_a_hand_over_straight_back(city: City) -> None:
    there, back = (HOUR, Move.FORWARD, "sudin"), (2 * HOUR, Move.FORWARD, "kelurahan-a")
    returned = await tell(city, MONDAY, "kelurahan-a", there, back)
    await tell(city, MONDAY, "kelurahan-a", there, (2 * HOUR, Move.FORWARD, "kelurahan-b"))
    await tell(city, MONDAY, "kelurahan-b", (HOUR, Move.FORWARD, "biro"), (2 * HOUR, Move.FORWARD, "kelurahan-b"))
    found = await signal(city, Sign.PING_PONG)
    assert (found.found.count, found.found.of, found.found.complaint_ids) == (1, 3, (returned,))
    assert await counted(city, Sign.PING_PONG, "sudin") == (1, 4)
    assert await counted(city, Sign.PING_PONG, "kota") == (2, 6)


async def test_a_complaint_that_is_reopened_has_not_been_handed_over(city: City) -> None:
    course = ((HOUR, Move.ACCEPT), (2 * HOUR, Move.REJECT), (3 * HOUR, Move.REOPEN), (4 * HOUR, Move.FORWARD, "sudin"))
    await tell(city, MONDAY, "kelurahan-a", *course)
    assert await counted(city, Sign.PING_PONG) == (0, 1)


async def test_results_of_a_months_last_two_days_are_counted_apart(city: City) -> None:
    for last in ("2026-02-26 23:59:59", "2026-02-27 00:00", "2026-02-28 23:59:59", "2026-03-01 00:00"):
        delivered = at(last) - MONDAY
        await tell(city, MONDAY, "kelurahan-a", (HOUR, Move.ACCEPT), (delivered, Move.SUBMIT))
    assert await counted(city, Sign.MONTH_END, span=period("2026-02")) == (2, 3)
    assert await counted(city, Sign.MONTH_END, span=period("30d")) == (2, 4)
    assert await counted(city, Sign.MONTH_END, span=period("2026-03")) == (0, 1)


async def test_refused_and_doubtful_pictures_are_counted_apart(city: City) -> None:
    mine = await tell(city, MONDAY, "kelurahan-a", (HOUR, Move.ACCEPT), (3 * DAY, Move.FORWARD, "sudin"))
    refused, doubtful = {"verdict": "refused"}, {"flags": ["far_away"], "is_flagged": True}
    for values in (refused, doubtful, {"flags": ["no_exif"], "is_flagged": True}, {**doubtful, "verdict": "accepted"}):
        await _picture(city, mine, MONDAY + DAY, **values)
    await _picture(city, mine, MONDAY + DAY, kind="before", **refused)
    await _picture(city, mine, MONDAY + 3 * DAY, **refused)
    assert await counted(city, Sign.EVIDENCE_REFUSED) == (1, 4)
    assert await counted(city, Sign.EVIDENCE_DOUBTFUL) == (1, 4)
    assert await counted(city, Sign.EVIDENCE_REFUSED, "sudin") == (1, 1)


async def _picture(city: City, complaint_id: int, uploaded_at: datetime, **values: Any) -> None:
    numbers = len(await city.rows("evidence"))
    row = {"complaint_id": complaint_id, "kind": "after", "officer_id": city.officers["ani"], "flags": []}
    row |= {"uploaded_at": uploaded_at, "media_type": "image/jpeg", "size": 1, "width": 1, "height": 1}
    row |= {"sha256": f"{numbers:064x}", "perceptual_hash": "0" * 16, "has_exif_time": False, "has_exif_place": False}
    row |= {"is_flagged": False, "verdict": None, **values}
    async with writing(city.engine) as connection:
        await connection.execute(insert(table("evidence")).values(row))


async def test_an_answer_in_time_that_was_told_an_hour_after_due_is_recorded_late(city: City) -> None:
    due = MONDAY + DAY
    for number, told_at in enumerate((due, due + HOUR, due + HOUR + SECOND)):
        complaint_id = await tell(city, MONDAY, "kelurahan-a", code=f"JK{number}")
        await city.hear(complaint_id, Status.IN_PROGRESS, due - HOUR, now=told_at)
        await _set_recorded(city, complaint_id, told_at)
    found = await signal(city, Sign.RECORDED_LATE)
    assert (found.found.count, found.found.of, found.refs) == (1, 3, ("JK2",))


@pytest.mark.parametrize("apart", [HOUR, 4 * DAY])
async def test_of_very_many_answers_those_due_last_are_examined(city: City, apart: timedelta) -> None:
    for number in range(3):
        reported = MONDAY + number * apart
        complaint_id = await tell(city, reported, "kelurahan-a", code=f"JK{number}")
        await city.hear(complaint_id, Status.IN_PROGRESS, reported + HOUR, now=reported + 2 * DAY)
        await _set_recorded(city, complaint_id, reported + 2 * DAY)
    async with reading(city.engine) as connection:
        # Each has a second row, of the red flag, that is due later and speaks for no cycle.
        found = await recorded_late(Asked(connection, [city.units["kelurahan-a"]], period()), most=5)
    assert (found.count, found.of, found.complaint_ids) == (2, 2, (3, 2))


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_what_was_delivered_and_what_waits_is_found_along_the_index_of_waits(city: City) -> None:
    seen: list[tuple[str, tuple[object, ...]]] = []

    def listen(_conn: object, _cursor: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        seen.append((statement, parameters))

    event.listen(city.engine.sync_engine, "before_cursor_execute", listen)
    await signal(city, Sign.MONTH_END, span=period("2026-02"))
    async with reading(city.engine) as connection:
        rules = await city.rules(connection)
        await read_outlooks(connection, [city.units["kota"]], rules, WHOLE, now=NOW, zone=WIB)
    event.remove(city.engine.sync_engine, "before_cursor_execute", listen)
    asked = [each for each in seen if "sla_clock.clock = 'resolve'" in each[0]]
    async with reading(city.engine) as connection:
        for statement, parameters in asked:
            steps = [row[3] for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            read = [step for step in steps if "sla_clock" in step]
            assert read and all("INDEX ix_sla_clock_waits" in step for step in read), steps
    assert len(asked) == 3


async def test_what_we_did_not_know_of_before_it_was_due_is_not_recorded_late(city: City) -> None:
    later = MONDAY + 5 * DAY
    events = [entry(EventKind.REPORTED, MONDAY), entry(EventKind.ASSIGNED, MONDAY, unit_id=city.units["kelurahan-a"])]
    answered = entry(EventKind.STATUS, MONDAY + HOUR, status=Status.IN_PROGRESS, source_id=city.sources["crm"])
    complaint_id = await city.store("JK1", [*events, answered], {}, now=later)
    await _set_recorded(city, complaint_id, later)
    assert await counted(city, Sign.RECORDED_LATE) == (0, 0)


async def _set_recorded(city: City, complaint_id: int, told_at: datetime) -> None:
    entries = table("complaint_event")
    heard = (entries.c.complaint_id == complaint_id, entries.c.kind == EventKind.STATUS)
    async with writing(city.engine) as connection:
        await connection.execute(update(entries).where(*heard).values(recorded_at=told_at))


async def test_a_source_that_fell_behind_is_named(city: City) -> None:
    async with writing(city.engine) as connection:
        source = table("source")
        await connection.execute(update(source).values(complete_through=NOW))
        gone = update(source).where(source.c.name == "jaki").values(complete_through=NOW - timedelta(minutes=15))
        await connection.execute(gone)
    assert not (await signal(city, Sign.SOURCE_STALE)).found.shows
    async with writing(city.engine) as connection:
        await connection.execute(
            update(source)
            .where(source.c.name == "jaki")
            .values(complete_through=NOW - timedelta(minutes=15, seconds=1))
        )
    found = (await signal(city, Sign.SOURCE_STALE)).found
    assert found.shows and (found.count, found.of, found.sources) == (1, 2, ("jaki",))


async def test_only_what_happened_in_the_period_counts(city: City) -> None:
    done = ((HOUR, Move.ACCEPT), (2 * HOUR, Move.SUBMIT), (3 * HOUR, Move.APPROVE), (4 * HOUR, Move.REOPEN))
    await tell(city, MONDAY, "kelurahan-a", *done)
    assert await counted(city, Sign.CLOSED_AND_REOPENED, span=period("2026-02")) == (1, 1)
    assert await counted(city, Sign.CLOSED_AND_REOPENED, span=period("7d")) == (0, 0)


async def test_complaints_that_went_elsewhere_are_counted_and_not_listed(city: City) -> None:
    there, back = (HOUR, Move.FORWARD, "sudin"), (2 * HOUR, Move.FORWARD, "kelurahan-a")
    await tell(city, MONDAY, "kelurahan-a", there, back, code="JK1")
    await tell(city, MONDAY, "kelurahan-a", there, back, (3 * HOUR, Move.FORWARD, "dinas"), code="JK2")
    mine = Scope((city.units["kelurahan-a"],))
    found = await signal(city, Sign.PING_PONG, scope=mine)
    assert (found.found.count, found.refs, found.unlisted) == (2, ("JK1",), 1)
