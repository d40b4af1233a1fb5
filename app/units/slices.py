"""A part of the complaints, and the figures cut into parts: by category, by channel, by source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, String, case, cast, literal_column, null, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import InvalidInput
from app.db.tables.sources import Source, SourceRecord
from app.units.ground import Ground

Rows = Select[*tuple[Any, ...]]


class By(StrEnum):
    """What figures may be cut by."""

    CATEGORY = "category"
    CHANNEL = "channel"
    SOURCE = "source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Which complaints count, and by what their figures are told apart; without anything all of them, together.

    A category is a code, or a label as the source spells it. A complaint that several sources carry is a part of each.
    """

    by: By | None = None
    categories: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    source_ids: tuple[int, ...] = field(default=(), compare=False)

    @property
    def is_whole(self) -> bool:
        """Whether it asks nothing of the complaint."""
        return self.by is None and not (self.categories or self.channels or self.sources)


WHOLE_CUT = Cut()


async def with_sources(connection: AsyncConnection, cut: Cut) -> Cut:
    """The cut with the ids of the sources that it names.

    Raises: InvalidInput, for a source that is not known.
    """
    rows = await connection.execute(select(Source.name, Source.id).where(Source.name.in_(cut.sources)))
    ids = {row.name: int(row.id) for row in rows} if cut.sources else {}
    unknown = next((name for name in cut.sources if name not in ids), None)
    if unknown is not None:
        raise InvalidInput("source", f"no source is called {unknown!r}")
    return Cut(
        by=cut.by,
        categories=cut.categories,
        channels=cut.channels,
        sources=cut.sources,
        source_ids=tuple(sorted(ids.values())),
    )


TOGETHER = 0
"""Stands for all units where their figures need not be told apart."""


@dataclass(frozen=True, slots=True)
class Knife:
    """A cut of one ground, as SQL: `value` is what a row is told apart by, NULL where nothing is.

    `tells_units`: whether the figures of units are told apart; else those of all come as those of `TOGETHER`.
    """

    ground: Ground
    cut: Cut
    carried: FromClause
    value: ColumnElement[str | None]
    tells_units: bool = True

    def holder(self, unit_id: ColumnElement[int | None]) -> ColumnElement[int | None]:
        """Whose figures a row is counted in; NULL is no unit."""
        if self.tells_units:
            return unit_id
        return case((unit_id.is_not(None), literal_column(str(TOGETHER)))).label("holder")

    @property
    def groups(self) -> tuple[ColumnElement[Any], ...]:
        """What to group by beside the unit."""
        return () if self.cut.by is None else (self.value,)

    def narrow(self, statement: Rows, complaint_id: ColumnElement[int] | None = None) -> Rows:
        """The statement over the complaints of the cut; `complaint_id` joins rows that are no complaints themselves."""
        complaint, cut = self.ground.complaint, self.cut
        if cut.is_whole:
            return statement
        if complaint_id is not None:
            statement = statement.join(complaint, complaint.c.id == complaint_id)
        if cut.by is By.SOURCE:
            statement = statement.join(self.carried, self.carried.c.complaint_id == complaint.c.id)
        return statement.where(*self._conditions())

    def _conditions(self) -> Sequence[ColumnElement[bool]]:
        complaint, cut = self.ground.complaint, self.cut
        found: list[ColumnElement[bool]] = []
        if cut.categories:
            column = complaint.c
            found.append(or_(column.category_code.in_(cut.categories), column.category.in_(cut.categories)))
        if cut.channels:
            found.append(complaint.c.channel.in_(cut.channels))
        if cut.source_ids:
            carried = _records(self.ground.at).where(SourceRecord.source_id.in_(cut.source_ids))
            found.append(complaint.c.id.in_(carried.with_only_columns(SourceRecord.complaint_id)))
        return found


def knife(ground: Ground, cut: Cut, *, tells_units: bool = True) -> Knife:
    """The cut on this ground."""
    names = _records(ground.at).add_columns(Source.name).join(Source, Source.id == SourceRecord.source_id)
    carried = names.distinct().subquery("carried")
    values: dict[By | None, ColumnElement[Any]] = {
        None: cast(null(), String),
        By.CATEGORY: ground.complaint.c.category_code,
        By.CHANNEL: ground.complaint.c.channel,
        By.SOURCE: carried.c.name,
    }
    return Knife(ground, cut, carried, values[cut.by].label("value"), tells_units)


def _records(at: datetime | None) -> Rows:
    """Which complaints a source carries; at an instant those that it had told of by then."""
    statement: Rows = select(SourceRecord.complaint_id)
    return statement if at is None else statement.where(SourceRecord.first_seen_at <= at)
