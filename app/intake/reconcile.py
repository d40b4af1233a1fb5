"""The daily comparison with the source: the ids that it lists for each day against those that we hold.

What is missing here is stored by the same reading; what the source lists no more is reported and stays, since a
shrinking list is an outage and no deletion.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Table, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import Conflict
from app.db.changes import upsert
from app.db.session import reading, writing
from app.db.states import NoticeKind
from app.db.tables.complaints import Complaint
from app.db.tables.intake import DayCount
from app.db.tables.sources import Source, SourceRecord
from app.intake.backfill import days_of, window_of
from app.intake.notices import note
from app.intake.run import Intake, read_again
from app.intake.store import held_hashes
from connectors.contract import Batch, Client, Connector, IncomingComplaint

EVERY = timedelta(days=1)
DAYS = 7
"""Whole days before today that are compared each time."""

_RETRY_AFTER = timedelta(hours=1)
_OLD_DAYS_AT_ONCE = 60
_OPEN_SCANNED = 20_000
# A complaint's time of report is the earliest that any source gives.
_SOURCES_DIFFER = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayView:
    """One compared day of a source."""

    day_on: date
    listed: int
    held: int
    repaired: int
    unlisted: int
    checked_at: datetime


@dataclass(slots=True)
class Listing:
    """What a source listed while it was read: ids by local day, and those that we did not hold though we should."""

    zone: ZoneInfo
    complete_through: datetime | None
    ids: dict[date, set[str]] = field(default_factory=lambda: defaultdict(set))
    missing: dict[date, set[str]] = field(default_factory=lambda: defaultdict(set))

    def take(self, complaints: Iterable[IncomingComplaint], held: Iterable[str]) -> None:
        """Note what a batch lists; `held` are the ids of it that we hold."""
        known = set(held)
        for each in complaints:
            day = each.reported_at.astimezone(self.zone).date()
            self.ids[day].add(each.external_id)
            # What was reported after the last pull looked is not missing, it is new.
            is_due = self.complete_through is not None and each.reported_at <= self.complete_through
            if each.external_id not in known and is_due:
                self.missing[day].add(each.external_id)


async def sources_to_reconcile(connection: AsyncConnection, *, now: datetime) -> Sequence[str]:
    """The sources that were not compared for a day, and that are pulled by themselves."""
    last = func.coalesce(Source.reconciled_at, Source.created_at)
    pulled = (Source.is_enabled, Source.every_s.is_not(None), Source.last_success_at.is_not(None))
    idle = or_(Source.lease_until.is_(None), Source.lease_until < now)
    return (await connection.scalars(select(Source.name).where(*pulled, idle, last < now - EVERY))).all()


async def reconcile(
    intake: Intake, source: Row[Any], connector: Connector, client: Client, *, days: int = DAYS
) -> list[DayView]:
    """The days compared, with what was missing stored. Where only a window shows whether old open complaints have
    changed, the days that still have some are read too.

    Raises: as `run.pull`; then nothing is said about any day.
    """
    now, zone = intake.now(), ZoneInfo(connector.traits.timezone)
    today = now.astimezone(zone).date()
    recent = days_of(today - timedelta(days=days), today - timedelta(days=1))
    old = list[date]()
    if connector.traits.is_windowed:
        async with reading(intake.engine) as connection:
            old = await _days_with_open(connection, source.id, recent[0], zone)
    listing = Listing(zone, source.complete_through)

    async def batches() -> AsyncIterator[Batch]:
        for first, last in [*((day, day) for day in old), (recent[0], recent[-1])]:
            until = last if connector.traits.is_windowed else today
            window = window_of(first, until, zone=zone, now=now)
            async for batch in connector.pull(client, None, window):
                yield await _noted(intake, source.id, batch, listing)

    await read_again(intake, source, connector, client, batches())
    async with writing(intake.engine) as connection:
        return await _report(connection, source.id, [*old, *recent], listing, now=now)


async def view_days(connection: AsyncConnection, source_id: int, *, limit: int) -> list[DayView]:
    """The compared days of a source, newest first."""
    statement = select(*_day.c).where(DayCount.source_id == source_id).order_by(DayCount.day_on.desc()).limit(limit)
    return [_view(row) for row in await connection.execute(statement)]


async def call_for(connection: AsyncConnection, source: Row[Any], *, now: datetime) -> None:
    """The source is to be compared by the next worker that looks.

    Raises: Conflict for a source that is not pulled by itself.
    """
    if source.every_s is None or not source.is_enabled:
        raise Conflict(f"source {source.name} is not pulled, so there is nothing to compare it with")
    due = update(Source).where(Source.id == source.id).values(reconciled_at=now - EVERY - _RETRY_AFTER)
    await connection.execute(due)


async def mark_reconciled(connection: AsyncConnection, source_id: int, *, now: datetime, is_done: bool) -> None:
    """The source is compared again in a day, or, where it failed, in an hour."""
    at = now if is_done else now - EVERY + _RETRY_AFTER
    await connection.execute(update(Source).where(Source.id == source_id).values(reconciled_at=at))


async def _noted(intake: Intake, source_id: int, batch: Batch, listing: Listing) -> Batch:
    """The batch, before it is stored."""
    async with reading(intake.engine) as connection:
        held = await held_hashes(connection, source_id, [each.external_id for each in batch.complaints])
    listing.take(batch.complaints, held)
    return batch


async def _days_with_open(connection: AsyncConnection, source_id: int, before: date, zone: ZoneInfo) -> list[date]:
    """Days before the recent ones on which complaints were reported that are open here, longest unread first."""
    statement = (
        select(SourceRecord.reported_at)
        .join(Complaint, Complaint.id == SourceRecord.complaint_id)
        .where(SourceRecord.source_id == source_id, Complaint.is_open)
        .where(SourceRecord.reported_at < datetime.combine(before, time(), zone))
        .limit(_OPEN_SCANNED)
    )
    days = {at.astimezone(zone).date() for at in await connection.scalars(statement)}
    checked = select(DayCount.day_on, DayCount.checked_at).where(DayCount.source_id == source_id)
    last = {row.day_on: row.checked_at.timestamp() for row in await connection.execute(checked)}
    return sorted(days, key=lambda day: (last.get(day, 0.0), day))[:_OLD_DAYS_AT_ONCE]


async def _report(
    connection: AsyncConnection, source_id: int, days: Sequence[date], listing: Listing, *, now: datetime
) -> list[DayView]:
    """The counts of the days, kept, with a notice for each that had a gap or a vanished record."""
    found, seen = list[DayView](), Counter[tuple[NoticeKind, str]]()
    for day in sorted(days):
        held = await _held(connection, source_id, day, listing.zone)
        listed = listing.ids[day]
        unlisted = held - listed
        repaired = len(listing.missing[day])
        found.append(
            DayView(
                day_on=day,
                listed=len(listed),
                held=len(held),
                repaired=repaired,
                unlisted=len(unlisted),
                checked_at=now,
            )
        )
        seen[NoticeKind.GAP, day.isoformat()] = repaired
        seen[NoticeKind.UNLISTED, day.isoformat()] = len(unlisted)
    rows = [{"source_id": source_id, **{name: getattr(each, name) for name in DayView.__slots__}} for each in found]
    await upsert(connection, _day, rows, key=("source_id", "day_on"))
    await note(connection, source_id, +seen, now=now)
    return found


async def _held(connection: AsyncConnection, source_id: int, day: date, zone: ZoneInfo) -> set[str]:
    """The ids of the day; found by way of their complaints, which lie in an index by time of report."""
    start = datetime.combine(day, time(), zone)
    near = Complaint.reported_at.between(start - _SOURCES_DIFFER, start + EVERY)
    on_day = (SourceRecord.reported_at >= start, SourceRecord.reported_at < start + EVERY)
    statement = select(SourceRecord.external_id).join(Complaint, Complaint.id == SourceRecord.complaint_id)
    return set(await connection.scalars(statement.where(near, SourceRecord.source_id == source_id, *on_day)))


def _view(row: Any) -> DayView:
    return DayView(**{name: getattr(row, name) for name in DayView.__slots__})


_day: Table = DayCount.__table__  # type: ignore[assignment]
