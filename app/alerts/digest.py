"""The list of a working morning: what is overdue and due today in somebody's units, once a day for each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.alerts.directory import WHOLE_TREE, Directory, Person, person_of, read_delegates
from app.alerts.hours import office_of, when
from app.alerts.ladder import Recipient
from app.alerts.webhooks import DIGEST, recipients
from app.complaint.clocks import Rulebook
from app.complaint.roles import Role
from app.db.changes import insert_missing
from app.db.rulebook import Rulebooks
from app.db.session import reading, writing
from app.db.states import DeliveryKind, DeliveryState
from app.db.tables.alerts import AlertDigest, Delivery
from app.db.tables.complaints import Complaint, SlaClock
from app.db.tables.people import Officer, OfficerUnit
from app.db.tables.units import Unit
from app.sla.clock import State

EARLIEST, LATEST = time(7, 30), time(16)
"""Local hours between which the digests of a day go out: after a morning of downtime late, in the evening not."""
SHOWN = 20
_BATCH = 500


async def make_digests(engine: AsyncEngine, rulebooks: Rulebooks, *, now: datetime) -> int:
    """How many digests were put into the outbox; nothing before their hour, on a day off, or a second time.

    A crash half-way loses nothing and doubles nothing: a digest is named by its day and whom it is for.
    """
    async with reading(engine) as connection:
        rules = await rulebooks.current(connection)
        day = _day_of(rules, now)
        if day is None or await connection.scalar(select(AlertDigest.sent_on).where(AlertDigest.sent_on == day)):
            return 0
        urgent = await _urgent(connection, rules, day)
        rows = list(_deliveries(await _readers(connection, now), urgent, rules, day, now))
        rows += _posts(await recipients(connection, DIGEST), urgent, rules, day, now)
    for first in range(0, len(rows), _BATCH):
        async with writing(engine) as connection:
            await insert_missing(connection, _delivery, rows[first : first + _BATCH], key=("id",))
    async with writing(engine) as connection:
        await insert_missing(connection, _digest, [{"sent_on": day, "made_at": now}], key=("sent_on",))
    return len(rows)


def _day_of(rules: Rulebook, now: datetime) -> date | None:
    """The local day whose digests may go out now."""
    local = now.astimezone(rules.zone)
    if not EARLIEST <= local.time() < LATEST:
        return None
    morning = datetime.combine(local.date(), time(), rules.zone)
    office = office_of(rules, None, now)
    is_open = office is None or any(office.intervals(morning, morning + timedelta(days=1)))
    return local.date() if is_open else None


async def _urgent(connection: AsyncConnection, rules: Rulebook, day: date) -> dict[int, list[Any]]:
    """The running clocks due before the day ends, soonest first: of each unit with all below it, and of all."""
    midnight = datetime.combine(day + timedelta(days=1), time(), rules.zone).astimezone(UTC)
    statement = (
        select(
            Complaint.id, Complaint.ticket_code, Complaint.unit_id, Unit.code, Unit.name, SlaClock.clock,
            SlaClock.due_at, SlaClock.id.label("clock_id"),
        )
        .join(Complaint, Complaint.id == SlaClock.complaint_id)
        .outerjoin(Unit, Unit.id == Complaint.unit_id)
        .where(SlaClock.state == State.RUNNING, SlaClock.due_at < midnight)
        .where(Complaint.is_open, Complaint.is_history.is_not(True))
        .order_by(SlaClock.due_at, SlaClock.id)
    )  # fmt: skip
    found: dict[int, list[Any]] = defaultdict(list)
    for row in await connection.execute(statement):
        for unit_id in (WHOLE_TREE, *rules.ancestors.get(row.unit_id, ())):
            found[unit_id].append(row)
    return found


@dataclass(frozen=True, slots=True)
class _Reader:
    """Whose list it is, who reads it, and which units it is of."""

    officer_id: int
    person: Person
    unit_ids: tuple[int, ...]


async def _readers(connection: AsyncConnection, now: datetime) -> list[_Reader]:
    """Officers and supervisors who want the list; for one on leave the delegate reads it."""
    statement = (
        select(*_OFFICER, OfficerUnit.unit_id)
        .outerjoin(OfficerUnit, OfficerUnit.officer_id == Officer.id)
        .where(Officer.is_active, Officer.role.in_((Role.OFFICER, Role.SUPERVISOR)))
        .order_by(Officer.id, OfficerUnit.unit_id)
    )
    rows = list(await connection.execute(statement))
    units: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        units[row.id].append(row.unit_id or WHOLE_TREE)
    people = {row.id: person_of(row) for row in rows}
    directory = Directory(people=people, delegates=await read_delegates(connection, now))
    wanted = {row.id for row in rows if row.gets_digest}
    return [
        _Reader(officer_id, reached.person, tuple(units[officer_id]))
        for officer_id in sorted(wanted)
        if (reached := directory.stand_in(officer_id, None)) is not None
    ]


def _deliveries(
    readers: Sequence[_Reader], urgent: Mapping[int, Sequence[Any]], rules: Rulebook, day: date, now: datetime
) -> Iterator[dict[str, Any]]:
    """Readers of the same units share one list, which is made once; whoever has nothing on it gets none."""
    lists: dict[tuple[int, ...], dict[str, Any]] = {}
    for reader in readers:
        if reader.unit_ids not in lists:
            lists[reader.unit_ids] = _payload([urgent.get(each, ()) for each in reader.unit_ids], day, now)
        payload = lists[reader.unit_ids]
        if not payload["items"]:
            continue
        if reader.person.id != reader.officer_id:
            payload = {**payload, "for_officer_id": reader.officer_id}
        for channel in sorted(reader.person.channels):
            yield {
                **_PENDING,
                "id": f"digest-{day:%Y%m%d}-{reader.officer_id}-{channel}",
                "channel": channel,
                "recipient": f"officer:{reader.person.id}",
                "webhook_id": None,
                "next_attempt_at": when(now, office=None, quiet=reader.person.quiet, zone=rules.zone),
                "payload": payload,
            }


def _posts(
    hooks: Sequence[Recipient], urgent: Mapping[int, Sequence[Any]], rules: Rulebook, day: date, now: datetime
) -> Iterator[dict[str, Any]]:
    """The lists of the webhooks that ask for one, of their units and clocks; as with people, nothing on it is none."""
    for hook in hooks:
        units = (
            [WHOLE_TREE]
            if hook.units is None
            else [rules.unit_ids[each] for each in sorted(hook.units) if each in rules.unit_ids]
        )
        found = [[row for row in urgent.get(each, ()) if _is_for(hook, row)] for each in units]
        payload = _payload(found, day, now)
        if payload["items"]:
            yield {
                **_PENDING,
                "id": f"digest-{day:%Y%m%d}-webhook-{hook.webhook_id}",
                "channel": hook.channel,
                "recipient": hook.name,
                "webhook_id": hook.webhook_id,
                "next_attempt_at": now,
                "payload": payload,
            }


def _is_for(hook: Recipient, row: Any) -> bool:
    return hook.clocks is None or row.clock in hook.clocks


def _payload(rows_of: Sequence[Sequence[Any]], day: date, now: datetime) -> dict[str, Any]:
    """The rows of several units, which may overlap, as one list."""
    rows = [row for _, row in sorted({(row.due_at, row.clock_id): row for rows in rows_of for row in rows}.items())]
    overdue = sum(row.due_at < now for row in rows)
    return {
        "on": day.isoformat(),
        "overdue": overdue,
        "due_today": len(rows) - overdue,
        "items": [_item(row) for row in rows[:SHOWN]],
    }


def _item(row: Any) -> dict[str, Any]:
    return {
        "complaint_id": row.id,
        "ticket_code": row.ticket_code,
        "unit_code": row.code,
        "unit_name": row.name,
        "clock": row.clock,
        "due_at": row.due_at.astimezone(UTC).isoformat(),
    }


_OFFICER = (
    Officer.id, Officer.email, Officer.sealed_chat_url, Officer.quiet_from, Officer.quiet_to, Officer.gets_digest,
)  # fmt: skip
_PENDING = {"kind": DeliveryKind.DIGEST, "state": DeliveryState.PENDING, "attempts": 0}
_delivery: Table = Delivery.__table__  # type: ignore[assignment]
_digest: Table = AlertDigest.__table__  # type: ignore[assignment]
