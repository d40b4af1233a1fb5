"""The words of alerts, in Indonesian and English."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("id", "en")

TEXTS: Mapping[str, Mapping[str, str]] = {
    "id": {
        "notice": "{percent}% waktu terpakai: {code}, {clock}, {unit}. Tenggat {due}.",
        "warning": "Segera jatuh tempo ({percent}% waktu terpakai): {code}, {clock}, {unit}. Tenggat {due}.",
        "breach": "Lewat tenggat: {code}, {clock}, {unit}. Tenggat {due}, terlambat {late}.",
        "repeat": "Masih lewat tenggat (pengingat ke-{nth}): {code}, {clock}, {unit}. Tenggat {due}, terlambat {late}.",
        "unrouted": "belum ada unit",
        "moment": "kurang dari satu menit",
        "test": "Uji coba webhook Tanggap: tanda tangan dan alamat ini berfungsi.",
        "date": "d MMM yyyy HH.mm",
    },
    "en": {
        "notice": "{percent}% of the time is used: {code}, {clock}, {unit}. Due {due}.",
        "warning": "Due soon ({percent}% of the time is used): {code}, {clock}, {unit}. Due {due}.",
        "breach": "Overdue: {code}, {clock}, {unit}. Due {due}, late by {late}.",
        "repeat": "Still overdue (reminder {nth}): {code}, {clock}, {unit}. Due {due}, late by {late}.",
        "unrouted": "no unit yet",
        "moment": "less than a minute",
        "test": "Test of a Tanggap webhook: this signature and address work.",
        "date": "d MMM yyyy HH:mm",
    },
}

CLOCKS: Mapping[str, Mapping[str, str]] = {
    "id": {
        "respond": "tanggapan pertama",
        "resolve": "penyelesaian",
        "coordinate": "koordinasi",
        "handle": "penanganan unit",
        "validate": "validasi hasil",
        "update": "kabar lanjutan",
    },
    "en": {
        "respond": "first response",
        "resolve": "resolution",
        "coordinate": "coordination",
        "handle": "work of the unit",
        "validate": "validation of the result",
        "update": "next update",
    },
}
