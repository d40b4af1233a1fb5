"""What is prepared, where: on connections whose session is theirs, and there for as long as its plan holds."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import column, select, table, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.cursors import PREPARED
from app.db.session import make_engine, only_asking, reading, writing

MARKED = select(table("thing", column("size")).c.size).prefix_with(PREPARED)
KNOWN = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT /* prepared */%'")
TIMES = 20


@pytest.fixture
def dialect() -> str:
    return "postgresql"


@pytest.fixture
async def things(engine: AsyncEngine) -> AsyncEngine:
    async with writing(engine) as connection:
        await connection.execute(text("CREATE TABLE thing (size varchar(20))"))
        await connection.execute(text("INSERT INTO thing VALUES ('large')"))
    return engine


async def test_a_marked_statement_is_planned_once_and_no_other_is_prepared(things: AsyncEngine) -> None:
    async with reading(things) as connection:
        for _ in range(TIMES):
            assert await connection.scalar(MARKED) == "large"
            assert await connection.scalar(text("SELECT size FROM thing")) == "large"
        assert await connection.scalar(KNOWN) == 1
        assert await connection.scalar(text("SELECT count(*) FROM pg_prepared_statements")) == 1


async def test_a_column_of_another_type_costs_one_answer_and_no_more(things: AsyncEngine, database_url: str) -> None:
    """As a revision does it under a process that runs."""
    asking = only_asking(things)
    async with reading(asking) as connection:
        await connection.scalar(MARKED)
    migrating = make_engine(database_url)
    async with writing(migrating) as connection:
        await connection.execute(text("ALTER TABLE thing ALTER size TYPE text"))
    await migrating.dispose()
    failures = 0
    for _ in range(TIMES):
        try:
            async with reading(asking) as connection:
                assert await connection.scalar(MARKED) == "large"
        except DBAPIError:
            failures += 1
    assert failures == 1


@pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="no pgbouncer on this machine: apt-get install pgbouncer")
async def test_behind_a_pooler_nothing_is_prepared(things: AsyncEngine, database_url: str) -> None:
    with TemporaryDirectory() as folder, pooler(database_url, Path(folder)) as pooled_url:
        pooled = make_engine(pooled_url)
        await asyncio.gather(*(_ask(pooled) for _ in range(TIMES)))
        async with reading(pooled) as connection:
            assert await connection.scalar(KNOWN) == 0
        await pooled.dispose()


async def _ask(engine: AsyncEngine) -> None:
    for _ in range(TIMES):
        async with reading(engine) as connection:
            assert await connection.scalar(MARKED) == "large"


@contextmanager
def pooler(database_url: str, folder: Path) -> Iterator[str]:
    """A pooler in transaction mode with fewer sessions than clients; the address behind which it stands."""
    url, port = make_url(database_url), _free_port()
    users = folder / "users.txt"
    users.write_text(f'"{url.username}" "{url.password or ""}"\n', encoding="utf-8")
    host = str(url.host or url.query.get("host", "127.0.0.1"))
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host={host} port={url.port or 5432}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {users}\npool_mode = transaction\n"
        "default_pool_size = 2\nignore_startup_parameters = options\n",
        encoding="utf-8",
    )
    for each in (folder, users, settings):
        each.chmod(0o755)
    # It does not run as root, and the socket of the tests' own server is open to its owner alone.
    as_user = ["-u", Path(host).owner() if Path(host).is_dir() else "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen(["pgbouncer", "-q", *as_user, str(settings)])
    try:
        _await(port)
        yield url.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
    finally:
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(port: int) -> None:
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("the pooler did not start")
