"""SP4N-LAPOR: what the rows of its exports become, in the oddities that regencies' files have."""

from __future__ import annotations

import csv
import io
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest

import app.seed.files
import connectors
from connectors.contract import IncomingComplaint, InvalidOption, Reject, fold_word
from connectors.registry import CONNECTORS
from connectors.spreadsheet.connector import open_file, read_file

PAYLOAD = Path(connectors.__file__).parent / "lapor" / "payloads" / "laporan.csv"
HEADER = ["tracking_id", "tanggal_masuk", "dinas_tujuan", "kategori", "status", "isi_laporan_awal"]


def read(file, **options) -> tuple[list[IncomingComplaint], list[Reject]]:
    connector = open_file(file, "lapor", options)
    batches = list(read_file(connector.file, connector.profile))
    return [one for b in batches for one in b.complaints], [one for b in batches for one in b.rejects]


def rows(*cells) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows([HEADER, *cells])
    return text.getvalue().encode()


def row(**changes) -> list[str]:
    plain = dict(zip(HEADER, ["#1", "24/11/2026 08:00", "DINAS X", "Sampah", "Proses", "isi"], strict=True))
    return list((plain | changes).values())


def one(**changes) -> IncomingComplaint | Reject:
    complaints, rejects = read(rows(row(**changes)))
    return [*complaints, *rejects][0]


# cases 45, 64
def test_a_row_becomes_a_complaint_of_sp4n_and_never_one_of_our_tickets():
    (first, second, third), (reject,) = read(PAYLOAD)
    assert (first.external_id, first.channel, first.ticket_code) == ("1916001", "lapor", None)
    assert (first.quoted_codes, first.unit_label) == (("JK2611200007",), "DINAS BINA MARGA")
    assert (first.category, first.classification) == ("Jalan, Trotoar ", "complaint")
    assert (first.is_anonymous, first.is_confidential) == (True, False)
    assert (first.source_status, first.events) == ("Terdisposisi", ())
    assert (second.classification, second.is_anonymous, second.is_confidential) == ("information", False, False)
    assert (third.classification, third.is_anonymous, third.is_confidential) == ("whistleblowing", True, True)
    assert (reject.external_id, "tanggal_masuk" in reject.reason) == ("1916004", True)
    assert not CONNECTORS["lapor"].build(url=str(PAYLOAD), token=None, options={}).carries_ticket_codes


def test_a_whistle_is_confidential_whatever_the_flag_says():
    given = b"tracking_id,tanggal_masuk,status,klasifikasi,rahasia\n1,2026-11-24,Proses,wbs,0\n"
    (found,), _ = read(given)
    assert found.is_confidential


@pytest.mark.parametrize("code", ["#1916449", "1916449", " #1916449 "])
def test_a_tracking_id_is_the_same_with_and_without_its_mark(code):
    assert one(tracking_id=code).external_id == "1916449"


@pytest.mark.parametrize("code", ["", "#", "-"])
def test_a_row_without_a_tracking_id_is_a_reject(code):
    assert isinstance(one(tracking_id=code), Reject)


# case 1
def test_times_that_are_utc_are_read_so_when_told():
    content = rows(row(tanggal_masuk="2023-01-24 10:26:00.000"))
    assert read(content)[0][0].reported_at == datetime(2023, 1, 24, 3, 26, tzinfo=UTC)
    assert read(content, timezone="UTC")[0][0].reported_at == datetime(2023, 1, 24, 10, 26, tzinfo=UTC)
    with pytest.raises(InvalidOption):
        read(content, timezone="Mars/Base")


# cases 2, 46
def test_a_column_of_dates_and_texts_is_read_as_one():
    book = openpyxl.Workbook()
    for cells in (
        HEADER,
        [1.0, datetime(2026, 11, 24, 8, 0), "D", "S", "Proses", "#N/A"],  # noqa: DTZ001 - workbooks know no zones
        ["#2", "2026-11-24 08:00:00.000", "D", "S", "Proses", "isi"],
    ):
        book.active.append(cells)
    content = io.BytesIO()
    book.save(content)
    complaints, rejects = read(content.getvalue())
    assert rejects == []
    assert [found.external_id for found in complaints] == ["1", "2"]
    assert {found.reported_at for found in complaints} == {datetime(2026, 11, 24, 1, 0, tzinfo=UTC)}


# case 6
@pytest.mark.parametrize(
    "text", ["04/02/2026 08:00", "04-02-2026 08:00:00", "2026-02-04 08:00:00", "2026-02-04T08:00:00+07:00"]
)
def test_a_day_that_could_be_a_month_is_a_day(text):
    assert one(tanggal_masuk=text).reported_at == datetime(2026, 2, 4, 1, 0, tzinfo=UTC)


# case 6
def test_a_month_first_is_a_reject_and_never_guessed():
    assert isinstance(one(tanggal_masuk="01/21/2026 08:00"), Reject)


# cases 41, 42, 43, 48, 49
@pytest.mark.parametrize(
    "text",
    [
        "â€œlampu matiâ€\x9d",
        r"baris satu\nbaris dua",
        "baris_x000D_ dua",
        "lampu \N{GRINNING FACE} \u200bmati",
        "kata " * 1694 + "k",
    ],
)
def test_odd_texts_are_stored_as_they_are(text):
    assert one(isi_laporan_awal=text).text == text


# case 43
def test_entities_are_unescaped_once():
    assert one(isi_laporan_awal="berlubang &amp;amp sehingga").text == "berlubang &amp sehingga"


# cases 55, 57
def test_words_are_known_whatever_their_case_and_others_kept():
    profile = open_file(b"", "lapor").profile
    assert profile.status_of("  SELESAI ") == "resolved"
    assert (one(status="Kata Baru").source_status, profile.status_of("Kata Baru")) == ("Kata Baru", None)
    assert one(kategori="Sampah ").category == "Sampah "


def test_its_words_are_those_of_the_reference_data():
    file = Path(app.seed.files.__file__).parent / "status_words.toml"
    groups = tomllib.loads(file.read_text("utf-8"))["source"]
    (seeded,) = (group["words"] for group in groups if "lapor" in group["connectors"])
    profile = open_file(b"", "lapor")
    assert {fold_word(word): status for word, status in seeded.items()} == profile.traits.status_words
    assert (profile.name, profile.traits.policy_families, profile.traits.unit_root) == ("lapor", None, None)


def test_the_profile_is_not_an_option():
    with pytest.raises(InvalidOption) as caught:
        CONNECTORS["lapor"].build(url="a.csv", token=None, options={"profile": "boston311"})
    assert caught.value.name == "profile"
