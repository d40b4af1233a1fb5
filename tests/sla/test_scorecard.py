"""A unit's figures: the cohort by due date, exact percentiles, ageing, and sums of sums."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.sla.clock import State
from app.sla.scorecard import Cycle, Scorecard, score

from .conftest import wib

NOW = wib("2026-06-30 12:00")


def cycle(state: State, *, due: str | None = "2026-06-20 12:00", started: str = "2026-06-10 12:00", **more) -> Cycle:
    return Cycle(state, wib(started), wib(due) if due else None, **more)


CYCLES = [
    cycle(State.MET, elapsed_s=100),
    cycle(State.MET, elapsed_s=300),
    cycle(State.MISSED, elapsed_s=900, paused_s=100),
    cycle(State.RUNNING, elapsed_s=1_000),
    cycle(State.RUNNING, due="2026-07-20 12:00", started="2026-06-30 11:00"),
    cycle(State.PAUSED, due=None, started="2026-06-26 11:00"),
    cycle(State.CANCELLED, elapsed_s=50),
    cycle(State.UNJUDGED, elapsed_s=60),
    cycle(State.MET, due=None, elapsed_s=500),
]


def test_an_open_overdue_cycle_counts_as_missed_and_the_unjudged_are_left_out() -> None:
    card = score(CYCLES, as_of=NOW)
    assert (card.received, card.met, card.missed, card.running_overdue) == (9, 2, 1, 1)
    assert (card.open, card.unjudged, card.cancelled) == (3, 1, 1)
    assert card.compliance == 0.5


def test_a_cycle_at_its_due_instant_is_not_overdue() -> None:
    running = [cycle(State.RUNNING, due="2026-06-30 12:00")]
    assert score(running, as_of=NOW).running_overdue == 0
    assert score(running, as_of=NOW + timedelta(microseconds=1)).running_overdue == 1


def test_the_cohort_is_cut_by_due_date() -> None:
    early = cycle(State.MISSED, due="2026-05-31 23:59")
    card = score([*CYCLES, early], as_of=NOW, due_from=wib("2026-06-01 00:00"), due_to=wib("2026-07-01 00:00"))
    assert (card.met, card.missed, card.running_overdue, card.received) == (2, 1, 1, 10)


def test_nothing_judged_is_no_compliance_rather_than_full_or_none() -> None:
    card = score([cycle(State.UNJUDGED)], as_of=NOW)
    assert (card.compliance, card.median_s, card.p90_s, card.mean_s, card.paused_share) == (None,) * 5


@pytest.mark.parametrize(
    ("times", "median", "p90"),
    [((7,), 7, 7), ((1, 3), 2, 2.8), ((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), 6, 10)],
)
def test_percentiles_are_exact(times, median, p90) -> None:
    card = score([cycle(State.MET, elapsed_s=each) for each in reversed(times)], as_of=NOW)
    assert (card.median_s, card.p90_s) == (median, p90)


def test_open_cycles_are_counted_by_age() -> None:
    starts = ["2026-06-30 11:00", "2026-06-29 12:00", "2026-06-27 11:00", "2026-06-20 12:00", "2026-01-01 12:00"]
    card = score([cycle(State.RUNNING, started=each) for each in starts], as_of=NOW)
    assert card.ages == (2, 0, 1, 1, 0, 1)


def test_the_paused_share_is_of_all_counted_time() -> None:
    assert score([cycle(State.MET, elapsed_s=300, paused_s=100)], as_of=NOW).paused_share == 0.25


def test_the_sum_of_two_scorecards_is_the_scorecard_of_both() -> None:
    whole = score(CYCLES, as_of=NOW)
    for cut in range(len(CYCLES) + 1):
        assert score(CYCLES[:cut], as_of=NOW) + score(CYCLES[cut:], as_of=NOW) == whole
    assert sum([whole, whole], Scorecard()).received == 18
