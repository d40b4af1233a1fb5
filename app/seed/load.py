"""Jakarta's reference data into the tables: what is missing is added, what differs is changed, no unit is removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, and_, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.changes import RULES, count_up
from app.db.metadata import metadata
from app.seed import jakarta, rules
from app.seed.jakarta import UnitSeed
from app.seed.rules import PolicySeed

Row = dict[str, Any]
_SWITCHED_ON: Row = {"is_active": True}


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows a load added, changed and found as they should be."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.added + other.added, self.changed + other.changed, self.unchanged + other.unchanged)


@dataclass(frozen=True, slots=True)
class SeedTally:
    """What a load did, table by table."""

    tables: Mapping[str, Counts]

    @property
    def total(self) -> Counts:
        """The sum over all tables."""
        return sum(self.tables.values(), Counts())

    def to_json(self) -> dict[str, dict[str, int]]:
        """The counts by table, and their `total`."""
        return {name: asdict(counts) for name, counts in (*self.tables.items(), ("total", self.total))}


async def seed_jakarta(connection: AsyncConnection, *, now: datetime) -> SeedTally:
    """What the load added, changed and left; a second load changes nothing. The caller commits.

    Published versions of calendars and policies, and rules of telling, are only ever added: what an administrator made
    of a rule stays, and one that was taken away stays away. A unit or category that is switched off stays off.
    """
    units = {"unit": await _load_units(connection)}
    ids = await _ids(connection, "unit", "code")
    tally = SeedTally(
        units
        | {"unit_ancestor": await _load_ancestors(connection, ids)}
        | {"unit_alias": await _load_unit_aliases(connection, ids)}
        | await _load_words(connection)
        | await _load_calendars(connection, now)
        | await _load_policies(connection, now)
        | {"reason_code": await _load_reasons(connection)}
        | {"alert_rule": await _load_alert_rules(connection, now)}
    )
    if tally.total.added or tally.total.changed:
        # Processes that hold the rules and units see by this number that theirs are old.
        await count_up(connection, RULES)
    return tally


async def _load_units(connection: AsyncConnection) -> Counts:
    counts = Counts()
    for generation in _generations():
        ids = await _ids(connection, "unit", "code")
        rows = [_unit_row(unit, ids) for unit in generation]
        counts += await _bring(connection, "unit", ("code",), rows, initial=_SWITCHED_ON)
    return counts


def _generations() -> list[list[UnitSeed]]:
    """The units grouped so that the parents of each group are in the groups before it."""
    ages: dict[str, int] = {}
    for unit in jakarta.units():
        ages[unit.code] = max((ages[parent] + 1 for parent in unit.parents), default=0)
    return [[unit for unit in jakarta.units() if ages[unit.code] == age] for age in range(max(ages.values()) + 1)]


def _unit_row(unit: UnitSeed, ids: Mapping[str, int]) -> Row:
    return {
        "code": unit.code,
        "name": unit.name,
        "type": unit.type,
        "parent_id": ids[unit.parent] if unit.parent else None,
        "second_parent_id": ids[unit.second_parent] if unit.second_parent else None,
        "is_validator": unit.is_validator,
    }


async def _load_ancestors(connection: AsyncConnection, ids: Mapping[str, int]) -> Counts:
    rows = [
        {"unit_id": ids[unit], "ancestor_id": ids[ancestor], "depth": depth}
        for unit, ways in jakarta.ancestors().items()
        for ancestor, depth in ways.items()
    ]
    moved_away = await _forget_old_ancestors(connection, {(row["unit_id"], row["ancestor_id"]) for row in rows})
    return moved_away + await _bring(connection, "unit_ancestor", ("unit_id", "ancestor_id"), rows)


async def _forget_old_ancestors(connection: AsyncConnection, wanted: set[tuple[int, int]]) -> Counts:
    table = metadata.tables["unit_ancestor"]
    ours = {unit for unit, _ in wanted}
    stored = await connection.execute(select(table.c.unit_id, table.c.ancestor_id))
    old = [
        {"old_unit": unit, "old_ancestor": above}
        for unit, above in stored
        if unit in ours and (unit, above) not in wanted
    ]
    if old:
        is_old = (table.c.unit_id == bindparam("old_unit")) & (table.c.ancestor_id == bindparam("old_ancestor"))
        await connection.execute(delete(table).where(is_old), old)
    return Counts(changed=len(old))


async def _load_unit_aliases(connection: AsyncConnection, ids: Mapping[str, int]) -> Counts:
    kinds = (("label", jakarta.aliases()), ("village", jakarta.village_aliases()))
    rows = [
        {"kind": kind, "label": label, "unit_id": ids[code]} for kind, codes in kinds for label, code in codes.items()
    ]
    return await _bring(connection, "unit_alias", ("kind", "label"), rows)


async def _load_words(connection: AsyncConnection) -> dict[str, Counts]:
    categories = [{"code": one.code, "name": one.name, "parent_code": None} for one in rules.categories()]
    labels = [{"label": label, "code": code} for label, code in rules.category_aliases().items()]
    words = [{"connector": of, "word": word, "status": status} for (of, word), status in rules.status_words().items()]
    return {
        "category": await _bring(connection, "category", ("code",), categories, initial=_SWITCHED_ON),
        "category_alias": await _bring(connection, "category_alias", ("label",), labels),
        "status_word": await _bring(connection, "status_word", ("connector", "word"), words),
    }


async def _load_calendars(connection: AsyncConnection, now: datetime) -> dict[str, Counts]:
    names = await _bring(connection, "calendar", ("name",), [{"name": one.name} for one in rules.calendars()])
    ids = await _ids(connection, "calendar", "name")
    rows = [
        {"calendar_id": ids[one.name], "version": one.version, "rules": dict(one.rules), "published_at": now}
        for one in rules.calendars()
    ]
    key = ("calendar_id", "version")
    return {"calendar": names, "calendar_version": await _bring(connection, "calendar_version", key, rows, fixed=True)}


async def _load_policies(connection: AsyncConnection, now: datetime) -> dict[str, Counts]:
    heads = [{"name": one.name, "family": one.family, "kind": one.kind, "clock": one.clock} for one in rules.policies()]
    names = await _bring(connection, "policy", ("name",), heads)
    ids = await _ids(connection, "policy", "name")
    rows = [_policy_version_row(one, ids[one.name], now) for one in rules.policies()]
    key = ("policy_id", "version")
    return {"policy": names, "policy_version": await _bring(connection, "policy_version", key, rows, fixed=True)}


def _policy_version_row(policy: PolicySeed, policy_id: int, now: datetime) -> Row:
    return {
        "policy_id": policy_id,
        "version": policy.version,
        "target_unit": policy.target_unit,
        "target_amount": policy.target_amount,
        "calendar": policy.calendar,
        "applies": {scope: list(values) for scope, values in policy.applies.items()},
        "honours": list(policy.honours),
        "thresholds": list(policy.thresholds),
        "repeat_s": policy.repeat_s,
        "extension_cap_s": policy.extension_cap_s,
        "max_extensions": policy.max_extensions,
        "effective_on": policy.effective_on,
        "basis": policy.basis,
        "confidence": policy.confidence,
        "published_at": now,
    }


async def _load_reasons(connection: AsyncConnection) -> Counts:
    return await _bring(connection, "reason_code", ("kind", "code"), [asdict(reason) for reason in rules.reasons()])


async def _load_alert_rules(connection: AsyncConnection, now: datetime) -> Counts:
    narrowed = dict.fromkeys(("clocks", "policies", "units", "categories"))
    rows = [
        {**asdict(one), "who": list(one.who), "channels": list(one.channels), **narrowed}
        | {"is_active": True, "updated_at": now, "updated_by": "seed"}
        for one in rules.alert_rules()
    ]
    return await _bring(connection, "alert_rule", ("name",), rows, fixed=True)


async def _ids(connection: AsyncConnection, name: str, key: str) -> dict[str, int]:
    table = metadata.tables[name]
    return {row[key]: row["id"] for row in (await connection.execute(select(table.c[key], table.c.id))).mappings()}


async def _bring(
    connection: AsyncConnection,
    name: str,
    key: Sequence[str],
    rows: Sequence[Row],
    *,
    initial: Row | None = None,
    fixed: bool = False,
) -> Counts:
    """Make table `name` hold `rows`, found again by `key`.

    `initial` is set on rows that are added and left alone on others; a `fixed` row never changes once it is there.
    """
    table = metadata.tables[name]
    result = await connection.execute(select(*(table.c[column] for column in rows[0])))
    stored = {tuple(row[column] for column in key): dict(row) for row in result.mappings()}
    added = [row | (initial or {}) for row in rows if _key(row, key) not in stored]
    changed = [row for row in rows if not fixed and stored.get(_key(row, key), row) != row]
    if added:
        await connection.execute(insert(table), added)
    if changed:
        await _change(connection, table, key, changed)
    return Counts(len(added), len(changed), len(rows) - len(added) - len(changed))


def _key(row: Row, key: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[column] for column in key)


async def _change(connection: AsyncConnection, table: Table, key: Sequence[str], rows: Sequence[Row]) -> None:
    is_row = and_(*(table.c[column] == bindparam(f"key_{column}") for column in key))
    values: dict[str, Any] = {column: bindparam(f"new_{column}") for column in rows[0] if column not in key}
    parameters = [
        {f"key_{column}": row[column] for column in key} | {f"new_{column}": row[column] for column in values}
        for row in rows
    ]
    await connection.execute(update(table).where(is_row).values(values), parameters)
