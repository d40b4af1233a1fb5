"""Messages that are dead: sent again under the same id when somebody says so; and old ones leave the record."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.dead import find_delivery
from app.alerts.outbox import refresh
from app.alerts.reading import DeliveryView, find
from app.complaint.errors import Conflict, NotFound
from app.db.scope import Scope
from app.db.states import DeliveryState
from app.db.tables.alerts import Delivery, DeliveryAlert, DeliveryAttempt

BATCH = 500


async def replay(
    connection: AsyncConnection, alert_id: int, delivery_id: str, scope: Scope, *, now: datetime
) -> DeliveryView:
    """The delivery, to be sent again from now on; its attempts count from nought, and what was tried stays on record.

    Raises: NotFound, when the alert is absent or outside the caller's units, or has no such delivery; Conflict, when
    the delivery is not dead.
    """
    alert = await find(connection, alert_id, scope)
    before = {each.id: each for each in alert.deliveries}.get(delivery_id)
    if before is None:
        raise NotFound(f"delivery {delivery_id} of alert {alert_id} does not exist")
    if not await _revive(connection, [delivery_id], now):
        raise Conflict(f"delivery {delivery_id} is {before.state}; only a dead one is replayed")
    alert = await find(connection, alert_id, scope)
    return next(each for each in alert.deliveries if each.id == delivery_id)


async def replay_any(connection: AsyncConnection, delivery_id: str, *, now: datetime) -> DeliveryView:
    """The delivery, of whatever kind, to be sent again from now on.

    Raises: NotFound; Conflict, when it is not dead.
    """
    before = await find_delivery(connection, delivery_id)
    if not await _revive(connection, [delivery_id], now):
        raise Conflict(f"delivery {delivery_id} is {before.state}; only a dead one is replayed")
    return await find_delivery(connection, delivery_id)


async def replay_all(connection: AsyncConnection, *, since: datetime | None, now: datetime, limit: int = BATCH) -> int:
    """How many of the messages that died at `since` or later (None: ever) are sent again; call until it is 0."""
    tried = exists().where(DeliveryAttempt.delivery_id == Delivery.id)
    if since is not None:
        tried = tried.where(DeliveryAttempt.attempted_at >= since)
    dead = select(Delivery.id).where(Delivery.state == DeliveryState.DEAD, tried).order_by(Delivery.id).limit(limit)
    return await _revive(connection, list(await connection.scalars(dead)), now)


async def purge_deliveries(connection: AsyncConnection, *, before: datetime, limit: int = BATCH) -> int:
    """How many messages last tried before the instant left the record; call until it is 0.

    The alerts themselves stay: they are what keeps a step from being raised twice.
    """
    old = select(DeliveryAttempt.delivery_id).where(DeliveryAttempt.attempted_at < before).distinct()
    recent = exists().where(DeliveryAttempt.delivery_id == Delivery.id, DeliveryAttempt.attempted_at >= before)
    ended = Delivery.state != DeliveryState.PENDING
    victims = select(Delivery.id).where(Delivery.id.in_(old), ended, ~recent).limit(limit)
    ids = list(await connection.scalars(victims))
    for table in (DeliveryAttempt, DeliveryAlert):
        await connection.execute(delete(table).where(table.delivery_id.in_(ids)))
    await connection.execute(delete(Delivery).where(Delivery.id.in_(ids)))
    return len(ids)


async def _revive(connection: AsyncConnection, delivery_ids: list[str], now: datetime) -> int:
    """How many of them were dead and are pending again."""
    locked = select(Delivery.id, Delivery.alert_id).where(
        Delivery.id.in_(delivery_ids), Delivery.state == DeliveryState.DEAD
    )
    rows = list(await connection.execute(locked.order_by(Delivery.id).with_for_update()))
    if not rows:
        return 0
    ids = [row.id for row in rows]
    again = {"state": DeliveryState.PENDING, "attempts": 0, "next_attempt_at": now}
    await connection.execute(update(Delivery).where(Delivery.id.in_(ids)).values(again))
    joined = await connection.scalars(select(DeliveryAlert.alert_id).where(DeliveryAlert.delivery_id.in_(ids)))
    await refresh(connection, {row.alert_id for row in rows if row.alert_id is not None}.union(joined))
    return len(ids)
