"""A process that pulls: real connectors over real HTTP into a real database, by a clock that stands still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.complaints import find
from app.db.metadata import metadata
from app.db.rulebook import Rulebooks
from app.db.session import reading, snapshot, writing
from app.db.verify import Difference, verify
from app.intake import run
from app.intake.sources import NewSource, add_source, read_source
from app.outbound import outbound_client
from app.pulling import build_connector
from app.vault import Vault
from connectors.contract import Batch, Connector
from connectors.fetch import Fetcher
from tests.intake.feeds import WIB, at

VAULT = Vault(bytes(range(32)))


@dataclass
class Station:
    """One process on a database."""

    engine: AsyncEngine
    now: datetime = field(default_factory=lambda: at("12 12:00"))
    owner: str = "station:1"
    lease: timedelta = timedelta(seconds=60)
    rulebooks: Rulebooks = field(default_factory=Rulebooks)

    @property
    def intake(self) -> run.Intake:
        return run.Intake(
            engine=self.engine,
            rulebooks=self.rulebooks,
            vault=VAULT,
            owner=self.owner,
            lease_span=self.lease,
            zone=WIB,
            now=lambda: self.now,
        )

    async def add(self, name: str, connector: str, url: str | None, token: str | None = None, **options: str) -> int:
        """A source that is read from 10 January on."""
        new = NewSource(
            name=name, connector=connector, url=url, token=token, since_on=date(2026, 1, 10), options=options
        )
        async with writing(self.engine) as connection:
            return await add_source(connection, new, VAULT, now=self.now)

    async def pull(self, name: str, when: str | None = None, *, only_due: bool = False) -> dict[str, int]:
        """One pull; its tally."""
        if when is not None:
            self.now = at(when)
        async with reading(self.engine) as connection:
            source = await read_source(connection, name)
        async with outbound_client(allowed_hosts=["127.0.0.1"]) as http:
            connector = build_connector(source, VAULT)
            report = await run.pull(self.intake, name, connector, Fetcher(http, rate=1000), only_due=only_due)
        return report.tally.as_columns()

    async def store(self, name: str, connector: Connector, *batches: Batch, is_history: bool = False) -> dict[str, int]:
        """The batches of a file; their tally."""

        async def given() -> Any:
            for batch in batches:
                yield batch

        report = await run.import_batches(self.intake, name, connector, given(), is_history=is_history)
        return report.tally.as_columns()

    async def rows(self, name: str, *order: str) -> Sequence[Any]:
        """Every row of a table."""
        table = metadata.tables[name]
        columns = [table.c[each] for each in order] or list(table.primary_key)
        async with reading(self.engine) as connection:
            return (await connection.execute(select(table).order_by(*columns))).all()

    async def source(self, name: str) -> Any:
        async with reading(self.engine) as connection:
            return await read_source(connection, name)

    async def complaint(self, code: str) -> Any:
        """The header row of the complaint with this code."""
        table = metadata.tables["complaint"]
        async with reading(self.engine) as connection:
            id_ = await find(connection, code)
            assert id_ is not None, f"no complaint {code}"
            return (await connection.execute(select(table).where(table.c.id == id_))).one()

    async def unit(self, code: str) -> str | None:
        """The name of the unit that holds the complaint."""
        held = (await self.complaint(code)).unit_id
        return next((row.name for row in await self.rows("unit") if row.id == held), None)

    async def clock(self, code: str, clock: str, cycle: int = 1, family: str = "city") -> Any:
        id_ = (await self.complaint(code)).id
        wanted = (id_, clock, cycle, family)
        rows = await self.rows("sla_clock")
        return next(row for row in rows if (row.complaint_id, row.clock, row.cycle, row.family) == wanted)

    async def history(self, code: str) -> list[Any]:
        id_ = (await self.complaint(code)).id
        return [row for row in await self.rows("complaint_event") if row.complaint_id == id_]

    async def differences(self) -> list[Difference]:
        """Where a stored figure is not what its history gives."""
        async with snapshot(self.engine) as connection:
            rules = await self.rulebooks.current(connection)
            return [each async for _, found in verify(connection, rules) for each in found]
