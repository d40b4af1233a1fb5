"""Engines: one for the application and the tests alike, so that both databases behave the same."""

from __future__ import annotations

import contextlib
import select
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util.concurrency import in_greenlet

from app.db.cursors import LazyCursor
from app.db.written import count_writes, forget_writes, note_writes

_BUSY_TIMEOUT_MS = 15_000
_TRUSTED_S = 1.0
"""A connection that was in use so lately is taken for alive unless the server has closed it."""
_ONLY_MARKED = sys.maxsize
"""How often a statement must come before the driver prepares it by itself."""
_PLAN_IS_OLD = "0A000"
_READS = ("SELECT", "(SELECT", "WITH")
_SESSION = "-c timezone=UTC -c work_mem=32MB"
"""With PostgreSQL's own 4 MB its planner takes a BRIN over a large table for no better than reading all of it, and the
figures of a month would cost what the years behind them hold."""


def async_url(url: str) -> URL:
    """The URL with the driver that this project uses for its database.

    >>> str(async_url("sqlite:///tanggap.db"))
    'sqlite+aiosqlite:///tanggap.db'
    """
    parsed = make_url(url)
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}.get(parsed.get_backend_name())
    if driver is None:
        raise ValueError(f"database {parsed.get_backend_name()} is not supported: use sqlite or postgresql")
    return parsed.set(drivername=driver)


def make_engine(url: str, *, pool_size: int = 8) -> AsyncEngine:
    """An engine for `url`; closes nothing by itself.

    Errors do not repeat the values of a statement, which would bring complaints into the log. PostgreSQL prepares only
    what is marked as `PREPARED`, and that on direct connections alone: a pooler in transaction mode (PgBouncer) gives
    each transaction another session, in which the statement is not known.
    """
    target = async_url(url)
    if target.get_backend_name() == "sqlite":
        engine = create_async_engine(
            target, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000}, pool_size=pool_size, hide_parameters=True
        )
        _refuse_unreachable_file(engine.sync_engine)
        _prepare_sqlite(engine.sync_engine)
        note_writes(engine.sync_engine)
        return engine
    engine = create_async_engine(
        target,
        pool_size=pool_size,
        max_overflow=0,
        skip_autocommit_rollback=True,
        hide_parameters=True,
        connect_args={"prepare_threshold": None, "options": _SESSION, "cursor_factory": LazyCursor},
    )
    _replace_dead(engine.sync_engine)
    _prepare_where_sessions_last(engine.sync_engine)
    note_writes(engine.sync_engine)
    return engine


def only_asking(engine: AsyncEngine) -> AsyncEngine:
    """The same pool for whoever only asks: on PostgreSQL no transaction is begun, which saves two round trips.

    Each statement sees what is committed when it starts, as in `reading`. One that would write is refused there.
    """
    if engine.dialect.name != "postgresql":
        return engine
    asking = engine.execution_options(isolation_level="AUTOCOMMIT")

    @event.listens_for(asking.sync_engine, "before_cursor_execute")
    def _refuse_writes(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(_READS):
            raise ValueError("a connection that only asks was given a statement that is no query")

    return asking


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One writing transaction: committed at the end, rolled back when the block raises.

    On SQLite it takes the write lock at once; a lock taken half-way fails in spite of the busy timeout.
    """
    async with engine.connect() as connection:
        await connection.execution_options(tanggap_writes=True)
        async with connection.begin() as transaction:
            forget_writes(connection)
            yield connection
            if transaction.is_active:
                await count_writes(connection)


def is_writing(connection: AsyncConnection) -> bool:
    """Whether the connection was opened by `writing`."""
    sync_connection = connection.sync_connection
    return sync_connection is not None and bool(sync_connection.get_execution_options().get("tanggap_writes", False))


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One reading transaction; nothing it did is kept."""
    async with engine.connect() as connection:
        yield connection


@asynccontextmanager
async def snapshot(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One reading transaction in which every statement sees the same state of the database."""
    async with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            await connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def _refuse_unreachable_file(engine: Engine) -> None:
    @event.listens_for(engine, "do_connect")
    def _try(_dialect: object, _record: object, cargs: list[Any], cparams: dict[str, Any]) -> None:
        """The driver's thread outlives a file it cannot open and may talk, in a traceback, to a loop that has ended."""
        sqlite3.connect(*cargs, **cparams).close()


def _replace_dead(engine: Engine) -> None:
    """Have the pool put another connection in the place of a dead one before anybody gets it.

    A ping for each would be three round trips: one that has rested is asked, of another it is enough that its socket
    is silent, since a server that closes a connection makes it readable.
    """

    @event.listens_for(engine, "checkin")
    def _rest(_connection: object, record: Any) -> None:
        record.info["rests_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _examine(dbapi_connection: Any, record: Any, _proxy: object) -> None:
        since = record.info.get("rests_since")
        if since is None or (time.monotonic() - since < _TRUSTED_S and _is_silent(dbapi_connection)):
            return
        try:
            engine.dialect.do_ping(dbapi_connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError("the server has closed the connection") from error


def _prepare_where_sessions_last(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _find_out(dbapi_connection: Any, _record: object) -> None:
        """A pooler tells its clients a process id of its own making."""
        cursor = dbapi_connection.cursor()
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
        cursor.close()
        dbapi_connection.rollback()
        driver = dbapi_connection.driver_connection
        driver.prepare_threshold = _ONLY_MARKED if driver.info.backend_pid == pid else None

    @event.listens_for(engine, "handle_error")
    def _forget_old_plans(context: ExceptionContext) -> None:
        """A column that a revision gave another type: its plans go with the connections that hold them."""
        if getattr(context.original_exception, "sqlstate", None) == _PLAN_IS_OLD:
            context.is_disconnect = True


def _is_silent(dbapi_connection: Any) -> bool:
    connection = dbapi_connection.driver_connection
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(dbapi_connection: Any, _record: object) -> None:
        # The driver must not begin transactions by itself: with its own begin, a savepoint in the tests leaks.
        dbapi_connection.isolation_level = None
        cursor: sqlite3.Cursor = dbapi_connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        cursor.close()

    @event.listens_for(engine, "invalidate")
    def _let_go(dbapi_connection: Any, _record: object, _error: object) -> None:
        """A task that is cancelled in a statement leaves its connection so. The driver closes it, but Python holds the
        file, and with it the lock, for as long as anything, such as a traceback, refers to one of its statements."""
        if in_greenlet():
            with contextlib.suppress(sqlite3.Error, ValueError):
                dbapi_connection.rollback()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("tanggap_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
