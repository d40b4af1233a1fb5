"""What moving open clocks to a new calendar costs beside writing the same rows without arithmetic.

`python -m bench.recalculation`. Complaints of SP4N-LAPOR, whose clocks count office hours, are proposed shorter ones;
every row that the recalculation writes is taken down and written again by the bare driver to a copy of the database,
cut into the same transactions: row by row in an `executemany`, and as the documents that they travelled in.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from app.clock import utc_now
from app.complaint.events import CaseEvent, EventKind
from app.complaint.lifecycle import Move
from app.db.complaints import Change, advance, lock
from app.db.rulebook import Rulebooks
from app.db.session import make_engine, reading, snapshot, writing
from app.db.states import RuleKind
from app.db.tables.complaints import Complaint, SlaClock
from app.db.tables.units import Unit
from app.db.verify import verify
from app.rules import drafting, proposals
from app.rules.recalculation import Bench, recalculate
from app.rules.versions import add_version, read_content, read_rule
from bench.capture import Said, listening
from bench.databases import Databases, add_url_option, open_databases, plain_dsn
from bench.figures import Figure, Goal, duration, show_table
from bench.machine import show_machine

_CALENDAR = "asn-dki"
_GOAL = Goal.within(2)
_FILLED = 1_000
_SPREAD = timedelta(days=5)
_WRITE = re.compile(r'(UPDATE|INSERT INTO) "(sla_clock|complaint|queue_slot|complaint_event)" ')
_KEYS = {"queue_slot": "complaint_id"}
_HEADER = {
    "channel": "LAPOR",
    "category": "Jalan",
    "classification": "non_oversight",
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
    "connectors": ["lapor"],
    "policy_families": None,
}


Batch = Sequence[Said]
"""What one transaction says."""
Call = tuple[str, list[Any]]
"""A statement and its rows."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One recalculation: its seconds, those of the preview, clocks moved, and how long an officer waited at most."""

    preview_s: float
    seconds: float
    moved: int
    wait_s: float | None = None


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.recalculation", description=__doc__)
    parser.add_argument("--clocks", type=int, default=100_000, help="open clocks that count office hours (100000)")
    add_url_option(parser)
    options = parser.parse_args()
    show_machine("Recalculation")
    with open_databases(options.url) as databases, databases.fresh() as filled:
        asyncio.run(_fill(filled, options.clocks // 3))
        copies = Databases(databases.admin_url, str(make_url(filled).database))
        with copies.fresh() as url:
            heard, _ = asyncio.run(_take_down(url))
        batches = list(_batches(heard))
        for take in (1, 2):
            show_table(f"take {take}: one clock", _figures(copies, batches))
        with copies.fresh() as url:
            taken = asyncio.run(_recalculate(url, with_officers=True))
            differences = asyncio.run(_differences(url))
    print(f"\nwith officers at work on the same complaints: {duration(taken.seconds)} for {taken.moved:,} clocks")
    print(f"the longest that one of their moves took: {duration(taken.wait_s or 0)}")
    print(f"differences between what is stored and its fold afterwards: {differences}")


def _figures(copies: Databases, batches: Sequence[Batch]) -> Iterator[Figure]:
    with copies.fresh() as url:
        taken = asyncio.run(_recalculate(url))
    count, ours_s = taken.moved, taken.seconds / taken.moved
    bare: list[float] = []
    for way, prepares in ((_by_row, False), (_by_row, True), (_as_documents, False)):
        with copies.fresh() as url:
            bare.append(asyncio.run(_write_bare(url, [way(batch) for batch in batches], prepares=prepares)) / count)
    yield Figure(f"move {count:,} clocks / write their rows, connected as we are", ours_s, bare[0], _GOAL)
    yield Figure("the same, statements prepared by the driver", ours_s, bare[1])
    yield Figure("the same rows as documents", ours_s, bare[2])
    yield Figure("preview (folded, nothing written)", taken.preview_s / count)


async def _fill(url: str, count: int) -> None:
    """Complaints with three clocks each that count office hours: forward, respond, resolve."""
    engine, rulebooks, now = make_engine(url), Rulebooks(), utc_now().replace(microsecond=0)
    async with reading(engine) as connection:
        units = list(await connection.scalars(select(Unit.id).where(Unit.type == "kelurahan").order_by(Unit.id)))
    for first in range(1, count + 1, _FILLED):
        numbers = range(first, min(first + _FILLED, count + 1))
        changes = [
            _complaint(number, units[number % len(units)], now - _SPREAD * (number / count)) for number in numbers
        ]
        async with writing(engine) as connection:
            await advance(connection, changes, await rulebooks.current(connection), now=now)
    async with reading(engine) as connection:
        clocks = await connection.scalar(select(func.count()).select_from(SlaClock))
    await engine.dispose()
    with psycopg.connect(plain_dsn(url), autocommit=True) as bare:
        bare.execute("VACUUM (ANALYZE)")
    print(
        f"sizes:    {count:,} open complaints with {clocks:,} open clocks, three of each counting office hours",
        flush=True,
    )


def _complaint(number: int, unit_id: int, reported_at: datetime) -> Change:
    at = reported_at.replace(microsecond=0)
    event = CaseEvent(occurred_at=at, recorded_at=at, kind=EventKind.REPORTED, key="reported")
    given = replace(event, kind=EventKind.ASSIGNED, key="given", unit_id=unit_id)
    values = {**_HEADER, "ticket_code": f"LP{number:08}", "received_at": at}
    return Change(complaint_id=number, events=[event, given], values=values, is_new=True)


async def _take_down(url: str) -> tuple[list[Said], Taken]:
    engine = make_engine(url)
    with listening(engine) as heard:
        taken = await _run(engine, with_officers=False)
    await engine.dispose()
    return [said for said in heard if _WRITE.match(said.statement)], taken


async def _recalculate(url: str, *, with_officers: bool = False) -> Taken:
    engine = make_engine(url)
    taken = await _run(engine, with_officers=with_officers)
    await engine.dispose()
    return taken


async def _run(engine: AsyncEngine, *, with_officers: bool) -> Taken:
    rulebooks, now = Rulebooks(), utc_now()
    begun = time.perf_counter()
    proposal_id = await _propose(engine, rulebooks, now)
    preview_s = time.perf_counter() - begun
    async with writing(engine) as connection:
        await proposals.approve(connection, proposal_id, confirm=True, actor="two", today=now.date(), now=now)
    is_over = asyncio.Event()
    officers = asyncio.create_task(_work(engine, is_over)) if with_officers else None
    begun = time.perf_counter()
    done = await recalculate(Bench(engine, rulebooks, "bench", timedelta(seconds=60), utc_now))
    seconds = time.perf_counter() - begun
    is_over.set()
    wait_s = await officers if officers is not None else None
    return Taken(preview_s, seconds, done.moved if done is not None else 0, wait_s)


async def _wish(engine: AsyncEngine) -> drafting.Wish:
    """Shorter hours from Monday to Friday; holidays stay."""
    async with reading(engine) as connection:
        rule = await read_rule(connection, RuleKind.CALENDAR, _CALENDAR)
    rules = dict(rule.versions[-1].content.to_json()["rules"])  # type: ignore[call-overload]
    rules["week"] = {day: [["08:00", "12:00"], ["13:00", "15:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    return drafting.Wish(kind=RuleKind.CALENDAR, name=_CALENDAR, given={"rules": rules})


async def _propose(engine: AsyncEngine, rulebooks: Rulebooks, now: datetime) -> int:
    wish = await _wish(engine)
    draft = await drafting.prepare(engine, engine, rulebooks, wish, today=now.date(), now=now)
    async with writing(engine) as connection:
        return await drafting.store(connection, draft, reason="bench", actor="one", now=now)


async def _work(engine: AsyncEngine, is_over: asyncio.Event) -> float:
    """Officers accept one complaint after the other, here and there; the longest that one of them took."""
    rulebooks, longest, number = Rulebooks(), 0.0, 0
    async with reading(engine) as connection:
        ids = list(await connection.scalars(select(Complaint.id).order_by(Complaint.ticket_code)))
    while not is_over.is_set():
        number += 101
        begun = time.perf_counter()
        await _accept(engine, rulebooks, ids[number % len(ids)])
        longest = max(longest, time.perf_counter() - begun)
        await asyncio.sleep(0.01)
    return longest


async def _accept(engine: AsyncEngine, rulebooks: Rulebooks, complaint_id: int) -> None:
    now = utc_now()
    at = now.replace(microsecond=0)
    event = CaseEvent(occurred_at=at, recorded_at=now, kind=EventKind.MOVE, move=Move.ACCEPT, key=uuid4().hex)
    async with writing(engine) as connection:
        rules = await rulebooks.current(connection)
        await lock(connection, complaint_id)
        await advance(connection, [Change(complaint_id=complaint_id, events=[event])], rules, now=now)


async def _differences(url: str) -> int:
    engine = make_engine(url)
    async with snapshot(engine) as connection:
        rules = await Rulebooks().current(connection)
        count = sum([len(found) async for _, found in verify(connection, rules)])
    await engine.dispose()
    return count


def _batches(heard: Iterable[Said]) -> Iterator[list[Said]]:
    """The writes, cut where the next transaction begins."""
    batch: list[Said] = []
    for said in heard:
        if said.statement.startswith('UPDATE "sla_clock"') and batch:
            yield batch
            batch = []
        batch.append(said)
    if batch:
        yield batch


def _as_documents(batch: Batch) -> list[Call]:
    """What was said, once more."""
    return [(said.statement, said.values) for said in batch]


def _by_row(batch: Batch) -> list[Call]:
    """A plain statement for each table, and its rows."""
    calls = []
    for said in batch:
        match = _WRITE.match(said.statement)
        assert match is not None
        rows = [_plain(row) for value in said.values for row in json.loads(value["rows"])]
        calls.append((_statement(match[1], match[2], tuple(rows[0])), rows))
    return calls


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: Jsonb(value) if isinstance(value, dict) else value for name, value in row.items()}


def _statement(verb: str, table: str, names: Sequence[str]) -> str:
    key = _KEYS.get(table, "id")
    if verb == "UPDATE":
        assigned = ", ".join(f"{name} = %({name})s" for name in names if name != key)
        return f"UPDATE {table} SET {assigned} WHERE {key} = %({key})s"
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(f'%({name})s' for name in names)})"


async def _draft(url: str) -> None:
    """The version that the rows name must be there, as it was when they were taken down."""
    engine, now = make_engine(url), utc_now()
    wish = await _wish(engine)
    async with writing(engine) as connection:
        rule = await read_rule(connection, wish.kind, wish.name)
        await add_version(connection, rule, read_content(rule, wish.given, today=now.date()), actor="one", now=now)
    await engine.dispose()


async def _write_bare(url: str, batches: Sequence[Sequence[Call]], *, prepares: bool) -> float:
    """The seconds that the bare driver takes."""
    await _draft(url)
    threshold = 5 if prepares else None
    async with await psycopg.AsyncConnection.connect(plain_dsn(url), prepare_threshold=threshold) as connection:
        begun = time.perf_counter()
        for batch in batches:
            async with connection.transaction(), connection.cursor() as cursor:
                for statement, rows in batch:
                    await cursor.executemany(statement.encode(), rows)
        return time.perf_counter() - begun


if __name__ == "__main__":
    main()
