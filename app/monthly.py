"""The monthly close, as the worker and the command line do it: kept, and on record in the audit trail."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.exc import IntegrityError

from app.complaint.errors import Conflict
from app.db.session import reading, snapshot, writing
from app.people.audit import record
from app.pulling import Plant
from app.units.closing import begin_close, figures_of_month, keep, months_to_close


async def close(plant: Plant, month: str, *, actor: str, now: datetime) -> int:
    """Closes the month for every unit that works; how many units that are.

    What is asked as of `now` later is what was closed. Raises: InvalidInput, for a month that has not ended; Conflict,
    for one that is closed, and when others write for too long.
    """
    async with writing(plant.engine) as connection:
        period = await begin_close(connection, month, zone=plant.settings.zone, now=now)
    async with snapshot(plant.engine) as connection:
        rules = await plant.rulebooks.current(connection)
        rows = await figures_of_month(connection, rules, period, actor=actor, now=now)
    details = {"units": len(rows)}
    try:
        async with writing(plant.engine) as connection:
            await keep(connection, rows)
            await record(connection, actor=actor, action="units.close", subject=month, details=details, now=now)
    except IntegrityError as error:
        raise Conflict(f"{month} is closed already: somebody else was quicker") from error
    return len(rows)


async def months_due(plant: Plant, *, now: datetime) -> list[str]:
    """The months that the settings say are to be closed by now."""
    days, zone = plant.settings.close_after_days, plant.settings.zone
    if days == 0:
        return []
    async with reading(plant.engine) as connection:
        return await months_to_close(connection, after_days=days, zone=zone, now=now)
