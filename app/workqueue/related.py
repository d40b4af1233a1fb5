"""What belongs to complaints: tickets that they quote, doubles that an officer confirmed, troubles that came back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Select,
    case,
    cast,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Integer, String

from app.complaint.clocks import Rulebook
from app.complaint.lifecycle import Status
from app.db.among import among
from app.db.column_types import BigId
from app.db.cursors import PREPARED
from app.db.scope import Scope
from app.db.states import Relation
from app.db.tables.complaints import Complaint
from app.db.tables.doubles import QuotedCode, RelatedComplaint
from app.workqueue.asker import Asker
from app.workqueue.shapes import RelatedCard

QUOTES, QUOTED_BY = "quotes", "quoted_by"
DUPLICATE, REPEAT_OF, REPEATED_BY = "duplicate", "repeat_of", "repeated_by"

_OTHER = ("id", "ticket_code", "unit_id", "status")


async def read_related(
    connection: AsyncConnection, rows: Sequence[Any], asker: Asker, rules: Rulebook
) -> Mapping[int, list[RelatedCard]]:
    """What belongs to each of the complaints, by id; other complaints only where the asker may see them.

    One statement, however many complaints there are. A quoted ticket is named even where we do not hold it.
    """
    codes = {row.ticket_code: row.id for row in rows if row.ticket_code is not None}
    values = {"ids": [row.id for row in rows], "codes": list(codes)}
    found: dict[int, list[RelatedCard]] = defaultdict(list)
    for each in sorted(await connection.execute(_statement, values), key=_place):
        if each.id is None or _may_see(asker.scope, each, rules):
            subject = codes[each.code] if each.code is not None else each.subject_id
            found[subject].append(
                RelatedCard(id=each.id, ticket_code=each.ticket_code, relation=each.relation, count=each.times)
            )
    return found


def _may_see(scope: Scope, row: Any, rules: Rulebook) -> bool:
    """As `app.db.scope.visible` says it in SQL, which here would cost more than all the rest."""
    if scope.unit_ids is None:
        return True
    if scope.is_validator and row.status is Status.AWAITING_VALIDATION:
        return True
    above = rules.ancestors.get(row.unit_id, (row.unit_id,))
    return row.unit_id is not None and not set(scope.unit_ids).isdisjoint(above)


def _part(subject_id: Any, code: Any, other: Any, relation: Any, count: Any = None) -> Select[Any]:
    """One part of the union: whose it is (by id, or by ticket code), and what belongs to it."""
    return select(
        subject_id.label("subject_id"),
        code.label("code"),
        *(column.label(name) for name, column in zip(_OTHER, other, strict=True)),
        relation.label("relation"),
        (cast(null(), Integer) if count is None else count).label("times"),
    )


def _place(row: Any) -> tuple[str, int, str]:
    return row.relation, row.id or 0, row.ticket_code or ""


_no_code, _no_id = cast(null(), String), cast(null(), BigId)
_complaint = (Complaint.id, Complaint.ticket_code, Complaint.unit_id, Complaint.status)
_is_repeat = RelatedComplaint.relation == Relation.REPEAT
_times = case((_is_repeat, RelatedComplaint.count), else_=null())

_quotes = _part(
    QuotedCode.complaint_id, _no_code, (_no_id, QuotedCode.code, _no_id, cast(null(), Complaint.status.type)),
    literal(QUOTES),
).where(among(QuotedCode.complaint_id, "ids"))  # fmt: skip
_quoted_by = (
    _part(_no_id, QuotedCode.code, _complaint, literal(QUOTED_BY))
    .join(Complaint, Complaint.id == QuotedCode.complaint_id)
    .where(among(QuotedCode.code, "codes"))
)
_earlier = (
    _part(RelatedComplaint.complaint_id, _no_code, _complaint, case((_is_repeat, REPEAT_OF), else_=DUPLICATE), _times)
    .join(Complaint, Complaint.id == RelatedComplaint.earlier_id)
    .where(among(RelatedComplaint.complaint_id, "ids"))
)
_later = (
    _part(RelatedComplaint.earlier_id, _no_code, _complaint, case((_is_repeat, REPEATED_BY), else_=DUPLICATE), _times)
    .join(Complaint, Complaint.id == RelatedComplaint.complaint_id)
    .where(among(RelatedComplaint.earlier_id, "ids"))
)
_statement = union_all(_quotes.prefix_with(PREPARED), _quoted_by, _earlier, _later)
