"""The city behind the application's door, seen as its visitors see it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api.door import Door, opened, settings_for
from tests.dashboard.visitor import Visitor, signed_in
from tests.units.city import NOW, City
from tests.workqueue.desk import NOON, Desk


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    """The application, its clock at the instant the city is made for."""
    async with opened(settings_for(database_url, rate_limit="off")) as door:
        door.clock.now = NOW
        yield door


@pytest.fixture
async def city(door: Door) -> City:
    """The city with its complaints."""
    built = City(door.house.engine)
    await built.build()
    await built.fill(90)
    return built


@pytest.fixture
async def desk(door: Door) -> Desk:
    """The desk's city with nobody's complaints yet."""
    door.clock.now = NOON
    built = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
    await built.build()
    return built


@pytest.fixture
async def officer(door: Door, desk: Desk) -> Visitor:
    """An officer of a village, signed in."""
    return await signed_in(door, "lina", "officer", "kelurahan-a")
