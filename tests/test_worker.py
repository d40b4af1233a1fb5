"""What a worker says of a database that does not serve it: once when it goes, once when it is back."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from structlog.testing import capture_logs

from app.clock import utc_now
from app.db.rulebook import Rulebooks
from app.db.session import make_engine
from app.posting import open_post
from app.pulling import Plant
from app.settings import load_settings
from app.vault import Vault
from app.worker import Jobs

TICKS = 3


async def test_a_database_that_goes_is_news_once_and_so_is_its_return(sqlite_template: Path, tmp_path: Path) -> None:
    file = tmp_path / "gone" / "tanggap.db"
    url = f"sqlite:///{file}"
    settings = load_settings(_env_file=None, secret_key="k" * 40, database_url=url)
    plant = Plant(settings, make_engine(url), Rulebooks(), Vault(settings.data_key_bytes(), ()))
    async with open_post(plant) as post:
        jobs = Jobs(plant, post, utc_now())
        ticks = [jobs.guarded(name, job) for name, job in (("pull", jobs.pull), ("beat", jobs.beat))]

        async def tick() -> list[str]:
            with capture_logs() as lines:
                for _ in range(TICKS):
                    await asyncio.gather(*(each() for each in ticks))
            return [line["event"] for line in lines]

        assert await tick() == ["the database does not serve"]
        file.parent.mkdir()
        shutil.copy(sqlite_template, file)
        assert await tick() == ["the database serves every job again"]
        assert await tick() == []
    await plant.engine.dispose()
