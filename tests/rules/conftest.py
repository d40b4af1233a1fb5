"""A hall on each database."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.rules.hall import Hall


@pytest.fixture
async def empty_hall(engine: AsyncEngine) -> Hall:
    """The city without a complaint."""
    built = Hall(engine)
    await built.build()
    return built


@pytest.fixture
async def hall(empty_hall: Hall) -> Hall:
    """The city with its complaints."""
    await empty_hall.fill(150)
    return empty_hall
