"""Oddities of files that real cities publish, each in a row or two."""

from __future__ import annotations

from datetime import UTC, datetime

import openpyxl
import pytest

from connectors.spreadsheet.connector import open_file, read_file

BOSTON = "case_enquiry_id,open_dt,closed_dt,case_status,closure_reason,case_title\n"
LA = "srnumber,requesttype,status,createddate,updateddate,closeddate\n"


def read(file, profile):
    connector = open_file(file, profile)
    return [one for batch in read_file(connector.file, connector.profile) for one in batch.complaints]


# case 15
def test_a_time_of_change_before_the_closing_moves_nothing():
    (found,) = read((LA + "1-1,Bulky Items,Closed,1/1/20 0:05,1/1/20 9:00,1/2/20 8:43\n").encode(), "la311")
    assert found.events[-1].at == datetime(2020, 1, 2, 16, 43, tzinfo=UTC)
    assert found.updated_at == datetime(2020, 1, 1, 17, 0, tzinfo=UTC)


# cases 18, 64
def test_a_date_in_a_text_stays_text_and_the_officer_it_names_stays_in_the_raw_record():
    reason = "Case Closed. Closed date : Wed Jan 19 11:42:16 EST 2022 by Officer Sample 617-555-0100"
    (found,) = read(
        (BOSTON + f"1,2022-01-19 11:18:00,2022-01-19 11:42:16,Closed,{reason},Sign\n").encode(), "boston311"
    )
    assert found.raw["closure_reason"] == reason
    assert (found.text, found.notices) == ("Sign", ())
    assert [event.label for event in found.events] == ["Open", "Closed"]


# case 41
@pytest.mark.parametrize("text", ["â€œSignâ€\x9d", "Ã— 2", "“Sign” × 2"])
def test_what_was_garbled_before_us_is_kept_and_not_mended(text):
    content = (BOSTON + f"1,2022-01-19 11:18:00,,Open,,{text}\n").encode("utf-8-sig")
    assert read(content, "boston311")[0].text == text


# case 47
def test_a_workbook_that_calls_itself_a_csv_is_a_workbook(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(BOSTON.strip().split(","))
    book.active.append([101004143000, "2022-01-19 11:18:00", None, "Open", None, "Sign"])
    file = tmp_path / "boston.csv"
    book.save(file)
    assert [one.external_id for one in read(file, "boston311")] == ["101004143000"]


# case 65
def test_a_row_without_any_text_is_a_complaint():
    (found,) = read((BOSTON + "1,2022-01-19 11:18:00,,Open,,\n").encode(), "boston311")
    assert (found.text, found.subject) == ("", None)
