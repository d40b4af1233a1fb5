"""Waiting until changes are sure: transactions of other tests on the same PostgreSQL hold the horizon back."""

from __future__ import annotations

import asyncio

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.changes import change_horizon
from app.db.session import reading
from app.db.tables.complaints import Complaint

_PATIENCE_S = 60


async def all_are_sure(engine: AsyncEngine) -> None:
    """Every change so far lies below the horizon."""
    async with reading(engine) as connection:
        newest = int(await connection.scalar(select(func.max(Complaint.change_no))) or 0)
    await is_sure(engine, newest)


async def is_sure(engine: AsyncEngine, number: int) -> None:
    """The horizon has passed the number."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            async with reading(engine) as connection:
                if await change_horizon(connection) > number:
                    return
            await asyncio.sleep(0.05)
