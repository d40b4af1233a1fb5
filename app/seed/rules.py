"""Categories, status words, calendars, policies, reasons and alert rules, read from the files beside this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from app.complaint.lifecycle import Status
from app.complaint.words import fold_word
from app.seed.files import read_json, read_toml
from app.sla.clock import TargetUnit

_MINUTES = {"hours": 60, "days": 24 * 60}
_DAY_S = 86_400
_SCOPES = ("connectors", "categories", "units", "channels", "classifications", "cycles")
_CALENDARS = (("24x7", 1), ("asn-dki", 1))
"""Name and version; a published version never changes, so a change of the file needs a new number."""


@dataclass(frozen=True, slots=True)
class CategorySeed:
    """A kind of complaint; `labels` are the other spellings under which sources know it."""

    code: str
    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CalendarSeed:
    """A version of a calendar with its rules in the JSON shape of a calendar."""

    name: str
    version: int
    rules: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySeed:
    """A version of a policy; `clock` is None for a rule that runs no clock (kind `rule`)."""

    name: str
    family: str
    kind: str
    clock: str | None
    version: int
    target_unit: TargetUnit
    target_amount: int | None
    calendar: str
    applies: Mapping[str, tuple[str | int, ...]]
    honours: tuple[str, ...]
    thresholds: tuple[int, ...]
    repeat_s: int | None
    extension_cap_s: int | None
    max_extensions: int
    effective_on: date
    basis: str
    confidence: str


@dataclass(frozen=True, slots=True)
class ReasonSeed:
    """Why a complaint is rejected (kind `reject`) or its clocks pause (kind `pause`, at most `max_s` seconds)."""

    kind: str
    code: str
    label_id: str
    label_en: str
    max_s: int | None
    needs_evidence: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRuleSeed:
    """Who is told of the steps from one to another; without `to_step` of all that follow."""

    name: str
    description: str
    from_step: int
    to_step: int | None
    every: int
    who: tuple[str, ...]
    channels: tuple[str, ...]
    severity: str
    hours: str


@cache
def categories() -> tuple[CategorySeed, ...]:
    """The 116 categories, one spelling each."""
    rows = read_toml("categories.toml")["category"]
    return tuple(CategorySeed(row["code"], row["name"], tuple(row.get("aliases", ()))) for row in rows)


@cache
def category_aliases() -> Mapping[str, str]:
    """Folded label -> code of the category it means; each category's own name is one.

    Raises: ValueError when a label means two categories.
    """
    meanings: dict[str, str] = {}
    for category in categories():
        for label in (category.name, *category.labels):
            known = meanings.setdefault(fold_word(label), category.code)
            if known != category.code:
                raise ValueError(f"category label {label!r} means both {known} and {category.code}")
    return meanings


@cache
def status_words() -> Mapping[tuple[str, str], Status]:
    """(connector, folded word) -> our status.

    Raises: ValueError for a status that we do not have.
    """
    return {
        (connector, fold_word(word)): Status(status)
        for source in read_toml("status_words.toml")["source"]
        for connector in source["connectors"]
        for word, status in source["words"].items()
    }


@cache
def calendars() -> tuple[CalendarSeed, ...]:
    """The calendars that policies name."""
    return tuple(CalendarSeed(name, version, read_json(f"calendars/{name}.json")) for name, version in _CALENDARS)


@cache
def policies() -> tuple[PolicySeed, ...]:
    """The default policies.

    Raises: ValueError for a target, a scope or a calendar that we do not know.
    """
    return tuple(_policy(row) for row in read_toml("policies.toml")["policy"])


@cache
def reasons() -> tuple[ReasonSeed, ...]:
    """The reasons for a rejection and for a pause."""
    rows = read_toml("reasons.toml")
    return tuple(_reason(kind, row) for kind in ("reject", "pause") for row in rows[kind])


@cache
def alert_rules() -> tuple[AlertRuleSeed, ...]:
    """The ladder as delivered."""
    return tuple(
        AlertRuleSeed(
            name=row["name"],
            description=row["description"],
            from_step=row["from_step"],
            to_step=row.get("to_step"),
            every=row.get("every", 1),
            who=tuple(row["who"]),
            channels=tuple(row.get("channels", ("chat", "email"))),
            severity=row["severity"],
            hours=row["hours"],
        )
        for row in read_toml("alert_rules.toml")["rule"]
    )


def _policy(row: Mapping[str, Any]) -> PolicySeed:
    unit, amount = _target(row["name"], row["target"])
    calendar = row.get("calendar", "24x7")
    if calendar not in {name for name, _ in _CALENDARS}:
        raise ValueError(f"policy {row['name']} names the unknown calendar {calendar}")
    cap = row.get("extension_cap_days")
    return PolicySeed(
        name=row["name"],
        family=row["family"],
        kind=row.get("kind", "clock"),
        clock=row.get("clock"),
        version=row.get("version", 1),
        target_unit=unit,
        target_amount=amount,
        calendar=calendar,
        applies=_applies(row["name"], row.get("applies", {})),
        honours=tuple(row.get("honours", ())),
        thresholds=tuple(row.get("thresholds", (75, 90, 100))),
        repeat_s=row.get("repeat_s", _DAY_S),
        extension_cap_s=None if cap is None else cap * _DAY_S,
        max_extensions=row.get("max_extensions", 0),
        effective_on=row["effective_on"],
        basis=row["basis"],
        confidence=row["confidence"],
    )


def _target(policy: str, target: Mapping[str, Any]) -> tuple[TargetUnit, int | None]:
    match list(target.items()):
        case [("hours" | "days" as unit, int(amount))]:
            return TargetUnit.ELAPSED_MINUTE, amount * _MINUTES[unit]
        case [("working_days", int(amount))]:
            return TargetUnit.WORKING_DAY, amount
        case [("source_due", True)]:
            return TargetUnit.SOURCE_DUE, None
        case _:
            raise ValueError(f"policy {policy} has no target that we know: {dict(target)}")


def _applies(policy: str, given: Mapping[str, Any]) -> dict[str, tuple[str | int, ...]]:
    if unknown := given.keys() - set(_SCOPES):
        raise ValueError(f"policy {policy} applies to unknown scopes: {sorted(unknown)}")
    return {scope: tuple(given.get(scope, ())) for scope in _SCOPES}


def _reason(kind: str, row: Mapping[str, Any]) -> ReasonSeed:
    days = row.get("max_days")
    limit = None if days is None else days * _DAY_S
    return ReasonSeed(kind, row["code"], row["label_id"], row["label_en"], limit, row.get("needs_evidence", False))
