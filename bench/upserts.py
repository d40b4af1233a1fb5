"""The raw limit of intake: the rows that storing records writes, as bare upserts through the same driver."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import JSON, Table

from app.db.metadata import metadata
from app.db.session import make_engine
from bench.capture import Said, listening
from bench.databases import plain_dsn
from bench.pulls import pull_pages
from bench.records import PageClient
from connectors.jaki.client import PAGE_SIZE

TABLES = ("complaint", "complaint_event", "sla_clock", "queue_slot", "stint", "pause", "source_record", "identity")
"""Where a record's rows go, parents first."""
_INSERT = re.compile(r'INSERT INTO "?(\w+)"? ')


@dataclass(frozen=True, slots=True)
class Upsert:
    """Rows of one table, in the order of `columns`."""

    table: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


Batch = Sequence[Upsert]
"""What one transaction writes."""


async def take_down(url: str, folder: Path, records: int) -> list[Batch]:
    """The rows that a pull of the first `records` records writes to the database at `url`, by transaction."""
    engine = make_engine(url)
    try:
        with listening(engine) as heard:
            await pull_pages(engine, PageClient(folder, -(-records // PAGE_SIZE)))
    finally:
        await engine.dispose()
    return list(_batches(heard))


def count_rows(batches: Iterable[Batch]) -> dict[str, int]:
    """The rows by table."""
    counts = dict.fromkeys(TABLES, 0)
    for batch in batches:
        for upsert in batch:
            counts[upsert.table] += len(upsert.rows)
    return {table: count for table, count in counts.items() if count}


async def write_bare(url: str, batches: Iterable[Batch], *, prepares: bool) -> float:
    """The seconds that the bare driver takes for the rows, one `executemany` for each table of a transaction.

    `prepares`: whether the driver may prepare its statements, as it does unless told otherwise. Our connections may
    not, so that they can go through a pooler that shares them.
    """
    threshold = 5 if prepares else None
    async with await psycopg.AsyncConnection.connect(plain_dsn(url), prepare_threshold=threshold) as connection:
        begun = time.perf_counter()
        for batch in batches:
            async with connection.transaction(), connection.cursor() as cursor:
                for upsert in batch:
                    await cursor.executemany(_statement(upsert), upsert.rows)
        return time.perf_counter() - begun


def _batches(heard: Iterable[Said]) -> Iterator[Batch]:
    """What was inserted, cut where the next batch of complaints begins."""
    batch: list[Upsert] = []
    for said in heard:
        match = _INSERT.match(said.statement)
        if match is None or match[1] not in TABLES:
            continue
        if match[1] == TABLES[0] and batch:
            yield batch
            batch = []
        rows = _rows(said, metadata.tables[match[1]])
        columns = tuple(rows[0])
        batch.append(Upsert(match[1], columns, [tuple(row[name] for name in columns) for row in rows]))
    if batch:
        yield batch


def _rows(said: Said, table: Table) -> list[dict[str, Any]]:
    """The rows of a statement; those that travel as one document are taken out of it, as text that the driver sends."""
    if set(said.values[0]) != {"rows"}:
        return [dict(row) for row in said.values]
    documents = {column.name for column in table.columns if isinstance(column.type, JSON)}
    return [
        {name: json.dumps(value) if name in documents else value for name, value in row.items()}
        for row in json.loads(said.values[0]["rows"])
    ]


def _statement(upsert: Upsert) -> sql.Composed:
    table: Table = metadata.tables[upsert.table]
    key = [column.name for column in table.primary_key]
    others = [name for name in upsert.columns if name not in key]
    changed = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in others]
    return sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO {}").format(
        sql.Identifier(upsert.table),
        sql.SQL(", ").join(map(sql.Identifier, upsert.columns)),
        sql.SQL(", ").join([sql.Placeholder()] * len(upsert.columns)),
        sql.SQL(", ").join(map(sql.Identifier, key)),
        sql.SQL("UPDATE SET ") + sql.SQL(", ").join(changed) if changed else sql.SQL("NOTHING"),
    )
