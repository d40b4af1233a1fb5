"""Clocks that a change of rules moves: what was, what is, and the entry of the history that says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from app.complaint.clocks import CLOSED_STATES, ClockRow, RowKey, Rulebook
from app.complaint.events import CaseEvent, Effect, EventKind, Timing
from app.sla.clock import State

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why clocks are judged again, as the history tells it."""

    proposal: int
    reason: str


@dataclass(frozen=True, slots=True)
class MovedClock:
    """One open cycle that is due at another time; `old` is its stored row, `new` the row it becomes.

    None is a cycle that a family did not judge before, or does not judge any more.
    """

    key: RowKey
    old: Row | None
    new: ClockRow | None

    @property
    def unit_id(self) -> int | None:
        """The unit that the clock belongs to."""
        if self.new is not None:
            return self.new.unit_id
        return self.old["unit_id"] if self.old is not None else None

    @property
    def old_due_at(self) -> datetime | None:
        """When it was due."""
        return self.old["due_at"] if self.old is not None else None

    @property
    def new_due_at(self) -> datetime | None:
        """When it is due now."""
        return self.new.due_at if self.new is not None else None

    def breach(self, now: datetime) -> int:
        """1 where a breach appears by `now`, -1 where one vanishes, else 0."""
        was = self.old is not None and is_breached(self.old["state"], self.old["due_at"], now)
        return (self.new is not None and is_breached(self.new.state, self.new.due_at, now)) - was


def is_breached(state: State, due_at: datetime | None, now: datetime) -> bool:
    """Whether an open cycle is past its due time; a paused one has a due time only if it is."""
    return due_at is not None and (state is State.PAUSED or due_at < now)


def moved_clocks(former: Mapping[RowKey, Row], rows: Sequence[ClockRow]) -> list[MovedClock]:
    """The open cycles whose time differs; of a paused one the target is compared, since it has no due time."""
    found = {row.key: row for row in rows}
    return list(_moved(former, found))


def _moved(former: Mapping[RowKey, Row], rows: Mapping[RowKey, ClockRow]) -> Iterator[MovedClock]:
    for key, row in rows.items():
        old = former.get(key)
        if old is None:
            if row.target_unit is not None and row.state not in CLOSED_STATES:
                yield MovedClock(key, None, row)
        elif old["state"] not in CLOSED_STATES and (old["due_at"], old["target_s"]) != (row.due_at, row.target_s):
            yield MovedClock(key, old, row)
    for key in former.keys() - rows.keys():
        if former[key]["target_unit"] is not None:
            yield MovedClock(key, former[key], None)


def moved_by_rules(former: Mapping[RowKey, Row], rows: Sequence[ClockRow], rules: Rulebook) -> list[MovedClock]:
    """The moved cycles that the same policy judges as before, by another version of its own or of its calendar."""
    return [
        each
        for each in moved_clocks(former, rows)
        if each.old is not None and each.new is not None and _follows_new_rules(each.old, each.new, rules)
    ]


def _follows_new_rules(old: Row, new: ClockRow, rules: Rulebook) -> bool:
    if old["policy_version_id"] is None or new.policy_version_id is None:
        return False
    before, after = rules.policy_by_id[old["policy_version_id"]], rules.policy_by_id[new.policy_version_id]
    versions = old["policy_version_id"], old["calendar_version_id"]
    return before.policy == after.policy and versions != (new.policy_version_id, new.calendar_version_id)


def entries(
    complaint_id: int,
    moved: Sequence[MovedClock],
    rules: Rulebook,
    *,
    change_no: int,
    now: datetime,
    occasion: Occasion | None = None,
) -> Iterator[dict[str, Any]]:
    """The rows of the history that put the moves on record, old values kept."""
    for each in moved:
        clock, cycle, family = each.key
        details: dict[str, object] = {"clock": clock, "cycle": cycle, "family": family}
        details["proposal"] = occasion.proposal if occasion else None
        details["old"] = None if each.old is None else _told(each.old, rules)
        details["new"] = None if each.new is None else _told(_columns(each.new), rules)
        yield {
            **_ENTRY,
            "complaint_id": complaint_id,
            "key": f"rules:{change_no}:{clock}:{cycle}:{family}",
            "occurred_at": now.replace(microsecond=0),
            "recorded_at": now,
            "reason": occasion.reason if occasion else None,
            "details": details,
        }


def _told(row: Row, rules: Rulebook) -> dict[str, object]:
    policy = rules.policy_by_id.get(row["policy_version_id"]) if row["policy_version_id"] else None
    due_at, target_s = row["due_at"], row["target_s"]
    return {
        "due_at": None if due_at is None else due_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "target_seconds": target_s,
        "policy": policy.policy if policy else None,
        "policy_version": policy.version if policy else None,
        "calendar": policy.calendar if policy else None,
        "calendar_version": rules.calendar_numbers.get(row["calendar_version_id"]),
    }


def _columns(row: ClockRow) -> Row:
    names = ("due_at", "target_s", "policy_version_id", "calendar_version_id")
    return {name: getattr(row, name) for name in names}


_ENTRY: dict[str, Any] = {
    **dict.fromkeys((each.name for each in fields(CaseEvent)), None),
    "kind": EventKind.RECALCULATED,
    "is_public": False,
    "timing": Timing.DATED,
    "rank": 0,
    "effect": Effect.APPLIED,
}
