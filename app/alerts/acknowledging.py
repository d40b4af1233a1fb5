"""Acknowledgement: somebody knows, so the ladder of that cycle stops."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.outbox import withdraw_alerts
from app.alerts.reading import AlertView, find
from app.complaint.clocks import ACKNOWLEDGED
from app.db.complaints import lock
from app.db.scope import Scope
from app.db.tables.alerts import Alert
from app.db.tables.complaints import SlaClock
from app.db.tables.rules import Policy


async def acknowledge(
    connection: AsyncConnection, alert_id: int, scope: Scope, *, officer_id: int | None, now: datetime
) -> AlertView:
    """The alert, acknowledged by the officer; a second time changes nothing.

    The ladder of its cycle under its rule stops: no further step is raised, and what is not yet sent is withdrawn.
    Other rules on the same clock go on.

    Raises: NotFound, absent or of a complaint outside the caller's units.
    """
    alert = await find(connection, alert_id, scope)
    await lock(connection, alert.complaint.id)
    alert = await find(connection, alert_id, scope)
    if alert.acknowledged_at is not None:
        return alert
    await _stop_ladder(connection, alert)
    await withdraw_alerts(connection, list(await connection.scalars(select(Alert.id).where(_ladder(alert)))))
    acknowledged = update(Alert).where(Alert.id == alert_id)
    await connection.execute(acknowledged.values(acknowledged_at=now, acknowledged_by_id=officer_id))
    return await find(connection, alert_id, scope)


async def _stop_ladder(connection: AsyncConnection, alert: AlertView) -> None:
    family = select(Policy.family).where(Policy.name == alert.rule).scalar_subquery()
    await connection.execute(
        update(SlaClock)
        .where(
            SlaClock.complaint_id == alert.complaint.id,
            SlaClock.clock == alert.clock,
            SlaClock.cycle == alert.cycle,
            SlaClock.family == family,
        )
        .values(raised_step=ACKNOWLEDGED, next_step=None, next_fire_at=None)
    )


def _ladder(alert: AlertView) -> ColumnElement[bool]:
    return and_(
        Alert.complaint_id == alert.complaint.id,
        Alert.clock == alert.clock,
        Alert.cycle == alert.cycle,
        Alert.rule == alert.rule,
    )
