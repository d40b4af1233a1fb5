"""A seeded database, a station that pulls into it, and two sources that answer as a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import stamina
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.connectors.servers import serving
from tests.intake.feeds import Feeds
from tests.intake.station import Station
from tests.seeded import postgres_template, sqlite_template

__all__ = ["postgres_template", "sqlite_template"]


@pytest.fixture(autouse=True)
def retries_at_once() -> Iterator[None]:
    """Retries happen, but nobody waits for them."""
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


@pytest.fixture
async def feeds() -> AsyncIterator[Feeds]:
    """CRM and JAKI on one server."""
    told = Feeds()
    async with serving(told.answer) as server:
        told.server = server
        yield told


@pytest.fixture
async def station(engine: AsyncEngine, feeds: Feeds) -> Station:
    """A station with both sources, nothing pulled yet."""
    built = Station(engine)
    await built.add("crm", "crm", feeds.url)
    await built.add("jaki", "jaki", feeds.url, token="rahasia")
    return built
