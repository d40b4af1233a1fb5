"""Every figure of a unit's status equals a plain recount of the rows, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from app.complaint.lifecycle import OPEN
from app.sla.scorecard import AGE_LIMITS
from app.units.figures import CLOCKS, percent
from tests.units.city import CITIZEN, NOW, WIB, City, period

UNITS = ("kota", "dinas", "biro", "kecamatan", "kelurahan-a", "kelurahan-b", "sudin")
PERIODS = ("7d", "30d", "90d", "2026-02", "2026-03")
DAY = timedelta(hours=24)


async def test_open_figures_equal_a_recount(city: City) -> None:
    groups = [(city.units[code],) for code in UNITS]
    counted = await city.recount()
    for group, status in zip(groups, await city.statuses(groups, period()), strict=True):
        rows = counted.open_ones(group)
        dues = [row.next_due_at for row in rows if row.next_due_at is not None]
        assert status.open.open == len(rows)
        assert status.open.overdue == sum(due < NOW for due in dues)
        assert status.open.due_24h == sum(NOW <= due < NOW + DAY for due in dues)
        assert status.open.unassigned == sum(row.assignee_id is None for row in rows)
        assert status.open.oldest_at == min((row.reported_at for row in rows), default=None)
        ages = [NOW - row.reported_at for row in rows]
        assert list(status.open.ages) == [sum(low < age <= high for age in ages) for low, high in _buckets()]
        assert status.unrouted is None
    assert sum(status.open.open for status in await city.statuses(groups, period())) > 20


async def test_the_clocks_of_a_period_equal_a_recount(city: City) -> None:
    groups, counted = [(city.units[code],) for code in UNITS], await city.recount()
    for span in map(period, PERIODS):
        for group, status in zip(groups, await city.statuses(groups, span), strict=True):
            assert set(status.clocks) == set(CLOCKS)
            for clock, card in status.clocks.items():
                expected = counted.clock(group, clock, span)
                assert {figure: getattr(card, figure) for figure in expected} == expected, (span.name, group, clock)


async def test_the_generated_months_hold_every_outcome(city: City) -> None:
    (status,) = await city.statuses([tuple(city.units.values())], period("90d"))
    for clock in ("respond", "resolve", "coordinate", "validate"):
        card = status.clocks[clock]
        assert card.met and card.missed and card.running_overdue and card.times_s, clock
    assert status.clocks["handle"].times_s and status.clocks["handle"].compliance is None
    assert {str(row.state) for row in await city.rows("sla_clock")} >= {"cancelled", "unjudged", "paused", "running"}
    assert status.handling.reopened and status.handling.sent_back and status.handling.hops


async def test_the_trend_and_the_handling_equal_a_recount(city: City) -> None:
    group, span = (city.units["kota"],), period("2026-02")
    counted = await city.recount()
    (status,) = await city.statuses([group], span)
    mine = [row for row in counted.complaints if counted.lies_in(row.unit_id, group)]
    judged = ("met", "missed", "running", "paused")
    assert [day.on.isoformat() for day in status.trend] == [f"2026-02-{day:02}" for day in range(1, 29)]
    for day in status.trend:
        reported = [row for row in mine if row.reported_at.astimezone(WIB).date() == day.on]
        assert day.tally.received == len(reported)
        assert day.tally.reopened == sum(row.reopen_count > 0 for row in reported)
        assert day.tally.sent_back == sum(row.rework_count > 0 for row in reported)
        assert day.tally.hops == sum(row.hops for row in reported)
        for clock in CITIZEN:
            cycles = [row for row in counted.cycles(group, clock) if row.state in judged and row.due_at]
            due = [row for row in cycles if row.due_at.astimezone(WIB).date() == day.on]
            assert getattr(day.tally, f"{clock}_due") == len(due)
            assert getattr(day.tally, f"{clock}_met") == sum(row.state == "met" for row in due)
        stopped = [row for row in counted.cycles(group, "resolve") if row.state in ("met", "missed")]
        assert day.tally.resolved == sum(row.stopped_at.astimezone(WIB).date() == day.on for row in stopped)
    assert status.handling.received == sum(day.tally.received for day in status.trend) > 20


async def test_what_units_held_equals_a_recount_of_stints_less_the_waits_within_them(city: City) -> None:
    groups, counted = [(city.units[code],) for code in UNITS], await city.recount()
    stints, pauses = await city.rows("stint"), await city.rows("pause")
    for span in map(period, PERIODS):
        for group, status in zip(groups, await city.statuses(groups, span), strict=True):
            ended = [row for row in stints if row.ended_at is not None and span.since <= row.ended_at < span.until]
            mine = [row for row in ended if counted.lies_in(row.unit_id, group)]
            held = [_length(row.assigned_at, row.ended_at) - _waits(row, pauses) for row in mine]
            assert (status.holding.stints, status.holding.held_s) == (len(mine), sum(held)), (span.name, group)
            assert status.holding.mean_s == (sum(held) / len(mine) if mine else None)
    assert any(_waits(row, pauses) for row in stints if row.ended_at is not None)


def _length(since: datetime, until: datetime) -> int:
    return max(0, int((until - since).total_seconds()))


def _waits(stint: Any, pauses: Sequence[Any]) -> int:
    mine = [row for row in pauses if row.complaint_id == stint.complaint_id]
    ends = [(row.started_at, row.ended_at or stint.ended_at) for row in mine]
    return sum(_length(max(start, stint.assigned_at), min(end, stint.ended_at)) for start, end in ends)


async def test_a_complaint_below_both_parents_counts_once_above_them(city: City) -> None:
    kota, dinas, sudin = (city.units[code] for code in ("kota", "dinas", "sudin"))
    alone, by_function, both = await city.statuses([(sudin,), (dinas,), (kota, dinas)], period())
    counted = await city.recount()
    assert alone.open.open == len(counted.open_ones((sudin,))) > 0
    assert both.open.open == len(counted.open_ones((kota, dinas)))
    assert both.open.open < len(counted.open_ones((kota,))) + by_function.open.open


async def test_a_unit_is_the_sum_of_its_parts(city: City) -> None:
    """The kecamatan has one parent and its kelurahan have it alone, so nothing below it is shared."""
    parts = ("kelurahan-a", "kelurahan-b")
    whole, *below = await city.statuses([(city.units[code],) for code in ("kecamatan", *parts)], period())
    counted, top = await city.recount(), city.units["kecamatan"]
    own_open = sum(row.status in OPEN and row.unit_id == top for row in counted.complaints)
    assert whole.open.open == own_open + sum(status.open.open for status in below)
    for clock in CLOCKS:
        own = [
            row for row in counted.cycles((city.units["kecamatan"],), clock) if row.unit_id == city.units["kecamatan"]
        ]
        started = sum(period().since <= row.started_at < period().until for row in own)
        assert whole.clocks[clock].received == started + sum(status.clocks[clock].received for status in below)


async def test_what_no_unit_holds_is_told_beside_and_never_within(city: City) -> None:
    everyone = tuple(city.units.values())
    (status,) = await city.statuses([everyone], period(), with_unrouted=True)
    counted = await city.recount()
    lost = [row for row in counted.complaints if row.unit_id is None and row.status in OPEN]
    assert status.unrouted is not None
    assert status.unrouted.open == len(lost) > 0
    assert status.unrouted.overdue == sum(row.next_due_at < NOW for row in lost)
    assert status.open.open == len(counted.open_ones(everyone))


async def test_an_overdue_cycle_that_still_runs_counts_against_compliance(city: City) -> None:
    (status,) = await city.statuses([tuple(city.units.values())], period())
    card = status.clocks["respond"]
    assert card.running_overdue > 0
    assert card.compliance == card.met / (card.met + card.missed + card.running_overdue)


def test_a_percentage_is_never_rounded_up_to_all() -> None:
    assert percent(99_999, 100_000) == 99.99
    assert percent(1, 1) == 100.0


def _buckets() -> list[tuple[timedelta, timedelta]]:
    return list(pairwise([timedelta.min, *AGE_LIMITS, timedelta.max]))
