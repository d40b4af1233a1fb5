"""Why something is done to, or read of, a person: the words that go on record for it."""

from __future__ import annotations

from app.complaint.errors import InvalidInput

SHORTEST_REASON, LONGEST_REASON = 10, 500


def check_reason(reason: str, *, field: str = "reason") -> str:
    """The reason without spaces around it.

    Raises: InvalidInput, for one that is too short to say why, too long, or cannot be shown.
    """
    tidy = reason.strip()
    if len(tidy) < SHORTEST_REASON or not tidy.isprintable():
        raise InvalidInput(field, f"must say why, in at least {SHORTEST_REASON} characters")
    if len(tidy) > LONGEST_REASON:
        raise InvalidInput(field, f"must have at most {LONGEST_REASON} characters")
    return tidy
