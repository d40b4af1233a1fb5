"""One move for many complaints: each stands alone, all are read and written together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.complaint.errors import DomainError
from app.complaint.events import CaseEvent
from app.db.complaints import Advanced, Change, advance, foresee, lock_all
from app.db.scope import Scope, visible
from app.db.tables.complaints import Complaint
from app.workqueue.actions import (
    demand_fields,
    demand_legal,
    demand_ready,
    demand_role,
    demand_scope,
    demand_version,
    entries,
    moments,
)
from app.workqueue.asker import Asker
from app.workqueue.claims import CLAIM_LASTS
from app.workqueue.means import Means, MoveRequest, find_means

MOST = 500
"""Complaints that one request may move."""

Outcomes = Mapping[int, Advanced | DomainError]
"""For each complaint what it came to, or why it stays as it is."""
Seen = Mapping[int, Collection[int]]
"""For each complaint the versions that the asker takes it to have; one that is not named may have any."""


async def locate_all(connection: AsyncConnection, refs: Collection[str], scope: Scope) -> dict[str, int]:
    """The ids of the complaints that the refs, ids or ticket codes, name within `scope`; the others are left out."""
    by_code = select(Complaint.ticket_code, Complaint.id).where(Complaint.ticket_code.in_(refs))
    found = {str(row[0]): int(row[1]) for row in await connection.execute(by_code)}
    numbers = {ref: int(ref) for ref in refs if ref not in found and _is_id(ref)}
    known = set(await connection.scalars(select(Complaint.id).where(Complaint.id.in_(numbers.values()))))
    found |= {ref: each for ref, each in numbers.items() if each in known}
    seen = select(Complaint.id).where(Complaint.id.in_(found.values()), visible(scope))
    visible_ids = set(await connection.scalars(seen))
    return {ref: each for ref, each in found.items() if each in visible_ids}


async def move_all(
    connection: AsyncConnection,
    ids: Collection[int],
    request: MoveRequest,
    asker: Asker,
    rules: Rulebook,
    *,
    seen: Seen = MappingProxyType({}),
    claim: timedelta = CLAIM_LASTS,
    is_dry_run: bool = False,
    now: datetime,
) -> Outcomes:
    """What each complaint comes to by the move; a dry run writes nothing. One that is not as it was `seen` stays.

    Raises:
        Forbidden: the role does not allow the move on any complaint.
        InvalidInput: the request itself lacks a field, or names what does not exist.
    """
    demand_role(request.move, asker)
    demand_fields(request, now)
    means = await find_means(connection, request, asker, claim)
    if not is_dry_run:
        await lock_all(connection, list(ids))
    rows = list(await connection.execute(select(*Complaint.__table__.c).where(Complaint.id.in_(ids))))
    instants = await moments(connection, ids, now)
    outcomes: dict[int, Advanced | DomainError] = {}
    events: dict[int, list[CaseEvent]] = {}
    for row in rows:
        try:
            for version in seen.get(row.id, ()):
                demand_version(row, (version,))
            events[row.id] = await _decide(connection, row, request, asker, rules, means, instants[row.id], now)
        except DomainError as refusal:
            outcomes[row.id] = refusal
    for done in await _carry_out(connection, events, rules, is_dry_run=is_dry_run, now=now):
        outcomes[done.complaint_id] = done
    return outcomes


async def _decide(
    connection: AsyncConnection,
    row: Any,
    request: MoveRequest,
    asker: Asker,
    rules: Rulebook,
    means: Means,
    moment: datetime,
    now: datetime,
) -> list[CaseEvent]:
    demand_scope(row, asker, rules)
    demand_legal(row, request.move)
    await demand_ready(connection, row, request.move)
    return entries(row, request, asker, rules, means, moment=moment, now=now)


async def _carry_out(
    connection: AsyncConnection,
    events: Mapping[int, Sequence[CaseEvent]],
    rules: Rulebook,
    *,
    is_dry_run: bool,
    now: datetime,
) -> list[Advanced]:
    """The complaints after it; those of which all is so already as they are."""
    moving = [Change(complaint_id=each, events=added) for each, added in sorted(events.items()) if added]
    staying = [Change(complaint_id=each, bumps=False) for each, added in sorted(events.items()) if not added]
    moved = await (foresee if is_dry_run else advance)(connection, moving, rules, now=now)
    return [*moved, *await foresee(connection, staying, rules, now=now)]


def _is_id(ref: str) -> bool:
    return ref.isascii() and ref.isdigit() and len(ref) < 19
