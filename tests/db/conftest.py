"""A ledger on each database."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.db.ledger import Ledger


@pytest.fixture
async def ledger(engine: AsyncEngine) -> Ledger:
    """The ledger, without a complaint."""
    built = Ledger(engine)
    await built.build()
    return built
