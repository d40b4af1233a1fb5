"""The rules of telling as values: who hears of which steps of whose clocks, how, how loud, and at which hours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.ladder import BREACH_STEP
from app.db.tables.alerts import AlertRule

ASSIGNEE, OFFICERS, HEAD, BUREAU = "assignee", "officers", "head", "bureau"
WHO = re.compile(r"assignee|officers|head(\+[1-9])?|bureau")
"""The assignee; the officers of the unit; its supervisors; those of the unit so many levels above; the validators'."""


class PersonalChannel(StrEnum):
    """A way to reach a person."""

    EMAIL = "email"
    CHAT = "chat"


class Severity(StrEnum):
    """How loud a message is; what is urgent comes through quiet hours."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Hours(StrEnum):
    """When a message goes out: at once, or in the office hours of the unit."""

    ANY = "any"
    WORKING = "working"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who is told of the steps from `from_step` to `to_step` (None: all that follow); None narrows nothing.

    Steps are those of the clock's policy: percentages of the target up to 100, then 101, 102, … for each reminder.
    Of the steps above 100 only each `every`th is told, counted from the first that the rule is for.
    """

    name: str
    description: str = ""
    from_step: int
    to_step: int | None
    every: int = 1
    who: tuple[str, ...]
    channels: tuple[str, ...]
    severity: Severity = Severity.NORMAL
    hours: Hours = Hours.ANY
    clocks: frozenset[str] | None = None
    policies: frozenset[str] | None = None
    units: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    is_active: bool = True

    def tells(self, step: int, *, clock: str, policy: str, units: frozenset[str], category: str | None) -> bool:
        """Whether the rule is for a step of a clock; `units` are the unit concerned and all above it.

        >>> weekly = Rule(name="weekly", from_step=101, to_step=None, every=7, who=("bureau",), channels=("email",))
        >>> about = {"clock": "respond", "policy": "crm.respond", "units": frozenset({"31"}), "category": None}
        >>> [step for step in range(90, 120) if weekly.tells(step, **about)]
        [101, 108, 115]
        """
        return (
            self._is_for(step)
            and (self.clocks is None or clock in self.clocks)
            and (self.policies is None or policy in self.policies)
            and (self.units is None or bool(self.units & units))
            and (self.categories is None or category in self.categories)
        )

    def _is_for(self, step: int) -> bool:
        if step < self.from_step or (self.to_step is not None and step > self.to_step):
            return False
        return step <= BREACH_STEP or (step - max(self.from_step, BREACH_STEP + 1)) % self.every == 0


async def active_rules(connection: AsyncConnection) -> list[Rule]:
    """The rules in force, by name."""
    columns = AlertRule.__table__.c
    statement = select(*columns).where(AlertRule.is_active, AlertRule.removed_at.is_(None)).order_by(AlertRule.name)
    return [value_of(row) for row in await connection.execute(statement)]


def value_of(row: Any) -> Rule:
    """The rule that a row holds."""
    return Rule(
        name=row.name,
        description=row.description,
        from_step=row.from_step,
        to_step=row.to_step,
        every=row.every,
        who=tuple(row.who),
        channels=tuple(row.channels),
        severity=Severity(row.severity),
        hours=Hours(row.hours),
        clocks=_set(row.clocks),
        policies=_set(row.policies),
        units=_set(row.units),
        categories=_set(row.categories),
        is_active=row.is_active,
    )


def _set(words: Sequence[str] | None) -> frozenset[str] | None:
    return frozenset(words) if words is not None else None
