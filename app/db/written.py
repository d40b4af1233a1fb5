"""How often the tables behind some lists were written: what tells those who poll them that something is otherwise.

Complaints have change numbers of their own; these lists have none, and hold little enough to be read anew as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, event, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.changes import is_postgresql
from app.db.tables.machine import Counter

_INFO = "tanggap_written"


class Listed(StrEnum):
    """What is listed, by the name of its counter."""

    ALERTS = "alerts_written"
    SOURCES = "sources_written"


_LISTS: Mapping[str, Listed] = {
    "alert": Listed.ALERTS,
    "delivery": Listed.ALERTS,
    "delivery_alert": Listed.ALERTS,
    "source": Listed.SOURCES,
    "source_run": Listed.SOURCES,
    "source_notice": Listed.SOURCES,
    "reject": Listed.SOURCES,
}


def note_writes(engine: Engine) -> None:
    """Has each connection remember which of the tables it wrote a row of."""

    @event.listens_for(engine, "after_cursor_execute")
    def _note(connection: Any, cursor: Any, _statement: object, _given: object, context: Any, _many: object) -> None:
        if not (context.isinsert or context.isupdate or context.isdelete) or context.compiled is None:
            return
        listed = _LISTS.get(context.compiled.statement.table.name)
        # SQLite does not say how many rows a statement with RETURNING wrote.
        if listed is not None and cursor.rowcount != 0:
            connection.info.setdefault(_INFO, set()).add(listed)


def forget_writes(connection: AsyncConnection) -> None:
    """A transaction begins."""
    _info(connection).pop(_INFO, None)


async def count_writes(connection: AsyncConnection) -> None:
    """Counts what the transaction wrote, one up for each list.

    It is the last thing a transaction does: who waits for a counter then holds up nobody else, and its next value is
    not seen before what it speaks of.
    """
    insert = postgresql_insert if is_postgresql(connection) else sqlite_insert
    for listed in sorted(_info(connection).pop(_INFO, ())):
        first = insert(Counter).values(name=listed, value=1)
        again = first.on_conflict_do_update(index_elements=["name"], set_={"value": Counter.value + 1})
        await connection.execute(again)


async def read_written(connection: AsyncConnection) -> dict[str, int]:
    """How often each was written; what was never written is not there."""
    rows = await connection.execute(select(Counter.name, Counter.value).where(Counter.name.in_(tuple(Listed))))
    return {name: int(value) for name, value in rows}


def _info(connection: AsyncConnection) -> dict[Any, Any]:
    sync_connection = connection.sync_connection
    assert sync_connection is not None
    return sync_connection.info
