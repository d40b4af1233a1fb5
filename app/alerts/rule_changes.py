"""Rules of telling that administrators write: checked, made, replaced, taken away."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.catalogue import CLOCKS
from app.alerts.groups import Group, drop_group, put_group, read_groups
from app.alerts.rules import WHO, Hours, PersonalChannel, Rule, Severity, value_of
from app.complaint.errors import Conflict, InvalidInput, NotFound
from app.db.tables.alerts import AlertRule
from app.db.tables.rules import Policy
from app.db.tables.sources import Category
from app.db.tables.units import Unit

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
"""No dot, so that no rule is called like a policy and a mute can name either."""
MAX_STEP = 100_000
MAX_EVERY = 1_000
HIGHEST_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule with who wrote it last, and its chat group as it may be shown."""

    rule: Rule
    updated_at: datetime
    updated_by: str
    group: str | None


async def list_rules(connection: AsyncConnection) -> list[Entry]:
    """Every rule, in force or switched off: those of the lower steps first."""
    statement = _RULES.order_by(AlertRule.from_step, AlertRule.name)
    groups = await read_groups(connection)
    return [_entry(row, groups) for row in await connection.execute(statement)]


async def find_rule(connection: AsyncConnection, name: str) -> Entry:
    """The rule of this name.

    Raises: NotFound.
    """
    row = (await connection.execute(_RULES.where(AlertRule.name == name))).one_or_none()
    if row is None:
        raise NotFound(f"alert rule {name} does not exist")
    return _entry(row, await read_groups(connection))


async def add_rule(
    connection: AsyncConnection, rule: Rule, *, group: Group | None = None, by: str, now: datetime
) -> Entry:
    """A new rule, with a chat group where one is given; it tells of what fires from now on.

    Raises: InvalidInput, naming the field; Conflict, when there is one of that name.
    """
    await _check(connection, rule, has_group=group is not None)
    held = select(AlertRule.removed_at).where(AlertRule.name == rule.name)
    row = (await connection.execute(held)).one_or_none()
    if row is not None and row.removed_at is None:
        raise Conflict(f"alert rule {rule.name} exists")
    values = _values(rule, by, now)
    if row is None:
        await connection.execute(insert(AlertRule).values(values))
    else:
        await connection.execute(update(AlertRule).where(AlertRule.name == rule.name).values(values))
    if group is not None:
        await put_group(connection, rule.name, group, by=by, now=now)
    return await find_rule(connection, rule.name)


async def replace_rule(
    connection: AsyncConnection,
    rule: Rule,
    *,
    group: Group | None = None,
    keeps_group: bool = True,
    by: str,
    now: datetime,
) -> Entry:
    """The rule of this name, as it shall be; `keeps_group` leaves its chat group as it is where none is given.

    Raises: NotFound; InvalidInput, naming the field.
    """
    before = await find_rule(connection, rule.name)
    is_kept = keeps_group and before.group is not None
    await _check(connection, rule, has_group=group is not None or is_kept)
    changed = update(AlertRule).where(AlertRule.name == rule.name)
    await connection.execute(changed.values(_values(rule, by, now)))
    if group is not None:
        await put_group(connection, rule.name, group, by=by, now=now)
    elif not is_kept:
        await drop_group(connection, rule.name)
    return await find_rule(connection, rule.name)


async def remove_rule(connection: AsyncConnection, name: str, *, by: str, now: datetime) -> None:
    """Take the rule away; its name stays known, so that seeding does not bring it back.

    Raises: NotFound.
    """
    await find_rule(connection, name)
    gone = update(AlertRule).where(AlertRule.name == name)
    await connection.execute(gone.values(removed_at=now, updated_at=now, updated_by=by))
    await drop_group(connection, name)


async def _check(connection: AsyncConnection, rule: Rule, *, has_group: bool) -> None:
    if not NAME.fullmatch(rule.name):
        raise InvalidInput("name", "must be 1 to 60 small letters, digits or -, no - at the ends")
    _check_steps(rule)
    if not rule.who and not has_group:
        raise InvalidInput("who", "must name at least one, unless the rule tells a group")
    _check_words("who", rule.who or None, lambda word: WHO.fullmatch(word) is not None, _WHO_WORDS)
    _check_words("channels", rule.channels, lambda word: word in tuple(PersonalChannel), ", ".join(PersonalChannel))
    _check_words("clocks", rule.clocks, lambda word: word in CLOCKS["id"], ", ".join(CLOCKS["id"]))
    for field, codes, column in (
        ("policies", rule.policies, Policy.name),
        ("units", rule.units, Unit.code),
        ("categories", rule.categories, Category.code),
    ):
        known = set(await connection.scalars(select(column).where(column.in_(codes)))) if codes else set()
        _check_words(field, codes, known.__contains__, f"known {field}")


def _check_steps(rule: Rule) -> None:
    if not 1 <= rule.from_step <= MAX_STEP:
        raise InvalidInput("from_step", f"must be between 1 and {MAX_STEP}")
    if rule.to_step is not None and not rule.from_step <= rule.to_step <= MAX_STEP:
        raise InvalidInput("to_step", f"must be between from_step and {MAX_STEP}")
    if not 1 <= rule.every <= MAX_EVERY:
        raise InvalidInput("every", f"must be between 1 and {MAX_EVERY}")
    if rule.every > 1 and rule.to_step is not None and rule.to_step <= HIGHEST_PERCENT:
        raise InvalidInput("every", "is for reminders: the steps above 100")


def _check_words(field: str, words: Collection[str] | None, is_known: Any, known: str) -> None:
    if words is None:
        return
    if not words:
        raise InvalidInput(field, "must name at least one")
    for word in sorted(words):
        if not is_known(word):
            raise InvalidInput(field, f"{word} is none of {known}")


def _values(rule: Rule, by: str, now: datetime) -> dict[str, Any]:
    return {
        "name": rule.name,
        "description": rule.description.strip(),
        "from_step": rule.from_step,
        "to_step": rule.to_step,
        "every": rule.every,
        "who": list(dict.fromkeys(rule.who)),
        "channels": sorted(set(rule.channels)),
        "severity": str(Severity(rule.severity)),
        "hours": str(Hours(rule.hours)),
        "clocks": _listed(rule.clocks),
        "policies": _listed(rule.policies),
        "units": _listed(rule.units),
        "categories": _listed(rule.categories),
        "is_active": rule.is_active,
        "updated_at": now,
        "updated_by": by,
        "removed_at": None,
    }


def _listed(words: Collection[str] | None) -> Sequence[str] | None:
    return sorted(words) if words is not None else None


def _entry(row: Any, groups: Mapping[str, Group]) -> Entry:
    group = groups.get(row.name)
    return Entry(value_of(row), row.updated_at, row.updated_by, group.shown if group is not None else None)


_WHO_WORDS = "assignee, officers, head, head+1 to head+9, bureau"
_RULES: Select[*tuple[Any, ...]] = select(*AlertRule.__table__.c).where(AlertRule.removed_at.is_(None))
