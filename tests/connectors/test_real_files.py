"""The real files of three cities, in all their disguises; each row ends as a complaint or as a reject."""

from __future__ import annotations

import pytest

from connectors.contract import UnexpectedPayload
from connectors.spreadsheet.connector import open_file, read_file
from connectors.spreadsheet.profile import load_profile
from tests.conftest import SHARED_DATA

pytestmark = pytest.mark.skipif(
    not SHARED_DATA.is_dir(), reason=f"the real files are not beside this checkout ({SHARED_DATA})"
)


def read(name, profile):
    connector = open_file(SHARED_DATA / "csv" / name, profile)
    batches = list(read_file(connector.file, connector.profile))
    return [one for b in batches for one in b.complaints], [one for b in batches for one in b.rejects]


# case 61
def test_boston_judges_as_we_do_wherever_it_states_a_target():
    complaints, rejects = read("boston311-100.csv", "boston311")
    assert (len(complaints), rejects) == (100, [])
    verdicts = []
    for one in complaints:
        if one.due_at is not None:
            closed = one.events[1].at if len(one.events) > 1 else None
            verdict = "ONTIME" if closed is not None and closed <= one.due_at else "OVERDUE"
            verdicts.append((verdict, one.raw["ontime"]))
    assert (verdicts.count(("ONTIME", "ONTIME")), verdicts.count(("OVERDUE", "OVERDUE"))) == (72, 17)
    assert len(verdicts) == 89


def test_the_later_boston_file_differs_in_four_rows():
    before = {one.external_id: one.content_hash for one in read("boston311-100.csv", "boston311")[0]}
    after = {one.external_id: one.content_hash for one in read("boston311-100-diff.csv", "boston311")[0]}
    assert before.keys() == after.keys()
    assert sum(before[key] != after[key] for key in before) == 4


@pytest.mark.parametrize(
    "name",
    ["boston311-100.csv.gz", "boston311-100.csv.zip", "boston311-100.tab", "boston311-100-with-nonascii.csv"],
)
def test_boston_in_disguise_is_the_same_hundred(name):
    plain = {one.external_id for one in read("boston311-100.csv", "boston311")[0]}
    complaints, rejects = read(name, "boston311")
    assert ({one.external_id for one in complaints}, rejects) == (plain, [])


def test_boston_as_json_lines_has_the_same_meaning():
    plain = {
        one.external_id: (one.reported_at, one.due_at, one.events) for one in read("boston311-100.csv", "boston311")[0]
    }
    lines = {
        one.external_id: (one.reported_at, one.due_at, one.events)
        for one in read("boston311-100.jsonl", "boston311")[0]
    }
    assert lines == plain


# case 5
def test_boston_without_times_states_days():
    complaints, _ = read("boston311-100-notime.csv", "boston311")
    assert {one.time_precision.value for one in complaints} == {"day"}
    assert {one.due_at.strftime("%H:%M:%S") for one in complaints if one.due_at} == {"23:59:59"}


# case 6
def test_boston_day_first_is_refused_row_by_row_and_read_when_told():
    complaints, rejects = read("boston311-dmy-100.csv", "boston311")
    assert (len(complaints), len(rejects)) == (0, 100)
    told = open_file(SHARED_DATA / "csv" / "boston311-dmy-100.csv", "boston311", {"time_format": "%d/%m/%Y %H:%M:%S"})
    plain = {one.external_id: one.reported_at for one in read("boston311-100.csv", "boston311")[0]}
    batches = list(read_file(told.file, told.profile))
    assert {one.external_id: one.reported_at for b in batches for one in b.complaints} == plain


# cases 22, 45
def test_boston_with_doubles_and_bad_rows_is_accounted_for():
    doubles, _ = read("boston311-100-20dupes-random.csv", "boston311")
    assert (len(doubles), len({one.external_id for one in doubles})) == (100, 80)
    complaints, rejects = read("boston311-100-bad.tsv", "boston311")
    assert (len(complaints), [one.reason for one in rejects]) == (99, ["the row has 30 cells where the header has 29"])


@pytest.mark.parametrize(
    ("name", "profile", "rows", "dues"),
    [
        ("nyc311-100.csv", "nyc311", 100, 42),
        ("nyc311_2013_12_25.csv", "nyc311", 2386, 445),
        ("la311_2020_10k.csv", "la311", 10_000, 7_703),
    ],
)
def test_every_row_of_a_large_file_is_accounted_for(name, profile, rows, dues):
    complaints, rejects = read(name, profile)
    assert len(complaints) + len(rejects) == rows
    assert rejects == []
    assert sum(one.due_at is not None for one in complaints) == dues
    known = load_profile(profile)
    assert {known.status_of(one.source_status) for one in complaints} <= set(known.status_words.values())
    for one in complaints:
        assert all(event.at >= one.reported_at for event in one.events)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("password-protected-password123.xlsx", "encrypted"),
        ("excel-xlsx.xlsx", "header"),
        ("inputcommenttest.csv", "header"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_a_sentence(name, sentence):
    with pytest.raises(UnexpectedPayload, match=sentence):
        read(name, "boston311")
