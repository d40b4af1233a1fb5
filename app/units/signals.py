"""Signals that a figure of a unit is being gamed or is unsafe, each with the complaints behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.db.freshness import Freshness, read_freshness
from app.db.scope import Scope, visible
from app.db.tables.complaints import Complaint
from app.units.periods import Period
from app.units.signal_rows import Asked, evidence, late_pauses, month_end, ping_pong, recorded_late, reopenings
from app.units.signs import Finding, Sign
from app.units.status import below

MOST_LISTED = 100
"""Complaints that a signal lists; of more it tells the number."""


Group = Sequence[int]


@dataclass(frozen=True, slots=True)
class Signal:
    """A finding with the complaints that the caller may see, by ticket code or id; `unlisted` are the others."""

    found: Finding
    refs: tuple[str, ...]
    unlisted: int


async def read_signals(
    connection: AsyncConnection, tops: Group, rules: Rulebook, scope: Scope, *, period: Period, now: datetime
) -> list[Signal]:
    """Every signal of the units and all below them in the period, whether or not it shows.

    Each case belongs to the unit that held the complaint when it happened.
    """
    asked = Asked(connection, below([tuple(tops)], rules), period)
    found = [
        await late_pauses(asked, rules),
        await reopenings(asked),
        await ping_pong(asked),
        await month_end(asked),
        *await evidence(asked),
        await recorded_late(asked),
        _stale(await read_freshness(connection, now=now)),
    ]
    refs = await _refs(connection, found, scope)
    return [_signal(each, refs) for each in found]


def _stale(sources: Sequence[Freshness]) -> Finding:
    names = tuple(each.source for each in sources if each.is_stale)
    return Finding(sign=Sign.SOURCE_STALE, count=len(names), of=len(sources), sources=names)


async def _refs(connection: AsyncConnection, found: Iterable[Finding], scope: Scope) -> dict[int, str]:
    """How the listed complaints are called, as far as the caller may see them."""
    ids = sorted({id_ for each in found for id_ in each.complaint_ids[:MOST_LISTED]})
    statement = select(Complaint.id, Complaint.ticket_code).where(Complaint.id.in_(ids), visible(scope))
    return {row.id: row.ticket_code or str(row.id) for row in await connection.execute(statement)}


def _signal(found: Finding, refs: dict[int, str]) -> Signal:
    listed = tuple(refs[id_] for id_ in found.complaint_ids[:MOST_LISTED] if id_ in refs)
    return Signal(found, listed, len(found.complaint_ids) - len(listed))
