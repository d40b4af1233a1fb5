"""CRM records become complaints: pure and total, every list item gives a complaint or a reject."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any

from connectors import reading
from connectors.contract import IncomingComplaint, Reject, hash_raw

CHANNEL = "crm"
_LABELS = ("Permasalahan", "Kategori", "Lokasi", "Detail Alamat Laporan")
_LINE_LABELS = tuple(re.compile(rf"^[ \t]*{label}[ \t]*:", re.MULTILINE) for label in _LABELS)
_INLINE_LABELS = tuple(re.compile(rf"(?<!\S){label}[ \t]*:") for label in _LABELS)
_START_LABEL = re.compile(rf"\A\s*{_LABELS[0]}[ \t]*:")
_GENERIC_UNIT = "KELURAHAN"
_EVIDENCE_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Content:
    """The parts of CRM's labelled text; a missing label is None."""

    text: str | None
    category: str | None
    location: str | None
    address: str | None


def to_complaint(item: object, *, zone: tzinfo) -> IncomingComplaint | Reject:
    """One item of the list call; a time without offset is local to `zone`.

    `zone.name` of the source is the responsible unit; its channel is not told, nor any history.
    """
    if not isinstance(item, dict):
        return Reject({"value": item}, "the record is not an object")
    external_id = reading.identifier(item.get("id"))
    if external_id is None:
        return Reject(item, "the record has no usable id")
    reported = reading.instant(item.get("createdAt"), zone=zone)
    if reported is None:
        return Reject(item, "createdAt is missing or not a time", external_id)
    return _complaint(item, external_id, reported)


def with_detail(complaint: IncomingComplaint, answer: object) -> IncomingComplaint:
    """The complaint with village and evidence of its detail answer, as far as that has them."""
    if not isinstance(answer, dict):
        return complaint
    notices = list(complaint.notices)
    village = reading.words(reading.name_of(answer.get("village")), notices, what="village")
    return replace(
        complaint,
        village=village or complaint.village,
        evidence_urls=_evidence(answer.get("documents")) or complaint.evidence_urls,
        notices=tuple(notices),
    )


def split_content(content: str) -> Content:
    """The parts of `Permasalahan: ... Kategori: ... Lokasi: ... Detail Alamat Laporan: ...`; labels may be missing.

    Labels at the start of a line win; only where there are none, they are looked for inside the line. The parts are
    cut off from the end, because the first one is free text that may hold the same words.

    >>> split_content("Permasalahan: lampu mati Kategori: Jalan Lokasi: Jl. X")
    Content(text='lampu mati', category='Jalan', location='Jl. X', address=None)
    """
    has_lines = any(pattern.search(content) for pattern in _LINE_LABELS[1:])
    _, category_label, location_label, address_label = _LINE_LABELS if has_lines else _INLINE_LABELS
    rest, address = _cut_last(content, address_label)
    rest, location = _cut_last(rest, location_label)
    rest, category = _cut_last(rest, category_label)
    return Content(_START_LABEL.sub("", rest, count=1).strip() or None, category, location, address)


def _cut_last(text: str, label: re.Pattern[str]) -> tuple[str, str | None]:
    """What stands before the last occurrence of a label, and what stands after it."""
    *_, found = [None, *label.finditer(text)]
    return (text, None) if found is None else (text[: found.start()], text[found.end() :].strip() or None)


def _complaint(item: Mapping[str, Any], external_id: str, reported: reading.Instant) -> IncomingComplaint:
    notices: list[str] = []
    content = split_content(reading.words(item.get("content"), notices, what="text", limit=reading.TEXT_LIMIT) or "")
    category = reading.verbatim(reading.name_of(item.get("complaintCategory")), notices, what="category")
    code = reading.ticket_code(item.get("code"))
    if code is None:
        notices.append("the code has not the form of a ticket code")
    lat, lng = reading.place(item.get("lat"), item.get("lng"), notices, bounds=reading.JAKARTA)
    text = content.text or ""
    return IncomingComplaint(
        external_id=external_id,
        source_status=reading.verbatim(reading.name_of(item.get("tstatus")), notices, what="status"),
        channel=CHANNEL,
        category=category or content.category,
        text=text,
        reported_at=reported.at,
        raw=item,
        content_hash=hash_raw(item),
        ticket_code=code,
        unit_label=_unit(item.get("zone"), content, notices),
        lat=lat,
        lng=lng,
        address=", ".join(part for part in (content.location, content.address) if part) or None,
        is_private=reading.is_yes(item.get("isPrivacy")),
        time_precision=reported.precision,
        quoted_codes=reading.quoted_codes(text, own=code),
        notices=tuple(notices),
    )


def _unit(zone: object, content: Content, notices: list[str]) -> str | None:
    """The responsible unit; where CRM only says KELURAHAN, the one that the location names."""
    unit = reading.verbatim(reading.name_of(zone), notices, what="unit")
    if unit and unit.strip().upper() == _GENERIC_UNIT and content.location:
        first_line = content.location.splitlines()[0].strip()
        return first_line if first_line.upper().startswith(_GENERIC_UNIT + " ") else unit
    return unit


def _evidence(documents: object) -> tuple[str, ...]:
    if not isinstance(documents, list):
        return ()
    urls = (reading.web_address(entry.get("url") if isinstance(entry, dict) else entry) for entry in documents)
    return tuple(dict.fromkeys(url for url in urls if url))[:_EVIDENCE_LIMIT]
