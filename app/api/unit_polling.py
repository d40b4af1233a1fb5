"""What each status route is about, so that who polls it is told when nothing of that has changed."""

from __future__ import annotations

from datetime import datetime

from fastapi import Depends, Request

from app.api.etags import Asked, unless_unchanged
from app.db.marks import Passing
from app.db.pulse import View
from app.dependencies import house_of
from app.units.opening import Hours, city_hours
from app.units.periods import DEFAULT, ROLLING


def _asked(request: Request, *codes: str | None) -> Asked:
    compared = request.query_params.get("compare", "")
    return Asked(
        tuple(code for code in codes if code is not None),
        compares="sisters" in compared,
        by_minute="previous" in compared and _goes_on(request),
    )


def _goes_on(request: Request) -> bool:
    """Whether so much of the former period is told as has passed of this one: that is more with every minute."""
    query, zone = request.query_params, house_of(request).settings.zone
    name = query.get("period", DEFAULT)
    month: str = request.state.now.astimezone(zone).strftime("%Y-%m")
    return "as_of" not in query and (name in ROLLING or name == month)


def _right_below(request: Request) -> Asked:
    return _asked(request, request.query_params.get("parent"))


def _one_unit(request: Request) -> Asked:
    return _asked(request, request.path_params["code"])


def _tree(_request: Request) -> Asked:
    return Asked(of_complaints=False)


def _hours(view: View, now: datetime) -> list[Hours]:
    return city_hours(view.rules, now)


TREE = [Depends(unless_unchanged(_tree))]
RIGHT_BELOW = [Depends(unless_unchanged(_right_below, Passing.DUE, Passing.AGE))]
ONE_UNIT = [Depends(unless_unchanged(_one_unit, Passing.DUE, Passing.AGE))]
OVERVIEW = [Depends(unless_unchanged(_asked, Passing.DUE, Passing.AGE))]
SIGNALS = [Depends(unless_unchanged(_one_unit, Passing.DUE))]
OUTLOOK = [Depends(unless_unchanged(_one_unit, Passing.DUE, beside=_hours))]
