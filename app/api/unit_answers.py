"""How units and their status look on the wire: each figure with the address that lists what it counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode

from typing_extensions import TypedDict

from app.api.freshness import SourceFreshness
from app.api.instants import rfc3339
from app.sla.scorecard import AGE_LIMITS, Scorecard
from app.units.directory import Directory, UnitCard
from app.units.figures import CLOCKS, HoldingTally, OpenTally, TrendDay, percent
from app.units.links import Links, Query, unrouted
from app.units.periods import Period
from app.units.status import Status

QUEUE = "/api/v1/complaints"


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
    """A figure and the queue that lists exactly the complaints behind it."""

    value: float | int | None
    href: str


class UnroutedFigure(Figure):
    """The open complaints that no unit holds, told beside the unit's figures and not within them."""

    overdue: Figure


class Oldest(TypedDict):
    """When the oldest open complaint was reported."""

    since: str
    age_seconds: int
    href: str


class AgeBucket(Figure):
    """Open complaints older than `from_seconds`, at most `to_seconds` old; null is no limit."""

    from_seconds: int
    to_seconds: int | None


class ClockFigures(TypedDict):
    """One clock in the period; a cycle that several policies judge counts once, by the one that is due first.

    `received` started in it. `met`, `missed` (stopped late) and `running_overdue` (late and not stopped) were due in
    it; `compliance` is the share of those that was met, in percent. The times are counted time of those that stopped
    in it, and `paused_share` is the percentage of their whole time that was paused.
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
    """One local day."""

    on: str
    received: int
    resolved: int
    respond: DueOnDay
    resolve: DueOnDay


class PeriodSpan(TypedDict):
    """The period by name, from its first instant up to, but without, the last."""

    name: str
    since: str
    until: str


class StatusFigures(TypedDict):
    """How a unit does, with all below it; `unit` is null where several make one overview."""

    unit: UnitName | None
    units: list[UnitName]
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
    trend: list[TrendEntry]


class StatusAnswer(StatusFigures):
    """One status as of an instant."""

    period: PeriodSpan
    as_of: str
    sources: list[SourceFreshness]


class StatusPage(TypedDict):
    """The status of units, by code."""

    items: list[StatusFigures]
    next_cursor: str | None
    period: PeriodSpan
    as_of: str
    sources: list[SourceFreshness]


def unit_name(unit: UnitCard) -> UnitName:
    """A unit by code and name."""
    return UnitName(code=unit.code, name=unit.name)


def tree(directory: Directory) -> list[UnitNode]:
    """The whole directory as a tree."""
    below = directory.by_parent()

    def node(unit: UnitCard) -> UnitNode:
        return UnitNode(
            code=unit.code,
            name=unit.name,
            type=unit.type,
            is_validator=unit.is_validator,
            parents=directory.parent_codes(unit),
            children=[node(child) for child in below.get(unit.id, ())],
        )

    return [node(unit) for unit in below.get(None, ())]


def period_span(period: Period) -> PeriodSpan:
    """The period in full."""
    return PeriodSpan(name=period.name, since=rfc3339(period.since), until=rfc3339(period.until))


def status_figures(units: Sequence[UnitCard], status: Status, links: Links, *, is_top: bool) -> StatusFigures:
    """The figures of the units together; what no unit holds is told only at the top of the tree."""
    opened = status.open
    return StatusFigures(
        unit=unit_name(units[0]) if len(units) == 1 else None,
        units=[unit_name(unit) for unit in units],
        open=_figure(opened.open, links.open()),
        overdue=_figure(opened.overdue, links.overdue()),
        due_24h=_figure(opened.due_24h, links.due_24h()),
        unassigned=_figure(opened.unassigned, links.unassigned()),
        unrouted=_unrouted(status.unrouted) if is_top and status.unrouted is not None else None,
        oldest=_oldest(opened.oldest_at, links) if opened.oldest_at is not None else None,
        ageing=list(_ageing(opened, links)),
        clocks={clock: _clock(clock, card, links) for clock, card in status.clocks.items()},
        handling=_handling(status, links),
        holding=_holding(status.holding),
        trend=[_entry(day) for day in status.trend],
    )


SHEET_HEADER = (
    "code", "name", "open", "overdue", "due_24h", "unassigned", "oldest_since",
    *(
        f"{clock}_{figure}"
        for clock in CLOCKS
        for figure in ("received", "met", "missed", "running_overdue", "compliance", "median_seconds", "p90_seconds")
    ),
    "reported", "reopen_rate", "send_back_rate", "hops", "holding_mean_seconds",
)  # fmt: skip


def sheet_row(figures: StatusFigures) -> list[str | float | int | None]:
    """The same figures in one line, in the order of `SHEET_HEADER`."""
    names = figures["units"]
    oldest = figures["oldest"]
    clocks: list[ClockFigures] = [figures["clocks"][clock] for clock in CLOCKS]
    handling = figures["handling"]
    return [
        ",".join(unit["code"] for unit in names),
        ", ".join(unit["name"] for unit in names),
        *(each["value"] for each in (figures["open"], figures["overdue"], figures["due_24h"], figures["unassigned"])),
        oldest["since"] if oldest else None,
        *(value for clock in clocks for value in _clock_cells(clock)),
        *(handling[key]["value"] for key in ("reported", "reopen_rate", "send_back_rate", "hops")),
        figures["holding"]["mean_seconds"],
    ]


def _clock_cells(clock: ClockFigures) -> Iterator[float | int | None]:
    cells = (
        clock["received"], clock["met"], clock["missed"], clock["running_overdue"], clock["compliance"],
        clock["median_seconds"], clock["p90_seconds"],
    )  # fmt: skip
    return (cell["value"] for cell in cells)


def _figure(value: float | int | None, query: Query) -> Figure:
    return Figure(value=value, href=_href(query))


def _href(query: Mapping[str, str]) -> str:
    return f"{QUEUE}?{urlencode(query, safe=',:')}"


def _unrouted(tally: OpenTally) -> UnroutedFigure:
    overdue = _figure(tally.overdue, unrouted(due="overdue"))
    return UnroutedFigure(value=tally.open, href=_href(unrouted()), overdue=overdue)


def _oldest(since: datetime, links: Links) -> Oldest:
    age_seconds = int((links.now - since).total_seconds())
    return Oldest(since=rfc3339(since), age_seconds=age_seconds, href=_href(links.oldest()))


def _ageing(opened: OpenTally, links: Links) -> Iterator[AgeBucket]:
    limits = [int(limit.total_seconds()) for limit in AGE_LIMITS]
    for bucket, (count, lower, upper) in enumerate(zip(opened.ages, (0, *limits), (*limits, None), strict=True)):
        yield AgeBucket(from_seconds=lower, to_seconds=upper, value=count, href=_href(links.age(bucket)))


def _clock(clock: str, card: Scorecard, links: Links) -> ClockFigures:
    judged = card.met + card.missed + card.running_overdue
    stopped = links.stopped(clock)
    return ClockFigures(
        received=_figure(card.received, links.received(clock)),
        met=_figure(card.met, links.due(clock, "met")),
        missed=_figure(card.missed, links.due(clock, "missed")),
        running_overdue=_figure(card.running_overdue, links.due(clock, "running")),
        compliance=_figure(percent(card.met, judged), links.due(clock, "met", "missed", "running")),
        median_seconds=_figure(card.median_s, stopped),
        p90_seconds=_figure(card.p90_s, stopped),
        mean_seconds=_figure(round(card.mean_s, 1) if card.mean_s is not None else None, stopped),
        paused_share=_figure(percent(card.paused_s, card.elapsed_s + card.paused_s), stopped),
    )


def _handling(status: Status, links: Links) -> Handling:
    told, reported = status.handling, links.reported()
    hops = round(told.hops / told.received, 2) if told.received else None
    return Handling(
        reported=_figure(told.received, reported),
        reopen_rate=_figure(percent(told.reopened, told.received), reported),
        send_back_rate=_figure(percent(told.sent_back, told.received), reported),
        hops=_figure(hops, reported),
    )


def _holding(tally: HoldingTally) -> Holding:
    return Holding(stints=tally.stints, mean_seconds=round(tally.mean_s, 1) if tally.mean_s is not None else None)


def _entry(day: TrendDay) -> TrendEntry:
    tally = day.tally
    return TrendEntry(
        on=day.on.isoformat(),
        received=tally.received,
        resolved=tally.resolved,
        respond=DueOnDay(due=tally.respond_due, met=tally.respond_met),
        resolve=DueOnDay(due=tally.resolve_due, met=tally.resolve_met),
    )
