"""The make-believe city: repeatable, of the right proportions, and with all the detours of the real one."""

from __future__ import annotations

import doctest
import subprocess
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from app.complaint.words import fold_label, fold_word
from app.demo import city as city_module
from app.demo.arrivals import WIB, plan_day
from app.demo.city import MAX_PER_DAY, City, Live
from app.demo.lives import MAX_LIFE, Status
from app.demo.report import Channel, Report, state_at
from app.demo.wire import crm_item, jaki_item
from app.seed.jakarta import aliases, village_aliases
from app.seed.rules import category_aliases, status_words

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 24, 12, tzinfo=WIB)
LATER = NOON + timedelta(days=60)


def on(city: City, first: str, last: str, now: datetime = NOON) -> list[Report]:
    return list(city.reports(date.fromisoformat(first), date.fromisoformat(last), now=now))


@pytest.fixture(scope="module")
def two_months() -> list[Report]:
    """Reports of August and September of a busy city, all of them at their end by NOON."""
    return on(City(seed=7, per_day=200), "2026-08-01", "2026-09-30", now=NOON)


def share(reports: list[Report], count: int) -> float:
    return 100 * count / len(reports)


def test_the_worked_example_of_the_city_holds() -> None:
    assert doctest.testmod(city_module).failed == 0


def test_two_cities_of_one_seed_are_equal_and_of_another_seed_are_not() -> None:
    asked_at_once = on(City(seed=7), "2026-11-20", "2026-11-24")
    backwards = City(seed=7)
    asked_by_day = [on(backwards, f"2026-11-{day}", f"2026-11-{day}") for day in (24, 23, 22, 21, 20)]
    assert asked_at_once == [report for day in reversed(asked_by_day) for report in day]
    assert asked_at_once != on(City(seed=8), "2026-11-20", "2026-11-24")


def test_another_process_makes_the_same_city() -> None:
    lines = [
        "import datetime as d; from app.demo.city import City",
        "now = d.datetime(2026, 11, 24, 5, tzinfo=d.UTC)",
        "print([(r.text, r.point, r.times) for r in City(seed=7).reports(now.date(), now.date(), now=now)])",
    ]
    program = [sys.executable, "-c", "\n".join(lines)]
    outputs = [
        subprocess.run(program, env={"PYTHONHASHSEED": salt}, cwd=ROOT, capture_output=True, check=True).stdout
        for salt in ("1", "2")
    ]
    assert len(outputs[0]) > 1000
    assert outputs[0] == outputs[1]


def test_time_only_adds_to_what_was_there() -> None:
    city = City(seed=7)
    before, after = on(city, "2026-11-23", "2026-11-24"), on(city, "2026-11-23", "2026-11-24", now=LATER)
    assert len(after) > len(before)
    assert after[: len(before)] == before
    assert all(report.reported_at <= NOON for report in before)
    assert all(report.reported_at > NOON for report in after[len(before) :])


def test_the_daily_sequence_starts_anew_at_midnight_in_jakarta() -> None:
    for day in ("2026-11-22", "2026-11-23"):
        reports = on(City(seed=7), day, day)
        assert [report.code for report in reports] == [
            f"JK{day[2:4]}{day[5:7]}{day[8:]}{number:04d}" for number in range(1, len(reports) + 1)
        ]
        assert {report.reported_at.astimezone(WIB).date().isoformat() for report in reports} == {day}
        assert [report.reported_at for report in reports] == sorted(report.reported_at for report in reports)


def test_a_year_brings_the_mean_that_was_asked_for_and_days_differ() -> None:
    counts = [len(plan_day(7, date(2026, 1, 1) + timedelta(days=offset), 508).arrivals) for offset in range(365)]
    assert sum(counts) / 365 == pytest.approx(508, rel=0.04)
    assert 700 < max(counts) < 1000
    assert min(counts) < 400


def test_days_are_busy_and_nights_are_calm(two_months: list[Report]) -> None:
    hours = Counter(report.reported_at.hour for report in two_months)
    assert hours[8] + hours[9] > 8 * (hours[2] + hours[3])


def test_nine_in_a_hundred_come_through_other_channels_than_jaki(two_months: list[Report]) -> None:
    others = [report for report in two_months if report.channel is not Channel.JAKI]
    assert share(two_months, len(others)) == pytest.approx(9, abs=1)
    assert not any(report.is_private for report in others)
    assert share(two_months, sum(report.is_private for report in two_months)) == pytest.approx(20, abs=2)


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (("BINA MARGA",), 19.5),
        (("SATUAN POLISI",), 19.3),
        (("PERHUBUNGAN", "PERPARKIRAN", "LALU LINTAS"), 17.4),
        (("KELURAHAN",), 16.5),
        (("PERTAMANAN",), 10.0),
        (("SUMBER DAYA AIR",), 3.5),
        (("CIPTA KARYA",), 2.8),
        (("PASAR JAYA", "AM JAYA", "TRANSPORTASI JAKARTA"), 2.6),
    ],
)
def test_units_do_the_work_in_their_known_shares(
    two_months: list[Report], units: tuple[str, ...], expected: float
) -> None:
    done = [report for report in two_months if report.steps[-1].status is Status.DONE]
    by_them = sum(any(unit in (report.steps[-1].unit or "") for unit in units) for report in done)
    assert share(done, by_them) == pytest.approx(expected, abs=2.5)


@pytest.mark.parametrize(("category", "expected"), [("Jalan", 14.0), ("Pohon", 10.6), ("Parkir Liar", 10.3)])
def test_the_most_frequent_categories_have_their_known_shares(
    two_months: list[Report], category: str, expected: float
) -> None:
    assert share(two_months, sum(report.category.name == category for report in two_months)) == pytest.approx(
        expected, abs=1.5
    )


def test_every_status_word_occurs_and_most_reports_end_well(two_months: list[Report]) -> None:
    assert {step.status for report in two_months for step in report.steps} == set(Status)
    ends = Counter(report.steps[-1].status for report in two_months)
    assert share(two_months, ends[Status.DONE]) == pytest.approx(93, abs=2)


def test_most_are_answered_within_a_day_some_late_and_some_never(two_months: list[Report]) -> None:
    waits = [report.times[1] - report.times[0] for report in two_months if len(report.times) > 1]
    late = sum(wait > timedelta(hours=24) for wait in waits)
    assert 4 < share(two_months, late) < 15
    assert any(wait > timedelta(days=6) for wait in waits)
    assert 0.2 < share(two_months, len(two_months) - len(waits)) < 2


def test_a_fresh_city_has_something_overdue_at_once() -> None:
    waiting = [
        report
        for report in on(City(seed=2026), "2026-10-25", "2026-11-24")
        if state_at(report, NOON).status is Status.WAITING and report.reported_at < NOON - timedelta(hours=24)
    ]
    assert len(waiting) > 5


def test_lives_move_forward_start_as_waiting_and_end_in_time(two_months: list[Report]) -> None:
    for report in two_months:
        assert report.steps[0].status is Status.WAITING
        assert all(earlier < later for earlier, later in pairwise(report.times))
        assert report.times[-1] - report.times[0] <= MAX_LIFE
        assert not any(instant.microsecond for instant in report.times)


def test_a_refused_follow_up_is_done_again_and_a_finished_one_can_be_raised_again(two_months: list[Report]) -> None:
    before_rework = Counter(
        earlier.status
        for report in two_months
        for earlier, later in pairwise(report.steps)
        if later.status is Status.REWORK
    )
    assert set(before_rework) == {Status.VALIDATION, Status.DONE}
    assert before_rework[Status.VALIDATION] > before_rework[Status.DONE]


def test_reports_wander_between_units(two_months: list[Report]) -> None:
    hops = Counter(len({step.unit for step in report.steps}) for report in two_months)
    assert hops[1] and hops[2] and hops[3] and hops[4]


def test_the_state_changes_at_the_instant_of_a_step() -> None:
    report = next(report for report in on(City(seed=7), "2026-11-01", "2026-11-01") if len(report.steps) > 3)
    second = report.steps[1]
    assert state_at(report, second.at - timedelta(seconds=1)).status is Status.WAITING
    state = state_at(report, second.at)
    assert (state.status, state.unit, state.updated_at) == (second.status, second.unit, second.at)
    assert state.steps == report.steps[:2]
    with pytest.raises(LookupError):
        state_at(report, report.reported_at - timedelta(seconds=1))


def test_the_records_have_the_noise_of_the_real_ones(two_months: list[Report]) -> None:
    texts = " ".join(report.text for report in two_months)
    assert "&amp;" in texts
    assert "& " in texts
    assert "0812-0000-" in texts
    assert any(report.crm_category.endswith(" ") for report in two_months)
    assert any(report.crm_category != report.category.name for report in two_months)
    assert any(report.point is None for report in two_months)
    assert any(report.point == (0, 0) for report in two_months)
    assert any(report.steps[0].unit is None for report in two_months)


def test_points_lie_in_jakarta(two_months: list[Report]) -> None:
    for report in two_months:
        if report.point not in (None, (0, 0)):
            lat, lng = report.point
            assert -6.3708 < lat < -5.1845
            assert 106.3831 < lng < 106.9729


def test_a_repeat_quotes_an_earlier_report_about_the_same_thing() -> None:
    city = City(seed=7, per_day=200)
    repeats = [report for report in on(city, "2026-11-10", "2026-11-20") if report.text.startswith("Melanjutkan")]
    assert len(repeats) > 10
    for report in repeats:
        quoted = city.by_code(report.text.split("No. ")[1][:12], now=NOON)
        assert quoted is not None
        assert quoted.reported_at < report.reported_at
        assert (quoted.village, quoted.street) == (report.village, report.street)


def test_some_reports_are_sent_twice_within_ten_minutes(two_months: list[Report]) -> None:
    sent: dict[tuple[str, str, str], datetime] = {}
    doubles = 0
    for report in two_months:
        key = (report.village.code, report.category.name, report.text)
        doubles += key in sent and report.reported_at - sent[key] < timedelta(minutes=10)
        sent[key] = report.reported_at
    assert share(two_months, doubles) == pytest.approx(1, abs=0.6)


def test_any_report_is_found_by_code_and_by_number_once_it_exists() -> None:
    city = City(seed=7, live=Live(since=NOON))
    for report in on(city, "2026-11-23", "2026-11-24", now=NOON + timedelta(hours=1)):
        assert city.by_code(report.code, now=NOON + timedelta(hours=1)) == report
        assert city.by_number(report.number, now=NOON + timedelta(hours=1)) == report
        assert city.by_code(report.code, now=report.reported_at - timedelta(seconds=1)) is None


@pytest.mark.parametrize("code", ["", "JK2611249999", "JK2613010001", "JK0001010001", "XX2611240001", "JK9912310001"])
def test_a_code_that_was_never_given_finds_nothing(code: str) -> None:
    assert City(seed=7).by_code(code, now=NOON) is None


@pytest.mark.parametrize("number", [-1, 0, 10**12, 36_140_000])
def test_a_number_that_was_never_given_finds_nothing(number: int) -> None:
    assert City(seed=7).by_number(number, now=NOON) is None


def test_live_reports_arrive_every_half_minute_from_the_start_on_and_never_change() -> None:
    still, alive = City(seed=7), City(seed=7, live=Live(since=NOON))
    assert on(alive, "2026-11-20", "2026-11-24") == on(still, "2026-11-20", "2026-11-24")
    hour = on(alive, "2026-11-24", "2026-11-24", now=NOON + timedelta(hours=1))
    live = [report for report in hour if int(report.code[-4:]) > 5000]
    assert len(live) == pytest.approx(120, abs=1)
    gaps = [later.reported_at - earlier.reported_at for earlier, later in pairwise(live)]
    assert timedelta(seconds=20) <= min(gaps) <= max(gaps) <= timedelta(seconds=40)
    restarted = City(seed=7, live=Live(since=NOON + timedelta(minutes=30)))
    again = on(restarted, "2026-11-24", "2026-11-24", now=NOON + timedelta(hours=1))
    assert [report for report in hour if report in again] == again


def test_live_reports_go_on_over_midnight_with_the_codes_of_the_new_day() -> None:
    eve = datetime(2026, 11, 24, 23, 50, tzinfo=WIB)
    city = City(seed=7, live=Live(since=eve))
    reports = on(city, "2026-11-24", "2026-11-25", now=eve + timedelta(minutes=20))
    live = [report for report in reports if int(report.code[-4:]) > 5000]
    assert {report.code[2:8] for report in live} == {"261124", "261125"}
    assert all(report.code[2:8] == f"{report.reported_at:%y%m%d}" for report in live)
    assert len(live) == pytest.approx(40, abs=1)


@pytest.mark.parametrize("per_day", [0, -1, MAX_PER_DAY + 1])
def test_a_volume_whose_codes_do_not_fit_is_refused(per_day: int) -> None:
    with pytest.raises(ValueError, match="reports a day"):
        City(seed=7, per_day=per_day)


@pytest.mark.parametrize("seconds", [0, 19, 30.5])
def test_a_live_interval_whose_codes_do_not_fit_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="a live report every"):
        Live(since=NOON, every=timedelta(seconds=seconds))


def test_even_the_busiest_city_keeps_its_codes_apart() -> None:
    mondays = [date(2026, 1, 5) + timedelta(weeks=week) for week in range(52)]
    assert 4000 < max(len(plan_day(7, monday, MAX_PER_DAY).arrivals) for monday in mondays) <= 5000


def test_the_seed_knows_every_label_that_the_city_writes(two_months: list[Report]) -> None:
    units, villages, categories = aliases(), village_aliases(), category_aliases()
    words = {word for connector, word in status_words() if connector == "crm"}
    for report in two_months:
        crm, jaki = crm_item(report, NOON), jaki_item(report, NOON)
        assert fold_label(jaki["location"]["kelurahan"]) in villages
        assert fold_word(crm["complaintCategory"]["name"]) in categories
        assert fold_word(jaki["category"]["name"]) in categories
        assert crm["zone"] is None or fold_label(crm["zone"]["name"]) in units, crm["zone"]
        for entry in jaki["timeline"]:
            assert entry["by"] is None or fold_label(entry["by"]) in units, entry["by"]
    assert {fold_word(status) for status in Status} <= words
