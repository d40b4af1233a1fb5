"""The outbox: alerts with the deliveries that will be sent after commit, and where each stands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.ladder import Recipient
from app.db.changes import reserve_ids
from app.db.states import AlertState, DeliveryState
from app.db.tables.alerts import Alert, Delivery

_ORDER = (
    (DeliveryState.PENDING, AlertState.PENDING),
    (DeliveryState.DEAD, AlertState.DEAD),
    (DeliveryState.DELIVERED, AlertState.DELIVERED),
)


@dataclass(frozen=True, slots=True)
class NewAlert:
    """The row of an alert that is being raised, and who is told."""

    row: dict[str, Any]
    recipients: Sequence[Recipient]


async def put(connection: AsyncConnection, alerts: Sequence[NewAlert]) -> None:
    """Write the alerts and one pending delivery for each recipient, in the caller's transaction.

    A step that is raised twice breaks the unique key, and with it the transaction.
    """
    if not alerts:
        return
    ids = await reserve_ids(connection, _alert, len(alerts))
    await connection.execute(insert(_alert), [{"id": id_, **new.row} for id_, new in zip(ids, alerts, strict=True)])
    deliveries = [
        _delivery_row(alert_id, each, new.row["raised_at"])
        for alert_id, new in zip(ids, alerts, strict=True)
        for each in new.recipients
    ]
    if deliveries:
        await connection.execute(insert(_delivery), deliveries)


def message_id() -> str:
    """A new idempotency key, the `webhook-id` of a message."""
    return f"msg_{uuid4().hex}"


def overall(states: Collection[DeliveryState]) -> AlertState:
    """Where an alert stands: pending while anything is, dead if anything is lost, withdrawn if nobody was told.

    >>> str(overall([DeliveryState.DELIVERED, DeliveryState.WITHDRAWN]))
    'delivered'
    """
    return next((state for sign, state in _ORDER if sign in states), AlertState.WITHDRAWN)


async def refresh(connection: AsyncConnection, alert_ids: Collection[int]) -> None:
    """Write where the alerts stand, after their deliveries changed in the same transaction.

    The alerts are locked first, in the order of their ids: of two transactions that end the last two deliveries of one
    alert, the second then sees what the first did.
    """
    if not alert_ids:
        return
    locked = select(Alert.id).where(Alert.id.in_(alert_ids)).order_by(Alert.id).with_for_update()
    ids = list(await connection.scalars(locked))
    found: dict[int, set[DeliveryState]] = {alert_id: set() for alert_id in ids}
    statement = select(Delivery.alert_id, Delivery.state).where(Delivery.alert_id.in_(ids))
    for alert_id, state in await connection.execute(statement):
        found[alert_id].add(state)
    await connection.execute(_STAND, [{"id_": alert_id, "now": overall(states)} for alert_id, states in found.items()])


async def withdraw(connection: AsyncConnection, delivery_ids: Collection[str]) -> set[int]:
    """Take back what is still pending of these deliveries; the alerts that it changes.

    One that is being sent at this moment keeps its lease, so that its result can still be written down.
    """
    pending = Delivery.id.in_(delivery_ids), Delivery.state == DeliveryState.PENDING
    locked = select(Delivery.id, Delivery.alert_id).where(*pending).order_by(Delivery.id).with_for_update()
    rows = (await connection.execute(locked)).all() if delivery_ids else ()
    if rows:
        gone = update(Delivery).where(Delivery.id.in_([row.id for row in rows]))
        await connection.execute(gone.values(state=DeliveryState.WITHDRAWN, next_attempt_at=None))
    return {row.alert_id for row in rows}


def _delivery_row(alert_id: int, recipient: Recipient, at: object) -> dict[str, Any]:
    return {
        "id": message_id(),
        "alert_id": alert_id,
        "channel": recipient.channel,
        "recipient": recipient.name,
        "webhook_id": recipient.webhook_id,
        "state": DeliveryState.PENDING,
        "attempts": 0,
        "next_attempt_at": at,
    }


_alert: Table = Alert.__table__  # type: ignore[assignment]
_delivery: Table = Delivery.__table__  # type: ignore[assignment]
_STAND = update(_alert).where(_alert.c.id == bindparam("id_")).values(state=bindparam("now"))
