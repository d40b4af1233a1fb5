"""How units and their status look on the wire: each figure with the address that lists what it counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import quote, urlencode

from app.api.instants import rfc3339
from app.api.unit_shapes import (
    AgeBucket,
    ClockFigures,
    CommonFigures,
    DueOnDay,
    Figure,
    FormerPeriod,
    Handling,
    Holding,
    Oldest,
    PeriodSpan,
    PlaceAmong,
    SignalsLead,
    StatusFigures,
    TrendEntry,
    UnitName,
    UnitNode,
    UnroutedFigure,
)
from app.sla.scorecard import AGE_LIMITS, Scorecard
from app.units.directory import Directory, UnitCard
from app.units.figures import HoldingTally, OpenTally, TrendDay
from app.units.figures import by_week as weeks
from app.units.links import Links, Query
from app.units.numbers import clock_numbers, handling_numbers, tenths
from app.units.periods import Period
from app.units.sisters import Place
from app.units.status import Status

QUEUE = "/api/v1/complaints"
UNITS = "/api/v1/units"


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


def status_figures(
    units: Sequence[UnitCard], status: Status, links: Links, *, is_top: bool, by_week: bool = False
) -> StatusFigures:
    """The figures of the units together; what no unit holds is told only at the top of the tree."""
    return StatusFigures(
        unit=unit_name(units[0]) if len(units) == 1 else None,
        units=[unit_name(unit) for unit in units],
        signals=_signals(units, links),
        trend=[_entry(day) for day in (weeks(status.trend) if by_week else status.trend)],
        **common_figures(status, links, is_top=is_top),
    )


def common_figures(status: Status, links: Links, *, is_top: bool) -> CommonFigures:
    """What the status of a unit and that of a part of its complaints have alike."""
    opened = status.open
    return CommonFigures(
        open=_figure(opened.open, links.open()),
        overdue=_figure(opened.overdue, links.overdue()),
        due_24h=_figure(opened.due_24h, links.due_24h()),
        unassigned=_figure(opened.unassigned, links.unassigned()),
        unrouted=_unrouted(status.unrouted, links) if is_top and status.unrouted is not None else None,
        oldest=_oldest(opened.oldest_at, links) if opened.oldest_at is not None else None,
        ageing=list(_ageing(opened, links)),
        clocks=clock_figures(status, links),
        handling=handling_figures(status, links),
        holding=holding_figures(status.holding),
    )


def former_period(status: Status, links: Links) -> FormerPeriod:
    """The figures of the period that the links speak of."""
    return FormerPeriod(
        period=period_span(links.period),
        clocks=clock_figures(status, links),
        handling=handling_figures(status, links),
        holding=holding_figures(status.holding),
    )


def clock_figures(status: Status, links: Links) -> dict[str, ClockFigures]:
    """Each clock of the period."""
    return {clock: _clock(clock, card, links) for clock, card in status.clocks.items()}


def place_shown(place: Place) -> PlaceAmong:
    """A unit's place among its sisters."""
    return PlaceAmong(units=place.units, rank=place.rank, median=tenths(place.median))


def _figure(value: float | int | None, query: Query | None) -> Figure:
    return Figure(value=value, href=_href(query))


def _signals(units: Sequence[UnitCard], links: Links) -> SignalsLead:
    """Where the signals of one unit are told; they know only how things stand now, as the queue does."""
    if len(units) != 1 or not links.leads:
        return SignalsLead(href=None)
    return SignalsLead(href=f"{UNITS}/{quote(units[0].code, safe='')}/signals?period={links.period.name}")


def _href(query: Query | None) -> str | None:
    return None if query is None else f"{QUEUE}?{urlencode(query, safe=',:')}"


def _unrouted(tally: OpenTally, links: Links) -> UnroutedFigure:
    overdue = _figure(tally.overdue, links.unrouted(due="overdue"))
    return UnroutedFigure(value=tally.open, href=_href(links.unrouted()), overdue=overdue)


def _oldest(since: datetime, links: Links) -> Oldest:
    age_seconds = int((links.now - since).total_seconds())
    return Oldest(since=rfc3339(since), age_seconds=age_seconds, href=_href(links.oldest()))


def _ageing(opened: OpenTally, links: Links) -> Iterator[AgeBucket]:
    limits = [int(limit.total_seconds()) for limit in AGE_LIMITS]
    for bucket, (count, lower, upper) in enumerate(zip(opened.ages, (0, *limits), (*limits, None), strict=True)):
        yield AgeBucket(from_seconds=lower, to_seconds=upper, value=count, href=_href(links.age(bucket)))


def _clock(clock: str, card: Scorecard, links: Links) -> ClockFigures:
    told, stopped = clock_numbers(card), links.stopped(clock)
    return ClockFigures(
        received=_figure(told["received"], links.received(clock)),
        met=_figure(told["met"], links.due(clock, "met")),
        missed=_figure(told["missed"], links.due(clock, "missed")),
        running_overdue=_figure(told["running_overdue"], links.due(clock, "running")),
        compliance=_figure(told["compliance"], links.due(clock, "met", "missed", "running")),
        median_seconds=_figure(told["median_seconds"], stopped),
        p90_seconds=_figure(told["p90_seconds"], stopped),
        mean_seconds=_figure(told["mean_seconds"], stopped),
        paused_share=_figure(told["paused_share"], stopped),
        percentile_error=told["percentile_error"] or 0.0,
    )


def handling_figures(status: Status, links: Links) -> Handling:
    """What became of what was reported in the period."""
    told, reported = handling_numbers(status.handling), links.reported()
    return Handling(
        reported=_figure(told["reported"], reported),
        reopen_rate=_figure(told["reopen_rate"], reported),
        send_back_rate=_figure(told["send_back_rate"], reported),
        hops=_figure(told["hops"], reported),
    )


def holding_figures(tally: HoldingTally) -> Holding:
    """How long units held what they let go in the period."""
    return Holding(stints=tally.stints, mean_seconds=tenths(tally.mean_s))


def _entry(day: TrendDay) -> TrendEntry:
    tally = day.tally
    return TrendEntry(
        on=day.on.isoformat(),
        to=(day.to or day.on).isoformat(),
        received=tally.received,
        resolved=tally.resolved,
        respond=DueOnDay(due=tally.respond_due, met=tally.respond_met),
        resolve=DueOnDay(due=tally.resolve_due, met=tally.resolve_met),
    )
