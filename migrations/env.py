"""How alembic runs here: one tree of revisions for SQLite and PostgreSQL, through a connection of ours."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, text

from app.db.column_types import BigId, Json, UtcDateTime
from app.db.metadata import is_of_the_code, metadata
from app.db.migrate import connect
from app.settings import load_settings

LOCK_TIMEOUT = "5s"
"""A change that waits longer for its lock would hold up every request that queues behind it: it fails instead."""


def render_item(kind: str, item: Any, _autogen: object) -> str | Literal[False]:
    """Write our own column types by the names that the template defines, so that no revision imports `app`."""
    if kind != "type":
        return False
    if isinstance(item, UtcDateTime):
        return "INSTANT"
    return next((name for ours, name in ((BigId, "BIG_ID"), (Json, "JSON")) if item is ours), False)


def run(connection: Connection) -> None:
    """Every revision that is asked for, each in one transaction (on SQLite all of them in one)."""
    on_postgres = connection.dialect.name == "postgresql"
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        render_item=render_item,
        include_name=is_of_the_code,
        compare_type=True,
        transactional_ddl=True,
        transaction_per_migration=on_postgres,
    )
    if on_postgres:
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with connect(load_settings().database_url) as opened:
        run(opened)
