"""A town of a few units, rules and complaints, small enough to count its alerts by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Table, event, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.alerts.delivery import Post, Sent, deliver
from app.alerts.messages import Wording
from app.alerts.notifiers import Answer, ConsoleNotifier, Notice, Notifier
from app.alerts.watch import Swept, sweep_all
from app.complaint.events import CaseEvent, EventKind
from app.complaint.lifecycle import Move, Status
from app.db.complaints import Change, advance, lock
from app.db.metadata import metadata
from app.db.rulebook import Rulebooks
from app.db.session import reading, writing
from app.vault import Vault

WIB = ZoneInfo("Asia/Jakarta")
WORDING = Wording(WIB, "https://tanggap.example.go.id")
VAULT = Vault(bytes(range(32)))
DAY = 86_400

UNITS = {"kota": None, "dinas-a": "kota", "rt-a": "dinas-a", "dinas-b": "kota"}
POLICIES = {
    "kota.respond": ("city", "respond", 24 * 60),
    "kota.resolve": ("city", "resolve", 7 * 24 * 60),
    "uu.respond": ("law", "respond", 14 * 24 * 60),
}
ALWAYS = {
    "timezone": "Asia/Jakarta",
    "week": {day: [["00:00", "24:00"]] for day in ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]},
}


def at(text: str) -> datetime:
    """An instant written as local time: `2026-01-12 15:01`."""
    return datetime.fromisoformat(text).replace(tzinfo=WIB)


@dataclass
class Recorder:
    """A channel that keeps what it was given, and answers as it is told."""

    channel: str = "console"
    answers: list[Answer] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    async def send(self, notice: Notice, *, now: datetime) -> Answer:
        self.notices.append(notice)
        return self.answers.pop(0) if self.answers else Answer(True, "heard")


@dataclass
class Town:
    """One database with the town in it."""

    engine: AsyncEngine
    rulebooks: Rulebooks = field(default_factory=Rulebooks)
    units: dict[str, int] = field(default_factory=dict)

    async def build(self) -> None:
        async with writing(self.engine) as connection:
            await self._build_units(connection)
            await _build_rules(connection)

    async def _build_units(self, connection: AsyncConnection) -> None:
        ways: dict[str, list[str]] = {}
        for code, parent in UNITS.items():
            self.units[code] = await _add(
                connection,
                "unit",
                code=code,
                name=code.replace("-", " ").title(),
                type="test",
                parent_id=self.units[parent] if parent else None,
                is_validator=False,
                is_active=True,
            )
            ways[code] = [code, *(ways[parent] if parent else [])]
            for depth, above in enumerate(ways[code]):
                row = {"unit_id": self.units[code], "ancestor_id": self.units[above], "depth": depth}
                await connection.execute(insert(table("unit_ancestor")).values(row))

    async def report(
        self,
        code: str,
        reported_at: datetime,
        *,
        unit: str | None = "rt-a",
        received_at: datetime | None = None,
        is_history: bool = False,
    ) -> int:
        """A new complaint; its id."""
        received = received_at or reported_at
        events = [_event(EventKind.REPORTED, reported_at, received)]
        if unit is not None:
            events.append(_event(EventKind.ASSIGNED, reported_at, received, unit_id=self.units[unit]))
        async with writing(self.engine) as connection:
            id_ = int(await connection.scalar(select(table("complaint").c.id).order_by(_id().desc()).limit(1)) or 0) + 1
            values = {**_HEADER, "ticket_code": code, "received_at": received, "is_history": is_history}
            rules = await self.rulebooks.current(connection)
            change = Change(complaint_id=id_, events=events, values=values, is_new=True)
            await advance(connection, [change], rules, now=received)
        return id_

    async def move(self, complaint_id: int, move: Move, when: datetime, **values: Any) -> None:
        """An officer's move."""
        await self.add(complaint_id, _event(EventKind.MOVE, when, when, move=move, **values))

    async def hear(self, complaint_id: int, status: Status, when: datetime) -> None:
        """A source's word."""
        await self.add(complaint_id, _event(EventKind.STATUS, when, when, status=status))

    async def add(self, complaint_id: int, entry: CaseEvent) -> None:
        async with writing(self.engine) as connection:
            await lock(connection, complaint_id)
            rules = await self.rulebooks.current(connection)
            change = Change(complaint_id=complaint_id, events=[entry])
            await advance(connection, [change], rules, now=entry.recorded_at)

    async def sweep(self, now: datetime, limit: int = 500) -> Swept:
        return await sweep_all(self.engine, self.rulebooks, now=now, limit=limit)

    async def deliver(self, now: datetime, *notifiers: Notifier, **post: Any) -> Sent:
        channels = notifiers or (ConsoleNotifier(WORDING),)
        by_name: Mapping[str, Notifier] = {each.channel: each for each in channels}
        return await deliver(Post(engine=self.engine, notifiers=by_name, clock=lambda: now, **post))

    @contextmanager
    def overheard(self) -> Iterator[list[tuple[str, Any]]]:
        """Every statement of the block with its parameters, but for the beginnings of transactions."""
        heard: list[tuple[str, Any]] = []

        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
            if not statement.startswith("BEGIN"):
                heard.append((statement, parameters))

        event.listen(self.engine.sync_engine, "before_cursor_execute", note)
        yield heard
        event.remove(self.engine.sync_engine, "before_cursor_execute", note)

    async def rows(self, name: str) -> list[Any]:
        async with reading(self.engine) as connection:
            found = await connection.execute(select(table(name)).order_by(*table(name).primary_key))
            return list(found)

    async def steps(self) -> list[tuple[int, str, str, int]]:
        """What was raised, in order: complaint, clock, rule, step."""
        return [(row.complaint_id, row.clock, row.rule, row.step) for row in await self.rows("alert")]

    async def clock(self, complaint_id: int, clock: str, family: str = "city") -> Any:
        rows = await self.rows("sla_clock")
        key = (complaint_id, clock, family)
        return next(row for row in rows if (row.complaint_id, row.clock, row.family) == key)


def table(name: str) -> Table:
    return metadata.tables[name]


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


async def _build_rules(connection: AsyncConnection) -> None:
    calendar_id = await _add(connection, "calendar", name="24x7")
    await _add(
        connection,
        "calendar_version",
        calendar_id=calendar_id,
        version=1,
        rules=ALWAYS,
        published_at=at("2020-01-01 00:00"),
    )
    for name, (family, clock, minutes) in POLICIES.items():
        policy_id = await _add(connection, "policy", name=name, family=family, kind="clock", clock=clock)
        await _add(connection, "policy_version", policy_id=policy_id, target_amount=minutes, **_VERSION)


async def _add(connection: AsyncConnection, name: str, /, **row: Any) -> int:
    return int(await connection.scalar(insert(table(name)).values(row).returning(table(name).c.id)) or 0)


def _event(kind: EventKind, occurred_at: datetime, recorded_at: datetime, **values: Any) -> CaseEvent:
    return CaseEvent(kind=kind, occurred_at=occurred_at, recorded_at=recorded_at, key=uuid4().hex, **values)


def _id() -> Any:
    return table("complaint").c.id


_VERSION = {
    "version": 1,
    "target_unit": "elapsed_minute",
    "calendar": "24x7",
    "applies": {},
    "honours": ["awaiting_complainant"],
    "thresholds": [75, 90, 100],
    "repeat_s": DAY,
    "max_extensions": 0,
    "effective_on": datetime(2020, 1, 1, tzinfo=WIB).date(),
    "basis": "the town's own",
    "confidence": "H",
    "published_at": at("2020-01-01 00:00"),
}
_HEADER = {
    "channel": "JAKI",
    "subject": "Rahasia keluarga Sekar",
    "text": "Rahasia: hubungi Sekar di 0812-0000-1234",
    "evidence_urls": [],
    "is_private": True,
    "is_anonymous": False,
    "is_confidential": False,
    "time_precision": "second",
    "content_rank": 0,
    "handling_rank": 0,
    "connectors": ["jaki"],
    "policy_families": None,
}
