"""Claiming deliveries under a lease, withdrawing those that no longer stand, and writing down what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.gathering import Batch, read_batch
from app.alerts.notifiers import Notice
from app.alerts.outbox import refresh, withdraw
from app.alerts.tally import OUTCOMES, Outcome, count_outcomes
from app.alerts.webhooks import note_results
from app.db.changes import database_now
from app.db.states import DeliveryKind, DeliveryState
from app.db.tables.alerts import Delivery, DeliveryAttempt

_FOR_THE_SWEEP = timedelta(seconds=30)
"""Time enough to raise what fired while no worker ran; a message that waits so long is not late a second time."""

Lane = tuple[str, int | None]
"""What a slow answer holds up, a channel and a webhook: each webhook by itself, and each other channel as a whole."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is ours to send; `owner` fences it, `attempts` counts this one too.

    `alert_ids` are all alerts that it is about, also those that stand no more and are not told.
    """

    notice: Notice
    channel: str
    owner: str
    attempts: int
    alert_ids: Sequence[int] = ()
    webhook_id: int | None = None

    @property
    def lane(self) -> Lane:
        """With what else it waits for an answer."""
        return self.channel, self.webhook_id


@dataclass(frozen=True, slots=True)
class Sends:
    """What a deliverer sends: by which channels and, unless it sends every kind, of which kinds.

    Of one lane it sends `share` messages at once (None: any number); `held` are those that are on their way.
    """

    channels: Collection[str]
    kinds: Collection[DeliveryKind] | None = None
    share: int | None = None
    held: Mapping[Lane, int] = field(default_factory=dict)

    @property
    def full(self) -> frozenset[Lane]:
        """The lanes that are looked at again once half of what they hold is answered."""
        if self.share is None:
            return frozenset()
        return frozenset(lane for lane, count in self.held.items() if count > self.share // 2)

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """What a delivery must be like."""
        yield Delivery.channel.in_([each for each in self.channels if (each, None) not in self.full])
        if hooks := [webhook_id for _, webhook_id in self.full if webhook_id is not None]:
            yield or_(Delivery.webhook_id.is_(None), Delivery.webhook_id.not_in(hooks))
        if self.kinds is not None:
            yield Delivery.kind.in_(self.kinds)

    def chosen(self, rows: Sequence[Any]) -> list[str]:
        """The ids of those rows that their lanes have room for."""
        held, ids = Counter(self.held), []
        for row in rows:
            lane: Lane = (row.channel, row.webhook_id)
            if self.share is None or held[lane] < self.share:
                held[lane] += 1
                ids.append(row.id)
        return ids


@dataclass(frozen=True, slots=True)
class Claimed:
    """What one claim brought."""

    claims: Sequence[Claim]
    withdrawn: int


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one attempt, and where the delivery stands after it; `is_final`: the other side wants no other."""

    claim: Claim
    answer: str
    attempted_at: datetime
    took_ms: int
    state: DeliveryState
    next_attempt_at: datetime | None
    now: datetime
    is_final: bool = False


async def is_due(connection: AsyncConnection, *, sends: Sends, now: datetime) -> bool:
    """Whether a claim may find something; it costs one index look-up and no lock."""
    due = select(Delivery.id).where(Delivery.next_attempt_at <= now, *sends.conditions()).limit(1)
    return await connection.scalar(due) is not None


async def claim(
    connection: AsyncConnection, *, sends: Sends, owner: str, lease: timedelta, now: datetime, limit: int
) -> Claimed:
    """Up to `limit` due deliveries, leased to `owner`; one whose reason is gone is withdrawn instead.

    The lease runs by the database's clock. The caller commits before it sends.
    """
    ids = await _lease_due(connection, sends, owner, lease, now, limit)
    if not ids:
        return Claimed((), 0)
    batch = await read_batch(connection, ids, now=now)
    gone = [row.id for row in batch.rows if not batch.stands(row)]
    await refresh(connection, await withdraw(connection, gone))
    overtaken = {row.id for row in batch.rows if batch.is_overtaken(row, now)}.difference(gone)
    await _put_off(connection, overtaken, now)
    standing = [row for row in batch.rows if row.id not in overtaken and batch.stands(row)]
    return Claimed([_claim(batch, row, owner) for row in standing], len(gone))


async def mark(connection: AsyncConnection, results: Sequence[Result]) -> None:
    """Write down what became of the attempts.

    A message that has arrived is delivered whatever happened meanwhile; a failure counts only while the claim is still
    ours and nobody has withdrawn it. Deliveries are taken in the order of their ids and before their alerts, as
    everywhere, so that two transactions cannot block each other for ever.
    """
    counting: list[Outcome] = []
    for result in sorted(results, key=lambda each: each.claim.notice.id):
        if await connection.scalar(_mark(result).returning(Delivery.id)) is not None:
            counting.append((result.claim.channel, OUTCOMES[result.state]))
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
    await refresh(connection, {each for result in results for each in result.claim.alert_ids})
    await note_results(connection, _reached(results), now=results[0].now)
    await count_outcomes(connection, counting, owner=results[0].claim.owner)


async def _lease_due(
    connection: AsyncConnection, sends: Sends, owner: str, lease: timedelta, now: datetime, limit: int
) -> list[str]:
    lease_now = await database_now(connection)
    due = (
        select(Delivery.id, Delivery.channel, Delivery.webhook_id)
        .where(
            Delivery.next_attempt_at <= now,
            or_(Delivery.lease_until.is_(None), Delivery.lease_until < lease_now),
            *sends.conditions(),
        )
        .order_by(Delivery.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = sends.chosen((await connection.execute(due)).all())
    await connection.execute(
        update(Delivery)
        .where(Delivery.id.in_(ids))
        .values(lease_owner=owner, lease_until=lease_now + lease, attempts=Delivery.attempts + 1)
    )
    return ids


async def _put_off(connection: AsyncConnection, delivery_ids: Collection[str], now: datetime) -> None:
    """Leave them to whoever looks after the sweep has caught up; this attempt does not count."""
    if delivery_ids:
        untried = {
            "attempts": Delivery.attempts - 1,
            "lease_owner": None,
            "lease_until": None,
            "next_attempt_at": now + _FOR_THE_SWEEP,
        }
        await connection.execute(update(Delivery).where(Delivery.id.in_(delivery_ids)).values(untried))


def _claim(batch: Batch, row: Any, owner: str) -> Claim:
    alert_ids = tuple(batch.alerts_of.get(row.id, ()))
    return Claim(batch.notice(row), row.channel, owner, row.attempts, alert_ids, row.webhook_id)


def _reached(results: Sequence[Result]) -> dict[int, bool]:
    """The webhooks of a batch, and whether anything has arrived there."""
    reached: dict[int, bool] = {}
    for result in results:
        if (webhook_id := result.claim.webhook_id) is not None:
            arrived = result.state is DeliveryState.DELIVERED
            reached[webhook_id] = reached.get(webhook_id, False) or arrived
    return reached


def _mark(result: Result) -> Any:
    is_ours = Delivery.lease_owner == result.claim.owner
    statement = update(Delivery).where(Delivery.id == result.claim.notice.id)
    if result.state is DeliveryState.DELIVERED:
        values = {"state": result.state, "delivered_at": result.now, "next_attempt_at": None}
        return statement.values(**values, lease_owner=None, lease_until=None)
    failed = statement.where(is_ours, Delivery.state == DeliveryState.PENDING)
    return failed.values(state=result.state, next_attempt_at=result.next_attempt_at, lease_owner=None, lease_until=None)


_attempt: Table = DeliveryAttempt.__table__  # type: ignore[assignment]
