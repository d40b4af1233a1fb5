"""What a page shows: the unit's status, the units below it, the most overdue complaints, the newest alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.reading import AlertFilters, AlertView
from app.alerts.reading import page as alert_page
from app.complaint.clocks import Rulebook
from app.db.freshness import Freshness, read_freshness, read_freshness_as_of
from app.people.callers import Caller
from app.units.directory import Directory, UnitCard, read_directory
from app.units.ground import LIVE, earlier
from app.units.periods import Period
from app.units.status import Status, read_statuses
from app.workqueue.asker import Asker
from app.workqueue.filters import Due, Filters
from app.workqueue.listing import read_page
from app.workqueue.selection import select_for
from app.workqueue.shapes import ComplaintCard

MOST_OVERDUE = 20
NEWEST_ALERTS = 8


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked at: a period up to the instant `at`, which is now unless the reader `asked` for another one."""

    period: Period
    at: datetime
    asked: str | None = None

    @property
    def is_earlier(self) -> bool:
        """Whether it is what was known at an earlier instant."""
        return self.asked is not None

    @property
    def query(self) -> str:
        """The same look, for the links of a page."""
        return self.of_period(self.period.name)

    def of_period(self, name: str) -> str:
        """The same look over another period."""
        return urlencode({"period": name} | ({"as_of": self.asked} if self.asked is not None else {}))


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit of the level below, and how it does."""

    unit: UnitCard
    status: Status

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is open and nothing was to be done in the period."""
        told = self.status
        return not (told.open.open or told.handling.received or any(card.received for card in told.clocks.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One page; `unit` is None where the caller's topmost units are shown together.

    An earlier instant has its figures alone: `overdue` and `alerts` are lists of what is so now.
    """

    unit: UnitCard | None
    way: Sequence[UnitCard]
    status: Status
    rows: Sequence[UnitRow]
    overdue: Sequence[ComplaintCard]
    alerts: Sequence[AlertView]
    sources: Sequence[Freshness]
    look: Look

    @property
    def period(self) -> Period:
        """The span of days that it speaks of."""
        return self.look.period

    @property
    def as_of(self) -> datetime:
        """The instant that it speaks of."""
        return self.look.at

    @property
    def flow(self) -> list[tuple[int, int]]:
        """What was received and what was resolved on each day."""
        return [(day.tally.received, day.tally.resolved) for day in self.status.trend]

    @property
    def busy_rows(self) -> list[UnitRow]:
        """The units that have something to show, the most overdue first."""
        busy = [row for row in self.rows if not row.is_quiet]
        return sorted(busy, key=lambda row: (-row.status.open.overdue, -row.status.open.open, row.unit.code))

    @property
    def quiet_rows(self) -> list[UnitRow]:
        """The others, by code."""
        return [row for row in self.rows if row.is_quiet]


async def read_board(
    connection: AsyncConnection,
    caller: Caller,
    rules: Rulebook,
    *,
    code: str | None,
    look: Look,
    zone: ZoneInfo,
) -> Board:
    """The page of the unit `code`, or of all that the caller covers.

    Raises: NotFound, when the unit is absent or outside the caller's units.
    """
    directory = await read_directory(connection, caller.scope, rules.ancestors)
    tops = [directory.find(code)] if code is not None else directory.tops()
    is_root = all(not unit.parent_ids for unit in tops)
    below = _below(directory, tops)
    status, *statuses = await read_statuses(
        connection,
        [tuple(unit.id for unit in tops), *((unit.id,) for unit in below)],
        rules,
        period=look.period,
        with_unrouted=caller.scope.is_whole and is_root,
        now=look.at,
        ground=await earlier(connection, rules, look.at) if look.is_earlier else LIVE,
    )
    return Board(
        unit=tops[0] if len(tops) == 1 else None,
        way=directory.way_up(tops[0]) if len(tops) == 1 else (),
        status=status,
        rows=[
            UnitRow(unit, each)
            for unit, each in zip(below, statuses, strict=True)
            if unit.is_active or not each.is_empty
        ],
        overdue=() if look.is_earlier else await _most_overdue(connection, caller, rules, code, look.at, zone),
        alerts=() if look.is_earlier else await _newest_alerts(connection, caller, code),
        sources=await _freshness(connection, look),
        look=look,
    )


def _below(directory: Directory, tops: Sequence[UnitCard]) -> list[UnitCard]:
    """The next level: what is right below one unit, or the topmost units themselves where there are several.

    Closed ones are in it, since what they did is in the figures above.
    """
    return directory.all_below(tops[0].id) if len(tops) == 1 else list(tops)


async def _freshness(connection: AsyncConnection, look: Look) -> Sequence[Freshness]:
    if look.is_earlier:
        return await read_freshness_as_of(connection, look.at)
    return await read_freshness(connection, now=look.at)


async def _newest_alerts(connection: AsyncConnection, caller: Caller, code: str | None) -> Sequence[AlertView]:
    return (await alert_page(connection, AlertFilters(unit=code), caller.scope, limit=NEWEST_ALERTS))[0]


async def _most_overdue(
    connection: AsyncConnection, caller: Caller, rules: Rulebook, code: str | None, now: datetime, zone: ZoneInfo
) -> list[ComplaintCard]:
    filters = Filters(units=(code,) if code is not None else (), due=(Due.OVERDUE,))
    asker = Asker(caller.scope, caller.role, caller.officer_id)
    selection = await select_for(connection, filters, asker, rules, now=now, zone=zone)
    return (await read_page(connection, selection, asker, rules, limit=MOST_OVERDUE, now=now)).items
