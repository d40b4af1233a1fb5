"""The door of each database, open for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api.door import Door, opened, settings_for


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened(settings_for(database_url, rate_limit="off")) as door:
        yield door
