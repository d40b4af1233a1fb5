"""Why two complaints are probably one, in the words of whoever decides."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, str]] = {
    "id": {
        "same_village": "kelurahan yang sama",
        "same_unit": "unit yang sama",
        "same_category": "kategori yang sama",
        "same_text": "teks yang sama",
        "text_similarity": "teks mirip {value}%",
        "metres_apart": "berjarak {value} meter",
        "minutes_apart": "selisih waktu {value} menit",
    },
    "en": {
        "same_village": "the same kelurahan",
        "same_unit": "the same unit",
        "same_category": "the same category",
        "same_text": "the same text",
        "text_similarity": "texts {value}% alike",
        "metres_apart": "{value} metres apart",
        "minutes_apart": "{value} minutes apart",
    },
}


def explain(reasons: Mapping[str, int], language: str) -> list[str]:
    """The reasons as short phrases, in one order.

    >>> explain({"minutes_apart": 12, "same_category": 1}, "id")
    ['kategori yang sama', 'selisih waktu 12 menit']
    """
    words = WORDS[language]
    return [text.format(value=reasons[name]) for name, text in words.items() if name in reasons]
