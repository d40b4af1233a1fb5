"""The schema's revisions: which one a database stands at, which one this program needs, and the way there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

from app.db.changes import lift_changes

# Beside `app` in a checkout and in an installed wheel alike.
_SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"
_BUSY_SECONDS = 60
_ASK_AGAIN_S = 0.1
# The letters "tanggap" as a number, so that it meets no other program's lock.
_ADVISORY_KEY = 0x74616E67676170


def upgrade(url: str, revision: str = "head") -> None:
    """The database at `url` stands at `revision` afterwards; of two programs that migrate at once one waits."""
    with _exclusive(url) as connection:
        command.upgrade(_config(connection), revision)
        if revision == "head":
            lift_changes(connection)
            connection.commit()


def downgrade(url: str, revision: str) -> None:
    """The database at `url` stands at the older `revision` afterwards; `base` empties it."""
    with _exclusive(url) as connection:
        command.downgrade(_config(connection), revision)


@cache
def head() -> str:
    """The revision that this program needs."""
    revision = ScriptDirectory(str(_SCRIPTS)).get_current_head()
    if revision is None:
        raise RuntimeError(f"no revisions in {_SCRIPTS}")
    return revision


def current(url: str) -> str | None:
    """The revision that the database stands at; None when it was never migrated."""
    with connect(url) as connection:
        return _current(connection)


async def revision_of(connection: AsyncConnection) -> str | None:
    """`current` for a connection that is open already, as `/readyz` has it."""
    return await connection.run_sync(_current)


@contextmanager
def connect(url: str) -> Iterator[Connection]:
    """One connection fit for changing tables: real transactions on SQLite too, its foreign keys not enforced."""
    engine = create_engine(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        _begin_for_real(engine)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _exclusive(url: str) -> Iterator[Connection]:
    """A connection while nobody else migrates; the lock ends with the guard's connection, whatever happens."""
    with connect(url) as connection:
        if connection.dialect.name == "sqlite":
            yield connection
            return
        with connect(url) as guard:
            _wait_alone(guard)
            yield connection


def _wait_alone(guard: Connection) -> None:
    """Hold the lock until the guard closes. It asks again and again, outside any transaction: a statement that waits
    keeps an old view of the data, for whose end an index that is made beside writers would wait in turn."""
    guard.execution_options(isolation_level="AUTOCOMMIT")
    while not guard.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _ADVISORY_KEY}):
        time.sleep(_ASK_AGAIN_S)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _begin_for_real(engine: Engine) -> None:
    """The driver would begin none before DDL, and a revision that fails half-way would leave half a schema."""

    @event.listens_for(engine, "connect")
    def _connect(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.isolation_level = None
        dbapi_connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
