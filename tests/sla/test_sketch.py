"""Percentiles of many times: exact while they are few, within the stated error when they are many, however added up."""

from __future__ import annotations

from random import Random

import pytest

from app.sla.scorecard import EXACT_BELOW, Scorecard
from app.sla.sketch import ERROR, sketch
from app.units.figures import together

PERCENTS = (0, 1, 25, 50, 75, 90, 99, 100)


def _times(count: int, seed: int) -> list[int]:
    """Spans from nothing to years, with many alike and a long tail."""
    chance = Random(seed)
    return [int(chance.choice((0, 60, 3_600, chance.lognormvariate(9, 3)))) for _ in range(count)]


def _exact(times: list[int], percent: int) -> float:
    found = Scorecard(times_s=tuple(sorted(times))).percentile_s(percent)
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(5))
def test_a_percentile_is_within_the_stated_error(seed: int) -> None:
    times = _times(12_000, seed)
    for percent in PERCENTS:
        true = _exact(times, percent)
        assert abs(sketch(times).percentile_s(percent) - true) <= ERROR * true + 1e-6, percent


def test_sketches_of_parts_add_up_to_the_sketch_of_the_whole() -> None:
    parts = [_times(count, seed) for seed, count in enumerate((7_000, 1, 0, 6_000))]
    whole = sketch([each for part in parts for each in part])
    added = sum((sketch(part) for part in parts[1:]), sketch(parts[0]))
    assert (dict(added.counts), added.count, added.total_s) == (dict(whole.counts), whole.count, whole.total_s)


def test_percentiles_are_exact_below_the_limit_and_say_their_error_from_there_on() -> None:
    few, many = _times(EXACT_BELOW - 1, 1), _times(EXACT_BELOW, 2)
    below = together([Scorecard(times_s=tuple(sorted(part))) for part in (few[:4_000], few[4_000:])])
    assert below.percentile_error == 0
    assert [below.percentile_s(each) for each in PERCENTS] == [_exact(few, each) for each in PERCENTS]
    above = together([Scorecard(times_s=tuple(sorted(part))) for part in (many[:4_000], many[4_000:])])
    assert above.percentile_error == ERROR and above.times_s == ()
    assert above.mean_s == sum(many) / len(many)
    assert above.p90_s is not None and abs(above.p90_s - _exact(many, 90)) <= ERROR * _exact(many, 90)


def test_however_scorecards_are_added_their_percentiles_are_the_same() -> None:
    cards = [Scorecard(met=1, times_s=tuple(sorted(_times(4_000, seed)))) for seed in range(4)]
    at_once = together(cards)
    in_pairs = (cards[0] + cards[1]) + (cards[2] + cards[3])
    one_by_one = cards[0] + cards[1] + cards[2] + cards[3]
    for percent in PERCENTS:
        assert at_once.percentile_s(percent) == in_pairs.percentile_s(percent) == one_by_one.percentile_s(percent)
    assert at_once.met == in_pairs.met == 4
