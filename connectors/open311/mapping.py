"""GeoReport requests become complaints: pure and total, every record gives a complaint or a reject, and the same one
whether it came as JSON or as XML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors import reading
from connectors.contract import EventKind, IncomingComplaint, Reject, SourceEvent, fold_word, hash_raw
from connectors.open311.options import Open311Options

CHANNEL = "open311"
OPEN, CLOSED, ASSIGNED = "open", "closed", "assigned"
LISTED_NAME = "listed_service_name"
"""Where the name of a service stands that the record itself leaves out; it is added to the raw record."""

STATUS_WORDS: Mapping[str, str] = {
    OPEN: "received",
    CLOSED: "resolved",
    # Being handed to somebody is no answer.
    ASSIGNED: "received",
    # FixMyStreet and its adapters say more than the standard's two words.
    "for_triage": "received",
    "internal_referral": "dispatched",
    "investigating": "in_progress",
    "in_progress": "in_progress",
    "planned": "scheduled",
    "action_scheduled": "scheduled",
    "fixed": "resolved",
    "duplicate": "rejected",
    "no_further_action": "rejected",
    "not_councils_responsibility": "rejected",
    "cancelled": "withdrawn",
}
_ENDS = frozenset(word for word, status in STATUS_WORDS.items() if status in ("resolved", "rejected", "withdrawn"))
_NOTES = {"opened": OPEN, CLOSED: CLOSED}
_REPLIES = frozenset({"activity", "comment", "update", "note"})
_LIMIT = 500
_PHOTO_LIMIT = 50

Item = Mapping[str, Any]


def lacks_name(item: object) -> str | None:
    """The service code of a record that leaves out the name of its service; None for any other."""
    if not isinstance(item, dict) or LISTED_NAME in item:
        return None
    fields = _fields(item)
    name = reading.plain(fields.get("service_name")) or ""
    return reading.identifier(fields.get("service_code")) if reading.is_nothing(name) else None


def to_complaint(item: object, options: Open311Options) -> IncomingComplaint | Reject:
    """One request; a time without offset is local to the options' zone."""
    if not isinstance(item, dict):
        return Reject({"value": item}, "the record is not an object")
    fields = _fields(item)
    external_id = reading.identifier(fields.get("service_request_id"))
    if external_id is None:
        token = reading.identifier(fields.get("token"))
        return Reject(item, "the record has only a token so far" if token else "the record has no usable id")
    reported = reading.instant(fields.get("requested_datetime"), zone=options.zone)
    if reported is None:
        return Reject(item, "requested_datetime is missing or not a time", external_id)
    return _Record(item, fields, options, reported.at, []).complaint(external_id, reported)


@dataclass(frozen=True, slots=True)
class _Record:
    """One request with what is noted about it on the way."""

    raw: Item
    fields: Item
    options: Open311Options
    reported_at: datetime
    notices: list[str]

    def complaint(self, external_id: str, reported: reading.Instant) -> IncomingComplaint:
        more = _object(self.fields.get("extended_attributes"))
        service = self.words("service_name") or reading.words(
            self.raw.get(LISTED_NAME), self.notices, what="service_name"
        )
        text = _lines(self.words("description", limit=reading.TEXT_LIMIT))
        lat, lng = self._place()
        updated = self.instant("updated_datetime")
        status = reading.verbatim(self.fields.get("status"), self.notices, what="status")
        return IncomingComplaint(
            external_id=external_id,
            source_status=status,
            channel=reading.words(more.get("channel"), self.notices, what="channel") or CHANNEL,
            category=service or reading.identifier(self.fields.get("service_code")),
            text=text or service or "",
            reported_at=self.reported_at,
            raw=self.raw,
            content_hash=hash_raw(self.raw),
            unit_label=self.words("agency_responsible"),
            lat=lat,
            lng=lng,
            address=self.words("address", limit=reading.URL_LIMIT),
            subject=reading.words(more.get("title"), self.notices, what="title") or service,
            is_private=any(reading.is_yes(one.get("non_public")) for one in (self.fields, more)),
            updated_at=updated,
            due_at=self._due(),
            events=self._events(status, updated, more),
            time_precision=reported.precision,
            evidence_urls=self._evidence(more),
            quoted_codes=_quoted(text or "", more),
            notices=tuple(dict.fromkeys(self.notices)),
        )

    def words(self, name: str, *, limit: int = reading.LABEL_LIMIT) -> str | None:
        return reading.words(self.fields.get(name), self.notices, what=name, limit=limit)

    def instant(self, name: str, value: object = None) -> datetime | None:
        """A time; one that cannot be read is noted, a word for nothing is not."""
        given = self.fields.get(name) if value is None else value
        found = reading.instant(given, zone=self.options.zone)
        if found is None and not reading.is_nothing(reading.plain(given) or ""):
            self.notices.append(f"{name} is not a usable time and was left out")
        return found.at if found else None

    def _place(self) -> tuple[float | None, float | None]:
        lng = next((self.fields[name] for name in ("long", "lng", "lon") if name in self.fields), None)
        return reading.place(self.fields.get("lat"), lng, self.notices, bounds=self.options.area)

    def _due(self) -> datetime | None:
        if not self.options.trust_due:
            return None
        due = self.instant("expected_datetime")
        if due is not None and due < self.reported_at:
            self.notices.append("an expected time before the request was left out")
            return None
        return due

    def _evidence(self, more: Item) -> tuple[str, ...]:
        given = [*_list(self.fields.get("media_url")), *_list(more.get("photos"))]
        named = (one.get("url") or one.get("media_url") if isinstance(one, dict) else one for one in given)
        urls = (reading.web_address(one.strip() if isinstance(one, str) else one) for one in named)
        return tuple(dict.fromkeys(url for url in urls if url))[:_PHOTO_LIMIT]

    # --- what is dated ------------------------------------------------------------------------------------------------

    def _events(self, status: str | None, updated: datetime | None, more: Item) -> tuple[SourceEvent, ...]:
        """The dated entries, oldest first, each once; what is dated before the request is left out, with a notice."""
        found = dict.fromkeys(
            [
                *self._opening(status),
                *self._from_notes(),
                *self._from_tasks(more),
            ]
        )
        for event in self._ending(status, updated, list(found)):
            found.setdefault(event)
        kept = [event for event in found if event.at >= self.reported_at]
        if len(kept) < len(found):
            self.notices.append("an entry dated before the request was left out")
        return tuple(sorted(_once(kept), key=lambda event: event.at))

    def _opening(self, status: str | None) -> Iterator[SourceEvent]:
        """That it was open at first, where it is so no more. Of one that is open now nobody says since when: it may
        have been closed in between."""
        if status is None or fold_word(status) != OPEN:
            yield SourceEvent(self.reported_at, EventKind.STATUS, OPEN)

    def _from_notes(self) -> Iterator[SourceEvent]:
        """The city's own notes: opened and closed are words, what was done is a reply, a hand-over is neither."""
        for note in _list(self.fields.get("notes"))[:_LIMIT]:
            entry = _object(note)
            at = self.instant("notes.datetime", entry.get("datetime") or "")
            kind = fold_word(reading.plain(entry.get("type")) or "")
            text = self._note_text(entry)
            if at is not None and kind in _NOTES:
                yield SourceEvent(at, EventKind.STATUS, _NOTES[kind])
            elif at is not None and kind in _REPLIES and text:
                yield SourceEvent(at, EventKind.REPLY, text)

    def _note_text(self, entry: Item) -> str | None:
        values = [entry.get("summary"), entry.get("description")]
        read = (reading.words(one, self.notices, what="a note", limit=reading.TEXT_LIMIT) for one in values)
        return "\n".join(dict.fromkeys(filter(None, map(_lines, read)))) or None

    def _from_tasks(self, more: Item) -> Iterator[SourceEvent]:
        """Who got the request when."""
        for task in _list(more.get("tasks"))[:_LIMIT]:
            entry = _object(task)
            at = self.instant("tasks.task_created", entry.get("task_created") or "")
            owner = reading.verbatim(entry.get("owner_name"), self.notices, what="task owner")
            if at is not None and owner is not None:
                yield SourceEvent(at, EventKind.STATUS, ASSIGNED, owner)

    def _ending(self, status: str | None, updated: datetime | None, known: list[SourceEvent]) -> Iterator[SourceEvent]:
        """The public note, and the end of a request that is closed: the standard dates both by its last change."""
        is_closed = status is not None and fold_word(status) in _ENDS
        at = next((one for one in map(self._closing, ("closed_datetime", "closed_date")) if one), None)
        at = at or (updated if self.options.trust_updated else None)
        note = _lines(self.words("status_notes", limit=reading.TEXT_LIMIT))
        if note and at is None and updated is None:
            self.notices.append("status_notes have no date and stay in the raw record alone")
        elif note and (at or updated):
            yield SourceEvent(at if is_closed and at else updated or at or self.reported_at, EventKind.REPLY, note)
        if not is_closed or status is None:
            return
        words = [event for event in known if event.kind is EventKind.STATUS and event.label != ASSIGNED]
        if max(words, key=lambda event: event.at).label == CLOSED:
            return
        if at is None:
            self.notices.append("closed without a closing time")
        else:
            yield SourceEvent(at, EventKind.STATUS, status)

    def _closing(self, name: str) -> datetime | None:
        return self.instant(name) if name in self.fields else None


def _fields(item: Item) -> Item:
    """The fields of a record; those of a GeoJSON feature with its coordinates beside them."""
    inner = item.get("properties")
    if not isinstance(inner, dict):
        return item
    point = _object(item.get("geometry")).get("coordinates")
    if isinstance(point, list) and len(point) >= 2:
        return {"long": point[0], "lat": point[1], **inner}
    return inner


def _list(value: object) -> list[object]:
    """A list as it is; in XML it stands inside one more element, and one of a single entry is that entry."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and len(value) == 1:
        (inner,) = value.values()
        return inner if isinstance(inner, list) else [inner] if isinstance(inner, dict | str) else []
    return [] if value in (None, "") else [value]


def _object(value: object) -> Item:
    return value if isinstance(value, dict) else {}


def _lines(text: str | None) -> str | None:
    """A text with line feeds alone, as XML gives it."""
    return None if text is None else text.replace("\r\n", "\n").replace("\r", "\n")


def _once(events: list[SourceEvent]) -> Iterator[SourceEvent]:
    """The events without a reply that says the same again."""
    said: set[str] = set()
    for event in events:
        if event.kind is EventKind.REPLY:
            if event.label in said:
                continue
            said.add(event.label)
        yield event


def _quoted(text: str, more: Item) -> tuple[str, ...]:
    """The ticket codes in the text, and the request of which this one is a double."""
    parent = reading.identifier(more.get("parent_service_request_id"))
    codes = reading.quoted_codes(text, own=None)
    return tuple(dict.fromkeys([*codes, parent])) if parent else codes
