"""Rows of a file become complaints by a profile: pure and total, every row gives a complaint or a reject."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

from connectors import reading
from connectors.contract import (
    EventKind,
    IncomingComplaint,
    Raw,
    Reject,
    SourceEvent,
    TimePrecision,
    fold_word,
    hash_raw,
)
from connectors.spreadsheet.profile import CLOSED, Profile

_PRECISIONS = (TimePrecision.SECOND, TimePrecision.MINUTE, TimePrecision.DAY)
_ROUNDED = 10**15
_SECRET = frozenset({"whistleblowing"})


def to_complaint(raw: Raw, profile: Profile) -> IncomingComplaint | Reject:
    """One row, keyed by the profile's column names.

    A row that has moved on opened with the profile's opening status at its opening time, and closed at its closing
    time; a closed row without one keeps its status undated. A day alone is its start, as a due time its end.
    """
    row = _Row(raw, profile, [])
    value = row.cell(profile.columns.external_id)
    if isinstance(value, float) and abs(value) >= _ROUNDED:
        return Reject(raw, f"{profile.columns.external_id} has more digits than the workbook kept")
    external_id = reading.identifier((reading.plain(value) or "").strip().removeprefix(profile.id_prefix))
    if external_id is None:
        return Reject(raw, f"{profile.columns.external_id} is missing or no usable id")
    reported = row.instant("reported_at", profile.columns.reported_at)
    if reported is None:
        return Reject(raw, f"{profile.columns.reported_at} is missing or in none of the time formats", external_id)
    return _complaint(row, external_id, reported)


@dataclass(frozen=True, slots=True)
class _Row:
    """One row with its profile and what is noted about it on the way."""

    raw: Raw
    profile: Profile
    notices: list[str]

    def cell(self, column: str | None) -> object:
        """The cell of a column; None where it is absent or holds a word for nothing."""
        value = self.raw.get(column) if column else None
        is_missing = isinstance(value, str) and value.strip().casefold() in self.profile.missing
        return None if is_missing else value

    def words(self, column: str | None, *, what: str, limit: int = reading.LABEL_LIMIT) -> str | None:
        return reading.words(self.cell(column), self.notices, what=what, limit=limit)

    def verbatim(self, column: str | None, *, what: str) -> str | None:
        return reading.verbatim(self.cell(column), self.notices, what=what)

    def instant(self, field: str, column: str | None) -> reading.Instant | None:
        """The time in a column; one that cannot be read is noted."""
        value = self.cell(column)
        found = _instant(value, self.profile)
        if found is None and value is not None:
            self.notices.append(f"{column} is not a usable time and was left out")
        if found and field in self.profile.midnight_is_day and found.at.time() == time():
            return reading.Instant(found.at, TimePrecision.DAY)
        return found


def _instant(value: object, profile: Profile) -> reading.Instant | None:
    """A time in one of the profile's formats, or as a workbook's own date cells are given (ISO 8601)."""
    found = reading.formatted_instant(value, profile.times, zone=profile.zone)
    return found or reading.instant(value, zone=profile.zone)


def _complaint(row: _Row, external_id: str, reported: reading.Instant) -> IncomingComplaint:
    columns, notices = row.profile.columns, row.notices
    status = row.verbatim(columns.status, what="status")
    closed = _closing(row, status, reported)
    category = row.verbatim(columns.category, what="category")
    text = "\n".join(filter(None, (row.words(one, what="text", limit=reading.TEXT_LIMIT) for one in columns.text)))
    lat, lng = reading.place(row.cell(columns.lat), row.cell(columns.lng), notices, bounds=row.profile.bounds)
    updated = row.instant("updated_at", columns.updated_at)
    classification = _classification(row)
    return IncomingComplaint(
        external_id=external_id,
        source_status=status,
        channel=_channel(row),
        category=category,
        text=text,
        reported_at=reported.at,
        raw=row.raw,
        content_hash=hash_raw(row.raw),
        classification=classification,
        unit_label=row.verbatim(columns.unit, what="unit"),
        village=row.words(columns.village, what="village"),
        lat=lat,
        lng=lng,
        address=row.words(columns.address, what="address", limit=reading.URL_LIMIT),
        subject=row.words(columns.subject, what="subject"),
        is_anonymous=reading.is_yes(row.cell(columns.anonymous)),
        is_confidential=reading.is_yes(row.cell(columns.confidential)) or classification in _SECRET,
        updated_at=updated.at if updated else None,
        due_at=_due(row, reported),
        events=_events(row, status, reported, closed),
        time_precision=max(filter(None, (reported, closed)), key=_coarseness).precision,
        quoted_codes=reading.quoted_codes(text, own=None),
        notices=tuple(notices),
    )


def _coarseness(found: reading.Instant) -> int:
    return _PRECISIONS.index(found.precision)


def _closing(row: _Row, status: str | None, reported: reading.Instant) -> reading.Instant | None:
    """When the row was closed; None, with a notice, for a time that its status or its opening contradicts."""
    closed = row.instant("closed_at", row.profile.columns.closed_at)
    if row.profile.status_of(status) not in CLOSED:
        if closed:
            row.notices.append("a closing time of a complaint that is not closed was left out")
        return None
    if closed is None:
        row.notices.append("closed without a closing time")
        return None
    is_same_day = closed.precision is TimePrecision.DAY and closed.at.date() == reported.at.date()
    if closed.at < reported.at and is_same_day:
        return reading.Instant(reported.at, TimePrecision.DAY)
    if closed.at < reported.at:
        row.notices.append("a closing time before the opening was left out")
        return None
    return closed


def _due(row: _Row, reported: reading.Instant) -> datetime | None:
    """The due time that the city states; None, with a notice, for one before the opening."""
    due = row.instant("due_at", row.profile.columns.due_at)
    if due is None:
        return None
    is_day = due.precision is TimePrecision.DAY
    at = reading.end_of_day(due.at.date(), zone=row.profile.zone) if is_day else due.at
    if at < reported.at:
        row.notices.append("a due time before the opening was left out")
        return None
    return at


def _events(
    row: _Row, status: str | None, reported: reading.Instant, closed: reading.Instant | None
) -> tuple[SourceEvent, ...]:
    events = []
    opening = row.profile.opening_status
    # Of a row that still has its opening word nobody says since when: it may have been closed in between.
    if opening and (status is None or fold_word(status) != fold_word(opening)):
        events.append(SourceEvent(reported.at, EventKind.STATUS, opening))
    if closed and status:
        events.append(SourceEvent(closed.at, EventKind.STATUS, status))
    return tuple(events)


def _classification(row: _Row) -> str | None:
    """What kind of complaint it is: by the profile's table, else in the source's own word."""
    word = row.words(row.profile.columns.classification, what="classification")
    return None if word is None else row.profile.classifications.get(fold_word(word), word)


def _channel(row: _Row) -> str:
    """How the citizen complained: by the profile's table, else in the city's own word."""
    word = row.words(row.profile.columns.channel, what="channel")
    return row.profile.channel if word is None else row.profile.channels.get(fold_word(word), word)
