"""What a cut of the figures keeps of its statements, and what it binds anew each time."""

from __future__ import annotations

from app.units.ground import LIVE, Ground
from app.units.slices import WHOLE_CUT, By, Cut, knife

_EARLIER = Ground(LIVE.complaint, LIVE.clock, LIVE.stint)


def test_cuts_of_one_shape_have_one_blade_whatever_they_ask_for() -> None:
    roads = knife(LIVE, Cut(categories=("roads",), channels=("jaki",)), [1, 2])
    parks = knife(LIVE, Cut(categories=("parks", "trees"), channels=("email",)), [3])
    assert roads.blade is parks.blade
    assert parks.values == {"units": [3], "categories": ["parks", "trees"], "channels": ["email"], "source_ids": []}


def test_cuts_of_other_shapes_have_other_blades() -> None:
    cuts = [WHOLE_CUT, Cut(channels=("jaki",)), Cut(categories=("jaki",)), Cut(source_ids=(1,)), Cut(by=By.CHANNEL)]
    blades = {knife(LIVE, cut, [1], tells_units=tells).blade for cut in cuts for tells in (True, False)}
    assert len(blades) == 2 * len(cuts)


def test_nothing_is_kept_of_an_earlier_instant() -> None:
    assert knife(_EARLIER, WHOLE_CUT, [1]).blade is not knife(_EARLIER, WHOLE_CUT, [1]).blade
