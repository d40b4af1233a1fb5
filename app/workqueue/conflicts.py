"""Conflicts: where a source's word stands against an officer's move, and which move that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.events import Effect
from app.complaint.history import fold_case
from app.db.case_rows import read_events
from app.db.tables.complaints import ComplaintEvent
from app.db.tables.people import Officer
from app.workqueue.shapes import OverrulingCard


async def read_overrulings(
    connection: AsyncConnection, complaint_id: int, rows: Sequence[Any]
) -> Mapping[str, OverrulingCard]:
    """For each entry among `rows` that an officer's move overrules, by its key, that move."""
    keys = {row.key for row in rows if row.effect is Effect.CONFLICT}
    if not keys:
        return {}
    case = fold_case(await read_events(connection, complaint_id))
    overruled_by = {key: case.overruled_by[key] for key in keys if key in case.overruled_by}
    moves = await _moves(connection, complaint_id, set(overruled_by.values()))
    return {key: moves[move] for key, move in overruled_by.items()}


async def _moves(connection: AsyncConnection, complaint_id: int, keys: set[str]) -> Mapping[str, OverrulingCard]:
    statement = (
        select(
            ComplaintEvent.id, ComplaintEvent.key, ComplaintEvent.occurred_at, ComplaintEvent.move,
            ComplaintEvent.status, Officer.name,
        )
        .outerjoin(Officer, Officer.id == ComplaintEvent.actor_id)
        .where(ComplaintEvent.complaint_id == complaint_id, ComplaintEvent.key.in_(keys))
    )  # fmt: skip
    return {
        row.key: OverrulingCard(
            id=row.id, occurred_at=row.occurred_at, move=row.move, status=row.status, actor=row.name
        )
        for row in await connection.execute(statement)
    }
