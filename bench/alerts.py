"""What a sweep costs while nothing is due, what it takes to raise a thousand, and how soon a worker does it.

`python -m bench.alerts`. The clocks are copies of one that the service judged, a complaint to each.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.alerts.watch import BATCH, sweep_all
from app.clock import utc_now
from app.complaint.events import CaseEvent, EventKind
from app.db.complaints import Change, advance
from app.db.metadata import metadata
from app.db.rulebook import Rulebooks
from app.db.session import make_engine, reading, writing
from app.db.tables.units import Unit
from bench.capture import listening
from bench.databases import Databases, add_url_option, open_databases, plain_dsn
from bench.figures import Figure, Goal, duration, percentile, show_table
from bench.machine import show_machine

_SECRET = "a benchmark has nothing to hide from anybody"
_START_S = 30.0
_LOOK_S = 0.005
_GROWTH_GOAL = Goal.within(1.5)
_HEADER = {
    "channel": "JAKI",
    "category": "Jalan",
    "subject": "Jalan berlubang",
    "text": "Lubang di depan sekolah",
    "evidence_urls": [],
    "is_private": False,
    "is_anonymous": False,
    "is_confidential": False,
    "is_history": False,
    "time_precision": "second",
    "content_rank": 0,
    "handling_rank": 0,
    "connectors": ["jaki"],
    "policy_families": None,
}
_WARNED = """
    UPDATE sla_clock SET raised_step = 90, next_step = 100, next_fire_at = moved.due_at, due_at = moved.due_at,
        started_at = started_at + (moved.due_at - sla_clock.due_at)
    FROM (
        SELECT id, %(first)s::timestamptz + row_number() OVER (ORDER BY id) * %(apart)s::interval AS due_at
        FROM sla_clock WHERE next_fire_at IS NOT NULL AND raised_step = 0 ORDER BY id LIMIT %(count)s
    ) AS moved WHERE moved.id = sla_clock.id
"""
"""So many clocks are past their warnings and become due one after the other."""
_IN_OUTBOX = "SELECT alert.id, alert.due_at FROM alert JOIN delivery ON alert_id = alert.id WHERE raised_at >= %s"


@dataclass(frozen=True, slots=True)
class Look:
    """What PostgreSQL did for one statement: rows that its scans read, pages that it touched."""

    rows: int
    pages: int


def main() -> None:
    """Take every figure twice and print both takes."""
    parser = argparse.ArgumentParser(prog="python -m bench.alerts", description=__doc__)
    parser.add_argument("--clocks", type=int, nargs=2, default=[1_000, 100_000], help="running clocks (1000 100000)")
    parser.add_argument("--times", type=int, default=300, help="sweeps while nothing is due (300)")
    parser.add_argument("--due", type=int, default=1_000, help="clocks that are due at once (1000)")
    parser.add_argument("--ticking", type=int, default=100, help="clocks that become due over ten seconds (100)")
    add_url_option(parser)
    options = parser.parse_args()
    if 2 * (options.due + options.ticking) > max(options.clocks):
        parser.error("two takes need more running clocks than that")
    show_machine("Alerts")
    with open_databases(options.url) as databases, ExitStack() as stack:
        small, large = (stack.enter_context(_filled(databases, count)) for count in sorted(options.clocks))
        for take in (1, 2):
            show_table(f"take {take}: nothing is due", [asyncio.run(_idle(small, large, options))])
        for take in (1, 2):
            show_table(f"take {take}: {options.due:,} due at once", asyncio.run(_burst(large, options.due)))
        for take in (1, 2):
            waits = _ticks(large, options.ticking)
            print(f"\ntake {take}: {len(waits)} clocks due over ten seconds, a worker ticking; from due to the outbox:")
            print(f"median {duration(percentile(waits, 0.5))}, worst {duration(max(waits))}", flush=True)


@contextmanager
def _filled(databases: Databases, clocks: int) -> Iterator[str]:
    """A database with so many running clocks, the first step of each still ahead."""
    with databases.fresh() as url:
        asyncio.run(_report(url))
        with psycopg.connect(plain_dsn(url), autocommit=True) as bare:
            _copy(bare, clocks)
            bare.execute("UPDATE source SET is_enabled = false")
            bare.execute("VACUUM (ANALYZE)")
        print(f"sizes:    {clocks:,} running clocks, each of a complaint of its own", flush=True)
        yield url


async def _report(url: str) -> None:
    """The one complaint that all others are copies of."""
    engine, now = make_engine(url), utc_now().replace(microsecond=0)
    async with writing(engine) as connection:
        unit_id = await connection.scalar(select(Unit.id).where(Unit.type == "kelurahan").order_by(Unit.id).limit(1))
        events = [
            CaseEvent(occurred_at=now, recorded_at=now, kind=EventKind.REPORTED, key="reported"),
            CaseEvent(occurred_at=now, recorded_at=now, kind=EventKind.ASSIGNED, key="given", unit_id=unit_id),
        ]
        values = {**_HEADER, "ticket_code": "JK0", "received_at": now}
        change = Change(complaint_id=1, events=events, values=values, is_new=True)
        await advance(connection, [change], await Rulebooks().current(connection), now=now)
    await engine.dispose()


def _copy(bare: psycopg.Connection[Any], clocks: int) -> None:
    """Copies of the complaint with its longest clock that counts every hour; its own clocks never fire."""
    bare.execute("UPDATE sla_clock SET next_step = NULL, next_fire_at = NULL")
    longest = """(SELECT * FROM sla_clock WHERE target_unit = 'elapsed_minute' ORDER BY target_s DESC, id LIMIT 1)"""
    given: Mapping[str, Mapping[str, str]] = {
        "complaint": {"id": "1 + n", "ticket_code": "'JK' || n"},
        "sla_clock": {
            "id": "nextval(pg_get_serial_sequence('sla_clock', 'id'))",
            "complaint_id": "1 + n",
            "next_step": "75",
            "next_fire_at": "started_at + interval '1 hour' + n * interval '1 second'",
        },
    }
    for table, of in (("complaint", "complaint"), ("sla_clock", longest)):
        names = [column.name for column in metadata.tables[table].columns]
        statement = "INSERT INTO {} ({}) SELECT {} FROM {} AS one, generate_series(1, %s) AS n"
        places = ", ".join(given[table].get(name, f'one."{name}"') for name in names)
        columns = ", ".join(f'"{name}"' for name in names)
        bare.execute(statement.format(table, columns, places, of).encode(), [clocks])


async def _idle(small: str, large: str, options: argparse.Namespace) -> Figure:
    """The median sweep of both, in turns; prints what the statement of each read."""
    rulebooks, urls = Rulebooks(), (large, small)
    few, many = sorted(options.clocks)
    engines = {url: make_engine(url) for url in urls}
    taken: dict[str, list[float]] = {url: [] for url in urls}
    for url, count in zip(urls, (many, few), strict=True):
        look = await _look(engines[url], url)
        print(f"          nothing due at {count:,}: {look.rows} rows read, {look.pages} pages touched")
    for number in range(options.times):
        for url in urls if number % 2 else reversed(urls):
            begun = time.perf_counter()
            await sweep_all(engines[url], rulebooks, now=utc_now())
            taken[url].append(time.perf_counter() - begun)
    for engine in engines.values():
        await engine.dispose()
    what = f"a sweep, {many:,} running clocks / {few:,}"
    return Figure(what, percentile(taken[large], 0.5), percentile(taken[small], 0.5), _GROWTH_GOAL)


async def _look(engine: AsyncEngine, url: str) -> Look:
    """What the statements of a sweep made PostgreSQL do."""
    with listening(engine) as heard:
        await sweep_all(engine, Rulebooks(), now=utc_now())
    with psycopg.connect(plain_dsn(url)) as bare:
        asked = [
            bare.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {said.statement}".encode(), said.values[0])
            for said in heard
            if said.statement.startswith("SELECT")
        ]
        plans = [row[0][0]["Plan"] for each in asked if (row := each.fetchone()) is not None]
    pages = sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans)
    return Look(sum(map(_rows_read, plans)), pages)


def _rows_read(plan: Mapping[str, Any]) -> int:
    """The rows that the scans of a plan gave or looked at in vain."""
    own = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    read = round(own * plan["Actual Loops"]) if "Relation Name" in plan else 0
    return read + sum(_rows_read(each) for each in plan.get("Plans", ()))


async def _burst(url: str, due: int) -> list[Figure]:
    """One sweep of everything that is due, beside the same rows of alerts and deliveries as bare inserts."""
    now = utc_now()
    with psycopg.connect(plain_dsn(url), autocommit=True) as bare:
        given = {"first": now - timedelta(minutes=1), "apart": timedelta(0), "count": due}
        bare.execute(_WARNED, given)
    engine, rulebooks = make_engine(url), Rulebooks()
    async with reading(engine) as connection:
        await rulebooks.current(connection)
    ends: list[float] = []
    begun = time.perf_counter()
    event.listen(engine.sync_engine, "commit", lambda _: ends.append(time.perf_counter()))
    swept = await sweep_all(engine, rulebooks, now=now)
    ours = time.perf_counter() - begun
    await engine.dispose()
    if swept.raised != due:
        raise RuntimeError(f"{due} clocks are due, {swept} were raised")
    batches = [after - before for before, after in zip([begun, *ends], ends, strict=False)]
    raw, alerts, deliveries = _write_bare(url, now)
    print(f"          {alerts:,} alert and {deliveries:,} delivery rows in transactions of {BATCH} clocks")
    return [
        Figure(f"raise {due:,} in one pass / their rows alone", ours, raw),
        Figure("  the longest transaction, for which an officer may wait", max(batches)),
    ]


def _write_bare(url: str, raised_at: datetime) -> tuple[float, int, int]:
    """The seconds that it takes to insert the same alerts and deliveries again, and how many they are."""
    with psycopg.connect(plain_dsn(url), autocommit=True, row_factory=dict_row, prepare_threshold=None) as bare:
        alerts = bare.execute("SELECT * FROM alert WHERE raised_at = %s ORDER BY id", [raised_at]).fetchall()
        ids = [row["id"] for row in alerts]
        deliveries = bare.execute("DELETE FROM delivery WHERE alert_id = ANY(%s) RETURNING *", [ids]).fetchall()
        bare.execute("DELETE FROM alert WHERE id = ANY(%s)", [ids])
        for row in deliveries:
            row["payload"] = None if row["payload"] is None else Jsonb(row["payload"])
        begun = time.perf_counter()
        for first in range(0, len(ids), BATCH):
            batch = set(ids[first : first + BATCH])
            with bare.transaction():
                _insert(bare, "alert", [row for row in alerts if row["id"] in batch])
                _insert(bare, "delivery", [row for row in deliveries if row["alert_id"] in batch])
        return time.perf_counter() - begun, len(alerts), len(deliveries)


def _insert(bare: psycopg.Connection[Any], table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        names = list(rows[0])
        columns, values = (
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join(map(sql.Placeholder, names)),
        )
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), columns, values)
        bare.cursor().executemany(statement, rows)


def _ticks(url: str, count: int) -> list[float]:
    """The seconds from each due instant until its alert and its message can be read by others."""
    with psycopg.connect(plain_dsn(url), autocommit=True) as bare, _working(url, bare):
        first = utc_now() + timedelta(seconds=1)
        given = {"first": first, "apart": timedelta(seconds=10) / count, "count": count}
        bare.execute(_WARNED, given)
        seen: dict[int, float] = {}
        end = time.monotonic() + _START_S
        while len(seen) < count and time.monotonic() < end:
            found = bare.execute(_IN_OUTBOX, [first]).fetchall()
            now = utc_now()
            for id_, due_at in found:
                seen.setdefault(id_, (now - due_at).total_seconds())
            time.sleep(_LOOK_S)
    if len(seen) < count:
        raise RuntimeError(f"{len(seen)} of {count} alerts were raised")
    return list(seen.values())


@contextmanager
def _working(url: str, bare: psycopg.Connection[Any]) -> Iterator[None]:
    """A `tanggap worker` that has begun its work."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TANGGAP_")}
    environment = {**kept, "TANGGAP_DATABASE_URL": url, "TANGGAP_SECRET_KEY": _SECRET}
    bare.execute("DELETE FROM worker")
    silent = subprocess.DEVNULL
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "worker"], env=environment, stdout=silent, stderr=silent
    )
    try:
        end = time.monotonic() + _START_S
        while bare.execute("SELECT 1 FROM worker").fetchone() is None:
            if time.monotonic() > end or process.poll() is not None:
                raise RuntimeError("a worker did not start")
            time.sleep(_LOOK_S)
        yield
    finally:
        process.terminate()
        process.wait(timeout=_START_S)


if __name__ == "__main__":
    main()
