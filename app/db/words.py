"""The words of complaints, looked up in the full-text index of either database: the revision that makes it keeps it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, String, bindparam, cast, column, func, select, table, text
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.changes import is_postgresql
from app.db.tables.complaints import Complaint

LEAST_PREFIX = 3
"""From this length on a word finds all that begin with it; a shorter one only itself."""

_LONGEST_WORD, _LONGEST_CODE = 60, 40
# The same classes as in the revision that makes the index on PostgreSQL.
_ACCENTS = re.compile("[\u0300-\u036f]")
_SIGNS = re.compile(
    "[\u0001-\u002f\u003a-\u0060\u007b-\u00bf\u2000-\u2bff\u2e00-\u2e7f\u3000-\u303f\ufe00-\ufe6f\ufff0-\uffff"
    "\U0001f000-\U0010ffff]+"
)

_words = table("complaint_words", column("complaint_id"), column("words", TSVECTOR))
_documents = table("complaint_words", column("rowid"), column("complaint_words"))


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for: every one of `words` in subject and text, or the beginning of a ticket code."""

    words: tuple[str, ...] = ()
    code: tuple[str, ...] = ()


def fold_words(told: str) -> tuple[str, ...]:
    """The words of a text as the index has them: one case, without accents and signs.

    >>> fold_words("Jl. Café-Ría, RT.05/02")
    ('jl', 'cafe', 'ria', 'rt', '05', '02')
    """
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", told)).lower()
    return tuple(word[:_LONGEST_WORD] for word in _SIGNS.split(plain) if word)


def sought_code(told: str) -> tuple[str, ...]:
    """The pieces of what may be the beginning of a ticket code; nothing where it cannot be one.

    >>> sought_code("jk 2601"), sought_code("lampu mati")
    (('jk', '2601'), ())
    """
    pieces = fold_words(told)
    whole = "".join(pieces)
    is_code = whole.isascii() and LEAST_PREFIX <= len(whole) <= _LONGEST_CODE and any(map(str.isdigit, whole))
    return pieces if is_code else ()


def holds(name: str, *, is_postgresql: bool) -> ColumnElement[bool]:
    """The condition on `complaint` that its ticket code or its words are those of the question bound as `name`."""
    if is_postgresql:
        asked = cast(bindparam(name, type_=String), TSQUERY)
        return Complaint.id.in_(select(_words.c.complaint_id).where(_words.c.words.bool_op("@@")(asked)))
    holds_them = _documents.c.complaint_words.bool_op("MATCH")(bindparam(name, type_=String))
    return Complaint.id.in_(select(_documents.c.rowid).where(holds_them))


def names_a_mailbox(*, is_postgresql: bool) -> ColumnElement[bool]:
    """The condition on `complaint` that an e-mail address may stand in its subject or text; `@name` alone is none."""
    words = func.coalesce(Complaint.subject, "") + " " + func.coalesce(Complaint.text, "")
    if is_postgresql:
        return words.regexp_match("[^ ]@[^ ].*[.][^ ]")
    return words.bool_op("GLOB")("*[^ ]@[^ ]*.[^ ]*")


def question(sought: Sought, *, is_postgresql: bool) -> str:
    """What `holds` is asked, in the words of the database."""
    return _tsquery(sought) if is_postgresql else _fts5(sought)


async def forget_words(connection: AsyncConnection) -> None:
    """What was erased goes out of the index too: SQLite's keeps the words of a former text until it is merged."""
    if not is_postgresql(connection):
        await connection.execute(text("INSERT INTO complaint_words (complaint_words) VALUES ('optimize')"))


def _tsquery(sought: Sought) -> str:
    """The question in PostgreSQL's words; the code of a complaint is a word that begins with a sign of its own."""
    parts = [" & ".join(_lexeme(word) for word in sought.words)] if sought.words else []
    if sought.code:
        parts.append(f"'#{''.join(sought.code)}':*")
    return " | ".join(f"({part})" for part in parts)


def _lexeme(word: str) -> str:
    return f"'{word}':*" if len(word) >= LEAST_PREFIX else f"'{word}'"


def _fts5(sought: Sought) -> str:
    """The question in SQLite's words; it splits what stands between the quotes once more, as it split the texts."""
    parts = []
    if sought.words:
        parts.append(f"{{subject text}} : ({' AND '.join(_phrase(word) for word in sought.words)})")
    parts += [f'(ticket_code : ^ "{each}" *)' for each in _spellings(sought.code)]
    return " OR ".join(parts)


def _phrase(word: str) -> str:
    return f'"{word}" *' if len(word) >= LEAST_PREFIX else f'"{word}"'


def _spellings(pieces: Sequence[str]) -> list[str]:
    """A code with its signs and without: one of them is how the index split it."""
    return list(dict.fromkeys((" ".join(pieces), "".join(pieces)))) if pieces else []
