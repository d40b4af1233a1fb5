"""What the queue may be narrowed to, and that nothing outside the asker's units shows through a filter."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.complaint.errors import InvalidInput
from app.complaint.lifecycle import Move, Status
from app.workqueue.filters import Box, Clock, Due, Filters, Span, Verdict
from tests.workqueue.desk import DAY, NOON, Desk, at


async def _found(desk: Desk, username: str = "gita", **filters: Any) -> set[str | None]:
    return set(await desk.walk(Filters(**filters), username, limit=2))


async def _spread(desk: Desk) -> None:
    """One complaint, open or closed, for each place."""
    for code, unit in (("A", "kelurahan-a"), ("B", "kelurahan-b"), ("S", "sudin"), ("D", "dinas"), ("U", None)):
        await desk.report(code, NOON - DAY, unit=unit)
        done = await desk.report(f"{code}-DONE", NOON - DAY * 3, unit=unit)
        await desk.hear(done, Status.RESOLVED, NOON - DAY * 2)


def _both(*codes: str) -> set[str]:
    return {each for code in codes for each in (code, f"{code}-DONE")}


@pytest.mark.parametrize(
    ("username", "expected"),
    [
        ("gita", ("A", "B", "S", "D", "U")),
        ("dewi", ("A", "B", "S")),
        ("ani", ("A",)),
        ("citra", ("S",)),
        ("eko", ()),
    ],
)
async def test_a_caller_sees_the_own_units_and_those_below(
    desk: Desk, username: str, expected: tuple[str, ...]
) -> None:
    await _spread(desk)
    assert await _found(desk, username) == _both(*expected)


async def test_a_unit_means_those_below_it_over_both_parents(desk: Desk) -> None:
    await _spread(desk)
    assert await _found(desk, units=("kota",)) == _both("A", "B", "S")
    assert await _found(desk, units=("dinas",)) == _both("S", "D")
    assert await _found(desk, units=("dinas",), is_exact=True) == _both("D")
    assert await _found(desk, units=("kelurahan-a", "kelurahan-b"), is_exact=True) == _both("A", "B")


async def test_a_unit_above_the_callers_own_shows_only_the_own_part(desk: Desk) -> None:
    await _spread(desk)
    assert await _found(desk, "ani", units=("kota",)) == _both("A")
    assert await _found(desk, "citra", units=("kota", "dinas")) == _both("S")
    assert await _found(desk, "ani", units=("sudin",)) == set()
    assert await _found(desk, "ani", units=("sudin",), is_exact=True) == set()


async def test_a_validator_sees_what_awaits_validation_wherever_it_is(desk: Desk) -> None:
    await _spread(desk)
    for row in await desk.rows("complaint"):
        if row.ticket_code in ("A", "S"):
            await desk.move(row.id, Move.ACCEPT)
            await desk.move(row.id, Move.SUBMIT)
    assert await _found(desk, "eko") == {"A", "S"}
    assert await _found(desk, "eko", units=("kota",)) == {"A", "S"}
    assert await _found(desk, "eko", units=("dinas",)) == {"S"}


async def test_unrouted_complaints_are_those_without_a_unit(desk: Desk) -> None:
    await _spread(desk)
    assert await _found(desk, is_unrouted=True) == _both("U")
    assert await _found(desk, is_unrouted=False) == _both("A", "B", "S", "D")
    assert await _found(desk, "dewi", is_unrouted=True) == set()


async def test_status_channel_category_and_source_narrow_the_queue(desk: Desk) -> None:
    first = await desk.report("FIRST", NOON, channel="CRM", category="Saluran Air, Kali/Sungai")
    await desk.report("SECOND", NOON - DAY)
    await desk.carry(first, "crm", "1")
    await desk.move(first, Move.ACCEPT)
    assert await _found(desk, statuses=(Status.IN_PROGRESS, Status.REWORK)) == {"FIRST"}
    assert await _found(desk, statuses=(Status.RESOLVED,)) == set()
    assert await _found(desk, channels=("CRM",)) == {"FIRST"}
    assert await _found(desk, categories=("Saluran Air, Kali/Sungai", "Taman")) == {"FIRST"}
    assert await _found(desk, sources=("crm",)) == {"FIRST"}
    assert await _found(desk, sources=("jaki",)) == set()


async def test_assignees_are_me_nobody_or_a_name(desk: Desk) -> None:
    mine = await desk.report("MINE", NOON, unit="kelurahan-a")
    theirs = await desk.report("THEIRS", NOON, unit="kelurahan-a")
    await desk.report("FREE", NOON, unit="kelurahan-a")
    await desk.move(mine, Move.CLAIM, "ani")
    await desk.move(theirs, Move.CLAIM, "budi")
    assert await _found(desk, "ani", assignees=("me",)) == {"MINE"}
    assert await _found(desk, "ani", assignees=("none",)) == {"FREE"}
    assert await _found(desk, "ani", assignees=("budi",)) == {"THEIRS"}
    assert await _found(desk, "ani", assignees=("me", "none")) == {"MINE", "FREE"}


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        ((Due.OVERDUE,), {"LATE", "MORNING"}),
        ((Due.TODAY,), {"MORNING", "EVENING", "SHARP"}),
        ((Due.DAY,), {"EVENING", "SHARP", "TOMORROW"}),
        ((Due.THREE_DAYS,), {"EVENING", "SHARP", "TOMORROW", "WEEK"}),
        ((Due.OVERDUE, Due.DAY), {"LATE", "MORNING", "EVENING", "SHARP", "TOMORROW"}),
    ],
)
@pytest.mark.parametrize("unit", [(), ("kota",)])
async def test_due_windows_look_at_the_headline(
    desk: Desk, due: tuple[Due, ...], expected: set[str], unit: tuple[str, ...]
) -> None:
    """A day after its report a complaint is late; one that is due this very instant is not yet."""
    for code, reported_at in (
        ("LATE", "2026-01-10 12:00"),
        ("MORNING", "2026-01-11 08:00"),
        ("SHARP", "2026-01-11 12:00"),
        ("EVENING", "2026-01-11 23:59"),
        ("TOMORROW", "2026-01-12 11:00"),
    ):
        await desk.report(code, at(reported_at), unit="kelurahan-a")
    answered = await desk.report("WEEK", at("2026-01-08 09:00"), unit="sudin")
    await desk.move(answered, Move.RESPOND, text="Kami periksa", now=at("2026-01-08 10:00"))
    done = await desk.report("DONE", at("2026-01-10 12:00"), unit="sudin")
    await desk.move(done, Move.REJECT, reason_code="duplicate")
    assert await _found(desk, due=due, units=unit) == expected


async def test_an_overdue_clock_may_be_another_than_the_headline(desk: Desk) -> None:
    await desk.report("RESPOND", NOON - DAY * 2)
    both = await desk.report("BOTH", NOON - DAY * 8)
    answered = await desk.report("RESOLVE", NOON - DAY * 8)
    await desk.move(answered, Move.RESPOND, text="Kami periksa", now=NOON - DAY * 7)
    assert both
    assert await _found(desk, due=(Due.OVERDUE,), clocks=(Clock.RESPOND,)) == {"RESPOND", "BOTH"}
    assert await _found(desk, due=(Due.OVERDUE,), clocks=(Clock.RESOLVE,)) == {"BOTH", "RESOLVE"}
    assert await _found(desk, due=(Due.DAY,), clocks=(Clock.RESOLVE,)) == set()


async def test_verdicts_and_times_speak_of_one_and_the_same_cycle(desk: Desk) -> None:
    quick = await desk.report("QUICK", NOON - DAY * 4)
    slow = await desk.report("SLOW", NOON - DAY * 4)
    await desk.report("OPEN", NOON - DAY * 4)
    await desk.move(quick, Move.RESPOND, text="Ya", now=NOON - DAY * 4 + timedelta(hours=1))
    await desk.move(slow, Move.RESPOND, text="Ya", now=NOON - DAY * 2)
    respond = {"clocks": (Clock.RESPOND,)}
    assert await _found(desk, **respond, verdicts=(Verdict.MET,)) == {"QUICK"}
    assert await _found(desk, **respond, verdicts=(Verdict.MISSED,)) == {"SLOW"}
    assert await _found(desk, **respond, verdicts=(Verdict.RUNNING,)) == {"OPEN"}
    assert await _found(desk, clocks=(Clock.RESOLVE,), verdicts=(Verdict.RUNNING,)) == {"QUICK", "SLOW", "OPEN"}
    assert await _found(desk, **respond, stopped_in=Span(NOON - DAY * 2, NOON)) == {"SLOW"}
    assert await _found(desk, **respond, started_in=Span(NOON - DAY * 4, NOON - DAY * 3)) == {"QUICK", "SLOW", "OPEN"}
    assert await _found(desk, **respond, started_in=Span(until=NOON - DAY * 4)) == set()
    assert await _found(desk, **respond, due_in=Span(until=NOON - DAY * 3)) == set()
    assert await _found(desk, **respond, due_in=Span(NOON - DAY * 3)) == {"QUICK", "SLOW", "OPEN"}


async def test_past_handlers_find_what_they_handled_only_within_the_askers_units(desk: Desk) -> None:
    passed = await desk.report("PASSED", NOON - DAY, unit="kelurahan-a")
    await desk.report("KEPT", NOON - DAY, unit="kelurahan-b")
    await desk.move(passed, Move.FORWARD, unit="sudin", reason="Bukan wewenang kelurahan")
    assert await _found(desk, handled_by=("kelurahan-a",)) == {"PASSED"}
    assert await _found(desk, handled_by=("kecamatan",)) == {"PASSED", "KEPT"}
    assert await _found(desk, handled_by=("kecamatan",), is_exact=True) == set()
    assert await _found(desk, "ani", handled_by=("kelurahan-a",)) == set()
    unit_clock = {"handled_by": ("kelurahan-b",), "clocks": (Clock.COORDINATE,), "verdicts": (Verdict.MET,)}
    assert await _found(desk, **unit_clock) == set()
    assert await _found(desk, **{**unit_clock, "handled_by": ("kelurahan-a",)}) == {"PASSED"}


async def test_the_map_and_the_time_of_report_narrow_the_queue(desk: Desk) -> None:
    await desk.report("HERE", NOON - DAY, lat=-6.2, lng=106.8)
    await desk.report("NOWHERE", NOON - DAY * 2)
    assert await _found(desk, box=Box(106.8, -6.3, 106.9, -6.2)) == {"HERE"}
    assert await _found(desk, box=Box(106.9, -6.3, 107.0, -6.2)) == set()
    assert await _found(desk, reported_in=Span(NOON - DAY)) == {"HERE"}
    assert await _found(desk, reported_in=Span(NOON - DAY * 2, NOON - DAY)) == {"NOWHERE"}


@pytest.mark.parametrize(
    ("field", "filters"),
    [
        ("unit", {"units": ("atlantis",)}),
        ("handled_by", {"handled_by": ("atlantis",)}),
        ("source", {"sources": ("atlantis",)}),
        ("assignee", {"assignees": ("atlantis",)}),
    ],
)
async def test_an_unknown_name_in_a_filter_is_refused(desk: Desk, field: str, filters: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        await desk.page(Filters(**filters))
    assert refused.value.field == field
