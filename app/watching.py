"""What may be wrong with this installation, looked up in every room, for those who run it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.incidents import Fault, judge
from app.clock import utc_now
from app.db.freshness import read_freshness
from app.db.session import writing
from app.db.states import DeliveryKind, DeliveryState
from app.db.tables.alerts import Delivery, Webhook
from app.db.tables.complaints import SlaClock
from app.intake.notices import open_notice_counts
from app.intake.sources import list_sources
from app.pulling import Plant

_LATE = timedelta(minutes=5)


async def watch(plant: Plant) -> int:
    """How many incidents were told of or ended."""
    now = utc_now()
    async with writing(plant.engine) as connection:
        faults = [each async for each in find_faults(connection, now)]
        return await judge(connection, faults, emails=plant.settings.operator_email, now=now)


async def find_faults(connection: AsyncConnection, now: datetime) -> AsyncIterator[Fault]:
    """Everything that is wrong just now."""
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
    for id_ in await connection.scalars(select(Webhook.id).where(Webhook.is_active, Webhook.off_at.is_not(None))):
        yield Fault(f"webhook_off:{id_}", "webhook_off", {"webhook": str(id_)})
    # Word of this installation that died is no news: it would be told by the same broken way.
    dead = select(Delivery.id).where(Delivery.state == DeliveryState.DEAD, Delivery.kind != DeliveryKind.NOTICE)
    if await connection.scalar(dead.limit(1)) is not None:
        yield Fault("dead_deliveries", "dead_deliveries")
    fired_at = await connection.scalar(select(func.min(SlaClock.next_fire_at)).where(SlaClock.next_fire_at < now))
    if fired_at is not None and now - fired_at > _LATE:
        yield Fault("alerts_late", "alerts_late", {"minutes": str(int(_LATE.total_seconds()) // 60)})
