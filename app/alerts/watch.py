"""The sweep: clocks whose next step has fired become alerts and deliveries, each step once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.alerts.ladder import Climb, Firing, Recipient, climb, level_of, silent, told
from app.alerts.notifiers import CONSOLE
from app.alerts.outbox import NewAlert, put
from app.alerts.webhooks import recipients
from app.complaint.clocks import ACKNOWLEDGED, Rulebook
from app.db.rulebook import Rulebooks
from app.db.session import reading, writing
from app.db.states import AlertState
from app.db.tables.alerts import Alert
from app.db.tables.complaints import Complaint, SlaClock
from app.sla.clock import Stored

BATCH = 500
_CONSOLE = Recipient(channel=CONSOLE, name=CONSOLE)


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: alerts raised, and clocks that went up their ladder without one."""

    raised: int = 0
    advanced: int = 0

    def __add__(self, other: Swept) -> Swept:
        return Swept(self.raised + other.raised, self.advanced + other.advanced)

    def __bool__(self) -> bool:
        return self.raised + self.advanced > 0


async def sweep_all(engine: AsyncEngine, rulebooks: Rulebooks, *, now: datetime, limit: int = BATCH) -> Swept:
    """Everything that has fired by `now`, one transaction for each batch; nothing due costs one index look-up."""
    total = Swept()
    while await _is_due(engine, now):
        async with writing(engine) as connection:
            swept = await sweep(connection, await rulebooks.current(connection), now=now, limit=limit)
        if not swept:
            # What is left is locked by somebody else, who sweeps it or moves it; the next tick looks again.
            break
        total += swept
    return total


async def sweep(connection: AsyncConnection, rules: Rulebook, *, now: datetime, limit: int = BATCH) -> Swept:
    """One batch of due clocks, in the caller's transaction, together with the deliveries of what it raises.

    The complaints are locked, those that somebody else has locked are left out, and all due clocks of one complaint
    are judged together.
    """
    clocks = await _due_clocks(connection, await _lock_due(connection, now, limit), now)
    if not clocks:
        return Swept()
    batch = _Batch(rules, now, await _raised_before(connection, clocks), await recipients(connection))
    batch.judge(clocks)
    await put(connection, batch.alerts)
    await connection.execute(_ADVANCE, batch.advances)
    return Swept(len(batch.alerts), len(clocks) - len(batch.alerts))


async def _is_due(engine: AsyncEngine, now: datetime) -> bool:
    async with reading(engine) as connection:
        return await connection.scalar(select(SlaClock.id).where(SlaClock.next_fire_at < now).limit(1)) is not None


async def _lock_due(connection: AsyncConnection, now: datetime, limit: int) -> list[int]:
    """The complaints of the first due clocks. A step fires after its instant: at the due time nothing is late yet."""
    statement = (
        select(SlaClock.complaint_id)
        .join(Complaint, Complaint.id == SlaClock.complaint_id)
        .where(SlaClock.next_fire_at < now)
        .order_by(SlaClock.next_fire_at, SlaClock.id)
        .limit(limit)
        .with_for_update(of=Complaint, skip_locked=True)
    )
    return list(dict.fromkeys(await connection.scalars(statement)))


async def _due_clocks(connection: AsyncConnection, complaint_ids: Sequence[int], now: datetime) -> list[Any]:
    statement = (
        select(*_clock.c, Complaint.received_at, Complaint.is_history, Complaint.unit_id.label("complaint_unit_id"))
        .join(Complaint, Complaint.id == SlaClock.complaint_id)
        .where(SlaClock.complaint_id.in_(complaint_ids), SlaClock.next_fire_at < now)
        .order_by(SlaClock.next_fire_at, SlaClock.id)
    )
    return list(await connection.execute(statement)) if complaint_ids else []


LadderKey = tuple[int, str, int, str]
"""Complaint, clock, cycle, rule: what one ladder belongs to."""


@dataclass(frozen=True, slots=True)
class _Former:
    """The steps that a ladder raised already, and whether somebody has acknowledged it."""

    steps: frozenset[int] = frozenset()
    is_acknowledged: bool = False

    def with_alert(self, alert: Any) -> _Former:
        return _Former(self.steps | {alert.step}, self.is_acknowledged or alert.acknowledged_at is not None)


async def _raised_before(connection: AsyncConnection, clocks: Sequence[Any]) -> dict[LadderKey, _Former]:
    """What the ladders of these complaints have raised; nobody adds to it while we hold their locks."""
    statement = select(
        Alert.complaint_id, Alert.clock, Alert.cycle, Alert.rule, Alert.step, Alert.acknowledged_at
    ).where(Alert.complaint_id.in_({clock.complaint_id for clock in clocks}))
    found: dict[LadderKey, _Former] = {}
    for row in await connection.execute(statement):
        key = (row.complaint_id, row.clock, row.cycle, row.rule)
        found[key] = found.get(key, _Former()).with_alert(row)
    return found


class _Batch:
    """The rows that a batch of due clocks amounts to, gathered before the first statement that writes."""

    def __init__(
        self, rules: Rulebook, now: datetime, former: dict[LadderKey, _Former], webhooks: Sequence[Recipient]
    ) -> None:
        self._rules, self._now, self._former = rules, now, former
        self._recipients = [_CONSOLE, *webhooks]
        self.alerts: list[NewAlert] = []
        self.advances: list[dict[str, Any]] = []

    def judge(self, clocks: Sequence[Any]) -> None:
        climbs = {clock.id: self._climb(clock) for clock in clocks}
        firings = [firing for clock in clocks if (firing := _firing(clock, climbs[clock.id])) is not None]
        hushed = silent(firings)
        for clock in clocks:
            climbed = climbs[clock.id]
            step, at = climbed.following or (None, None)
            self.advances.append({"id_": clock.id, "raised": climbed.raised, "step": step, "at": at})
            if climbed.passed is not None and clock.id not in hushed:
                self._raise(clock, *climbed.passed)

    def _climb(self, clock: Any) -> Climb:
        if clock.is_history or clock.policy_version_id is None:
            return Climb(None, clock.raised_step, None)
        if self._former_of(clock).is_acknowledged:
            return Climb(None, ACKNOWLEDGED, None)
        policy = self._rules.policy_by_id[clock.policy_version_id]
        calendar = self._rules.calendar(clock.calendar_version_id, clock.exception_unit_id)
        return climb(_stored(clock), calendar, policy, raised=clock.raised_step, now=self._now)

    def _former_of(self, clock: Any) -> _Former:
        return self._former.get((clock.complaint_id, clock.clock, clock.cycle, self._rule(clock)), _Former())

    def _rule(self, clock: Any) -> str:
        return self._rules.policy_by_id[clock.policy_version_id].policy

    def _raise(self, clock: Any, step: int, fired_at: datetime) -> None:
        if step in self._former_of(clock).steps:
            return
        row = {
            "complaint_id": clock.complaint_id,
            "clock": clock.clock,
            "cycle": clock.cycle,
            "rule": self._rule(clock),
            "step": step,
            "level": str(level_of(step)),
            "state": AlertState.PENDING,
            "unit_id": clock.unit_id if clock.unit_id is not None else clock.complaint_unit_id,
            "due_at": clock.due_at,
            "fired_at": fired_at,
            "raised_at": self._now,
        }
        units = self._units_above({clock.unit_id, clock.complaint_unit_id} - {None})
        self.alerts.append(NewAlert(row, told(self._recipients, units=units, level=level_of(step), clock=clock.clock)))

    def _units_above(self, unit_ids: set[int]) -> frozenset[str]:
        """The codes of the unit that the clock belongs to, of the one that holds the complaint, and of all above."""
        above = {each for unit_id in unit_ids for each in self._rules.ancestors.get(unit_id, (unit_id,))}
        return frozenset(self._rules.unit_codes[each] for each in above if each in self._rules.unit_codes)


def _stored(clock: Any) -> Stored:
    return Stored(
        state=clock.state,
        started_at=clock.started_at,
        due_at=clock.due_at,
        stopped_at=clock.stopped_at,
        breached_at=clock.breached_at,
        paused_s=clock.paused_s,
        paused_since=clock.paused_since,
        elapsed_s=clock.elapsed_s,
        target_s=clock.target_s,
    )


def _firing(clock: Any, climbed: Climb) -> Firing | None:
    if climbed.passed is None:
        return None
    step, at = climbed.passed
    return Firing(
        clock_id=clock.id,
        complaint_id=clock.complaint_id,
        step=step,
        due_at=clock.due_at,
        is_first_sight=clock.raised_step == 0 and at <= clock.received_at,
    )


_clock: Table = SlaClock.__table__  # type: ignore[assignment]
_ADVANCE = (
    update(_clock)
    .where(_clock.c.id == bindparam("id_"))
    .values(raised_step=bindparam("raised"), next_step=bindparam("step"), next_fire_at=bindparam("at"))
)
