"""What is wrong with this installation: told once to those who run it when it stays, and once when it is over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.contents import Incident, incident_payload
from app.alerts.notifiers import EMAIL, WEBHOOK
from app.alerts.outbox import message_id
from app.alerts.webhooks import notice_webhooks
from app.db.changes import count_up
from app.db.states import DeliveryKind, DeliveryState
from app.db.tables.alerts import Delivery
from app.db.tables.machine import Incident as IncidentRow

STAYS = timedelta(minutes=2)
"""How long something must be wrong before it is told, and how long fine before it is over: nothing flaps."""

_LOCK = "incidents"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong just now; `key` is the same as long as it is the same thing."""

    key: str
    what: str
    about: Mapping[str, str] = field(default_factory=dict)


async def judge(connection: AsyncConnection, faults: Iterable[Fault], *, emails: Sequence[str], now: datetime) -> int:
    """How many incidents were told of or ended; the messages are put into the outbox in the caller's transaction.

    Those who judge at once take turns.
    """
    await count_up(connection, _LOCK)
    seen = {each.key: each for each in faults}
    rows = list(await connection.execute(select(*_incident.c).where(_incident.c.over_at.is_(None))))
    fresh = [seen[key] for key in sorted(seen.keys() - {row.key for row in rows})]
    if fresh:
        await connection.execute(insert(_incident), [_row(each, now) for each in fresh])
    told = [change for row in rows if (change := await _follow(connection, row, row.key in seen, now)) is not None]
    await _tell(connection, told, emails, now)
    return len(told)


async def _follow(connection: AsyncConnection, row: Any, is_seen: bool, now: datetime) -> Incident | None:
    """What there is to tell of an incident that was open before."""
    values: dict[str, object] = {}
    is_told = False
    if is_seen:
        is_told = row.told_at is None and now - row.first_seen_at >= STAYS
        values = {"fine_since": None, **({"told_at": now} if is_told else {})}
    elif row.fine_since is None and row.told_at is not None:
        values = {"fine_since": now}
    elif row.told_at is None or now - row.fine_since >= STAYS:
        is_told = row.told_at is not None
        values = {"over_at": now}
    if values:
        await connection.execute(update(_incident).where(_incident.c.id == row.id).values(values))
    if not is_told:
        return None
    return Incident(key=row.key, what=row.what, is_over=not is_seen, since=row.first_seen_at, about=row.about)


async def _tell(connection: AsyncConnection, told: Sequence[Incident], emails: Sequence[str], now: datetime) -> None:
    ways: list[dict[str, Any]] = [
        {"channel": EMAIL, "recipient": f"operator:{each}", "webhook_id": None} for each in emails
    ]
    ways += [
        {"channel": WEBHOOK, "recipient": f"{WEBHOOK}:{each}", "webhook_id": each}
        for each in await notice_webhooks(connection)
    ]
    rows = [
        {
            "id": message_id(),
            "kind": DeliveryKind.NOTICE,
            "state": DeliveryState.PENDING,
            "attempts": 0,
            "next_attempt_at": now,
            "payload": incident_payload(each),
            **way,
        }
        for each in told
        for way in ways
    ]
    if rows:
        await connection.execute(insert(_delivery), rows)


def _row(fault: Fault, now: datetime) -> dict[str, Any]:
    return {"key": fault.key, "what": fault.what, "about": dict(fault.about), "first_seen_at": now}


_incident: Table = IncidentRow.__table__  # type: ignore[assignment]
_delivery: Table = Delivery.__table__  # type: ignore[assignment]
