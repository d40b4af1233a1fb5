"""A complaint that crossed Nyepi and Idul Fitri of 2026, a lunch, a pause and a hand-over, on a seeded database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Table, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.events import CaseEvent, EventKind
from app.complaint.lifecycle import Move, Status
from app.db.complaints import Change, advance
from app.db.metadata import metadata
from app.db.rulebook import Rulebooks
from app.db.session import writing

CODE = "LG2603100017"
_WIB = ZoneInfo("Asia/Jakarta")
_OFFICERS = {"ani": "Ani Lestari", "budi": "Budi Santoso", "dewi": "Dewi Anggraini"}
_UNITS = ("31.71.07.1004", "sudin-bina-marga-jakarta-pusat")
_HEADER = {
    "channel": "LAPOR",
    "category": "Jalan",
    "classification": "non_oversight",
    "subject": "Trotoar ambles",
    "text": "Trotoar di depan halte ambles.",
    "evidence_urls": [],
    "is_private": False,
    "is_anonymous": False,
    "is_confidential": False,
    "is_history": False,
    "time_precision": "second",
    "content_rank": 0,
    "handling_rank": 0,
    "connectors": ["lapor"],
    "policy_families": ["sp4n"],
}


def wib(text: str) -> datetime:
    """`10 Mar 10:15:20` of 2026 in Jakarta."""
    form = "%d %b %H:%M:%S %Y" if text.count(":") == 2 else "%d %b %H:%M %Y"
    return datetime.strptime(f"{text} 2026", form).replace(tzinfo=_WIB).astimezone(UTC)


async def tell(engine: AsyncEngine) -> int:
    """Store the complaint with its whole history; its id."""
    async with writing(engine) as connection:
        ids = await _people(connection)
        events = list(_history(ids))
        rules = await Rulebooks().current(connection)
        header = {**_HEADER, "ticket_code": CODE, "received_at": wib("10 Mar 10:20")}
        change = Change(complaint_id=1, events=events, values=header, is_new=True)
        await advance(connection, [change], rules, now=wib("31 Mar 09:00"))
    return 1


def _history(ids: dict[str, int]) -> Iterator[CaseEvent]:
    lapor = {"source_id": ids["lapor"], "rank": 1}
    village, road_office = (ids[unit] for unit in _UNITS)
    yield _entry("10 Mar 10:15:20", EventKind.REPORTED, **lapor)
    yield _entry("10 Mar 10:15:20", EventKind.ASSIGNED, unit_id=village, **lapor)
    yield _move("11 Mar 09:05", Move.ACCEPT, ids["ani"])
    yield _move("13 Mar 11:00", Move.ASK_COMPLAINANT, ids["ani"], text="Di halte yang mana?", is_public=True)
    yield _move("16 Mar 09:30", Move.COMPLAINANT_ANSWERED, ids["ani"])
    yield _move("17 Mar 14:00", Move.FORWARD, ids["ani"], unit_id=road_office, reason="Jalan kota")
    yield _move("25 Mar 08:10", Move.ACCEPT, ids["budi"])
    yield _move("26 Mar 12:15", Move.SUBMIT, ids["budi"])
    yield _move("27 Mar 10:00", Move.SEND_BACK, ids["dewi"], reason="Foto sesudah belum ada")
    yield _move("30 Mar 13:40:30", Move.SUBMIT, ids["budi"])
    yield _entry("31 Mar 09:00", EventKind.STATUS, status=Status.RESOLVED, word="Selesai", **lapor)


async def _people(connection: AsyncConnection) -> dict[str, int]:
    ids = {}
    for username, name in _OFFICERS.items():
        row = {"username": username, "name": name, "role": "officer", "is_active": True, "failed_sign_ins": 0}
        ids[username] = await _add(connection, "officer", **row, created_at=wib("01 Jan 08:00"))
    source = {"options": {}, "is_enabled": False, "created_at": wib("01 Jan 08:00"), "lease_no": 0, "failures": 0}
    ids["lapor"] = await _add(connection, "source", **source, name="lapor", connector="lapor", every_s=300)
    unit = metadata.tables["unit"]
    rows = await connection.execute(select(unit.c.code, unit.c.id).where(unit.c.code.in_(_UNITS)))
    return ids | {row.code: row.id for row in rows}


async def _add(connection: AsyncConnection, name: str, /, **row: Any) -> int:
    table: Table = metadata.tables[name]
    return int(await connection.scalar(insert(table).values(row).returning(table.c.id)) or 0)


def _move(when: str, move: Move, actor_id: int, **values: Any) -> CaseEvent:
    return _entry(when, EventKind.MOVE, move=move, actor_id=actor_id, rank=1_000, **values)


def _entry(when: str, kind: EventKind, **values: Any) -> CaseEvent:
    at = wib(when)
    key = f"{when}:{kind}:{values.get('move', '')}"
    return CaseEvent(kind=kind, occurred_at=at, recorded_at=at, key=key, **values)
