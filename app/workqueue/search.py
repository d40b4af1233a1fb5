"""Words that officers look for, as a condition in SQL; full-text search would replace this one function."""

from __future__ import annotations

import re

from sqlalchemy import ColumnElement, and_, false, or_, true

from app.db.tables.complaints import Complaint

_CODE = re.compile(r"[A-Za-z]{2,4}\d{2,16}")
_FIGURES = re.compile(r"\d{3}")


def matching(words: str, *, reads_all: bool) -> ColumnElement[bool]:
    """Complaints whose ticket code begins with `words`, or whose subject and text hold each of them.

    Who does not read everything cannot find by what is hidden from them: private text, or the figures of a phone
    number or a plate that would be masked.
    """
    by_code = Complaint.ticket_code.startswith(words.upper(), autoescape=True) if _CODE.fullmatch(words) else false()
    return or_(by_code, _in_text(words.split(), reads_all=reads_all))


def _in_text(words: list[str], *, reads_all: bool) -> ColumnElement[bool]:
    if not words or (not reads_all and any(_FIGURES.search(word) or "@" in word for word in words)):
        return false()
    shown = true() if reads_all else and_(Complaint.is_private.is_(False), Complaint.is_confidential.is_(False))
    return and_(shown, *(_holds(word) for word in words))


def _holds(word: str) -> ColumnElement[bool]:
    return or_(Complaint.subject.icontains(word, autoescape=True), Complaint.text.icontains(word, autoescape=True))
