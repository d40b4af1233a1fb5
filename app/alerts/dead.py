"""Messages that did not arrive, of every kind: listed with their last answer for those who run this installation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.reading import DELIVERIES, AttemptView, DeliveryView, delivery_view
from app.complaint.errors import InvalidInput, NotFound
from app.db.states import DeliveryKind, DeliveryState
from app.db.tables.alerts import Delivery, DeliveryAttempt


@dataclass(frozen=True, slots=True)
class DeadView:
    """A message that was given up; of an alert or a correction with its alert, of the others with what it is about.

    `about` is the day of a digest or the key of a notice; `last` is None once the record of its attempts was purged.
    """

    delivery: DeliveryView
    kind: DeliveryKind
    alert_id: int | None
    about: str | None
    last: AttemptView | None


async def dead_page(
    connection: AsyncConnection, *, kinds: Sequence[str] = (), limit: int, after_id: str | None = None
) -> tuple[list[DeadView], str | None]:
    """Up to `limit` dead messages in the order of their ids, and the id to go on after; None after the last.

    Raises: InvalidInput for a kind that does not exist.
    """
    if unknown := [kind for kind in kinds if kind not in tuple(DeliveryKind)]:
        raise InvalidInput("kind", f"{unknown[0]} is none of {', '.join(DeliveryKind)}")
    statement = DELIVERIES.where(Delivery.state == DeliveryState.DEAD).order_by(Delivery.id).limit(limit + 1)
    if kinds:
        statement = statement.where(Delivery.kind.in_(kinds))
    if after_id is not None:
        statement = statement.where(Delivery.id > after_id)
    rows = list(await connection.execute(statement))
    shown = rows[:limit]
    last = await _last_attempts(connection, [row.id for row in shown])
    return [_view(row, last.get(row.id)) for row in shown], shown[-1].id if len(rows) > limit else None


async def find_delivery(connection: AsyncConnection, delivery_id: str) -> DeliveryView:
    """One message of any kind.

    Raises: NotFound.
    """
    row = (await connection.execute(DELIVERIES.where(Delivery.id == delivery_id))).one_or_none()
    if row is None:
        raise NotFound(f"delivery {delivery_id} does not exist")
    return delivery_view(row)


async def _last_attempts(connection: AsyncConnection, delivery_ids: Sequence[str]) -> dict[str, AttemptView]:
    columns = (
        DeliveryAttempt.delivery_id, DeliveryAttempt.attempted_at, DeliveryAttempt.answer, DeliveryAttempt.took_ms,
    )  # fmt: skip
    statement = select(*columns).where(DeliveryAttempt.delivery_id.in_(delivery_ids)).order_by(DeliveryAttempt.id)
    rows = await connection.execute(statement)
    return {
        row.delivery_id: AttemptView(attempted_at=row.attempted_at, answer=row.answer, took_ms=row.took_ms)
        for row in rows
    }


def _view(row: Any, last: AttemptView | None) -> DeadView:
    told = row.payload or {}
    about = told.get("on") if row.kind is DeliveryKind.DIGEST else told.get("key")
    return DeadView(delivery_view(row), row.kind, row.alert_id, about, last)
