"""Change numbers, reserved ids, the hold on the rules: what the two databases do differently, named as capabilities."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Table, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.complaints import Complaint
from app.db.tables.machine import Counter

CHANGE = "change"
RULES = "rules"
SETTLED = "settled"
LIFT = "change_lift"
LIFTED = f"coalesce((SELECT value FROM counter WHERE name = '{LIFT}'), 0)"  # noqa: S608 - a constant
"""In SQL: what PostgreSQL's transaction ids are raised by as change numbers; see `lift_changes`."""

# The letters "tg-rules" as a number, so that it meets no other program's lock.
_RULES_KEY = 0x74672D72756C6573
# And "tg-codes".
_CODES_KEY = 0x74672D636F646573
# A writer queues behind whoever waits to change the rules, so nobody waits longer for them than this.
_CLAIM_MS = 250
_CLAIM_PAUSE_S = 0.1
_CLAIM_ATTEMPTS = 60
_LOCK_NOT_AVAILABLE = "55P03"
_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a transaction that writes history writes it with: its number, and up to where the past is settled."""

    change_no: int
    settled_at: datetime

    def recorded_at(self, at: datetime) -> datetime:
        """The instant, or the first one that is still to be recorded in."""
        return max(at, self.settled_at + _MICROSECOND)


def is_postgresql(connection: AsyncConnection) -> bool:
    """Whether this connection speaks to PostgreSQL; every difference between the two databases asks here."""
    return connection.dialect.name == "postgresql"


def writers_queue_in_order(connection: AsyncConnection) -> bool:
    """Whether a writer that waits gets its turn by itself: SQLite's look again now and then, so leave them a gap."""
    return is_postgresql(connection)


async def share_rules(connection: AsyncConnection) -> None:
    """Let nobody change the rules until this writing transaction ends.

    What it writes under the rules it reads from now on is then committed before any other rules are in force. On
    SQLite writers queue anyway.
    """
    if is_postgresql(connection):
        await connection.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": _RULES_KEY})


async def claim_rules(connection: AsyncConnection) -> bool:
    """Be alone with the rules until this transaction ends; False when others kept them for too long."""
    if not is_postgresql(connection):
        return True
    for _ in range(_CLAIM_ATTEMPTS):
        if await _claims(connection):
            return True
        await asyncio.sleep(_CLAIM_PAUSE_S)
    return False


async def _claims(connection: AsyncConnection) -> bool:
    attempt = await connection.begin_nested()
    try:
        await connection.execute(text(f"SET LOCAL lock_timeout = {_CLAIM_MS}"))
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _RULES_KEY})
        await connection.execute(text("SET LOCAL lock_timeout = DEFAULT"))
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        await attempt.rollback()
        return False
    await attempt.commit()
    return True


async def claim_new_codes(connection: AsyncConnection) -> None:
    """Be the only one who brings tickets that nobody holds, until this transaction ends.

    Who reads the codes again then sees what others have brought. On SQLite writers queue anyway.
    """
    if is_postgresql(connection):
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CODES_KEY})


async def next_change(connection: AsyncConnection) -> int:
    """The change number of this transaction, the same for all that it changes.

    On PostgreSQL it is the transaction's own id (raised by `LIFTED`): a reader who stays below the oldest transaction
    still running (`change_horizon`) can never skip one that commits late. On SQLite writers queue, so a counter is
    enough.
    """
    if is_postgresql(connection):
        return int(await connection.scalar(_next_change) or 0)
    return await count_up(connection, CHANGE)


async def take_turn(connection: AsyncConnection) -> Turn:
    """The change number of this transaction, which holds the rules, with the instant that `settle` set last."""
    if is_postgresql(connection):
        change_no, settled = (await connection.execute(_next_turn)).one()
    else:
        change_no = await count_up(connection, CHANGE)
        settled = await connection.scalar(select(Counter.value).where(Counter.name == SETTLED))
    return Turn(int(change_no), _EPOCH + int(settled or 0) * _MICROSECOND)


async def settle(connection: AsyncConnection, at: datetime) -> bool:
    """Have nothing recorded at or before `at` any more once this transaction is committed; False: try again later.

    Who writes took their instant before they got to write, some of them before `at`. They hold the rules: alone with
    these, all of them have committed, and whoever comes after sees what is settled when they take their turn.
    """
    if not await claim_rules(connection):
        return False
    known = await connection.scalar(select(Counter.value).where(Counter.name == SETTLED))
    settled = max((at - _EPOCH) // _MICROSECOND, int(known or 0))
    await upsert(connection, _counter, [{"name": SETTLED, "value": settled}], key=("name",))
    return True


async def tell_again(connection: AsyncConnection, complaint_ids: Sequence[int]) -> None:
    """Let whoever follows the changes see the complaints again, whose locks the caller holds.

    It is for what an answer shows beside the complaint itself: neither its history nor its version changes.
    """
    if complaint_ids:
        told = update(Complaint).where(Complaint.id.in_(complaint_ids))
        await connection.execute(told.values(change_no=await next_change(connection)))


async def change_horizon(connection: AsyncConnection) -> int:
    """Below this number every change is committed and visible."""
    if is_postgresql(connection):
        return int(await connection.scalar(_horizon) or 0)
    value = await connection.scalar(select(Counter.value).where(Counter.name == CHANGE))
    return int(value or 0) + 1


async def are_changes_ahead(connection: AsyncConnection) -> bool:
    """Whether the newest change lies above all that this database would number from now on: nobody would be told."""
    if not is_postgresql(connection):
        return False
    return bool(await connection.scalar(_is_ahead))


def lift_changes(connection: Connection) -> None:
    """Let changes be numbered on from the newest one.

    A dump that is restored into another PostgreSQL brings change numbers that are above the transaction ids of its new
    home. Where they are not, this changes nothing.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_lift)


async def count_up(connection: AsyncConnection, name: str) -> int:
    """The counter `name`, one higher than before."""
    counted = await connection.scalar(
        update(Counter).where(Counter.name == name).values(value=Counter.value + 1).returning(Counter.value)
    )
    if counted is not None:
        return int(counted)
    await upsert(connection, _counter, [{"name": name, "value": 1}], key=("name",))
    return 1


async def database_now(connection: AsyncConnection) -> datetime:
    """The database's own clock, aware; leases are judged by it, since the clocks of two workers may differ."""
    if is_postgresql(connection):
        value = await connection.scalar(select(func.clock_timestamp()))
        assert isinstance(value, datetime)
        return value
    text_value = await connection.scalar(select(func.strftime("%Y-%m-%dT%H:%M:%f+00:00", "now")))
    return datetime.fromisoformat(str(text_value))


async def reserve_ids(connection: AsyncConnection, table: Table, count: int) -> list[int]:
    """`count` ids for new rows of `table`, so that a batch can write children without asking row by row."""
    if count == 0:
        return []
    if is_postgresql(connection):
        statement = text("SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :count)")
        return [int(each) for each in await connection.scalars(statement, {"table": table.name, "count": count})]
    top = int(await connection.scalar(select(func.coalesce(func.max(table.c.id), 0))) or 0)
    return list(range(top + 1, top + count + 1))


async def upsert(
    connection: AsyncConnection, table: Table, rows: Sequence[dict[str, object]], *, key: Sequence[str]
) -> None:
    """Insert `rows`, or overwrite the ones that `key` already names; one `executemany`."""
    if not rows:
        return
    insert = postgresql_insert if is_postgresql(connection) else sqlite_insert
    statement = insert(table).values({name: bindparam(name) for name in rows[0]})
    kept = {name: statement.excluded[name] for name in rows[0] if name not in key}
    if kept:
        statement = statement.on_conflict_do_update(index_elements=list(key), set_=kept)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=list(key))
    await connection.execute(statement, list(rows))


async def insert_missing(
    connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, object]], *, key: Sequence[str]
) -> None:
    """Insert `rows`, but for those that `key` already names; one `executemany`."""
    if rows:
        insert = postgresql_insert if is_postgresql(connection) else sqlite_insert
        statement = insert(table).values({name: bindparam(name) for name in rows[0]})
        await connection.execute(
            statement.on_conflict_do_nothing(index_elements=list(key)), [dict(row) for row in rows]
        )


_next_change = text(f"SELECT pg_current_xact_id()::text::bigint + {LIFTED}")
_next_turn = text(
    f"SELECT pg_current_xact_id()::text::bigint + {LIFTED},"  # noqa: S608 - so too
    f" (SELECT value FROM counter WHERE name = '{SETTLED}')"
)
_horizon = text(f"SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint + {LIFTED}")
_is_ahead = text(
    f"SELECT max(change_no) >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint + {LIFTED}"  # noqa: S608 - so too
    " FROM complaint"
)
_lift = text(
    f"INSERT INTO counter (name, value) SELECT '{LIFT}', newest - own + 1"  # noqa: S608 - a constant
    " FROM (SELECT max(change_no) AS newest, pg_current_xact_id()::text::bigint AS own FROM complaint) told"
    f" WHERE newest >= own + {LIFTED} ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_counter: Table = Counter.__table__  # type: ignore[assignment]
