"""The tree of domain errors; the doors turn each class into an answer, by one table.

DomainError
├── NotFound              absent, or outside the caller's units: never tell which
├── Forbidden             the role does not allow it
├── Conflict              the state of the thing forbids it
│   ├── IllegalMove       the move is not legal from this status
│   ├── AlreadyClaimed    another officer holds the complaint
│   ├── StaleVersion      the caller saw an older version
│   ├── EvidenceUnreviewed  nobody has looked at flagged evidence
│   └── SourceBusy        another worker holds the lease of the source
└── InvalidInput          malformed: names the field
"""

from __future__ import annotations

from collections.abc import Sequence


class DomainError(Exception):
    """A rule of the domain says no; the message names the thing and its state."""


class NotFound(DomainError):
    """The thing is absent or outside the caller's units."""


class Forbidden(DomainError):
    """The caller's role does not allow it."""


class Conflict(DomainError):
    """The state of the thing forbids it; `version` is its current one where it has one."""

    def __init__(self, message: str, *, version: int | None = None) -> None:
        super().__init__(message)
        self.version = version


class IllegalMove(Conflict):
    """The move is not legal from this status; `legal` are the moves that are."""

    def __init__(self, message: str, *, legal: Sequence[str], version: int | None = None) -> None:
        super().__init__(message, version=version)
        self.legal = tuple(legal)


class AlreadyClaimed(Conflict):
    """Another officer holds the complaint."""


class StaleVersion(Conflict):
    """The caller's version is not the current one."""


class EvidenceUnreviewed(Conflict):
    """Flagged evidence waits for its review; `evidence` are the ids."""

    def __init__(self, message: str, *, evidence: Sequence[int], version: int | None = None) -> None:
        super().__init__(message, version=version)
        self.evidence = tuple(evidence)


class SourceBusy(Conflict):
    """Another worker holds the lease of the source."""


class InvalidInput(DomainError):
    """Malformed input; `field` names where, as a path."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
