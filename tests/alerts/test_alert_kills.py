"""Workers killed while they raise and send: each step is one alert, and what arrives is what the outbox holds."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.alerts import webhooks
from app.alerts.webhooks import NewWebhook
from app.clock import utc_now
from app.complaint.roles import Role
from app.db.scope import WHOLE
from app.db.session import reading, writing
from app.settings import load_settings
from app.vault import Vault
from tests.alerts.mail_sink import receiving_mail
from tests.alerts.sink import LOOPBACK, receiving
from tests.alerts.staff import hire as employ
from tests.alerts.staff import set_rules
from tests.alerts.town import Town, hours, table
from tests.processes import SECRET, ended, start, until

IS_FULL = os.environ.get("ALERTS") == "full"
CLOCKS, KILLS, PAUSE_S = (10_000, 60, 1.0) if IS_FULL else (40, 4, 0.5)
WORKERS = 3


async def _fill(town: Town) -> None:
    """Clocks that cross their due times while the workers are being killed."""
    now = utc_now().replace(microsecond=0)
    for number in range(CLOCKS):
        crosses = KILLS * PAUSE_S * number / CLOCKS
        await town.report(f"JK{number}", now - hours(24) + hours(crosses / 3600))


async def _is_settled(town: Town) -> bool:
    clock, delivery = table("sla_clock"), table("delivery")
    async with reading(town.engine) as connection:
        due = await connection.scalar(select(func.count()).where(clock.c.next_fire_at < utc_now()))
        pending = await connection.scalar(select(func.count()).where(delivery.c.state == "pending"))
        breaches = await connection.scalar(select(func.count()).where(table("alert").c.step == 100))
    return not due and not pending and breaches == CLOCKS


@pytest.mark.timeout(900 if IS_FULL else 60)
@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_whoever_is_killed_each_step_is_raised_once_and_everything_arrives(
    town: Town, database_url: str, tmp_path: Path
) -> None:
    chance = random.Random(20_261_124)
    vault = Vault(load_settings(secret_key=SECRET).data_key_bytes())
    async with receiving() as sink, receiving_mail() as mail:
        async with writing(town.engine) as connection:
            asked = NewWebhook(url=sink.url)
            await webhooks.create(
                connection, asked, scope=WHOLE, created_by="t", vault=vault, allowed_hosts=LOOPBACK, now=utc_now()
            )
        await set_rules(town, breach={"from_step": 100, "to_step": None, "who": ["officers"]})
        await employ(town, "sekar", Role.OFFICER, "rt-a")
        await _fill(town)
        settings = {
            "database_url": database_url, "allowed_webhook_hosts": "127.0.0.1", "lease_seconds": 1,
            "smtp_url": f"smtp://127.0.0.1:{mail.port}", "webhook_retry_seconds": "0.2,0.2,0.5,1,2,5",
            "log_level": "ERROR",
        }  # fmt: skip

        def hire(number: int) -> Any:
            return start("worker", output=tmp_path / f"worker-{number}.log", **settings)

        workers = [hire(number) for number in range(WORKERS)]
        for kill in range(KILLS):
            await asyncio.sleep(PAUSE_S)
            victim = workers.pop(chance.randrange(WORKERS))
            victim.kill()
            await ended(victim)
            workers.append(hire(WORKERS + kill))
        assert await until(lambda: _is_settled(town), workers[0])
        for worker in workers:
            worker.kill()
            await ended(worker)

    steps = Counter((r.complaint_id, r.clock, r.cycle, r.rule, r.step) for r in await town.rows("alert"))
    assert set(steps.values()) == {1} and len([step for step in steps if step[-1] == 100]) == CLOCKS
    rows = await town.rows("delivery")
    assert {row.state for row in rows} == {"delivered"}
    assert {message.headers["webhook-id"] for message in sink.messages} == _ids(rows, "webhook")
    mailed = {str(message["Message-ID"]).strip("<>").partition("@")[0] for message in mail.messages}
    assert mailed == _ids(rows, "email")
    assert len(mailed) >= CLOCKS


def _ids(rows: list[Any], channel: str) -> set[str]:
    return {row.id for row in rows if row.channel == channel}
