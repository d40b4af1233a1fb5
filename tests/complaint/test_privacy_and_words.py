"""Masks of what identifies people, and the folding of words and labels."""

from __future__ import annotations

import pytest

from app.complaint.privacy import mask
from app.complaint.words import fold_label, fold_word


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("hubungi 081234567890 segera", "hubungi [telepon] segera"),
        ("WA +62 812-3456-7890", "WA [telepon]"),
        ("62812 3456 7890.", "[telepon]."),
        ("telp (021) 5551234", "telp [telepon]"),
        ("telp 021-5551234", "telp [telepon]"),
        ("NIK 3171010101900001", "NIK [NIK]"),
        ("NIK 31.71.01.010190.0001", "NIK [NIK]"),
        ("surat ke sekar.ayu+rt@contoh.co.id ya", "surat ke [email] ya"),
        ("mobil B1234XYZ dan B 12 CD", "mobil [plat] dan B 12 CD"),
        ("motor B 4321 ABC", "motor [plat]"),
        ("lanjutan JK2305290094, lihat", "lanjutan JK2305290094, lihat"),
        ("di Blok B 001 RT 005", "di Blok B 001 RT 005"),
        ("RT 005 RW 010 sejak 2026-01-12 pukul 08.30", "RT 005 RW 010 sejak 2026-01-12 pukul 08.30"),
        ("Rp 1.500.000 untuk 12 lampu", "Rp 1.500.000 untuk 12 lampu"),
        ("", ""),
    ],
)
def test_what_identifies_somebody_is_masked_and_the_rest_stays(text, masked):
    assert mask(text) == masked


def test_a_mask_is_not_masked_again():
    once = mask("0812-3456-7890, sekar@contoh.id, 3171010101900001, B 1234 XYZ")
    assert mask(once) == once == "[telepon], [email], [NIK], [plat]"


@pytest.mark.parametrize(
    ("label", "same"),
    [("KEBON JERUK", "Kebonjeruk"), ("Dinas P.U.", "dinas pu"), ("ＫＥＬＵＲＡＨＡＮ Ａ", "kelurahan a"), (" - ", "")],
)
def test_labels_fold_to_their_letters_and_digits(label, same):
    assert fold_label(label) == fold_label(same)


def test_different_units_stay_different():
    assert fold_label("Kelurahan Petojo Utara") != fold_label("Kelurahan Petojo Selatan")


@pytest.mark.parametrize("word", ["Menunggu", "  menunggu  ", "MENUNGGU", "menunggu\n", "\tMenunggu\u00a0"])
def test_a_word_folds_alike_in_every_spelling(word):
    assert fold_word(word) == "menunggu"
