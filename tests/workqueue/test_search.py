"""Search: words and ticket codes are found on both databases, whatever is typed, and nothing hidden shows."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from app.complaint.lifecycle import Move, Status
from app.db.changes import is_postgresql
from app.db.session import reading, writing
from app.db.tables.complaints import Complaint
from app.db.words import Sought, fold_words, holds, question
from app.workqueue.cards import header, is_hidden_from
from app.workqueue.filters import Filters
from app.workqueue.search import Reader, matching, may_read, reader_values, search
from tests.workqueue.desk import NOON, OFFICERS, Desk, table

_TYPED = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60)
_WORDS = st.lists(st.text("abcxyzÀéñ0123", min_size=1, max_size=70), min_size=1, max_size=4)
_SIGNS = st.sampled_from(
    [" ", ", ", "-", "/", " “", "” ", "_", "\n", ". ", "'", '"', " & ", " | ", ":*", "(", "…", "😀"]
)


async def _found(desk: Desk, words: str, username: str = "gita") -> set[str | None]:
    return set(await desk.walk(Filters(words=words), username, limit=2))


async def _report(desk: Desk) -> None:
    await desk.report("JK2601120001", NOON, subject="Pohon tumbang", text="Menutup 100% jalan di muka Café Ría")
    await desk.report("JK2601120002", NOON, subject=None, text="Lampu_mati di gang RT.05/02, hubungi 0812-0000-1234")
    await desk.report("JAKI-77/2026", NOON, subject="", text="Kabel putus, lihat JK2601120001")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("jalan POHON", {"JK2601120001"}),
        ("poh", {"JK2601120001"}),
        ("ohon", set()),
        ("pohon kabel", set()),
        ("100%", {"JK2601120001"}),
        ("cafe RIA", {"JK2601120001"}),
        ("lampu-mati", {"JK2601120002"}),
        ("rt 05", {"JK2601120002"}),
        ("r 05", set()),
        ("0812-0000", {"JK2601120002"}),
        ("jk2601120002", {"JK2601120002"}),
        ("JK260112", {"JK2601120001", "JK2601120002", "JAKI-77/2026"}),
        ("jaki-77", {"JAKI-77/2026"}),
        ("2026", set()),
        ("!?* \"'", set()),
    ],
)
async def test_words_and_the_beginning_of_a_code_are_found(desk: Desk, typed: str, expected: set[str]) -> None:
    await _report(desk)
    assert await _found(desk, typed) == expected


async def test_the_index_follows_the_words_of_a_complaint(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, text="Kabel putus")
    await desk.move(found, Move.CLAIM)
    assert await _found(desk, "kabel") == {"JK1"}
    async with writing(desk.engine) as connection:
        await connection.execute(update(Complaint).where(Complaint.id == found).values(text="Pipa bocor"))
    assert await _found(desk, "kabel") == set()
    assert await _found(desk, "pipa") == {"JK1"}
    async with writing(desk.engine) as connection:
        for name in ("sla_clock", "complaint_event", "queue_slot", "stint", "pause"):
            await connection.execute(delete(table(name)))
        await connection.execute(delete(table("complaint")))
        assert not (await connection.scalars(_ids(connection, "pipa"))).all()


async def test_a_text_of_any_length_and_letters_is_taken_in_and_found_by_its_beginning(desk: Desk) -> None:
    long = " ".join(f"kata{number}" for number in range(20_000)) + " akhir" + "🌳漢字" * 60_000
    await desk.report("LONG", NOON, text=long)
    await desk.report("ODD", NOON, text="x" * 5_000 + " Straße ДОМ \ufffe 漢字")
    assert await _found(desk, "kata17") == {"LONG"}
    assert await _found(desk, "x" * 190) == {"ODD"}


async def test_whatever_is_typed_is_a_question_and_no_error(desk: Desk) -> None:
    await _report(desk)

    async with reading(desk.engine) as connection:
        for typed in [
            *_samples(_TYPED, 150),
            'a" OR "b',
            "NEAR(a b)",
            "subject:x",
            "^a",
            "a*",
            "'':*",
            "\\",
            "a & | b",
        ]:
            for username in ("gita", "fajar"):
                asked, values = search(typed, desk.asker(username), is_postgresql=is_postgresql(connection))
                await connection.execute(_select().where(matching(asked)), values)


async def test_each_word_of_a_text_finds_it_however_it_is_written(desk: Desk) -> None:
    texts = ["".join(itertools.chain(*zip(words, signs, strict=False))) for words, signs in _samples(_TEXTS, 60)]
    ids = [await desk.report(None, NOON, subject=None, text=text) for text in texts]
    async with reading(desk.engine) as connection:
        for id_, text in zip(ids, texts, strict=True):
            for word in fold_words(text):
                found = await connection.scalars(_ids(connection, word).where(Complaint.id == id_))
                assert found.all() == [id_], (word, text)


async def test_nobody_finds_by_words_that_are_hidden_from_them(desk: Desk) -> None:
    await desk.report("JK01", NOON, unit="kelurahan-a", text="Kabel putus, hubungi 0812-0000-1234, @JSCLounge.")
    await desk.report("JK02", NOON, unit="kelurahan-a", text="Kabel putus", is_private=True)
    await desk.report("JK03", NOON, unit="kelurahan-a", text="Kabel putus", is_confidential=True)
    await desk.report("JK04", NOON, unit="kelurahan-a", text="Kabel putus", is_restricted=True)
    assert await _found(desk, "kabel") == {"JK01", "JK02", "JK03", "JK04"}
    assert await _found(desk, "kabel", "dewi") == {"JK01", "JK02", "JK03"}
    assert await _found(desk, "kabel", "ani") == {"JK01", "JK02", "JK03"}
    assert await _found(desk, "kabel", "fajar") == {"JK01"}
    assert await _found(desk, "0812-0000", "fajar") == set()
    assert await _found(desk, "ani@contoh", "fajar") == set()
    assert await _found(desk, "JK0", "fajar") == {"JK01", "JK02", "JK03", "JK04"}
    assert await _found(desk, "kabel", "citra") == set()


async def test_no_masked_address_is_guessed_letter_by_letter(desk: Desk) -> None:
    """A word finds all that begin with it: what a viewer sees as `[email]` would be spelled out by their findings."""
    await desk.report("JK01", NOON, unit="kelurahan-a", text="Kabel putus.\nHubungi sekar.ayu@contoh.go.id")
    await desk.report("JK02", NOON, unit="kelurahan-a", subject="Dari sekar@contoh.id", text="Kabel putus")
    await desk.report("JK03", NOON, unit="kelurahan-a", subject=None, text="Kabel putus, cc @DKIJakarta")
    for words in ("sek", "sekar", "ayu", "contoh", "kabel"):
        assert await _found(desk, words) >= {"JK01"}, words
        assert await _found(desk, words, "fajar") == ({"JK03"} if words == "kabel" else set()), words
    assert await _found(desk, "JK0", "fajar") == {"JK01", "JK02", "JK03"}


@pytest.mark.parametrize("username", OFFICERS)
async def test_what_may_be_found_is_what_may_be_read(desk: Desk, username: str) -> None:
    await _report_every_kind(desk)
    asker = desk.asker(username)
    async with reading(desk.engine) as connection:
        readable = set(await connection.scalars(_select().where(may_read(Reader.of(asker))), reader_values(asker)))
        for id_ in await connection.scalars(_select()):
            assert (id_ in readable) is not is_hidden_from(await header(connection, id_), asker)


async def _report_every_kind(desk: Desk) -> None:
    for unit in ("kelurahan-a", "sudin", None):
        for name in ("is_private", "is_confidential", "is_restricted"):
            await desk.report(None, NOON, unit=unit, **{name: True})
        waits = await desk.report(None, NOON, unit=unit, is_private=True)
        await desk.hear(waits, Status.AWAITING_VALIDATION, NOON)
    held = await desk.report(None, NOON, unit="kelurahan-a", is_private=True)
    await desk.move(held, Move.CLAIM, "ani")


def _select() -> Any:
    return table("complaint").select().with_only_columns(table("complaint").c.id)


def _ids(connection: Any, word: str) -> Any:
    on_postgresql = is_postgresql(connection)
    asked = question(Sought(words=(word,)), is_postgresql=on_postgresql)
    return _select().where(holds("word", is_postgresql=on_postgresql)).params(word=asked)


def _samples(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """Values of a strategy, the same in each run."""
    found: list[Any] = []

    @settings(max_examples=count, database=None, derandomize=True)
    @given(strategy)
    def gather(value: Any) -> None:
        found.append(value)

    gather()
    return found


_TEXTS = st.tuples(_WORDS, st.lists(_SIGNS, min_size=4, max_size=4))
