"""The open clocks follow a change: batch by batch, under a lease, from where the last worker stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, func, or_, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.changes import database_now, writers_queue_in_order
from app.db.moved import Occasion
from app.db.rejudge import Reach, count_reached, lock_first, reached, rejudge
from app.db.rulebook import Rulebooks
from app.db.session import reading, writing
from app.db.states import ProposalState, RecalculationState
from app.db.tables.rules import Proposal, Recalculation

_UNFINISHED = (RecalculationState.WAITING, RecalculationState.RUNNING)
_FIRST_BATCH = 50
_BATCH_S = 0.3
"""How long a batch should hold its complaints: an officer waits for one no longer than that."""
_LARGEST_BATCH = 400
_GAP_S = 0.12
"""Longer than a writer sleeps between two looks at a SQLite file that somebody else writes."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What recalculating needs of its process."""

    engine: AsyncEngine
    rulebooks: Rulebooks
    owner: str
    span: timedelta
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Task:
    """A recalculation that this worker holds; `number` fences a holder that was away for too long."""

    id: int
    number: int
    reach: Reach
    occasion: Occasion
    proposal_id: int
    reverts: bool
    last_complaint_id: int


@dataclass(frozen=True, slots=True)
class Recalculated:
    """What a worker did of a recalculation."""

    proposal_id: int
    visited: int
    moved: int
    is_done: bool


class LostTask(Exception):
    """The lease ran out and another worker took it, or a revert replaced the recalculation."""


async def recalculate(bench: Bench) -> Recalculated | None:
    """Take one recalculation that waits, or whose worker died, and carry it to its end; None when there is none."""
    async with reading(bench.engine) as connection:
        if await _free(connection) is None:
            return None
    task = await _take(bench)
    return None if task is None else await _carry_out(bench, task)


async def _carry_out(bench: Bench, task: Task) -> Recalculated:
    visited = moved = 0
    size, is_done = _FIRST_BATCH, False
    try:
        while not is_done:
            begun = time.monotonic()
            step = await _batch(bench, task, size)
            task = replace(task, last_complaint_id=step.last_complaint_id)
            visited, moved, is_done = visited + step.visited, moved + step.moved, step.visited == 0
            size = _next_size(size, step.visited, time.monotonic() - begun)
            await asyncio.sleep(step.gap_s)
    except LostTask:
        return Recalculated(task.proposal_id, visited, moved, is_done=False)
    except (asyncio.CancelledError, OperationalError):
        await _release(bench, task)
        raise
    return Recalculated(task.proposal_id, visited, moved, is_done=True)


def _next_size(size: int, visited: int, took_s: float) -> int:
    """As many complaints as fit into a batch's time, but not many more than there were just now."""
    fits = round(visited * _BATCH_S / max(took_s, 0.001))
    return max(1, min(_LARGEST_BATCH, size * 2, fits))


@dataclass(frozen=True, slots=True)
class _Step:
    """What a batch did, and the pause that other writers need after it."""

    visited: int
    moved: int
    last_complaint_id: int
    gap_s: float


async def _batch(bench: Bench, task: Task, size: int) -> _Step:
    """Visit the next complaints; cursor and clocks are one commit."""
    async with writing(bench.engine) as connection:
        rules = await bench.rulebooks.current(connection)
        ids = await reached(connection, task.reach, after=task.last_complaint_id, limit=size)
        ids = await lock_first(connection, ids) if ids else []
        now = bench.clock()
        moved = await rejudge(connection, ids, rules, task.occasion, now=now) if ids else 0
        await _save(connection, bench, task, ids, moved)
        if not ids:
            await _finish(connection, task, now)
        gap_s = 0.0 if writers_queue_in_order(connection) else _GAP_S
    return _Step(len(ids), moved, ids[-1] if ids else task.last_complaint_id, gap_s)


async def _free(connection: AsyncConnection) -> Any:
    """The oldest recalculation that nobody works on."""
    now = await database_now(connection)
    is_free = or_(_run.c.lease_until.is_(None), _run.c.lease_until < now)
    statement = select(_run.c.id).where(_run.c.state.in_(_UNFINISHED), is_free).order_by(_run.c.id).limit(1)
    return await connection.scalar(statement)


async def _take(bench: Bench) -> Task | None:
    async with writing(bench.engine) as connection:
        chosen = await _free(connection)
        now = await database_now(connection)
        is_free = or_(_run.c.lease_until.is_(None), _run.c.lease_until < now)
        statement = (
            update(_run)
            .where(_run.c.id == chosen, _run.c.state.in_(_UNFINISHED), is_free)
            .values(
                state=RecalculationState.RUNNING,
                started_at=func.coalesce(_run.c.started_at, bench.clock()),
                lease_owner=bench.owner,
                lease_until=now + bench.span,
                lease_no=_run.c.lease_no + 1,
            )
            .returning(*_run.c)
        )
        row = (await connection.execute(statement)).one_or_none()
        if row is None:
            return None
        reach = Reach.from_json(row.reach)
        if row.total is None:
            total = await count_reached(connection, reach)
            await connection.execute(update(_run).where(_run.c.id == row.id).values(total=total))
        reason = await connection.scalar(
            update(_proposal)
            .where(_proposal.c.id == row.proposal_id)
            .values(state=ProposalState.APPLYING)
            .returning(_proposal.c.reason)
        )
    occasion = Occasion(row.proposal_id, str(reason))
    return Task(row.id, row.lease_no, reach, occasion, row.proposal_id, row.reverts, row.last_complaint_id)


async def _save(connection: AsyncConnection, bench: Bench, task: Task, ids: list[int], moved: int) -> None:
    """Cursor, counts and lease, renewed; nothing is committed by a worker that has lost it.

    Raises: LostTask.
    """
    now = await database_now(connection)
    values: dict[str, Any] = {"lease_until": now + bench.span}
    if ids:
        counts = {"visited": _run.c.visited + len(ids), "moved": _run.c.moved + moved}
        values |= {"last_complaint_id": ids[-1], **counts}
    held = await connection.scalar(update(_run).where(*_ours(task)).values(values).returning(_run.c.id))
    if held is None:
        raise LostTask


async def _finish(connection: AsyncConnection, task: Task, now: datetime) -> None:
    """The end; what officers' moves brought over meanwhile had not to be visited and counts no longer."""
    ended = {"state": RecalculationState.DONE, "finished_at": now, "lease_owner": None, "lease_until": None}
    ended["total"] = _run.c.visited
    await connection.execute(update(_run).where(_run.c.id == task.id).values(ended))
    state = ProposalState.REVERTED if task.reverts else ProposalState.APPLIED
    await connection.execute(update(_proposal).where(_proposal.c.id == task.proposal_id).values(state=state))


async def _release(bench: Bench, task: Task) -> None:
    """Let another worker go on at once."""
    async with writing(bench.engine) as connection:
        await connection.execute(update(_run).where(*_ours(task)).values(lease_owner=None, lease_until=None))


def _ours(task: Task) -> tuple[Any, ...]:
    return (_run.c.id == task.id, _run.c.lease_no == task.number, _run.c.state == RecalculationState.RUNNING)


_run: Table = Recalculation.__table__  # type: ignore[assignment]
_proposal: Table = Proposal.__table__  # type: ignore[assignment]
