"""The account of one clock: rows that cover every second from its start to its stop, with what each was worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import islice, pairwise

from app.sla.calendars import CompiledCalendar, DayNote, Layer, end_of_day
from app.sla.catalogue import REASONS, TEXTS, language_of
from app.sla.clock import trace
from app.sla.speech import Speech
from app.sla.terms import ClockEvent, Pause, Terms, counting_calendar, in_utc

DETAILED_DAYS = 370
MAX_ROWS = 5_000
"""An account longer than this, in days or rows, gives the working time between two changes as one sum."""

_INSTANT = timedelta(microseconds=1)


class RowKind(StrEnum):
    """What a stretch of a clock was."""

    OPEN = "open"
    AFTER_DUE = "after_due"
    CLOSED = "closed"
    HOLIDAY = "holiday"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Note:
    """Why a row counts as it does, or what happened as it began; free of language: a key of the catalogue and its gaps.

    `at` and `then` are the instants that it speaks of, `span_s` the span: of a pause, the open time that it covered.
    """

    key: str
    name: str | None = None
    former: str | None = None
    reason: str | None = None
    actor: str | None = None
    at: datetime | None = None
    then: datetime | None = None
    span_s: int | None = None
    is_estimated: bool = False
    is_after_due: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A stretch [from_at, to_at) of the account; `source` is the decree behind its hours.

    `marks` are what happened at `from_at`, such as a hand-over.
    """

    from_at: datetime
    to_at: datetime
    kind: RowKind
    counted_s: int
    note: Note
    source: str | None = None
    marks: tuple[Note, ...] = ()


def explain(events: Iterable[ClockEvent], terms: Terms, *, as_of: datetime) -> list[Row]:
    """The rows of a cycle from its start to its stop, or to `as_of`; their counted seconds add up to `elapsed_s`.

    >>> from app.sla.calendars import always_open
    >>> from app.sla.terms import EventKind, Target, TargetUnit
    >>> start = ClockEvent(datetime(2026, 1, 12, 8, tzinfo=UTC), EventKind.START)
    >>> terms = Terms(Target(TargetUnit.ELAPSED_MINUTE, 60), always_open())
    >>> rows = explain([start], terms, as_of=datetime(2026, 1, 12, 10, tzinfo=UTC))
    >>> [(str(row.kind), row.counted_s) for row in rows]
    [('open', 3600), ('after_due', 3600)]

    Raises:
        DueOutOfRange: the due time lies beyond the last year that can be computed.
    """
    as_of = in_utc(as_of)
    outcome, pauses, _ = trace(events, terms, as_of=as_of)
    if outcome.started_at is None:
        return []
    end = outcome.stopped_at or as_of
    account = _Account(counting_calendar(terms.target, terms.calendar), outcome.breached_at, outcome.started_at, end)
    rows = list(islice(account.rows(pauses), MAX_ROWS + 1))
    if len(rows) > MAX_ROWS:
        account.is_detailed = False
        return list(account.rows(pauses))
    return rows


def row_json(row: Row, language: str, zone: tzinfo = UTC) -> dict[str, object]:
    """The row as the doors give it, its note in Indonesian or English."""
    return {
        "from": instant_json(row.from_at),
        "to": instant_json(row.to_at),
        "kind": str(row.kind),
        "counted_seconds": row.counted_s,
        "note": row_note(row, language, zone),
        "source": row.source,
    }


def row_note(row: Row, language: str, zone: tzinfo = UTC) -> str:
    """What a row was, then what happened as it began."""
    return "; ".join(render(note, language, zone) for note in (row.note, *row.marks))


def instant_json(at: datetime) -> str:
    """The instant in UTC, written with `Z`."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def render(note: Note, language: str, zone: tzinfo = UTC) -> str:
    """The note in Indonesian or English, its instants in `zone`.

    >>> render(Note("holiday", name="Hari Suci Nyepi"), "id")
    'Hari libur: Hari Suci Nyepi'
    """
    speech = Speech(language_of(language), zone)
    texts, reasons = TEXTS[speech.language], REASONS[speech.language]
    text = texts[note.key].format(
        name=note.name,
        former=note.former,
        reason=reasons.get(note.reason or "", note.reason),
        at=speech.instant(note.at) if note.at else None,
        then=speech.instant(note.then) if note.then else None,
    )
    if note.is_estimated:
        text = texts["estimated"].format(text=text)
    if note.is_after_due:
        text = texts["after_due"].format(open=text)
    if note.actor:
        text = texts["by"].format(text=text, actor=note.actor)
    if note.span_s is not None:
        text = texts["span" if note.span_s else "no_span"].format(text=text, span=speech.span(note.span_s))
    return text


class _Account:
    """The stretch of a cycle being accounted for."""

    def __init__(self, calendar: CompiledCalendar, due_at: datetime | None, start: datetime, end: datetime) -> None:
        self.calendar = calendar
        self.due_at = due_at
        self.start = start
        self.end = end
        self.is_detailed = calendar.is_always_open or end - start <= timedelta(days=DETAILED_DAYS)

    def rows(self, pauses: Sequence[Pause]) -> Iterator[Row]:
        at = self.start
        for pause in pauses:
            pause_end = pause.to_at or self.end
            yield from self._run(at, pause.from_at)
            if pause.from_at < pause_end:
                key = "paused_reason" if pause.reason else "paused"
                covered_s = self.calendar.position(pause_end) - self.calendar.position(pause.from_at)
                note = Note(key, reason=pause.reason, actor=pause.actor, span_s=covered_s)
                yield Row(pause.from_at, pause_end, RowKind.PAUSED, 0, note)
            at = pause_end
        yield from self._run(at, self.end)

    def _run(self, start: datetime, end: datetime) -> Iterator[Row]:
        """The rows of a stretch without a pause, cut at the due time that passed."""
        if self.due_at is not None and start < self.due_at < end:
            yield from _merged(self._counting(start, self.due_at))
            start = self.due_at
        yield from _merged(self._counting(start, end))

    def _counting(self, start: datetime, end: datetime) -> Iterator[Row]:
        if not self.is_detailed and start < end:
            yield self._open(start, end, Note("summary"), None)
            return
        at = start
        for opens, closes in self.calendar.intervals(start, end):
            yield from self._closed(at, opens)
            yield from self._by_day(opens, closes)
            at = closes
        yield from self._closed(at, end)

    def _by_day(self, opens: datetime, closes: datetime) -> Iterator[Row]:
        """An open interval, cut at midnight only where the next day has other hours."""
        if not self.calendar.rules.days and not self.calendar.rules.periods:
            yield self._open(opens, closes, self._open_note(opens), None)
            return
        for on, start, end in self._days(opens, closes):
            yield self._open(start, end, self._open_note(start), self.calendar.day_note(on).source)

    def _open(self, start: datetime, end: datetime, note: Note, source: str | None) -> Row:
        counted_s = self.calendar.position(end) - self.calendar.position(start)
        if self.due_at is not None and self.due_at <= start:
            return Row(start, end, RowKind.AFTER_DUE, counted_s, replace(note, is_after_due=True), source)
        return Row(start, end, RowKind.OPEN, counted_s, note, source)

    def _open_note(self, at: datetime) -> Note:
        if self.calendar.is_always_open:
            return Note("open_always")
        row = self.calendar.day_note(at.astimezone(self.calendar.zone).date())
        if row.name is None or row.layer is Layer.WEEK:
            return Note("open", is_estimated=row.is_estimated)
        key = "open_day" if row.layer is Layer.DAY else "open_period"
        return Note(key, name=row.name, is_estimated=row.is_estimated)

    def _closed(self, start: datetime, end: datetime) -> Iterator[Row]:
        """A gap between open intervals: a break, a night, or days without hours and the nights beside them."""
        pieces = list(self._days(start, end))
        if len(pieces) == 1 and self._is_break(*pieces[0]):
            yield Row(start, end, RowKind.CLOSED, 0, Note("break"))
            return
        rows = [self._closed_day(*piece) for piece in pieces]
        weekly = Note("weekend")
        for index, row in enumerate(rows):
            beside = rows[max(index - 1, 0) : index + 2]
            is_swallowed = row.note.key == "night" and any(other.note == weekly for other in beside)
            yield replace(row, note=weekly) if is_swallowed else row

    def _closed_day(self, on: date, start: datetime, end: datetime) -> Row:
        row = self.calendar.day_note(on)
        if row.hours:
            return Row(start, end, RowKind.CLOSED, 0, Note("night"))
        if row.layer is Layer.WEEK or (row.layer is Layer.PERIOD and self._is_day_off(on)):
            return Row(start, end, RowKind.CLOSED, 0, Note("weekend"))
        return Row(start, end, RowKind.HOLIDAY, 0, _holiday(row), row.source)

    def _is_day_off(self, on: date) -> bool:
        """The base week closes that weekday too, so that a period only leaves it as it is."""
        return not self.calendar.rules.week[on.weekday()]

    def _is_break(self, on: date, start: datetime, end: datetime) -> bool:
        zone = self.calendar.zone
        first, last = _second_of_day(start.astimezone(zone)), _second_of_day((end - _INSTANT).astimezone(zone))
        hours = self.calendar.day_note(on).hours
        return any(before[1] <= first and last < after[0] for before, after in pairwise(hours))

    def _days(self, start: datetime, end: datetime) -> Iterator[tuple[date, datetime, datetime]]:
        """The stretch cut at local midnights, with the date of each piece."""
        zone = self.calendar.zone
        while start < end:
            on = start.astimezone(zone).date()
            midnight = end_of_day(on, zone).astimezone(UTC)
            # Where a zone repeats the end of a day, the midnight found may be the first of two.
            cut = min(midnight, end) if midnight > start else end
            yield on, start, cut
            start = cut


def _holiday(row: DayNote) -> Note:
    if row.name is None:
        return Note("holiday_unnamed", is_estimated=row.is_estimated)
    return Note("holiday", name=row.name, is_estimated=row.is_estimated)


def _second_of_day(at: datetime) -> int:
    return at.hour * 3_600 + at.minute * 60 + at.second


def _merged(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows of one kind, note and source that touch are one."""
    held: Row | None = None
    for row in rows:
        if held is not None and (held.kind, held.note, held.source) == (row.kind, row.note, row.source):
            held = replace(held, to_at=row.to_at, counted_s=held.counted_s + row.counted_s)
            continue
        if held is not None:
            yield held
        held = row
    if held is not None:
        yield held
