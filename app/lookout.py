"""What a web process sees that no worker can: that none is left though there is work to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.delivery import deliver
from app.alerts.incidents import Fault, judge
from app.db.heartbeats import is_recent, last_beat
from app.db.session import reading, writing
from app.db.states import DeliveryKind
from app.db.tables.alerts import Delivery
from app.db.tables.complaints import SlaClock
from app.db.tables.sources import Source
from app.posting import open_post
from app.pulling import Plant

NO_WORKER = "no_worker"
EVERY = timedelta(minutes=1)

_log = structlog.stdlib.get_logger("tanggap.lookout")


async def keep_lookout(
    plant: Plant, clock: Callable[[], datetime], stop: asyncio.Event, *, every: timedelta = EVERY
) -> None:
    """Look again and again until `stop` is set; what fails is logged, and the next look comes all the same."""
    while not await _is_set_within(stop, every):
        try:
            await look(plant, clock)
        except (SQLAlchemyError, OSError) as error:
            _log.warning("lookout failed", error=type(error).__name__)
        except Exception:
            # One look: the next one comes all the same.
            _log.exception("lookout crashed")


async def look(plant: Plant, clock: Callable[[], datetime]) -> int:
    """How many times it was told that no worker is left; the messages are sent from here, since nobody else would.

    A worker that comes back tells that it is over.
    """
    now = clock()
    async with reading(plant.engine) as connection:
        if not await is_abandoned(connection, now):
            return 0
    async with writing(plant.engine) as connection:
        emails, fault = plant.settings.operator_email, Fault(NO_WORKER, NO_WORKER)
        told = await judge(connection, [fault], emails=emails, now=now, among=lambda key: key == NO_WORKER)
    if told:
        _log.error("no worker is running though there is work to do")
    async with open_post(plant) as post:
        await deliver(replace(post, clock=clock, kinds=frozenset({DeliveryKind.NOTICE})))
    return told


async def is_abandoned(connection: AsyncConnection, now: datetime) -> bool:
    """Whether there is work to do, and no worker has given a sign of life lately."""
    if is_recent(await last_beat(connection), now):
        return False
    for work in (
        select(SlaClock.id).where(SlaClock.next_fire_at <= now),
        select(Source.id).where(Source.is_enabled, Source.next_run_at <= now),
        select(Delivery.id).where(Delivery.next_attempt_at <= now),
    ):
        if await connection.scalar(work.limit(1)) is not None:
            return True
    return False


async def _is_set_within(stop: asyncio.Event, span: timedelta) -> bool:
    try:
        async with asyncio.timeout(span.total_seconds()):
            return await stop.wait()
    except TimeoutError:
        return False
