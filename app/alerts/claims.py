"""Claiming deliveries under a lease, withdrawing those that no longer stand, and writing down what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.messages import AlertFacts
from app.alerts.notifiers import Endpoint, Notice
from app.alerts.outbox import refresh, withdraw
from app.db.changes import database_now
from app.db.states import DeliveryState
from app.db.tables.alerts import Alert, Delivery, DeliveryAttempt, Webhook
from app.db.tables.complaints import Complaint, SlaClock
from app.db.tables.rules import Policy
from app.db.tables.units import Unit
from app.sla.clock import State


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is ours to send; `owner` fences it, `attempts` counts this one too."""

    notice: Notice
    channel: str
    owner: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """What one claim brought."""

    claims: Sequence[Claim]
    withdrawn: int


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one attempt, and where the delivery stands after it."""

    claim: Claim
    answer: str
    attempted_at: datetime
    took_ms: int
    state: DeliveryState
    next_attempt_at: datetime | None
    now: datetime


async def is_due(connection: AsyncConnection, *, channels: Sequence[str], now: datetime) -> bool:
    """Whether a claim may find something; it costs one index look-up and no lock."""
    due = select(Delivery.id).where(Delivery.next_attempt_at <= now, Delivery.channel.in_(channels)).limit(1)
    return await connection.scalar(due) is not None


async def claim(
    connection: AsyncConnection, *, channels: Sequence[str], owner: str, lease: timedelta, now: datetime, limit: int
) -> Claimed:
    """Up to `limit` due deliveries, leased to `owner`; one whose reason is gone is withdrawn instead.

    The lease runs by the database's clock. The caller commits before it sends.
    """
    ids = await _lease_due(connection, channels, owner, lease, now, limit)
    if not ids:
        return Claimed((), 0)
    rows = list(await connection.execute(_DETAILS.where(Delivery.id.in_(ids)).order_by(Delivery.next_attempt_at)))
    gone = [row.id for row in rows if not _stands(row)]
    await refresh(connection, await withdraw(connection, gone))
    return Claimed([_claim(row, owner) for row in rows if _stands(row)], len(gone))


async def mark(connection: AsyncConnection, results: Sequence[Result]) -> None:
    """Write down what became of the attempts.

    A message that has arrived is delivered whatever happened meanwhile; a failure counts only while the claim is still
    ours and nobody has withdrawn it. Deliveries are taken in the order of their ids and before their alerts, as
    everywhere, so that two transactions cannot block each other for ever.
    """
    for result in sorted(results, key=lambda each: each.claim.notice.id):
        await connection.execute(_mark(result))
    attempts = [
        {
            "delivery_id": result.claim.notice.id,
            "attempted_at": result.attempted_at,
            "answer": result.answer,
            "took_ms": result.took_ms,
        }
        for result in results
    ]
    await connection.execute(insert(_attempt), attempts)
    await refresh(connection, {result.claim.notice.alert.id for result in results})


async def _lease_due(
    connection: AsyncConnection, channels: Sequence[str], owner: str, lease: timedelta, now: datetime, limit: int
) -> list[str]:
    lease_now = await database_now(connection)
    due = (
        select(Delivery.id)
        .where(
            Delivery.next_attempt_at <= now,
            or_(Delivery.lease_until.is_(None), Delivery.lease_until < lease_now),
            Delivery.channel.in_(channels),
        )
        .order_by(Delivery.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(await connection.scalars(due))
    await connection.execute(
        update(Delivery)
        .where(Delivery.id.in_(ids))
        .values(lease_owner=owner, lease_until=lease_now + lease, attempts=Delivery.attempts + 1)
    )
    return ids


def _stands(row: Any) -> bool:
    """Whether there is still a reason to tell: the clock runs towards the same due time and nobody knows of it yet."""
    is_reachable = row.webhook_id is None or bool(row.webhook_is_active)
    return (
        is_reachable
        and row.acknowledged_at is None
        and row.clock_state is State.RUNNING
        and row.clock_due_at == row.due_at
    )


def _claim(row: Any, owner: str) -> Claim:
    facts = AlertFacts(
        id=row.alert_id,
        complaint_id=row.complaint_id,
        ticket_code=row.ticket_code,
        unit_code=row.unit_code,
        unit_name=row.unit_name,
        clock=row.clock,
        cycle=row.cycle,
        rule=row.rule,
        step=row.step,
        due_at=row.due_at,
        raised_at=row.raised_at,
    )
    endpoint = Endpoint(row.url, row.sealed_secret) if row.webhook_id is not None else None
    return Claim(Notice(row.id, facts, endpoint), row.channel, owner, row.attempts)


def _mark(result: Result) -> Any:
    is_ours = Delivery.lease_owner == result.claim.owner
    statement = update(Delivery).where(Delivery.id == result.claim.notice.id)
    if result.state is DeliveryState.DELIVERED:
        values = {"state": result.state, "delivered_at": result.now, "next_attempt_at": None}
        return statement.values(**values, lease_owner=None, lease_until=None)
    failed = statement.where(is_ours, Delivery.state == DeliveryState.PENDING)
    return failed.values(state=result.state, next_attempt_at=result.next_attempt_at, lease_owner=None, lease_until=None)


_attempt: Table = DeliveryAttempt.__table__  # type: ignore[assignment]

# The ladder belongs to the family of the rule: after a change within the family it is the same clock that counts.
_CLOCK_OF = and_(
    SlaClock.complaint_id == Alert.complaint_id,
    SlaClock.clock == Alert.clock,
    SlaClock.cycle == Alert.cycle,
    SlaClock.family == Policy.family,
)
_DETAILS = (
    select(
        Delivery.id, Delivery.channel, Delivery.attempts, Delivery.webhook_id, Delivery.alert_id,
        Alert.complaint_id, Alert.clock, Alert.cycle, Alert.rule, Alert.step, Alert.due_at, Alert.raised_at,
        Alert.acknowledged_at, Complaint.ticket_code, Unit.code.label("unit_code"), Unit.name.label("unit_name"),
        Webhook.url, Webhook.sealed_secret, Webhook.is_active.label("webhook_is_active"),
        SlaClock.state.label("clock_state"), SlaClock.due_at.label("clock_due_at"),
    )
    .join(Alert, Alert.id == Delivery.alert_id)
    .join(Complaint, Complaint.id == Alert.complaint_id)
    .outerjoin(Unit, Unit.id == Alert.unit_id)
    .outerjoin(Webhook, Webhook.id == Delivery.webhook_id)
    .outerjoin(Policy, Policy.name == Alert.rule)
    .outerjoin(SlaClock, _CLOCK_OF)
)  # fmt: skip
