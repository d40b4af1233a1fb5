"""A city on each database."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.units.city import City


@pytest.fixture
async def city(engine: AsyncEngine) -> City:
    """The city with its complaints."""
    built = City(engine)
    await built.build()
    await built.fill(160)
    return built
