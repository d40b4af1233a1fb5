"""What a token is for, beside its role: reading or writing, everywhere or in one area of the service."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from app.complaint.errors import Forbidden, InvalidInput
from app.people.callers import Caller

AREAS = (
    "complaints", "evidence", "identities", "units", "sla", "alerts", "sources", "imports", "rules", "admin", "people",
    "privacy", "system",
)  # fmt: skip
"""The tags of the routes; a route without one is reached by `read` or `write` alone."""
_VERBS = ("read", "write")
SCOPES = (*_VERBS, *(f"{area}:{verb}" for area in AREAS for verb in _VERBS))

Scopes = frozenset[str]


def check_scopes(scopes: Sequence[str], *, field: str = "scopes") -> list[str]:
    """The scopes in order, each once; writing includes reading.

    Raises: InvalidInput, naming the first that is none.
    """
    unknown = next((scope for scope in scopes if scope not in SCOPES), None)
    if unknown is not None:
        raise InvalidInput(
            field, f"{unknown[:60]!r} is no scope: read, write, or one of them after an area and a colon"
        )
    return sorted(set(scopes))


def allows(scopes: Collection[str], area: str | None, *, writes: bool) -> bool:
    """Whether a token of these scopes may do this; no scope at all is everything that its role may.

    >>> allows(["complaints:write"], "complaints", writes=False), allows(["complaints:write"], "units", writes=False)
    (True, False)
    >>> allows(["read"], "units", writes=False), allows(["read"], "units", writes=True), allows([], None, writes=True)
    (True, False, True)
    """
    verbs = ("write",) if writes else _VERBS
    wanted = {*verbs, *(f"{area}:{verb}" for verb in verbs)} if area is not None else set(verbs)
    return not scopes or not wanted.isdisjoint(scopes)


def demand_scope(name: str, scopes: Collection[str], area: str | None, *, writes: bool) -> None:
    """Nothing, when a token of these scopes may do this.

    Raises: Forbidden, saying which scope it takes.
    """
    if not allows(scopes, area, writes=writes):
        verb = "write" if writes else "read"
        needed = verb if area is None else f"{area}:{verb}"
        raise Forbidden(f"this needs the scope {needed}; {name} has {', '.join(sorted(scopes))}")


def demand_no_more(caller: Caller, scopes: Sequence[str]) -> None:
    """Nothing, when the scopes reach no further than the caller's own: a token makes no wider one.

    Raises: Forbidden, otherwise; InvalidInput.
    """
    wanted = check_scopes(scopes) or ["write"]
    for scope in wanted:
        area, _, verb = scope.rpartition(":")
        demand_scope(caller.name, caller.scopes, area or None, writes=verb == "write")
