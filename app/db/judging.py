"""Which row speaks for a cycle that several policies judge."""

from __future__ import annotations

from sqlalchemy import ColumnElement, FromClause, and_, exists, or_, select
from sqlalchemy.orm import aliased

from app.db.tables.complaints import SlaClock


def speaks() -> ColumnElement[bool]:
    """The condition on `sla_clock` that keeps one row of each cycle: the one that is due first.

    A citizen who was promised 24 hours and 14 days was promised 24 hours. Rows without a due time come last, and equal
    ones go by the name of their family, so that there is always exactly one.
    """
    other = aliased(SlaClock)
    same_due = or_(other.due_at == SlaClock.due_at, and_(other.due_at.is_(None), SlaClock.due_at.is_(None)))
    before = or_(
        other.due_at < SlaClock.due_at,
        and_(other.due_at.is_not(None), SlaClock.due_at.is_(None)),
        and_(same_due, other.family < SlaClock.family),
    )
    return ~exists().where(
        other.complaint_id == SlaClock.complaint_id,
        other.clock == SlaClock.clock,
        other.cycle == SlaClock.cycle,
        before,
    )


def speaks_looked_up(rows: FromClause = SlaClock.__table__) -> ColumnElement[bool]:
    """The same of `rows`, which have the columns of `sla_clock`, looked up for each row by itself.

    For conditions that keep few of very many rows: a join with itself would read the whole table for them.
    """
    other = aliased(SlaClock)
    first = (
        select(other.id)
        .where(
            other.complaint_id == rows.c.complaint_id,
            other.clock == rows.c.clock,
            other.cycle == rows.c.cycle,
        )
        .order_by(other.due_at.asc().nulls_last(), other.family)
        .limit(1)
        .correlate(rows)
        .scalar_subquery()
    )
    return rows.c.id == first
