"""What is wrong with this installation: told to those who run it when it stays, again later, and when it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.contents import Incident, incident_payload
from app.alerts.notifiers import EMAIL, WEBHOOK
from app.alerts.outbox import message_id, withdraw
from app.alerts.webhooks import notice_webhooks
from app.db.changes import count_up
from app.db.states import DeliveryKind, DeliveryState
from app.db.tables.alerts import Delivery
from app.db.tables.machine import Incident as IncidentRow

STAYS = timedelta(minutes=2)
"""How long something must be wrong before it is told, and how long fine before it is over: nothing flaps."""

REMINDERS = (timedelta(days=1), timedelta(days=3))
"""How old a matter is when it is told of again; from then on it is told every `EVERY`."""

EVERY = timedelta(days=7)

_LOCK = "incidents"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong just now; `key` is the same as long as it is the same thing."""

    key: str
    what: str
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Word:
    """What there is to tell of one incident, and whom it has not reached yet: recipients of what still waits."""

    incident: Incident
    waiting: Mapping[str, Any] = field(default_factory=dict)

    def is_for(self, recipient: str) -> bool:
        """Nobody is reminded of what they are about to hear, nor told that it is over who never heard of it."""
        row = self.waiting.get(recipient)
        if row is None:
            return True
        return self.incident.is_over and (row.attempts > 0 or row.payload.get("is_reminder", False))


async def judge(
    connection: AsyncConnection,
    faults: Iterable[Fault],
    *,
    emails: Sequence[str],
    now: datetime,
    among: Callable[[str], bool] = lambda _: True,
) -> int:
    """How many times incidents were told of or ended; the messages are put into the outbox in the caller's transaction.

    Those who judge at once take turns. `among` says by its key whether the caller would see a fault if there were one:
    incidents of which they cannot know stay as they are.
    """
    await count_up(connection, _LOCK)
    seen = {each.key: each for each in faults}
    rows = list(await connection.execute(select(*_incident.c).where(_incident.c.over_at.is_(None))))
    fresh = [seen[key] for key in sorted(seen.keys() - {row.key for row in rows})]
    if fresh:
        await connection.execute(insert(_incident), [_row(each, now) for each in fresh])
    known = [row for row in rows if row.key in seen or among(row.key)]
    told = [word for row in known if (word := await _follow(connection, row, seen.get(row.key), now)) is not None]
    await _tell(connection, told, emails, now)
    return len(told)


def reminders(age: timedelta) -> int:
    """How many reminders a matter of that age has had.

    >>> [reminders(timedelta(days=days)) for days in (0, 1, 2, 3, 9, 10, 17)]
    [0, 1, 1, 2, 2, 3, 4]
    """
    return sum(each <= age for each in REMINDERS) + max(0, (age - REMINDERS[-1]) // EVERY)


async def _follow(connection: AsyncConnection, row: Any, fault: Fault | None, now: datetime) -> Incident | None:
    """What there is to tell of an incident that was open before."""
    values: dict[str, object] = {}
    is_told = False
    if fault is not None:
        is_told = _is_time(row, now)
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
    return Incident(
        key=row.key,
        what=row.what,
        is_over=fault is None,
        is_reminder=fault is not None and row.told_at is not None,
        since=row.first_seen_at,
        about=row.about if fault is None else fault.about,
    )


def _is_time(row: Any, now: datetime) -> bool:
    """Whether an incident that lasts is told of now; reminders that were missed are one."""
    age: timedelta = now - row.first_seen_at
    if row.told_at is None:
        return age >= STAYS
    return reminders(age) > reminders(row.told_at - row.first_seen_at)


async def _tell(connection: AsyncConnection, told: Sequence[Incident], emails: Sequence[str], now: datetime) -> None:
    if not told:
        return
    ways: list[dict[str, Any]] = [
        {"channel": EMAIL, "recipient": f"operator:{each}", "webhook_id": None} for each in emails
    ]
    ways += [
        {"channel": WEBHOOK, "recipient": f"{WEBHOOK}:{each}", "webhook_id": each}
        for each in await notice_webhooks(connection)
    ]
    words = await _with_waiting(connection, told)
    over = [row.id for each in words if each.incident.is_over for row in each.waiting.values()]
    await withdraw(connection, over)
    rows = [notice_row(each.incident, way, now) for each in words for way in ways if each.is_for(way["recipient"])]
    if rows:
        await connection.execute(insert(_delivery), rows)


async def _with_waiting(connection: AsyncConnection, told: Sequence[Incident]) -> list[_Word]:
    columns = (Delivery.id, Delivery.recipient, Delivery.attempts, Delivery.payload)
    statement = select(*columns).where(
        Delivery.next_attempt_at.is_not(None),
        Delivery.state == DeliveryState.PENDING,
        Delivery.kind == DeliveryKind.NOTICE,
    )
    waiting = list(await connection.execute(statement))
    return [
        _Word(each, {row.recipient: row for row in waiting if (row.payload or {}).get("key") == each.key})
        for each in told
    ]


def notice_row(incident: Incident, way: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The delivery that tells of an incident; `way` are its channel, recipient and webhook."""
    return {
        "id": message_id(),
        "kind": DeliveryKind.NOTICE,
        "state": DeliveryState.PENDING,
        "attempts": 0,
        "next_attempt_at": now,
        "payload": incident_payload(incident),
        **way,
    }


def _row(fault: Fault, now: datetime) -> dict[str, Any]:
    return {"key": fault.key, "what": fault.what, "about": dict(fault.about), "first_seen_at": now}


_incident: Table = IncidentRow.__table__  # type: ignore[assignment]
_delivery: Table = Delivery.__table__  # type: ignore[assignment]
