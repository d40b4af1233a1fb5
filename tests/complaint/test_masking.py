"""Masks hold for whatever is written around a number, and a scrubbed record keeps nothing of the person."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.complaint import privacy
from app.complaint.privacy import ERASED, mask, scrub

GAPS = st.sampled_from(["", " ", "-", ".", "\u00a0"])
WORDS = st.text("abcdefghij ,;!?\n", max_size=20)
DIGITS = st.text("0123456789", min_size=8, max_size=10)
NOISE = st.text(" 0123456789.-()+/@AaBbZ,RTrw62", max_size=60)


@given(WORDS, st.sampled_from(["08", "628", "+628", "+62 8", "(08"]), DIGITS, GAPS, WORDS)
def test_a_mobile_number_is_masked_however_it_is_written(before, start, digits, gap, after):
    number = start + gap.join(digits)
    masked = mask(f"{before} {number} {after}")
    assert "[telepon]" in masked
    assert not any(each.isdigit() for each in masked)


@given(WORDS, st.text("0123456789", min_size=16, max_size=16), GAPS, WORDS)
def test_sixteen_digits_are_a_nik_however_they_are_grouped(before, digits, gap, after):
    grouped = gap.join(digits[place : place + 4] for place in range(0, 16, 4))
    assert not any(each.isdigit() for each in mask(f"{before} {grouped} {after}"))


@given(NOISE)
def test_the_quick_look_lets_nothing_through_that_a_pattern_would_mask(text):
    thorough = text
    for pattern, replacement in privacy._MASKS:
        thorough = pattern.sub(replacement, thorough)
    assert mask(text) == thorough


@given(st.text("abc xyz,.\n1234567", max_size=2))
def test_words_without_figures_stay_as_they_are(text):
    assert mask(f"Jalan rusak di RT 05 {text}".replace("@", "")) == f"Jalan rusak di RT 05 {text}"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("WA (0812) 3456-7890", "WA [telepon]"),
        ("+62 (0)812 3456 7890", "[telepon]"),
        ("+62 21 5551234", "[telepon]"),
        ("+6221-5551234", "[telepon]"),
        ("0812/3456/7890", "[telepon]"),
        ("0812\u00a03456\u00a07890", "[telepon]"),
        ("08 12 34 56 78 90", "[telepon]"),
        ("NIK 3171 0101 0190 0001", "NIK [NIK]"),
        ("motor b1234xyz", "motor [plat]"),
        ("motor b 1234 xyz", "motor [plat]"),
        ("mobil B 1234 X lama", "mobil [plat] lama"),
        ("di jalan b 12 dan gang 3", "di jalan b 12 dan gang 3"),
        ("Rp 8.123.456.789 untuk 2026", "Rp 8.123.456.789 untuk 2026"),
        ("pukul 08.30 sampai 21.00 tanggal 12-01-2026", "pukul 08.30 sampai 21.00 tanggal 12-01-2026"),
    ],
)
def test_numbers_as_people_write_them(text, masked):
    assert mask(text) == masked


@pytest.mark.parametrize("piece", ["a.b", "0 ", "1 -", "08 1", "b 1", "b1234", "+62", "@", "a@a.", "3171 ", "("])
def test_no_text_takes_long_to_mask(piece):
    started = time.process_time()
    mask(piece * (100_000 // len(piece)) + "@!")
    assert time.process_time() - started < 2


PERSON = st.fixed_dictionaries(
    {
        "name": st.text("SekarAyu", min_size=3, max_size=12),
        "phone": st.from_regex(r"08[0-9]{9}", fullmatch=True),
        "national_id": st.from_regex(r"31[0-9]{14}", fullmatch=True),
    }
)


@given(PERSON, st.booleans())
def test_a_scrubbed_record_keeps_nothing_of_the_person(person, is_number):
    raw = {
        "id": 7,
        "pelapor": {"nama": person["name"].upper(), "hp": [person["phone"]]},
        "nik": int(person["national_id"]) if is_number else person["national_id"],
        "isi": f"Saya {person['name']} di {person['phone']}",
    }
    told = json.dumps(scrub(raw, list(person.values()))).lower()
    assert not any(str(each).lower() in told.replace(ERASED, "") for each in person.values())
    assert scrub(raw, [])["id"] == 7
