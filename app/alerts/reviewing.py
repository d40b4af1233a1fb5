"""Complaints that changed after they were told of: what does not stand is taken back, and corrected if told."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ScalarSelect, Table, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.corrections import correct
from app.alerts.ladder import BREACH_STEP, following, stands_up_to, stored_of
from app.alerts.outbox import withdraw_alerts
from app.alerts.readdressing import Standing, readdress
from app.complaint.clocks import ACKNOWLEDGED, Rulebook
from app.db.tables.alerts import Alert, AlertReview
from app.db.tables.complaints import Complaint, SlaClock
from app.sla.calendars import CompiledCalendar
from app.sla.clock import State
from app.sla.policy import PolicyVersion


def needs_review() -> ScalarSelect[Any]:
    """Whether anything has to be looked at again, as a value of a query: an id or NULL."""
    return select(AlertReview.id).limit(1).scalar_subquery()


async def review(connection: AsyncConnection, rules: Rulebook, *, now: datetime, limit: int) -> int:
    """How many complaints were looked at again, in the caller's transaction.

    Steps that their clock, as its history reads now, never reached are cleared; whoever was told of such a breach is
    told of the correction, and the ladder goes on from where the clock stands. What waits to be sent about a clock
    that does not run any more is withdrawn; the rest goes to who answers for the complaint now.
    """
    wanted = await _lock_changed(connection, limit)
    if not wanted:
        return 0
    clocks = await _clocks(connection, wanted.values())
    families = {version.policy: version.family for version in rules.policy_by_id.values()}
    work = _Work(rules, now)
    for alert in await _alerts(connection, wanted.values()):
        family = families.get(alert.rule, "")
        work.take(alert, clocks.get((alert.complaint_id, alert.clock, alert.cycle, family)))
    for clock in clocks.values():
        work.climb(clock)
    await work.write(connection)
    await connection.execute(delete(AlertReview).where(AlertReview.id.in_(wanted)))
    return len(set(wanted.values()))


async def _lock_changed(connection: AsyncConnection, limit: int) -> dict[int, int]:
    """The oldest marks with their complaints, which are locked; those that somebody else holds are left out."""
    marks = select(AlertReview.id, AlertReview.complaint_id).order_by(AlertReview.id).limit(limit)
    found = {row.id: row.complaint_id for row in await connection.execute(marks)}
    wanted = select(Complaint.id).where(Complaint.id.in_(set(found.values()))).order_by(Complaint.id)
    held = set(await connection.scalars(wanted.with_for_update(skip_locked=True))) if found else set()
    return {id_: complaint_id for id_, complaint_id in found.items() if complaint_id in held}


async def _clocks(connection: AsyncConnection, complaint_ids: Collection[int]) -> dict[tuple[int, str, int, str], Any]:
    statement = select(*SlaClock.__table__.c).where(SlaClock.complaint_id.in_(set(complaint_ids)))
    rows = await connection.execute(statement)
    return {(row.complaint_id, row.clock, row.cycle, row.family): row for row in rows}


async def _alerts(connection: AsyncConnection, complaint_ids: Collection[int]) -> Sequence[Any]:
    statement = select(*Alert.__table__.c).where(Alert.complaint_id.in_(set(complaint_ids)))
    return (await connection.execute(statement.where(Alert.cleared_at.is_(None)).order_by(Alert.id))).all()


@dataclass(slots=True)
class _Work:
    """What a batch of reviewed alerts amounts to, gathered before the first statement that writes."""

    rules: Rulebook
    now: datetime
    cleared: list[Any] = field(default_factory=list)
    wrong: list[Any] = field(default_factory=list)
    """Of these the alerts of breaches that never were."""
    stopped: list[int] = field(default_factory=list)
    standing: list[Standing] = field(default_factory=list)
    moved: list[dict[str, Any]] = field(default_factory=list)
    advances: list[dict[str, Any]] = field(default_factory=list)

    def take(self, alert: Any, clock: Any | None) -> None:
        """Judge one alert by its clock; without one nothing of it stands."""
        highest = self._highest(clock)
        if clock is not None and alert.step <= highest:
            self._keep(alert, clock)
            return
        self.cleared.append(alert)
        if alert.step >= BREACH_STEP > highest:
            self.wrong.append(alert)

    def climb(self, clock: Any) -> None:
        """Let the ladder of a clock go on from the highest step that stands."""
        highest = self._highest(clock)
        if clock.policy_version_id is None or clock.raised_step == ACKNOWLEDGED or clock.raised_step <= highest:
            return
        policy, calendar = self._terms(clock)
        step, at = following(stored_of(clock), calendar, policy, raised=highest) or (None, None)
        self.advances.append({"id_": clock.id, "raised": highest, "step": step, "at": at})

    def _keep(self, alert: Any, clock: Any) -> None:
        if clock.state is not State.RUNNING:
            self.stopped.append(alert.id)
        elif alert.acknowledged_at is None:
            self.standing.append(Standing(alert, clock))
            if clock.due_at != alert.due_at:
                self.moved.append({"id_": alert.id, "due": clock.due_at})

    def _highest(self, clock: Any | None) -> int:
        """The highest step that stands; none of a clock that nothing judges any more."""
        if clock is None or clock.policy_version_id is None:
            return 0
        policy, calendar = self._terms(clock)
        return stands_up_to(stored_of(clock), calendar, policy, now=self.now)

    def _terms(self, clock: Any) -> tuple[PolicyVersion, CompiledCalendar]:
        calendar = self.rules.calendar(clock.calendar_version_id, clock.exception_unit_id)
        return self.rules.policy_by_id[clock.policy_version_id], calendar

    async def write(self, connection: AsyncConnection) -> None:
        """Corrections first: they look at what was on its way before it is taken back."""
        await correct(connection, self.rules, self.wrong, now=self.now)
        await withdraw_alerts(connection, [*self.stopped, *(each.id for each in self.cleared)])
        if self.cleared:
            ids = [each.id for each in self.cleared]
            await connection.execute(update(Alert).where(Alert.id.in_(ids)).values(cleared_at=self.now))
        if self.moved:
            await connection.execute(_MOVE, self.moved)
        if self.advances:
            await connection.execute(_ADVANCE, self.advances)
        await readdress(connection, self.rules, self.standing, now=self.now)


_alert: Table = Alert.__table__  # type: ignore[assignment]
_clock: Table = SlaClock.__table__  # type: ignore[assignment]
_MOVE = update(_alert).where(_alert.c.id == bindparam("id_")).values(due_at=bindparam("due"))
_ADVANCE = (
    update(_clock)
    .where(_clock.c.id == bindparam("id_"))
    .values(raised_step=bindparam("raised"), next_step=bindparam("step"), next_fire_at=bindparam("at"))
)
