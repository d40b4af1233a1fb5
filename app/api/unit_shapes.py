"""The shapes of what units answer."""

from __future__ import annotations

from typing_extensions import TypedDict

from app.api.freshness import SourceFreshness


class UnitName(TypedDict):
    """A unit."""

    code: str
    name: str


class UnitNode(TypedDict):
    """A unit with the active ones right below it; one with two parents stands below both."""

    code: str
    name: str
    type: str
    is_validator: bool
    parents: list[str]
    children: list[UnitNode]


class UnitTree(TypedDict):
    """The units that the caller covers, from the topmost down."""

    items: list[UnitNode]
    next_cursor: str | None
    as_of: str
    sources: list[SourceFreshness]


class UnitAnswer(TypedDict):
    """One unit with what is right above and right below it, as far as the caller covers it."""

    code: str
    name: str
    type: str
    is_validator: bool
    is_active: bool
    parents: list[UnitName]
    children: list[UnitName]
    as_of: str
    sources: list[SourceFreshness]


class Figure(TypedDict):
    """A figure and the queue that lists exactly the complaints behind it.

    `href` is null where no filter does: of an earlier instant, of what has no category, and of no units at all.
    """

    value: float | int | None
    href: str | None


class UnroutedFigure(Figure):
    """The open complaints that no unit holds, told beside the unit's figures and not within them."""

    overdue: Figure


class Oldest(TypedDict):
    """When the oldest open complaint was reported."""

    since: str
    age_seconds: int
    href: str | None


class AgeBucket(Figure):
    """Open complaints older than `from_seconds`, at most `to_seconds` old; null is no limit."""

    from_seconds: int
    to_seconds: int | None


class ClockFigures(TypedDict):
    """One clock in the period; a cycle that several policies judge counts once, by the one that is due first.

    `received` started in it. `met`, `missed` (stopped late) and `running_overdue` (late and not stopped) were due in
    it; `compliance` is the share of those that was met, in percent. The times are counted time of those that stopped
    in it, and `paused_share` is the percentage of their whole time that was paused. `percentile_error` is how far the
    two percentiles may lie from the true ones, in percent of them: 0 below 10,000 values.
    """

    received: Figure
    met: Figure
    missed: Figure
    running_overdue: Figure
    compliance: Figure
    median_seconds: Figure
    p90_seconds: Figure
    mean_seconds: Figure
    paused_share: Figure
    percentile_error: float


class Handling(TypedDict):
    """What became of the complaints reported in the period: rates in percent, hand-overs on average."""

    reported: Figure
    reopen_rate: Figure
    send_back_rate: Figure
    hops: Figure


class Holding(TypedDict):
    """The stints that ended in the period, and how long on average a unit had the complaint in one.

    The source's delay and the complainant's own time are not the unit's.
    """

    stints: int
    mean_seconds: float | None


class DueOnDay(TypedDict):
    """Cycles due on a day, and how many of them were met."""

    due: int
    met: int


class TrendEntry(TypedDict):
    """One local day, or the days of a week that lie in the period: from `on` to `to`, both included."""

    on: str
    to: str
    received: int
    resolved: int
    respond: DueOnDay
    resolve: DueOnDay


class PeriodSpan(TypedDict):
    """The period by name, from its first instant up to, but without, the last."""

    name: str
    since: str
    until: str


class CommonFigures(TypedDict):
    """What is open, and how the clocks of the period went."""

    open: Figure
    overdue: Figure
    due_24h: Figure
    unassigned: Figure
    unrouted: UnroutedFigure | None
    oldest: Oldest | None
    ageing: list[AgeBucket]
    clocks: dict[str, ClockFigures]
    handling: Handling
    holding: Holding


class SignalsLead(TypedDict):
    """Where to read whether the figures may be trusted; null of several units, and of an earlier instant."""

    href: str | None


class StatusFigures(CommonFigures):
    """How a unit does, with all below it; `unit` is null where several make one overview."""

    unit: UnitName | None
    units: list[UnitName]
    signals: SignalsLead
    trend: list[TrendEntry]


class PartFigures(CommonFigures):
    """The figures of one category, channel or source; null are the complaints that have none."""

    part: str | None


class FormerPeriod(TypedDict):
    """The period before, as it is known at the same instant."""

    period: PeriodSpan
    clocks: dict[str, ClockFigures]
    handling: Handling
    holding: Holding


class PlaceAmong(TypedDict):
    """`rank` 1 is the best of `units`, the unit itself one of them; null where too little would be hidden."""

    units: int
    rank: int | None
    median: float | None


class ClockAmong(TypedDict):
    """Where a unit stands with one clock."""

    compliance: PlaceAmong
    median_seconds: PlaceAmong


class Sisters(TypedDict):
    """The units of the same type right below the same unit, and where this one stands among them."""

    parent: str | None
    type: str
    clocks: dict[str, ClockAmong]


class Frame(TypedDict):
    """What figures speak of; each source as it was known at the same instant."""

    period: PeriodSpan
    as_of: str
    sources: list[SourceFreshness]


class StatusAnswer(StatusFigures, Frame):
    """One status as of an instant; `parts`, `previous` and `sisters` stand where they are asked for."""

    parts: list[PartFigures] | None
    previous: FormerPeriod | None
    sisters: Sisters | None


class StatusPage(Frame):
    """The status of units, by code."""

    items: list[StatusFigures]
    next_cursor: str | None
