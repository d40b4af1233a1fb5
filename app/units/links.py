"""PURE: the filter of the queue that lists exactly the complaints behind a figure, as query parameters.

A figure of a clock counts cycles; its filter lists the complaints that have such a cycle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.complaint.cycles import CITIZEN_CLOCKS
from app.complaint.lifecycle import OPEN, Status
from app.sla.scorecard import AGE_LIMITS
from app.units.periods import Period

Query = dict[str, str]

_IS_OPEN: Query = {"status": ",".join(status for status in Status if status in OPEN)}


@dataclass(frozen=True, slots=True)
class Links:
    """The filters of one status; `codes` are its units, `is_validator`: the validating bureau is in or below them.

    `more` narrows all of them to a part. `leads` is False where no filter of the queue, which knows only how things
    stand now, would list what was counted: then there is none. Nor is there one of no units at all.
    """

    codes: Sequence[str]
    period: Period
    now: datetime
    is_validator: bool = False
    more: Query = field(default_factory=dict)
    leads: bool = True

    def open(self) -> Query | None:
        """What is open."""
        return self._told(self._open())

    def overdue(self) -> Query | None:
        """What is open and past due."""
        return self._told(self._held() | {"due": "overdue"})

    def due_24h(self) -> Query | None:
        """What is due within 24 hours."""
        return self._told(self._held() | {"due": "24h"})

    def unassigned(self) -> Query | None:
        """What is open and nobody's."""
        return self._told(self._open() | {"assignee": "none"})

    def oldest(self) -> Query | None:
        """The open one that was reported first."""
        return self._told(self._open() | {"sort": "reported_at", "limit": "1"})

    def age(self, bucket: int) -> Query | None:
        """What is open and as old as a bucket says, youngest bucket first."""
        edges = self._open()
        if bucket < len(AGE_LIMITS):
            edges["reported_from"] = instant(self.now - AGE_LIMITS[bucket])
        if bucket > 0:
            edges["reported_to"] = instant(self.now - AGE_LIMITS[bucket - 1])
        return self._told(edges)

    def reported(self) -> Query | None:
        """What was reported in the period."""
        return self._told(self._held() | self._span("reported"))

    def received(self, clock: str) -> Query | None:
        """What had a cycle of the clock start in the period."""
        return self._told(self._run(clock) | self._span("started"))

    def due(self, clock: str, *outcomes: str) -> Query | None:
        """What had a cycle of the clock due in the period, with one of these outcomes."""
        return self._told(self._run(clock) | {"outcome": ",".join(outcomes)} | self._span("due"))

    def stopped(self, clock: str) -> Query | None:
        """What had a cycle of the clock stop in the period."""
        return self._told(self._run(clock) | {"outcome": "met,missed"} | self._span("stopped"))

    def unrouted(self, **more: str) -> Query | None:
        """What is open and no unit holds."""
        return self._narrowed({"unrouted": "true"} | (more or _IS_OPEN))

    def _told(self, query: Query) -> Query | None:
        return self._narrowed(query) if self.codes else None

    def _narrowed(self, query: Query) -> Query | None:
        return query | self.more if self.leads else None

    def _open(self) -> Query:
        return self._held() | _IS_OPEN

    def _held(self) -> Query:
        return {"unit": ",".join(self.codes)}

    def _run(self, clock: str) -> Query:
        """The citizen's clocks belong to whoever holds the complaint, the others to the unit that ran them."""
        if clock in CITIZEN_CLOCKS:
            return self._held() | {"clock": clock}
        if clock == "validate" and self.is_validator:
            return {"clock": clock}
        return {"handled_by": ",".join(self.codes), "clock": clock}

    def _span(self, name: str) -> Query:
        return {f"{name}_from": instant(self.period.since), f"{name}_to": instant(self.period.until)}


def instant(at: datetime) -> str:
    """An instant as a query value, exact, in UTC.

    >>> from datetime import timedelta, timezone
    >>> instant(datetime(2026, 11, 24, 7, tzinfo=timezone(timedelta(hours=7))))
    '2026-11-24T00:00:00Z'
    """
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
