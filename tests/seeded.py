"""Databases that hold Jakarta's reference data: a conftest imports these fixtures to have every database seeded."""

from __future__ import annotations

import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from app.clock import utc_now
from app.db.session import make_engine, writing
from app.seed.load import seed_jakarta

_SEED_KEY = 20_261_125


@pytest.fixture(scope="session")
def sqlite_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated and seeded file to copy."""
    file = tmp_path_factory.mktemp("seeded") / "template.db"
    shutil.copy(sqlite_template, file)
    _seed(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres_admin: Connection, postgres_template: str) -> str:
    """A migrated and seeded database to clone; made once, by whichever worker comes first."""
    name = f"{postgres_template}_seeded"
    postgres_admin.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _SEED_KEY})
    try:
        known = postgres_admin.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name})
        if not known:
            draft = f"{postgres_template}_{uuid4().hex[:8]}"
            postgres_admin.execute(text(f'CREATE DATABASE "{draft}" TEMPLATE "{postgres_template}"'))
            url = make_url(postgres_admin.engine.url).set(database=draft)
            _seed(url.render_as_string(hide_password=False))
            postgres_admin.execute(text(f'ALTER DATABASE "{draft}" RENAME TO "{name}"'))
    finally:
        postgres_admin.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _SEED_KEY})
    return name


def _seed(url: str) -> None:
    """In a thread of its own, since the tests' event loop lives in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, _seed_at(url)).result()


async def _seed_at(url: str) -> None:
    engine = make_engine(url)
    async with writing(engine) as connection:
        await seed_jakarta(connection, now=utc_now())
    await engine.dispose()
