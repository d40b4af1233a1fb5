"""Mutes: a rule, a policy's ladder or everything, that says nothing of a unit and those below until an instant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.outbox import refresh, withdraw
from app.complaint.errors import InvalidInput, NotFound
from app.db.scope import Scope
from app.db.states import DeliveryState
from app.db.tables.alerts import Alert, AlertMute, AlertRule, Delivery
from app.db.tables.rules import Policy
from app.db.tables.units import Unit, UnitAncestor

_Rows = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Mute:
    """One mute that holds; `rule` is that of a rule or of a policy, None is everything."""

    rule: str | None
    unit_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MuteView:
    """A mute as it stands."""

    id: int
    rule: str | None
    unit: str
    until_at: datetime
    reason: str
    created_at: datetime
    created_by: str
    lifted_at: datetime | None
    lifted_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMute:
    """What shall be silent: a rule or a policy by name (None: everything), of a unit by code."""

    rule: str | None
    unit: str
    until_at: datetime
    reason: str


def is_muted(mutes: Iterable[Mute], name: str, unit_ids: Collection[int]) -> bool:
    """Whether a rule or a policy is silent; `unit_ids` are the unit concerned and all above it.

    >>> is_muted([Mute("crm.respond", 7)], "crm.respond", {3, 7}), is_muted([Mute(None, 7)], "breach", {3})
    (True, False)
    """
    return any(each.rule in (None, name) and each.unit_id in unit_ids for each in mutes)


async def mutes_at(connection: AsyncConnection, now: datetime) -> list[Mute]:
    """The mutes that hold."""
    statement = select(AlertMute.rule, AlertMute.unit_id).where(*_holds(now))
    return [Mute(row.rule, row.unit_id) for row in await connection.execute(statement)]


async def muted_alerts(connection: AsyncConnection, alert_ids: Collection[int], now: datetime) -> set[int]:
    """Those of the alerts whose policy, or whose unit as a whole, is silent at an instant."""
    statement = (
        select(Alert.id)
        .join(UnitAncestor, UnitAncestor.unit_id == Alert.unit_id)
        .join(AlertMute, AlertMute.unit_id == UnitAncestor.ancestor_id)
        .where(Alert.id.in_(alert_ids), *_holds(now))
        .where(or_(AlertMute.rule.is_(None), AlertMute.rule == Alert.rule))
    )
    return set(await connection.scalars(statement)) if alert_ids else set()


async def mute(connection: AsyncConnection, new: NewMute, scope: Scope, *, created_by: str, now: datetime) -> MuteView:
    """The mute; what it silences and is not yet sent is withdrawn.

    Raises: InvalidInput, naming the field.
    """
    unit_id = await _unit_id(connection, new.unit, scope)
    if new.until_at <= now:
        raise InvalidInput("until", "must lie in the future")
    if not new.reason.strip():
        raise InvalidInput("reason", "must not be blank")
    if new.rule is not None and not await _is_known(connection, new.rule):
        raise InvalidInput("rule", f"{new.rule} is neither a rule nor a policy")
    row = {"rule": new.rule, "unit_id": unit_id, "until_at": new.until_at, "reason": new.reason.strip()}
    made = insert(AlertMute).values(**row, created_at=now, created_by=created_by).returning(AlertMute.id)
    mute_id = int((await connection.execute(made)).scalar_one())
    await _withdraw_muted(connection, new.rule, unit_id)
    return await find_mute(connection, mute_id, scope)


async def lift(connection: AsyncConnection, mute_id: int, scope: Scope, *, lifted_by: str, now: datetime) -> MuteView:
    """The mute, ended; what it has silenced is not told any more. A second time changes nothing.

    Raises: NotFound, absent or not of the caller's units.
    """
    found = await find_mute(connection, mute_id, scope)
    lifted = update(AlertMute).where(AlertMute.id == found.id, AlertMute.lifted_at.is_(None))
    await connection.execute(lifted.values(lifted_at=now, lifted_by=lifted_by))
    return await find_mute(connection, mute_id, scope)


async def find_mute(connection: AsyncConnection, mute_id: int, scope: Scope) -> MuteView:
    """One mute.

    Raises: NotFound, absent or not of the caller's units.
    """
    row = (await connection.execute(_within(_MUTE, scope).where(AlertMute.id == mute_id))).one_or_none()
    if row is None:
        raise NotFound(f"mute {mute_id} does not exist")
    return MuteView(**row._mapping)


async def list_mutes(
    connection: AsyncConnection, scope: Scope, *, only_at: datetime | None, before: int | None, limit: int
) -> list[MuteView]:
    """The mutes of a scope's units, newest first; `only_at` keeps those that hold at an instant."""
    statement = _within(_MUTE, scope).order_by(AlertMute.id.desc()).limit(limit)
    if only_at is not None:
        statement = statement.where(*_holds(only_at))
    if before is not None:
        statement = statement.where(AlertMute.id < before)
    return [MuteView(**row._mapping) for row in await connection.execute(statement)]


async def _unit_id(connection: AsyncConnection, code: str, scope: Scope) -> int:
    statement = select(Unit.id).where(Unit.code == code)
    if scope.unit_ids is not None:
        below = select(UnitAncestor.unit_id).where(UnitAncestor.ancestor_id.in_(scope.unit_ids))
        statement = statement.where(Unit.id.in_(below))
    unit_id = await connection.scalar(statement)
    if unit_id is None:
        raise InvalidInput("unit", f"{code} is not a unit of yours")
    return int(unit_id)


async def _is_known(connection: AsyncConnection, name: str) -> bool:
    rule = select(AlertRule.id).where(AlertRule.name == name, AlertRule.removed_at.is_(None))
    policy = select(Policy.id).where(Policy.name == name)
    return await connection.scalar(rule) is not None or await connection.scalar(policy) is not None


async def _withdraw_muted(connection: AsyncConnection, name: str | None, unit_id: int) -> None:
    """Of a rule, the messages that are sent by it alone; of a policy or everything, all of them.

    A message that tells also of another policy's alert stays: when its turn comes it tells of that one.
    """
    below = select(UnitAncestor.unit_id).where(UnitAncestor.ancestor_id == unit_id)
    statement = (
        select(Delivery.id, Delivery.payload, Alert.rule)
        .join(Alert, Alert.id == Delivery.alert_id)
        .where(Delivery.state == DeliveryState.PENDING, Delivery.next_attempt_at.is_not(None))
        .where(Alert.unit_id.in_(below))
    )
    rows = await connection.execute(statement)
    gone = [row.id for row in rows if name is None or _is_only(row, name) or _rules_of(row.payload) == [name]]
    await refresh(connection, await withdraw(connection, gone))


def _is_only(row: Any, policy: str) -> bool:
    return bool(row.rule == policy) and "alert_ids" not in (row.payload or {})


def _rules_of(payload: Any) -> Sequence[str]:
    return list((payload or {}).get("rules", ()))


def _holds(now: datetime) -> tuple[Any, ...]:
    return AlertMute.until_at > now, AlertMute.lifted_at.is_(None)


def _within(statement: _Rows, scope: Scope) -> _Rows:
    if scope.unit_ids is None:
        return statement
    return statement.where(
        AlertMute.unit_id.in_(select(UnitAncestor.unit_id).where(UnitAncestor.ancestor_id.in_(scope.unit_ids)))
    )


_MUTE: _Rows = select(
    AlertMute.id, AlertMute.rule, Unit.code.label("unit"), AlertMute.until_at, AlertMute.reason, AlertMute.created_at,
    AlertMute.created_by, AlertMute.lifted_at, AlertMute.lifted_by,
).join(Unit, Unit.id == AlertMute.unit_id)  # fmt: skip
