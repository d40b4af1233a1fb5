"""Whether every stored complaint equals the fold of its history: status, clocks, stints, pauses, queue places."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import ClockRow, RowKey, Rulebook
from app.db.case_rows import read_stored
from app.db.complaints import CLOCK_FIELDS, refold
from app.db.tables.complaints import Complaint, Pause, QueueSlot, Stint

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """One stored figure that its history does not give."""

    complaint_id: int
    what: str
    stored: object
    folded: object


async def verify(connection: AsyncConnection, rules: Rulebook) -> AsyncIterator[tuple[int, list[Difference]]]:
    """For each batch of complaints: how many were compared, and where they differ."""
    last = 0
    while True:
        statement = select(Complaint.id).where(Complaint.id > last).order_by(Complaint.id).limit(_BATCH)
        ids = list(await connection.scalars(statement))
        if not ids:
            return
        last = ids[-1]
        yield len(ids), await _compare(connection, ids, rules)


async def _compare(connection: AsyncConnection, ids: Sequence[int], rules: Rulebook) -> list[Difference]:
    stored = await read_stored(connection, ids)
    headers = {row.id: row for row in await connection.execute(select(*_HEADER).where(Complaint.id.in_(ids)))}
    spans = await _spans(connection, ids)
    found: list[Difference] = []
    for complaint_id, held in stored.items():
        folded = refold(complaint_id, held, rules)
        for name, value in folded.header.items():
            found += _differs(complaint_id, name, getattr(headers[complaint_id], name), value)
        clocks = {row.key: row for row in folded.rows}
        for key in held.clocks.keys() | clocks.keys():
            found += _differs_in_clock(complaint_id, key, held.clocks.get(key), clocks.get(key))
        for kind, rows in folded.spans.items():
            held_rows = spans[kind].get(complaint_id, [])
            found += _differs(complaint_id, kind, held_rows, _as_far_as_kept(held_rows, rows))
        for name, effect in folded.effects.items():
            found += _differs(complaint_id, f"effect of {name}", held.effects[name], effect)
    return found


async def _spans(connection: AsyncConnection, ids: Sequence[int]) -> Mapping[str, Mapping[int, list[dict[str, Any]]]]:
    found: dict[str, dict[int, list[dict[str, Any]]]] = {}
    for kind, table in (("stint", Stint), ("pause", Pause), ("slot", QueueSlot)):
        columns = table.__table__
        rows = await connection.execute(select(columns).where(columns.c.complaint_id.in_(ids)).order_by(*columns.c))
        found[kind] = defaultdict(list)
        for row in rows:
            found[kind][row.complaint_id].append(dict(row._mapping))
    return found


def _as_far_as_kept(stored: Sequence[dict[str, Any]], folded: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """A stint that ended before its seconds were kept has none until its complaint is folded again."""
    unkept = {row["ordinal"] for row in stored if "held_s" in row and row["held_s"] is None}
    return [{**row, "held_s": None} if row.get("ordinal") in unkept and "held_s" in row else row for row in folded]


def _differs(complaint_id: int, what: str, stored: object, folded: object) -> list[Difference]:
    return [] if stored == folded else [Difference(complaint_id, what, stored, folded)]


def _differs_in_clock(
    complaint_id: int, key: RowKey, stored: Mapping[str, Any] | None, folded: ClockRow | None
) -> list[Difference]:
    name = " ".join(map(str, key)).strip()
    if stored is None or folded is None:
        return [Difference(complaint_id, name, stored and "stored", folded and "folded")]
    found = []
    for column in CLOCK_FIELDS:
        found += _differs(complaint_id, f"{name} {column}", stored[column], getattr(folded, column))
    return found


_HEADER = tuple(Complaint.__table__.c)
