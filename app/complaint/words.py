"""Folding of labels and words, so that case, spaces and punctuation of a source do not matter."""

from __future__ import annotations

import unicodedata


def fold_word(word: str) -> str:
    """A status word or category as it is looked up: one case, single spaces, no outer space.

    >>> fold_word("  Menunggu   VALIDASI ")
    'menunggu validasi'
    """
    return " ".join(unicodedata.normalize("NFKC", word).casefold().split())


def says_something(words: str) -> bool:
    """Whether there is anything to read: one letter, digit, sign or picture, and not blanks and invisible marks alone.

    >>> says_something("Ya."), says_something("👍"), says_something(" \\u200b\\u2060 ")
    (True, True, False)
    """
    return any(unicodedata.category(character)[0] in "LNPS" for character in words)


def fold_label(label: str) -> str:
    """A unit's label as it is looked up: letters and digits alone, since sources spell `KEBON JERUK` and `KEBONJERUK`.

    >>> fold_label("Kelurahan  SETIA-BUDI") == fold_label("KELURAHAN SETIABUDI")
    True
    """
    return "".join(character for character in unicodedata.normalize("NFKC", label).casefold() if character.isalnum())
