"""Where a unit stands among its sisters, and what is kept from a caller who may not see theirs."""

from __future__ import annotations

import pytest

from app.units.sisters import FEWEST_SISTERS, SMALLEST_CELL, Place, Standing, place_among

NOTHING = Place(0, None, None)


@pytest.mark.parametrize(
    ("own", "others", "is_higher_better", "place"),
    [
        (80, (90, 70), True, Place(3, 2, 80.0)),
        (80, (90, 70), False, Place(3, 2, 80.0)),
        (80, (80, 80), True, Place(3, 1, 80.0)),
        (10, (20, None, 30), False, Place(3, 1, 20.0)),
        (None, (20, 30), True, NOTHING),
        (80, (), True, NOTHING),
    ],
)
def test_a_place_is_told_by_the_figure(
    own: float | None, others: tuple[float | None, ...], is_higher_better: bool, place: Place
) -> None:
    sisters = [Standing(value, 9) for value in others]
    assert place_among(Standing(own, 9), sisters, is_higher_better=is_higher_better) == place


def test_a_small_cell_of_a_hidden_sister_is_left_out() -> None:
    hidden = [Standing(50 + each, SMALLEST_CELL, is_hidden=True) for each in range(FEWEST_SISTERS)]
    small = Standing(99, SMALLEST_CELL - 1, is_hidden=True)
    assert place_among(Standing(80, 9), [*hidden, small], is_higher_better=True) == Place(4, 1, 51.5)
    enough = Standing(99, SMALLEST_CELL, is_hidden=True)
    assert place_among(Standing(80, 9), [*hidden, enough], is_higher_better=True) == Place(5, 2, 52.0)


def test_few_hidden_sisters_are_left_out_for_whoever_knows_the_others() -> None:
    hidden = [Standing(50 + each, 9, is_hidden=True) for each in range(FEWEST_SISTERS - 1)]
    assert place_among(Standing(80, 9), hidden, is_higher_better=True) == NOTHING
    seen = [Standing(90, 9), Standing(60, 9)]
    assert place_among(Standing(80, 9), [*hidden, *seen], is_higher_better=True) == Place(3, 2, 80.0)
    assert (
        place_among(Standing(80, 9), [*hidden, *seen, Standing(52, 9, is_hidden=True)], is_higher_better=True).units
        == 6
    )
