"""Calendars and policies with their versions: read, drafted, published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Table, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import Conflict, InvalidInput, NotFound
from app.db.changes import RULES, claim_rules, count_up
from app.db.rejudge import Reach, reached
from app.db.states import RuleKind
from app.db.tables.rules import Calendar, CalendarVersion, Policy, PolicyVersion
from app.rules.checks import CLOCKS, check
from app.rules.contents import CalendarContent, Content, PolicyContent, parse_calendar, parse_policy
from app.rules.findings import Findings
from app.sla.calendars import parse_rules
from app.sla.clock import Target, TargetUnit
from app.sla.fields import text
from app.sla.policy import Applies, OnChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a rule, by its number; who made it and who published it are names."""

    id: int
    number: int
    content: Content
    created_by: str | None
    created_at: datetime | None
    published_by: str | None
    published_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A calendar or a policy with its versions, oldest first; `clock` None is a policy that runs no clock."""

    kind: RuleKind
    id: int
    name: str
    family: str | None = None
    clock: str | None = None
    versions: Sequence[Version] = ()

    @property
    def published(self) -> list[Version]:
        """The versions that were ever in force, oldest first."""
        return [version for version in self.versions if version.published_at is not None]

    @property
    def in_force(self) -> Version | None:
        """The newest published version."""
        return self.published[-1] if self.published else None

    def version(self, number: int) -> Version:
        """The version of that number.

        Raises: NotFound.
        """
        for version in self.versions:
            if version.number == number:
                return version
        raise NotFound(f"{self.kind} {self.name} has no version {number}")

    def by_id(self, version_id: int) -> Version:
        """The version of that id, which exists."""
        return next(version for version in self.versions if version.id == version_id)


@dataclass(frozen=True, slots=True)
class NewRule:
    """What a policy that does not exist yet is: its family and its clock; a calendar needs neither."""

    family: str | None = None
    clock: str | None = None


async def read_rules(connection: AsyncConnection, kind: RuleKind, name: str | None = None) -> list[Rule]:
    """Every rule of a kind with its versions, by name; or the one of that name."""
    heads, versions, owner = _TABLES[kind]
    statement = select(heads).order_by(heads.c.name)
    if name is not None:
        statement = statement.where(heads.c.name == name)
    rows = list(await connection.execute(statement))
    found: dict[int, list[Version]] = {row.id: [] for row in rows}
    chosen = select(versions).where(versions.c[owner].in_(list(found))).order_by(versions.c.version)
    for row in await connection.execute(chosen):
        found[row._mapping[owner]].append(_version(kind, row))
    return [_rule(kind, row, found[row.id]) for row in rows]


async def read_rule(connection: AsyncConnection, kind: RuleKind, name: str) -> Rule:
    """The rule of that name.

    Raises: NotFound.
    """
    for rule in await read_rules(connection, kind, name):
        return rule
    raise NotFound(f"there is no {kind} {name[:60]}")


async def numbers(connection: AsyncConnection, kind: RuleKind, version_ids: Sequence[int]) -> dict[int, int]:
    """The number of each version, by its id."""
    table = _TABLES[kind][1]
    rows = await connection.execute(select(table.c.id, table.c.version).where(table.c.id.in_(version_ids)))
    return {row.id: row.version for row in rows}


async def find_rule(connection: AsyncConnection, kind: RuleKind, name: str, new: NewRule) -> Rule:
    """The rule of that name; one that does not exist yet has no id (0).

    Raises: InvalidInput, when a policy's family or clock is unknown, missing or another than it has.
    """
    found = await read_rules(connection, kind, name)
    if found:
        _demand_the_same(found[0], new)
        return found[0]
    if not text(name, "name", at_most=60).strip():
        raise InvalidInput("name", "must not be blank")
    if kind is RuleKind.CALENDAR:
        return Rule(kind=kind, id=0, name=name)
    if new.clock is not None and new.clock not in CLOCKS:
        raise InvalidInput("clock", f"must be one of {', '.join(CLOCKS)}")
    if new.family is None or new.clock is None:
        raise InvalidInput("family" if new.family is None else "clock", f"is required: {name} is a new policy")
    return Rule(kind=kind, id=0, name=name, family=text(new.family, "family", at_most=40), clock=new.clock)


def read_content(rule: Rule, given: Mapping[str, object], *, today: date) -> Content:
    """The content that `given` states for a version of the rule; what it leaves out stays as it is in force.

    Raises: InvalidField, naming the field.
    """
    base = rule.in_force.content if rule.in_force is not None else None
    if rule.kind is RuleKind.CALENDAR:
        return parse_calendar(given, base if isinstance(base, CalendarContent) else None)
    return parse_policy(given, base if isinstance(base, PolicyContent) else None, today=today)


async def find_faults(connection: AsyncConnection, rule: Rule, content: Content, *, today: date) -> Findings:
    """What is wrong or doubtful about the content as a version of the rule."""
    base = rule.in_force.content if rule.in_force is not None else None
    return await check(connection, rule.name, content, base, today=today)


def demand_sound(findings: Findings) -> None:
    """Nothing, when nothing is wrong.

    Raises: InvalidInput, for the first error.
    """
    for error in findings.errors:
        raise InvalidInput(error.field, error.message)


def demand_confirmed(findings: Findings, *, confirm: bool) -> None:
    """Nothing, when nothing is doubtful or somebody confirms it.

    Raises: Conflict.
    """
    if findings.doubts and not confirm:
        told = "; ".join(doubt.message for doubt in findings.doubts)
        raise Conflict(f"this needs a confirmation (confirm: true): {told}")


async def add_version(connection: AsyncConnection, rule: Rule, content: Content, *, actor: str, now: datetime) -> Rule:
    """The rule with one draft more, its last version; the rule itself is added where it is new."""
    heads, versions, owner = _TABLES[rule.kind]
    rule_id = rule.id or await _add_rule(connection, heads, rule)
    # Two that draft at once take their numbers one after the other.
    await connection.execute(select(heads.c.id).where(heads.c.id == rule_id).with_for_update())
    last = await connection.scalar(select(func.max(versions.c.version)).where(versions.c[owner] == rule_id))
    row = {owner: rule_id, "version": int(last or 0) + 1, "created_by": actor, "created_at": now}
    await connection.execute(insert(versions).values({**row, **_columns(content)}))
    return await read_rule(connection, rule.kind, rule.name)


async def claim(connection: AsyncConnection) -> None:
    """Be alone with the rules until the transaction ends.

    Raises: Conflict, when others kept them for too long.
    """
    if not await claim_rules(connection):
        raise Conflict("the rules are in use just now: a long transaction keeps them; try again")


async def publish(connection: AsyncConnection, rule: Rule, version: Version, *, actor: str, now: datetime) -> None:
    """Bring a draft in force; the caller has claimed the rules.

    Raises: Conflict, when it is published already, or a later version is in force.
    """
    if version.published_at is not None:
        raise Conflict(f"{rule.kind} {rule.name} version {version.number} is published already")
    if rule.in_force is not None and rule.in_force.number > version.number:
        raise Conflict(f"{rule.kind} {rule.name} version {rule.in_force.number} is in force: make a new version")
    versions = _TABLES[rule.kind][1]
    await connection.execute(
        update(versions).where(versions.c.id == version.id).values(published_at=now, published_by=actor)
    )
    await count_up(connection, RULES)


async def publish_unused(
    connection: AsyncConnection,
    kind: RuleKind,
    name: str,
    number: int,
    *,
    confirm: bool,
    actor: str,
    today: date,
    now: datetime,
) -> Rule:
    """Bring a draft in force that moves no clock, since none is open that it could judge.

    Raises: NotFound; Conflict, when an open clock may follow it (a proposal is the way), a warning is not confirmed,
    or the version cannot be published.
    """
    await claim(connection)
    rule = await read_rule(connection, kind, name)
    version = rule.version(number)
    if await reached(connection, reach_of(rule, version), after=0, limit=1):
        raise Conflict(f"open clocks may follow {kind} {name}: propose the version, so that somebody else approves it")
    findings = await find_faults(connection, rule, version.content, today=today)
    demand_sound(findings)
    demand_confirmed(findings, confirm=confirm)
    await publish(connection, rule, version, actor=actor, now=now)
    return await read_rule(connection, kind, name)


def reach_of(rule: Rule, version: Version | None, content: Content | None = None) -> Reach:
    """The open clocks that the version (or a content that is not stored yet) may move.

    A policy that applies to the same things since the same day moves what it judges already; any other one may take
    over from its neighbours, or leave to them.
    """
    judged = tuple(each.id for each in rule.published)
    if rule.kind is RuleKind.CALENDAR:
        return Reach(calendar_version_ids=judged)
    if rule.clock is None:
        return Reach()
    wanted = content or (version.content if version is not None else None)
    held = rule.in_force.content if rule.in_force is not None else None
    if isinstance(wanted, PolicyContent) and isinstance(held, PolicyContent) and _covers_the_same(wanted, held):
        return Reach(policy_version_ids=judged)
    return Reach(clock=rule.clock)


def _covers_the_same(one: PolicyContent, other: PolicyContent) -> bool:
    # Where the source states the due time, a complaint without one is left to nobody.
    kinds = {content.target.unit is TargetUnit.SOURCE_DUE for content in (one, other)}
    return one.applies == other.applies and one.effective_on == other.effective_on and len(kinds) == 1


def _demand_the_same(rule: Rule, new: NewRule) -> None:
    for field, stated, held in (("family", new.family, rule.family), ("clock", new.clock, rule.clock)):
        if stated is not None and stated != held:
            raise InvalidInput(field, f"policy {rule.name} is of {field} {held}")


async def _add_rule(connection: AsyncConnection, heads: Table, rule: Rule) -> int:
    row: dict[str, Any] = {"name": rule.name}
    if rule.kind is RuleKind.POLICY:
        row |= {"family": rule.family, "kind": "clock", "clock": rule.clock}
    return int((await connection.execute(insert(heads).values(row).returning(heads.c.id))).scalar_one())


def _rule(kind: RuleKind, row: Any, versions: Sequence[Version]) -> Rule:
    if kind is RuleKind.CALENDAR:
        return Rule(kind=kind, id=row.id, name=row.name, versions=versions)
    return Rule(kind=kind, id=row.id, name=row.name, family=row.family, clock=row.clock, versions=versions)


def _version(kind: RuleKind, row: Any) -> Version:
    return Version(
        id=row.id,
        number=row.version,
        content=_calendar_content(row) if kind is RuleKind.CALENDAR else _policy_content(row),
        created_by=row.created_by,
        created_at=row.created_at,
        published_by=row.published_by,
        published_at=row.published_at,
    )


def _calendar_content(row: Any) -> CalendarContent:
    return CalendarContent(
        rules=parse_rules(row.rules), effective_on=row.effective_on, source_document=row.source_document
    )


def _policy_content(row: Any) -> PolicyContent:
    return PolicyContent(
        target=Target(row.target_unit, row.target_amount),
        calendar=row.calendar,
        applies=Applies(**{name: tuple(values) for name, values in row.applies.items()}),
        honours=tuple(row.honours),
        thresholds=tuple(row.thresholds),
        repeat_s=row.repeat_s,
        extension_cap_s=row.extension_cap_s,
        max_extensions=row.max_extensions,
        effective_on=row.effective_on,
        basis=row.basis,
        confidence=row.confidence,
        on_change=OnChange(row.on_change),
        source_document=row.source_document,
    )


def _columns(content: Content) -> dict[str, object]:
    """The columns of a version's row."""
    shape = content.to_json()
    if isinstance(content, PolicyContent):
        del shape["target"]
        shape |= {"target_unit": content.target.unit, "target_amount": content.target.amount}
    return {**shape, "effective_on": content.effective_on}


_TABLES: Mapping[RuleKind, tuple[Table, Table, str]] = {
    RuleKind.CALENDAR: (Calendar.__table__, CalendarVersion.__table__, "calendar_id"),  # type: ignore[dict-item]
    RuleKind.POLICY: (Policy.__table__, PolicyVersion.__table__, "policy_id"),  # type: ignore[dict-item]
}
