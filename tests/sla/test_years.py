"""Years of one kind are computed once: each must be what it would be if computed by itself."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from app.sla.calendars import parse_rules
from app.sla.opening import Layers
from app.sla.years import Years

WEEK = {"mon": [["00:30", "02:30"]], "thu": [["07:30", "12:00"], ["13:00", "24:00"]], "sun": [["00:00", "03:15"]]}
YEARS = [*range(1939, 1948), *range(1970, 2044, 2), *range(2080, 2106), *range(2396, 2410), 9998]


@pytest.mark.parametrize(
    "zone", ["Asia/Jakarta", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]
)
def test_a_shared_year_equals_the_same_year_computed_alone(zone) -> None:
    period = {"from": "2020-12-30", "to": "2031-01-02", "week": {"sat": [["01:00", "02:00"]]}}
    days = [{"date": "2090-12-31", "hours": []}, {"date": "2400-02-29", "hours": [["00:00", "24:00"]]}]
    rules = parse_rules({"timezone": zone, "week": WEEK, "periods": [period], "days": days})
    shared, alone = Years(rules, ZoneInfo(zone)), Layers(rules, ZoneInfo(zone))

    for year in YEARS:
        block, later_s = shared.block(year)
        fresh = alone.block(year)
        assert [each + later_s for each in block.opens] == list(fresh.opens), year
        assert [each + later_s for each in block.closes] == list(fresh.closes), year
        assert (block.totals, block.total) == (fresh.totals, fresh.total)

        days_found, later_s = shared.working_days(year)
        fresh_days = alone.working_days(year)
        assert [each + later_s // 86_400 for each in days_found.ordinals] == list(fresh_days.ordinals), year
        assert [each + later_s for each in days_found.closes] == list(fresh_days.closes), year
