"""What every answer about the status of units is made of: the caller's part of the tree, the rules, the instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated

from fastapi import Depends

from app.api.freshness import sources_block
from app.api.instants import rfc3339
from app.api.unit_answers import common_figures, former_period, period_span, place_shown, status_figures
from app.api.unit_query import Extras, Moment, MomentDep, Narrowing, NarrowingDep
from app.api.unit_shapes import ClockAmong, FormerPeriod, Frame, PartFigures, Sisters, StatusAnswer, StatusFigures
from app.api.unit_sheets import Spoken
from app.complaint.clocks import Rulebook
from app.db.scope import WHOLE
from app.dependencies import CallerDep, HouseDep, Surveying
from app.people.callers import Caller
from app.units.directory import Directory, UnitCard, read_directory
from app.units.figures import CLOCKS, percent
from app.units.ground import LIVE, Ground, earlier
from app.units.links import Links
from app.units.periods import Period
from app.units.sisters import Standing, place_among
from app.units.slices import By
from app.units.status import Status, read_parts, read_statuses


@dataclass(frozen=True)
class StatusDesk:
    """One question about the status of units; `ground` is where it is counted."""

    connection: Surveying
    caller: Caller
    directory: Directory
    rules: Rulebook
    moment: Moment
    narrowing: Narrowing
    ground: Ground

    async def figures(self, groups: Sequence[Sequence[UnitCard]], *, by_week: bool = False) -> list[StatusFigures]:
        """The figures of each group; what no unit holds is told at the top, to whoever covers it."""
        statuses = await self._statuses(groups, self.moment.period)
        return [
            status_figures(group, status, self._links(group), is_top=_is_top(group), by_week=by_week)
            for group, status in zip(groups, statuses, strict=True)
        ]

    async def without_silent(self, units: Sequence[UnitCard]) -> list[UnitCard]:
        """These units, but for the closed ones that have no figure at all any more."""
        closed = [unit for unit in units if not unit.is_active]
        if not closed:
            return list(units)
        statuses = await self._statuses([[unit] for unit in closed], self.moment.period)
        silent = {unit.id for unit, status in zip(closed, statuses, strict=True) if status.is_empty}
        return [unit for unit in units if unit.id not in silent]

    async def parts(self, group: Sequence[UnitCard], by: By) -> list[PartFigures]:
        """The figures of each part, by name; those that have none come last."""
        cut = replace(self.narrowing.cut, by=by)
        narrowing = replace(self.narrowing, cut=cut)
        (found,) = await read_parts(
            self.connection,
            [_ids(group)],
            self.rules,
            period=self.moment.period,
            with_unrouted=self.caller.scope.is_whole,
            now=self.moment.at,
            ground=self.ground,
            cut=cut,
        )
        told = []
        for part in sorted(found, key=lambda each: (each is None, each or "")):
            filters = narrowing.links_to(part)
            links = replace(self._links(group), more=filters or {}, leads=self._leads and filters is not None)
            told.append(PartFigures(part=part, **common_figures(found[part], links, is_top=_is_top(group))))
        return told

    async def previous(self, group: Sequence[UnitCard]) -> FormerPeriod:
        """The figures of the period before."""
        (status,) = await self._statuses([group], self.moment.former)
        return former_period(status, self._links(group, self.moment.former))

    async def sisters(self, group: Sequence[UnitCard]) -> Sisters | None:
        """Where one unit stands among the units of its type right below the same unit; None of several."""
        if len(group) != 1:
            return None
        unit = group[0]
        everyone = await read_directory(self.connection, WHOLE, self.rules.ancestors)
        parent_id = unit.parent_ids[0] if unit.parent_ids else None
        alike = everyone.children(parent_id) if parent_id is not None else everyone.tops()
        others = [each for each in alike if each.type == unit.type and each.id != unit.id]
        own, *theirs = await self._statuses([[unit], *([each] for each in others)], self.moment.period)
        parent = self.directory.units.get(parent_id) if parent_id is not None else None
        hidden = [each.id not in self.directory.units for each in others]
        clocks = {clock: _among(clock, own, list(zip(theirs, hidden, strict=True))) for clock in CLOCKS}
        return Sisters(parent=parent.code if parent else None, type=unit.type, clocks=clocks)

    async def answer(self, group: Sequence[UnitCard], extras: Extras, *, by_week: bool) -> StatusAnswer:
        """All that is asked of one group."""
        (figures,) = await self.figures([group], by_week=by_week)
        return StatusAnswer(
            **figures,
            parts=await self.parts(group, extras.by) if extras.by is not None else None,
            previous=await self.previous(group) if extras.with_previous else None,
            sisters=await self.sisters(group) if extras.with_sisters else None,
            **await self.frame(),
        )

    async def frame(self) -> Frame:
        """The period, the instant, and how far the sources were complete."""
        sources = await sources_block(self.connection, now=self.moment.at, as_of=self.moment.as_of)
        return Frame(period=period_span(self.moment.period), as_of=rfc3339(self.moment.at), sources=sources)

    @property
    def spoken(self) -> Spoken:
        """What every row of a sheet speaks of."""
        span = period_span(self.moment.period)
        return rfc3339(self.moment.at), span["since"], span["until"]

    @cached_property
    def _leads(self) -> bool:
        return self.moment.as_of is None

    async def _statuses(self, groups: Sequence[Sequence[UnitCard]], period: Period) -> list[Status]:
        return await read_statuses(
            self.connection,
            [_ids(group) for group in groups],
            self.rules,
            period=period,
            with_unrouted=self.caller.scope.is_whole,
            now=self.moment.at,
            ground=self.ground,
            cut=self.narrowing.cut,
        )

    def _links(self, group: Sequence[UnitCard], period: Period | None = None) -> Links:
        validators = self.rules.ancestors.get(self.rules.validator_id, ()) if self.rules.validator_id else ()
        return Links(
            [unit.code for unit in group],
            period or self.moment.period,
            self.moment.at,
            is_validator=not {unit.id for unit in group}.isdisjoint(validators),
            more=self.narrowing.filters,
            leads=self._leads,
        )


def _ids(group: Sequence[UnitCard]) -> tuple[int, ...]:
    return tuple(unit.id for unit in group)


def _is_top(group: Sequence[UnitCard]) -> bool:
    return all(not unit.parent_ids for unit in group)


def _among(clock: str, own: Status, theirs: Sequence[tuple[Status, bool]]) -> ClockAmong:
    compliance, median_s = (
        place_among(
            figure(clock, own, is_hidden=False),
            [figure(clock, status, is_hidden=is_hidden) for status, is_hidden in theirs],
            is_higher_better=is_higher_better,
        )
        for figure, is_higher_better in ((_compliance, True), (_median, False))
    )
    return ClockAmong(compliance=place_shown(compliance), median_seconds=place_shown(median_s))


def _compliance(clock: str, status: Status, *, is_hidden: bool) -> Standing:
    card = status.clocks[clock]
    judged = card.met + card.missed + card.running_overdue
    return Standing(percent(card.met, judged), judged, is_hidden)


def _median(clock: str, status: Status, *, is_hidden: bool) -> Standing:
    card = status.clocks[clock]
    return Standing(card.median_s, card.stopped, is_hidden)


async def _status_desk(
    connection: Surveying, caller: CallerDep, house: HouseDep, moment: MomentDep, narrowing: NarrowingDep
) -> StatusDesk:
    rules = await house.rulebooks.current(connection)
    directory = await read_directory(connection, caller.scope, rules.ancestors)
    ground = LIVE if moment.as_of is None else await earlier(connection, rules, moment.as_of)
    return StatusDesk(connection, caller, directory, rules, moment, narrowing, ground)


StatusDeskDep = Annotated[StatusDesk, Depends(_status_desk)]
