"""What SLA arithmetic costs beside the bare searches that it cannot do without: `python -m bench.sla`."""

from __future__ import annotations

import argparse
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random

from app.complaint.lifecycle import Status
from app.seed.rules import calendars
from app.sla.calendars import CalendarRules, CompiledCalendar, compile_calendar, parse_rules
from app.sla.clock import ClockEvent, EventKind, Target, TargetUnit, Terms, fold
from bench.figures import Figure, Goal, race, show_table
from bench.machine import show_machine

_CALENDAR = "asn-dki"
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_LAST = datetime(2026, 12, 1, tzinfo=UTC)
_WORKING_DAYS = 5
_SPAN_S = 5 * 3600
_LOOP = 20_000
_REPEATS = 7
_DUE_GOAL = Goal.within(3)
_WAITING = str(Status.AWAITING_COMPLAINANT)


class CountingCalendar(CompiledCalendar):
    """A calendar that counts the searches that are made in it."""

    def __init__(self, rules: CalendarRules) -> None:
        self.searches = 0
        super().__init__(rules)

    def position_s(self, epoch: int) -> int:
        self.searches += 1
        return super().position_s(epoch)

    def instant_s(self, position: int) -> int:
        self.searches += 1
        return super().instant_s(position)

    def close_of_nth_working_day(self, start: datetime, n: int) -> datetime:
        self.searches += 1
        return super().close_of_nth_working_day(start, n)


@dataclass(frozen=True, slots=True)
class Bare:
    """The calendar as two lists, and what is looked for in them."""

    opens: Sequence[int]
    totals: Sequence[int]
    starts: Sequence[int]
    positions: Sequence[int]

    def search_twice(self) -> None:
        """The two searches of a due date, for each start."""
        opens, totals = self.opens, self.totals
        for start, position in zip(self.starts, self.positions, strict=True):
            bisect_right(opens, start)
            bisect_left(totals, position)

    def search_times(self, searches: int) -> Callable[[], None]:
        """`searches` searches for each start."""

        def work() -> None:
            opens = self.opens
            for start in self.starts:
                for _ in range(searches):
                    bisect_right(opens, start)

        return work

    def search_span(self) -> None:
        """The two searches of a span, for each start."""
        opens = self.opens
        for start in self.starts:
            bisect_right(opens, start)
            bisect_right(opens, start + _SPAN_S)


def main() -> None:
    """Take every figure twice and print both takes."""
    parser = argparse.ArgumentParser(prog="python -m bench.sla", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="clocks in a batch (100000)")
    options = parser.parse_args()
    show_machine("SLA arithmetic")
    rules = next(parse_rules(dict(each.rules)) for each in calendars() if each.name == _CALENDAR)
    calendar = compile_calendar(rules)
    print(f"sizes:    calendar {_CALENDAR}, {_LOOP:,} instants a loop, best of {_REPEATS}; batch of {options.rows:,}")
    for take in (1, 2):
        show_table(f"take {take}", _figures(calendar, rules, options.rows))


def _figures(calendar: CompiledCalendar, rules: CalendarRules, rows: int) -> Iterator[Figure]:
    loop = _bare(calendar, _LOOP)
    yield _each("due date, epoch seconds / two bisect calls", _due(calendar, loop), loop.search_twice, _DUE_GOAL)
    yield _each("working time between, epoch seconds / two bisect calls", _span(calendar, loop), loop.search_span)
    yield _each("due date, datetimes / two bisect calls", _due_at(calendar, loop), loop.search_twice)
    searches = _searches(rules)
    folds = _folds(calendar, _cycles(loop))
    yield _each(f"fold: start, pause, resume, stop / its {searches} bisect calls", folds, loop.search_times(searches))
    batch = _bare(calendar, rows)
    yield _whole(f"batch: {rows:,} due dates, epoch seconds", _due(calendar, batch), batch.search_twice)
    yield _whole(f"batch: {rows:,} due dates, datetimes", _due_at(calendar, batch), batch.search_twice)
    yield _whole(f"batch: {rows:,} folds", _folds(calendar, _cycles(batch)), batch.search_times(searches), repeats=1)


def _each(what: str, ours: Callable[[], None], raw: Callable[[], None], goal: Goal | None = None) -> Figure:
    """The figure of one piece of work out of a loop."""
    ours_s, raw_s = race(_REPEATS, ours, raw)
    return Figure(what, ours_s / _LOOP, raw_s / _LOOP, goal)


def _whole(what: str, ours: Callable[[], None], raw: Callable[[], None], repeats: int = 3) -> Figure:
    return Figure(what, *race(repeats, ours, raw))


def _bare(calendar: CompiledCalendar, count: int) -> Bare:
    """The calendar's intervals from before the first start to a year after the last, and `count` starts."""
    chance = Random(1)
    year = timedelta(days=365)
    intervals = list(calendar.intervals(_FIRST - year, _LAST + year))
    opens = [int(opened.timestamp()) for opened, _ in intervals]
    totals = list(accumulate((int((closed - opened).total_seconds()) for opened, closed in intervals), initial=0))
    first, last = int(_FIRST.timestamp()), int(_LAST.timestamp())
    starts = [chance.randrange(first, last) for _ in range(count)]
    ratio = totals[-1] / (opens[-1] - opens[0])
    return Bare(opens, totals, starts, [int((start - opens[0]) * ratio) + _SPAN_S for start in starts])


def _due(calendar: CompiledCalendar, bare: Bare) -> Callable[[], None]:
    def work() -> None:
        position, instant = calendar.position_s, calendar.instant_s
        for start in bare.starts:
            instant(position(start) + _SPAN_S)

    return work


def _span(calendar: CompiledCalendar, bare: Bare) -> Callable[[], None]:
    def work() -> None:
        position = calendar.position_s
        for start in bare.starts:
            position(start + _SPAN_S) - position(start)

    return work


def _due_at(calendar: CompiledCalendar, bare: Bare) -> Callable[[], None]:
    starts = [datetime.fromtimestamp(start, UTC) for start in bare.starts]

    def work() -> None:
        for start in starts:
            calendar.instant(calendar.position(start) + _SPAN_S)

    return work


def _cycles(bare: Bare) -> list[tuple[ClockEvent, ...]]:
    return [_cycle(datetime.fromtimestamp(start, UTC)) for start in bare.starts]


def _cycle(start: datetime) -> tuple[ClockEvent, ...]:
    """A typical cycle: a question to the complainant a day after the report, an answer after two, done after six."""
    day = timedelta(days=1)
    return (
        ClockEvent(start, EventKind.START),
        ClockEvent(start + day, EventKind.PAUSE, reason=_WAITING),
        ClockEvent(start + 2 * day, EventKind.RESUME),
        ClockEvent(start + 6 * day, EventKind.STOP),
    )


def _folds(calendar: CompiledCalendar, cycles: Sequence[tuple[ClockEvent, ...]]) -> Callable[[], None]:
    terms = Terms(Target(TargetUnit.WORKING_DAY, _WORKING_DAYS), calendar)

    def work() -> None:
        for events in cycles:
            fold(events, terms, as_of=events[-1].at)

    return work


def _searches(rules: CalendarRules) -> int:
    """How many searches the fold of a typical cycle makes."""
    calendar = CountingCalendar(rules)
    _folds(calendar, [_cycle(datetime(2026, 6, 2, 2, tzinfo=UTC))])()
    return calendar.searches


if __name__ == "__main__":
    main()
