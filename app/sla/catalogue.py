"""The words of an account of a clock, in Indonesian and English."""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT_LANGUAGE = "id"

TEXTS: Mapping[str, Mapping[str, str]] = {
    "id": {
        "open": "Jam kerja",
        "open_always": "Waktu berjalan",
        "open_period": "Jam kerja {name}",
        "open_day": "Jam khusus {name}",
        "summary": "Jam kerja dalam rentang panjang, dijumlahkan",
        "night": "Di luar jam kerja",
        "break": "Istirahat",
        "weekend": "Hari tanpa jam kerja",
        "holiday": "Hari libur: {name}",
        "holiday_unnamed": "Hari libur",
        "paused": "Jeda",
        "paused_reason": "Jeda: {reason}",
        "after_due": "{open}, sesudah batas waktu",
        "by": "{text} (oleh {actor})",
        "estimated": "{text} (perkiraan)",
    },
    "en": {
        "open": "Working hours",
        "open_always": "Time runs",
        "open_period": "Working hours of {name}",
        "open_day": "Special hours, {name}",
        "summary": "Working hours of a long span, summed up",
        "night": "Outside working hours",
        "break": "Break",
        "weekend": "Day without working hours",
        "holiday": "Holiday: {name}",
        "holiday_unnamed": "Holiday",
        "paused": "Paused",
        "paused_reason": "Paused: {reason}",
        "after_due": "{open}, after the due time",
        "by": "{text} (by {actor})",
        "estimated": "{text} (estimated)",
    },
}

REASONS: Mapping[str, Mapping[str, str]] = {
    "id": {
        "awaiting_complainant": "menunggu pelapor",
        "awaiting_validation": "menunggu validasi",
        "scheduled": "dijadwalkan",
    },
    "en": {
        "awaiting_complainant": "waiting for the complainant",
        "awaiting_validation": "waiting for validation",
        "scheduled": "scheduled",
    },
}


def language_of(asked: str) -> str:
    """The language of the catalogue for a tag like `en-GB`; Indonesian where there is none.

    >>> language_of("en-GB"), language_of("fr")
    ('en', 'id')
    """
    primary = asked.split("-")[0].lower()
    return primary if primary in TEXTS else DEFAULT_LANGUAGE
