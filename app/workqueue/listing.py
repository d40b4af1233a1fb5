"""The unified queue: one page of complaints by keyset, nearest due first unless another order is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.workqueue.asker import Asker
from app.workqueue.cards import cards
from app.workqueue.filters import Sort
from app.workqueue.page_statement import Part, Position, page_statement
from app.workqueue.selection import Selection
from app.workqueue.shapes import ComplaintCard

__all__ = ["Page", "Part", "Position", "parts", "read_page"]


@dataclass(frozen=True, slots=True)
class Page:
    """Some complaints in order; `last` is None when no more follow."""

    items: list[ComplaintCard]
    last: Position | None


async def read_page(
    connection: AsyncConnection,
    selection: Selection,
    asker: Asker,
    rules: Rulebook,
    *,
    sort: Sort = Sort.DUE,
    after: Position | None = None,
    limit: int = 50,
    now: datetime,
) -> Page:
    """The first `limit` complaints behind `after`.

    Nearest due first, then the open ones without a due time, then the closed ones, newest report first. A row that
    does not change between two pages is on exactly one of them.
    """
    found: list[tuple[Part, Any]] = []
    for part in parts(sort, selection):
        if after is not None and part is Part.OPEN and after.part is Part.CLOSED:
            continue
        begin = after if after is not None and after.part is part else None
        statement, values = page_statement(part, sort, selection, begin, limit + 1 - len(found))
        found += [(part, row) for row in await connection.execute(statement, values)]
        if len(found) > limit:
            break
    shown = found[:limit]
    items = await cards(connection, [row for _, row in shown], asker, rules, now=now, is_list=True)
    last = Position(shown[-1][0], shown[-1][1].at, shown[-1][1].id) if len(found) > limit else None
    return Page(items, last)


def parts(sort: Sort, selection: Selection | None = None) -> tuple[Part, ...]:
    """What a page in this order is read from, of that which can hold anything."""
    has_open, has_closed = selection is None or selection.has_open, selection is None or selection.has_closed
    if sort is Sort.DUE:
        wanted = {Part.OPEN: has_open, Part.CLOSED: has_closed}
    else:
        wanted = {Part.ALL: has_open or has_closed}
    return tuple(part for part, is_wanted in wanted.items() if is_wanted)
