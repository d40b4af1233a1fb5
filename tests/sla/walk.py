"""An independent account of a clock: it walks the readings of a wall clock, minute by minute, and counts down.

It shares nothing with the engine: no positions, no searches, no offsets. It is slow, and needs edges on whole minutes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NOBODY = "not_started"


@dataclass
class Walked:
    """What the walk found; `due_at` None while paused and in time."""

    state: str
    due_at: datetime | None = None
    breached_at: datetime | None = None
    elapsed_s: int = 0
    paused_s: int = 0
    remaining_s: int | None = None


@lru_cache(maxsize=64)
def readings(zone: str, start: datetime, minutes: int) -> tuple[tuple[date, int], ...]:
    """What a wall clock in the zone shows at each minute: the date, and the minute of the day."""
    found, tz, at = [], ZoneInfo(zone), start
    for _ in range(minutes):
        local = at.astimezone(tz)
        found.append((local.date(), local.hour * 60 + local.minute))
        at += MINUTE
    return tuple(found)


def open_minutes(rules: Mapping[str, object], on: date) -> frozenset[int]:
    """The minutes of a date that are open, by the plain reading of the layers."""
    week = rules["week"]
    hours = week.get(WEEKDAYS[on.weekday()], [])
    for period in rules.get("periods", []):
        if period["from"] <= on.isoformat() <= period["to"]:
            hours = period["week"].get(WEEKDAYS[on.weekday()], [])
    for special in rules.get("days", []):
        if special["date"] == on.isoformat():
            hours = special["hours"]
    return frozenset(minute for opens, closes in hours for minute in range(_minute(opens), _minute(closes)))


class Walk:
    """One wall clock watched from `start` for so many minutes, under one calendar."""

    def __init__(self, rules: Mapping[str, object], start: datetime, minutes: int) -> None:
        self.start = start
        self.readings = readings(rules["timezone"], start, minutes)
        days = {on: open_minutes(rules, on) for on in dict(self.readings)}
        self.is_open = [minute in days[on] for on, minute in self.readings]
        self.always = [True] * minutes

    def close_of_working_day(self, started_at: datetime, nth: int) -> datetime | None:
        """The end of the last open minute of the nth date with one, after the date of the start."""
        began_on = self.readings[(started_at - self.start) // MINUTE][0]
        closes: dict[date, int] = {}
        for index, (on, _) in enumerate(self.readings):
            if self.is_open[index] and on > began_on:
                closes[on] = index + 1
        dates = sorted(closes)
        if len(dates) < nth or closes[dates[nth - 1]] == len(self.readings):
            return None
        return self.start + closes[dates[nth - 1]] * MINUTE

    def count(self, flags: Sequence[bool], from_at: datetime, to_at: datetime) -> int:
        """Open seconds between two instants."""
        if to_at < from_at:
            return -self.count(flags, to_at, from_at)
        total, index = 0, (from_at - self.start) // MINUTE
        at = from_at
        while at < to_at:
            end = min(self.start + (index + 1) * MINUTE, to_at)
            if flags[index]:
                total += int((end - at).total_seconds())
            at, index = end, index + 1
        return total

    def follow(
        self, target: Mapping[str, object], events: Sequence[tuple[datetime, str]], as_of: datetime
    ) -> Walked | None:
        """Live through the events and count the target down; None when its due time lies beyond the walk."""
        known = sorted((event for event in events if event[0] <= as_of), key=lambda event: event[0])
        voids = [place for place, (_, kind) in enumerate(known) if kind == "void_stop"]
        known = [e for place, e in enumerate(known) if e[1] != "stop" or not voids or place > voids[-1]]
        starts = [at for at, kind in known if kind == "start"]
        if not starts:
            return Walked(NOBODY)
        flags = self.always if target["unit"] == "elapsed_minute" else self.is_open
        allowed = self._allowed(target, starts[0], flags)
        if allowed is None:
            return None
        known = known[known.index((starts[0], "start")) + 1 :]
        return _Life(self, flags, starts[0], allowed).live(known, as_of)

    def _allowed(self, target: Mapping[str, object], started_at: datetime, flags: Sequence[bool]) -> int | None:
        if target["unit"] != "working_day":
            return target["amount"] * 60
        due_at = self.close_of_working_day(started_at, target["amount"])
        return None if due_at is None else self.count(flags, started_at, due_at)


class _Life:
    """A clock lived through: what is left of its target goes down while it runs in open time."""

    def __init__(self, walk: Walk, flags: Sequence[bool], started_at: datetime, allowed: int) -> None:
        self.walk, self.flags, self.now, self.left = walk, flags, started_at, allowed
        self.due_at: datetime | None = None
        self.is_paused = self.is_breached = False
        self.result = Walked("running")

    def live(self, events: Sequence[tuple[datetime, str]], as_of: datetime) -> Walked | None:
        for at, kind in events:
            self.pass_time(at)
            if kind == "pause":
                self.is_paused = True
            elif kind == "resume" and self.is_paused:
                self.resume()
            elif kind in ("stop", "cancel"):
                self.resume()
                self.result.state = "cancelled" if kind == "cancel" else "missed" if self.is_breached else "met"
                return self.conclude(at)
        self.pass_time(as_of)
        self.result.state = "paused" if self.is_paused else "running"
        return self.conclude(as_of)

    def resume(self) -> None:
        self.is_paused = False
        if self.left == 0 and not self.is_breached:
            self.due_at = self.now

    def pass_time(self, until: datetime) -> None:
        while self.now < until:
            index = (self.now - self.walk.start) // MINUTE
            end = min(self.walk.start + (index + 1) * MINUTE, until)
            if not self.is_paused and self.due_at is not None and not self.is_breached:
                self.is_breached = True
            if self.flags[index]:
                self.spend(int((end - self.now).total_seconds()))
            self.now = end

    def spend(self, seconds: int) -> None:
        if self.is_paused:
            self.result.paused_s += seconds
            return
        self.result.elapsed_s += seconds
        if self.is_breached or self.left == 0:
            return
        if self.left <= seconds:
            self.due_at = self.now + timedelta(seconds=self.left)
            self.is_breached = self.left < seconds
            self.left = 0
        else:
            self.left -= seconds

    def conclude(self, end: datetime) -> Walked | None:
        result = self.result
        if self.is_breached:
            result.due_at = result.breached_at = self.due_at
            result.remaining_s = -self.walk.count(self.flags, self.due_at, end)
            return result
        result.remaining_s = self.left
        if result.state == "paused":
            return result
        result.due_at = self.due_at or self.look_ahead(end)
        return result if result.due_at else None

    def look_ahead(self, at: datetime) -> datetime | None:
        """When the rest of the target would be used up if nothing more happened."""
        left, index = self.left, (at - self.walk.start) // MINUTE
        while index < len(self.flags):
            end = self.walk.start + (index + 1) * MINUTE
            if self.flags[index]:
                seconds = int((end - at).total_seconds())
                if left <= seconds:
                    return at + timedelta(seconds=left)
                left -= seconds
            at, index = end, index + 1
        return None


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def utc(text: str) -> datetime:
    """The UTC instant written as `2026-06-02 08:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
