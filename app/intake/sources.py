"""Sources by name: add, read, list, and find the ones that are due."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import Conflict, InvalidInput, NotFound
from app.db.changes import database_now
from app.db.states import RejectState
from app.db.tables.sources import Reject, Source, SourceRun
from app.vault import Vault

_SEALED_AS = "source-token"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSource:
    """A source as somebody adds it; `every_s` None is a source that is never pulled by itself (a file's)."""

    name: str
    connector: str
    url: str | None = None
    token: str | None = None
    since_on: date | None = None
    every_s: int | None = 300
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChange:
    """What shall be otherwise about a source; None leaves it as it is. `options` are set one by one, and one without a
    value is taken away."""

    url: str | None = None
    token: str | None = None
    since_on: date | None = None
    every_s: int | None = None
    is_enabled: bool | None = None
    options: Mapping[str, str] = field(default_factory=dict)


async def add_source(connection: AsyncConnection, new: NewSource, vault: Vault, *, now: datetime) -> int:
    """The id of the new source; it is due at once.

    Raises: InvalidInput for a bad name, Conflict when the name is taken.
    """
    if not _NAME.fullmatch(new.name):
        raise InvalidInput("name", "use lower-case letters, digits, '.', '_' and '-', at most 60")
    if await find_source(connection, new.name) is not None:
        raise Conflict(f"source {new.name} exists already")
    row = {
        "name": new.name,
        "connector": new.connector,
        "url": new.url,
        "sealed_token": vault.seal(new.token.encode(), _SEALED_AS) if new.token else None,
        "options": dict(new.options),
        "since_on": new.since_on,
        "every_s": new.every_s,
        "is_enabled": True,
        "created_at": now,
        "next_run_at": now if new.every_s is not None else None,
        "lease_no": 0,
        "failures": 0,
    }
    added: int | None = await connection.scalar(insert(Source).values(row).returning(Source.id))
    assert added is not None
    return added


async def find_source(connection: AsyncConnection, name: str) -> Row[Any] | None:
    """The source's row, None when there is none of that name."""
    return (await connection.execute(select(*Source.__table__.c).where(Source.name == name))).one_or_none()


async def read_source(connection: AsyncConnection, name: str) -> Row[Any]:
    """The source's row.

    Raises: NotFound.
    """
    row = await find_source(connection, name)
    if row is None:
        raise NotFound(f"source {name} does not exist; `tanggap source list` shows the ones that do")
    return row


async def change_source(
    connection: AsyncConnection, name: str, change: SourceChange, vault: Vault, *, now: datetime
) -> None:
    """The source is pulled so from now on: at once, whatever stopped it, and on from where it was. One that is switched
    off is in nobody's way any more.

    Raises: NotFound; Conflict for a source that is not pulled.
    """
    source = await read_source(connection, name)
    if source.every_s is None:
        raise Conflict(f"source {name} is not pulled; there is nothing to change about it")
    options = {**source.options, **change.options}
    values: dict[str, Any] = {"options": {each: word for each, word in options.items() if word}}
    given = {each: getattr(change, each) for each in ("url", "since_on", "every_s", "is_enabled")}
    values |= {each: value for each, value in given.items() if value is not None}
    if change.token is not None:
        values["sealed_token"] = vault.seal(change.token.encode(), _SEALED_AS)
    values |= {"next_run_at": now, "open_until": None}
    if change.is_enabled is False:
        values |= {"failures": 0, "last_error": None, "last_error_at": None}
    await connection.execute(update(Source).where(Source.id == source.id).values(values))


async def point_source(connection: AsyncConnection, name: str, url: str, *, now: datetime) -> None:
    """The source lies at `url` from now on and is due at once."""
    await connection.execute(update(Source).where(Source.name == name).values(url=url, next_run_at=now))


def source_token(source: Row[Any], vault: Vault) -> str | None:
    """The source's token, opened."""
    return vault.open(source.sealed_token, _SEALED_AS).decode() if source.sealed_token is not None else None


async def due_sources(connection: AsyncConnection) -> Sequence[str]:
    """The names of sources that should be pulled now and that nobody holds."""
    now = await database_now(connection)
    statement = (
        select(Source.name)
        .where(Source.is_enabled, Source.next_run_at <= now)
        .where(or_(Source.lease_until.is_(None), Source.lease_until < now))
        .order_by(Source.next_run_at)
    )
    return (await connection.scalars(statement)).all()


async def list_sources(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """Every source's row, by name."""
    return (await connection.execute(select(*Source.__table__.c).order_by(Source.name))).all()


async def open_reject_counts(connection: AsyncConnection) -> dict[int, int]:
    """How many rejects of each source wait for somebody."""
    statement = select(Reject.source_id, func.count()).where(Reject.state == RejectState.OPEN)
    return {row[0]: row[1] for row in await connection.execute(statement.group_by(Reject.source_id))}


async def last_runs(connection: AsyncConnection) -> dict[int, Row[Any]]:
    """The newest run of each source."""
    newest = select(func.max(SourceRun.id)).group_by(SourceRun.source_id)
    rows = await connection.execute(select(*SourceRun.__table__.c).where(SourceRun.id.in_(newest)))
    return {row.source_id: row for row in rows}
