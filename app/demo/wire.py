"""The shapes in which CRM and JAKI show a report of the city at an instant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.demo.arrivals import WIB
from app.demo.lives import Status, Step
from app.demo.places import Village
from app.demo.report import Report, state_at

_PHOTOS = "https://foto.kota.example"
_ABBREVIATIONS = frozenset({"PD", "PT", "AM"})
_SMALL_WORDS = frozenset({"DAN"})


def crm_item(report: Report, instant: datetime) -> dict[str, Any]:
    """One item of CRM's distribution map: the status now, no history, no time of change."""
    state = state_at(report, instant)
    lat, lng = (None, None) if report.point is None else (f"{degree:.6f}" for degree in report.point)
    return {
        "id": report.number,
        "code": report.code,
        "content": _content(report),
        "lat": lat,
        "lng": lng,
        "tstatus": {"name": state.status},
        "complaintCategory": {"name": report.crm_category},
        "zone": None if state.unit is None else {"name": state.unit},
        "createdAt": f"{report.reported_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z",
    }


def has_crm_detail(report: Report) -> bool:
    """False for the few listed reports whose detail CRM refuses to show."""
    return report.quirk > 0.02


def crm_detail(report: Report) -> dict[str, Any]:
    """CRM's answer to a question for one report; a report that nobody pinned may have no village."""
    is_placed = report.point is not None or report.quirk > 0.4
    return {
        "documents": [{"url": url} for url in _photos(report)],
        "village": _village(report.village) if is_placed else None,
    }


def jaki_item(report: Report, instant: datetime) -> dict[str, Any]:
    """One report of JAKI with its timeline so far; `by` is the unit that it lies with from that step on."""
    state = state_at(report, instant)
    village = report.village
    lat, lng = report.point or (None, None)
    return {
        "id": report.code,
        "title": report.title,
        "description": report.text,
        "category": {"id": report.category.number, "name": report.category.name},
        "status": state.status,
        "privacy": "private" if report.is_private else "public",
        "anonymous": report.is_anonymous,
        "location": {
            "lat": None if lat is None else round(lat, 6),
            "lng": None if lng is None else round(lng, 6),
            "address": f"{report.street}, {report.near}",
            "kelurahan": village.name,
            "kecamatan": village.district,
            "city": village.short_city,
        },
        "photos": _photos(report),
        "handler": None if state.unit is None else {"name": spoken(state.unit)},
        "created_at": wib(report.reported_at),
        "updated_at": wib(state.updated_at),
        "timeline": [_entry(step) for step in state.steps],
        "support_count": report.supports,
        "rating": report.rating if state.status is Status.DONE else None,
    }


def wib(instant: datetime) -> str:
    """The instant as JAKI writes it: whole seconds with the offset of Jakarta."""
    return instant.astimezone(WIB).isoformat(timespec="seconds")


def spoken(unit: str) -> str:
    """A unit's name as JAKI shows it to citizens: `Dinas Bina Marga` for `DINAS BINA MARGA`."""
    return " ".join(_spoken_word(word) for word in unit.split(" "))


def _spoken_word(word: str) -> str:
    if word in _ABBREVIATIONS:
        return word
    return word.lower() if word in _SMALL_WORDS else word.capitalize()


def _content(report: Report) -> str:
    """CRM's labelled blob; some lack labels, some run on in one line."""
    if report.quirk > 0.985:
        return report.text
    parts = [
        f"Permasalahan: {report.text}",
        f"Kategori: {report.crm_category.strip()}",
        f"Lokasi: {report.street}",
        f"Detail Alamat Laporan: {report.near}",
    ]
    if report.quirk > 0.95:
        parts.pop()
    return (" " if 0.9 < report.quirk <= 0.95 else "\n").join(parts)


def _village(village: Village) -> dict[str, Any]:
    city = {"name": village.city, "province": {"name": "Daerah Khusus Ibukota Jakarta"}}
    return {"name": village.name, "district": {"name": village.district, "city": city}}


def _photos(report: Report) -> list[str]:
    return [f"{_PHOTOS}/{report.code}/{number}.jpg" for number in range(1, report.photos + 1)]


def _entry(step: Step) -> dict[str, str | None]:
    return {"status": step.status, "at": wib(step.at), "by": None if step.unit is None else spoken(step.unit)}
