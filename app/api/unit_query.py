"""What may be asked of the status of units: the period, the instant, a part of the complaints, what to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Query

from app.complaint.errors import InvalidInput
from app.dependencies import HouseDep, Now, Surveying
from app.units.links import Query as Filter
from app.units.periods import DEFAULT, Period, before, read_as_of, read_period
from app.units.slices import By, Cut, with_sources

_MAX_VALUES = 100
_COMPARISONS = ("previous", "sisters")
_SEVERAL = "Several values with commas between them."

Span = Annotated[str, Query(max_length=7, description="7d, 30d or 90d of local days up to now, or a month: 2026-11.")]
AsOf = Annotated[
    str | None,
    Query(
        max_length=40,
        description="Figures as they were known at this instant: RFC 3339, or a date: the end of that local day.",
    ),
]
Words = Annotated[str | None, Query(max_length=4_000, description=_SEVERAL)]
Labels = Annotated[
    str | None, Query(max_length=4_000, description=f"Codes, or labels as the source spells them. {_SEVERAL}")
]


@dataclass(frozen=True, slots=True)
class Moment:
    """The instant that figures speak of; `as_of` is None where that is now."""

    at: datetime
    as_of: datetime | None
    period: Period
    former: Period


async def _moment(house: HouseDep, now: Now, period: Span = DEFAULT, as_of: AsOf = None) -> Moment:
    zone = house.settings.zone
    asked = read_as_of(as_of, now=now, zone=zone)
    at = asked or now
    span = read_period(period, now=at, zone=zone)
    return Moment(at, asked, span, before(span, now=at, zone=zone))


MomentDep = Annotated[Moment, Depends(_moment)]


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which complaints count; `filters` are the same as parameters of the queue."""

    cut: Cut
    filters: Filter

    def links_to(self, part: str | None) -> Filter | None:
        """The filters of the queue that list one part; None where none does exactly."""
        by = self.cut.by
        if by is None or part is None or "," in part or part != part.strip():
            return None
        named = {By.CATEGORY: self.cut.categories, By.CHANNEL: self.cut.channels, By.SOURCE: self.cut.sources}[by]
        return self.filters | {str(by): part} if not named or part in named else None


async def _narrowing(
    connection: Surveying, category: Labels = None, channel: Words = None, source: Words = None
) -> Narrowing:
    given = {"category": category, "channel": channel, "source": source}
    values = {name: _values(name, text) for name, text in given.items()}
    labels = values["category"]
    if category is not None and len(labels) > 1:
        # Sources have labels with commas of their own.
        labels = (*labels, category.strip())
    cut = Cut(categories=labels, channels=values["channel"], sources=values["source"])
    filters = {name: text for name, text in given.items() if text is not None}
    return Narrowing(await with_sources(connection, cut) if cut.sources else cut, filters)


NarrowingDep = Annotated[Narrowing, Depends(_narrowing)]


@dataclass(frozen=True, slots=True)
class Extras:
    """What an answer tells beside the figures themselves."""

    by: By | None
    with_previous: bool
    with_sisters: bool

    def cut(self, cut: Cut) -> Cut:
        """The cut with what tells its parts apart."""
        return replace(cut, by=self.by)


async def _extras(
    by: Annotated[By | None, Query(description="The same figures for each category, channel or source.")] = None,
    compare: Annotated[
        str | None, Query(max_length=40, description=f"`previous` (period), `sisters` (units). {_SEVERAL}")
    ] = None,
) -> Extras:
    wanted = _values("compare", compare)
    if unknown := set(wanted) - set(_COMPARISONS):
        raise InvalidInput("compare", f"must be of {', '.join(_COMPARISONS)}, not {min(unknown)!r}")
    return Extras(by, "previous" in wanted, "sisters" in wanted)


ExtrasDep = Annotated[Extras, Depends(_extras)]
TrendBy = Annotated[Literal["day", "week"], Query(description="Whether the trend tells of days or of weeks.")]


def _values(field: str, text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    parts: Sequence[str] = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not all(parts):
        raise InvalidInput(field, "must not be empty, nor have an empty value between its commas")
    if len(parts) > _MAX_VALUES:
        raise InvalidInput(field, f"takes at most {_MAX_VALUES} values")
    return tuple(parts)
