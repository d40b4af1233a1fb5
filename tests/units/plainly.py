"""All figures of a status, counted from rows with loops and nothing else, in the shape that the API answers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from app.complaint.lifecycle import OPEN
from app.units.periods import Period
from app.units.status import Group
from tests.units.city import WIB, City, Recount

DAY_S = 86_400
AGES = (1, 3, 7, 14, 30)
CLOCKS = ("respond", "resolve", "coordinate", "handle", "validate")
JUDGED = ("met", "missed", "running", "paused")
HAPPENINGS = ("status", "assigned", "replied", "move")


@dataclass
class Everything:
    """Every row that a figure may come from."""

    counted: Recount
    stints: Sequence[Any]
    pauses: Sequence[Any]
    events: Sequence[Any]

    @classmethod
    async def of(cls, city: City) -> Everything:
        tables = [await city.rows(name) for name in ("stint", "pause", "complaint_event")]
        return cls(await city.recount(), *tables)

    def only(self, numbers: set[int]) -> Everything:
        """The rows of these complaints alone."""
        counted = replace(
            self.counted,
            complaints=[row for row in self.counted.complaints if row.id in numbers],
            clocks=[row for row in self.counted.clocks if row.complaint_id in numbers],
        )
        return replace(self, counted=counted, stints=[row for row in self.stints if row.complaint_id in numbers])

    def figures(self, group: Group, span: Period, now: datetime) -> dict[str, Any]:
        """What the status of a group must tell."""
        mine = [row for row in self.counted.complaints if self.counted.lies_in(row.unit_id, group)]
        return {
            **self._open(mine, now),
            "clocks": {clock: self._clock(group, clock, span) for clock in CLOCKS},
            "handling": _handling([row for row in mine if _in(row.reported_at, span)]),
            "holding": self._holding(group, span),
        }

    def trend(self, group: Group, span: Period) -> list[dict[str, Any]]:
        """What the trend by day must tell."""
        mine = [row for row in self.counted.complaints if self.counted.lies_in(row.unit_id, group)]
        first = span.since.astimezone(WIB).date()
        days = [first + timedelta(days=each) for each in range(len(span.days))]
        cycles = {clock: self.counted.cycles(group, clock) for clock in ("respond", "resolve")}
        return [_day(cycles, mine, day, span) for day in days]

    def _open(self, mine: Sequence[Any], now: datetime) -> dict[str, Any]:
        rows = [row for row in mine if row.status in OPEN]
        left = [(row.next_due_at - now).total_seconds() for row in rows if row.next_due_at is not None]
        ages = [(now - row.reported_at).total_seconds() for row in rows]
        bounds = [*(each * DAY_S for each in AGES), float("inf")]
        lower = [-1, *bounds]
        return {
            "open": len(rows),
            "overdue": sum(each < 0 for each in left),
            "due_24h": sum(0 <= each < DAY_S for each in left),
            "unassigned": sum(row.assignee_id is None for row in rows),
            "oldest": min((row.reported_at for row in rows), default=None),
            "ageing": [sum(low < age <= high for age in ages) for low, high in zip(lower, bounds, strict=False)],
        }

    def _clock(self, group: Group, clock: str, span: Period) -> dict[str, Any]:
        cycles = self.counted.cycles(group, clock)
        due = [row for row in cycles if _in(row.due_at, span)]
        met, missed = (sum(row.state == state for row in due) for state in ("met", "missed"))
        late = sum(row.state in ("running", "paused") for row in due)
        stopped = [row for row in cycles if row.state in ("met", "missed") and _in(row.stopped_at, span)]
        times = sorted(row.elapsed_s for row in stopped)
        paused = sum(row.paused_s for row in stopped)
        return {
            "received": sum(_in(row.started_at, span) for row in cycles),
            "met": met,
            "missed": missed,
            "running_overdue": late,
            "compliance": _percent(met, met + missed + late),
            "median_seconds": _percentile(times, 0.5),
            "p90_seconds": _percentile(times, 0.9),
            "mean_seconds": round(sum(times) / len(times), 1) if times else None,
            "paused_share": _percent(paused, paused + sum(times)),
            "percentile_error": 0,
        }

    def _holding(self, group: Group, span: Period) -> dict[str, Any]:
        ended = [row for row in self.stints if _in(row.ended_at, span) and self.counted.lies_in(row.unit_id, group)]
        held = [self._held(row) for row in ended]
        return {"stints": len(held), "mean_seconds": round(sum(held) / len(held), 1) if held else None}

    def _held(self, stint: Any) -> int:
        """Second by second would be slow: the stint less the source's delay and the complainant's own time in it."""
        start = max(stint.assigned_at, self._delayed_until(stint.complaint_id))
        whole = max(0.0, (stint.ended_at - start).total_seconds())
        waits = [row for row in self.pauses if row.complaint_id == stint.complaint_id]
        return int(whole - sum(_overlap(row, start, stint.ended_at) for row in waits))

    def _delayed_until(self, number: int) -> datetime:
        mine = [row for row in self.events if row.complaint_id == number]
        complaint = next(row for row in self.counted.complaints if row.id == number)
        later = [
            row.occurred_at
            for row in mine
            if row.kind in HAPPENINGS and row.timing == "dated" and row.occurred_at > complaint.reported_at
        ]
        return max(complaint.reported_at, min([complaint.received_at, *later]))


def told(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The values of an answer in the shape of `Everything.figures`."""
    oldest = figures["oldest"]
    return {
        **{name: figures[name]["value"] for name in ("open", "overdue", "due_24h", "unassigned")},
        "oldest": datetime.fromisoformat(oldest["since"]).astimezone(UTC) if oldest else None,
        "ageing": [bucket["value"] for bucket in figures["ageing"]],
        "clocks": {clock: _values(card) for clock, card in figures["clocks"].items()},
        "handling": _values(figures["handling"]),
        "holding": figures["holding"],
    }


def _values(card: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each["value"] if isinstance(each, dict) else each for name, each in card.items()}


def _day(cycles: Mapping[str, Sequence[Any]], mine: Sequence[Any], day: date, span: Period) -> dict[str, Any]:
    told: dict[str, Any] = {"on": day.isoformat(), "to": day.isoformat()}
    told["received"] = sum(_on(row.reported_at, day, span) for row in mine)
    for clock in ("respond", "resolve"):
        due = [row for row in cycles[clock] if _on(row.due_at, day, span)]
        judged = [row for row in due if row.state in JUDGED]
        told[clock] = {"due": len(judged), "met": sum(row.state == "met" for row in judged)}
    stopped = [row for row in cycles["resolve"] if row.state in ("met", "missed")]
    told["resolved"] = sum(_on(row.stopped_at, day, span) for row in stopped)
    return told


def _handling(rows: Sequence[Any]) -> dict[str, Any]:
    return {
        "reported": len(rows),
        "reopen_rate": _percent(sum(row.reopen_count > 0 for row in rows), len(rows)),
        "send_back_rate": _percent(sum(row.rework_count > 0 for row in rows), len(rows)),
        "hops": round(sum(row.hops for row in rows) / len(rows), 2) if rows else None,
    }


def _percent(part: int, whole: int) -> float | None:
    return int(part * 10_000 / whole) / 100 if whole else None


def _percentile(times: Sequence[int], share: float) -> float | None:
    if not times:
        return None
    place = (len(times) - 1) * share
    low = int(place)
    high = min(low + 1, len(times) - 1)
    return round(times[low] + (times[high] - times[low]) * (place - low), 1)


def _overlap(pause: Any, start: datetime, end: datetime) -> float:
    return max(0.0, (min(pause.ended_at or end, end) - max(pause.started_at, start)).total_seconds())


def _in(instant: datetime | None, span: Period) -> bool:
    return instant is not None and span.since <= instant < span.until


def _on(instant: datetime | None, day: date, span: Period) -> bool:
    return instant is not None and _in(instant, span) and instant.astimezone(WIB).date() == day
