"""The last change of each unit, gathered from the newest changes alone: what polling is answered from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, func, or_, select, text, union_all
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from app.db.among import among
from app.db.changes import CHANGE, LIFTED, is_postgresql
from app.db.tables.complaints import Complaint, ComplaintEvent, SlaClock
from app.db.tables.doubles import QuotedCode
from app.db.tables.machine import Counter, UnitChange

NO_UNIT = 0
"""What stands for the unit of complaints that none holds."""

_KEPT = "unit_change"


@dataclass(frozen=True, slots=True)
class Running:
    """Which changes are visible: all below `above` but for those in `pending`, whose transactions still run."""

    above: int
    pending: tuple[int, ...] = ()

    @property
    def horizon(self) -> int:
        """Below it no change is still to come."""
        return min(self.pending, default=self.above)


async def read_running(connection: AsyncConnection) -> Running:
    """What a reader sees from now on, at least. On SQLite writers queue, so nothing is pending."""
    if not is_postgresql(connection):
        value = await connection.scalar(select(Counter.value).where(Counter.name == CHANGE))
        return Running(int(value or 0) + 1)
    row = (await connection.execute(_snapshot)).one()
    return Running(int(row.above), tuple(sorted(int(each) for each in row.pending)))


async def read_last_changes(connection: AsyncConnection, seen: Running) -> dict[int, int]:
    """For each unit the last of the changes that `seen` does not cover, of complaints that it holds, held or times.

    A complaint that leaves a unit is a change of both, and so is one that another quotes.
    """
    values = {"above": seen.above, "pending": list(seen.pending)}
    return {int(unit_id): int(last) for unit_id, last in await connection.execute(_last_changes, values)}


async def read_kept(connection: AsyncConnection) -> tuple[Running, dict[int, int]]:
    """Up to where somebody has gathered, and the last change of each unit as of then or later."""
    upto = await connection.scalar(select(Counter.value).where(Counter.name == _KEPT))
    rows = await connection.execute(select(UnitChange.unit_id, UnitChange.change_no))
    return Running(int(upto or 0)), {int(unit_id): int(last) for unit_id, last in rows}


async def keep(connection: AsyncConnection, upto: int, last_changes: Mapping[int, int]) -> None:
    """Keep what was gathered of all changes below `upto`; two that keep at once keep the later of each."""
    insert = postgresql_insert if is_postgresql(connection) else sqlite_insert
    known = insert(UnitChange).values(unit_id=bindparam("unit_id"), change_no=bindparam("change_no"))
    later = known.excluded.change_no > UnitChange.change_no
    rows = [{"unit_id": each, "change_no": last} for each, last in sorted(last_changes.items()) if last < upto]
    if rows:
        kept = {"change_no": known.excluded.change_no}
        await connection.execute(known.on_conflict_do_update(index_elements=["unit_id"], set_=kept, where=later), rows)
    counter = insert(Counter).values(name=_KEPT, value=upto)
    beyond = counter.excluded.value > Counter.value
    moved = {"value": counter.excluded.value}
    await connection.execute(counter.on_conflict_do_update(index_elements=["name"], set_=moved, where=beyond))


def _is_new() -> ColumnElement[bool]:
    since = Complaint.change_no >= bindparam("above", type_=BigInteger)
    return or_(since, among(Complaint.change_no, "pending"))


def _touched(unit_id: Any, *joined: Any) -> Select[Any]:
    statement = select(func.coalesce(unit_id, NO_UNIT).label("unit_id"), Complaint.change_no.label("change_no"))
    for target, condition in joined:
        statement = statement.join(target, condition)
    return statement.where(_is_new())


def _last_changes_statement() -> Select[Any]:
    quoted = aliased(Complaint)
    parts: Sequence[Select[Any]] = (
        _touched(Complaint.unit_id),
        _touched(ComplaintEvent.unit_id, (ComplaintEvent, ComplaintEvent.complaint_id == Complaint.id)).where(
            ComplaintEvent.unit_id.is_not(None)
        ),
        _touched(SlaClock.unit_id, (SlaClock, SlaClock.complaint_id == Complaint.id)),
        _touched(
            quoted.unit_id,
            (QuotedCode, QuotedCode.complaint_id == Complaint.id),
            (quoted, quoted.ticket_code == QuotedCode.code),
        ),
    )
    touched = union_all(*parts).subquery()
    return select(touched.c.unit_id, func.max(touched.c.change_no)).group_by(touched.c.unit_id)


_last_changes = _last_changes_statement()
# A snapshot of a standby names no running transactions, so each that it may not see yet is asked for by itself.
_snapshot = text(
    f"SELECT pg_snapshot_xmax(now)::text::bigint + {LIFTED} AS above,"  # noqa: S608 - a constant
    " CASE WHEN pg_is_in_recovery()"
    f" THEN ARRAY(SELECT id + {LIFTED}"
    " FROM generate_series(pg_snapshot_xmin(now)::text::bigint, pg_snapshot_xmax(now)::text::bigint - 1) id"
    " WHERE pg_xact_status(id::text::xid8) = 'in progress')"
    f" ELSE ARRAY(SELECT running::text::bigint + {LIFTED} FROM pg_snapshot_xip(now) running) END AS pending"
    " FROM pg_current_snapshot() now"
)
