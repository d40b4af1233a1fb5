"""Whose time a citizen's wait was: every wall-clock second of it belongs to exactly one holder."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from app.complaint.events import CaseEvent, EventKind, Timing
from app.complaint.history import Case, PauseFacts

_HAPPENINGS = frozenset({EventKind.STATUS, EventKind.ASSIGNED, EventKind.REPLIED, EventKind.MOVE})


class Holder(StrEnum):
    """Whom a stretch of the wait is charged to; while it waits for the complainant, for whatever reason, them."""

    SOURCE_DELAY = "source_delay"
    UNROUTED = "unrouted"
    UNIT = "unit"
    COMPLAINANT = "complainant"


@dataclass(frozen=True, slots=True)
class Share:
    """A stretch [from_at, to_at) of the wait; `unit_id` stands where a unit has it."""

    holder: Holder
    unit_id: int | None
    from_at: datetime
    to_at: datetime

    @property
    def seconds(self) -> int:
        """How long it is."""
        return _seconds(self.from_at, self.to_at)


@dataclass(frozen=True, slots=True)
class Total:
    """All that one holder has of the wait."""

    holder: Holder
    unit_id: int | None
    seconds: int


@dataclass(frozen=True, slots=True)
class Attribution:
    """The wait cut into shares, in order; they do not overlap and leave nothing out."""

    shares: tuple[Share, ...]
    wait_s: int

    @property
    def totals(self) -> tuple[Total, ...]:
        """What each holder has, by first appearance; the sum is `wait_s`."""
        found: dict[tuple[Holder, int | None], int] = {}
        for share in self.shares:
            key = share.holder, share.unit_id
            found[key] = found.get(key, 0) + share.seconds
        return tuple(Total(holder, unit_id, seconds) for (holder, unit_id), seconds in found.items())


def attribute(case: Case, events: Iterable[CaseEvent], *, received_at: datetime, as_of: datetime) -> Attribution:
    """Who had each second of the citizen's wait, from the report until the complaint was closed, or `as_of`.

    Closed time is nobody's: between a closing and a reopening the citizen waits for nothing. What comes first counts:
    the source's delay, the complainant's own time, the unit that holds the complaint, nobody yet (`unrouted`).
    Instants are cut to whole seconds, so the shares add up to the wait exactly.
    """
    start, end = case.reported_at, as_of.replace(microsecond=0)
    delayed_until = _delayed_until(case, events, received_at.replace(microsecond=0))
    waits = list(_open_spans(case, start, end))
    edges = {delayed_until, *(at for wait in waits for at in wait), *(stint.assigned_at for stint in case.stints)}
    edges |= {at for pause in case.pauses for at in (pause.started_at, pause.ended_at) if at is not None}
    cuts = sorted(edges)
    holders = _Holders(case, delayed_until)
    pieces = (piece for wait in waits for piece in _pieces(wait, cuts))
    shares = tuple(_merged(Share(*holders.at(piece[0]), *piece) for piece in pieces))
    return Attribution(shares, sum(_seconds(*wait) for wait in waits))


def held_seconds(case: Case, events: Iterable[CaseEvent], *, received_at: datetime) -> tuple[int | None, ...]:
    """For each stint the seconds of the wait that its unit had in it; None for the one that goes on.

    Of a complaint that is closed they add up to what the units have of the attribution.
    """
    ended = [stint.ended_at for stint in case.stints if stint.ended_at is not None]
    if not ended:
        return (None,) * len(case.stints)
    found = attribute(case, events, received_at=received_at, as_of=max(ended))
    held = [share for share in found.shares if share.holder is Holder.UNIT]
    begins = [stint.assigned_at for stint in case.stints]
    spans = zip(case.stints, begins, [*begins[1:], max(ended)], strict=True)
    return tuple(None if stint.ended_at is None else _overlap(held, since, until) for stint, since, until in spans)


def _overlap(shares: Iterable[Share], since: datetime, until: datetime) -> int:
    """Seconds of the shares between two instants."""
    return sum(max(0, _seconds(max(share.from_at, since), min(share.to_at, until))) for share in shares)


def _delayed_until(case: Case, events: Iterable[CaseEvent], received_at: datetime) -> datetime:
    """Until when the source had not yet told us, nor dated anything later; an officer's own intake has no delay."""
    happened = list(events)
    first = min((event for event in happened if event.kind is EventKind.REPORTED), key=lambda event: event.occurred_at)
    if first.source_id is None:
        return case.reported_at
    dated = (
        event.occurred_at
        for event in happened
        if event.kind in _HAPPENINGS and event.timing is Timing.DATED and event.occurred_at > case.reported_at
    )
    return max(case.reported_at, min([received_at, *dated]))


def _open_spans(case: Case, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    for closure in case.closures:
        if closure.closed_at >= end:
            break
        if start < closure.closed_at:
            yield start, closure.closed_at
        if closure.reopened_at is None:
            return
        start = closure.reopened_at
    if start < end:
        yield start, end


def _pieces(wait: tuple[datetime, datetime], cuts: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
    """The wait cut at every edge that lies inside it."""
    first, last = bisect_right(cuts, wait[0]), bisect_right(cuts, wait[1])
    return pairwise([wait[0], *cuts[first:last]])


class _Holders:
    """Who holds the complaint at an instant."""

    def __init__(self, case: Case, delayed_until: datetime) -> None:
        self.delayed_until = delayed_until
        self.stints = case.stints
        self.begins = [stint.assigned_at for stint in case.stints]
        self.pauses = case.pauses

    def at(self, instant: datetime) -> tuple[Holder, int | None]:
        if instant < self.delayed_until:
            return Holder.SOURCE_DELAY, None
        if any(_covers(pause, instant) for pause in self.pauses):
            return Holder.COMPLAINANT, None
        place = bisect_right(self.begins, instant)
        return (Holder.UNIT, self.stints[place - 1].unit_id) if place else (Holder.UNROUTED, None)


def _covers(pause: PauseFacts, instant: datetime) -> bool:
    return pause.started_at <= instant and (pause.ended_at is None or instant < pause.ended_at)


def _merged(shares: Iterable[Share]) -> Iterator[Share]:
    """Shares of one holder that touch are one; a closing between two keeps them apart."""
    held: Share | None = None
    for share in shares:
        if held is not None and held.to_at == share.from_at and _who(held) == _who(share):
            held = replace(held, to_at=share.to_at)
            continue
        if held is not None:
            yield held
        held = share
    if held is not None:
        yield held


def _who(share: Share) -> tuple[Holder, int | None]:
    return share.holder, share.unit_id


def _seconds(from_at: datetime, to_at: datetime) -> int:
    """Whole seconds between two instants, so cut that neighbours add up."""
    return (to_at - _EPOCH) // _SECOND - (from_at - _EPOCH) // _SECOND


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
