"""The sweep: clocks whose next step has fired become alerts and messages, each step once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.alerts.ladder import Climb, Firing, LadderKey, climb, ladder_of, level_of, passed_steps, silent, stored_of
from app.alerts.outbox import Raised, put
from app.alerts.reviewing import needs_review, review
from app.alerts.telling import make_teller, supersede
from app.complaint.clocks import ACKNOWLEDGED, Rulebook
from app.db.rulebook import Rulebooks
from app.db.session import reading, writing
from app.db.tables.alerts import Alert
from app.db.tables.complaints import Complaint, SlaClock

BATCH = 200
"""Clocks of one transaction: few enough that whoever waits for its locks does not notice."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: alerts raised, clocks that went up their ladder without one, complaints looked at again."""

    raised: int = 0
    advanced: int = 0
    reviewed: int = 0

    def __add__(self, other: Swept) -> Swept:
        return Swept(self.raised + other.raised, self.advanced + other.advanced, self.reviewed + other.reviewed)

    def __bool__(self) -> bool:
        return self.raised + self.advanced + self.reviewed > 0


async def sweep_all(engine: AsyncEngine, rulebooks: Rulebooks, *, now: datetime, limit: int = BATCH) -> Swept:
    """Everything that has fired by `now`, one transaction for each batch; nothing due costs one look-up.

    What changed after it was told of is looked at first, so that a step that does not stand any more can fire anew.
    """
    total = Swept()
    while True:
        is_due, is_changed = await _what_waits(engine, now)
        if not is_due and not is_changed:
            return total
        async with writing(engine) as connection:
            rules = await rulebooks.current(connection)
            swept = Swept(reviewed=await review(connection, rules, now=now, limit=limit)) if is_changed else Swept()
            if not swept and is_due:
                swept = await sweep(connection, rules, now=now, limit=limit)
        if not swept:
            # What is left is locked by somebody else, who sweeps it or moves it; the next tick looks again.
            return total
        total += swept


async def sweep(connection: AsyncConnection, rules: Rulebook, *, now: datetime, limit: int = BATCH) -> Swept:
    """One batch of due clocks, in the caller's transaction, together with the messages of what it raises.

    The complaints are locked, those that somebody else has locked are left out, and all due clocks of one complaint
    are judged together.
    """
    clocks = await _due_clocks(connection, await _lock_due(connection, now, limit), now)
    if not clocks:
        return Swept()
    batch = _Batch(rules, now, await _raised_before(connection, clocks))
    batch.judge(clocks)
    if batch.raised:
        teller = await make_teller(connection, rules, batch.raised, now=now)
        messages = [each for alerts in _by_complaint(batch.raised) for each in teller.messages(alerts)]
        await supersede(connection, messages, batch.former_ids())
        await put(connection, batch.raised, messages)
    await connection.execute(_ADVANCE, batch.advances)
    return Swept(len(batch.raised), len(clocks) - len(batch.raised))


async def _what_waits(engine: AsyncEngine, now: datetime) -> tuple[bool, bool]:
    """Whether a clock is due, and whether something has to be looked at again."""
    due = select(SlaClock.id).where(SlaClock.next_fire_at < now).limit(1).scalar_subquery()
    async with reading(engine) as connection:
        row = (await connection.execute(select(due, needs_review()))).one()
    return row[0] is not None, row[1] is not None


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
        select(
            *_clock.c,
            Complaint.received_at,
            Complaint.is_history,
            Complaint.unit_id.label("complaint_unit_id"),
            Complaint.assignee_id,
            Complaint.category_code,
        )
        .join(Complaint, Complaint.id == SlaClock.complaint_id)
        .where(SlaClock.complaint_id.in_(complaint_ids), SlaClock.next_fire_at < now)
        .order_by(SlaClock.next_fire_at, SlaClock.id)
    )
    return list(await connection.execute(statement)) if complaint_ids else []


@dataclass(slots=True)
class _Former:
    """The alerts that a ladder raised already, by step, and whether somebody has acknowledged it."""

    alerts: dict[int, Any] = field(default_factory=dict)
    is_acknowledged: bool = False

    def note(self, alert: Any) -> None:
        self.alerts[alert.step] = alert
        self.is_acknowledged = self.is_acknowledged or alert.acknowledged_at is not None


async def _raised_before(connection: AsyncConnection, clocks: Sequence[Any]) -> dict[LadderKey, _Former]:
    """What the ladders of these complaints have raised; nobody adds to it while we hold their locks."""
    columns = (
        Alert.id, Alert.complaint_id, Alert.clock, Alert.cycle, Alert.rule, Alert.step, Alert.round,
        Alert.acknowledged_at, Alert.cleared_at,
    )  # fmt: skip
    statement = select(*columns).where(Alert.complaint_id.in_({clock.complaint_id for clock in clocks}))
    found: dict[LadderKey, _Former] = {}
    for row in await connection.execute(statement):
        found.setdefault((row.complaint_id, row.clock, row.cycle, row.rule), _Former()).note(row)
    return found


def _by_complaint(alerts: Sequence[Raised]) -> Collection[list[Raised]]:
    found: dict[int, list[Raised]] = {}
    for each in alerts:
        found.setdefault(each.row["complaint_id"], []).append(each)
    return found.values()


class _Batch:
    """The rows that a batch of due clocks amounts to, gathered before the first statement that writes."""

    def __init__(self, rules: Rulebook, now: datetime, former: Mapping[LadderKey, _Former]) -> None:
        self._rules, self._now, self._former = rules, now, former
        self.raised: list[Raised] = []
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

    def former_ids(self) -> list[int]:
        """The alerts below those that are raised now, on the same ladders."""
        keys = {ladder_of(each.row) for each in self.raised}
        return [alert.id for key in keys if key in self._former for alert in self._former[key].alerts.values()]

    def _climb(self, clock: Any) -> Climb:
        if clock.is_history or clock.policy_version_id is None:
            return Climb(None, clock.raised_step, None)
        if self._former_of(clock).is_acknowledged:
            return Climb(None, ACKNOWLEDGED, None)
        policy = self._rules.policy_by_id[clock.policy_version_id]
        calendar = self._rules.calendar(clock.calendar_version_id, clock.exception_unit_id)
        return climb(stored_of(clock), calendar, policy, raised=clock.raised_step, now=self._now)

    def _former_of(self, clock: Any) -> _Former:
        return self._former.get((clock.complaint_id, clock.clock, clock.cycle, self._rule(clock)), _Former())

    def _rule(self, clock: Any) -> str:
        return self._rules.policy_by_id[clock.policy_version_id].policy

    def _raise(self, clock: Any, step: int, fired_at: datetime) -> None:
        """A step that was raised before is raised again only if a late entry took it back."""
        former = self._former_of(clock).alerts.get(step)
        if former is not None and former.cleared_at is None:
            return
        row = {
            "complaint_id": clock.complaint_id,
            "clock": clock.clock,
            "cycle": clock.cycle,
            "rule": self._rule(clock),
            "step": step,
            "level": str(level_of(step)),
            "unit_id": clock.unit_id if clock.unit_id is not None else clock.complaint_unit_id,
            "due_at": clock.due_at,
            "fired_at": fired_at,
            "raised_at": self._now,
        }
        self.raised.append(
            Raised(
                row,
                clock.complaint_unit_id,
                clock.assignee_id,
                clock.category_code,
                id=former.id if former is not None else 0,
                round=former.round + 1 if former is not None else 1,
                missed=() if _is_first_sight(clock, fired_at) else self._missed(clock, step),
            )
        )

    def _missed(self, clock: Any, step: int) -> Sequence[int]:
        policy = self._rules.policy_by_id[clock.policy_version_id]
        return passed_steps(policy, above=clock.raised_step, step=step - 1)


def _firing(clock: Any, climbed: Climb) -> Firing | None:
    if climbed.passed is None:
        return None
    step, at = climbed.passed
    return Firing(
        clock_id=clock.id,
        complaint_id=clock.complaint_id,
        step=step,
        due_at=clock.due_at,
        is_first_sight=_is_first_sight(clock, at),
    )


def _is_first_sight(clock: Any, fired_at: datetime) -> bool:
    """Whether a step had passed before we knew the complaint."""
    return bool(clock.raised_step == 0 and fired_at <= clock.received_at)


_clock: Table = SlaClock.__table__  # type: ignore[assignment]
_ADVANCE = (
    update(_clock)
    .where(_clock.c.id == bindparam("id_"))
    .values(raised_step=bindparam("raised"), next_step=bindparam("step"), next_fire_at=bindparam("at"))
)
