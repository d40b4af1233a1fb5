"""Changing the data key while the service runs: what former keys sealed is sealed anew, batch by batch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, LargeBinary, Table, and_, bindparam, func, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.changes import writers_queue_in_order
from app.db.metadata import metadata
from app.db.session import writing
from app.vault import CannotOpen, Vault

_GAP_S = 0.01
_SAMPLE = 1_000


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of sealed values, what the vault binds them to, and how many are sealed anew in one transaction."""

    table: str
    column: str
    purpose: str
    at_once: int = 500

    @property
    def home(self) -> Table:
        """Its table."""
        return metadata.tables[self.table]

    @property
    def values(self) -> Column[Any]:
        """The column itself."""
        return self.home.c[self.column]


SEALED = (
    SealedColumn("identity", "sealed", "identity"),
    SealedColumn("source", "sealed_token", "source-token"),
    SealedColumn("source", "sealed_push_secret", "push-secret"),
    SealedColumn("webhook", "sealed_secret", "webhook"),
    SealedColumn("officer", "sealed_chat_url", "chat"),
    SealedColumn("reject", "sealed_raw", "reject"),
    SealedColumn("import_reject", "sealed_raw", "raw"),
    SealedColumn("import_job", "sealed_file", "import-file", at_once=1),
    SealedColumn("evidence_file", "sealed_copy", "evidence-copy", at_once=5),
    SealedColumn("evidence_file", "sealed_original", "evidence-original", at_once=5),
    SealedColumn("source_record", "sealed_raw", "raw"),
)
PASSING = frozenset({("kept_answer", "sealed")})
"""Kept for a day at most, which the former key outlives: not worth sealing anew."""


@dataclass(slots=True)
class Rotated:
    """How many values were sealed anew, and how many no key at hand opens."""

    resealed: int = 0
    unreadable: int = 0


async def rotate(engine: AsyncEngine, vault: Vault, tell: Callable[[int], None] = lambda done: None) -> Rotated:
    """Seals under the newest key whatever is not yet; stopped, it goes on where it was when it is called again.

    A value that somebody writes meanwhile is under the newest key by itself and stays as they wrote it.
    """
    total = Rotated()
    for each in SEALED:
        after: Sequence[Any] | None = None
        while True:
            async with writing(engine) as connection:
                after = await _reseal_some(connection, each, vault, total, after)
                leaves_gap = not writers_queue_in_order(connection)
            tell(total.resealed)
            if after is None:
                break
            if leaves_gap:
                await asyncio.sleep(_GAP_S)
    return total


async def count_outdated(connection: AsyncConnection, vault: Vault, *, is_sample: bool = False) -> int:
    """How many values the newest key did not seal; of a sample, look at the oldest of each kind alone."""
    count = 0
    for each in SEALED:
        rows: Any = select(each.values.label("sealed")).where(each.values.is_not(None))
        if is_sample:
            rows = rows.order_by(*each.home.primary_key).limit(_SAMPLE)
        values = rows.subquery().c.sealed
        count += int(await connection.scalar(select(func.count()).where(_is_outdated(values, vault))) or 0)
    return count


async def _reseal_some(
    connection: AsyncConnection, each: SealedColumn, vault: Vault, total: Rotated, after: Sequence[Any] | None
) -> Sequence[Any] | None:
    """Seals one batch anew; where it ended, or None when nothing is left."""
    key = tuple(each.home.primary_key)
    statement = select(*key, each.values.label("sealed")).where(_is_outdated(each.values, vault))
    if after is not None:
        edge = [literal(value, column.type) for value, column in zip(after, key, strict=True)]
        statement = statement.where(tuple_(*key) > tuple_(*edge))
    rows = (await connection.execute(statement.order_by(*key).limit(each.at_once))).all()
    changed = []
    for row in rows:
        try:
            sealed = vault.reseal(row.sealed, each.purpose)
        except CannotOpen:
            total.unreadable += 1
        else:
            place = {f"key_{index}": value for index, value in enumerate(row[: len(key)])}
            changed.append({**place, "was": row.sealed, "now": sealed})
    if changed:
        same = and_(each.values == bindparam("was"), *(column == bindparam(f"key_{n}") for n, column in enumerate(key)))
        await connection.execute(update(each.home).where(same).values({each.column: bindparam("now")}), changed)
        total.resealed += len(changed)
    return rows[-1][: len(key)] if len(rows) == each.at_once else None


def _is_outdated(values: ColumnElement[Any], vault: Vault) -> ColumnElement[bool]:
    """That a value was sealed, and not by the newest key; a purged one has no bytes."""
    begin = func.substr(values, 1, len(vault.mark), type_=LargeBinary())
    return and_(func.length(values) > 0, begin != literal(vault.mark, LargeBinary()))
