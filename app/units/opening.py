"""PURE: when a unit works: its calendar, and when it closes and opens next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.complaint.rulebook import Rulebook
from app.sla.calendars import CompiledCalendar
from app.sla.policy import PolicyVersion
from app.sla.terms import TargetUnit

_AHEAD = timedelta(days=366)
_WORKING = frozenset({TargetUnit.WORKING_MINUTE, TargetUnit.WORKING_DAY})


@dataclass(frozen=True, slots=True)
class Hours:
    """Whether a unit works at an instant, when it closes for the day, and when it opens next.

    Both are None where it never closes; `opens_at` is None too where it does not open within a year.
    """

    is_open: bool
    closes_at: datetime | None
    opens_at: datetime | None

    @property
    def never_closes(self) -> bool:
        """Whether it works around the clock."""
        return self.is_open and self.opens_at is None


def hours_at(calendar: CompiledCalendar, at: datetime) -> Hours:
    """How it stands at an instant. An open unit closes with its last hour of the day: a noon break is no closing.

    >>> from app.sla.calendars import compile_calendar, parse_rules
    >>> week = {day: [["07:30", "12:00"], ["13:00", "16:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    >>> office = compile_calendar(parse_rules({"timezone": "Asia/Jakarta", "week": week}))
    >>> hours = hours_at(office, datetime.fromisoformat("2026-11-27T09:00:00+07:00"))
    >>> [each.astimezone(office.zone).strftime("%a %H:%M") for each in (hours.closes_at, hours.opens_at)]
    ['Fri 16:00', 'Mon 07:30']
    """
    if calendar.is_always_open:
        return Hours(True, None, None)
    spans = calendar.intervals(at, at + _AHEAD)
    since, closes_at = next(spans, (None, None))
    if since is None or since > at:
        return Hours(False, None, since)
    today = at.astimezone(calendar.zone).date()
    for opens, closes in spans:
        if opens.astimezone(calendar.zone).date() != today:
            return Hours(True, closes_at, opens)
        closes_at = closes
    return Hours(True, None, None)


def city_hours(rules: Rulebook, at: datetime) -> list[Hours]:
    """How each calendar in force stands, as it is and with the exceptions of each unit that has some.

    While this is the same, no unit has opened or closed.
    """
    return [hours_at(each, at) for each in _calendars(rules, at.astimezone(rules.zone).date())]


def is_working_day(calendar: CompiledCalendar, on: date) -> bool:
    """Whether the calendar opens at all on a local date."""
    return bool(calendar.day_note(on).hours)


def office_calendar(rules: Rulebook, unit_id: int, on: date) -> CompiledCalendar:
    """The calendar by which a unit works on a day, with its own exceptions.

    It is the one that the nearest policy for the unit, or for one above it, counts working time on; without one the
    one that most policies count it on; and a city without working hours is always open.
    """
    above = rules.ancestors.get(unit_id, (unit_id,))
    counting = [each for each in _in_force(rules, on) if each.target.unit in _WORKING]
    own = {code: each.calendar for each in counting for code in each.applies.units}
    codes = (rules.unit_codes[each] for each in above if each in rules.unit_codes)
    name = next((own[code] for code in codes if code in own), None) or _usual(counting)
    if name is None:
        return rules.always
    version_id = rules.calendars[name].on(on).version_id
    return rules.calendar(version_id, rules.exception_unit(version_id, unit_id))


def _calendars(rules: Rulebook, on: date) -> Iterator[CompiledCalendar]:
    for dated in (each.on(on) for each in rules.calendars.values()):
        yield dated.calendar
        for code in sorted({exception.unit for exception in dated.calendar.rules.exceptions}):
            yield rules.calendar(dated.version_id, rules.unit_ids.get(code))


def _in_force(rules: Rulebook, on: date) -> list[PolicyVersion]:
    newest: dict[str, PolicyVersion] = {}
    for each in sorted(rules.policies, key=lambda each: each.version):
        if each.effective_on <= on:
            newest[each.policy] = each
    return list(newest.values())


def _usual(policies: list[PolicyVersion]) -> str | None:
    counts = Counter(each.calendar for each in policies)
    return min(counts, key=lambda name: (-counts[name], name), default=None)
