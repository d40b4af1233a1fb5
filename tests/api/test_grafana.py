"""The dashboard file for Grafana asks for nothing that is not exported."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.api.door import Door
from tests.workqueue.desk import DAY, NOON, Desk

FILE = Path(__file__).resolve().parents[2] / "docs/grafana/tanggap.json"


async def test_every_metric_of_the_dashboard_is_exported(door: Door) -> None:
    door.clock.now = NOON
    desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
    await desk.build()
    await desk.report("JK1", NOON - 2 * DAY, unit="sudin")
    headers = await door.token("viewer")
    await door.client.get("/metrics", headers=headers)
    text = (await door.client.get("/metrics", headers=headers)).text
    exported = set(re.findall(r"^(tanggap_\w+)[{ ]", text, re.MULTILINE))
    targets = [each for panel in json.loads(FILE.read_text())["panels"] for each in panel["targets"]]
    asked = {name for each in targets for name in re.findall(r"tanggap_\w+", each["expr"])}
    assert asked - exported - {"tanggap_source_lag_seconds"} == set()
    assert "# TYPE tanggap_source_lag_seconds gauge" in text
    assert 'tanggap_unit_open{type="test"} 1.0' in text
    assert 'tanggap_unit_overdue{type="test"} 1.0' in text
