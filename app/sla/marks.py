"""What happened along an account: its rows are cut there, and the row that begins says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.sla.calendars import CompiledCalendar
from app.sla.explain import Note, Row, RowKind
from app.sla.terms import Terms, counting_calendar


@dataclass(frozen=True, slots=True)
class Mark:
    """Something to be told at an instant that changes no figure."""

    at: datetime
    note: Note


def marked(rows: Iterable[Row], marks: Sequence[Mark], terms: Terms) -> list[Row]:
    """The rows with the marks on them; a mark at the end of the account or outside it has no row to stand on."""
    calendar = counting_calendar(terms.target, terms.calendar)
    return [piece for row in rows for piece in _cut(row, marks, calendar)]


def _cut(row: Row, marks: Sequence[Mark], calendar: CompiledCalendar) -> Iterator[Row]:
    inside = sorted({mark.at for mark in marks if row.from_at < mark.at < row.to_at})
    for from_at, to_at in zip([row.from_at, *inside], [*inside, row.to_at], strict=True):
        notes = tuple(mark.note for mark in marks if mark.at == from_at)
        yield replace(_piece(row, from_at, to_at, calendar), marks=notes)


def _piece(row: Row, from_at: datetime, to_at: datetime, calendar: CompiledCalendar) -> Row:
    """The part of a row between two instants, with its share of what the row counts or covers."""
    if (from_at, to_at) == (row.from_at, row.to_at):
        return row
    span_s = calendar.position(to_at) - calendar.position(from_at)
    if row.kind is RowKind.PAUSED:
        return replace(row, from_at=from_at, to_at=to_at, note=replace(row.note, span_s=span_s))
    return replace(row, from_at=from_at, to_at=to_at, counted_s=span_s)
