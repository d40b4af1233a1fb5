"""Whose time a complaint's wait was, as it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.attribution import Attribution, attribute
from app.complaint.history import Case, fold_case
from app.complaint.rulebook import Rulebook
from app.db.case_rows import read_events
from app.workqueue.shapes import HolderCard, HoldingCard, UnitName


async def read_wait(
    connection: AsyncConnection, complaint_id: int, rules: Rulebook, *, received_at: datetime, now: datetime
) -> tuple[Attribution, dict[int, UnitName], Case]:
    """The attribution of a complaint's wait until now, the names of the units in it, and the case it is of."""
    events = await read_events(connection, complaint_id)
    case = fold_case(events)
    found = attribute(case, events, received_at=received_at, as_of=now)
    return found, unit_names(rules, (each.unit_id for each in found.totals)), case


def unit_names(rules: Rulebook, unit_ids: Iterable[int | None]) -> dict[int, UnitName]:
    """The code and name of each unit, by id."""
    wanted = {each for each in unit_ids if each is not None}
    return {each: UnitName(code=rules.unit_codes[each], name=rules.unit_names[each]) for each in sorted(wanted)}


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
