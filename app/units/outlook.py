"""What lies ahead of a unit: what will be overdue before it opens next, and whether its pace clears its backlog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import and_, case, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.db.among import among
from app.db.scope import Scope, visible
from app.db.tables.complaints import Complaint, SlaClock
from app.db.tables.units import UnitAncestor
from app.db.waits import IS_WAIT
from app.sla.calendars import CompiledCalendar
from app.sla.terms import State
from app.units.opening import Hours, hours_at, is_working_day, office_calendar
from app.units.pace import LONGEST, PACE_DAYS, Outlook, Pace, Risk
from app.units.status import below

_CLOCKS = ("respond", "resolve", "coordinate", "handle", "validate", "update")


async def read_outlooks(
    connection: AsyncConnection,
    unit_ids: Sequence[int],
    rules: Rulebook,
    scope: Scope,
    *,
    now: datetime,
    zone: ZoneInfo,
) -> list[Outlook]:
    """The outlook of each unit, in their order; as many statements for one as for hundreds."""
    today = now.astimezone(zone).date()
    calendars = {unit_id: office_calendar(rules, unit_id, today) for unit_id in unit_ids}
    hours = {unit_id: hours_at(calendar, now) for unit_id, calendar in calendars.items()}
    horizon = max((each.opens_at for each in hours.values() if each.opens_at is not None), default=now)
    units = below([tuple(unit_ids)], rules)
    ahead = _Ahead(
        rules,
        await _risks(connection, unit_ids, scope, since=now, until=horizon),
        await _paces(connection, units, today, zone),
        now,
        today,
    )
    return [ahead.of(unit_id, calendars[unit_id], hours[unit_id]) for unit_id in unit_ids]


@dataclass(frozen=True, slots=True)
class _Ahead:
    """What the rows say of every unit by itself."""

    rules: Rulebook
    risks: Sequence[Risk]
    paces: Mapping[int, Pace]
    now: datetime
    today: date

    def of(self, unit_id: int, calendar: CompiledCalendar, hours: Hours) -> Outlook:
        pace = self._pace(unit_id, calendar)
        return Outlook(
            unit_id=unit_id,
            hours=hours,
            risks=self._before(unit_id, hours.opens_at),
            pace=pace,
            clears_on=_clears_on(pace, calendar, self.now),
        )

    def _before(self, unit_id: int, opens_at: datetime | None) -> list[Risk]:
        """One for each complaint, the first that is due."""
        found: dict[str, Risk] = {}
        for risk in self.risks:
            if opens_at is not None and risk.due_at < opens_at and self._lies_below(risk.unit_id, unit_id):
                found.setdefault(risk.ref, risk)
        return list(found.values())

    def _pace(self, unit_id: int, calendar: CompiledCalendar) -> Pace:
        mine = [pace for each, pace in self.paces.items() if self._lies_below(each, unit_id)]
        days = (self.today - timedelta(days=back) for back in range(1, PACE_DAYS + 1))
        return Pace(
            received=sum(each.received for each in mine),
            done=sum(each.done for each in mine),
            backlog=sum(each.backlog for each in mine),
            working_days=sum(is_working_day(calendar, day) for day in days),
        )

    def _lies_below(self, unit_id: int, top_id: int) -> bool:
        return top_id in self.rules.ancestors.get(unit_id, (unit_id,))


def _clears_on(pace: Pace, calendar: CompiledCalendar, now: datetime) -> date | None:
    days = pace.days_to_clear
    if days is None or days > LONGEST:
        return None
    closing = calendar.close_of_nth_working_day(now, days) - timedelta(seconds=1)
    return closing.astimezone(calendar.zone).date()


async def _risks(
    connection: AsyncConnection, unit_ids: Sequence[int], scope: Scope, *, since: datetime, until: datetime
) -> list[Risk]:
    """Running cycles that are due in [since, until), the first due first; a paused one has no due time."""
    if until <= since:
        return []
    statement = (
        select(Complaint.id, Complaint.ticket_code, SlaClock.clock, SlaClock.due_at, SlaClock.unit_id)
        .join(Complaint, Complaint.id == SlaClock.complaint_id)
        .where(
            SlaClock.unit_id.in_(select(UnitAncestor.unit_id).where(UnitAncestor.ancestor_id.in_(unit_ids))),
            SlaClock.clock.in_(_CLOCKS),
            SlaClock.due_at >= since,
            SlaClock.due_at < until,
            SlaClock.state == State.RUNNING,
            Complaint.is_open,
            visible(scope),
        )
        .order_by(SlaClock.due_at, Complaint.id, SlaClock.id)
    )
    rows = await connection.execute(statement)
    return [
        Risk(ticket_code or str(id_), clock, due_at, unit_id)
        for id_, ticket_code, clock, due_at, unit_id in rows
        if due_at is not None and unit_id is not None
    ]


async def _paces(connection: AsyncConnection, units: Sequence[int], today: date, zone: ZoneInfo) -> dict[int, Pace]:
    """For each unit by itself: what began and ended on the last whole days, and what goes on.

    A wait that began on them has ended since or goes on. Policies let go of a cycle at one instant, so that none needs
    to speak for it.
    """
    until = datetime.combine(today, time(), zone)
    since = datetime.combine(today - timedelta(days=PACE_DAYS), time(), zone)
    began = and_(SlaClock.started_at >= since, SlaClock.started_at < until)
    ended = and_(SlaClock.stopped_at >= since, SlaClock.stopped_at < until)
    goes_on = SlaClock.stopped_at.is_(None)
    named = {"began": began, "ended": ended, "goes_on": goes_on}
    flags = [func.max(case((each, 1), else_=0)).label(name) for name, each in named.items()]
    keys = SlaClock.unit_id, SlaClock.complaint_id, SlaClock.cycle
    waits = select(*keys, *flags).where(IS_WAIT, among(SlaClock.unit_id, "units")).group_by(*keys)
    cycle = union_all(waits.where(SlaClock.stopped_at >= since), waits.where(goes_on)).subquery("cycle").c
    statement = select(cycle.unit_id, *(func.sum(cycle[name]) for name in named)).group_by(cycle.unit_id)
    rows = await connection.execute(statement, {"units": units})
    return {row[0]: Pace(received=int(row[1]), done=int(row[2]), backlog=int(row[3])) for row in rows}
