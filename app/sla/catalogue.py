"""The words of the rows of a clock's account, in Indonesian and English."""

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
        "span": "{text}, {span} tidak dihitung",
        "no_span": "{text}, seluruhnya di luar jam kerja",
        "held": "dipegang {name}",
        "given": "diberikan kepada {name}",
        "handed": "diserahkan dari {former} ke {name}",
        "carried": "meneruskan sisa waktu siklus sebelumnya",
        "returned": "hasil dikembalikan, waktu sejak {at} tetap dihitung",
        "not_honoured": "{reason}: aturan ini tidak memberi jeda",
        "moved": "dijanjikan selesai {at}, tenggat ikut pindah",
        "capped": "dijanjikan selesai {at}, tenggat pindah ke batas terjauh {then}",
        "not_later": "dijanjikan selesai {at}, tidak lebih lambat dari tenggat",
        "used_up": "dijanjikan selesai {at}, tenggat tetap karena jatah perpanjangan habis",
        "not_given": "dijanjikan selesai {at}, tenggat tetap karena aturan ini tidak memberi perpanjangan",
        "too_late": "dijanjikan selesai {at}, tenggat tetap karena sudah terlewati",
        "no_target": "dijanjikan selesai {at}",
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
        "span": "{text}, {span} not counted",
        "no_span": "{text}, all of it outside working hours",
        "held": "held by {name}",
        "given": "given to {name}",
        "handed": "handed over from {former} to {name}",
        "carried": "goes on with what the former cycle had left",
        "returned": "result sent back, the time since {at} counts after all",
        "not_honoured": "{reason}: this policy gives no pause",
        "moved": "promised for {at}, the due time moves there",
        "capped": "promised for {at}, the due time moves to the latest that the policy allows, {then}",
        "not_later": "promised for {at}, not later than the due time",
        "used_up": "promised for {at}, the due time stays: no extension is left",
        "not_given": "promised for {at}, the due time stays: this policy gives no extension",
        "too_late": "promised for {at}, the due time stays: it had passed",
        "no_target": "promised for {at}",
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
