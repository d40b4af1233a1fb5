"""What the command line does to sources is in the audit trail: by whom, what, which source, and what came of it."""

from __future__ import annotations

import asyncio
import json

from tests.cli.test_commands import BOSTON
from tests.cli.test_intake_commands import day, record
from tests.connectors.servers import serving
from tests.intake.feeds import Feeds, always

COUNTS = ("pulled", "created", "linked", "updated", "unchanged", "rejected")


async def test_what_is_read_by_command_is_on_record_with_its_counts(tanggap):
    async def ran(*words):
        return await asyncio.to_thread(tanggap, *words)

    feeds = Feeds(crm=[record(9)])
    async with serving(feeds.answer) as server:
        feeds.server = server
        await ran("source", "add", "crm", "--connector", "crm", "--url", server.url)
        pulled = (await ran("pull", "crm", "--json")).document
        span = (day(9).isoformat(), day(8).isoformat())
        filled = (await ran("backfill", "crm", "--from", span[0], "--to", span[1], "--json")).document
        await ran("source", "reconcile", "crm", "--days", "9", "--json")
        feeds.fail["distribution-map"] = always(403)
        assert (await ran("pull", "crm")).code == 1
    imported = (await ran("import", str(BOSTON), "--profile", "boston311", "--json")).document
    await ran("import", str(BOSTON), "--profile", "boston311", "--dry-run", "--json")
    await ran("source", "replay", "boston311", "--json")
    for gone in (("pull", "entah"), ("source", "replay", "entah")):
        assert (await ran(*gone)).code == 1
    trail = [json.loads(line) for line in (await ran("audit", "export")).out.splitlines()]
    told = [(each["action"], each["subject"], each["details"]) for each in trail if each["action"] != "audit.export"]
    backfill = f"source crm {span[0]}..{span[1]}"
    counted = {"backfill": filled["id"], "state": "done", "days": 2, **{name: filled[name] for name in COUNTS}}
    size = BOSTON.stat().st_size
    nothing = dict.fromkeys(COUNTS, 0)
    assert {each["actor"] for each in trail} == {"command line"}
    assert told == [
        ("source.create", "source crm", {"connector": "crm"}),
        ("source.pull", "source crm", {"run": pulled["run"], **{name: pulled[name] for name in COUNTS}}),
        ("source.backfill", backfill, {"backfill": filled["id"]}),
        ("source.backfill-end", backfill, counted),
        ("source.reconcile", "source crm", {"days": 9, "repaired": 0, "unlisted": 0}),
        ("source.pull", "source crm", {"outcome": "failed"}),
        ("import", "source boston311", {"size": size, "run": imported["run"], **{k: imported[k] for k in COUNTS}}),
        (
            "reject.replay",
            "source boston311",
            {**nothing, "replayed": 0, "still_rejected": 1, "pulled": 1, "rejected": 1},
        ),
    ]
