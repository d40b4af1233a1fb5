"""When a person is told: not outside office hours unless the rule says so, nor in their quiet hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from app.complaint.clocks import Rulebook
from app.sla.calendars import CompiledCalendar

OFFICE = "asn-dki"
"""The calendar of office hours; without it the office never shuts."""

_LOOK_AHEAD = timedelta(days=30)
_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Quiet:
    """Minutes after local midnight between which a person is left in peace; over midnight where `end` is earlier."""

    start: int
    end: int

    def until(self, at: datetime, zone: tzinfo) -> datetime:
        """The end of the quiet hours that hold at an instant, or the instant itself.

        >>> from zoneinfo import ZoneInfo
        >>> night = Quiet(22 * 60, 6 * 60)
        >>> night.until(datetime.fromisoformat("2026-01-12T23:15:00+07:00"), ZoneInfo("Asia/Jakarta")).isoformat()
        '2026-01-13T06:00:00+07:00'
        """
        local = at.astimezone(zone)
        minute = local.hour * 60 + local.minute
        if self.start < self.end:
            is_quiet = self.start <= minute < self.end
        else:
            is_quiet = minute >= self.start or minute < self.end
        if not is_quiet:
            return at
        day = local.replace(hour=0, minute=0, second=0, microsecond=0)
        is_tomorrow = self.start >= self.end and minute >= self.start
        return (day + timedelta(days=is_tomorrow)).replace(hour=self.end // 60, minute=self.end % 60)


def office_of(rules: Rulebook, unit_id: int | None, at: datetime) -> CompiledCalendar | None:
    """The office hours of a unit in force at an instant."""
    dated = rules.calendars.get(OFFICE)
    if dated is None:
        return None
    version_id = dated.on(at.astimezone(rules.zone).date()).version_id
    return rules.calendar(version_id, rules.exception_unit(version_id, unit_id))


def opening(calendar: CompiledCalendar, at: datetime) -> datetime:
    """The instant itself when the office is open, else when it opens; the instant when it stays shut for a month."""
    first = next(iter(calendar.intervals(at, at + _LOOK_AHEAD)), None)
    return max(first[0], at) if first is not None else at


def when(at: datetime, *, office: CompiledCalendar | None, quiet: Quiet | None, zone: tzinfo) -> datetime:
    """The first instant that suits both; quiet hours that leave no office hour give way."""
    wanted = at
    for _ in range(_ROUNDS):
        opened = opening(office, wanted) if office is not None else wanted
        calm = quiet.until(opened, zone) if quiet is not None else opened
        if calm == wanted:
            return wanted
        wanted = calm
    return opening(office, at) if office is not None else at
