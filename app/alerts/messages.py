"""What an alert says: facts as a value, and its text in Indonesian and English."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.units import format_unit

from app.alerts.catalogue import CLOCKS, TEXTS
from app.alerts.ladder import BREACH_STEP, Level, level_of


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

    @property
    def level(self) -> Level:
        """How serious it is."""
        return level_of(self.step)

    @property
    def late_s(self) -> int:
        """Whole seconds past the due time when it was raised; 0 before it."""
        return max(0, int((self.raised_at - self.due_at).total_seconds()))


@dataclass(frozen=True, slots=True)
class Wording:
    """Where this installation is: the zone that people read, and the address that links begin with."""

    zone: ZoneInfo
    public_url: str | None = None

    def link(self, facts: AlertFacts) -> str | None:
        """Where the complaint can be read; None while the installation has no public address."""
        if self.public_url is None:
            return None
        return f"{self.public_url}/complaints/{quote(facts.ticket_code or str(facts.complaint_id), safe='')}"

    def text(self, facts: AlertFacts, language: str) -> str:
        """The alert as one sentence or two, with the link behind it; equal for every attempt to deliver it."""
        words = TEXTS[language]
        sentence = words[facts.level].format(
            code=facts.ticket_code or f"#{facts.complaint_id}",
            clock=CLOCKS[language].get(facts.clock, facts.clock),
            unit=facts.unit_name or words["unrouted"],
            due=self._instant(facts.due_at, language),
            late=_span(timedelta(seconds=facts.late_s), language),
            percent=facts.step,
            nth=facts.step - BREACH_STEP,
        )
        link = self.link(facts)
        return f"{sentence} {link}" if link else sentence

    def _instant(self, at: datetime, language: str) -> str:
        # Only the Indonesian locale knows WIB, WITA and WIT by name; English would say +0700.
        zone = format_datetime(at, "z", tzinfo=self.zone, locale="id")
        return f"{format_datetime(at, TEXTS[language]['date'], tzinfo=self.zone, locale=language)} {zone}"


def _span(span: timedelta, language: str) -> str:
    """A span in its two largest units, cut to the minute."""
    minutes = int(span.total_seconds()) // 60
    sizes = {"day": minutes // 1440, "hour": minutes // 60 % 24, "minute": minutes % 60}
    units = [(unit, amount) for unit, amount in sizes.items() if amount][:2]
    if not units:
        return TEXTS[language]["moment"]
    return " ".join(format_unit(amount, f"duration-{unit}", "long", locale=language) for unit, amount in units)
