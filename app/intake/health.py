"""How each source does: runs and their outcome, the next run, the circuit, what is complete through when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.states import RunState
from app.db.tables.sources import Source, SourceRun
from connectors.contract import AccessDenied, ConnectorError, RateLimited, UnexpectedPayload

FAILURES_TO_OPEN = 5
"""After so many failed runs in a row the circuit opens: fewer tries, one message."""

STOPPING = AccessDenied | UnexpectedPayload
"""After these a source is not tried again by itself: it would only be told the same."""

_OPEN_FOR = timedelta(minutes=15)
_DEFAULT_EVERY_S = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to: when it looked, when it ended, what is complete, what went wrong."""

    looked_at: datetime
    ended_at: datetime
    complete_through: datetime | None
    error: Exception | None


async def mark_lost_runs(connection: AsyncConnection, source_id: int, *, now: datetime) -> None:
    """Runs of a source that never ended: their worker died, and what they stored stays counted."""
    await connection.execute(
        update(SourceRun)
        .where(SourceRun.source_id == source_id, SourceRun.state == RunState.RUNNING)
        .values(state=RunState.LOST, finished_at=now, error="the worker died or lost its lease; the next run goes on")
    )


async def finish_run(connection: AsyncConnection, run_id: int, state: RunState, outcome: Outcome) -> None:
    """Put the end of a run on record."""
    values = {"state": state, "finished_at": outcome.ended_at, "error": say(outcome.error) if outcome.error else None}
    await connection.execute(update(SourceRun).where(SourceRun.id == run_id).values(values))


async def mark_source(
    connection: AsyncConnection, source: Row[tuple[Any, ...]], outcome: Outcome, *, is_pull: bool
) -> None:
    """What a pull, or an import that succeeded, means for its source: health, next run, circuit."""
    if outcome.error is not None:
        values = _after_error(source, outcome, outcome.error)
    else:
        values = _after_success(source, outcome, is_pull=is_pull)
    await connection.execute(update(Source).where(Source.id == source.id).values(values))


async def stop_source(connection: AsyncConnection, source: Row[tuple[Any, ...]], reason: str, *, now: datetime) -> None:
    """A source that cannot even be asked, since what we hold of it no longer serves: it waits for an operator."""
    values = {"failures": source.failures + 1, "last_error": reason, "last_error_at": now, "next_run_at": None}
    await connection.execute(update(Source).where(Source.id == source.id).values(values))


def say(error: Exception) -> str:
    """The error in words for an operator; never what is in a record."""
    if isinstance(error, ConnectorError):
        return str(error)
    return f"the run ended by a fault of this program ({type(error).__name__}); its log says more"


def _say_of_source(error: Exception) -> str:
    """What the error means for the source, and what an operator is to do next."""
    if isinstance(error, AccessDenied):
        return f"{error}. The source is stopped: give it a valid token (tanggap source change), or allow its host"
    if isinstance(error, UnexpectedPayload):
        return f"{error}. The source is stopped: its answers have another shape than the connector knows"
    return say(error)


def _after_success(source: Row[tuple[Any, ...]], outcome: Outcome, *, is_pull: bool) -> dict[str, object]:
    values: dict[str, object] = {
        "last_success_at": outcome.ended_at,
        "last_look_at": outcome.looked_at,
        "failures": 0,
        "open_until": None,
        "last_error": None,
        "last_error_at": None,
    }
    if outcome.complete_through is not None:
        values["complete_through"] = outcome.complete_through
    if is_pull:
        values["next_run_at"] = outcome.ended_at + timedelta(seconds=source.every_s or _DEFAULT_EVERY_S)
    return values


def _after_error(source: Row[tuple[Any, ...]], outcome: Outcome, error: Exception) -> dict[str, object]:
    failures = source.failures + 1
    values: dict[str, object] = {
        "failures": failures,
        "last_error": _say_of_source(error),
        "last_error_at": outcome.ended_at,
    }
    must_stop = isinstance(error, STOPPING)
    values["next_run_at"] = None if must_stop else outcome.ended_at + _pause_after(source, error, failures)
    if failures >= FAILURES_TO_OPEN:
        values["open_until"] = values["next_run_at"]
    return values


def _pause_after(source: Row[tuple[Any, ...]], error: Exception, failures: int) -> timedelta:
    every = timedelta(seconds=source.every_s or _DEFAULT_EVERY_S)
    if isinstance(error, RateLimited) and error.retry_after is not None:
        return max(every, error.retry_after)
    return max(every, _OPEN_FOR) if failures >= FAILURES_TO_OPEN else every
