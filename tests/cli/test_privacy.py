"""`tanggap privacy` and `tanggap audit`: duties towards complainants, and the proof of who did what."""

from __future__ import annotations

import asyncio
import json
import stat
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import create_engine, text

from app.clock import utc_now
from app.db.rulebook import Rulebooks
from app.db.session import make_engine, writing
from app.intake.walk_in import Channel, Person, WalkIn, take_in
from app.settings import load_settings
from app.vault import Vault
from tests.processes import SECRET

WHY = ("--reason", "Permintaan pelapor nomor 7")


@pytest.fixture
def dialect() -> str:
    """What each database finds has tests of its own beside the rooms; here it is the commands."""
    return "sqlite"


async def _take_in(database_url: str) -> None:
    vault = Vault(load_settings(_env_file=None, secret_key=SECRET).data_key_bytes())
    engine = make_engine(database_url)
    async with writing(engine) as connection:
        now = utc_now()
        who = Person(name="Sekar Fiktif", phone="0812-0000-1234", national_id="3171010101900001")
        new = WalkIn(channel=Channel.LETTER, text="Lampu mati", reported_at=now, taken_by="siti", person=who)
        rules = await Rulebooks().current(connection)
        await take_in(connection, new, rules, vault, now=now, zone=ZoneInfo("Asia/Jakarta"))
    await engine.dispose()


@pytest.fixture
def walk_in(tanggap, database_url) -> None:
    """A complaint of Sekar's, whose id is 1."""
    asyncio.run(_take_in(database_url))


def test_everything_held_about_somebody_goes_into_a_file_for_nobody_else(walk_in, tanggap, tmp_path):
    file = tmp_path / "sekar.json"
    ran = tanggap("privacy", "export", "--phone", "+62 81200001234", *WHY, "--output", str(file))
    assert (ran.code, ran.out) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (told,) = json.loads(file.read_text())["complaints"]
    assert told["identities"][0]["name"] == "Sekar Fiktif"
    assert [(each["what"], each["details"]) for each in told["processing"]] == [("privacy.export", {"reason": WHY[1]})]
    assert tanggap("privacy", "export", "--complaint", "1", "--output", str(file)).code == 1
    assert tanggap("privacy", "export", "--nik", "3171010101900002").document["complaints"] == []
    other = tmp_path / "other.json"
    assert tanggap("privacy", "export", "--complaint", "JK9", "--output", str(other)).code == 1
    assert not other.exists()


@pytest.mark.parametrize("asked", [(), ("--phone", "1", "--nik", "2"), ("--phone", "123")], ids=" ".join)
def test_one_exact_mark_of_a_person_is_asked_for(bare, asked):
    ran = bare("privacy", "export", *asked)
    assert ran.code in (1, 2)
    assert ran.out == ""


def test_a_complaint_is_restricted_held_released_and_erased(walk_in, tanggap):
    assert tanggap("privacy", "restrict", "1", *WHY, "--json").document == {"complaint_id": 1, "is_restricted": True}
    assert tanggap("privacy", "restrict", "1", *WHY).code == 1
    assert tanggap("privacy", "unrestrict", "1", *WHY).code == 0
    assert tanggap("privacy", "hold", "1", *WHY, "--json").document == {"complaint_id": 1, "is_held": True}
    refused = tanggap("privacy", "erase", "1", *WHY, "--yes")
    assert (refused.code, "legal hold" in refused.err) == (1, True)
    (held,) = tanggap("privacy", "holds", "--json").document["items"]
    assert (held["complaint_id"], held["reason"]) == (1, WHY[1])
    assert tanggap("privacy", "release", "1", *WHY).code == 0
    told = tanggap("privacy", "erase", "1", *WHY)
    assert (told.code, "1 identities, 1 raw records and 0" in told.err, "--yes" in told.err) == (1, True, True)
    erased = tanggap("privacy", "erase", "1", *WHY, "--yes", "--json").document
    assert len(erased.pop("sha256")) == 64
    assert erased == {"complaint_id": 1, "identities": 1, "records": 1, "rejects": 0}
    assert tanggap("privacy", "export", "--complaint", "1").document["complaints"][0]["identities"] == []
    for command in (("sla", "verify"), ("audit", "verify")):
        assert tanggap(*command).code == 0


def test_a_deed_needs_a_reason_and_a_complaint(walk_in, tanggap):
    assert tanggap("privacy", "hold", "1").code == 2
    assert "reason" in tanggap("privacy", "hold", "1", "--reason", "ya").err
    assert "no complaint 'JK9'" in tanggap("privacy", "hold", "JK9", *WHY).err


def test_a_purge_first_tells_and_then_takes(walk_in, tanggap, database_url):
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE complaint SET closed_at = '2026-01-12 00:00:00.000000'"))
    engine.dispose()
    untouched = tanggap("privacy", "purge", "--json").document
    assert untouched["is_rehearsal"] and [each["count"] for each in untouched["groups"]] == [0, 0, 0, 0]
    told = tanggap("privacy", "purge", "--json", retention_identity_days=30).document
    assert [each["count"] for each in told["groups"]] == [1, 0, 0, 0]
    done = tanggap("privacy", "purge", "--yes", retention_identity_days=30)
    assert done.out.splitlines()[:2] == ["identity: 1 gone", "raw: kept, no retention is set"]
    trail = tanggap("audit", "export").out.splitlines()
    assert [json.loads(line)["details"]["count"] for line in trail if "privacy.purge" in line] == [1]


def test_the_data_key_changes_and_doctor_says_how_far_it_is(walk_in, tanggap):
    def findings(**settings):
        found = tanggap("doctor", "--json", **settings).document["findings"]
        return [each for each in found if "data key" in each]

    new, both = {"data_key": "n" * 32}, {"data_key": "n" * 32, "data_key_old": SECRET}
    assert findings() == []
    assert "list it in TANGGAP_DATA_KEY_OLD" in findings(**new)[0]
    lost = tanggap("privacy", "rotate-key", **new)
    assert (lost.code, "not at hand" in lost.err) == (1, True)
    assert findings(**both)[0].startswith("2 sealed values still need")
    assert tanggap("privacy", "export", "--nik", "3171010101900001", **both).document["complaints"]
    ran = tanggap("privacy", "rotate-key", "--json", **both)
    assert (ran.code, ran.document) == (0, {"resealed": 2, "unreadable": 0})
    assert "take TANGGAP_DATA_KEY_OLD out" in findings(**both)[0]
    assert findings(**new) == []
    assert tanggap("privacy", "export", "--nik", "3171010101900001", **new).document["complaints"]


# --- the trail ---


def test_the_trail_is_verified_and_a_cut_is_noticed_by_its_anchor(walk_in, tanggap, database_url):
    for command in ("hold", "release"):
        tanggap("privacy", command, "1", *WHY)
    whole = tanggap("audit", "verify", "--json").document
    assert (whole["entries"], whole["broken_id"], whole["holds_anchor"]) == (2, None, True)
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_no_delete"))
        connection.execute(text("DELETE FROM audit WHERE id = 2"))
    assert tanggap("audit", "verify").code == 0
    cut = tanggap("audit", "verify", "--anchor", whole["anchor"])
    assert (cut.code, f"no longer has the entry {whole['anchor']}" in cut.err) == (1, True)
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_no_update"))
        connection.execute(text("UPDATE audit SET actor = 'x'"))
    engine.dispose()
    broken = tanggap("audit", "verify")
    assert (broken.code, "broken at entry 1" in broken.err) == (1, True)


def test_the_trail_is_exported_by_local_days_and_that_is_on_record(walk_in, tanggap, tmp_path):
    tanggap("privacy", "hold", "1", *WHY)
    lines = [json.loads(line) for line in tanggap("audit", "export").out.splitlines()]
    assert [each["action"] for each in lines] == ["privacy.hold", "audit.export"]
    assert (lines[0]["previous"], lines[1]["previous"]) == ("", lines[0]["hash"])
    assert tanggap("audit", "export", "--to", "2020-01-01").out == ""
    file = tmp_path / "audit.jsonl"
    assert tanggap("audit", "export", "--from", "2020-01-01", "--output", str(file)).code == 0
    assert len(file.read_text().splitlines()) == 4
    assert "to" in tanggap("audit", "export", "--from", "2026-01-02", "--to", "2026-01-01").err
