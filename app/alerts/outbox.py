"""The outbox: alerts with the deliveries that will be sent after commit, and where each stands."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Table, bindparam, delete, exists, insert, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.changes import reserve_ids
from app.db.states import AlertState, DeliveryKind, DeliveryState
from app.db.tables.alerts import Alert, Delivery, DeliveryAlert

_ORDER = (
    (DeliveryState.PENDING, AlertState.PENDING),
    (DeliveryState.DEAD, AlertState.DEAD),
    (DeliveryState.DELIVERED, AlertState.DELIVERED),
)


@dataclass(slots=True, eq=False)
class Raised:
    """An alert that is being raised, and what decides who is told; one that is raised again has its `id` already."""

    row: dict[str, Any]
    holder_id: int | None
    """The unit that holds the complaint; the clock may be another's."""
    assignee_id: int | None = None
    category: str | None = None
    id: int = 0
    round: int = 1
    missed: Sequence[int] = ()
    """Lower steps of the same ladder that nobody was told of in their time: it speaks for them too."""

    @property
    def steps(self) -> Sequence[int]:
        """The steps that it speaks for."""
        return (*self.missed, self.row["step"])


@dataclass(frozen=True, slots=True)
class Message:
    """What one recipient is told of one complaint: an alert, and others with it; not before `at`."""

    alert: Raised
    others: Sequence[Raised]
    channel: str
    recipient: str
    webhook_id: int | None
    at: datetime
    payload: dict[str, Any] = field(default_factory=dict)
    kind: DeliveryKind = DeliveryKind.ALERT


async def put(connection: AsyncConnection, alerts: Sequence[Raised], messages: Sequence[Message]) -> None:
    """Write the alerts and a pending delivery for each message, in the caller's transaction.

    A step that is raised twice breaks the unique key, and with it the transaction.
    """
    new = [each for each in alerts if each.id == 0]
    for alert, id_ in zip(new, await reserve_ids(connection, _alert, len(new)), strict=True):
        alert.id = id_
    told = {id(each) for message in messages for each in (message.alert, *message.others)}
    for alert in alerts:
        alert.row["state"] = AlertState.PENDING if id(alert) in told else AlertState.WITHDRAWN
    if new:
        await connection.execute(insert(_alert), [{"id": each.id, **each.row} for each in new])
    if again := [each for each in alerts if each not in new]:
        await connection.execute(_AGAIN, [_again(each) for each in again])
    await post(connection, messages)


async def post(connection: AsyncConnection, messages: Sequence[Message]) -> None:
    """Write a pending delivery for each message; its alerts are there already."""
    if messages:
        rows = [_delivery_row(each) for each in messages]
        await connection.execute(insert(_delivery), rows)
        await _join(connection, {row["id"]: each.others for row, each in zip(rows, messages, strict=True)})


async def post_again(connection: AsyncConnection, messages: Mapping[str, Message]) -> None:
    """Let deliveries that were withdrawn, by their ids, go after all, as these messages say.

    One that is being sent at this moment keeps its lease: it goes again only if it does not arrive.
    """
    for id_, message in messages.items():
        row = _delivery_row(message)
        again = {name: row[name] for name in ("state", "attempts", "next_attempt_at", "payload")}
        withdrawn = Delivery.id == id_, Delivery.state == DeliveryState.WITHDRAWN
        await connection.execute(update(Delivery).where(*withdrawn).values(again))
    await connection.execute(delete(DeliveryAlert).where(DeliveryAlert.delivery_id.in_(messages)))
    await _join(connection, {id_: each.others for id_, each in messages.items()})


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
    for alert_id, state in await connection.execute(_states(ids)):
        found[alert_id].add(state)
    await connection.execute(_STAND, [{"id_": alert_id, "now": overall(states)} for alert_id, states in found.items()])


async def withdraw(connection: AsyncConnection, delivery_ids: Collection[str]) -> set[int]:
    """Take back what is still pending of these deliveries; the alerts that it changes.

    One that is being sent at this moment keeps its lease, so that its result can still be written down.
    """
    pending = Delivery.id.in_(delivery_ids), Delivery.state == DeliveryState.PENDING
    locked = select(Delivery.id, Delivery.alert_id).where(*pending).order_by(Delivery.id).with_for_update()
    rows = (await connection.execute(locked)).all() if delivery_ids else ()
    if not rows:
        return set()
    ids = [row.id for row in rows]
    gone = update(Delivery).where(Delivery.id.in_(ids))
    await connection.execute(gone.values(state=DeliveryState.WITHDRAWN, next_attempt_at=None))
    joined = await connection.scalars(select(DeliveryAlert.alert_id).where(DeliveryAlert.delivery_id.in_(ids)))
    return {row.alert_id for row in rows if row.alert_id is not None}.union(joined)


async def withdraw_alerts(connection: AsyncConnection, alert_ids: Collection[int]) -> None:
    """Take back what is not yet sent and tells of these alerts alone; other alerts in a message keep it alive."""
    if not alert_ids:
        return
    more = exists().where(DeliveryAlert.delivery_id == Delivery.id, DeliveryAlert.alert_id.not_in(alert_ids))
    statement = select(Delivery.id).where(
        Delivery.alert_id.in_(alert_ids),
        Delivery.state == DeliveryState.PENDING,
        Delivery.kind == DeliveryKind.ALERT,
        ~more,
    )
    await refresh(connection, await withdraw(connection, list(await connection.scalars(statement))))


def _states(alert_ids: Collection[int]) -> Any:
    """The alerts with the states of their deliveries in the present round, and of those that tell of them too."""
    is_alert = Delivery.kind == DeliveryKind.ALERT
    own = (
        select(Delivery.alert_id, Delivery.state)
        .join(Alert, Alert.id == Delivery.alert_id)
        .where(Alert.id.in_(alert_ids), Delivery.round == Alert.round, is_alert)
    )
    joined = (
        select(DeliveryAlert.alert_id, Delivery.state)
        .join(Delivery, Delivery.id == DeliveryAlert.delivery_id)
        .where(DeliveryAlert.alert_id.in_(alert_ids), is_alert)
    )
    return union_all(own, joined)


async def _join(connection: AsyncConnection, others: Mapping[str, Sequence[Raised]]) -> None:
    rows = [{"delivery_id": id_, "alert_id": each.id} for id_, alerts in others.items() for each in alerts]
    if rows:
        await connection.execute(insert(_joined), rows)


def _again(alert: Raised) -> dict[str, Any]:
    names = ("state", "unit_id", "due_at", "fired_at", "raised_at")
    return {"id_": alert.id, "round_": alert.round, **{f"{name}_": alert.row[name] for name in names}}


def _delivery_row(message: Message) -> dict[str, Any]:
    joined = {"alert_ids": [each.id for each in message.others]} if message.others else {}
    is_held = message.kind is DeliveryKind.ALERT and message.at > message.alert.row["raised_at"]
    waits = {"at": message.at.astimezone(UTC).isoformat()} if is_held else {}
    return {
        "id": message_id(),
        "alert_id": message.alert.id,
        "kind": message.kind,
        "round": message.alert.round,
        "channel": message.channel,
        "recipient": message.recipient,
        "webhook_id": message.webhook_id,
        "state": DeliveryState.PENDING,
        "attempts": 0,
        "next_attempt_at": message.at,
        "payload": {**joined, **waits, **message.payload} or None,
    }


_alert: Table = Alert.__table__  # type: ignore[assignment]
_delivery: Table = Delivery.__table__  # type: ignore[assignment]
_joined: Table = DeliveryAlert.__table__  # type: ignore[assignment]
_STAND = update(_alert).where(_alert.c.id == bindparam("id_")).values(state=bindparam("now"))
_AGAIN = (
    update(_alert)
    .where(_alert.c.id == bindparam("id_"))
    .values(
        round=bindparam("round_"),
        cleared_at=None,
        **{name: bindparam(f"{name}_") for name in ("state", "unit_id", "due_at", "fired_at", "raised_at")},
    )
)
