"""The rules in force, read from their tables into one value and kept until their revision changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.rulebook import DatedCalendar, Rulebook, Variant
from app.db.changes import RULES, share_rules
from app.db.cursors import PREPARED
from app.db.session import is_writing
from app.db.states import RuleKind
from app.db.tables.machine import Counter
from app.db.tables.rules import Calendar, CalendarVersion, Policy, PolicyVersion, Proposal
from app.db.tables.units import Unit, UnitAncestor
from app.sla.calendars import CalendarRules, CompiledCalendar, compile_calendar, parse_rules
from app.sla.clock import Target
from app.sla.policy import Applies, OnChange
from app.sla.policy import PolicyVersion as PolicyValue

_revision = select(Counter.value).where(Counter.name == RULES).prefix_with(PREPARED)


class Rulebooks:
    """Gives the rulebook of the current revision; one object for each process."""

    def __init__(self) -> None:
        self._held: Rulebook | None = None
        self._compiled: dict[int, CompiledCalendar] = {}
        self._variants: dict[Variant, CompiledCalendar] = {}

    async def current(self, connection: AsyncConnection) -> Rulebook:
        """The rulebook in force; costs one small query unless the rules or units changed.

        Who writes under it holds it: no other rules come into force before that transaction ends.
        """
        if is_writing(connection):
            await share_rules(connection)
        revision = await connection.scalar(_revision) or 0
        if self._held is None or self._held.revision != revision:
            self._held = await self._read(connection, int(revision))
        return self._held

    async def _read(self, connection: AsyncConnection, revision: int) -> Rulebook:
        calendars, numbers = await self._calendars(connection)
        versions = await _policy_versions(connection)
        units = (await connection.execute(select(Unit.id, Unit.code, Unit.name, Unit.is_validator))).all()
        validators = [unit.id for unit in units if unit.is_validator]
        return Rulebook(
            revision=revision,
            policies=tuple(versions.values()),
            calendars=calendars,
            policy_by_id=versions,
            calendar_by_id=dict(self._compiled),
            ancestors=await _ancestors(connection),
            unit_codes={unit.id: unit.code for unit in units},
            validator_id=validators[0] if validators else None,
            zone=next((dated.calendar.zone for dated in calendars.values()), UTC),
            variants=self._variants,
            calendar_numbers=numbers,
            unit_names={unit.id: unit.name for unit in units},
        )

    async def _calendars(self, connection: AsyncConnection) -> tuple[dict[str, DatedCalendar], dict[int, int]]:
        """The newest versions by name, and the number of every version by its id."""
        columns = (
            CalendarVersion.id, CalendarVersion.version, CalendarVersion.effective_on, CalendarVersion.rules,
            CalendarVersion.published_at, Calendar.name, Proposal.former_id,
        )  # fmt: skip
        takes_back = (Proposal.revert_version_id == CalendarVersion.id) & (Proposal.kind == RuleKind.CALENDAR)
        statement = (
            select(*columns)
            .join(Calendar, Calendar.id == CalendarVersion.calendar_id)
            .outerjoin(Proposal, takes_back)
            .where(CalendarVersion.published_at.is_not(None))
            .order_by(CalendarVersion.calendar_id, CalendarVersion.version)
        )
        newest: dict[str, DatedCalendar] = {}
        numbers: dict[int, int] = {}
        for row in await connection.execute(statement):
            if row.id not in self._compiled:
                self._compiled[row.id] = compile_calendar(parse_rules(row.rules))
            former = newest.get(row.name)
            compiled = self._compiled[row.id]
            newest[row.name] = DatedCalendar(
                row.id, compiled, row.effective_on, former, row.published_at, row.former_id
            )
            numbers[row.id] = row.version
        return newest, numbers


def with_calendar(
    rules: Rulebook, name: str, version_id: int, compiled: CompiledCalendar, effective_on: date | None
) -> Rulebook:
    """The rules as they would be with one more version of a calendar."""
    newest = DatedCalendar(version_id, compiled, effective_on, rules.calendars.get(name))
    return replace(
        rules,
        calendars={**rules.calendars, name: newest},
        calendar_by_id={**rules.calendar_by_id, version_id: compiled},
        chosen={},
        variants={},
    )


def with_policies(rules: Rulebook, versions: Iterable[PolicyValue]) -> Rulebook:
    """The rules as they would be with these versions of policies, in the place of those with the same ids."""
    by_id = {**rules.policy_by_id, **{version.id: version for version in versions}}
    return replace(rules, policies=tuple(by_id.values()), policy_by_id=by_id, chosen={})


async def stored_calendars(connection: AsyncConnection) -> dict[str, CalendarRules]:
    """The newest published version of each calendar, by name."""
    statement = (
        select(Calendar.name, CalendarVersion.rules)
        .join(CalendarVersion, CalendarVersion.calendar_id == Calendar.id)
        .where(CalendarVersion.published_at.is_not(None))
        .order_by(CalendarVersion.version)
    )
    return {row.name: parse_rules(row.rules) for row in await connection.execute(statement)}


async def _policy_versions(connection: AsyncConnection) -> Mapping[int, PolicyValue]:
    takes_back = (Proposal.revert_version_id == PolicyVersion.id) & (Proposal.kind == RuleKind.POLICY)
    statement = (
        select(PolicyVersion, Policy.name, Policy.family, Policy.clock, Proposal.former_id)
        .join(Policy, Policy.id == PolicyVersion.policy_id)
        .outerjoin(Proposal, takes_back)
        .where(PolicyVersion.published_at.is_not(None), Policy.kind == "clock")
        .order_by(PolicyVersion.id)
    )
    return {row.id: _value(row) for row in await connection.execute(statement)}


def _value(row: Any) -> PolicyValue:
    return PolicyValue(
        id=row.id,
        policy=row.name,
        family=row.family,
        version=row.version,
        clock=row.clock,
        target=Target(row.target_unit, row.target_amount),
        calendar=row.calendar,
        applies=Applies(**{name: tuple(values) for name, values in row.applies.items()}),
        honours=frozenset(row.honours),
        thresholds=tuple(row.thresholds),
        repeat_s=row.repeat_s,
        extension_cap_s=row.extension_cap_s,
        max_extensions=row.max_extensions,
        effective_on=row.effective_on,
        basis=row.basis,
        confidence=row.confidence,
        on_change=OnChange(row.on_change),
        published_at=row.published_at,
        brings_back=row.former_id,
    )


async def _ancestors(connection: AsyncConnection) -> dict[int, tuple[int, ...]]:
    statement = select(UnitAncestor.unit_id, UnitAncestor.ancestor_id).order_by(UnitAncestor.depth)
    found: dict[int, list[int]] = defaultdict(list)
    for row in await connection.execute(statement):
        found[row.unit_id].append(row.ancestor_id)
    return {unit_id: tuple(ancestors) for unit_id, ancestors in found.items()}
