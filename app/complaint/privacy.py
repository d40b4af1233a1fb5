"""Masking of what identifies people in free text, and scrubbing of what names a person from a whole record."""

from __future__ import annotations

import re
from collections.abc import Collection

ERASED = "[dihapus]"
"""What stands where a person's name or number stood."""

# No pattern matches a text without one of these; most texts of a page are let through by this look alone.
_MAY_IDENTIFY = re.compile(r"@|\d[ \u00a0.\-–/()]{0,3}\d[ \u00a0.\-–/()]{0,3}\d")

# The order matters: a NIK (16 digits) would otherwise be taken for a phone number.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_NIK = re.compile(r"(?<!\d)\d{2}(?:[ \u00a0.\-–/]?\d){14}(?!\d)")
_GAP = r"[ \u00a0.\-–/()]{0,2}"
_COUNTRY = r"(?:\+?62[ \u00a0.-]?(?:\(0\))?|\(?0)"
_AREA_CODE = r"(?:21|2[2-9]|[3-9]\d)"
_PHONE = re.compile(
    rf"(?<![\w+]){_COUNTRY}{_GAP}8(?:{_GAP}\d){{7,11}}(?!\d)"  # mobile
    rf"|(?<![\w+])(?:\+62[ \u00a0.-]?\(?|\(?0){_AREA_CODE}{_GAP}\d{{3,4}}[ \u00a0.-]?\d{{3,4}}(?!\d)"  # land line
)
# Only letters that a registration office has: "RT 005 RW" is an address.
_AREA = r"(?:[ABDEFGHKLMNPRSTWZ]|A[ABDEG]|B[ABDEGHKLMNP]|C[CDN]|D[A-EGHKLMNPRSTW]|E[ABD]|K[BHTU]|P[ABGSTWY])"
_PLATE = re.compile(
    rf"\b{_AREA}[ -]?\d{{3,4}}[ -]?(?!RT\b|RW\b)[A-Z]{{2,3}}\b"
    rf"|\b{_AREA}[ -]?\d{{4}}[ -]?[A-Z]\b"
    # In small letters words look alike, so only what is written together, or has all its figures and letters.
    rf"|\b(?i:{_AREA}\d{{3,4}}(?!rt\b|rw\b)[a-z]{{2,3}}|{_AREA}[ -]\d{{4}}[ -][a-z]{{3}})\b"
)

_MASKS = ((_EMAIL, "[email]"), (_NIK, "[NIK]"), (_PHONE, "[telepon]"), (_PLATE, "[plat]"))
_SHORTEST_NAME = 3


def mask(text: str) -> str:
    """The text with phones, NIK, e-mail addresses and plates replaced by what they were; ticket codes stay.

    >>> mask("Hubungi 0812-0000-1234, mobil B 1234 XYZ, lihat JK2611240042")
    'Hubungi [telepon], mobil [plat], lihat JK2611240042'
    """
    if _MAY_IDENTIFY.search(text) is None:
        return text
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


def scrub(value: object, names: Collection[str]) -> object:
    """The JSON value with every one of `names`, whatever its case, erased and all its texts masked; its shape stays.

    >>> scrub({"pelapor": "Sekar Ayu", "isi": "Saya, SEKAR AYU, 0812-0000-1234", "id": 7}, ["Sekar Ayu"])
    {'pelapor': '[dihapus]', 'isi': 'Saya, [dihapus], [telepon]', 'id': 7}
    """
    known = sorted({name.strip() for name in names if len(name.strip()) >= _SHORTEST_NAME}, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, known)), re.IGNORECASE) if known else None
    return _scrubbed(value, pattern)


def _scrubbed(value: object, names: re.Pattern[str] | None) -> object:
    if isinstance(value, str):
        return mask(names.sub(ERASED, value) if names else value)
    if isinstance(value, dict):
        return {key: _scrubbed(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_scrubbed(each, names) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and mask(str(value)) != str(value):
        return ERASED
    return value
