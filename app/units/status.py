"""The response-time status of units: their own figures rolled up over the tree, each complaint counted once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain

from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.sla.scorecard import Scorecard
from app.units.figures import CLOCKS, DayTally, HoldingTally, OpenTally, TrendDay, together
from app.units.ground import LIVE, Ground
from app.units.periods import Period
from app.units.slices import TOGETHER, WHOLE_CUT, Cut, knife
from app.units.tallies import Key, cycle_tallies, holding_tallies, open_tallies, reported_tallies

Group = tuple[int, ...]
"""Units whose complaints, with all below them, make one status; a complaint below two of them counts once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a group of units does: what is open now, and how the clocks of the period went.

    `unrouted` are the open complaints that no unit holds, told beside the figures and never within them; None where
    the caller does not cover them. `handling` sums the complaints that were reported in the period, `holding` the
    stints that ended in it.
    """

    open: OpenTally
    unrouted: OpenTally | None
    clocks: Mapping[str, Scorecard]
    trend: Sequence[TrendDay]
    handling: DayTally
    holding: HoldingTally

    @property
    def is_empty(self) -> bool:
        """Whether nothing is open, and nothing happened in the period."""
        is_idle = self.open.open == 0 and self.handling == DayTally() and self.holding == HoldingTally()
        return is_idle and all(card == Scorecard() for card in self.clocks.values())


async def read_statuses(
    connection: AsyncConnection,
    groups: Sequence[Group],
    rules: Rulebook,
    *,
    period: Period,
    with_unrouted: bool,
    now: datetime,
    ground: Ground = LIVE,
    cut: Cut = WHOLE_CUT,
) -> list[Status]:
    """The status of each group, in their order; as many statements for one as for hundreds.

    `now` is the instant that the figures speak of, on a ground of an earlier one that instant.
    """
    whole = replace(cut, by=None)
    told = await read_parts(
        connection, groups, rules, period=period, with_unrouted=with_unrouted, now=now, ground=ground, cut=whole
    )
    return [parts.get(None) or _status(_Parts(), period, with_unrouted=with_unrouted) for parts in told]


async def read_parts(
    connection: AsyncConnection,
    groups: Sequence[Group],
    rules: Rulebook,
    *,
    period: Period,
    with_unrouted: bool,
    now: datetime,
    ground: Ground = LIVE,
    cut: Cut = WHOLE_CUT,
) -> list[dict[str | None, Status]]:
    """The status of each part of each group that has anything to tell, by what the cut tells parts apart."""
    # One group is the same sum whether or not its units are told apart on the way.
    cutting = knife(ground, cut, below(groups, rules), tells_units=len(groups) > 1)
    open_ones = await open_tallies(connection, cutting, with_unrouted=with_unrouted, now=now)
    cycles, days = await cycle_tallies(connection, cutting, period)
    reported = await reported_tallies(connection, cutting, period)
    held = await holding_tallies(connection, cutting, period)
    found: list[dict[str | None, _Parts]] = [defaultdict(_Parts) for _ in groups]
    tree = _Tree(groups, rules.ancestors)
    for (unit_id, value), opened in open_ones.items():
        if unit_id is None:
            for parts in found:
                parts[value].unrouted = opened
            continue
        for place in tree.places(unit_id):
            found[place][value].open.append(opened)
    for ((unit_id, value), clock), card in cycles.items():
        for place in tree.places(unit_id):
            found[place][value].clocks.setdefault(clock, []).append(card)
    for ((unit_id, value), day), tally in chain(days.items(), reported.items()):
        for place in tree.places(unit_id):
            found[place][value].daily.append((day, tally))
    for (unit_id, value), holding in held.items():
        for place in tree.places(unit_id):
            found[place][value].holding.append(holding)
    return [
        {value: _status(each, period, with_unrouted=with_unrouted) for value, each in parts.items()} for parts in found
    ]


def below(groups: Sequence[Group], rules: Rulebook) -> list[int]:
    """Every unit in or below the groups."""
    tops = {unit_id for group in groups for unit_id in group}
    found = {unit_id for unit_id, above in rules.ancestors.items() if not tops.isdisjoint(above)}
    return sorted(tops | found)


def gather_open(found: Mapping[Key, OpenTally], groups: Sequence[Group], rules: Rulebook) -> list[OpenTally]:
    """The open complaints of each group, from those of each unit."""
    tree = _Tree(groups, rules.ancestors)
    told = [OpenTally() for _ in groups]
    for (unit_id, _), opened in found.items():
        for place in tree.places(unit_id):
            told[place] += opened
    return told


@dataclass(slots=True)
class _Parts:
    """What units below a group have of one part, not yet added up."""

    open: list[OpenTally] = field(default_factory=list)
    unrouted: OpenTally = field(default_factory=OpenTally)
    clocks: dict[str, list[Scorecard]] = field(default_factory=lambda: {clock: [] for clock in CLOCKS})
    daily: list[tuple[int, DayTally]] = field(default_factory=list)
    holding: list[HoldingTally] = field(default_factory=list)


class _Tree:
    """Which groups a unit's own figures belong to."""

    def __init__(self, groups: Sequence[Group], ancestors: Mapping[int, tuple[int, ...]]) -> None:
        self._ancestors = ancestors
        self._groups: dict[int, list[int]] = defaultdict(list)
        for place, group in enumerate(groups):
            for unit_id in group:
                self._groups[unit_id].append(place)
        self._groups[TOGETHER] = list(range(len(groups)))

    def places(self, unit_id: int | None) -> set[int]:
        """The groups above a unit, by their place; a unit below a group over both its parents is in it once."""
        above = self._ancestors.get(unit_id, (unit_id,)) if unit_id is not None else ()
        return {place for ancestor in above for place in self._groups.get(ancestor, ())}


def _status(parts: _Parts, period: Period, *, with_unrouted: bool) -> Status:
    by_day = [DayTally()] * len(period.days)
    for place, tally in parts.daily:
        by_day[place] += tally
    return Status(
        open=sum(parts.open, OpenTally()),
        unrouted=parts.unrouted if with_unrouted else None,
        clocks={clock: together(cards) for clock, cards in parts.clocks.items()},
        trend=[TrendDay(day.on, tally) for day, tally in zip(period.days, by_day, strict=True)],
        handling=sum(by_day, DayTally()),
        holding=sum(parts.holding, HoldingTally()),
    )
