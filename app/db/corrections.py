"""A breach that a late entry of the history clears is corrected on record, never silently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.complaint.clocks import ACKNOWLEDGED, ClockRow, RowKey
from app.complaint.events import Effect, EventKind, Timing
from app.sla.clock import State

_IN_TIME = frozenset({State.RUNNING, State.PAUSED, State.MET})


def corrections(
    complaint_id: int, former: Mapping[RowKey, Mapping[str, Any]], rows: Sequence[ClockRow], *, now: datetime
) -> list[dict[str, Any]]:
    """The entries that say which breaches, stored or shown by `now`, the new fold no longer has."""
    return [
        _entry(complaint_id, row, former[row.key], now)
        for row in rows
        if row.key in former
        and _is_breached(former[row.key], now)
        and row.state in _IN_TIME
        and not _is_breached({name: getattr(row, name) for name in ("state", "breached_at", "due_at")}, now)
    ]


def has_told_otherwise(former: Mapping[RowKey, Mapping[str, Any]], rows: Sequence[ClockRow]) -> bool:
    """Whether a clock that alerts were raised of stands, is due or is breached otherwise than when they were."""
    now = {row.key: (row.state, row.due_at, row.breached_at) for row in rows}
    return any(
        row["raised_step"] > 0 and now.get(key) != (row["state"], row["due_at"], row["breached_at"])
        for key, row in former.items()
    )


def has_told_others(
    former: Mapping[RowKey, Mapping[str, Any]], header: Mapping[str, Any], values: Mapping[str, Any]
) -> bool:
    """Whether alerts were raised of its clocks and somebody else answers for the complaint than did then."""
    is_told = any(0 < row["raised_step"] < ACKNOWLEDGED for row in former.values())
    return is_told and any(values[name] != header[name] for name in ("unit_id", "assignee_id"))


def _is_breached(row: Mapping[str, Any], now: datetime) -> bool:
    if row["breached_at"] is not None:
        return True
    return row["state"] is State.RUNNING and row["due_at"] is not None and row["due_at"] < now


def _entry(complaint_id: int, row: ClockRow, former: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    clock, cycle, family = row.key
    details = {
        "clock": clock,
        "cycle": cycle,
        "family": family,
        "former_state": str(former["state"]),
        "former_due_at": former["due_at"].isoformat() if former["due_at"] else None,
        "state": str(row.state),
        "due_at": row.due_at.isoformat() if row.due_at else None,
    }
    return {
        "complaint_id": complaint_id,
        "key": f"corrected:{clock}:{cycle}:{family}:{int(now.timestamp() * 1_000)}"[:80],
        "occurred_at": now.replace(microsecond=0),
        "recorded_at": now,
        "kind": EventKind.CORRECTED,
        "reason": f"a late entry clears the breach of {clock}, cycle {cycle}",
        "timing": Timing.DATED,
        "is_public": False,
        "rank": 0,
        "effect": Effect.APPLIED,
        "details": details,
    }
