"""A small city with officers, rules and complaints, on one database: what the queue's tests and the door's ask of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Table, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.clocks import Rulebook
from app.complaint.events import CaseEvent, EventKind
from app.complaint.lifecycle import Move, Status
from app.complaint.roles import Role
from app.db.changes import RULES, count_up
from app.db.complaints import Change, advance, lock
from app.db.metadata import metadata
from app.db.rulebook import Rulebooks
from app.db.scope import WHOLE, Scope
from app.db.session import reading, writing
from app.vault import Vault
from app.workqueue.actions import MoveRequest, move
from app.workqueue.asker import Asker
from app.workqueue.detail import HistoryPage, locate, read_history, read_one
from app.workqueue.filters import Filters, Sort
from app.workqueue.listing import Page, Position, read_page
from app.workqueue.selection import select_for
from app.workqueue.shapes import ComplaintCard

WIB = ZoneInfo("Asia/Jakarta")
VAULT = Vault(bytes(range(32)))
DAY = timedelta(days=1)

PARENTS: Mapping[str, tuple[str, ...]] = {
    "kota": (),
    "dinas": (),
    "biro": (),
    "kecamatan": ("kota",),
    "kelurahan-a": ("kecamatan",),
    "kelurahan-b": ("kecamatan",),
    "sudin": ("dinas", "kota"),
}
OFFICERS: Mapping[str, tuple[Role, tuple[str, ...]]] = {
    "ani": (Role.OFFICER, ("kelurahan-a",)),
    "budi": (Role.OFFICER, ("kelurahan-a",)),
    "citra": (Role.OFFICER, ("sudin",)),
    "dewi": (Role.SUPERVISOR, ("kota",)),
    "eko": (Role.OFFICER, ("biro",)),
    "fajar": (Role.VIEWER, ("kota",)),
    "gita": (Role.ADMIN, ()),
}
POLICIES = {"city.respond": ("respond", 24 * 60), "city.resolve": ("resolve", 7 * 24 * 60)}
WEEK = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


def at(text: str) -> datetime:
    """An instant written as local time: `2026-01-12 15:01`."""
    return datetime.fromisoformat(text).replace(tzinfo=WIB).astimezone(UTC)


NOON = at("2026-01-12 12:00")
"""When the tests look, unless they say otherwise."""


@dataclass
class Desk:
    """One database with the city in it; its helpers act as the room does, each in a transaction of its own."""

    engine: AsyncEngine
    rulebooks: Rulebooks = field(default_factory=Rulebooks)
    vault: Vault = VAULT
    units: dict[str, int] = field(default_factory=dict)
    officers: dict[str, int] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)

    async def build(self) -> None:
        async with writing(self.engine) as connection:
            await self._build_units(connection)
            await self._build_people(connection)
            await _build_rules(connection)
            for name in ("crm", "jaki"):
                self.sources[name] = await _add(connection, "source", **_SOURCE, name=name, connector=name)

    async def _build_units(self, connection: AsyncConnection) -> None:
        above: dict[str, dict[str, int]] = {}
        for code, parents in PARENTS.items():
            ids = [*(self.units[parent] for parent in parents), None, None]
            row = {
                "code": code,
                "name": code.title(),
                "type": "test",
                "is_active": True,
                "is_validator": code == "biro",
            }
            self.units[code] = await _add(connection, "unit", **row, parent_id=ids[0], second_parent_id=ids[1])
            above[code] = {code: 0}
            for parent in parents:
                above[code] |= {name: depth + 1 for name, depth in above[parent].items()}
            for name, depth in above[code].items():
                way = {"unit_id": self.units[code], "ancestor_id": self.units[name], "depth": depth}
                await connection.execute(insert(table("unit_ancestor")).values(way))

    async def _build_people(self, connection: AsyncConnection) -> None:
        for username, (role, units) in OFFICERS.items():
            row = {"username": username, "name": username.title(), "role": role, "is_active": True}
            row |= {"failed_sign_ins": 0, "created_at": NOON}
            self.officers[username] = await _add(connection, "officer", **row)
            for unit in units:
                place = {"officer_id": self.officers[username], "unit_id": self.units[unit]}
                await connection.execute(insert(table("officer_unit")).values(place))

    def asker(self, username: str) -> Asker:
        role, units = OFFICERS[username]
        scope = Scope(tuple(self.units[unit] for unit in units), "biro" in units) if units else WHOLE
        return Asker(scope, role, self.officers[username])

    async def rules(self, connection: AsyncConnection) -> Rulebook:
        return await self.rulebooks.current(connection)

    async def report(self, code: str | None, reported_at: datetime, *, unit: str | None = None, **values: Any) -> int:
        """A new complaint, as intake would store it; its id."""
        events = [entry(EventKind.REPORTED, reported_at)]
        if unit is not None:
            events.append(entry(EventKind.ASSIGNED, reported_at, unit_id=self.units[unit]))
        return await self.store(code, events, values, now=max(reported_at, NOON - 30 * DAY))

    async def report_many(self, count: int, reported_at: datetime, *, unit: str) -> list[int]:
        """New complaints `JK0`, `JK1`, … in one transaction; their ids."""
        ids = list(range(1, count + 1))
        async with writing(self.engine) as connection:
            changes = [self._new(each, f"JK{each - 1}", reported_at, unit) for each in ids]
            await advance(connection, changes, await self.rules(connection), now=reported_at)
        return ids

    def _new(self, complaint_id: int, code: str, at: datetime, unit: str) -> Change:
        events = [entry(EventKind.REPORTED, at), entry(EventKind.ASSIGNED, at, unit_id=self.units[unit])]
        values = {**_HEADER, "ticket_code": code, "received_at": at}
        return Change(complaint_id=complaint_id, events=events, values=values, is_new=True)

    async def store(
        self, code: str | None, events: Sequence[CaseEvent], values: Mapping[str, Any], *, now: datetime
    ) -> int:
        async with writing(self.engine) as connection:
            newest = select(table("complaint").c.id).order_by(table("complaint").c.id.desc()).limit(1)
            id_ = int(await connection.scalar(newest) or 0) + 1
            header = {**_HEADER, "ticket_code": code, "received_at": now, **values}
            change = Change(complaint_id=id_, events=events, values=header, is_new=True)
            await advance(connection, [change], await self.rules(connection), now=now)
        return id_

    async def carry(self, complaint_id: int, source: str, external_id: str, raw: object = None) -> None:
        """A source record of the complaint."""
        row = {"source_id": self.sources[source], "external_id": external_id, "complaint_id": complaint_id}
        row |= {"content_hash": uuid4().hex, "sealed_raw": self.vault.seal_json(raw, "raw"), "notices": []}
        row |= {"reported_at": NOON, "first_seen_at": NOON, "changed_at": NOON}
        async with writing(self.engine) as connection:
            await _add(connection, "source_record", **row)

    async def hear(self, complaint_id: int, status: Status, when: datetime, *, now: datetime | None = None) -> None:
        """A source's word about `when`, heard `now` (None: at once)."""
        event = entry(EventKind.STATUS, when, status=status, word="Kata sumber", source_id=self.sources["crm"])
        async with writing(self.engine) as connection:
            await lock(connection, complaint_id)
            change = Change(complaint_id=complaint_id, events=[event])
            await advance(connection, [change], await self.rules(connection), now=now or when)

    async def move(
        self,
        complaint_id: int,
        wanted: Move,
        username: str = "gita",
        *,
        now: datetime = NOON,
        seen: set[int] | None = None,
        **values: Any,
    ) -> ComplaintCard:
        """An officer's move, and the complaint after it."""
        asker, request = self.asker(username), MoveRequest(move=wanted, **values)
        async with writing(self.engine) as connection:
            rules = await self.rules(connection)
            await move(connection, complaint_id, request, asker, rules, seen=seen, now=now)
            return await read_one(connection, complaint_id, asker, rules, now=now)

    async def see(self, ref: int | str, username: str = "gita", *, now: datetime = NOON) -> ComplaintCard:
        asker = self.asker(username)
        async with reading(self.engine) as connection:
            found = await locate(connection, str(ref), asker.scope)
            return await read_one(connection, found, asker, await self.rules(connection), now=now)

    async def history(self, complaint_id: int, username: str = "gita", **paging: Any) -> HistoryPage:
        async with reading(self.engine) as connection:
            return await read_history(connection, complaint_id, self.asker(username), **paging)

    async def page(
        self,
        filters: Filters | None = None,
        username: str = "gita",
        *,
        sort: Sort = Sort.DUE,
        after: Position | None = None,
        limit: int = 50,
        now: datetime = NOON,
    ) -> Page:
        asker = self.asker(username)
        async with reading(self.engine) as connection:
            rules = await self.rules(connection)
            chosen = await select_for(connection, filters or Filters(), asker, rules, now=now, zone=WIB)
            return await read_page(connection, chosen, asker, rules, sort=sort, after=after, limit=limit, now=now)

    async def codes(self, filters: Filters | None = None, username: str = "gita", **paging: Any) -> list[str | None]:
        """The ticket codes of a page, in order."""
        page = await self.page(filters, username, **paging)
        return [item["ticket_code"] for item in page.items]

    async def walk(self, filters: Filters | None = None, username: str = "gita", **paging: Any) -> list[str | None]:
        """The ticket codes of all pages, in order."""
        page = await self.page(filters, username, **paging)
        found = [item["ticket_code"] for item in page.items]
        while page.last is not None:
            page = await self.page(filters, username, **{**paging, "after": page.last})
            found += [item["ticket_code"] for item in page.items]
        return found

    async def rows(self, name: str) -> list[Any]:
        async with reading(self.engine) as connection:
            return list(await connection.execute(select(table(name)).order_by(*table(name).primary_key)))


def table(name: str) -> Table:
    return metadata.tables[name]


async def _build_rules(connection: AsyncConnection) -> None:
    calendar_id = await _add(connection, "calendar", name="24x7")
    version = {"calendar_id": calendar_id, "version": 1, "rules": {"timezone": "Asia/Jakarta", "week": WEEK}}
    await _add(connection, "calendar_version", **version, published_at=NOON)
    for name, (clock, minutes) in POLICIES.items():
        policy_id = await _add(connection, "policy", name=name, family="city", kind="clock", clock=clock)
        await _add(connection, "policy_version", policy_id=policy_id, target_amount=minutes, **_VERSION)
    labels = {"label_id": "Laporan berulang", "label_en": "Repeated report", "needs_evidence": False}
    await connection.execute(insert(table("reason_code")).values(kind="reject", code="duplicate", **labels))
    await count_up(connection, RULES)


async def _add(connection: AsyncConnection, name: str, /, **row: Any) -> int:
    return int(await connection.scalar(insert(table(name)).values(row).returning(table(name).c.id)) or 0)


def entry(kind: EventKind, when: datetime, **values: Any) -> CaseEvent:
    """An entry of a history; without `source_id` an officer's."""
    return CaseEvent(kind=kind, occurred_at=when, recorded_at=when, key=uuid4().hex, **values)


_VERSION = {
    "version": 1,
    "target_unit": "elapsed_minute",
    "calendar": "24x7",
    "applies": {},
    "honours": ["awaiting_complainant"],
    "thresholds": [75, 90, 100],
    "repeat_s": 86_400,
    "max_extensions": 0,
    "effective_on": datetime(2020, 1, 1, tzinfo=WIB).date(),
    "basis": "the city's own",
    "confidence": "H",
    "published_at": at("2020-01-01 00:00"),
}
_SOURCE = {"options": {}, "is_enabled": True, "created_at": NOON, "lease_no": 0, "failures": 0, "every_s": 300}
_HEADER = {
    "channel": "JAKI",
    "category": "Jalan",
    "subject": "Jalan berlubang",
    "text": "Lubang di depan sekolah, hubungi 0812-0000-1234",
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
