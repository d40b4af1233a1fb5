"""Defects that users of other systems met, each by name: none may come back here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.sla.calendars import InvalidCalendar, compile_calendar, parse_rules
from app.sla.clock import (
    ClockEvent,
    EventKind,
    State,
    Stored,
    Target,
    TargetUnit,
    Terms,
    fire_at,
    fold,
    next_step,
    read,
)
from app.sla.scorecard import Cycle, score

from .conftest import wib

TWO_HOURS = Target(TargetUnit.WORKING_MINUTE, 120)
SEVEN_DAYS = Target(TargetUnit.WORKING_DAY, 7)


def outcome(office, *events, as_of, target=TWO_HOURS, **terms):
    life = [ClockEvent(wib(at), EventKind(kind)) for at, kind in events]
    return fold(life, Terms(target, office, **terms), as_of=wib(as_of))


def weekly(zone, **week):
    return compile_calendar(parse_rules({"timezone": zone, "week": week}))


def test_zammad_pauses_within_one_minute_keep_their_seconds(office) -> None:
    found = outcome(
        office,
        ("2026-06-02 09:00:10", "start"),
        ("2026-06-02 09:05:10", "pause"),
        ("2026-06-02 09:05:40", "resume"),
        as_of="2026-06-02 10:00",
    )
    assert (found.paused_s, found.due_at) == (30, wib("2026-06-02 11:00:40"))


def test_zammad_a_day_round_the_clock_loses_no_minute_at_midnight() -> None:
    full = weekly("Asia/Jakarta", mon=[["00:00", "24:00"]], tue=[["00:00", "24:00"]])
    assert full.position(wib("2026-06-03 00:00")) - full.position(wib("2026-06-01 00:00")) == 2 * 86_400


def test_zammad_a_merged_complaint_is_cancelled_and_never_breaches(office) -> None:
    found = outcome(office, ("2026-06-02 09:00", "start"), ("2026-06-02 09:30", "cancel"), as_of="2026-07-02 09:00")
    assert (found.state, found.breached_at) == (State.CANCELLED, None)


def test_rt_a_complaint_back_from_a_pause_is_not_overdue_at_once(office) -> None:
    found = outcome(
        office,
        ("2026-06-02 09:00", "start"),
        ("2026-06-02 10:00", "pause"),
        ("2026-08-03 09:00", "resume"),
        as_of="2026-08-03 09:00",
    )
    assert (found.due_at, found.remaining_s) == (wib("2026-08-03 10:00"), 3_600)


def test_rt_a_missed_due_time_never_moves_because_somebody_replied(office) -> None:
    found = outcome(
        office,
        ("2026-06-02 09:00", "start"),
        ("2026-06-02 11:30", "pause"),
        ("2026-06-03 09:00", "resume"),
        ("2026-06-03 09:30", "stop"),
        as_of="2026-06-03 10:00",
    )
    assert (found.state, found.due_at) == (State.MISSED, wib("2026-06-02 11:00"))


@pytest.mark.parametrize("amount", [1, 29, 30, 31, 239, 240, 241, 1000])
def test_osticket_no_due_time_lies_in_closed_hours(amount) -> None:
    half_days = weekly("Asia/Jakarta", mon=[["08:00", "08:30"]], tue=[["10:00", "12:00"]], sat=[["07:00", "08:30"]])
    found = outcome(
        half_days,
        ("2026-06-01 06:00", "start"),
        as_of="2026-06-01 06:00",
        target=Target(TargetUnit.WORKING_MINUTE, amount),
    )
    last_second = found.due_at - timedelta(seconds=1)
    assert half_days.position(found.due_at) - half_days.position(last_second) == 1


def test_osticket_closing_and_reopening_buys_no_time(office) -> None:
    first = outcome(office, ("2026-06-02 09:00", "start"), ("2026-06-02 10:30", "stop"), as_of="2026-06-02 10:30")
    second = outcome(
        office, ("2026-06-03 09:00", "start"), as_of="2026-06-03 09:45", carried_remaining_s=first.remaining_s
    )
    assert (second.due_at, second.breached_at) == (wib("2026-06-03 09:30"), wib("2026-06-03 09:30"))


def test_osticket_a_week_without_some_weekdays_is_not_overdue_at_once() -> None:
    weekend = weekly("Asia/Jakarta", sat=[["08:00", "12:00"]])
    found = outcome(weekend, ("2026-06-01 09:00", "start"), as_of="2026-06-04 09:00")
    assert (found.due_at, found.breached_at) == (wib("2026-06-06 10:00"), None)


def test_glpi_days_are_local_dates_not_24_hours() -> None:
    hours = {day: [["09:00", "17:00"]] for day in ("sat", "sun", "mon", "tue")}
    berlin = weekly("Europe/Berlin", **hours)
    start = datetime(2026, 10, 24, 23, 30, tzinfo=berlin.zone)
    assert berlin.close_of_nth_working_day(start, 1) == datetime(2026, 10, 25, 17, tzinfo=berlin.zone)
    assert berlin.close_of_nth_working_day(start, 2) == datetime(2026, 10, 26, 17, tzinfo=berlin.zone)


def test_glpi_a_warning_before_due_fires_in_open_time_not_at_midnight(office) -> None:
    stored = Stored(State.RUNNING, wib("2026-06-02 14:00"), wib("2026-06-03 07:30"))
    assert fire_at(stored, office, 90) == wib("2026-06-02 15:48")


def test_glpi_a_pause_over_the_weekend_gives_nothing_in_working_time(office) -> None:
    found = outcome(
        office,
        ("2026-06-05 16:00", "start"),
        ("2026-06-05 16:30", "pause"),
        ("2026-06-08 07:30", "resume"),
        as_of="2026-06-08 07:30",
    )
    assert (found.paused_s, found.due_at) == (0, wib("2026-06-08 09:00"))


def test_glpi_a_changed_target_keeps_the_pauses_accrued(office) -> None:
    life = [("2026-06-02 08:00", "start"), ("2026-06-02 09:00", "pause"), ("2026-06-02 11:00", "resume")]
    longer = outcome(office, *life, as_of="2026-06-02 11:30", target=Target(TargetUnit.WORKING_MINUTE, 180))
    assert (longer.due_at, longer.paused_s) == (wib("2026-06-02 14:00"), 7_200)


def test_glpi_a_paused_clock_does_not_breach(office) -> None:
    found = outcome(office, ("2026-06-02 09:00", "start"), ("2026-06-02 10:00", "pause"), as_of="2027-06-02 10:00")
    assert (found.state, found.due_at, found.breached_at, found.remaining_s) == (State.PAUSED, None, None, 3_600)


def test_glpi_time_spent_closed_is_not_counted_after_a_reopening(office) -> None:
    first = outcome(office, ("2026-06-02 09:00", "start"), ("2026-06-02 10:00", "stop"), as_of="2026-06-09 10:00")
    second = outcome(
        office, ("2026-06-09 10:00", "start"), as_of="2026-06-09 10:30", carried_remaining_s=first.remaining_s
    )
    assert (first.elapsed_s, second.elapsed_s, second.remaining_s) == (3_600, 1_800, 1_800)


def test_frappe_resolved_straight_from_a_pause_honours_the_pause(office) -> None:
    found = outcome(
        office,
        ("2026-02-02 09:00", "start"),
        ("2026-02-02 10:00", "pause"),
        ("2026-08-03 10:00", "stop"),
        as_of="2026-08-04 09:00",
    )
    assert (found.state, found.elapsed_s) == (State.MET, 3_600)


def test_frappe_every_clock_moves_with_its_pauses_whatever_its_unit(office) -> None:
    life = [("2026-06-02 08:00", "start"), ("2026-06-02 09:00", "pause"), ("2026-06-02 11:00", "resume")]
    units = {
        Target(TargetUnit.ELAPSED_MINUTE, 240): "2026-06-02 14:00",
        Target(TargetUnit.WORKING_MINUTE, 240): "2026-06-02 15:00",
        Target(TargetUnit.WORKING_DAY, 1): "2026-06-04 09:30",
    }
    for target, due_at in units.items():
        assert outcome(office, *life, as_of="2026-06-02 11:30", target=target).due_at == wib(due_at)


def test_frappe_holidays_are_seen(office) -> None:
    found = outcome(office, ("2026-03-18 09:00", "start"), as_of="2026-03-24 15:00")
    assert (found.elapsed_s, found.due_at) == (0, wib("2026-03-25 09:30"))


def test_frappe_and_chatwoot_an_open_overdue_complaint_is_no_hit() -> None:
    overdue = Cycle(State.RUNNING, wib("2026-06-01 09:00"), wib("2026-06-02 09:00"))
    met = Cycle(State.MET, wib("2026-06-01 09:00"), wib("2026-06-02 09:00"))
    assert score([met, overdue], as_of=wib("2026-06-03 09:00")).compliance == 0.5


def test_django_helpdesk_excluded_days_make_the_due_time_later_never_earlier(office) -> None:
    plain = weekly("Asia/Jakarta", **{day: [["07:30", "16:00"]] for day in ("mon", "tue", "wed", "thu", "fri")})
    start = [("2026-03-13 09:00", "start")]
    without = outcome(plain, *start, as_of="2026-03-13 09:00", target=SEVEN_DAYS).due_at
    with_holidays = outcome(office, *start, as_of="2026-03-13 09:00", target=SEVEN_DAYS).due_at
    assert (without, with_holidays) == (wib("2026-03-24 16:00"), wib("2026-03-31 16:00"))


def test_time_is_signed_everywhere_and_its_inverse_is_one_function(office) -> None:
    late, early = wib("2026-06-03 09:00"), wib("2026-06-02 15:00")
    assert office.position(early) - office.position(late) == -(3_600 + 5_400)
    assert office.instant(office.position(late) - 9_000) == early


def test_itop_and_frappe_a_calendar_that_never_opens_is_refused() -> None:
    with pytest.raises(InvalidCalendar):
        parse_rules({"timezone": "Asia/Jakarta", "week": {"mon": []}})


def test_midnight_clock_changes_neither_lose_nor_repeat_a_due_time() -> None:
    havana = weekly("America/Havana", **{day: [["00:00", "02:00"]] for day in ("sat", "sun", "mon")})
    # 1 November 2026: the hour from 00:00 is read twice; 8 March 2026: it is skipped.
    for day, open_hours in ((datetime(2026, 11, 1, tzinfo=UTC), 3), (datetime(2026, 3, 8, tzinfo=UTC), 1)):
        local = day.replace(hour=12)
        assert havana.position(local) - havana.position(day) == open_hours * 3_600


def test_servicenow_elapsed_time_is_as_fresh_as_the_question(office) -> None:
    stored = Stored.of(outcome(office, ("2026-06-02 09:00", "start"), as_of="2026-06-02 09:00"))
    assert read(stored, office, wib("2026-06-02 11:30")).elapsed_s == 9_000


def test_glpi_steps_missed_during_an_outage_are_found_again(office) -> None:
    stored = Stored(State.RUNNING, wib("2026-06-02 09:00"), wib("2026-06-02 11:00"))
    step = next_step(stored, office, thresholds=(75, 90, 100), repeat=None, after=wib("2026-06-02 10:35"))
    assert step == (90, wib("2026-06-02 10:48"))
