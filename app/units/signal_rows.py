"""What stints, pauses, clocks and pictures say of each sign, over all units asked for at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    ScalarSelect,
    Select,
    and_,
    false,
    func,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.complaint.clocks import Rulebook
from app.complaint.cycles import CITIZEN_CLOCKS
from app.complaint.events import Effect
from app.complaint.evidence import EvidenceKind, Flag, Verdict
from app.complaint.lifecycle import Status
from app.db.among import among
from app.db.column_types import UtcDateTime
from app.db.judging import speaks_looked_up
from app.db.tables.complaints import Complaint, ComplaintEvent, Pause, SlaClock, Stint
from app.db.tables.evidence import Evidence
from app.db.waits import IS_WAIT
from app.sla.clock import counting_calendar
from app.sla.terms import State
from app.units.periods import Period
from app.units.signs import (
    LAST_PART,
    MOST_EXAMINED,
    RECORDING_SLACK,
    REOPENED_WITHIN,
    Finding,
    Sign,
    Stretch,
    finding,
    month_end_limit,
    month_ends,
    used_share,
)

_CLOSED = (Status.RESOLVED, Status.REJECTED)
_FORWARDED = "forwarded"

Rows = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Asked:
    """The units, with all below them, and the period that are asked about."""

    connection: AsyncConnection
    units: list[int]
    period: Period

    def happened(self, at: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
        return and_(at >= self.period.since, at < self.period.until)

    def held(self, at: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
        """That the stint is one of the units' and was on at the instant."""
        is_on = or_(Stint.ended_at.is_(None), Stint.ended_at > at)
        return and_(among(Stint.unit_id, "units"), Stint.assigned_at <= at, is_on)

    async def rows(self, statement: Rows) -> Sequence[Any]:
        return list(await self.connection.execute(statement, {"units": self.units}))

    async def count(self, found: FromClause, *conditions: ColumnElement[bool]) -> int:
        statement = select(func.count()).select_from(found).where(*conditions)
        return await self.connection.scalar(statement, {"units": self.units}) or 0

    async def cases(self, found: Rows, of: FromClause) -> tuple[Sequence[Any], int]:
        """The rows that were found, in any order, and how many rows there are `of` which they are some: read once."""
        counted = select(func.count().label("of")).select_from(of).subquery("counted")
        each = found.subquery("found")
        rows = await self.rows(select(counted.c.of, each).select_from(counted.outerjoin(each, true())))
        return [row for row in rows if row.complaint_id is not None], rows[0].of


async def late_pauses(asked: Asked, rules: Rulebook) -> Finding:
    """Pauses that began in the last tenth of a target which they put off, of those that put off any."""
    begun = (
        select(Pause.complaint_id, Pause.started_at, Pause.reason)
        .join(Stint, and_(Stint.complaint_id == Pause.complaint_id, asked.held(Pause.started_at)))
        .where(asked.happened(Pause.started_at))
    )
    pauses = await asked.rows(begun.order_by(Pause.started_at.desc(), Pause.complaint_id.desc()))
    ids = begun.with_only_columns(Pause.complaint_id)
    clocks = _by_complaint(await asked.rows(_targets().where(SlaClock.complaint_id.in_(ids))))
    every = _by_complaint(await asked.rows(select(Pause.__table__).where(Pause.complaint_id.in_(ids))))
    shares = [
        (pause.complaint_id, used)
        for pause in pauses
        if (used := _used(pause, clocks[pause.complaint_id], every[pause.complaint_id], rules)) is not None
    ]
    return finding(Sign.PAUSE_BEFORE_DUE, (id_ for id_, used in shares if used >= LAST_PART), len(shares))


def _targets() -> Rows:
    return select(
        SlaClock.complaint_id, SlaClock.policy_version_id, SlaClock.calendar_version_id, SlaClock.exception_unit_id,
        SlaClock.started_at, SlaClock.stopped_at, SlaClock.due_at, SlaClock.breached_at, SlaClock.target_s,
    ).where(SlaClock.target_s.is_not(None), SlaClock.policy_version_id.is_not(None))  # fmt: skip


def _used(pause: Any, clocks: Sequence[Any], every: Sequence[Any], rules: Rulebook) -> float | None:
    """The largest share of a target that was used when the pause put it off; None when it put off none."""
    at = pause.started_at
    running = (
        row
        for row in clocks
        if row.started_at <= at
        and (row.stopped_at is None or row.stopped_at > at)
        and (row.breached_at is None or row.breached_at >= at)
        and pause.reason in rules.policy_by_id[row.policy_version_id].honours
    )
    shares = (_share(at, row, every, rules) for row in running)
    return max((share for share in shares if share is not None), default=None)


def _share(at: datetime, row: Any, every: Sequence[Any], rules: Rulebook) -> float | None:
    version = rules.policy_by_id[row.policy_version_id]
    calendar = counting_calendar(version.target, rules.calendar(row.calendar_version_id, row.exception_unit_id))
    honoured: list[Stretch] = [
        (each.started_at, each.ended_at)
        for each in every
        if each.reason in version.honours
        and each.started_at >= row.started_at
        and (row.due_at is None or each.started_at <= row.due_at)
    ]
    return used_share(at, started_at=row.started_at, target_s=row.target_s, pauses=honoured, calendar=calendar)


async def reopenings(asked: Asked) -> Finding:
    """Complaints that the unit closed and that were opened again within a week, of those it closed."""
    outcomes = [str(each) for each in _CLOSED]
    closed = (
        select(Stint.complaint_id, Stint.ordinal, Stint.ended_at)
        .where(among(Stint.unit_id, "units"), Stint.outcome.in_(outcomes), asked.happened(Stint.ended_at))
        .cte("closed")
    )
    after, period = aliased(Stint), asked.period
    again = (
        select(closed.c.complaint_id, closed.c.ended_at, after.assigned_at)
        .join(after, and_(after.complaint_id == closed.c.complaint_id, after.ordinal == closed.c.ordinal + 1))
        .join(Complaint, Complaint.id == closed.c.complaint_id)
        .where(
            # Both stints are of these days and the week behind them: nothing older is looked at.
            after.assigned_at >= period.since,
            after.assigned_at < period.until + REOPENED_WITHIN,
            Complaint.reopen_count > 0,
        )
    )
    rows, of = await asked.cases(again, closed)
    soon = [row for row in rows if row.assigned_at - row.ended_at <= REOPENED_WITHIN]
    return finding(Sign.CLOSED_AND_REOPENED, _newest_first(soon, "assigned_at"), of)


async def ping_pong(asked: Asked) -> Finding:
    """Hand-overs back to whom the complaint had just come from, of those that the units gave or took."""
    given = _given(asked)
    before = aliased(Stint)
    came_from = (
        select(before.unit_id)
        .where(
            before.complaint_id == given.c.complaint_id,
            before.ordinal == given.c.ordinal - 2,
            before.outcome == _FORWARDED,
        )
        .correlate(given)
        .scalar_subquery()
    )
    back = select(given.c.complaint_id, given.c.assigned_at).where(given.c.ordinal > 2, given.c.unit_id == came_from)
    rows, of = await asked.cases(back, given)
    return finding(Sign.PING_PONG, _newest_first(rows, "assigned_at"), of)


def _given(asked: Asked) -> CTE:
    """The hand-overs of the period, by the stint that each began: what the units gave, and what they took of others.

    A hand-over ends one stint at the instant at which the next begins, so both are found among those of these days.
    """
    giver, taker = aliased(Stint), aliased(Stint)
    handed = (
        select(taker.complaint_id, taker.ordinal, taker.unit_id, taker.assigned_at)
        .join(giver, and_(giver.complaint_id == taker.complaint_id, giver.ordinal == taker.ordinal - 1))
        .where(
            asked.happened(giver.ended_at),
            asked.happened(taker.assigned_at),
            giver.outcome == _FORWARDED,
            giver.unit_id != taker.unit_id,
        )
    )
    gave, took = among(giver.unit_id, "units"), among(taker.unit_id, "units")
    return union_all(handed.where(gave), handed.where(took, ~gave)).cte("given")


async def month_end(asked: Asked) -> Finding:
    """Results delivered on the last two days of a month, of all that were delivered in the period.

    All policies let go of a cycle at one instant, so that none needs to speak for it.
    """
    delivered = and_(among(SlaClock.unit_id, "units"), IS_WAIT, SlaClock.state.in_([State.MET, State.MISSED]))
    cycles = select(SlaClock.complaint_id, SlaClock.cycle).distinct()
    of = await asked.count(cycles.where(delivered, asked.happened(SlaClock.stopped_at)).subquery())
    ends = [and_(SlaClock.stopped_at >= day.since, SlaClock.stopped_at < day.until) for day in month_ends(asked.period)]
    late = (
        cycles.add_columns(SlaClock.stopped_at)
        .where(delivered, or_(false(), *ends))
        .order_by(SlaClock.stopped_at.desc(), SlaClock.complaint_id, SlaClock.cycle)
    )
    ids = [row.complaint_id for row in await asked.rows(late)] if ends else []
    found = finding(Sign.MONTH_END, ids, of)
    return replace(found, limit=month_end_limit(asked.period))


async def evidence(asked: Asked) -> list[Finding]:
    """Pictures of the work that were refused, and those that flags speak against and nobody has accepted.

    That a file tells neither when nor where says little: many a messenger takes that away.
    """
    statement = (
        select(Evidence.complaint_id, Evidence.verdict, Evidence.flags)
        .join(Stint, and_(Stint.complaint_id == Evidence.complaint_id, asked.held(Evidence.uploaded_at)))
        .where(Evidence.kind == EvidenceKind.AFTER, asked.happened(Evidence.uploaded_at))
        .order_by(Evidence.id.desc())
    )
    rows = await asked.rows(statement)
    refused = (row.complaint_id for row in rows if row.verdict is Verdict.REFUSED)
    doubtful = (row.complaint_id for row in rows if row.verdict is None and set(row.flags) - {Flag.NO_EXIF})
    return [
        finding(Sign.EVIDENCE_REFUSED, refused, len(rows)),
        finding(Sign.EVIDENCE_DOUBTFUL, doubtful, len(rows)),
    ]


async def recorded_late(asked: Asked, *, most: int = MOST_EXAMINED) -> Finding:
    """Cycles in time by a date that we were told only after they were due, of those in time.

    Not where we did not know of the complaint before. Each is a look into a history, so of a whole city only the
    `most` rows that were due last are examined.
    """
    met = _met(await _newest(asked, most))
    # Whatever has not changed since it was due was told in time: no look into its history.
    changed = select(met).where(met.c.updated_at > met.c.due_at).cte("changed").prefix_with("MATERIALIZED")
    told = select(changed, _told_at(changed).label("told_at")).subquery("told")
    rows, of = await asked.cases(select(told).where(told.c.told_at > told.c.due_at), met)
    late = [row for row in rows if row.told_at - row.due_at > RECORDING_SLACK]
    return finding(Sign.RECORDED_LATE, _newest_first(late, "due_at"), of)


async def _newest(asked: Asked, most: int) -> Rows:
    """The ids of the cycles in time that were due last in the period, `most` at most.

    They lie on its last days wherever there are so many: twice as many days are looked at until there are enough.
    """
    days = 1
    while True:
        first = asked.period.days[-days:][0]
        newest = _in_time(first.since, asked.period.until, most)
        if days >= len(asked.period.days) or await asked.count(newest.subquery()) == most:
            return newest
        days *= 2


def _in_time(since: datetime, until: datetime, most: int) -> Rows:
    return (
        select(SlaClock.id)
        .where(
            among(SlaClock.unit_id, "units"),
            SlaClock.clock.in_(sorted(CITIZEN_CLOCKS)),
            SlaClock.state == State.MET,
            SlaClock.due_at >= since,
            SlaClock.due_at < until,
        )
        .order_by(SlaClock.due_at.desc(), SlaClock.id)
        .limit(most)
    )


def _met(newest: Rows) -> CTE:
    """Those of the cycles whose complaint we knew of before they were due, one row of each."""
    ids = newest.cte("newest").prefix_with("MATERIALIZED")
    return (
        select(SlaClock.id, SlaClock.complaint_id, SlaClock.due_at, SlaClock.stopped_at, Complaint.updated_at)
        .join(ids, ids.c.id == SlaClock.id)
        .join(Complaint, Complaint.id == SlaClock.complaint_id)
        .where(Complaint.received_at <= SlaClock.due_at, speaks_looked_up())
        .cte("met")
    )


def _told_at(cycle: CTE) -> ScalarSelect[Any]:
    """When we were told of what stopped a cycle."""
    return (
        select(func.min(ComplaintEvent.recorded_at, type_=UtcDateTime))
        .where(
            ComplaintEvent.complaint_id == cycle.c.complaint_id,
            ComplaintEvent.occurred_at == cycle.c.stopped_at,
            ComplaintEvent.effect == Effect.APPLIED,
        )
        .correlate(cycle)
        .scalar_subquery()
    )


def _by_complaint(rows: Sequence[Any]) -> defaultdict[int, list[Any]]:
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.complaint_id].append(row)
    return found


def _newest_first(rows: Sequence[Any], at: str) -> list[int]:
    """The complaints of the rows."""
    ordered = sorted(rows, key=lambda row: (getattr(row, at), row.complaint_id), reverse=True)
    return [row.complaint_id for row in ordered]
