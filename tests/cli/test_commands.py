"""The `tanggap` command: exit codes, one document on standard output, one line for what went wrong."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from typer.main import get_command

from app.cli import cli
from app.clock import utc_now
from app.db.migrate import head
from app.db.session import make_engine, writing
from app.intake import leases
from app.intake.sources import read_source
from tests.connectors.servers import serving
from tests.intake.feeds import Feeds, crm, jaki

ROOT = Path(__file__).resolve().parents[2]
CASE = json.dumps(
    {
        "target": {"unit": "elapsed_minute", "amount": 60},
        "events": [{"at": "2026-01-12T01:00:00Z", "kind": "start"}],
        "as_of": "2026-01-12T03:00:00Z",
    }
).encode()
VECTORS = json.loads((ROOT / "tests" / "sla" / "vectors.json").read_text())

one_engine = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


def failed(ran, *words):
    """One line on standard error that says why, nothing on standard output, exit code 1."""
    assert (ran.code, ran.out) == (1, "")
    (line,) = ran.err.splitlines()
    assert line.startswith("tanggap: ")
    for word in words:
        assert word in line
    return True


# --- exit codes ---


def test_help_is_done(bare):
    ran = bare("--help")
    assert ran.code == 0
    for command in ("serve", "worker", "demo", "migrate", "seed", "pull", "import", "token", "sla", "doctor", "source"):
        assert command in ran.out


def _commands(group, *above):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, *above, name)
        else:
            yield " ".join((*above, name)), command


def test_every_command_that_ends_with_a_result_gives_it_as_json():
    lasting = {"serve", "worker", "demo", "demo-feeds"}
    files = {"audit export", "privacy export", "connector new"}
    options = {
        name: {option for each in command.params for option in each.opts}
        for name, command in _commands(get_command(cli))
    }
    assert {name for name, known in options.items() if "--json" not in known} == lasting | files


@pytest.mark.parametrize(
    "arguments",
    [
        ("entah",),
        ("pull",),
        ("seed", "bandung"),
        ("token", "create", "--role", "raja"),
        ("import", "x.csv"),
        ("sla", "preview"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_two(bare, arguments):
    ran = bare(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage" in ran.err


def test_a_missing_setting_is_one_line_that_names_it(bare):
    assert failed(bare("source", "list", secret_key=None), "TANGGAP_SECRET_KEY", "is required")


def test_a_bad_setting_is_one_line_that_names_it_without_its_value(bare):
    ran = bare("source", "list", database_url="mysql://root:sandi@x/y")
    assert failed(ran, "TANGGAP_DATABASE_URL")
    assert "sandi" not in ran.err


@pytest.mark.parametrize(
    "url",
    ["postgresql+psycopg://postgres:sandi@127.0.0.1:1/tanggap", "sqlite:////nirgends/tanggap.db"],
    ids=["postgresql", "sqlite"],
)
def test_a_database_that_is_down_is_one_line(bare, url):
    ran = bare("source", "list", database_url=url)
    assert failed(ran, "the database refuses")
    assert "sandi" not in ran.err


@one_engine
def test_a_database_that_was_never_migrated_is_one_line(bare, empty_database_url):
    assert failed(bare("source", "list", database_url=empty_database_url), "the database refuses: no such table")


# --- sources and pulls ---


@one_engine
def test_an_unknown_source_is_named(tanggap):
    assert failed(tanggap("pull", "entah"), "source entah does not exist")
    assert failed(tanggap("source", "check", "entah"), "source entah does not exist")


@one_engine
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a", "--connector", "entah"), ("there is no connector entah", "crm")),
        (("a", "--connector", "crm"), ("url",)),
        (("a", "--connector", "crm", "--url", "http://x", "--option", "first_days=-1"), ("first_days",)),
        (("a", "--connector", "crm", "--url", "http://x", "--option", "entah=1"), ("entah",)),
        (("a", "--connector", "crm", "--url", "http://x", "--option", "rate"), ("rate is not KEY=VALUE",)),
        (("a", "--connector", "crm", "--url", "http://x", "--every", "5"), ("every", "30s")),
        (("a", "--connector", "crm", "--url", "http://x", "--every", "99999999999d"), ("every", "ten years")),
        (("a", "--connector", "crm", "--url", "http://x", "--since", "kemarin"), ("since", "YYYY-MM-DD")),
        (("a", "--connector", "crm", "--url", "http://x", "--since", "0001-01-01"), ("since", "1900")),
        (("A!", "--connector", "crm", "--url", "http://x"), ("name",)),
    ],
    ids=lambda each: " ".join(each),
)
def test_a_bad_source_is_refused_at_once_and_not_stored(tanggap, arguments, words):
    assert failed(tanggap("source", "add", *arguments), *words)
    assert tanggap("source", "list", "--json").document == {"items": []}


@one_engine
def test_a_source_is_added_once(tanggap):
    add = ("source", "add", "crm", "--connector", "crm", "--url", "http://127.0.0.1:1")
    assert tanggap(*add, "--json").document == {
        "source": "crm",
        "connector": "crm",
        "url": "http://127.0.0.1:1",
        "every_s": 300,
    }
    assert failed(tanggap(*add), "source crm exists already")
    (item,) = tanggap("source", "list", "--json").document["items"]
    assert (item["source"], item["connector"], item["last_run"]) == ("crm", "crm", None)


@one_engine
def test_a_source_that_cannot_be_reached_is_one_line_and_on_record(tanggap):
    tanggap("source", "add", "crm", "--connector", "crm", "--url", "http://127.0.0.1:1", "--option", "rate=500")
    ran = tanggap("pull", "crm", "--json", log_level="ERROR")
    assert failed(ran, "127.0.0.1/api/public/dashboard/distribution-map could not be read")
    (item,) = tanggap("source", "list", "--json").document["items"]
    assert "could not be read" in item["last_error"]


@one_engine
def test_a_host_that_is_not_allowed_is_refused(tanggap):
    tanggap("source", "add", "crm", "--connector", "crm", "--url", "http://127.0.0.1:1")
    assert failed(tanggap("pull", "crm", allowed_source_hosts="crm.contoh.go.id"), "may not be called")


@one_engine
def test_a_source_whose_token_was_sealed_with_another_key_is_stopped_and_says_so(tanggap):
    tanggap("source", "add", "crm", "--connector", "crm", "--url", "http://127.0.0.1:1", "--token", "t")
    assert failed(tanggap("pull", "crm", secret_key="x" * 40), "sealed with another key")
    (item,) = tanggap("source", "list", "--json").document["items"]
    assert (item["next_run_at"], "another key" in item["last_error"]) == (None, True)


@one_engine
async def test_a_source_that_somebody_pulls_is_busy(tanggap, engine):
    tanggap("source", "add", "crm", "--connector", "crm", "--url", "http://127.0.0.1:1")
    async with writing(engine) as connection:
        source = await read_source(connection, "crm")
        await leases.take(connection, source.id, "crm", owner="lain:1", span=timedelta(hours=1))
    ran = tanggap("pull", "crm", "--json")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == "tanggap: source crm is being pulled by another worker; try again when it has finished\n"


async def test_a_pull_prints_its_tally_and_the_second_one_changes_nothing(tanggap, engine):
    code = f"JK{utc_now():%y%m%d}0001"
    now = utc_now().isoformat(timespec="seconds")
    feeds = Feeds()
    feeds.jaki = [jaki(code, "12 08:00", created_at=now, updated_at=now)]
    feeds.crm = [crm(1, code, "12 08:00", createdAt=now)]
    async with serving(feeds.answer) as server:
        for name in ("jaki", "crm"):
            add = ("source", "add", name, "--connector", name, "--url", server.url, "--token", "rahasia")
            assert (await asyncio.to_thread(tanggap, *add, "--option", "rate=500")).code == 0
        first, second = [await tally(tanggap, name) for name in ("jaki", "crm")]
        again = [await tally(tanggap, name) for name in ("jaki", "crm")]
        assert (await asyncio.to_thread(tanggap, "source", "check", "jaki")).out.startswith("JAKI answers")
        checked = (await asyncio.to_thread(tanggap, "source", "check", "jaki", "--json")).document
    assert (checked["source"], checked["reached"][:4]) == ("jaki", "JAKI")
    assert (first["pulled"], first["created"], first["source"]) == (1, 1, "jaki")
    assert (second["pulled"], second["linked"], second["source"]) == (1, 1, "crm")
    assert first["complete_through"].endswith("Z")
    assert [(each["pulled"], each["unchanged"]) for each in again] == [(1, 1), (1, 1)]


async def tally(tanggap, name):
    """The tally of a pull, beside this loop, which serves the source meanwhile."""
    ran = await asyncio.to_thread(tanggap, "pull", name, "--json")
    assert (ran.code, ran.err) == (0, "")
    return ran.document


# --- imports ---

BOSTON = ROOT / "connectors" / "spreadsheet" / "payloads" / "boston311.csv"


def test_an_import_prints_its_tally_and_the_second_one_changes_nothing(tanggap):
    first = tanggap("import", str(BOSTON), "--profile", "boston311", "--json")
    assert first.code == 0, first.err
    done = first.document
    assert done["pulled"] == done["created"] + done["rejected"] > 0
    again = tanggap("import", str(BOSTON), "--profile", "boston311", "--json").document
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, done["created"])


@one_engine
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nirgends.csv", "--profile", "boston311"), ("nirgends.csv is not a file",)),
        ((str(BOSTON), "--profile", "entah"), ("entah",)),
        ((str(BOSTON), "--profile", "boston311", "--option", "entah=1"), ("entah",)),
        ((str(ROOT / "README.md"), "--profile", "boston311"), ("the file has no header with case_enquiry_id",)),
    ],
    ids=["no file", "no profile", "no option", "no table"],
)
def test_an_import_that_cannot_be_is_one_line(tanggap, arguments, words):
    failed(tanggap("import", *arguments, "--json"), *words)


# --- clocks ---


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_every_worked_case_comes_out(bare, tmp_path, vector):
    case = tmp_path / "case.json"
    case.write_text(json.dumps({name: value for name, value in vector.items() if name not in ("name", "expect")}))
    ran = bare("sla", "preview", str(case))
    assert ran.code == 0, ran.err
    assert {name: ran.document[name] for name in vector["expect"]} == vector["expect"]


def test_a_case_comes_from_standard_input_too(bare):
    ran = bare("sla", "preview", "-", given=CASE)
    assert (ran.code, ran.err) == (0, "")
    assert (ran.document["state"], ran.document["remaining_seconds"]) == ("running", -3600)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (b"", ("is not JSON",)),
        (b"[]", ("a case is a JSON object",)),
        (b'{"target": {"unit": "abad", "amount": 1}, "events": [], "as_of": "2026-01-12T03:00:00Z"}', ("target.unit",)),
        (CASE.replace(b"03:00:00Z", b"03:00:00"), ("as_of",)),
        (CASE.replace(b"60", b"0"), ("target.amount",)),
    ],
)
def test_a_bad_case_is_one_line_that_names_the_field(bare, given, words):
    assert failed(bare("sla", "preview", "-", given=given), *words)


def test_a_case_that_is_no_file_is_one_line(bare):
    assert failed(bare("sla", "preview", "nirgends.json"), "nirgends.json cannot be read")


def test_a_case_may_name_a_stored_calendar(tanggap):
    working = json.loads(CASE) | {"calendar": "asn-dki", "target": {"unit": "working_day", "amount": 1}}
    ran = tanggap("sla", "preview", "-", given=json.dumps(working).encode())
    assert (ran.code, ran.document["due_at"]) == (0, "2026-01-13T09:00:00Z")
    unknown = json.dumps(working | {"calendar": "entah"}).encode()
    assert failed(tanggap("sla", "preview", "-", given=unknown), "calendar")


def test_verify_finds_a_figure_that_its_history_does_not_give_and_recompute_mends_it(tanggap, database_url):
    assert tanggap("import", str(BOSTON), "--profile", "boston311").code == 0
    good = tanggap("sla", "verify", "--json")
    assert (good.code, good.document["differences"], good.err) == (0, 0, "")
    assert good.document["complaints"] > 0
    engine = create_engine(make_engine(database_url).sync_engine.url.set(drivername=_sync(database_url)))
    with engine.begin() as connection:
        connection.execute(text("UPDATE sla_clock SET elapsed_s = elapsed_s + 1"))
        connection.execute(text("DELETE FROM queue_slot"))
    engine.dispose()
    bad = tanggap("sla", "verify", "--json")
    assert bad.code == 1
    assert bad.document["differences"] > bad.document["complaints"]
    assert bad.err.startswith("tanggap: ")
    assert "tanggap recompute" in bad.err
    assert tanggap("recompute", "--json").document == {"recomputed": good.document["complaints"]}
    assert tanggap("sla", "verify").code == 0


def _sync(url):
    return "sqlite" if url.startswith("sqlite") else "postgresql+psycopg"


# --- people, reference data, health ---


def test_a_token_is_shown_once_as_one_document(tanggap):
    ran = tanggap("token", "create", "--role", "viewer", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.document["token"].startswith("tgp_")


@one_engine
def test_a_token_for_an_unknown_unit_is_one_line(tanggap):
    assert failed(tanggap("token", "create", "--role", "officer", "--unit", "entah", "--json"), "entah")


def test_migrate_and_seed_twice_change_nothing_the_second_time(bare, empty_database_url):
    for _ in range(2):
        ran = bare("migrate", "--json", database_url=empty_database_url)
        assert (ran.code, ran.document["revision"]) == (0, head())
    first = bare("seed", "jakarta", "--json", database_url=empty_database_url).document["total"]
    second = bare("seed", "jakarta", "--json", database_url=empty_database_url).document["total"]
    assert first["added"] > 500
    assert second == {"added": 0, "changed": 0, "unchanged": first["added"]}


def test_doctor_says_what_is_missing_and_what_to_do(tanggap):
    ran = tanggap("doctor", "--json")
    assert ran.code == 1
    findings = ran.document["findings"]
    assert any("tanggap worker" in finding for finding in findings)
    assert any("tanggap source add" in finding for finding in findings)
    assert ran.err == f"tanggap: {len(findings)} things need attention\n"


@one_engine
def test_doctor_knows_a_database_that_is_not_migrated(bare, empty_database_url):
    ran = bare("doctor", database_url=empty_database_url)
    assert ran.code == 1
    assert "run tanggap migrate" in ran.out


def test_doctor_knows_a_database_that_does_not_answer(bare):
    ran = bare("doctor", database_url="postgresql+psycopg://postgres:sandi@127.0.0.1:1/tanggap")
    assert ran.code == 1
    assert "check TANGGAP_DATABASE_URL" in ran.out
    assert "sandi" not in ran.out + ran.err


@one_engine
def test_doctor_warns_of_a_short_key(tanggap):
    assert "could be guessed" in tanggap("doctor", secret_key="pendek").out


def test_doctor_tries_the_mail_server_and_tells_of_a_full_disk(tanggap):
    settings = {"smtp_url": "smtp://127.0.0.1:1", "operator_email": "ops@example.go.id", "disk_left_percent": 100}
    told = tanggap("doctor", **settings).out
    assert "the mail server 127.0.0.1:1 refuses connections" in told
    assert "is nearly full" in told and "Free or enlarge it" in told
    assert (
        "are to be told by e-mail, and it is not set up: set TANGGAP_SMTP_URL"
        in tanggap("doctor", operator_email="ops@example.go.id").out
    )


@one_engine
def test_a_sweep_says_what_it_raised(tanggap):
    tanggap("import", str(BOSTON), "--profile", "boston311", "--history")
    assert tanggap("alerts", "sweep", "--json").document == {"raised": 0, "advanced": 0}
