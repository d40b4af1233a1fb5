"""Spreadsheets: every disguise of a file, every oddity of a row, and the profiles of three cities."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import random
import tracemalloc
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectors.spreadsheet
from connectors.contract import (
    IncomingComplaint,
    InvalidOption,
    Reject,
    SourceUnavailable,
    TimePrecision,
    UnexpectedPayload,
    Window,
)
from connectors.spreadsheet.connector import open_file, read_file
from connectors.spreadsheet.mapping import to_complaint
from connectors.spreadsheet.profile import load_profile, parse_profile, profile_names

PAYLOADS = Path(connectors.spreadsheet.__file__).parent / "payloads"
BOSTON = load_profile("boston311")
NYC = load_profile("nyc311")
LA = load_profile("la311")

PROFILE = parse_profile(
    "kota",
    {
        "timezone": "Asia/Jakarta",
        "times": ["%d/%m/%Y %H:%M"],
        "columns": {"external_id": "no", "reported_at": "masuk", "status": "status", "text": ["isi"]},
        "status_words": {"Baru": "received", "Selesai": "resolved"},
        "missing": ["kosong"],
        "encoding": "cp1252",
        "comment": "#",
    },
)
HEADER = ["no", "masuk", "status", "isi"]
ROWS = [["001", "21/01/2026 13:47", "Baru", "lampu mati"], ["002", "22/01/2026 08:00", "Selesai", "sampah"]]


def table(rows, delimiter=",", end="\n") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    return text.getvalue().encode()


def workbook(*sheets, title="Sheet") -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"{title}{number}")
        for row in rows:
            sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def packed(*members) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members:
            archive.writestr(name, body)
    return content.getvalue()


def read(file, profile=PROFILE, **more) -> tuple[list[IncomingComplaint], list[Reject]]:
    batches = list(read_file(file, profile, **more))
    return [one for b in batches for one in b.complaints], [one for b in batches for one in b.rejects]


PLAIN = table([HEADER, *ROWS])
DATES = [datetime(2026, 1, 21, 13, 47), datetime(2026, 1, 22, 8, 0)]  # noqa: DTZ001 - workbooks know no zones
DISGUISES = {
    "csv": PLAIN,
    "byte order mark": b"\xef\xbb\xbf" + PLAIN,
    "utf-16": PLAIN.decode().encode("utf-16"),
    "tabs": table([HEADER, *ROWS], "\t"),
    "semicolons": table([HEADER, *ROWS], ";"),
    "empty trailing columns": table([[*HEADER, "", ""], *([*row, "", "", ""] for row in ROWS)], ";"),
    "carriage returns": table([HEADER, *ROWS], end="\r"),
    "both": table([HEADER, *ROWS], end="\r\n"),
    "comments and blank lines": b"# a comment\n\n" + PLAIN.replace(b"002", b"# middle\n\n002") + b"\n# end\n",
    "a title above": b"Laporan 2026,,,\n,,,\n" + PLAIN,
    "gz": gzip.compress(PLAIN),
    "zip": packed(("data.csv", PLAIN), ("__MACOSX/._data.csv", b"x")),
    "header in capitals": PLAIN.replace(b"no,masuk", b" NO ,Masuk"),
    "xlsx": workbook([HEADER, *ROWS]),
    "xlsx with dates": workbook([HEADER, *([row[0], date, *row[2:]] for row, date in zip(ROWS, DATES, strict=True))]),
    "xlsx, second sheet, third row": workbook([["notes"]], [["Laporan"], [], HEADER, *ROWS]),
    "json lines": "\n".join(json.dumps(dict(zip(HEADER, row, strict=True))) for row in ROWS).encode(),
}


# cases 44, 45, 47
@pytest.mark.parametrize("content", DISGUISES.values(), ids=DISGUISES)
def test_a_file_is_read_whatever_it_looks_like(content):
    complaints, rejects = read(content)
    assert rejects == []
    assert [(one.external_id, one.source_status, one.text) for one in complaints] == [
        ("001", "Baru", "lampu mati"),
        ("002", "Selesai", "sampah"),
    ]
    assert [one.reported_at.isoformat() for one in complaints] == [
        "2026-01-21T13:47:00+07:00",
        "2026-01-22T08:00:00+07:00",
    ]


def test_the_hash_does_not_depend_on_the_order_of_columns():
    turned = [list(reversed(row)) for row in [HEADER, *ROWS]]
    assert [one.content_hash for one in read(table(turned))[0]] == [one.content_hash for one in read(PLAIN)[0]]


# case 41
def test_the_encoding_of_the_profile_is_used_where_the_file_is_not_utf_8():
    assert read(PLAIN.replace(b"sampah", b"caf\xe9"))[0][1].text == "café"
    with pytest.raises(UnexpectedPayload, match="UTF-8"):
        read(table([["case_enquiry_id", "open_dt", "case_status"]]) + b"\xe9", BOSTON)


def test_a_late_bad_byte_is_found_before_anything_is_given_out():
    rows = [[f"{n}", "21/01/2026 13:47", "Baru", "x" * 1000] for n in range(3000)]
    assert len(read(table([HEADER, *rows]) + b"9,21/01/2026 13:47,Baru,caf\xe9\n")[0]) == 3001


REFUSED = {
    "nothing": b"",
    "no header": b"a,b,c\n1,2,3\n",
    "binary": bytes(range(256)) * 20 + b"\x00" * 5000,
    "two in a zip": packed(("a.csv", PLAIN), ("b.csv", PLAIN)),
    "a damaged zip": packed(("a.csv", PLAIN))[:-30],
    "a cut off gz": gzip.compress(PLAIN)[:-10],
    "a damaged workbook": workbook([HEADER, *ROWS])[:-200],
    "a workbook without a header": workbook([["a"], ["b"]]),
    "a workbook in a gz": gzip.compress(workbook([HEADER])),
    "an old file format": bytes.fromhex("d0cf11e0a1b11ae1") + b"\x00" * 3000,
    "an encrypted one": bytes.fromhex("d0cf11e0a1b11ae1") + "EncryptedPackage".encode("utf-16-le"),
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_a_file_of_another_kind_is_refused_with_a_sentence(content):
    with pytest.raises((UnexpectedPayload, SourceUnavailable)):
        read(content)


@pytest.mark.parametrize("name", ["a damaged zip", "a cut off gz"])
def test_a_file_that_somebody_may_still_be_writing_is_tried_again(name):
    with pytest.raises(SourceUnavailable):
        read(REFUSED[name])


# case 46
def test_an_encrypted_workbook_is_named_as_such():
    with pytest.raises(UnexpectedPayload, match="encrypted"):
        read(REFUSED["an encrypted one"])


def test_a_sheet_with_two_cells_far_apart_does_not_fill_the_memory():
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "no", "x"
    content = io.BytesIO()
    book.save(content)
    with pytest.raises(UnexpectedPayload, match="cells"):
        read(content.getvalue())


def test_an_absent_file_is_refused_with_its_name(tmp_path):
    with pytest.raises(SourceUnavailable, match=r"absent\.csv"):
        list(read_file(tmp_path / "absent.csv", PROFILE))


def test_a_missing_column_is_named():
    with pytest.raises(UnexpectedPayload, match="status"):
        read(table([["no", "masuk", "isi"], ["1", "2", "3"]]))


# cases 37, 45
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["003"], "1 cells"),
        (["003", "21/01/2026 13:47", "Baru", "a", "b"], "5 cells"),
        (["", "21/01/2026 13:47", "Baru", "a"], "no is missing"),
        (["kosong", "21/01/2026 13:47", "Baru", "a"], "no is missing"),
        (["003", "01/21/2026 13:47", "Baru", "a"], "masuk is missing or in none"),
        (["003", "", "Baru", "a"], "masuk is missing or in none"),
        (["003", "01/01/0001 00:00", "Baru", "a"], "masuk is missing or in none"),
    ],
)
def test_a_bad_row_is_a_reject_and_the_others_come(row, reason):
    complaints, rejects = read(table([HEADER, ROWS[0], row, ROWS[1]]))
    assert [one.external_id for one in complaints] == ["001", "002"]
    assert reason in rejects[0].reason
    assert set(row) <= set(rejects[0].raw.get("cells", rejects[0].raw.values()))


def test_a_quoted_cell_that_never_ends_is_one_reject_with_its_text():
    rows = [[f"{n:04}", "21/01/2026 13:47", "Baru", "y" * 60] for n in range(4000)]
    broken = PLAIN + b'003,21/01/2026 13:47,Baru,"open\n' + table(rows)
    complaints, rejects = read(broken)
    assert len(complaints) > 1000
    assert any("cannot be read" in one.reason and '"open' in one.raw["text"] for one in rejects)


def test_the_same_bad_row_is_the_same_reject_wherever_it_stands():
    first = read(table([HEADER, ["003"], *ROWS]))[1][0]
    last = read(table([HEADER, *ROWS, ["003"]]))[1][0]
    assert first.content_hash == last.content_hash


# case 42
def test_line_breaks_inside_a_quoted_cell_belong_to_it():
    assert read(table([HEADER, ["1", "21/01/2026 13:47", "Baru", "satu\n\ndua"]]))[0][0].text == "satu\n\ndua"


# case 22
def test_two_rows_with_one_id_both_come_in_order():
    rows = [ROWS[0], [*ROWS[0][:2], "Selesai", "lagi"]]
    assert [one.source_status for one in read(table([HEADER, *rows]))[0]] == ["Baru", "Selesai"]


# cases 20, 46
def test_ids_in_a_workbook_are_digits_without_a_point_and_rounded_ones_are_rejected():
    rows = [[170339.0, "21/01/2026 13:47", "Baru", "a"], [3171234567890123.0, "21/01/2026 13:47", "Baru", "b"]]
    complaints, rejects = read(workbook([HEADER, *rows]))
    assert [one.external_id for one in complaints] == ["170339"]
    assert "digits" in rejects[0].reason


def test_columns_of_one_name_are_kept_apart():
    found = read(table([[*HEADER, "isi", ""], [*ROWS[0], "kedua", "lagi"]]), delimiter=",")
    assert found[0] == []
    assert "6 cells where the header has 5" in found[1][0].reason
    kept = read(table([[*HEADER, "isi"], [*ROWS[0], "kedua"]]))[0][0]
    assert (kept.text, kept.raw["isi (5)"]) == ("lampu mati", "kedua")


# case 6
def test_a_given_delimiter_and_time_format_win_over_the_profile(tmp_path):
    file = tmp_path / "x.csv"
    file.write_bytes(table([HEADER, ["1", "2026.01.21", "Baru", "a"]], "|"))
    connector = open_file(file, PROFILE, {"delimiter": "pipe", "time_format": "%Y.%m.%d"})
    found = next(read_file(connector.file, connector.profile, delimiter=connector.delimiter)).complaints[0]
    assert (found.reported_at.isoformat(), found.time_precision) == ("2026-01-21T00:00:00+07:00", TimePrecision.DAY)


def test_an_interrupted_import_goes_on_and_a_finished_one_starts_again():
    rows = [[f"{n}", "21/01/2026 13:47", "Baru", "a"] for n in range(1100)]
    content = table([HEADER, *rows])
    first, second, third = read_file(content, PROFILE)
    assert [len(one.complaints) for one in (first, second, third)] == [500, 500, 100]
    rest = list(read_file(content, PROFILE, cursor=first.cursor))
    assert [batch.complaints[0].external_id for batch in rest] == ["500", "1000"]
    assert len(list(read_file(content, PROFILE, cursor=third.cursor))) == 3
    assert len(list(read_file(content + b"\n", PROFILE, cursor=first.cursor))) == 3


def test_a_header_without_rows_is_one_empty_batch():
    assert [(one.complaints, one.rejects) for one in read_file(table([HEADER]), PROFILE)] == [((), ())]


def test_memory_stays_flat_however_long_the_file_is(tmp_path):
    peaks = []
    for count in (1_000, 4_000):
        file = tmp_path / f"{count}.csv"
        with file.open("w") as out:
            csv.writer(out).writerows(
                [HEADER, *([f"{n}", "21/01/2026 13:47", "Baru", "z" * 100] for n in range(count))]
            )
        tracemalloc.start()
        assert sum(len(batch.complaints) for batch in read_file(file, PROFILE)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5 + 1024 * 1024


CELL = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(max_size=30)
    | st.sampled_from(["1/1/20 0:00", "Closed"])
)


@given(st.sampled_from([BOSTON, NYC, LA, PROFILE]), st.data())
def test_mapping_never_raises(profile, data):
    raw = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(profile.columns.named(), CELL)))
    assert isinstance(to_complaint(raw, profile), IncomingComplaint | Reject)


@given(st.binary(max_size=300), st.sampled_from([b"", PLAIN[:30], b"PK\x03\x04", b"\x1f\x8b", b"{"]))
def test_any_bytes_are_read_or_refused(content, start):
    try:
        read(start + content)
    except (UnexpectedPayload, SourceUnavailable) as error:
        assert str(error)


# case 61
def test_boston_rows_state_their_own_due_time_and_close_by_their_word():
    complaints, rejects = read(PAYLOADS / "boston311.csv", BOSTON)
    done, open_one, wrong = complaints
    assert [event.label for event in done.events] == ["Open", "Closed"]
    assert done.events[1].at.isoformat() == "2022-01-11T09:15:00-05:00"
    assert (done.due_at.isoformat(), done.unit_label, done.channel) == ("2022-01-12T08:30:00-05:00", "PWDx", "app")
    assert (done.category, done.ticket_code, done.text) == ("Street Light Outage", None, "Lamp out")
    assert open_one.due_at.isoformat() == "2022-01-12T23:59:59-05:00"
    assert (open_one.channel, open_one.address, open_one.lat) == ("Carrier Pigeon", None, None)
    assert [event.label for event in wrong.events] == ["Open"]
    assert wrong.notices == ("a closing time before the opening was left out",)
    assert (wrong.source_status, wrong.lat) == ("Closed", None)
    assert "case_enquiry_id" in rejects[0].reason


# cases 5, 14
def test_new_york_writes_days_as_midnight():
    timed, day, same_day, pending = read(PAYLOADS / "nyc311.csv", NYC)[0]
    assert [one.time_precision.value for one in (timed, day, same_day, pending)] == ["second", "day", "day", "second"]
    assert day.events[1].at == day.reported_at
    assert same_day.events[1].at == same_day.reported_at
    assert same_day.due_at.isoformat() == "2013-12-25T23:59:59-05:00"
    assert same_day.address is None
    assert (len(pending.events), NYC.status_of(pending.source_status)) == (1, "in_progress")
    assert pending.notices == ("a closing time of a complaint that is not closed was left out",)


# cases 7, 13, 14
def test_los_angeles_has_service_days_cancelled_and_undated_rows():
    done, cancelled, undated = read(PAYLOADS / "la311.csv", LA)[0]
    assert (done.due_at.isoformat(), done.time_precision.value) == ("2020-01-02T23:59:59-08:00", "minute")
    assert done.reported_at.isoformat() == "2020-01-01T00:05:00-08:00"
    assert (cancelled.due_at, LA.status_of(cancelled.source_status), cancelled.is_anonymous) == (
        None,
        "withdrawn",
        True,
    )
    assert (undated.source_status, len(undated.events)) == ("Closed", 1)
    assert "closed without a closing time" in undated.notices


@pytest.mark.parametrize("name", [name for name in profile_names() if name != "lapor"])
def test_a_city_profile_brings_units_and_families_of_its_own(name):
    traits = open_file(b"", name).traits
    assert traits.unit_root[0].startswith("us-")
    assert traits.policy_families == ("source",)
    assert traits.status_words["closed"] == "resolved"
    assert load_profile(name).status_of(load_profile(name).opening_status) == "received"


@pytest.mark.parametrize("name", ["", "../boston311", "absent", "BOSTON311", "absent.toml"])
def test_an_unknown_profile_is_named(name):
    with pytest.raises(InvalidOption) as caught:
        load_profile(name)
    assert caught.value.name == "profile"


GOOD = {"timezone": "UTC", "times": ["%Y-%m-%d"], "columns": {"external_id": "a", "reported_at": "b"}}


@pytest.mark.parametrize(
    "change",
    [
        {"columns": {"external_id": "a"}},
        {"columns": {"external_id": "a", "reported_at": "b", "colour": "c"}},
        {"timezone": "Mars/Base"},
        {"times": []},
        {"times": ["%H:%M"]},
        {"status_words": {"Done": "finished"}},
        {"unit_root": {"code": "x"}},
        {"bounds": [1, 2]},
        {"colour": "red"},
        {"encoding": "utf-99"},
        {"delimiter": "::"},
        {"opening_status": "Open"},
        {"connector": "crm"},
        {"columns": {"external_id": "a", "reported_at": 7}},
    ],
)
def test_a_faulty_profile_is_refused(change):
    assert parse_profile("good", GOOD).columns.external_id == "a"
    with pytest.raises(InvalidOption):
        parse_profile("bad", GOOD | change)


def test_a_profile_may_be_a_file_of_ones_own(tmp_path):
    file = tmp_path / "kota.toml"
    file.write_text(
        'timezone = "Asia/Jakarta"\ntimes = ["%d/%m/%Y %H:%M"]\n[columns]\nexternal_id = "no"\nreported_at = "masuk"\n'
    )
    assert len(read(PLAIN, load_profile(str(file)))[0]) == 2
    file.write_text("times = [")
    with pytest.raises(InvalidOption, match="TOML"):
        load_profile(str(file))


async def test_the_pull_of_a_file_needs_no_client_and_is_complete_until_the_file_was_written(tmp_path):
    window = Window(until=datetime.fromisoformat("2026-11-24T12:00:00+07:00"))
    file = tmp_path / "boston.csv"
    file.write_bytes((PAYLOADS / "boston311.csv").read_bytes())

    async def pulled(written_at):
        os.utime(file, (written_at.timestamp(), written_at.timestamp()))
        return [one async for one in open_file(file, "boston311").pull(None, None, window)]

    (batch,) = await pulled(window.until - timedelta(hours=2))
    assert (len(batch.complaints), len(batch.rejects)) == (3, 1)
    assert batch.complete_through == window.until - timedelta(hours=2)
    assert (await pulled(window.until + timedelta(days=1)))[-1].complete_through == window.until
    (given,) = [one async for one in open_file(file.read_bytes(), "boston311").pull(None, None, window)]
    assert given.complete_through is None


def test_rows_in_any_order_give_the_same_complaints():
    rows = [[f"{n}", "21/01/2026 13:47", "Baru", "a"] for n in range(50)]
    mixed = random.Random(7).sample(rows, len(rows))
    assert {one.content_hash for one in read(table([HEADER, *rows]))[0]} == {
        one.content_hash for one in read(table([HEADER, *mixed]))[0]
    }
