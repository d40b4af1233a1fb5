"""What a calendar version says: a base week, dated periods, single days and units' exceptions, read from JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.sla.fields import InvalidCalendar, InvalidField, day, flag, items, members, optional_text, text

Hours = tuple[tuple[int, int], ...]
"""Open intervals of one day, half-open, in seconds after local midnight, sorted and apart."""

Week = tuple[Hours, Hours, Hours, Hours, Hours, Hours, Hours]
"""Hours from Monday to Sunday."""

DAY_S = 86_400
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_PERIODS = 200
MAX_DAYS = 10_000
MAX_INTERVALS = 48
MAX_EXCEPTIONS = 200
MAX_DAY_YEARS = 300
"""Day rows of more different years than this are refused: each such year has to be computed by itself."""

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00", re.ASCII)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+\-/]{0,63}", re.ASCII)
# Variants of the zone files that count leap seconds or repeat the plain ones, and what is another zone on each machine.
_NO_ZONES = ("right/", "posix/", "posixrules", "localtime", "Factory")
_A_YEAR = timedelta(days=366)
_OPTIONAL = ("name", "periods", "days", "exceptions", "decreed_through")


@dataclass(frozen=True, slots=True)
class Period:
    """A week of its own from one date to another, both included."""

    from_on: date
    to_on: date
    week: Week
    name: str | None = None
    source: str | None = None
    is_estimated: bool = False

    def covers(self, on: date) -> bool:
        return self.from_on <= on <= self.to_on


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """Hours of one date: none for a holiday, a few for a half day."""

    on: date
    hours: Hours
    name: str | None = None
    source: str | None = None
    is_estimated: bool = False


@dataclass(frozen=True, slots=True)
class UnitException:
    """Days on which one unit, and what lies below it, keeps other hours than the rest."""

    unit: str
    days: tuple[SpecialDay, ...]


@dataclass(frozen=True, slots=True)
class CalendarRules:
    """A calendar version as published; later layers win: week, then the last period, then the last day row.

    `decreed_through` is the last date whose holidays are decreed; what lies beyond is provisional. `exceptions` hold
    for the units they name alone: `for_units` gives the rules of one.
    """

    timezone: str
    week: Week
    periods: tuple[Period, ...] = ()
    days: tuple[SpecialDay, ...] = ()
    name: str | None = None
    decreed_through: date | None = None
    exceptions: tuple[UnitException, ...] = ()

    def for_units(self, codes: Sequence[str]) -> CalendarRules:
        """The rules of a unit, given by its code and then those above it: the nearest one's exceptions win.

        >>> closed = {"unit": "dlh", "days": [{"date": "2026-06-02", "hours": []}]}
        >>> rules = parse_rules({"timezone": "UTC", "week": {"tue": [["08:00", "16:00"]]}, "exceptions": [closed]})
        >>> [len(rules.for_units(codes).days) for codes in (["sudin", "dlh"], ["dbm"])]
        [1, 0]
        """
        rank = {code: place for place, code in enumerate(codes)}
        found = [exception for exception in self.exceptions if exception.unit in rank]
        found.sort(key=lambda exception: -rank[exception.unit])
        days = [special for exception in found for special in exception.days]
        return replace(self, days=(*self.days, *days), exceptions=())

    def to_json(self) -> dict[str, object]:
        """The JSON shape that `parse_rules` reads back to an equal value."""
        shape: dict[str, object] = {"timezone": self.timezone, "week": _week_json(self.week)}
        if self.name is not None:
            shape["name"] = self.name
        if self.decreed_through is not None:
            shape["decreed_through"] = self.decreed_through.isoformat()
        if self.periods:
            shape["periods"] = [_period_json(period) for period in self.periods]
        if self.days:
            shape["days"] = [_day_json(special) for special in self.days]
        if self.exceptions:
            shape["exceptions"] = [_exception_json(exception) for exception in self.exceptions]
        return shape


def parse_rules(data: Mapping[str, object], *, field: str = "calendar") -> CalendarRules:
    """The rules that `data` states; touching intervals are merged.

    >>> rules = parse_rules({"timezone": "Asia/Jakarta", "week": {"fri": [["08:00", "11:30"], ["11:30", "24:00"]]}})
    >>> rules.week[4]
    ((28800, 86400),)
    >>> parse_rules(rules.to_json()) == rules
    True

    Raises:
        InvalidCalendar: an unknown field, zone or time, a close that is not after its open, overlapping intervals, or
            no open time within a year.
    """
    try:
        rules = _rules(data, field)
        _require_few_years(rules, field)
        _require_open_time(rules, field)
        for exception in rules.exceptions:
            _require_open_time(rules.for_units((exception.unit,)), field)
    except InvalidField as bad:
        raise InvalidCalendar(bad.field, bad.message) from bad
    return rules


def end_of_day(on: date, zone: ZoneInfo) -> datetime:
    """The first instant after the local date `on`, in the zone."""
    following = on + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=zone)


def _rules(data: object, field: str) -> CalendarRules:
    shape = members(data, field, required=("timezone", "week"), optional=_OPTIONAL)
    decreed = shape.get("decreed_through")
    return CalendarRules(
        timezone=_zone(shape["timezone"], f"{field}.timezone"),
        week=_week(shape["week"], f"{field}.week"),
        periods=tuple(
            _period(row, f"{field}.periods[{index}]")
            for index, row in enumerate(items(shape.get("periods", ()), f"{field}.periods", at_most=MAX_PERIODS))
        ),
        days=_days(shape.get("days", ()), f"{field}.days"),
        exceptions=_exceptions(shape.get("exceptions", ()), f"{field}.exceptions"),
        name=optional_text(shape, "name", field),
        decreed_through=None if decreed is None else day(decreed, f"{field}.decreed_through"),
    )


def _zone(value: object, field: str) -> str:
    key = text(value, field, at_most=64)
    if not _ZONE.fullmatch(key) or key.startswith(_NO_ZONES):
        raise InvalidField(field, "is not a known time zone")
    try:
        ZoneInfo(key)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidField(field, "is not a known time zone") from error
    return key


def _week(value: object, field: str) -> Week:
    shape = members(value, field, optional=WEEKDAYS)
    mon, tue, wed, thu, fri, sat, sun = (_hours(shape.get(name, ()), f"{field}.{name}") for name in WEEKDAYS)
    return (mon, tue, wed, thu, fri, sat, sun)


def _period(value: object, field: str) -> Period:
    shape = members(value, field, required=("from", "to", "week"), optional=("name", "source", "is_estimated"))
    from_on, to_on = day(shape["from"], f"{field}.from"), day(shape["to"], f"{field}.to")
    if to_on < from_on:
        raise InvalidField(f"{field}.to", "is before its from")
    name, source, is_estimated = _origin(shape, field)
    return Period(from_on, to_on, _week(shape["week"], f"{field}.week"), name, source, is_estimated)


def _special_day(value: object, field: str) -> SpecialDay:
    shape = members(value, field, required=("date", "hours"), optional=("name", "source", "is_estimated"))
    name, source, is_estimated = _origin(shape, field)
    on, hours = day(shape["date"], f"{field}.date"), _hours(shape["hours"], f"{field}.hours")
    return SpecialDay(on, hours, name, source, is_estimated)


def _days(value: object, field: str) -> tuple[SpecialDay, ...]:
    rows = items(value, field, at_most=MAX_DAYS)
    return tuple(_special_day(row, f"{field}[{index}]") for index, row in enumerate(rows))


def _exceptions(value: object, field: str) -> tuple[UnitException, ...]:
    found: dict[str, UnitException] = {}
    for index, row in enumerate(items(value, field, at_most=MAX_EXCEPTIONS)):
        place = f"{field}[{index}]"
        shape = members(row, place, required=("unit", "days"))
        unit = text(shape["unit"], f"{place}.unit", at_most=80)
        if unit in found:
            raise InvalidField(f"{place}.unit", "has exceptions already")
        found[unit] = UnitException(unit, _days(shape["days"], f"{place}.days"))
    return tuple(found.values())


def _origin(shape: Mapping[str, object], field: str) -> tuple[str | None, str | None, bool]:
    is_estimated = flag(shape.get("is_estimated", False), f"{field}.is_estimated")
    return optional_text(shape, "name", field), optional_text(shape, "source", field), is_estimated


def _hours(value: object, field: str) -> Hours:
    rows = items(value, field, at_most=MAX_INTERVALS)
    stated = sorted((_interval(row, f"{field}[{index}]"), index) for index, row in enumerate(rows))
    merged: list[tuple[int, int]] = []
    for (opens, closes), index in stated:
        if merged and opens < merged[-1][1]:
            raise InvalidField(f"{field}[{index}]", "overlaps another interval of the day")
        if merged and opens == merged[-1][1]:
            merged[-1] = (merged[-1][0], closes)
        else:
            merged.append((opens, closes))
    return tuple(merged)


def _interval(value: object, field: str) -> tuple[int, int]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise InvalidField(field, "must be a pair of times, open and close")
    opens, closes = (_time_of_day(part, field) for part in value)
    if closes <= opens:
        raise InvalidField(field, "must close after it opens")
    return opens, closes


def _time_of_day(value: object, field: str) -> int:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise InvalidField(field, "must be written in times from 00:00 to 24:00")
    return int(value[:2]) * 3_600 + int(value[3:]) * 60


def _require_few_years(rules: CalendarRules, field: str) -> None:
    rows = [*rules.days, *chain.from_iterable(exception.days for exception in rules.exceptions)]
    if len(rows) > MAX_DAYS:
        raise InvalidField(f"{field}.exceptions", f"make more than {MAX_DAYS} day rows with the calendar's own")
    if len({special.on.year for special in rows}) > MAX_DAY_YEARS:
        raise InvalidField(f"{field}.days", f"has days of more than {MAX_DAY_YEARS} different years")


def _require_open_time(rules: CalendarRules, field: str) -> None:
    hours = {special.on: special.hours for special in rules.days}
    open_days = [on for on, opens in hours.items() if opens]
    if not any(rules.week) and not any(any(period.week) for period in rules.periods) and not open_days:
        raise InvalidField(f"{field}.week", "never opens")
    for index, period in enumerate(rules.periods):
        if any(period.week) or period.to_on - period.from_on <= _A_YEAR:
            continue
        later = rules.periods[index + 1 :]
        is_relieved = any(any(other.week) and other.from_on <= period.to_on for other in later)
        if not is_relieved and not any(period.covers(on) for on in open_days):
            raise InvalidField(f"{field}.periods[{index}].week", "leaves more than a year without open time")


def _week_json(week: Week) -> dict[str, object]:
    return {name: _hours_json(hours) for name, hours in zip(WEEKDAYS, week, strict=True)}


def _hours_json(hours: Hours) -> list[list[str]]:
    return [[f"{edge // 3_600:02}:{edge // 60 % 60:02}" for edge in interval] for interval in hours]


def _period_json(period: Period) -> dict[str, object]:
    shape: dict[str, object] = {
        "from": period.from_on.isoformat(),
        "to": period.to_on.isoformat(),
        "week": _week_json(period.week),
    }
    return shape | _origin_json(period)


def _day_json(special: SpecialDay) -> dict[str, object]:
    shape: dict[str, object] = {"date": special.on.isoformat(), "hours": _hours_json(special.hours)}
    return shape | _origin_json(special)


def _exception_json(exception: UnitException) -> dict[str, object]:
    return {"unit": exception.unit, "days": [_day_json(special) for special in exception.days]}


def _origin_json(row: Period | SpecialDay) -> dict[str, object]:
    stated = {"name": row.name, "source": row.source, "is_estimated": row.is_estimated or None}
    return {key: value for key, value in stated.items() if value is not None}
