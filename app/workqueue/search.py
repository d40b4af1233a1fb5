"""What officers look for, as one condition in SQL: words of subject and text, or a ticket code; nothing hidden."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, bindparam, false, or_, true

from app.complaint.lifecycle import Status
from app.db.among import among
from app.db.column_types import BigId
from app.db.tables.complaints import Complaint
from app.db.words import Sought, fold_words, holds, names_a_mailbox, question, sought_code
from app.workqueue.asker import Asker

_FIGURES = re.compile(r"\d{3}")


@dataclass(frozen=True, slots=True)
class Reader:
    """What decides which words somebody may read, whoever they are and whichever units are theirs."""

    works: bool
    leads: bool
    administers: bool
    is_officer: bool
    sees_all: bool
    is_validator: bool

    @classmethod
    def of(cls, asker: Asker) -> Reader:
        """What an asker may read as."""
        return cls(
            works=asker.works,
            leads=asker.leads,
            administers=asker.administers,
            is_officer=asker.officer_id is not None,
            sees_all=asker.scope.is_whole,
            is_validator=asker.scope.is_validator,
        )


@dataclass(frozen=True, slots=True)
class Search:
    """A question for words, for the beginning of a code, or for either; all that its condition depends on."""

    has_words: bool
    has_code: bool
    is_postgresql: bool
    reader: Reader


def search(told: str, asker: Asker, *, is_postgresql: bool) -> tuple[Search, dict[str, object]]:
    """The question for what was told, and the values of its condition.

    It is for complaints whose ticket code begins with `told`, or whose subject and text hold each word of it. A word
    of three letters or more finds all that begin with it. Case, accents and signs do not count. Nobody finds by what
    is hidden from them: words that they may not read, or the figures of a phone number or a plate that would be masked;
    a complaint that holds an e-mail address is found by its code alone.
    """
    code = sought_code(told)
    words = () if _asks_for_what_is_masked(told, asker) else fold_words(told)
    values: dict[str, object] = {
        "sought": question(Sought(words, code), is_postgresql=is_postgresql),
        "sought_code": question(Sought(code=code), is_postgresql=is_postgresql),
        **reader_values(asker),
    }
    return Search(bool(words), bool(code), is_postgresql, Reader.of(asker)), values


def matching(asked: Search) -> ColumnElement[bool]:
    """The condition on `complaint` that it is found."""
    if not asked.has_words and not asked.has_code:
        return false()
    found = holds("sought", is_postgresql=asked.is_postgresql)
    if not asked.has_words:
        return found
    shown = may_read(asked.reader)
    if not asked.reader.works:
        # Letter by letter, words would tell them the address that they see masked.
        shown = and_(shown, ~names_a_mailbox(is_postgresql=asked.is_postgresql))
    if not asked.has_code:
        return and_(found, shown)
    return and_(found, or_(shown, holds("sought_code", is_postgresql=asked.is_postgresql)))


def reader_values(asker: Asker) -> dict[str, object]:
    """The values of `may_read`."""
    return {"reader_id": asker.officer_id, "reader_units": list(asker.scope.unit_ids or ())}


def may_read(reader: Reader) -> ColumnElement[bool]:
    """The condition on `complaint` that its words are for the reader: what `is_hidden_from` says of one row."""
    is_secret = or_(Complaint.is_private, Complaint.is_confidential)
    words = or_(~is_secret, _handles(reader))
    return words if reader.administers else and_(~Complaint.is_restricted, words)


def _handles(reader: Reader) -> ColumnElement[bool]:
    """That a complaint lies with the reader, as `Asker.handles` has it."""
    if not reader.works:
        return false()
    if reader.leads:
        return true()
    ways = [Complaint.assignee_id == bindparam("reader_id", type_=BigId)] if reader.is_officer else []
    if reader.sees_all:
        return or_(*ways, Complaint.unit_id.is_(None))
    ways.append(among(Complaint.unit_id, "reader_units"))
    if reader.is_validator:
        ways.append(Complaint.status == Status.AWAITING_VALIDATION)
    return or_(*ways)


def _asks_for_what_is_masked(told: str, asker: Asker) -> bool:
    return not asker.works and ("@" in told or _FIGURES.search(told) is not None)
