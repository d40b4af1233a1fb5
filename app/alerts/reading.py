"""The alerts that a caller may see: the list by filters, one with its deliveries, and every attempt to deliver it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from sqlalchemy import Select, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.catalogue import CLOCKS
from app.alerts.ladder import Level
from app.complaint.errors import InvalidInput, NotFound
from app.db.scope import Scope, visible
from app.db.states import AlertState, DeliveryState
from app.db.tables.alerts import Alert, Delivery, DeliveryAlert, DeliveryAttempt, Webhook
from app.db.tables.complaints import Complaint
from app.db.tables.people import Officer
from app.db.tables.units import Unit, UnitAncestor

_Rows = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilters:
    """What a list is narrowed to; an empty tuple is any. `unit` is a code, with all units below it."""

    states: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    clocks: tuple[str, ...] = ()
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One try: when, what answer, how long."""

    attempted_at: datetime
    answer: str
    took_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """One message to one recipient; `recipient` is `console`, or an address without its query."""

    id: str
    channel: str
    recipient: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class ComplaintRef:
    """Which complaint an alert is about; its words are not told here."""

    id: int
    ticket_code: str | None


@dataclass(frozen=True, slots=True)
class UnitRef:
    """A unit by code."""

    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """One alert as it stands."""

    id: int
    complaint: ComplaintRef
    unit: UnitRef | None
    clock: str
    cycle: int
    rule: str
    step: int
    level: str
    state: AlertState
    due_at: datetime
    fired_at: datetime
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    deliveries: Sequence[DeliveryView]


async def page(
    connection: AsyncConnection, filters: AlertFilters, scope: Scope, *, limit: int, before_id: int | None = None
) -> tuple[list[AlertView], int | None]:
    """Up to `limit` alerts, newest first, and the id to go on below; None after the last.

    Raises: InvalidInput for a filter value that does not exist.
    """
    statement = await _filtered(connection, _ALERT.where(visible(scope)), filters)
    if before_id is not None:
        statement = statement.where(Alert.id < before_id)
    rows = list(await connection.execute(statement.order_by(Alert.id.desc()).limit(limit + 1)))
    shown = rows[:limit]
    deliveries = await _deliveries(connection, [row.id for row in shown])
    following = shown[-1].id if len(rows) > limit else None
    return [_view(row, deliveries[row.id]) for row in shown], following


async def find(connection: AsyncConnection, alert_id: int, scope: Scope) -> AlertView:
    """One alert.

    Raises: NotFound, absent or of a complaint outside the caller's units.
    """
    row = (await connection.execute(_ALERT.where(visible(scope), Alert.id == alert_id))).one_or_none()
    if row is None:
        raise NotFound(f"alert {alert_id} does not exist")
    return _view(row, (await _deliveries(connection, [alert_id]))[alert_id])


async def attempts(connection: AsyncConnection, alert: AlertView) -> dict[str, list[AttemptView]]:
    """Every attempt of an alert's deliveries, by delivery, in order."""
    found: dict[str, list[AttemptView]] = {delivery.id: [] for delivery in alert.deliveries}
    statement = select(*DeliveryAttempt.__table__.c).where(DeliveryAttempt.delivery_id.in_(found))
    for row in await connection.execute(statement.order_by(DeliveryAttempt.id)):
        view = AttemptView(attempted_at=row.attempted_at, answer=row.answer, took_ms=row.took_ms)
        found[row.delivery_id].append(view)
    return found


async def _filtered(connection: AsyncConnection, statement: _Rows, filters: AlertFilters) -> _Rows:
    for field, values, known, column in (
        ("state", filters.states, tuple(AlertState), Alert.state),
        ("level", filters.levels, tuple(Level), Alert.level),
        ("clock", filters.clocks, tuple(CLOCKS["id"]), Alert.clock),
    ):
        if unknown := [value for value in values if value not in known]:
            raise InvalidInput(field, f"{unknown[0]} is none of {', '.join(known)}")
        if values:
            statement = statement.where(column.in_(values))
    if filters.unit is None:
        return statement
    unit_id = await connection.scalar(select(Unit.id).where(Unit.code == filters.unit))
    if unit_id is None:
        raise InvalidInput("unit", f"no unit has the code {filters.unit}")
    return statement.where(Alert.unit_id.in_(select(UnitAncestor.unit_id).where(UnitAncestor.ancestor_id == unit_id)))


async def _deliveries(connection: AsyncConnection, alert_ids: Sequence[int]) -> dict[int, list[DeliveryView]]:
    """What tells of each alert: its own messages, and those that tell of it besides another of the same complaint."""
    found: dict[int, list[DeliveryView]] = defaultdict(list)
    for row in await connection.execute(_telling(alert_ids)) if alert_ids else ():
        found[row.told_id].append(delivery_view(row))
    return found


def _telling(alert_ids: Sequence[int]) -> _Rows:
    own = select(Delivery.id.label("delivery_id"), Delivery.alert_id.label("told_id"))
    joined = select(DeliveryAlert.delivery_id, DeliveryAlert.alert_id.label("told_id"))
    told = union_all(
        own.where(Delivery.alert_id.in_(alert_ids)), joined.where(DeliveryAlert.alert_id.in_(alert_ids))
    ).subquery()
    statement = DELIVERIES.join(told, told.c.delivery_id == Delivery.id).add_columns(told.c.told_id)
    return statement.order_by(told.c.told_id, Delivery.channel, Delivery.recipient, Delivery.id)


def delivery_view(row: Any) -> DeliveryView:
    """The delivery of a row of `DELIVERIES`."""
    return DeliveryView(
        id=row.id,
        channel=row.channel,
        recipient=_address(row.url) if row.url is not None else row.recipient,
        state=row.state,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        delivered_at=row.delivered_at,
    )


def _address(url: str) -> str:
    """The address without its query, which may hold a key of the receiver."""
    return str(httpx.URL(url).copy_with(query=None, fragment=None))


def _view(row: Any, deliveries: Sequence[DeliveryView]) -> AlertView:
    return AlertView(
        id=row.id,
        complaint=ComplaintRef(row.complaint_id, row.ticket_code),
        unit=UnitRef(row.unit_code, row.unit_name) if row.unit_code is not None else None,
        clock=row.clock,
        cycle=row.cycle,
        rule=row.rule,
        step=row.step,
        level=row.level,
        state=row.state,
        due_at=row.due_at,
        fired_at=row.fired_at,
        raised_at=row.raised_at,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        deliveries=deliveries,
    )


DELIVERIES: _Rows = select(*Delivery.__table__.c, Webhook.url).outerjoin(Webhook, Webhook.id == Delivery.webhook_id)
_ALERT: _Rows = (
    select(
        Alert.id, Alert.complaint_id, Complaint.ticket_code, Unit.code.label("unit_code"),
        Unit.name.label("unit_name"), Alert.clock, Alert.cycle, Alert.rule, Alert.step, Alert.level, Alert.state,
        Alert.due_at, Alert.fired_at, Alert.raised_at, Alert.acknowledged_at,
        Officer.username.label("acknowledged_by"),
    )
    .join(Complaint, Complaint.id == Alert.complaint_id)
    .outerjoin(Unit, Unit.id == Alert.unit_id)
    .outerjoin(Officer, Officer.id == Alert.acknowledged_by_id)
)  # fmt: skip
