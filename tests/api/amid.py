"""Somebody who writes between two statements of one request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy import create_engine, event, func, insert, literal, select

from app.complaint.events import EventKind
from app.db.tables.complaints import ComplaintEvent
from tests.api.door import Door

_EVENT = ComplaintEvent.__table__


@asynccontextmanager
async def written_amid(door: Door, *, before: str) -> AsyncIterator[list[str]]:
    """Every complaint gets another entry of its history, once, right before the first statement with this text.

    What stands in the list is that statement. Who asks has asked before: nothing else may be about to write, since the
    loop stands still meanwhile.
    """
    await door.house.errands.finish()
    engine, found = door.house.engine.sync_engine, list[str]()

    def write(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if before in statement and not found:
            found.append(statement)
            _write(door)

    event.listen(engine, "before_cursor_execute", write)
    yield found
    event.remove(engine, "before_cursor_execute", write)


def _write(door: Door) -> None:
    """Over a connection of its own, and committed."""
    new = {"key": literal("amid"), "recorded_at": literal(door.clock.now + timedelta(seconds=1))}
    names = [column.name for column in _EVENT.columns if column.name != "id"]
    reports = select(func.min(_EVENT.c.id)).where(_EVENT.c.kind == EventKind.REPORTED).group_by(_EVENT.c.complaint_id)
    copied = select(*(new.get(name, _EVENT.c[name]) for name in names)).where(_EVENT.c.id.in_(reports))
    other = create_engine(door.house.settings.database_url)
    with other.begin() as connection:
        connection.execute(insert(_EVENT).from_select(names, copied))
    other.dispose()
