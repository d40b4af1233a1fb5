"""What callers see of sources: how each does, its newest runs, the records it could not give us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import Conflict
from app.db.states import RejectState, RunState
from app.db.tables.sources import Reject, Source, SourceRun
from app.intake.notices import open_notice_counts
from app.intake.sources import last_runs, list_sources, open_reject_counts, read_source

RUNS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run and its tally."""

    id: int
    kind: str
    state: RunState
    started_at: datetime
    finished_at: datetime | None
    pulled: int
    created: int
    linked: int
    updated: int
    unchanged: int
    rejected: int
    complete_through: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """How one source does; `lag_s` is how many seconds behind now it is complete, `notices` how many wait."""

    source: str
    connector: str
    is_enabled: bool
    every_s: int | None
    next_run_at: datetime | None
    last_success_at: datetime | None
    complete_through: datetime | None
    lag_s: int | None
    failures: int
    rejects: int
    notices: int
    last_error: str | None
    last_error_at: datetime | None
    last_run: RunView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectView:
    """A record kept aside; its raw form stays sealed here."""

    id: int
    external_id: str | None
    reason: str
    state: RejectState
    first_seen_at: datetime
    last_seen_at: datetime
    times_seen: int


async def view_sources(connection: AsyncConnection, *, now: datetime) -> list[SourceView]:
    """Every source, by name."""
    waiting = await _waiting(connection)
    return [_view(row, waiting, now) for row in await list_sources(connection)]


async def view_source(connection: AsyncConnection, name: str, *, now: datetime) -> SourceView:
    """One source.

    Raises: NotFound.
    """
    row = await read_source(connection, name)
    return _view(row, await _waiting(connection), now)


async def newest_runs(connection: AsyncConnection, name: str) -> list[RunView]:
    """The source's newest runs, newest first.

    Raises: NotFound.
    """
    source = await read_source(connection, name)
    statement = select(*SourceRun.__table__.c).where(SourceRun.source_id == source.id)
    rows = await connection.execute(statement.order_by(SourceRun.id.desc()).limit(RUNS_SHOWN))
    return [_run(row) for row in rows]


async def view_rejects(
    connection: AsyncConnection, name: str, *, before: int | None, limit: int
) -> Sequence[RejectView]:
    """The source's rejects that wait for somebody, newest first, below the id `before`.

    Raises: NotFound.
    """
    source = await read_source(connection, name)
    statement = select(*Reject.__table__.c).where(Reject.source_id == source.id, Reject.state == RejectState.OPEN)
    if before is not None:
        statement = statement.where(Reject.id < before)
    return [_reject(row) for row in await connection.execute(statement.order_by(Reject.id.desc()).limit(limit))]


async def call_for_pull(connection: AsyncConnection, name: str, *, now: datetime) -> None:
    """The source is due now: the next worker that looks pulls it, whatever its circuit says.

    Raises: NotFound; Conflict for a source that is no longer pulled, or that is a file's.
    """
    source = await read_source(connection, name)
    if source.every_s is None:
        raise Conflict(f"source {name} is read from files; import one instead of pulling it")
    if not source.is_enabled:
        raise Conflict(f"source {name} is switched off and cannot be pulled")
    await connection.execute(update(Source).where(Source.id == source.id).values(next_run_at=now, open_until=None))


@dataclass(frozen=True, slots=True)
class _Waiting:
    """By source: its newest run, and how much of it waits for somebody."""

    runs: Mapping[int, Row[Any]]
    rejects: Mapping[int, int]
    notices: Mapping[int, int]


async def _waiting(connection: AsyncConnection) -> _Waiting:
    rejects, notices = await open_reject_counts(connection), await open_notice_counts(connection)
    return _Waiting(await last_runs(connection), rejects, notices)


def _view(row: Row[Any], waiting: _Waiting, now: datetime) -> SourceView:
    last = waiting.runs.get(row.id)
    through: datetime | None = row.complete_through
    return SourceView(
        source=row.name,
        connector=row.connector,
        is_enabled=row.is_enabled,
        every_s=row.every_s,
        next_run_at=row.next_run_at,
        last_success_at=row.last_success_at,
        complete_through=through,
        lag_s=max(0, (now - through) // timedelta(seconds=1)) if through is not None else None,
        failures=row.failures,
        rejects=waiting.rejects.get(row.id, 0),
        notices=waiting.notices.get(row.id, 0),
        last_error=row.last_error,
        last_error_at=row.last_error_at,
        last_run=_run(last) if last is not None else None,
    )


def _run(row: Row[Any]) -> RunView:
    return RunView(**{name: getattr(row, name) for name in RunView.__slots__})


def _reject(row: Row[Any]) -> RejectView:
    return RejectView(**{name: getattr(row, name) for name in RejectView.__slots__})
