"""Fills a PostgreSQL database with complaints of the make-believe city; `python -m bench.generator --help`.

Every process folds its share and writes it by COPY. The same rows, seed and instant give the same complaints.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import JSON, Table, select

from app.clock import utc_now
from app.db.metadata import metadata
from app.db.rulebook import Rulebooks
from app.db.session import make_engine, reading
from app.db.tables.sources import Source
from app.intake.reference import read_reference
from app.vault import Vault
from bench.databases import KEY, plain_dsn, prepare
from bench.histories import Historian, Row
from bench.past import SEED, Past, Share, split
from connectors.contract import SourceTraits

TABLES = ("complaint", "complaint_event", "sla_clock", "stint", "pause", "queue_slot", "source_record")
"""What is filled, parents first."""
_OPEN = sql.SQL("complaint WHERE is_open")
_SHARE = 2_000
_WRITTEN = 500
_held: list[tuple[Historian, psycopg.Connection[Any]]] = []
"""What each process of the pool holds from its start to its end."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What a database holds: rows by table, how many complaints are open, the seconds a fill took."""

    rows: dict[str, int]
    open: int
    seconds: float | None = None

    def __str__(self) -> str:
        counted = ", ".join(f"{count:,} {table}" for table, count in self.rows.items())
        per_complaint = sum(self.rows.values()) / max(1, self.rows["complaint"])
        share = self.open / max(1, self.rows["complaint"])
        took = "filled before" if self.seconds is None else f"{self.seconds:.0f} s"
        return f"{counted} ({per_complaint:.1f} rows each); {self.open:,} open ({share:.1%}); {took}"


class NotEmpty(Exception):
    """The database holds complaints already; filling would mix two cities."""


def fill(url: str, past: Past, *, processes: int | None = None) -> Filled:
    """Fill the migrated and seeded database at `url`, then vacuum and analyze it.

    Raises: NotEmpty.
    """
    begun = time.perf_counter()
    dsn = plain_dsn(url)
    with psycopg.connect(dsn) as connection:
        if connection.execute("SELECT 1 FROM complaint LIMIT 1").fetchone() is not None:
            raise NotEmpty("the database holds complaints already; give one that has none")
    with multiprocessing.get_context("spawn").Pool(processes or os.cpu_count(), _open, (url, past.until)) as pool:
        shares = split(past, pool.map, size=_SHARE)
        counts = list(pool.imap_unordered(_write, shares))
    rows = {table: sum(count[table] for count in counts) for table in TABLES}
    return Filled(rows, _settle(dsn), time.perf_counter() - begun)


def count(url: str) -> Filled:
    """What the database at `url` holds."""
    with psycopg.connect(plain_dsn(url)) as connection:
        held = {table: _count(connection, sql.Identifier(table)) for table in TABLES}
        return Filled(held, _count(connection, _OPEN))


def _count(connection: psycopg.Connection[Any], of: sql.Composable) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(of)).fetchone()
    return row[0] if row is not None else 0


def _settle(dsn: str) -> int:
    """Leave the database as one that has run for long; the answer is how many complaints are open."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT setval(pg_get_serial_sequence('complaint', 'id'), (SELECT coalesce(max(id), 1) FROM complaint))"
        )
        connection.execute("VACUUM (ANALYZE)")
        return _count(connection, _OPEN)


def _open(url: str, until: datetime) -> None:
    """Prepare a process of the pool."""
    connection = psycopg.connect(plain_dsn(url))
    # Two thirds of the server's time would go into looking up parents that were written just before.
    if connection.info.parameter_status("is_superuser") == "on":
        connection.execute("SET session_replication_role = replica")
    connection.commit()
    _held.append((asyncio.run(_historian(url, until)), connection))


async def _historian(url: str, until: datetime) -> Historian:
    engine = make_engine(url)
    async with reading(engine) as connection:
        source_ids = {row.name: row.id for row in await connection.execute(select(Source.name, Source.id))}
        rules = await Rulebooks().current(connection)
        reference = await read_reference(connection, "jaki", SourceTraits())
    await engine.dispose()
    return Historian(rules, reference, source_ids, Vault(KEY), until)


def _write(share: Share) -> dict[str, int]:
    """Write one share in one transaction; the answer is the rows by table."""
    historian, connection = _held[0]
    counts = dict.fromkeys(TABLES, 0)
    with connection.transaction():
        row = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        change_no = row[0] if row is not None else 0
        batch: dict[str, list[Row]] = {table: [] for table in TABLES}
        for complaint_id, report in enumerate(share.reports(), share.first):
            for table, rows in historian.rows(complaint_id, report).items():
                batch[table] += rows
            if len(batch["complaint"]) == _WRITTEN:
                _copy_batch(connection, batch, change_no, counts)
        _copy_batch(connection, batch, change_no, counts)
    return counts


def _copy_batch(
    connection: psycopg.Connection[Any], batch: dict[str, list[Row]], change_no: int, counts: dict[str, int]
) -> None:
    for row in batch["complaint"]:
        row["change_no"] = change_no
    for table, rows in batch.items():
        _copy(connection, metadata.tables[table], rows)
        counts[table] += len(rows)
        rows.clear()


def _copy(connection: psycopg.Connection[Any], table: Table, rows: Sequence[Row]) -> None:
    if not rows:
        return
    names = list(rows[0])
    documents = [place for place, name in enumerate(names) if isinstance(table.c[name].type, JSON)]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    values = itemgetter(*names)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            written = list(values(row))
            for place in documents:
                written[place] = Jsonb(written[place])
            copy.write_row(written)


def main() -> None:
    """Fill one database from the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.generator", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="complaints (100000)")
    parser.add_argument("--url", required=True, help="the PostgreSQL database to fill; it is migrated and seeded first")
    parser.add_argument("--seed", type=int, default=SEED, help="which city")
    parser.add_argument("--until", type=datetime.fromisoformat, help="the instant to which its past goes (now)")
    parser.add_argument("--daily", type=int, help="complaints on a day of the city (so many that the past is a year)")
    parser.add_argument("--processes", type=int, help="how many work at once (one for each core)")
    options = parser.parse_args()
    until = options.until or utc_now().replace(microsecond=0)
    prepare(options.url)
    print(fill(options.url, Past(options.rows, until, options.seed, daily=options.daily), processes=options.processes))


if __name__ == "__main__":
    main()
