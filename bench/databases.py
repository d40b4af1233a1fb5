"""PostgreSQL to measure on: a throw-away server or one that is given, with a migrated and seeded database to copy."""

from __future__ import annotations

import argparse
import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql
from sqlalchemy import update
from sqlalchemy.engine import make_url

from app.clock import utc_now
from app.db.migrate import upgrade
from app.db.session import make_engine, writing
from app.db.tables.sources import Source
from app.intake.sources import NewSource, add_source, find_source
from app.seed.load import seed_jakarta
from app.vault import Vault
from tests import postgres

KEY = bytes(range(32))
"""Seals what benchmarks write; they write nothing that is secret."""
SOURCES = ("crm", "jaki")
_SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "autovacuum")


def add_url_option(parser: argparse.ArgumentParser) -> None:
    """Let the user name a server; without one a throw-away server is started."""
    parser.add_argument(
        "--url",
        metavar="URL",
        help="a PostgreSQL database whose user may create others beside it (default: a server of the program's own)",
    )


@dataclass(frozen=True, slots=True)
class Databases:
    """A server with one migrated and seeded database, of which any number of copies can be had."""

    admin_url: str
    template: str

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The address of a copy; it is gone afterwards."""
        name = f"tanggap_bench_{secrets.token_hex(6)}"
        _administer(self.admin_url, "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, self.template)
        try:
            yield _sibling(self.admin_url, name)
        finally:
            _administer(self.admin_url, "DROP DATABASE {} WITH (FORCE)", name)


@contextmanager
def open_databases(url: str | None) -> Iterator[Databases]:
    """Databases on the server at `url`, or on one of our own; prints how safe its writes are."""
    server = None if url is not None else postgres.start()
    try:
        admin_url = url or (server.dsn if server is not None else "")
        show_database(
            admin_url, where=f"own server in {server.folder.parent}" if server is not None else "given server"
        )
        template = f"tanggap_bench_{secrets.token_hex(6)}"
        _administer(admin_url, "CREATE DATABASE {}", template)
        try:
            prepare(_sibling(admin_url, template))
            yield Databases(admin_url, template)
        finally:
            _administer(admin_url, "DROP DATABASE {} WITH (FORCE)", template)
    finally:
        if server is not None:
            server.stop()


def prepare(url: str) -> None:
    """Bring a database to the newest revision, with Jakarta's reference data and both of its sources."""
    upgrade(url)
    asyncio.run(_seed(url))


def show_database(url: str, *, where: str) -> None:
    """Print which PostgreSQL it is and whether it writes safely."""
    with psycopg.connect(plain_dsn(url)) as connection:
        found = {name: connection.execute(f"SHOW {name}").fetchone() for name in _SETTINGS}
    shown = ", ".join(f"{name} {value[0]}" for name, value in found.items() if value is not None)
    print(f"database: PostgreSQL, {where}: {shown}", flush=True)


def plain_dsn(url: str) -> str:
    """The address as the bare driver takes it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


async def _seed(url: str) -> None:
    engine = make_engine(url)
    now = utc_now()
    async with writing(engine) as connection:
        await seed_jakarta(connection, now=now)
        for name in SOURCES:
            if await find_source(connection, name) is None:
                new = NewSource(name=name, connector=name, url=f"http://{name}.invalid")
                await add_source(connection, new, Vault(KEY), now=now)
        await connection.execute(update(Source).values(complete_through=now))
    await engine.dispose()


def _administer(url: str, statement: str, *names: str) -> None:
    with psycopg.connect(plain_dsn(url), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _sibling(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)
