"""The command line on a database of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.processes import Ran, run
from tests.seeded import postgres_template, sqlite_template

__all__ = ["postgres_template", "sqlite_template"]

Tanggap = Callable[..., Ran]


@pytest.fixture
def tanggap(database_url: str, tmp_path: Path) -> Tanggap:
    """Runs one command on a seeded database."""
    return partial(run, folder=tmp_path, database_url=database_url)


@pytest.fixture
def bare(tmp_path: Path) -> Tanggap:
    """Runs one command with nothing set up."""
    return partial(run, folder=tmp_path)
