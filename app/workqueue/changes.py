"""What changed, in order: complaints whole, and of those that the asker may see no longer that they are gone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import BigInteger, Integer, bindparam, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import TypedDict

from app.complaint.clocks import Rulebook
from app.complaint.lifecycle import Move, Status
from app.db.among import among
from app.db.changes import change_horizon
from app.db.scope import Scope
from app.db.tables.complaints import Complaint, ComplaintEvent
from app.workqueue.asker import Asker
from app.workqueue.cards import HEADERS, cards
from app.workqueue.shapes import ComplaintCard

_AT_ONCE = 1_000
"""Changes that are looked through in one go for those of a part of the tree."""


class Place(NamedTuple):
    """A change of a complaint; the next page begins behind it."""

    change_no: int = 0
    complaint_id: int = 0


class GoneCard(TypedDict):
    """A complaint that the asker could see and cannot see any more: it lies with another unit now."""

    id: int
    ticket_code: str | None
    deleted: Literal[True]


@dataclass(frozen=True, slots=True)
class Changed:
    """One change, and what has become of the complaint by now."""

    place: Place
    card: ComplaintCard | GoneCard


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Some changes in order; `last` is how far was looked, `has_more` whether something may follow at once."""

    items: Sequence[Changed]
    last: Place
    has_more: bool


async def newest_place(connection: AsyncConnection) -> Place:
    """The last change that is settled now: whoever begins behind it reads what changes from now on."""
    horizon = await change_horizon(connection)
    row = (await connection.execute(_newest, {"horizon": horizon})).one_or_none()
    return Place() if row is None else _place(row)


async def read_changes(
    connection: AsyncConnection, asker: Asker, rules: Rulebook, *, after: Place, limit: int, now: datetime
) -> ChangePage:
    """The first `limit` changes behind `after` that the asker may learn of.

    A complaint comes once, as it is now, however often it changed. None is skipped when transactions commit in another
    order than they began: what a running one may still change is read when it has ended. Only an empty page is the end.
    """
    horizon, place, has_more = await change_horizon(connection), after, True
    found: list[Changed] = []
    while not found and has_more:
        size = limit if asker.scope.is_whole else _AT_ONCE
        values = {"change_no": place.change_no, "id": place.complaint_id, "horizon": horizon, "size": size}
        rows = (await connection.execute(_behind, values)).all()
        has_more = len(rows) == size
        found, cut = await _found(connection, rows, asker, rules, limit, now), False
        if len(found) > limit:
            found, cut = found[:limit], True
        place = found[-1].place if cut else _place(rows[-1]) if rows else place
        has_more = has_more or cut
    return ChangePage(found, place, has_more)


async def _found(
    connection: AsyncConnection, rows: Sequence[Any], asker: Asker, rules: Rulebook, limit: int, now: datetime
) -> list[Changed]:
    """Of the rows, in their order, what the asker may learn; one more than `limit` where there is more."""
    gone = await _left(connection, [row.id for row in rows if not sees(asker.scope, row, rules)], asker.scope, rules)
    kept = [row for row in rows if row.id in gone or sees(asker.scope, row, rules)][: limit + 1]
    shown = await _shown(connection, [row.id for row in kept if row.id not in gone], asker, rules, now)
    return list(_cards(kept, gone, shown))


def _cards(rows: Sequence[Any], gone: Collection[int], shown: Mapping[int, ComplaintCard]) -> Iterator[Changed]:
    for row in rows:
        if row.id in shown:
            yield Changed(_place(row), shown[row.id])
        elif row.id in gone:
            yield Changed(_place(row), GoneCard(id=row.id, ticket_code=row.ticket_code, deleted=True))
        # One that left between two statements has changed again, and comes later as gone.


async def _shown(
    connection: AsyncConnection, ids: Sequence[int], asker: Asker, rules: Rulebook, now: datetime
) -> dict[int, ComplaintCard]:
    if not ids:
        return {}
    rows = [row for row in await connection.execute(_headers, {"ids": ids}) if sees(asker.scope, row, rules)]
    return {card["id"]: card for card in await cards(connection, rows, asker, rules, now=now, is_list=True)}


async def _left(connection: AsyncConnection, ids: Sequence[int], scope: Scope, rules: Rulebook) -> set[int]:
    """Those that the scope once covered, by their history: who held them learns that they are gone."""
    if not ids or scope.unit_ids is None:
        return set()
    values = {"ids": ids, "unit_ids": sorted(covered_by(scope, rules))}
    statement = _held_or_awaited if scope.is_validator else _held
    return set(await connection.scalars(statement, values))


def covered_by(scope: Scope, rules: Rulebook) -> set[int]:
    """The units of a scope that is not the whole tree, with all below them."""
    wanted = set(scope.unit_ids or ())
    return {unit_id for unit_id, above in rules.ancestors.items() if not wanted.isdisjoint(above)}


def sees(scope: Scope, row: Any, rules: Rulebook) -> bool:
    """As `app.db.scope.visible` says it in SQL, of a row that is at hand."""
    if scope.unit_ids is None or (scope.is_validator and row.status is Status.AWAITING_VALIDATION):
        return True
    above = rules.ancestors.get(row.unit_id, (row.unit_id,))
    return row.unit_id is not None and not set(scope.unit_ids).isdisjoint(above)


def _place(row: Any) -> Place:
    return Place(row.change_no, row.id)


_behind = (
    select(Complaint.id, Complaint.change_no, Complaint.unit_id, Complaint.status, Complaint.ticket_code)
    .where(
        tuple_(Complaint.change_no, Complaint.id)
        > tuple_(bindparam("change_no", type_=BigInteger), bindparam("id", type_=BigInteger)),
        Complaint.change_no < bindparam("horizon", type_=BigInteger),
    )
    .order_by(Complaint.change_no, Complaint.id)
    .limit(bindparam("size", type_=Integer))
)
_newest = (
    select(Complaint.change_no, Complaint.id)
    .where(Complaint.change_no < bindparam("horizon", type_=BigInteger))
    .order_by(Complaint.change_no.desc(), Complaint.id.desc())
    .limit(1)
)
_headers = HEADERS.where(among(Complaint.id, "ids"))
_of_ids = select(ComplaintEvent.complaint_id).where(among(ComplaintEvent.complaint_id, "ids")).distinct()
_with_units = among(ComplaintEvent.unit_id, "unit_ids")
_held = _of_ids.where(_with_units)
_held_or_awaited = _of_ids.where(
    or_(_with_units, ComplaintEvent.move == Move.SUBMIT, ComplaintEvent.status == Status.AWAITING_VALIDATION)
)
