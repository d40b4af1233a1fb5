"""What later entries changed of a closed month: each cycle that is judged otherwise than it was, old and new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.db.as_of import changed_since, read_earlier
from app.db.judging import speaks_looked_up
from app.db.scope import Scope, visible
from app.db.tables.complaints import Complaint, SlaClock
from app.sla.terms import State
from app.units.periods import Period

Cycle = tuple[int, str, int]
"""Complaint, clock, number."""

_VERDICTS = {State.MET: "met", State.MISSED: "late", State.RUNNING: "late", State.PAUSED: "late"}
_COLUMNS = (
    SlaClock.complaint_id, SlaClock.clock, SlaClock.cycle, SlaClock.unit_id, SlaClock.state, SlaClock.due_at,
    SlaClock.stopped_at,
)  # fmt: skip
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a cycle counts in a month: `met` or `late`, with the unit that it belongs to."""

    verdict: str
    unit_id: int | None
    due_at: datetime
    stopped_at: datetime | None

    @property
    def counts_as(self) -> tuple[str, int | None]:
        """What decides in which figure it is; a late one that stops at last stays late."""
        return self.verdict, self.unit_id


@dataclass(frozen=True, slots=True)
class Amendment:
    """One cycle that counts otherwise now; None: it does not count in the month. `ticket_code` for who may see it."""

    complaint_id: int
    ticket_code: str | None
    clock: str
    cycle: int
    old: Judgement | None
    new: Judgement | None


async def read_amendments(
    connection: AsyncConnection, rules: Rulebook, scope: Scope, unit_id: int, period: Period, closed_at: datetime
) -> list[Amendment]:
    """What changed since `closed_at` of the cycles that were, or are, due in the period in or below the unit."""
    then = await read_earlier(connection, rules, closed_at)
    old = _judged(then.clocks, period)
    new = _judged(await _stand_now(connection, rules, period, closed_at), period)
    changed = [each for each in old.keys() | new.keys() if _counts(old.get(each)) != _counts(new.get(each))]
    mine = [each for each in changed if _lies_below(unit_id, rules, old.get(each), new.get(each))]
    codes = await _ticket_codes(connection, scope, sorted({each[0] for each in mine}))
    return [Amendment(each[0], codes.get(each[0]), *each[1:], old.get(each), new.get(each)) for each in sorted(mine)]


async def _stand_now(
    connection: AsyncConnection, rules: Rulebook, period: Period, closed_at: datetime
) -> list[Mapping[str, Any]]:
    has_changed = changed_since(SlaClock.__table__.c.complaint_id, closed_at, rules)
    is_due = SlaClock.due_at >= period.since, SlaClock.due_at < period.until
    rows = await connection.execute(select(*_COLUMNS).where(*is_due, speaks_looked_up(), has_changed))
    return [dict(row._mapping) for row in rows]


def _judged(rows: Iterable[Mapping[str, Any]], period: Period) -> dict[Cycle, Judgement]:
    return {
        (row["complaint_id"], row["clock"], row["cycle"]): Judgement(
            _VERDICTS[row["state"]], row["unit_id"], row["due_at"], row["stopped_at"]
        )
        for row in rows
        if row["state"] in _VERDICTS and row["due_at"] is not None and period.since <= row["due_at"] < period.until
    }


def _counts(judgement: Judgement | None) -> tuple[str, int | None] | None:
    return None if judgement is None else judgement.counts_as


def _lies_below(unit_id: int, rules: Rulebook, *judgements: Judgement | None) -> bool:
    held = [each.unit_id for each in judgements if each is not None and each.unit_id is not None]
    return any(unit_id in rules.ancestors.get(each, (each,)) for each in held)


async def _ticket_codes(connection: AsyncConnection, scope: Scope, ids: Sequence[int]) -> dict[int, str]:
    """The ticket codes of those that the caller may see; without one the id."""
    found: dict[int, str] = {}
    for start in range(0, len(ids), _CHUNK):
        statement = select(Complaint.id, Complaint.ticket_code).where(
            Complaint.id.in_(ids[start : start + _CHUNK]), visible(scope)
        )
        found |= {row.id: row.ticket_code or str(row.id) for row in await connection.execute(statement)}
    return found
