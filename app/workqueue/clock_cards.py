"""The clocks of complaints as they are shown: every cycle of a page, read at one instant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import String, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import CLOSED_STATES, Rulebook
from app.db.among import among
from app.db.cursors import PREPARED
from app.db.tables.complaints import SlaClock
from app.sla.calendars import CompiledCalendar
from app.sla.clock import State, Stored, TargetUnit, read, read_running
from app.workqueue.filters import Clock
from app.workqueue.shapes import AllowedTime, ClockCard, PolicyName

_ORDER = {str(clock): place for place, clock in enumerate(Clock)}
_STATES = {str(state): state for state in State}
_OPEN_STATES = frozenset(_STATES) - CLOSED_STATES
_ON_CALENDARS = frozenset(unit for unit in TargetUnit if unit.needs_calendar)

_Figures = tuple[int, int, int | None, datetime | None, datetime | None]
"""Seconds elapsed, paused and remaining, the breach, and the due time if the cycle were resumed now."""

# The order of the columns is that of `_Clocks.card`, which takes them apart at once.
_cycles = select(
    SlaClock.complaint_id, SlaClock.clock, SlaClock.cycle, SlaClock.family, SlaClock.unit_id,
    SlaClock.policy_version_id, SlaClock.calendar_version_id, SlaClock.exception_unit_id,
    type_coerce(SlaClock.state, String), type_coerce(SlaClock.target_unit, String), SlaClock.target_amount,
    SlaClock.target_s, SlaClock.started_at, SlaClock.due_at, SlaClock.stopped_at, SlaClock.breached_at,
    SlaClock.elapsed_s, SlaClock.paused_s, SlaClock.remaining_s, SlaClock.paused_since, SlaClock.pause_reason,
    SlaClock.is_provisional,
).where(among(SlaClock.complaint_id, "ids")).prefix_with(PREPARED)  # fmt: skip


async def read_clocks(
    connection: AsyncConnection, ids: Sequence[int], rules: Rulebook, *, now: datetime
) -> dict[int, list[ClockCard]]:
    """The cycles of each complaint as they stand at `now`, in the order of their clocks."""
    clocks = _Clocks(rules, now)
    found: dict[int, list[ClockCard]] = {each: [] for each in ids}
    rows = (await connection.execute(_cycles, {"ids": ids})).all()
    last = len(_ORDER)
    # With a function as its key the sort of a page would cost as much as reading half of its clocks.
    placed = sorted([(_ORDER.get(row[1], last), row[2], row[3], number) for number, row in enumerate(rows)])
    for *_, number in placed:
        row = rows[number]
        found[row[0]].append(clocks.card(row))
    return found


class _Clocks:
    """Builds the cards of one page; what many of them share is worked out once."""

    __slots__ = ("_calendars", "_now", "_policies", "_rules", "_targets", "_unit_codes")

    def __init__(self, rules: Rulebook, now: datetime) -> None:
        self._rules, self._now, self._unit_codes = rules, now, rules.unit_codes
        self._calendars: dict[tuple[int | None, int | None], tuple[CompiledCalendar, int]] = {}
        self._targets = _Targets()
        self._policies = _Policies(rules)

    def card(self, row: Sequence[Any]) -> ClockCard:
        """One cycle as it stands: the stored figures once it is closed, else those of this instant."""
        (
            _, clock, cycle, _, unit_id, policy_id, _, _, state, target_unit, amount, _, started_at, due_at, stopped_at,
            breached_at, elapsed_s, paused_s, remaining_s, _, pause_reason, is_provisional,
        ) = row  # fmt: skip
        due_if_resumed_now = None
        if state in _OPEN_STATES:
            elapsed_s, paused_s, remaining_s, breached_at, due_if_resumed_now = self._figures(row)
        return {
            "clock": clock,
            "cycle": cycle,
            "unit": self._unit_codes.get(unit_id),
            "state": _STATES[state],
            "provisional": is_provisional,
            "target": self._targets[target_unit, amount],
            "started_at": started_at,
            "due_at": due_at,
            "stopped_at": stopped_at,
            "breached_at": breached_at,
            "elapsed_seconds": elapsed_s,
            "remaining_seconds": remaining_s,
            "paused_seconds": paused_s,
            "pause_reason": pause_reason,
            "due_if_resumed_now": due_if_resumed_now,
            "policy": self._policies[policy_id],
        }

    def _figures(self, row: Sequence[Any]) -> _Figures:
        """What time changes of an open cycle."""
        (
            _, _, _, _, _, _, calendar_id, exception_unit_id, state, target_unit, _, target_s, started_at, due_at,
            stopped_at, breached_at, elapsed_s, paused_s, _, paused_since, _, _,
        ) = row  # fmt: skip
        calendar, position = self._calendar(calendar_id if target_unit in _ON_CALENDARS else None, exception_unit_id)
        if state == State.RUNNING and paused_since is None:
            running = read_running(
                calendar, self._now, position,
                started_at=started_at, due_at=due_at, breached_at=breached_at, paused_s=paused_s,
            )  # fmt: skip
            return running[0], paused_s, running[1], running[2], None
        stored = Stored(
            State(state), started_at, due_at, stopped_at, breached_at, paused_s, paused_since, elapsed_s, target_s
        )
        seen = read(stored, calendar, max(self._now, started_at))
        return seen.elapsed_s, seen.paused_s, seen.remaining_s, seen.breached_at, seen.due_if_resumed_now

    def _calendar(self, version_id: int | None, exception_unit_id: int | None) -> tuple[CompiledCalendar, int]:
        """The calendar that a clock counts on, and where this instant is on it."""
        key = version_id, exception_unit_id
        if key not in self._calendars:
            calendar = self._rules.calendar(*key)
            self._calendars[key] = calendar, calendar.position(self._now)
        return self._calendars[key]


class _Targets(dict[tuple[str | None, int | None], AllowedTime | None]):
    """Allowed times by unit and amount, each made when it is first asked for."""

    def __missing__(self, key: tuple[str | None, int | None]) -> AllowedTime | None:
        unit, amount = key
        self[key] = made = None if unit is None else AllowedTime(unit=TargetUnit(unit), amount=amount)
        return made


class _Policies(dict[int | None, PolicyName | None]):
    """The names of policy versions by id, in the same way."""

    def __init__(self, rules: Rulebook) -> None:
        super().__init__({None: None})
        self._versions = rules.policy_by_id

    def __missing__(self, version_id: int) -> PolicyName:
        version = self._versions[version_id]
        self[version_id] = made = PolicyName(name=version.policy, version=version.version)
        return made
