"""What belongs to complaints: tickets that they quote, doubles that an officer confirmed, troubles that came back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, case, cast, literal, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Integer, String

from app.db.column_types import BigId
from app.db.scope import visible
from app.db.states import Relation
from app.db.tables.complaints import Complaint
from app.db.tables.doubles import QuotedCode, RelatedComplaint
from app.workqueue.asker import Asker
from app.workqueue.shapes import RelatedCard

QUOTES, QUOTED_BY = "quotes", "quoted_by"
DUPLICATE, REPEAT_OF, REPEATED_BY = "duplicate", "repeat_of", "repeated_by"

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_CODES: BindParameter[Any] = bindparam("codes", expanding=True)


async def read_related(
    connection: AsyncConnection, rows: Sequence[Any], asker: Asker
) -> Mapping[int, list[RelatedCard]]:
    """What belongs to each of the complaints, by id; other complaints only where the asker may see them.

    One statement, however many complaints there are. A quoted ticket is named even where we do not hold it.
    """
    codes = {row.ticket_code: row.id for row in rows if row.ticket_code is not None}
    parts = union_all(_quoted(), *_joined(visible(asker.scope)))
    values = {"ids": [row.id for row in rows], "codes": list(codes)}
    found: dict[int, list[RelatedCard]] = defaultdict(list)
    for each in sorted(await connection.execute(parts, values), key=_place):
        subject = codes[each.code] if each.code is not None else each.subject_id
        found[subject].append(
            RelatedCard(id=each.id, ticket_code=each.ticket_code, relation=each.relation, count=each.times)
        )
    return found


def _quoted() -> Select[Any]:
    return _part(
        QuotedCode.complaint_id, None, cast(null(), BigId), QuotedCode.code, literal(QUOTES), cast(null(), Integer)
    ).where(QuotedCode.complaint_id.in_(_IDS))


def _joined(may_see: ColumnElement[bool]) -> list[Select[Any]]:
    """Who quotes the complaints, what earlier ones they belong to, and what later ones belong to them."""
    later = case((RelatedComplaint.relation == Relation.REPEAT, REPEATED_BY), else_=DUPLICATE)
    earlier = case((RelatedComplaint.relation == Relation.REPEAT, REPEAT_OF), else_=DUPLICATE)
    quoted_by = _part(
        cast(null(), BigId), QuotedCode.code, Complaint.id, Complaint.ticket_code, literal(QUOTED_BY),
        cast(null(), Integer),
    ).join(Complaint, Complaint.id == QuotedCode.complaint_id).where(QuotedCode.code.in_(_CODES), may_see)  # fmt: skip
    count = case((RelatedComplaint.relation == Relation.REPEAT, RelatedComplaint.count), else_=null())
    behind = (
        _part(RelatedComplaint.complaint_id, None, Complaint.id, Complaint.ticket_code, earlier, count)
        .join(Complaint, Complaint.id == RelatedComplaint.earlier_id)
        .where(RelatedComplaint.complaint_id.in_(_IDS), may_see)
    )
    ahead = (
        _part(RelatedComplaint.earlier_id, None, Complaint.id, Complaint.ticket_code, later, count)
        .join(Complaint, Complaint.id == RelatedComplaint.complaint_id)
        .where(RelatedComplaint.earlier_id.in_(_IDS), may_see)
    )
    return [quoted_by, behind, ahead]


def _part(subject_id: Any, code: Any, id_: Any, ticket_code: Any, relation: Any, count: Any) -> Select[Any]:
    """One part of the union: whose it is (by id, or by ticket code), and what belongs to it."""
    return select(
        subject_id.label("subject_id"),
        (cast(null(), String) if code is None else code).label("code"),
        id_.label("id"),
        ticket_code.label("ticket_code"),
        relation.label("relation"),
        count.label("times"),
    )


def _place(row: Any) -> tuple[str, int, str]:
    return row.relation, row.id or 0, row.ticket_code or ""
