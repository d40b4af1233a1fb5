"""PURE: whether a clock can run by a version at all: the calendar opens often enough, the target comes within reach."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from app.sla.calendars import CalendarRules, compile_calendar
from app.sla.clock import Target, Terms, counting_calendar, first_due
from app.sla.fields import DueOutOfRange

FARTHEST = timedelta(days=36_525)
"""A hundred years: a target beyond it is a slip of the keyboard, and so are the layers of a calendar."""

_A_YEAR = timedelta(days=366)


def shut_from(rules: CalendarRules, today: date) -> date | None:
    """The first local date, today or later, from which on nothing is open for a year.

    >>> from app.sla.calendars import parse_rules
    >>> once = {"timezone": "UTC", "week": {}, "days": [{"date": "2026-06-02", "hours": [["08:00", "12:00"]]}]}
    >>> str(shut_from(parse_rules(once), date(2026, 1, 1)))
    '2026-06-03'
    """
    calendar, zone = compile_calendar(rules), ZoneInfo(rules.timezone)
    for on in sorted(_edges(rules, today)):
        at = datetime.combine(on, time(), zone).astimezone(UTC)
        try:
            opens = calendar.instant(calendar.position(at) + 1)
        except DueOutOfRange:
            return on
        if opens - at > _A_YEAR:
            return on
    return None


def _edges(rules: CalendarRules, today: date) -> set[date]:
    """Today, and the later dates on which other layers hold than the day before."""
    last, day = today + FARTHEST, timedelta(days=1)
    spans = chain(((each.from_on, each.to_on) for each in rules.periods), ((each.on, each.on) for each in rules.days))
    edges = (edge for first, final in spans for edge in (first, min(final, last) + day))
    return {today, *(edge for edge in edges if today < edge <= last)}


def is_within_reach(target: Target, rules: CalendarRules, today: date) -> bool:
    """Whether what starts today is due within a hundred years; what the source states is its own matter."""
    calendar = counting_calendar(target, compile_calendar(rules))
    start = datetime.combine(today, time(), UTC)
    try:
        due_at = first_due(start, Terms(target, calendar), calendar)
    except DueOutOfRange:
        return False
    return due_at is None or due_at - start <= FARTHEST
