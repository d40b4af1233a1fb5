"""JAKI reports become complaints: pure and total, every record gives a complaint or a reject.

The one table from JAKI's documented shape to ours; an official feed is fitted here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any

from connectors import reading
from connectors.contract import EventKind, IncomingComplaint, Reject, SourceEvent, hash_raw

CHANNEL = "jaki"
_PRIVACY = {"public": False, "private": True}
_PHOTO_LIMIT = 50
_EVENT_LIMIT = 1_000


def to_complaint(record: object, *, zone: tzinfo) -> IncomingComplaint | Reject:
    """One report; a time without offset is local to `zone`. Its id is the ticket code that CRM knows too."""
    if not isinstance(record, dict):
        return Reject({"value": record}, "the record is not an object")
    external_id = reading.identifier(record.get("id"))
    if external_id is None:
        return Reject(record, "the record has no usable id")
    reported = reading.instant(record.get("created_at"), zone=zone)
    if reported is None:
        return Reject(record, "created_at is missing or not a time", external_id)
    return _complaint(record, external_id, reported, zone)


def _complaint(
    record: Mapping[str, Any], external_id: str, reported: reading.Instant, zone: tzinfo
) -> IncomingComplaint:
    notices: list[str] = []
    location = _object(record.get("location"))
    code = reading.ticket_code(external_id)
    text = reading.words(record.get("description"), notices, what="text", limit=reading.TEXT_LIMIT) or ""
    lat, lng = reading.place(location.get("lat"), location.get("lng"), notices, bounds=reading.JAKARTA)
    updated = reading.instant(record.get("updated_at"), zone=zone)
    return IncomingComplaint(
        external_id=external_id,
        source_status=reading.verbatim(reading.name_of(record.get("status")), notices, what="status"),
        channel=CHANNEL,
        category=reading.verbatim(reading.name_of(record.get("category")), notices, what="category"),
        text=text,
        reported_at=reported.at,
        raw=record,
        content_hash=hash_raw(record),
        ticket_code=code,
        unit_label=reading.verbatim(reading.name_of(record.get("handler")), notices, what="unit"),
        village=reading.words(location.get("kelurahan"), notices, what="village"),
        lat=lat,
        lng=lng,
        address=reading.words(location.get("address"), notices, what="address", limit=reading.URL_LIMIT),
        subject=reading.words(record.get("title"), notices, what="title"),
        is_private=_is_private(record.get("privacy"), notices),
        is_anonymous=reading.is_yes(record.get("anonymous")),
        updated_at=updated.at if updated else None,
        events=_events(record.get("timeline"), reported.at, zone, notices),
        time_precision=reported.precision,
        evidence_urls=_photos(record.get("photos")),
        quoted_codes=reading.quoted_codes(text, own=code),
        notices=tuple(notices),
    )


def _is_private(value: object, notices: list[str]) -> bool:
    """The privacy mark; JAKI's own default is private, so anything but a clear "public" is treated as that."""
    known = _PRIVACY.get((reading.plain(value) or "").strip().casefold())
    if known is None:
        notices.append("the privacy mark is missing or unknown; treated as private")
    return known is not False


def _events(timeline: object, reported_at: datetime, zone: tzinfo, notices: list[str]) -> tuple[SourceEvent, ...]:
    """The dated entries, oldest first, each once; an unreadable one and one dated before the report are left out."""
    if not isinstance(timeline, list):
        return ()
    found = dict.fromkeys(event for entry in timeline[:_EVENT_LIMIT] for event in _event(entry, zone, notices))
    kept = [event for event in found if event.at >= reported_at]
    if len(kept) < len(found):
        notices.append("a timeline entry dated before the report was left out")
    return tuple(sorted(kept, key=lambda event: event.at))


def _event(entry: object, zone: tzinfo, notices: list[str]) -> Iterator[SourceEvent]:
    fields = _object(entry)
    at = reading.instant(fields.get("at"), zone=zone)
    label = reading.verbatim(reading.name_of(fields.get("status")), notices, what="timeline status")
    if at is None or label is None:
        notices.append("a timeline entry without time or status was left out")
        return
    unit = reading.verbatim(reading.name_of(fields.get("by")), notices, what="timeline unit")
    yield SourceEvent(at.at, EventKind.STATUS, label, unit)


def _photos(value: object) -> tuple[str, ...]:
    photos = value if isinstance(value, list) else [value]
    urls = (reading.web_address(photo.get("url") if isinstance(photo, dict) else photo) for photo in photos)
    return tuple(dict.fromkeys(url for url in urls if url))[:_PHOTO_LIMIT]


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
