"""A database with three units and no rules, on which tests write changes by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.events import CaseEvent
from app.db.changes import reserve_ids
from app.db.complaints import Advanced, Change, advance, lock_all
from app.db.metadata import metadata
from app.db.rulebook import Rulebooks
from app.db.session import reading, snapshot, writing
from app.db.verify import Difference, verify
from tests.complaint.story import KELURAHAN, SUDIN, at

KOTA = 1
HEADER = {
    "received_at": at("12 12:00"),
    "channel": "jaki",
    "text": "Lampu mati",
    "evidence_urls": [],
    "is_private": False,
    "is_anonymous": False,
    "is_confidential": False,
    "is_history": False,
    "time_precision": "second",
    "content_rank": 1,
    "handling_rank": 1,
    "connectors": ["jaki"],
    "policy_families": None,
}


@dataclass
class Ledger:
    """One database; entries of stories name sources 1 and 2, which exist."""

    engine: AsyncEngine
    rulebooks: Rulebooks = field(default_factory=Rulebooks)

    async def build(self) -> None:
        async with writing(self.engine) as connection:
            for id_, code, parent in ((KOTA, "kota", None), (KELURAHAN, "kelurahan", KOTA), (SUDIN, "sudin", KOTA)):
                await add(connection, "unit", id=id_, code=code, name=code, type="t", parent_id=parent, **_UNIT)
                await add(connection, "unit_ancestor", unit_id=id_, ancestor_id=id_, depth=0)
                if parent:
                    await add(connection, "unit_ancestor", unit_id=id_, ancestor_id=parent, depth=1)
            for id_, name in ((1, "crm"), (2, "jaki")):
                await add(connection, "source", id=id_, name=name, connector=name, **_SOURCE)
            await add(connection, "officer", id=7, username="ani", name="Ani", role="officer", **_OFFICER)

    async def write(self, *changes: Change, now: str = "12 12:00") -> list[Advanced]:
        """The changes, in one transaction."""
        async with writing(self.engine) as connection:
            await lock_all(connection, [each.complaint_id for each in changes if not each.is_new])
            return await advance(connection, changes, await self.rulebooks.current(connection), now=at(now))

    async def report(self, *events: CaseEvent, code: str | None = None, now: str = "12 12:00") -> int:
        """A new complaint with this history; its id."""
        async with writing(self.engine) as connection:
            (id_,) = await reserve_ids(connection, metadata.tables["complaint"], 1)
            change = Change(complaint_id=id_, events=events, values={**HEADER, "ticket_code": code}, is_new=True)
            await advance(connection, [change], await self.rulebooks.current(connection), now=at(now))
        return id_

    async def add(self, id_: int, *events: CaseEvent, now: str = "12 13:00", **values: Any) -> Advanced:
        """Entries that come later."""
        (advanced,) = await self.write(Change(complaint_id=id_, events=events, values=values), now=now)
        return advanced

    async def rows(self, name: str) -> Sequence[Any]:
        table = metadata.tables[name]
        async with reading(self.engine) as connection:
            return (await connection.execute(select(table).order_by(*table.primary_key))).all()

    async def header(self, id_: int) -> Any:
        return next(row for row in await self.rows("complaint") if row.id == id_)

    async def places(self, id_: int) -> set[int]:
        """The units in whose queue the complaint stands."""
        return {row.ancestor_id for row in await self.rows("queue_slot") if row.complaint_id == id_}

    async def differences(self) -> list[Difference]:
        async with snapshot(self.engine) as connection:
            rules = await self.rulebooks.current(connection)
            return [each async for _, found in verify(connection, rules) for each in found]


async def add(connection: AsyncConnection, name: str, /, **row: Any) -> None:
    await connection.execute(insert(metadata.tables[name]).values(row))


_UNIT = {"is_validator": False, "is_active": True}
_SOURCE = {"options": {}, "is_enabled": True, "created_at": at("1 00:00"), "lease_no": 0, "failures": 0}
_OFFICER = {"is_active": True, "failed_sign_ins": 0, "created_at": at("1 00:00")}
