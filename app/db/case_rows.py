"""Reading what the database holds of complaints, as the values that their fold works on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import CLOSED_STATES, Held, RowKey, Rulebook
from app.complaint.events import CaseEvent, Effect
from app.db.cursors import PREPARED
from app.db.tables.complaints import Complaint, ComplaintEvent, Pause, SlaClock, Stint

_CHUNK = 500
_HEADER = (
    Complaint.id, Complaint.version, Complaint.is_open, Complaint.unit_id, Complaint.queue_at, Complaint.connectors,
    Complaint.category, Complaint.category_code, Complaint.channel, Complaint.classification, Complaint.policy_families,
    Complaint.source_due_at, Complaint.is_history, Complaint.next_due_at, Complaint.status, Complaint.received_at,
    Complaint.assignee_id,
)  # fmt: skip
_EVENT = tuple(getattr(ComplaintEvent, each.name) for each in fields(CaseEvent))
_history = (
    select(*_EVENT)
    .where(ComplaintEvent.complaint_id == bindparam("complaint_id"))
    .order_by(ComplaintEvent.id)
    .prefix_with(PREPARED)
)


@dataclass(slots=True)
class Stored:
    """What is stored of one complaint: header columns, history, clock rows by key, counts of its spans."""

    header: Mapping[str, Any]
    events: list[CaseEvent] = field(default_factory=list)
    effects: dict[str, Effect] = field(default_factory=dict)
    clocks: dict[RowKey, Mapping[str, Any]] = field(default_factory=dict)
    stint_count: int = 0
    pause_count: int = 0

    @property
    def held(self) -> dict[RowKey, Held]:
        """What each stored clock row keeps of its own."""
        return {
            key: Held(
                policy_version_id=row["policy_version_id"],
                calendar_version_id=row["calendar_version_id"],
                is_closed=row["state"] in CLOSED_STATES,
                raised_step=row["raised_step"],
                exception_unit_id=row["exception_unit_id"],
            )
            for key, row in self.clocks.items()
        }


async def read_stored(connection: AsyncConnection, complaint_ids: Sequence[int]) -> dict[int, Stored]:
    """What is stored of each complaint, read in a few statements for all of them."""
    found: dict[int, Stored] = {}
    for start in range(0, len(complaint_ids), _CHUNK):
        found.update(await _read_chunk(connection, complaint_ids[start : start + _CHUNK]))
    return found


async def read_events(connection: AsyncConnection, complaint_id: int) -> list[CaseEvent]:
    """The history of one complaint, as it arrived."""
    rows = await connection.execute(_history, {"complaint_id": complaint_id})
    return [CaseEvent(**dict(zip(_EVENT_NAMES, row, strict=True))) for row in rows]


async def _read_chunk(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, Stored]:
    headers = await connection.execute(select(*_HEADER).where(Complaint.id.in_(ids)))
    found = {row.id: Stored(row._mapping) for row in headers}
    events = select(ComplaintEvent.complaint_id, ComplaintEvent.effect, *_EVENT)
    for row in await connection.execute(events.where(ComplaintEvent.complaint_id.in_(ids)).order_by(ComplaintEvent.id)):
        complaint_id, effect, *values = row
        event = CaseEvent(**dict(zip(_EVENT_NAMES, values, strict=True)))
        found[complaint_id].events.append(event)
        found[complaint_id].effects[event.key] = effect
    for row in await connection.execute(select(*SlaClock.__table__.c).where(SlaClock.complaint_id.in_(ids))):
        found[row.complaint_id].clocks[(row.clock, row.cycle, row.family)] = dict(row._mapping)
    for complaint_id, count in await _counts(connection, Stint, ids):
        found[complaint_id].stint_count = count
    for complaint_id, count in await _counts(connection, Pause, ids):
        found[complaint_id].pause_count = count
    return found


async def _counts(
    connection: AsyncConnection, table: type[Stint] | type[Pause], ids: Sequence[int]
) -> Sequence[tuple[int, int]]:
    statement = select(table.complaint_id, func.count()).where(table.complaint_id.in_(ids)).group_by(table.complaint_id)
    return [(row[0], row[1]) for row in await connection.execute(statement)]


def slot_rows(complaint_id: int, unit_id: int | None, queue_at: datetime, rules: Rulebook) -> list[dict[str, Any]]:
    """The places of an open complaint in the queue of its unit and of every unit above it."""
    if unit_id is None:
        return []
    return [
        {"ancestor_id": ancestor_id, "queue_at": queue_at, "complaint_id": complaint_id}
        for ancestor_id in rules.ancestors.get(unit_id, (unit_id,))
    ]


_EVENT_NAMES = tuple(each.name for each in fields(CaseEvent))
