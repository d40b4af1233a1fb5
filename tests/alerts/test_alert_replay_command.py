"""`tanggap alerts replay`: what is dead goes again, and what died before the day does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.alerts.notifiers import Answer
from app.clock import utc_now
from tests.alerts.town import Recorder, Town, hours
from tests.processes import run


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_dead_messages_are_replayed_by_command(town: Town, database_url: str, tmp_path: Path) -> None:
    now = utc_now().replace(microsecond=0)
    await town.report("JK1", now - hours(25))
    await town.sweep(now)
    await town.deliver(now, Recorder(answers=[Answer(False, "SMTP 550", is_final=True)]))
    say = ("alerts", "replay", "--json")
    later = run(*say, "--since", "2100-01-01", folder=tmp_path, database_url=database_url)
    assert (later.code, later.document) == (0, {"replayed": 0})
    assert run(*say, folder=tmp_path, database_url=database_url).document == {"replayed": 1}
    assert run(*say, folder=tmp_path, database_url=database_url).document == {"replayed": 0}
    assert [row.state for row in await town.rows("delivery")] == ["pending"]
    assert [(row.actor, row.action) for row in await town.rows("audit")] == [("command line", "delivery.replay")]
