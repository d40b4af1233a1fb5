"""What stops a caller before any rule of the domain is asked.

DomainError
├── NotSignedIn        no token or session, or one that is unknown, expired or revoked
├── IssuerUnreachable  the sign-in service is down, and what we know of it is too old
└── TooManyRequests    the caller's rate is used up; says when to come back
"""

from __future__ import annotations

from app.complaint.errors import DomainError


class NotSignedIn(DomainError):
    """Nobody known is asking; `was_refused` when a token was shown and is not valid."""

    def __init__(self, message: str, *, was_refused: bool = False) -> None:
        super().__init__(message)
        self.was_refused = was_refused


class IssuerUnreachable(DomainError):
    """Nobody can say whether the token is good: worth another try."""


class TooManyRequests(DomainError):
    """The rate is used up; `retry_after_s` seconds from now it is not."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many requests: try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s
