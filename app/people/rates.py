"""How often a caller may ask: a moving window for each token, officer or address."""

from __future__ import annotations

import math
from datetime import datetime

import limits
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.people.errors import TooManyRequests

SIGN_INS = "10/minute"
"""Sign-ins from one address; each costs a tenth of a second of work, right or wrong."""


class Rates:
    """The windows of this process; `rate` None lets everything pass but too many sign-ins."""

    def __init__(self, rate: str | None) -> None:
        self._requests = limits.parse(rate) if rate else None
        self._sign_ins = limits.parse(SIGN_INS)
        self._windows = MovingWindowRateLimiter(MemoryStorage())

    def count_request(self, who: str, *, now: datetime) -> None:
        """Counts one request of `who`.

        Raises: TooManyRequests, when the rate is used up.
        """
        if self._requests is not None:
            self._count(self._requests, who, now)

    def count_sign_in(self, address: str, *, now: datetime) -> None:
        """Counts one sign-in from `address`.

        Raises: TooManyRequests, when there were too many.
        """
        self._count(self._sign_ins, f"sign-in:{address}", now)

    def _count(self, item: limits.RateLimitItem, who: str, now: datetime) -> None:
        if not self._windows.hit(item, who):
            reset = self._windows.get_window_stats(item, who).reset_time
            raise TooManyRequests(max(1, math.ceil(reset - now.timestamp())))
