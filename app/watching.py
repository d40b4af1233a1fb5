"""What may be wrong with this installation, looked up in every room, for those who run it."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.incidents import Fault, judge
from app.alerts.owners import off_fault
from app.alerts.webhooks import webhooks_off
from app.clock import utc_now
from app.db.changes import is_postgresql
from app.db.freshness import read_freshness
from app.db.session import reading, writing
from app.db.states import DeliveryKind, DeliveryState
from app.db.tables.alerts import Delivery
from app.db.tables.complaints import SlaClock
from app.db.tables.machine import Worker
from app.intake.notices import open_notice_counts
from app.intake.reject_rates import high_reject_rates
from app.intake.sources import list_sources
from app.pulling import Plant
from app.rules.checks import missing_decree
from app.settings import Settings

_LATE = timedelta(minutes=5)
_DISK = "disk:"
_OWN_MACHINE = frozenset({None, "", "localhost", "127.0.0.1", "::1"})


async def watch(plant: Plant) -> int:
    """How many times incidents were told of or ended."""
    now = utc_now()
    async with reading(plant.engine) as connection:
        faults = [each async for each in find_faults(plant, connection, now)]
        others = await _other_machines(connection)
    async with writing(plant.engine) as connection:
        emails = plant.settings.operator_email
        return await judge(connection, faults, emails=emails, now=now, among=lambda key: key not in others)


async def find_faults(plant: Plant, connection: AsyncConnection, now: datetime) -> AsyncIterator[Fault]:
    """Everything that is wrong just now."""
    async for fault in _sources(connection, now):
        yield fault
    async for fault in _alerts(connection, now):
        yield fault
    calendars = (await plant.rulebooks.current(connection)).calendars
    today = now.astimezone(plant.settings.zone).date()
    for name, dated in sorted(calendars.items()):
        if year := missing_decree(dated.calendar.rules, today):
            yield Fault(f"calendar:{name}:{year}", "calendar", {"calendar": name, "year": str(year)})
    places = await _places(plant.settings, connection)
    if disk := await asyncio.to_thread(find_full_disk, places, plant.settings.disk_left_percent):
        yield disk


def find_full_disk(places: Iterable[Path], least_percent: int) -> Fault | None:
    """The fullest of the disks that these directories of this machine lie on, where too little of it is left."""
    found = ((_left_percent(place), place.resolve()) for place in places)
    percent, place = min(((left, str(place)) for left, place in found if left is not None), default=(100.0, ""))
    if percent >= least_percent:
        return None
    host = socket.gethostname()
    return Fault(f"{_DISK}{host}", "disk", {"host": host, "path": place, "percent": str(int(percent))})


async def _sources(connection: AsyncConnection, now: datetime) -> AsyncIterator[Fault]:
    notices = await open_notice_counts(connection)
    failing = set()
    for row in await list_sources(connection):
        if row.last_error:
            failing.add(row.name)
            yield Fault(f"source_down:{row.name}", "source_down", {"source": row.name})
        if count := notices.get(row.id):
            about = {"source": row.name, "count": str(count)}
            yield Fault(f"source_notices:{row.name}", "source_notices", about)
    for each in await read_freshness(connection, now=now):
        if each.is_stale and each.source not in failing:
            yield Fault(f"source_stale:{each.source}", "source_stale", {"source": each.source})
    for rate in await high_reject_rates(connection):
        about = {"source": rate.source, "percent": str(rate.percent)}
        yield Fault(f"source_rejects:{rate.source}", "source_rejects", about)


async def _alerts(connection: AsyncConnection, now: datetime) -> AsyncIterator[Fault]:
    for each in await webhooks_off(connection):
        yield off_fault(each.id, each.host)
    # Word of this installation that died is no news: it would be told by the same broken way.
    dead = select(Delivery.id).where(Delivery.state == DeliveryState.DEAD, Delivery.kind != DeliveryKind.NOTICE)
    if await connection.scalar(dead.limit(1)) is not None:
        yield Fault("dead_deliveries", "dead_deliveries")
    fired_at = await connection.scalar(select(func.min(SlaClock.next_fire_at)).where(SlaClock.next_fire_at < now))
    if fired_at is not None and now - fired_at > _LATE:
        yield Fault("alerts_late", "alerts_late", {"minutes": str(int(_LATE.total_seconds()) // 60)})


async def _places(settings: Settings, connection: AsyncConnection) -> list[Path]:
    """The directories of this machine that the database writes to, as far as they can be known from here.

    PostgreSQL says where its files are to superusers and members of `pg_read_all_settings` alone.
    """
    url = make_url(settings.database_url)
    if not is_postgresql(connection):
        return [Path(url.database or "").parent]
    if url.host not in _OWN_MACHINE and not str(url.host).startswith("/"):
        return []
    directory = await connection.scalar(text("SELECT setting FROM pg_settings WHERE name = 'data_directory'"))
    return [Path(directory)] if directory else []


def _left_percent(place: Path) -> float | None:
    """None where this process may not look, or there is nothing: the path of another machine or container."""
    try:
        usage = shutil.disk_usage(place)
    except OSError:
        return None
    return usage.free * 100 / usage.total


async def _other_machines(connection: AsyncConnection) -> set[str]:
    """The disks that workers on other machines look after, as long as these workers are not forgotten."""
    hosts = {name.rpartition(":")[0] for name in await connection.scalars(select(Worker.name))}
    return {f"{_DISK}{host}" for host in hosts - {socket.gethostname()}}
