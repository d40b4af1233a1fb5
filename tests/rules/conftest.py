"""A hall on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.api.door import Door, opened, settings_for
from tests.rules.hall import Hall
from tests.units.city import NOW


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


@pytest.fixture
async def door(hall: Hall, database_url: str) -> AsyncIterator[Door]:
    """The service in front of the city, at the same instant."""
    async with opened(settings_for(database_url, rate_limit="off")) as opened_door:
        opened_door.clock.now = NOW
        yield opened_door
