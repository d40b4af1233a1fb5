"""Open clocks judged again after a change of rules: nothing is written but what the new rules move."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.db.bulk import insert_rows, update_rows
from app.db.case_rows import Stored, read_stored
from app.db.changes import take_turn
from app.db.complaints import CLOCK_FIELDS, Refolded, lock_all, refold
from app.db.corrections import has_told_otherwise
from app.db.moved import MovedClock, Occasion, entries, moved_clocks
from app.db.tables.alerts import AlertReview
from app.db.tables.complaints import Complaint, ComplaintEvent, QueueSlot, SlaClock
from app.sla.clock import State

OPEN_STATES = (State.RUNNING, State.PAUSED)


@dataclass(frozen=True, slots=True)
class Reach:
    """The open clocks that a change may move: those judged by these versions, or every one of a clock."""

    calendar_version_ids: tuple[int, ...] = ()
    policy_version_ids: tuple[int, ...] = ()
    clock: str | None = None

    def to_json(self) -> dict[str, object]:
        """The shape that `from_json` reads back."""
        return {
            "calendar_version_ids": list(self.calendar_version_ids),
            "policy_version_ids": list(self.policy_version_ids),
            "clock": self.clock,
        }

    @classmethod
    def from_json(cls, shape: Mapping[str, Any]) -> Reach:
        """The value that `to_json` wrote."""
        return cls(tuple(shape["calendar_version_ids"]), tuple(shape["policy_version_ids"]), shape["clock"])

    def condition(self) -> ColumnElement[bool]:
        """The condition on `complaint`: it has such a clock."""
        judged: list[ColumnElement[bool]] = [
            SlaClock.calendar_version_id.in_(self.calendar_version_ids),
            SlaClock.policy_version_id.in_(self.policy_version_ids),
        ]
        if self.clock is not None:
            judged.append(SlaClock.clock == self.clock)
        is_open = SlaClock.state.in_(OPEN_STATES)
        return Complaint.is_open & exists().where(SlaClock.complaint_id == Complaint.id, is_open, or_(*judged))


async def reached(connection: AsyncConnection, reach: Reach, *, after: int, limit: int) -> list[int]:
    """The next complaints by id that have a clock within reach."""
    statement = select(Complaint.id).where(Complaint.id > after, reach.condition()).order_by(Complaint.id).limit(limit)
    return list(await connection.scalars(statement))


async def count_reached(connection: AsyncConnection, reach: Reach) -> int:
    """How many complaints have a clock within reach."""
    return int(await connection.scalar(select(func.count()).select_from(Complaint).where(reach.condition())) or 0)


async def lock_first(connection: AsyncConnection, complaint_ids: Sequence[int]) -> list[int]:
    """The complaints, given in order, up to the first that somebody else holds, locked; at least one.

    While others wait for what we have locked, we do not wait ourselves: only for a single one.
    """
    wanted = select(Complaint.id).where(Complaint.id.in_(complaint_ids)).order_by(Complaint.id)
    free = set(await connection.scalars(wanted.with_for_update(skip_locked=True)))
    held = next((place for place, each in enumerate(complaint_ids) if each not in free), len(complaint_ids))
    if held == 0:
        await lock_all(connection, complaint_ids[:1])
        return list(complaint_ids[:1])
    return list(complaint_ids[:held])


async def rejudge(
    connection: AsyncConnection, complaint_ids: Sequence[int], rules: Rulebook, occasion: Occasion, *, now: datetime
) -> int:
    """How many clocks of the complaints, whose locks the caller holds, are due at another time under the rules.

    Their versions stay as they are; each clock that moved gets an entry in the history.
    """
    stored = await read_stored(connection, complaint_ids)
    turn = await take_turn(connection)
    work = _Work(change_no=turn.change_no, now=turn.recorded_at(now), rules=rules, occasion=occasion)
    for complaint_id, held in stored.items():
        work.take(complaint_id, held)
    await work.write(connection)
    return work.moved


async def would_move(
    connection: AsyncConnection, complaint_ids: Sequence[int], rules: Rulebook
) -> list[tuple[int, list[MovedClock]]]:
    """What the rules would move of each complaint, by id; nothing is written.

    The folding is done beside the event loop: whoever asks for a preview does not hold up everybody else.
    """
    stored = await read_stored(connection, complaint_ids)
    return await asyncio.to_thread(_moves, stored, rules)


def _moves(stored: Mapping[int, Stored], rules: Rulebook) -> list[tuple[int, list[MovedClock]]]:
    found = {each: moved_clocks(held.clocks, refold(each, held, rules).rows) for each, held in stored.items()}
    return sorted(found.items())


@dataclass(slots=True)
class _Work:
    """The rows that a batch writes, gathered before the first statement."""

    change_no: int
    now: datetime
    rules: Rulebook
    occasion: Occasion
    moved: int = 0
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def take(self, complaint_id: int, stored: Stored) -> None:
        folded = refold(complaint_id, stored, self.rules)
        if not self._put_clocks(complaint_id, folded, stored):
            return
        moved = moved_clocks(stored.clocks, folded.rows)
        self.moved += len(moved)
        header = {name: folded.header[name] for name in _TIMERS}
        self._put("header", {"id": complaint_id, "change_no": self.change_no, **header})
        if folded.header["queue_at"] != stored.header["queue_at"]:
            self._put("slot", {"complaint_id": complaint_id, "queue_at": folded.header["queue_at"]})
        told = entries(complaint_id, moved, self.rules, change_no=self.change_no, now=self.now, occasion=self.occasion)
        self.rows.setdefault("event", []).extend(told)

    def _put(self, kind: str, row: dict[str, Any]) -> None:
        self.rows.setdefault(kind, []).append(row)

    def _put_clocks(self, complaint_id: int, folded: Refolded, stored: Stored) -> bool:
        """Whether any clock differs from what is stored."""
        is_changed = False
        for row in folded.rows:
            values = {name: getattr(row, name) for name in CLOCK_FIELDS}
            former = stored.clocks.get(row.key)
            if former is None:
                self._put("clock_new", {"complaint_id": complaint_id, **values})
            elif any(former[name] != value for name, value in values.items()):
                self._put("clock", {"id": former["id"], **values})
            else:
                continue
            is_changed = True
        for key in stored.clocks.keys() - {row.key for row in folded.rows}:
            self._put("clock_gone", {"id": stored.clocks[key]["id"]})
            is_changed = True
        if has_told_otherwise(stored.clocks, folded.rows):
            self._put("review", {"complaint_id": complaint_id})
        return is_changed

    async def write(self, connection: AsyncConnection) -> None:
        """One statement for each kind of row."""
        if gone := self.rows.get("clock_gone"):
            await connection.execute(delete(_clock).where(_clock.c.id.in_([row["id"] for row in gone])))
        await update_rows(connection, _clock, self.rows.get("clock", ()), key="id")
        await insert_rows(connection, _clock, self.rows.get("clock_new", ()))
        await update_rows(connection, _complaint, self.rows.get("header", ()), key="id")
        await update_rows(connection, _slot, self.rows.get("slot", ()), key="complaint_id")
        await insert_rows(connection, _event, self.rows.get("event", ()))
        await insert_rows(connection, _review, self.rows.get("review", ()))


_TIMERS = ("next_clock", "next_due_at", "queue_at", "respond_due_at", "resolve_due_at", "is_missed")
"""The columns of a header that rules can move; all else is history's."""

_clock: Table = SlaClock.__table__  # type: ignore[assignment]
_complaint: Table = Complaint.__table__  # type: ignore[assignment]
_slot: Table = QueueSlot.__table__  # type: ignore[assignment]
_event: Table = ComplaintEvent.__table__  # type: ignore[assignment]
_review: Table = AlertReview.__table__  # type: ignore[assignment]
