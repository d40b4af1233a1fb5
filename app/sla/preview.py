"""A worked case as JSON, checked strictly and answered with its outcome and account; it touches nothing stored."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from app.sla.calendars import (
    CalendarRules,
    CompiledCalendar,
    always_open,
    compile_calendar,
    end_of_day,
    parse_rules,
)
from app.sla.catalogue import DEFAULT_LANGUAGE
from app.sla.clock import ClockEvent, EventKind, State, Target, TargetUnit, Terms, fold, parse_target
from app.sla.explain import explain, instant_json, row_json
from app.sla.fields import LAST_YEAR, InvalidCase, InvalidField, day, instant, is_day, items, members, optional_text

__all__ = ["InvalidCase", "preview"]

MAX_EVENTS = 10_000

CalendarLookup = Callable[[str], CalendarRules | None]


def preview(
    case: Mapping[str, object], *, calendars: CalendarLookup, language: str = DEFAULT_LANGUAGE
) -> dict[str, object]:
    """The outcome of a worked case, as `POST /api/v1/sla/preview` answers it.

    `name` and `expect` are labels of a case and change nothing. An `extend` moves the due time to its promised date,
    as under a policy without a cap.

    >>> case = {
    ...     "target": {"unit": "elapsed_minute", "amount": 90},
    ...     "events": [{"at": "2026-06-02T00:30:00Z", "kind": "start"}],
    ...     "as_of": "2026-06-02T01:00:00Z",
    ... }
    >>> answer = preview(case, calendars=lambda name: None)
    >>> answer["due_at"], answer["remaining_seconds"], answer["explain"][0]["note"]
    ('2026-06-02T02:00:00Z', 3600, 'Waktu berjalan')

    Raises:
        InvalidCase: something in the case is refused; it names the field.
    """
    try:
        return _answer(case, calendars, language)
    except InvalidField as bad:
        raise InvalidCase(bad.field, bad.message) from bad


def _answer(case: object, calendars: CalendarLookup, language: str) -> dict[str, object]:
    shape = members(case, "", required=("target", "events", "as_of"), optional=("calendar", "name", "expect"))
    as_of = instant(shape["as_of"], "as_of")
    target, stated_due = _target(shape["target"])
    calendar = _calendar(shape, target, calendars)
    events = [
        _event(row, f"events[{index}]", calendar.zone)
        for index, row in enumerate(items(shape["events"], "events", at_most=MAX_EVENTS))
    ]
    terms = Terms(
        target=target,
        calendar=calendar,
        source_due_at=_instant_or_end_of_day(stated_due, "target.due_at", calendar.zone),
        max_extensions=sys.maxsize,
    )
    outcome = fold(events, terms, as_of=as_of)
    if outcome.state is State.NOT_STARTED:
        return {"state": str(outcome.state)}
    return {
        "state": str(outcome.state),
        "due_at": _optional(outcome.due_at),
        "breached_at": _optional(outcome.breached_at),
        "elapsed_seconds": outcome.elapsed_s,
        "paused_seconds": outcome.paused_s,
        "remaining_seconds": outcome.remaining_s,
        "explain": [row_json(row, language, calendar.zone) for row in explain(events, terms, as_of=as_of)],
    }


def _target(value: object) -> tuple[Target, object]:
    """The target, and the due time that the source states in it."""
    shape = dict(members(value, "target", required=("unit",), optional=("amount", "due_at")))
    due_at = shape.pop("due_at", None)
    target = parse_target(shape)
    if due_at is not None and target.unit is not TargetUnit.SOURCE_DUE:
        raise InvalidField("target.due_at", "belongs to source_due alone")
    return target, due_at


def _calendar(shape: Mapping[str, object], target: Target, calendars: CalendarLookup) -> CompiledCalendar:
    stated = shape.get("calendar")
    if stated is None:
        if target.unit.needs_calendar:
            raise InvalidField("calendar", f"is required for {target.unit}")
        return always_open()
    if isinstance(stated, str):
        rules = calendars(stated)
        if rules is None:
            raise InvalidField("calendar", "is not the name of a calendar")
        return compile_calendar(rules)
    if not isinstance(stated, Mapping):
        raise InvalidField("calendar", "must be an object or the name of a calendar")
    return compile_calendar(parse_rules(stated))


def _event(value: object, field: str, zone: ZoneInfo) -> ClockEvent:
    shape = members(value, field, required=("at", "kind"), optional=("promised_at", "reason", "actor"))
    kind = shape["kind"]
    if not isinstance(kind, str) or kind not in tuple(EventKind):
        raise InvalidField(f"{field}.kind", f"must be one of {', '.join(EventKind)}")
    promised_at = shape.get("promised_at")
    if promised_at is not None and kind != EventKind.EXTEND:
        raise InvalidField(f"{field}.promised_at", "belongs to extend alone")
    return ClockEvent(
        at=instant(shape["at"], f"{field}.at"),
        kind=EventKind(kind),
        promised_at=_instant_or_end_of_day(promised_at, f"{field}.promised_at", zone),
        reason=optional_text(shape, "reason", field),
        actor=optional_text(shape, "actor", field),
    )


def _instant_or_end_of_day(value: object, field: str, zone: ZoneInfo) -> datetime | None:
    """The instant stated; a date alone is the end of that local day."""
    if value is None:
        return None
    if not is_day(value):
        return instant(value, field)
    on = day(value, field)
    if not date.min < on < date(LAST_YEAR, 12, 31):
        raise InvalidField(field, f"lies beyond the year {LAST_YEAR}")
    return end_of_day(on, zone).astimezone(UTC)


def _optional(at: datetime | None) -> str | None:
    return None if at is None else instant_json(at)
