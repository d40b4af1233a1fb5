"""The response-time status of units: their own figures rolled up over the tree, each complaint counted once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.sla.scorecard import Scorecard
from app.units.figures import CLOCKS, DayTally, HoldingTally, OpenTally, TrendDay, together
from app.units.periods import Period
from app.units.tallies import cycle_tallies, holding_tallies, open_tallies, reported_tallies

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


async def read_statuses(
    connection: AsyncConnection,
    groups: Sequence[Group],
    rules: Rulebook,
    *,
    period: Period,
    with_unrouted: bool,
    now: datetime,
) -> list[Status]:
    """The status of each group, in their order; as many statements for one as for hundreds."""
    tops = sorted({unit_id for group in groups for unit_id in group})
    open_ones = await open_tallies(connection, tops, with_unrouted=with_unrouted, now=now)
    cycles, days = await cycle_tallies(connection, tops, period)
    reported = await reported_tallies(connection, tops, period)
    held = await holding_tallies(connection, tops, period)
    tree = _Tree(groups, rules.ancestors)
    unrouted = open_ones.pop(None, OpenTally()) if with_unrouted else None
    opened = tree.gather((unit_id, tally) for unit_id, tally in open_ones.items() if unit_id is not None)
    clocks = tree.gather((unit_id, (clock, card)) for (unit_id, clock), card in cycles.items())
    told = chain(days.items(), reported.items())
    daily = tree.gather((unit_id, (place, tally)) for (unit_id, place), tally in told)
    holding = tree.gather(held.items())
    return [
        _status(opened[each], unrouted, clocks[each], daily[each], holding[each], period) for each in range(len(groups))
    ]


Value = TypeVar("Value")


class _Tree:
    """Which groups a unit's own figures belong to."""

    def __init__(self, groups: Sequence[Group], ancestors: Mapping[int, tuple[int, ...]]) -> None:
        self._ancestors = ancestors
        self._groups: dict[int, list[int]] = defaultdict(list)
        for place, group in enumerate(groups):
            for unit_id in group:
                self._groups[unit_id].append(place)

    def gather(self, figures: Iterable[tuple[int, Value]]) -> dict[int, list[Value]]:
        """The figures of each group, by its place; a unit below a group over both its parents is in it once."""
        found: dict[int, list[Value]] = defaultdict(list)
        for unit_id, value in figures:
            above = self._ancestors.get(unit_id, (unit_id,))
            for place in {place for ancestor in above for place in self._groups.get(ancestor, ())}:
                found[place].append(value)
        return found


def _status(
    opened: Sequence[OpenTally],
    unrouted: OpenTally | None,
    clocks: Sequence[tuple[str, Scorecard]],
    daily: Sequence[tuple[int, DayTally]],
    holding: Sequence[HoldingTally],
    period: Period,
) -> Status:
    by_clock: dict[str, list[Scorecard]] = {clock: [] for clock in CLOCKS}
    for clock, card in clocks:
        by_clock.setdefault(clock, []).append(card)
    by_day = [DayTally()] * len(period.days)
    for place, tally in daily:
        by_day[place] += tally
    return Status(
        open=sum(opened, OpenTally()),
        unrouted=unrouted,
        clocks={clock: together(cards) for clock, cards in by_clock.items()},
        trend=[TrendDay(day.on, tally) for day, tally in zip(period.days, by_day, strict=True)],
        handling=sum(by_day, DayTally()),
        holding=sum(holding, HoldingTally()),
    )
