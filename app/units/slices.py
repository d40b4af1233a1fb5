"""A part of the complaints, and the figures cut into parts: by category, by channel, by source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache, wraps
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, FromClause, Select, String, case, cast, literal_column, null, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import InvalidInput
from app.db.among import among
from app.db.tables.sources import Source, SourceRecord
from app.units.ground import LIVE, Ground

Rows = Select[*tuple[Any, ...]]

_Built = TypeVar("_Built")
_KEPT = 512


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
class _Shape:
    """All that the statements of a cut depend on, but for values."""

    by: By | None
    has_categories: bool
    has_channels: bool
    has_sources: bool
    tells_units: bool


@dataclass(frozen=True, slots=True, eq=False)
class Blade:
    """A cut of one ground, as SQL: `value` is what a row is told apart by, NULL where nothing is.

    Cuts of one shape through the rows as they stand have the same blade, so that its statements can be kept.
    """

    ground: Ground
    shape: _Shape
    carried: FromClause
    value: ColumnElement[str | None]

    @property
    def is_whole(self) -> bool:
        """Whether it asks nothing of the complaint."""
        shape = self.shape
        return shape.by is None and not (shape.has_categories or shape.has_channels or shape.has_sources)

    @property
    def groups(self) -> tuple[ColumnElement[Any], ...]:
        """What to group by beside the unit."""
        return () if self.shape.by is None else (self.value,)

    def holder(self, unit_id: ColumnElement[int | None]) -> ColumnElement[int | None]:
        """Whose figures a row is counted in; NULL is no unit."""
        if self.shape.tells_units:
            return unit_id
        return case((unit_id.is_not(None), literal_column(str(TOGETHER)))).label("holder")

    def narrow(self, statement: Rows, complaint_id: ColumnElement[int] | None = None) -> Rows:
        """The statement over the complaints of the cut; `complaint_id` joins rows that are no complaints themselves."""
        complaint = self.ground.complaint
        if self.is_whole:
            return statement
        if complaint_id is not None:
            statement = statement.join(complaint, complaint.c.id == complaint_id)
        if self.shape.by is By.SOURCE:
            statement = statement.join(self.carried, self.carried.c.complaint_id == complaint.c.id)
        return statement.where(*self._conditions())

    def _conditions(self) -> Sequence[ColumnElement[bool]]:
        complaint, shape = self.ground.complaint.c, self.shape
        found: list[ColumnElement[bool]] = []
        if shape.has_categories:
            spelled = (complaint.category_code, complaint.category)
            found.append(or_(*(among(column, "categories") for column in spelled)))
        if shape.has_channels:
            found.append(among(complaint.channel, "channels"))
        if shape.has_sources:
            carried = _records(self.ground.at).where(among(SourceRecord.source_id, "source_ids"))
            found.append(complaint.id.in_(carried.with_only_columns(SourceRecord.complaint_id)))
        return found


@dataclass(frozen=True, slots=True)
class Knife:
    """A cut of one ground for some units: its blade, and the values that statements of it are executed with."""

    blade: Blade
    values: Mapping[str, object]


def knife(ground: Ground, cut: Cut, units: Sequence[int], *, tells_units: bool = True) -> Knife:
    """The cut on this ground, for all of these units.

    `tells_units`: whether the figures of units are told apart; else those of all come as those of `TOGETHER`.
    """
    shape = _Shape(cut.by, bool(cut.categories), bool(cut.channels), bool(cut.source_ids), tells_units)
    lists = {"units": units, "categories": cut.categories, "channels": cut.channels, "source_ids": cut.source_ids}
    values = {name: list(each) for name, each in lists.items()}
    return Knife(_living(shape) if ground is LIVE else _blade(ground, shape), values)


def kept(build: Callable[[Blade, int], _Built]) -> Callable[[Blade, int], _Built]:
    """The same statement, built once for each blade of the rows as they stand; for an earlier instant each time.

    The number is what else it depends on.
    """
    remembered = lru_cache(_KEPT)(build)

    @wraps(build)
    def built(blade: Blade, number: int) -> _Built:
        return remembered(blade, number) if blade.ground is LIVE else build(blade, number)

    return built


@lru_cache(_KEPT)
def _living(shape: _Shape) -> Blade:
    return _blade(LIVE, shape)


def _blade(ground: Ground, shape: _Shape) -> Blade:
    names = _records(ground.at).add_columns(Source.name).join(Source, Source.id == SourceRecord.source_id)
    carried = names.distinct().subquery("carried")
    values: dict[By | None, ColumnElement[Any]] = {
        None: cast(null(), String),
        By.CATEGORY: ground.complaint.c.category_code,
        By.CHANNEL: ground.complaint.c.channel,
        By.SOURCE: carried.c.name,
    }
    return Blade(ground, shape, carried, values[shape.by].label("value"))


def _records(at: datetime | None) -> Rows:
    """Which complaints a source carries; at an instant those that it had told of by then."""
    statement: Rows = select(SourceRecord.complaint_id)
    return statement if at is None else statement.where(SourceRecord.first_seen_at <= at)
