"""What came of deliveries is counted once for each attempt, whoever made it, and shows in the metrics for good."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from app.alerts.acknowledging import acknowledge
from app.alerts.notifiers import EMAIL, Answer, Notice
from app.alerts.replaying import purge_deliveries, replay_all
from app.alerts.tally import CHANNELS, OUTCOMES, read_outcomes
from app.db.scope import WHOLE
from app.db.session import reading, writing
from tests.alerts.town import Recorder, Town, at, hours
from tests.api.door import opened, settings_for

NOW = at("2026-01-15 03:00")


async def _outcomes(town: Town) -> dict[tuple[str, str], int]:
    async with reading(town.engine) as connection:
        return {key: count for key, count in (await read_outcomes(connection)).items() if count}


async def test_each_attempt_is_counted_by_what_came_of_it_and_never_forgotten(town: Town) -> None:
    await town.report("JK1", NOW - hours(25))
    await town.sweep(NOW)
    answers = [Answer(False, "HTTP 500"), Answer(False, "HTTP 410", is_final=True)]
    console = Recorder(answers=answers)
    await town.deliver(NOW, console, retries=(60,))
    assert await _outcomes(town) == {("console", "failed"): 1}
    await town.deliver(NOW + timedelta(minutes=2), console)
    assert await _outcomes(town) == {("console", "failed"): 1, ("console", "dead"): 1}
    async with writing(town.engine) as connection:
        await replay_all(connection, since=None, now=NOW)
    await town.deliver(NOW + timedelta(minutes=3), console)
    counted = {("console", "failed"): 1, ("console", "dead"): 1, ("console", "sent"): 1}
    assert await _outcomes(town) == counted
    async with writing(town.engine) as connection:
        assert await purge_deliveries(connection, before=NOW + timedelta(days=1)) == 1
    assert await _outcomes(town) == counted


async def test_a_failure_of_a_message_that_is_ours_no_more_is_not_counted(town: Town) -> None:
    await town.report("JK1", NOW - hours(25))
    await town.sweep(NOW)

    class Slow(Recorder):
        async def send(self, notice: Notice, *, now: datetime) -> Answer:
            async with writing(town.engine) as connection:
                await acknowledge(connection, (await town.rows("alert"))[0].id, WHOLE, officer_id=None, now=now)
            return Answer(False, "no answer within 10 s")

    await town.deliver(NOW, Slow())
    assert await _outcomes(town) == {}


async def test_deliverers_at_once_lose_no_count(town: Town) -> None:
    for number in range(24):
        await town.report(f"JK{number}", NOW - hours(25))
    await town.sweep(NOW)
    sent = await asyncio.gather(*(town.deliver(NOW, Recorder(), batch=3) for _ in range(4)))
    assert sum(each.delivered for each in sent) == 24
    assert await _outcomes(town) == {("console", "sent"): 24}


async def test_the_metrics_of_a_process_that_sent_nothing_show_them_all(town: Town, database_url: str) -> None:
    await town.report("JK1", NOW - hours(25))
    await town.sweep(NOW)
    await town.deliver(NOW)
    async with opened(settings_for(database_url, metrics_public=True)) as door:
        lines = (await door.client.get("/metrics")).text.splitlines()
    series = [line for line in lines if line.startswith("tanggap_deliveries_total")]
    assert 'tanggap_deliveries_total{channel="console",outcome="sent"} 1.0' in series
    assert f'tanggap_deliveries_total{{channel="{EMAIL}",outcome="dead"}} 0.0' in series
    assert len(series) == len(CHANNELS) * len(OUTCOMES)
    assert "# TYPE tanggap_deliveries_total counter" in lines
