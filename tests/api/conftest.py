"""The door of each database, open for one test, and what it logs."""

from __future__ import annotations

import io
import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from app.logs import configure_logs
from tests.api.door import Door, opened, settings_for


@pytest.fixture(autouse=True)
def log() -> Iterator[io.StringIO]:
    """Every line of the test as the service would write it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    lines = io.StringIO()
    configure_logs("INFO", "json", stream=lines)
    yield lines
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened(settings_for(database_url, rate_limit="off")) as door:
        yield door
