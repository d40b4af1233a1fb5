"""A desk on each database."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.workqueue.desk import Desk


@pytest.fixture
async def desk(engine: AsyncEngine) -> Desk:
    """The city without a complaint."""
    built = Desk(engine)
    await built.build()
    return built
