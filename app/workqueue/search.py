"""What officers look for, as one condition in SQL: words of subject and text, or a ticket code; nothing hidden."""

from __future__ import annotations

import re

from sqlalchemy import ColumnElement, and_, false, or_, true
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.lifecycle import Status
from app.db.tables.complaints import Complaint
from app.db.words import Sought, fold_words, holds, sought_code
from app.workqueue.asker import Asker

_FIGURES = re.compile(r"\d{3}")


def matching(connection: AsyncConnection, told: str, asker: Asker) -> ColumnElement[bool]:
    """Complaints whose ticket code begins with `told`, or whose subject and text hold each word of it.

    A word of three letters or more finds all that begin with it. Case, accents and signs do not count. Nobody finds by
    what is hidden from them: words that they may not read, or the figures of a phone number or a plate that would be
    masked.
    """
    code = sought_code(told)
    words = () if _asks_for_what_is_masked(told, asker) else fold_words(told)
    found = holds(connection, Sought(words, code))
    if not words:
        return found
    shown = may_read(asker)
    return and_(found, or_(shown, holds(connection, Sought(code=code))) if code else shown)


def may_read(asker: Asker) -> ColumnElement[bool]:
    """The condition on `complaint` that its words are for the asker: what `is_hidden_from` says of one row."""
    is_secret = or_(Complaint.is_private, Complaint.is_confidential)
    words = or_(~is_secret, _handles(asker))
    return words if asker.administers else and_(~Complaint.is_restricted, words)


def _handles(asker: Asker) -> ColumnElement[bool]:
    """That a complaint lies with the asker, as `Asker.handles` has it."""
    if not asker.works:
        return false()
    if asker.leads:
        return true()
    ways = [Complaint.assignee_id == asker.officer_id] if asker.officer_id is not None else []
    if asker.scope.unit_ids is None:
        return or_(*ways, Complaint.unit_id.is_(None))
    ways.append(Complaint.unit_id.in_(asker.scope.unit_ids))
    if asker.scope.is_validator:
        ways.append(Complaint.status == Status.AWAITING_VALIDATION)
    return or_(*ways)


def _asks_for_what_is_masked(told: str, asker: Asker) -> bool:
    return not asker.works and ("@" in told or _FIGURES.search(told) is not None)
