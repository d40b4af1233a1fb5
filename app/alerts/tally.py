"""What came of attempts to deliver, counted for good: rows leave the record one day, and a figure may not shrink."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Iterable, Mapping

from sqlalchemy import Table, bindparam, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.notifiers import CHAT, CONSOLE, EMAIL, WEBHOOK
from app.db.changes import is_postgresql
from app.db.states import DeliveryState
from app.db.tables.machine import Counter

Outcome = tuple[str, str]
"""A channel, and what came of an attempt."""

CHANNELS = (CONSOLE, EMAIL, CHAT, WEBHOOK)
OUTCOMES: Mapping[DeliveryState, str] = {
    DeliveryState.DELIVERED: "sent",
    DeliveryState.PENDING: "failed",
    DeliveryState.DEAD: "dead",
}
_PREFIX = "deliveries:"


async def count_outcomes(connection: AsyncConnection, outcomes: Iterable[Outcome], *, owner: str) -> None:
    """Add the outcomes to the figures, last in a transaction: whoever counts in the same rows waits for its end.

    Each deliverer, by the first letter of its name, has rows of its own, so that mostly nobody waits.
    """
    found = Count(outcomes)
    rows = [
        {"name": f"{_PREFIX}{channel}:{outcome}:{owner[:1]}", "value": count}
        for (channel, outcome), count in sorted(found.items())
    ]
    if not rows:
        return
    insert = postgresql_insert if is_postgresql(connection) else sqlite_insert
    statement = insert(_counter).values(name=bindparam("name"), value=bindparam("value"))
    more = {"value": _counter.c.value + statement.excluded.value}
    await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=more), rows)


async def read_outcomes(connection: AsyncConnection) -> dict[Outcome, int]:
    """How many attempts came to what, by channel, since there is this database."""
    figures = dict.fromkeys(((channel, outcome) for channel in CHANNELS for outcome in OUTCOMES.values()), 0)
    statement = select(Counter.name, Counter.value).where(Counter.name.startswith(_PREFIX))
    for name, value in await connection.execute(statement):
        channel, outcome, _ = name.removeprefix(_PREFIX).split(":")
        figures[channel, outcome] = figures.get((channel, outcome), 0) + value
    return figures


_counter: Table = Counter.__table__  # type: ignore[assignment]
