"""What a message may be about, as values: alerts, a correction, a digest, an incident, a test; never a complainant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar

from app.alerts.ladder import Level, level_of
from app.db.states import DeliveryKind


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFacts:
    """One alert as it is told: never the complainant's identity, nor a word of the complaint."""

    id: int
    complaint_id: int
    ticket_code: str | None
    unit_code: str | None
    unit_name: str | None
    clock: str
    cycle: int
    rule: str
    step: int
    due_at: datetime
    raised_at: datetime
    told_at: datetime | None = None
    """The hour that the message waited for, where it did not go out when the alert was raised."""

    @property
    def level(self) -> Level:
        """How serious it is."""
        return level_of(self.step)

    @property
    def late_s(self) -> int:
        """Whole seconds past the due time when the message went out for the first time; 0 before it."""
        return seconds_late(self.due_at, self.told_at or self.raised_at)


@dataclass(frozen=True, slots=True)
class Alerts:
    """Alerts of one complaint that are told in one message, the most serious first; mostly there is one."""

    facts: Sequence[AlertFacts]
    is_for_another: bool = False
    """Whoever it is told to stands in for somebody on leave."""
    is_instead: bool = False
    """There is nobody at the level that should have been told."""

    kind: ClassVar = DeliveryKind.ALERT


@dataclass(frozen=True, slots=True)
class Correction:
    """Alerts of one complaint that were told and, as is known now, do not stand; the most serious first."""

    facts: Sequence[AlertFacts]

    kind: ClassVar = DeliveryKind.CORRECTION


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestItem:
    """A clock that is overdue or falls due."""

    complaint_id: int
    ticket_code: str | None
    unit_code: str | None
    unit_name: str | None
    clock: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What waits in the units of a reader on a morning; `overdue` and `due_today` count also what is not listed."""

    on: date
    overdue: int
    due_today: int
    items: Sequence[DigestItem]

    kind: ClassVar = DeliveryKind.DIGEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something about this installation that needs somebody, or that is over; `about` names it in the sentence."""

    key: str
    what: str
    is_over: bool
    since: datetime
    is_reminder: bool = False
    about: Mapping[str, str] = field(default_factory=dict)

    kind: ClassVar = DeliveryKind.NOTICE


@dataclass(frozen=True, slots=True)
class Trial:
    """A test of a channel that asks nobody to do anything."""

    at: datetime
    webhook_id: int | None = None

    kind: ClassVar = DeliveryKind.NOTICE


Content = Alerts | Correction | Digest | Incident | Trial


def seconds_late(due_at: datetime, at: datetime) -> int:
    """Whole seconds past the due time; 0 before it."""
    return max(0, int((at - due_at).total_seconds()))


def read_digest(payload: Mapping[str, Any]) -> Digest:
    """The digest that a delivery's row carries."""
    items = [
        DigestItem(
            complaint_id=item["complaint_id"],
            ticket_code=item["ticket_code"],
            unit_code=item["unit_code"],
            unit_name=item["unit_name"],
            clock=item["clock"],
            due_at=datetime.fromisoformat(item["due_at"]),
        )
        for item in payload["items"]
    ]
    return Digest(
        on=date.fromisoformat(payload["on"]), overdue=payload["overdue"], due_today=payload["due_today"], items=items
    )


def incident_payload(incident: Incident) -> dict[str, Any]:
    """The incident as a delivery's row carries it."""
    return {
        "key": incident.key,
        "what": incident.what,
        "is_over": incident.is_over,
        "is_reminder": incident.is_reminder,
        "since": incident.since.isoformat(),
        "about": dict(incident.about),
    }


def read_incident(payload: Mapping[str, Any]) -> Incident:
    """The incident that `incident_payload` wrote."""
    return Incident(
        key=payload["key"],
        what=payload["what"],
        is_over=payload["is_over"],
        is_reminder=payload.get("is_reminder", False),
        since=datetime.fromisoformat(payload["since"]),
        about=payload["about"],
    )
