"""The words that a policy names: kinds of sources are a closed list, channels and classifications come with sources."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from difflib import get_close_matches
from typing import Any

from sqlalchemy import select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.complaints import Complaint, FormerFacts
from app.rules.contents import Content, PolicyContent
from app.rules.findings import Finding
from app.sla.policy import Applies

_UNSEEN = "unseen"
_SAID = {"channels": "channel", "classifications": "classification"}
"""What a policy names in the words of the sources, and the column of a complaint that holds such a word."""


def unknown(known: Collection[str], field: str, what: str, named: Iterable[str]) -> Iterator[Finding]:
    """An error for each word that is none of a closed list, with the nearest one that is.

    >>> [each.message for each in unknown(["lapor", "jaki"], "applies.connectors", "kind of source", ["lapr", "lapor"])]
    ['there is no kind of source lapr; the nearest is lapor']
    """
    for each in named:
        if each not in known:
            yield Finding("unknown", field, f"there is no {what} {each}{_nearest(each, known)}")


def unknown_kinds(content: Content, kinds: Collection[str]) -> list[Finding]:
    """An error for each kind of source that a policy names and that there is not: it would apply to nothing."""
    named = content.applies.connectors if isinstance(content, PolicyContent) else ()
    return list(unknown(kinds, "applies.connectors", "kind of source", named))


async def unseen(connection: AsyncConnection, content: Content, base: Content | None) -> list[Finding]:
    """A warning for each word of the sources that a policy names and that no complaint ever had.

    A source may bring the word tomorrow, so that it is no error. It takes a look at every complaint: ask it of a copy,
    or before anything is locked.
    """
    if not isinstance(content, PolicyContent):
        return []
    held = base.applies if isinstance(base, PolicyContent) else Applies()
    found: list[Finding] = []
    for scope, column in _SAID.items():
        named: Sequence[str] = getattr(content.applies, scope)
        if named:
            found += _unseen(scope, named, getattr(held, scope), await _seen(connection, column))
    return found


def told_unseen(warnings: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Of the warnings as a preview has them, those of `unseen`."""
    return [Finding(**each) for each in warnings if each["code"] == _UNSEEN]


def _unseen(scope: str, named: Sequence[str], held: Sequence[str], seen: Set[str]) -> Iterator[Finding]:
    for each in named:
        if each not in seen:
            message = f"no complaint ever had the {_SAID[scope]} {each}{_nearest(each, seen)}"
            yield Finding(_UNSEEN, f"applies.{scope}", message, is_new=each not in held)


async def _seen(connection: AsyncConnection, column: str) -> set[str]:
    """Every word that complaints have or had there."""
    words = union(*(select(getattr(table, column)) for table in (Complaint, FormerFacts)))
    return {word for word in await connection.scalars(words) if word is not None}


def _nearest(word: str, known: Collection[str]) -> str:
    near = get_close_matches(word, known, n=1)
    return f"; the nearest is {near[0]}" if near else ""
