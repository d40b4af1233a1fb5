"""Commands on intake beside pulling: import in trial, backfill, replay, comparison, notices, the secret of pushes."""

from __future__ import annotations

import asyncio
import csv
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, text

from app.clock import utc_now
from tests.cli.test_commands import BOSTON, failed, one_engine
from tests.connectors.servers import serving
from tests.intake.feeds import WIB, Feeds, always, crm

pytestmark = one_engine


@pytest.fixture
def file(tmp_path):
    """Boston's sample, which has one bad row, with another one that has no time."""
    found = tmp_path / "boston.csv"
    found.write_text(BOSTON.read_text() + "900000000009,kapan,,,ONTIME,Open, ,x,y,z,w,PARK,,,,x\n")
    return found


def count(database_url, table):
    engine = create_engine(database_url)
    with engine.connect() as connection:
        found = connection.scalar(text(f"SELECT count(*) FROM {table}"))
    engine.dispose()
    return found


def test_a_trial_says_what_an_import_would_come_to_and_stores_nothing(tanggap, database_url, file):
    trial = tanggap("import", str(file), "--profile", "boston311", "--dry-run", "--json").document
    assert trial.pop("dry_run") is True
    assert count(database_url, "source") == count(database_url, "complaint") == 0
    done = tanggap("import", str(file), "--profile", "boston311", "--json").document
    names = ("source", "pulled", "created", "updated", "unchanged", "rejected")
    assert {name: trial[name] for name in names} == {name: done[name] for name in names}
    assert done["rejected"] == 2


def test_what_is_refused_is_written_into_a_sheet(tanggap, tmp_path, file):
    sheet = tmp_path / "refused.csv"
    tanggap("import", str(file), "--profile", "boston311", "--dry-run", "--rejects", str(sheet), "--json")
    with sheet.open(encoding="utf-8-sig", newline="") as lines:
        _, row = csv.DictReader(lines)
    assert row["external_id"] == "900000000009"
    assert "kapan" in row["row"]
    assert row["reason"]


def test_no_spreadsheet_takes_what_is_refused_for_a_formula(tanggap, tmp_path, file):
    sheet = tmp_path / "refused.csv"
    file.write_text(file.read_text().replace("900000000009", "=2+5"))
    tanggap("import", str(file), "--profile", "boston311", "--dry-run", "--rejects", str(sheet))
    with sheet.open(encoding="utf-8-sig", newline="") as lines:
        assert [row["external_id"] for row in csv.DictReader(lines)] == ["", "'=2+5"]


def test_rejects_of_a_file_are_read_again_by_its_profile(tanggap, file):
    tanggap("import", str(file), "--profile", "boston311", "--json")
    told = tanggap("source", "replay", "boston311", "--json").document
    assert (told["replayed"], told["still_rejected"]) == (0, 2)
    failed(tanggap("source", "replay", "boston311", "--reject", "77", "--json"), "has no reject 77")
    failed(tanggap("source", "replay", "entah", "--json"), "source entah does not exist")


def test_rejects_are_listed_with_their_reasons(tanggap, file):
    tanggap("import", str(file), "--profile", "boston311", "--json")
    told = tanggap("source", "rejects", "boston311", "--json").document
    assert told["source"] == "boston311"
    assert len(told["items"]) == 2
    newest = told["items"][0]
    assert (newest["external_id"], newest["times_seen"]) == ("900000000009", 1)
    assert "none of the time formats" in newest["reason"]
    assert newest["reason"] in tanggap("source", "rejects", "boston311").out
    failed(tanggap("source", "rejects", "entah", "--json"), "source entah does not exist")


def test_notices_are_listed(tanggap, tmp_path):
    strange = tmp_path / "strange.csv"
    strange.write_text(BOSTON.read_text().replace(",Open,", ",Dipikirkan,"))
    assert tanggap("import", str(strange), "--profile", "boston311", "--json").code == 0
    told = tanggap("source", "notices", "--json").document["items"]
    assert [(each["source"], each["kind"], each["subject"]) for each in told] == [
        ("boston311", "unknown_status", "dipikirkan")
    ]
    assert "dipikirkan" in tanggap("source", "notices", "boston311").out
    assert "1 notices about its data" in tanggap("doctor").out


def test_the_secret_of_pushes_is_shown_once_and_is_another_one_each_time(tanggap, file):
    tanggap("import", str(file), "--profile", "boston311", "--json")
    secrets = [tanggap("source", "push-secret", "boston311", "--json").document["secret"] for _ in range(2)]
    assert all(secret.startswith("whsec_") for secret in secrets)
    assert secrets[0] != secrets[1]


def day(back):
    return utc_now().astimezone(WIB).date() - timedelta(days=back)


def record(back):
    told = crm(back, f"JK{day(back):%y%m%d}0001", "12 08:00")
    return {**told, "createdAt": f"{day(back).isoformat()}T01:00:00.000Z"}


async def test_a_backfill_tells_how_far_it_is_and_can_be_called_again(tanggap):
    feeds = Feeds(crm=[record(back) for back in (9, 8, 7)])
    async with serving(feeds.answer) as server:
        feeds.server = server
        add = ("source", "add", "crm", "--connector", "crm", "--url", server.url)
        assert (await asyncio.to_thread(tanggap, *add)).code == 0
        days = ("--from", day(9).isoformat(), "--to", day(7).isoformat())
        ran = await asyncio.to_thread(tanggap, "backfill", "crm", *days, "--json")
        told = ran.document
        assert (told["state"], told["days_done"], told["created"]) == ("done", 3, 3)
        assert (told["from"], told["to"]) == (day(9).isoformat(), day(7).isoformat())
        assert ran.err.splitlines()[-1] == "crm 3 of 3 days, 3 records"
        again = (await asyncio.to_thread(tanggap, "backfill", "crm", *days, "--json")).document
        assert (again["created"], again["unchanged"]) == (0, 3)
        compared = (await asyncio.to_thread(tanggap, "source", "reconcile", "crm", "--days", "9", "--json")).document
        found = {each["day_on"]: (each["listed"], each["held"]) for each in compared["items"]}
        assert found[day(8).isoformat()] == (1, 1)
        feeds.fail["distribution-map"] = always(403)
        refused = await asyncio.to_thread(tanggap, "backfill", "crm", *days)
        assert refused.code == 1
        assert "was given up" in refused.err.splitlines()[-1]


def test_days_that_are_none_are_one_line(tanggap):
    failed(tanggap("backfill", "crm", "--from", "kemarin", "--to", "2026-01-01"), "kemarin is no day")
    failed(tanggap("backfill", "crm", "--from", "2026-01-01", "--to", "2026-01-01"), "source crm does not exist")
