"""What cannot start or go on says so in one line: a port that is taken, a file that is no database, a newer one."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

ROOT = Path(__file__).resolve().parents[2]
BOSTON = ROOT / "connectors" / "spreadsheet" / "payloads" / "boston311.csv"

one_engine = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@pytest.mark.parametrize("command", ["serve", "demo", "demo-feeds"])
def test_a_port_that_is_taken_is_one_line(bare, command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = bare(command, "--port", str(port))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"tanggap: cannot listen on 127.0.0.1, port {port}: Address already in use\n"


@pytest.mark.parametrize(
    "arguments",
    [("serve", "--port", "99999"), ("demo-feeds", "--port", "-5"), ("demo-feeds", "--per-day", "0")],
    ids=" ".join,
)
def test_a_number_out_of_range_is_wrong_usage(bare, arguments):
    ran = bare(*arguments)
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize("arguments", [("migrate",), ("source", "list"), ("worker",)], ids=" ".join)
def test_a_file_that_is_no_database_is_one_line(bare, tmp_path, arguments):
    file = tmp_path / "catatan.db"
    file.write_bytes(b"ini bukan basis data\n" * 100)
    ran = bare(*arguments, database_url=f"sqlite:///{file}", log_level="ERROR")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "tanggap: the database refuses: file is not a database (tanggap doctor says more)\n"


def test_a_database_of_a_newer_program_is_one_line(bare, database_url):
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    ran = bare("migrate", database_url=database_url)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)
    assert "'9999'" in ran.err
    assert "may be older" in ran.err


@one_engine
@pytest.mark.parametrize("arguments", [("pull",), ("source", "check"), ("source", "reconcile")], ids=" ".join)
def test_a_source_that_is_read_from_files_cannot_be_asked(tanggap, arguments):
    assert tanggap("import", str(BOSTON), "--profile", "boston311").code == 0
    ran = tanggap(*arguments, "boston311")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "tanggap: source boston311 is read from files; import one instead\n"
