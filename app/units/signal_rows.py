"""What stints, pauses, clocks and pictures say of each sign, over all units asked for at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.complaint.clocks import Rulebook
from app.complaint.cycles import CITIZEN_CLOCKS
from app.complaint.events import Effect
from app.complaint.evidence import EvidenceKind, Flag, Verdict
from app.complaint.lifecycle import Status
from app.db.column_types import UtcDateTime
from app.db.judging import speaks
from app.db.tables.complaints import Complaint, ComplaintEvent, Pause, SlaClock, Stint
from app.db.tables.evidence import Evidence
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
    """The units (`below`, with all below them) and the period that are asked about."""

    connection: AsyncConnection
    below: Select[int]
    period: Period

    def happened(self, at: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
        return and_(at >= self.period.since, at < self.period.until)

    def held(self, at: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
        """That the stint is one of the units' and was on at the instant."""
        is_on = or_(Stint.ended_at.is_(None), Stint.ended_at > at)
        return and_(Stint.unit_id.in_(self.below), Stint.assigned_at <= at, is_on)

    async def rows(self, statement: Rows) -> Sequence[Any]:
        return list(await self.connection.execute(statement))

    async def count(self, *conditions: ColumnElement[bool]) -> int:
        return await self.connection.scalar(select(func.count()).where(*conditions)) or 0


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
    closed = and_(
        Stint.unit_id.in_(asked.below),
        Stint.outcome.in_([str(each) for each in _CLOSED]),
        asked.happened(Stint.ended_at),
    )
    after = aliased(Stint)
    statement = (
        select(Stint.complaint_id, Stint.ended_at, after.assigned_at)
        .join(after, and_(after.complaint_id == Stint.complaint_id, after.ordinal == Stint.ordinal + 1))
        .join(Complaint, Complaint.id == Stint.complaint_id)
        .where(closed, Complaint.reopen_count > 0)
        .order_by(after.assigned_at.desc(), Stint.complaint_id.desc())
    )
    rows = await asked.rows(statement)
    soon = (row.complaint_id for row in rows if row.assigned_at - row.ended_at <= REOPENED_WITHIN)
    return finding(Sign.CLOSED_AND_REOPENED, soon, await asked.count(closed))


async def ping_pong(asked: Asked) -> Finding:
    """Hand-overs back to whom the complaint had just come from, of those that the units gave or took."""
    giver, before = aliased(Stint), aliased(Stint)
    touched = select(Stint.complaint_id).where(
        Stint.unit_id.in_(asked.below), or_(asked.happened(Stint.assigned_at), asked.happened(Stint.ended_at))
    )
    given = (
        select(Stint.complaint_id)
        .join(giver, and_(giver.complaint_id == Stint.complaint_id, giver.ordinal == Stint.ordinal - 1))
        .where(
            Stint.complaint_id.in_(touched),
            asked.happened(Stint.assigned_at),
            giver.outcome == _FORWARDED,
            giver.unit_id != Stint.unit_id,
            or_(Stint.unit_id.in_(asked.below), giver.unit_id.in_(asked.below)),
        )
        .order_by(Stint.assigned_at.desc(), Stint.complaint_id.desc())
    )
    back = given.join(
        before, and_(before.complaint_id == Stint.complaint_id, before.ordinal == Stint.ordinal - 2)
    ).where(before.unit_id == Stint.unit_id, before.outcome == _FORWARDED)
    of = await asked.connection.scalar(select(func.count()).select_from(given.order_by(None).subquery())) or 0
    return finding(Sign.PING_PONG, (row.complaint_id for row in await asked.rows(back)), of)


async def month_end(asked: Asked) -> Finding:
    """Results delivered on the last two days of a month, of all that were delivered in the period."""
    delivered = (
        SlaClock.unit_id.in_(asked.below), SlaClock.clock == "resolve", SlaClock.state.in_([State.MET, State.MISSED]),
        speaks(),
    )  # fmt: skip
    ends = [and_(SlaClock.stopped_at >= day.since, SlaClock.stopped_at < day.until) for day in month_ends(asked.period)]
    of = await asked.count(*delivered, asked.happened(SlaClock.stopped_at))
    late = (
        select(SlaClock.complaint_id)
        .where(*delivered, or_(false(), *ends))
        .order_by(SlaClock.stopped_at.desc(), SlaClock.id)
    )
    ids = [row.complaint_id for row in await asked.rows(late)] if ends else []
    found = finding(Sign.MONTH_END, ids, of)
    return Finding(
        sign=found.sign,
        count=found.count,
        of=of,
        complaint_ids=found.complaint_ids,
        limit=month_end_limit(asked.period),
    )


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
    newest = (
        select(SlaClock.id)
        .where(
            SlaClock.unit_id.in_(asked.below),
            SlaClock.clock.in_(sorted(CITIZEN_CLOCKS)),
            SlaClock.state == State.MET,
            asked.happened(SlaClock.due_at),
        )
        .order_by(SlaClock.due_at.desc(), SlaClock.id)
        .limit(most)
        .cte("newest")
    )
    met = (
        select(SlaClock.complaint_id, SlaClock.due_at, _told_at().label("told_at"))
        .join(newest, newest.c.id == SlaClock.id)
        .join(Complaint, Complaint.id == SlaClock.complaint_id)
        .where(Complaint.received_at <= SlaClock.due_at, speaks())
    )
    of = await asked.connection.scalar(met.with_only_columns(func.count())) or 0
    # Whatever has not changed since it was due was told in time: no look into its history.
    late = met.where(Complaint.updated_at > SlaClock.due_at, _told_at() > SlaClock.due_at)
    rows = await asked.rows(late.order_by(SlaClock.due_at.desc(), SlaClock.id))
    cases = (row.complaint_id for row in rows if row.told_at - row.due_at > RECORDING_SLACK)
    return finding(Sign.RECORDED_LATE, cases, of)


def _told_at() -> ScalarSelect[Any]:
    """When we were told of what stopped a cycle."""
    return (
        select(func.min(ComplaintEvent.recorded_at, type_=UtcDateTime))
        .where(
            ComplaintEvent.complaint_id == SlaClock.complaint_id,
            ComplaintEvent.occurred_at == SlaClock.stopped_at,
            ComplaintEvent.effect == Effect.APPLIED,
        )
        .scalar_subquery()
    )


def _by_complaint(rows: Sequence[Any]) -> defaultdict[int, list[Any]]:
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.complaint_id].append(row)
    return found
