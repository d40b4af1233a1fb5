"""PURE: what a version of a calendar or of a policy says, read strictly from JSON and written back to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TypeVar

from app.sla.calendars import CalendarRules, parse_rules
from app.sla.clock import Target, parse_target
from app.sla.fields import InvalidField, day, items, members, text
from app.sla.policy import Applies, OnChange

T = TypeVar("T")

_DAY_S = 86_400
_LONGEST_S = 366 * _DAY_S * 10
_MOST_VALUES = 1_000
_CONFIDENCES = ("H", "M", "L", "MEM")
_SCOPES = ("connectors", "categories", "units", "channels", "classifications")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarContent:
    """A version of a calendar; without `effective_on` every open cycle follows it."""

    rules: CalendarRules
    effective_on: date | None = None
    source_document: str | None = None

    def to_json(self) -> dict[str, object]:
        """The shape that `parse_calendar` reads back."""
        on = self.effective_on.isoformat() if self.effective_on is not None else None
        return {"rules": self.rules.to_json(), "effective_on": on, "source_document": self.source_document}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyContent:
    """A version of a policy; it governs the cycles that start on `effective_on` or later."""

    target: Target
    calendar: str
    applies: Applies
    honours: tuple[str, ...]
    thresholds: tuple[int, ...]
    repeat_s: int | None
    extension_cap_s: int | None
    max_extensions: int
    effective_on: date
    basis: str
    confidence: str
    on_change: OnChange
    source_document: str | None

    def to_json(self) -> dict[str, object]:
        """The shape that `parse_policy` reads back."""
        return {
            "target": target_json(self.target),
            "calendar": self.calendar,
            "applies": {name: list(values) for name, values in asdict(self.applies).items()},
            "honours": list(self.honours),
            "thresholds": list(self.thresholds),
            "repeat_s": self.repeat_s,
            "extension_cap_s": self.extension_cap_s,
            "max_extensions": self.max_extensions,
            "effective_on": self.effective_on.isoformat(),
            "basis": self.basis,
            "confidence": self.confidence,
            "on_change": str(self.on_change),
            "source_document": self.source_document,
        }


Content = CalendarContent | PolicyContent


def target_json(target: Target) -> dict[str, object]:
    """The shape that `parse_target` reads back."""
    amount = {} if target.amount is None else {"amount": target.amount}
    return {"unit": str(target.unit), **amount}


def parse_calendar(given: Mapping[str, object], base: CalendarContent | None) -> CalendarContent:
    """The version that `given` states; what it leaves out stays as in `base`.

    Raises: InvalidField, naming the field.
    """
    stated = base.to_json() if base is not None else {}
    shape = members({**stated, **given}, "", required=("rules",), optional=("effective_on", "source_document"))
    rules = shape["rules"]
    if not isinstance(rules, Mapping):
        raise InvalidField("rules", "must be an object")
    return CalendarContent(
        rules=parse_rules(rules, field="rules"),
        effective_on=_optional(shape, "effective_on", day),
        source_document=_optional(shape, "source_document", _long_text),
    )


def parse_policy(given: Mapping[str, object], base: PolicyContent | None, *, today: date) -> PolicyContent:
    """The version that `given` states; what it leaves out stays as in `base`, or as the defaults say.

    Raises: InvalidField, naming the field.
    """
    defaults = _DEFAULTS if base is None else base.to_json()
    shape = members({**defaults, **given}, "", required=("target", "basis"), optional=tuple(_DEFAULTS))
    target = shape["target"]
    if not isinstance(target, Mapping):
        raise InvalidField("target", "must be an object")
    return PolicyContent(
        target=parse_target(target),
        calendar=text(shape["calendar"], "calendar", at_most=60),
        applies=_applies(shape["applies"]),
        honours=_texts(shape["honours"], "honours"),
        thresholds=_thresholds(shape["thresholds"]),
        repeat_s=_optional(shape, "repeat_s", _seconds),
        extension_cap_s=_optional(shape, "extension_cap_s", _seconds),
        max_extensions=_number(shape["max_extensions"], "max_extensions", 0, 100),
        effective_on=_optional(shape, "effective_on", day) or today,
        basis=_words(shape["basis"], "basis"),
        confidence=_one_of(shape["confidence"], "confidence", _CONFIDENCES),
        on_change=OnChange(_one_of(shape["on_change"], "on_change", tuple(OnChange))),
        source_document=_optional(shape, "source_document", _long_text),
    )


_DEFAULTS: Mapping[str, object] = {
    "calendar": "24x7",
    "applies": {},
    "honours": (),
    "thresholds": (75, 90, 100),
    "repeat_s": _DAY_S,
    "extension_cap_s": None,
    "max_extensions": 0,
    "effective_on": None,
    "confidence": "M",
    "on_change": "retroactive",
    "source_document": None,
}


def _optional(shape: Mapping[str, object], name: str, read: Callable[[object, str], T]) -> T | None:
    value = shape.get(name)
    return None if value is None else read(value, name)


def _long_text(value: object, field: str) -> str:
    return text(value, field, at_most=20_000)


def _words(value: object, field: str) -> str:
    words = text(value, field, at_most=2_000)
    if not words.strip():
        raise InvalidField(field, "must not be blank")
    return words


def _one_of(value: object, field: str, known: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise InvalidField(field, f"must be one of {', '.join(known)}")
    return value


def _number(value: object, field: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidField(field, f"must be a whole number from {least} to {most}")
    return value


def _seconds(value: object, field: str) -> int:
    return _number(value, field, 60, _LONGEST_S)


def _texts(value: object, field: str) -> tuple[str, ...]:
    rows = items(value, field, at_most=_MOST_VALUES)
    return tuple(dict.fromkeys(text(row, f"{field}[{index}]", at_most=200) for index, row in enumerate(rows)))


def _thresholds(value: object) -> tuple[int, ...]:
    rows = items(value, "thresholds", at_most=20)
    found = [_number(row, f"thresholds[{index}]", 1, 100) for index, row in enumerate(rows)]
    return tuple(sorted(set(found)))


def _applies(value: object) -> Applies:
    shape = members(value, "applies", optional=(*_SCOPES, "cycles"))
    cycles = items(shape.get("cycles", ()), "applies.cycles", at_most=100)
    return Applies(
        **{name: _texts(shape.get(name, ()), f"applies.{name}") for name in _SCOPES},
        cycles=tuple(_number(row, f"applies.cycles[{index}]", 1, 10_000) for index, row in enumerate(cycles)),
    )
