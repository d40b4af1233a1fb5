"""`tanggap source change`: another token, address, schedule or option for a source that is there already."""

from __future__ import annotations

import asyncio

import pytest

from app.clock import utc_now
from tests.cli.test_commands import BOSTON, failed, one_engine
from tests.connectors.servers import serving
from tests.intake.feeds import Feeds, jaki

pytestmark = one_engine

ADD = ("source", "add", "crm", "--connector", "crm", "--url", "http://127.0.0.1:1", "--option", "first_days=3")


def listed(tanggap):
    (item,) = tanggap("source", "list", "--json").document["items"]
    return item


async def test_a_source_that_was_stopped_is_due_again_with_a_valid_token(tanggap):
    now = utc_now().isoformat(timespec="seconds")
    feeds = Feeds(jaki=[jaki(f"JK{utc_now():%y%m%d}0001", "12 08:00", created_at=now, updated_at=now)])
    async with serving(feeds.answer) as server:
        add = ("source", "add", "jaki", "--connector", "jaki", "--url", server.url, "--token", "salah")
        await asyncio.to_thread(tanggap, *add, "--option", "rate=500")
        refused = await asyncio.to_thread(tanggap, "pull", "jaki", "--json", log_level="ERROR")
        assert failed(refused, "refuses our credentials")
        stopped = await asyncio.to_thread(listed, tanggap)
        assert (stopped["next_run_at"], "tanggap source change" in stopped["last_error"]) == (None, True)
        assert (await asyncio.to_thread(tanggap, "source", "change", "jaki", "--token", "rahasia")).code == 0
        assert (await asyncio.to_thread(listed, tanggap))["next_run_at"] is not None
        assert (await asyncio.to_thread(tanggap, "pull", "jaki", "--json")).document["created"] == 1


def test_only_what_is_given_changes(tanggap):
    tanggap(*ADD)
    change = ("source", "change", "crm", "--url", "http://127.0.0.1:2", "--every", "1h", "--option", "rate=9")
    assert tanggap(*change, "--option", "first_days=").code == 0
    item = listed(tanggap)
    assert (item["url"], item["every_s"], item["is_enabled"]) == ("http://127.0.0.1:2", 3600, True)
    assert failed(tanggap("source", "change", "crm", "--option", "lookback_days=x"), "lookback_days")


def test_one_that_is_switched_off_is_neither_pulled_nor_in_the_way(tanggap):
    tanggap(*ADD)
    tanggap("pull", "crm", log_level="ERROR")
    assert listed(tanggap)["last_error"]
    tanggap("source", "change", "crm", "--disable")
    item = listed(tanggap)
    assert (item["is_enabled"], item["last_error"]) == (False, None)
    tanggap("source", "change", "crm", "--enable")
    assert listed(tanggap)["is_enabled"] is True


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--url", "ftp://x"), "url"),
        (("--every", "5"), "every"),
        (("--since", "kemarin"), "since"),
        (("--option", "entah=1"), "entah"),
    ],
    ids=" ".join,
)
def test_a_bad_change_is_refused_and_leaves_the_source_as_it_was(tanggap, words, told):
    tanggap(*ADD)
    before = listed(tanggap)
    assert failed(tanggap("source", "change", "crm", *words), told)
    assert listed(tanggap) == before


def test_nothing_to_change_is_wrong_usage_and_a_file_is_not_pulled(tanggap):
    tanggap(*ADD)
    assert tanggap("source", "change", "crm").code == 2
    assert failed(tanggap("source", "change", "entah", "--disable"), "source entah does not exist")
    tanggap("import", str(BOSTON), "--profile", "boston311", "--json")
    assert failed(tanggap("source", "change", "boston311", "--every", "1h"), "boston311 is not pulled")
