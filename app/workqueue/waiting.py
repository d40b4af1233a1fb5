"""Whose time a complaint's wait was, as it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.attribution import Attribution, attribute
from app.complaint.history import Case, fold_case
from app.db.case_rows import read_events
from app.db.tables.units import Unit
from app.workqueue.shapes import HolderCard, HoldingCard, UnitName


async def read_wait(
    connection: AsyncConnection, complaint_id: int, *, received_at: datetime, now: datetime
) -> tuple[Attribution, dict[int, UnitName], Case]:
    """The attribution of a complaint's wait until now, the names of the units in it, and the case it is of."""
    events = await read_events(connection, complaint_id)
    case = fold_case(events)
    found = attribute(case, events, received_at=received_at, as_of=now)
    held = {each.unit_id for each in found.totals if each.unit_id is not None}
    return found, await unit_names(connection, held), case


async def unit_names(connection: AsyncConnection, unit_ids: Iterable[int]) -> dict[int, UnitName]:
    """The code and name of each unit, by id."""
    wanted = sorted(set(unit_ids))
    if not wanted:
        return {}
    rows = await connection.execute(select(Unit.id, Unit.code, Unit.name).where(Unit.id.in_(wanted)))
    return {row.id: UnitName(code=row.code, name=row.name) for row in rows}


def holder_cards(found: Attribution, names: dict[int, UnitName]) -> list[HolderCard]:
    """What each holder has, by first appearance."""
    return [
        HolderCard(kind=each.holder, unit=_named(each.unit_id, names), seconds=each.seconds) for each in found.totals
    ]


def holding_cards(found: Attribution, names: dict[int, UnitName]) -> list[HoldingCard]:
    """Each stretch of the wait, in order."""
    return [
        {
            "from": each.from_at,
            "to": each.to_at,
            "kind": each.holder,
            "unit": _named(each.unit_id, names),
            "seconds": each.seconds,
        }
        for each in found.shares
    ]


def _named(unit_id: int | None, names: dict[int, UnitName]) -> UnitName | None:
    return None if unit_id is None else names[unit_id]
