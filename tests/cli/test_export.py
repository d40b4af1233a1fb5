"""`tanggap export`: every complaint once, as a sheet or as one document, and no more than a list shows."""

from __future__ import annotations

import csv
import io
import json
import stat
from datetime import datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAPOR = ROOT / "connectors" / "lapor" / "payloads" / "laporan.csv"
BOSTON = ROOT / "connectors" / "spreadsheet" / "payloads" / "boston311.csv"

one_engine = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@pytest.fixture
def filled(tanggap):
    """Three complaints of the nation's system, one of them confidential, and three of another city."""
    for file, profile in ((LAPOR, "lapor"), (BOSTON, "boston311")):
        assert tanggap("import", str(file), "--profile", profile).code == 0
    return tanggap


def _rows(text):
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_every_complaint_comes_once_as_a_sheet_and_as_one_document(filled):
    document = filled("export", "--json").document
    assert datetime.fromisoformat(document["as_of"]).tzinfo is not None
    items = document["items"]
    assert len({item["id"] for item in items}) == len(items) == 6
    assert [item["reported_at"] for item in items] == sorted(item["reported_at"] for item in items)
    assert {"clocks", "sources", "next_due", "location", "unit"} <= items[0].keys()
    ran = filled("export")
    assert (ran.code, ran.err) == (0, "6 complaints.\n")
    assert [int(row["id"]) for row in _rows(ran.out)] == [item["id"] for item in items]


@one_engine
def test_confidential_words_are_in_no_export(filled):
    (row,) = (row for row in _rows(filled("export").out) if row["classification"] == "whistleblowing")
    assert row["text"] == ""
    assert "Dugaan pungutan" not in filled("export", "--json").out


@one_engine
@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (("--source", "lapor"), 3),
        (("--source", "lapor", "--source", "boston311"), 6),
        (("--unit", "us-boston"), 3),
        (("--status", "resolved", "--source", "boston311"), 2),
        (("--from", "2026-11-24", "--to", "2026-11-24"), 3),
        (("--to", "2022-01-10"), 1),
        (("--from", "2027-01-01"), 0),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_an_export_is_narrowed_by_unit_status_source_and_day(filled, arguments, count):
    assert len(filled("export", *arguments, "--json").document["items"]) == count
    assert len(_rows(filled("export", *arguments).out)) == count


@one_engine
@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--unit", "entah"), "unit: no unit is called 'entah'"),
        (("--source", "entah"), "source: no source is called 'entah'"),
        (("--from", "kemarin"), "YYYY-MM-DD"),
        (("--from", "2026-02-01", "--to", "2026-01-01"), "to: must not lie before from"),
        (("--to", "9999-12-31"), "to: "),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_an_export_that_cannot_be_is_one_line_and_leaves_no_file(filled, tmp_path, arguments, word):
    file = tmp_path / "keluhan.csv"
    ran = filled("export", *arguments, "--output", str(file))
    assert (ran.code, ran.out, len(ran.err.splitlines()), file.exists()) == (1, "", 1, False)
    assert word in ran.err


@one_engine
def test_an_export_goes_to_a_file_of_its_own_and_is_on_record(filled, tmp_path):
    file = tmp_path / "keluhan.csv"
    arguments = ("export", "--source", "lapor", "--from", "2026-11-01", "--output", str(file))
    ran = filled(*arguments)
    assert (ran.code, ran.out, stat.S_IMODE(file.stat().st_mode)) == (0, "", 0o600)
    assert len(_rows(file.read_text("utf-8"))) == 3
    assert filled(*arguments).code == 1
    trail = [json.loads(line) for line in filled("audit", "export").out.splitlines()]
    (noted,) = (each for each in trail if each["action"] == "complaint.export")
    assert (noted["actor"], noted["subject"]) == ("command line", "complaints")
    assert noted["details"] == {"filters": ["source=lapor", "from=2026-11-01"]}


@one_engine
def test_no_cell_begins_a_formula(tanggap, tmp_path):
    sheet = tmp_path / "rumus.csv"
    sheet.write_text(BOSTON.read_text("utf-8").replace(",Lamp out,", ",=HYPERLINK(1),"), "utf-8")
    assert tanggap("import", str(sheet), "--profile", "boston311").code == 0
    assert "'=HYPERLINK(1)" in {row["subject"] for row in _rows(tanggap("export").out)}
