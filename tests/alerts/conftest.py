"""A town on each database."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.alerts.town import Town


@pytest.fixture
async def town(engine: AsyncEngine) -> Town:
    """The town, without a complaint."""
    built = Town(engine)
    await built.build()
    return built
