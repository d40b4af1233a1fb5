"""Masking of what identifies people in free text: phones, NIK, e-mail addresses, vehicle plates."""

from __future__ import annotations

import re

# The order matters: a NIK (16 digits) would otherwise be taken for a phone number.
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_NIK = re.compile(r"(?<!\d)\d{2}(?:[ .-]?\d){14}(?!\d)")
_PHONE = re.compile(
    r"(?<![\w+])(?:\+?62|0)[ .-]?8(?:[ .-]?\d){7,11}(?!\d)"  # mobile
    r"|(?<!\w)\(?0(?:21|2[2-9]|[3-9]\d)\)?[ .-]?\d{3,4}[ .-]?\d{3,4}(?!\d)"  # land line with its area code
)
# Only letters that a registration office has: "RT 005 RW" is an address.
_AREA = r"(?:[ABDEFGHKLMNPRSTWZ]|A[ABDEG]|B[ABDEGHKLMNP]|C[CDN]|D[A-EGHKLMNPRSTW]|E[ABD]|K[BHTU]|P[ABGSTWY])"
_PLATE = re.compile(rf"\b{_AREA}[ -]?\d{{3,4}}[ -]?(?!RT\b|RW\b)[A-Z]{{2,3}}\b")

_MASKS = ((_EMAIL, "[email]"), (_NIK, "[NIK]"), (_PHONE, "[telepon]"), (_PLATE, "[plat]"))


def mask(text: str) -> str:
    """The text with phones, NIK, e-mail addresses and plates replaced by what they were; ticket codes stay.

    >>> mask("Hubungi 0812-0000-1234, mobil B 1234 XYZ, lihat JK2611240042")
    'Hubungi [telepon], mobil [plat], lihat JK2611240042'
    """
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text
