"""Past days of a source, read on order: day by day where the source can be asked so, resumed wherever it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Table, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import Conflict, InvalidInput, NotFound
from app.db.states import JobState
from app.db.tables.intake import Backfill
from app.db.tables.sources import Source
from app.intake.tally import Tally
from connectors.contract import AccessDenied, RateLimited, UnexpectedPayload, Window

FAILURES_TO_GIVE_UP = 20

_UNFINISHED = (JobState.WAITING, JobState.RUNNING)
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=15)
_ONE_DAY = timedelta(days=1)
_LAST_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillView:
    """A backfill and how far it has come: `next_on` is the first day not yet read, None when all are."""

    id: int
    source: str
    from_on: date
    to_on: date
    next_on: date | None
    state: JobState
    days: int
    days_done: int
    pulled: int
    created: int
    linked: int
    updated: int
    unchanged: int
    rejected: int
    error: str | None
    created_by: str
    created_at: datetime
    finished_at: datetime | None


async def order_backfill(
    connection: AsyncConnection, source: Row[Any], *, from_on: date, to_on: date, by: str, zone: ZoneInfo, now: datetime
) -> int:
    """The id of a backfill of these days, both included; an unfinished one of the same days goes on.

    Raises: InvalidInput for days in the wrong order or to come, Conflict for a source that is not pulled.
    """
    if from_on > to_on:
        raise InvalidInput("to", f"{to_on} is before {from_on}")
    if to_on > now.astimezone(zone).date():
        raise InvalidInput("to", f"{to_on} is still to come")
    if source.every_s is None:
        raise Conflict(f"source {source.name} is read from files; import one instead")
    days = (Backfill.source_id == source.id, Backfill.from_on == from_on, Backfill.to_on == to_on)
    known = select(Backfill.id).where(*days, Backfill.state.in_(_UNFINISHED))
    found: int | None = await connection.scalar(known)
    if found is None:
        row = {"source_id": source.id, "from_on": from_on, "to_on": to_on, "next_on": from_on, "failures": 0}
        origin = {"state": JobState.WAITING, "created_by": by, "created_at": now, "next_try_at": now}
        tally = {name: count for name, count in Tally().as_columns().items() if name != "pulled"}
        found = await connection.scalar(insert(Backfill).values({**row, **origin, **tally}).returning(Backfill.id))
    assert found is not None
    return found


async def next_backfill(connection: AsyncConnection, *, now: datetime) -> int | None:
    """The backfill whose turn it is."""
    due = (Backfill.state.in_(_UNFINISHED), or_(Backfill.next_try_at.is_(None), Backfill.next_try_at <= now))
    found: int | None = await connection.scalar(select(Backfill.id).where(*due).order_by(Backfill.next_try_at).limit(1))
    return found


async def read_backfill(connection: AsyncConnection, backfill_id: int) -> Row[Any]:
    """The backfill's row.

    Raises: NotFound.
    """
    statement = select(*_backfill.c).where(Backfill.id == backfill_id)
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise NotFound(f"backfill {backfill_id} does not exist")
    return row


async def view_backfills(connection: AsyncConnection, source: Row[Any]) -> list[BackfillView]:
    """The backfills of a source, newest first."""
    statement = select(*_backfill.c).where(Backfill.source_id == source.id).order_by(Backfill.id.desc()).limit(50)
    return [view(row, str(source.name)) for row in await connection.execute(statement)]


async def view_backfill(connection: AsyncConnection, backfill_id: int) -> BackfillView:
    """One backfill.

    Raises: NotFound.
    """
    row = await read_backfill(connection, backfill_id)
    name = await connection.scalar(select(Source.name).where(Source.id == row.source_id))
    return view(row, str(name))


def view(row: Row[Any], source: str) -> BackfillView:
    """The backfill as callers see it."""
    names = set(BackfillView.__slots__) - {"source", "next_on", "days", "days_done", "pulled"}
    is_done = row.state is JobState.DONE
    days = (row.to_on - row.from_on).days + 1
    return BackfillView(
        **{name: getattr(row, name) for name in names},
        source=source,
        next_on=None if is_done else row.next_on,
        days=days,
        days_done=days if is_done else (row.next_on - row.from_on).days,
        pulled=tally_of(row).pulled,
    )


def tally_of(row: Row[Any]) -> Tally:
    """What the backfill or import has come to so far."""
    return Tally(row.created, row.linked, row.updated, row.unchanged, row.rejected)


def window_of(first: date, last: date, *, zone: ZoneInfo, now: datetime) -> Window:
    """The window of whole local days, both included; never beyond now.

    >>> jakarta, day = ZoneInfo("Asia/Jakarta"), date(2026, 1, 12)
    >>> window_of(day, day, zone=jakarta, now=datetime(2026, 1, 20, tzinfo=jakarta)).until.isoformat()
    '2026-01-12T23:59:59+07:00'
    """
    end = datetime.combine(last + _ONE_DAY, time(), zone) - _LAST_SECOND
    return Window(until=min(end, now), since=datetime.combine(first, time(), zone))


def window_for(row: Row[Any], *, is_windowed: bool, zone: ZoneInfo, now: datetime) -> Window:
    """What to ask a source for next: one day where it can be asked so, else all that changed since the first day."""
    if is_windowed:
        return window_of(row.next_on, row.next_on, zone=zone, now=now)
    return Window(until=now, since=datetime.combine(row.from_on, time(), zone))


async def count_batch(connection: AsyncConnection, backfill_id: int, tally: Tally, cursor: str | None) -> None:
    """Add a batch to the backfill, in the batch's own transaction; `cursor` is where the next one begins."""
    counted = {name: getattr(Backfill, name) + count for name, count in tally.as_columns().items() if name != "pulled"}
    values = {**counted, "state": JobState.RUNNING, "cursor": cursor}
    await connection.execute(update(_backfill).where(Backfill.id == backfill_id).values(values))


async def day_is_read(connection: AsyncConnection, row: Row[Any], *, is_windowed: bool, now: datetime) -> None:
    """What was asked for is stored: the next day is to be read, or all is done. A day that another worker read
    meanwhile stays read."""
    next_on = row.next_on + _ONE_DAY if is_windowed else row.to_on + _ONE_DAY
    is_done = next_on > row.to_on
    values: dict[str, object] = {"next_on": next_on, "cursor": None, "failures": 0, "error": None, "next_try_at": now}
    if is_done:
        values |= {"state": JobState.DONE, "next_on": row.to_on, "finished_at": now}
    same = (Backfill.id == row.id, Backfill.next_on == row.next_on, Backfill.state.in_(_UNFINISHED))
    await connection.execute(update(_backfill).where(*same).values(values))


async def put_off(connection: AsyncConnection, backfill_id: int, *, now: datetime) -> None:
    """Somebody else has the source just now: try again in a moment."""
    later = update(_backfill).where(Backfill.id == backfill_id).values(next_try_at=now + _FIRST_PAUSE)
    await connection.execute(later)


async def note_failure(connection: AsyncConnection, row: Row[Any], error: Exception, words: str, now: datetime) -> None:
    """The source failed: try again after a pause that grows, or give up where trying again is pointless."""
    failures = row.failures + 1
    is_hopeless = isinstance(error, AccessDenied | UnexpectedPayload) or failures >= FAILURES_TO_GIVE_UP
    pause = min(_FIRST_PAUSE * 2 ** min(failures, 10), _LONGEST_PAUSE)
    if isinstance(error, RateLimited) and error.retry_after is not None:
        pause = max(pause, error.retry_after)
    values: dict[str, object] = {"failures": failures, "error": words, "next_try_at": now + pause}
    if is_hopeless:
        values |= {"state": JobState.FAILED, "finished_at": now}
    await connection.execute(update(_backfill).where(Backfill.id == row.id).values(values))


def days_of(first: date, last: date) -> Sequence[date]:
    """Every day from the first to the last, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


_backfill: Table = Backfill.__table__  # type: ignore[assignment]
