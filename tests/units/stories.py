"""Complaints with a history that a test tells step by step."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from app.complaint.events import CaseEvent, EventKind
from app.complaint.lifecycle import Move
from tests.units.city import City
from tests.workqueue.desk import entry

Step = tuple[timedelta, Move] | tuple[timedelta, Move, str]
"""How long after the report, which move; with `forward` to which unit."""


async def tell(
    city: City, reported_at: datetime, unit: str, *steps: Step, code: str | None = None, **values: Any
) -> int:
    """A complaint that lies with a unit from its report on, and what was done with it; its id."""
    events = [
        entry(EventKind.REPORTED, reported_at),
        entry(EventKind.ASSIGNED, reported_at, unit_id=city.units[unit]),
        *(_event(city, reported_at, step) for step in steps),
    ]
    return await city.store(code, events, values, now=reported_at)


def _event(city: City, reported_at: datetime, step: Step) -> CaseEvent:
    after, move, *unit = step
    more = {"unit_id": city.units[unit[0]]} if unit else {}
    return entry(EventKind.MOVE, reported_at + after, move=move, **more)
