"""Somebody who writes between two statements of one request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy import Connection, create_engine, delete, event, func, insert, literal, select, update

from app.complaint.events import EventKind
from app.db.tables.complaints import Complaint, ComplaintEvent, SlaClock, Stint
from tests.api.door import Door

_EVENT = ComplaintEvent.__table__


Write = Callable[[Door, Connection], None]


def told_again(door: Door, connection: Connection) -> None:
    """Every complaint gets another entry of its history."""
    new = {"key": literal("amid"), "recorded_at": literal(door.clock.now + timedelta(seconds=1))}
    names = [column.name for column in _EVENT.columns if column.name != "id"]
    reports = select(func.min(_EVENT.c.id)).where(_EVENT.c.kind == EventKind.REPORTED).group_by(_EVENT.c.complaint_id)
    copied = select(*(new.get(name, _EVENT.c[name]) for name in names)).where(_EVENT.c.id.in_(reports))
    connection.execute(insert(_EVENT).from_select(names, copied))


def all_gone(_door: Door, connection: Connection) -> None:
    """No unit holds anything any more, nor ever did."""
    connection.execute(update(Complaint).values(unit_id=None, is_open=False))
    connection.execute(update(SlaClock).values(unit_id=None))
    connection.execute(delete(Stint))


@asynccontextmanager
async def written_amid(door: Door, *, before: str, write: Write = told_again) -> AsyncIterator[list[str]]:
    """Somebody writes, once, right before the first statement with this text.

    What stands in the list is that statement. Who asks has asked before: nothing else may be about to write, since the
    loop stands still meanwhile.
    """
    await door.house.errands.finish()
    engine, found = door.house.engine.sync_engine, list[str]()

    def interrupt(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if before in statement and not found:
            found.append(statement)
            _committed(door, write)

    event.listen(engine, "before_cursor_execute", interrupt)
    yield found
    event.remove(engine, "before_cursor_execute", interrupt)


def _committed(door: Door, write: Write) -> None:
    """Over a connection of its own."""
    other = create_engine(door.house.settings.database_url)
    with other.begin() as connection:
        write(door, connection)
    other.dispose()
