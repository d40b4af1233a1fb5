"""Messages and conversations: encodings, parts, attachments, senders, and whatever else people and programs send."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectors.mailbox
from connectors.contract import Complainant, IncomingComplaint, Reject
from connectors.mailbox.letters import TEXT_LIMIT, html_text, read_letter
from connectors.mailbox.mapping import Desk, to_complaint

PAYLOADS = Path(connectors.mailbox.__file__).parent / "payloads"
AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
DESK = Desk(ZoneInfo("Asia/Jakarta"))


def read(content: bytes, at: datetime | None = AT):
    return read_letter(content, received_at=at, size=len(content))


def message(*head: str, body: bytes = b"isi") -> bytes:
    return "\n".join(head).encode() + b"\n\n" + body


def mapped(*letters, **more) -> IncomingComplaint | Reject:
    raw = {"letters": [dict(one) for one in letters], "is_shared_id": False}
    return to_complaint(json.loads(json.dumps(raw | more)), DESK)


def payload(name: str, hours: int = 0):
    return read((PAYLOADS / f"{name}.eml").read_bytes(), AT + timedelta(hours=hours))


def test_a_message_becomes_a_private_complaint_whose_sender_is_sealed():
    found = mapped(payload("complaint"))
    assert (found.external_id, found.channel, found.source_status) == ("<1@warga.example>", "email", None)
    assert found.subject == "Lampu jalan mati"
    assert found.text == "Lampu jalan mati di depan café sejak kemarin.\nTerima kasih.\n[Lampiran: foto lampu.jpg]"
    assert (found.is_private, found.reported_at) == (True, AT)
    assert found.complainant == Complainant(name="Siti Contoh", email="siti@warga.example")
    told = f"{found.text} {found.subject} {found.unit_label} {found.address} {found.notices}"
    assert not any(name in told for name in ("Siti", "siti@"))


def test_an_answer_in_html_is_added_as_text():
    found = mapped(payload("complaint"), payload("answer", 3))
    assert found.text.endswith("[2026-11-24 11:00]\nMasih mati & gelap\n\nSiti")


def test_an_absence_note_is_a_reject():
    assert isinstance(mapped(payload("absence")), Reject)


def test_the_servers_time_counts_and_the_senders_only_where_there_is_none():
    content = message("Date: Mon, 1 Jan 1990 00:00:00 +0700", "Message-ID: <1@x>")
    assert mapped(read(content)).reported_at == AT
    sent = message("Date: Tue, 24 Nov 2026 08:00:00 +0700")
    assert mapped(read(sent, None)).reported_at == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    assert "when it came" in mapped(read(message("Date: besok"), None)).reason
    assert isinstance(mapped(read(content, None)), IncomingComplaint)


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        ("text/plain; charset=utf-8", "jalan café".encode(), "jalan café"),
        ("text/plain; charset=iso-8859-1", "jalan café".encode("latin-1"), "jalan café"),
        ("text/plain; charset=us-ascii", "jalan café".encode(), "jalan café"),
        ("text/plain; charset=utf-8", "jalan “café”".encode("cp1252"), "jalan “café”"),
        ("text/plain; charset=x-unknown", b"jalan", "jalan"),
        ("text/plain", "lampu \N{GRINNING FACE}".encode(), "lampu \N{GRINNING FACE}"),
        ("text/plain; charset=utf-16", "jalan".encode("utf-16"), "jalan"),
        ("text/plain", b"a\x00b\r\nc\rd", "ab\nc\nd"),
        ("text/plain", b"harga &amp; upah", "harga &amp; upah"),
        ("text/html", b"<p>a</p><script>alert(1)</script><p>b<br>c</p>", "a\n\nb\nc"),
        ("text/html", b"<p>a &amp;amp; b &lt;c&gt;", "a &amp; b <c>"),
        ("text/html", b"<!-- x > y --><DIV>a < 3\n dan b</DIV><style>p {}", "a < 3 dan b"),
        ("text/html", b"<title>x</title>a<br/>b <a href='x", "a\nb"),
        ("application/pdf", b"%PDF", "[Lampiran: application/pdf]"),
        ('multipart/mixed; boundary="x"', b"kosong", "kosong"),
        ("text", b"isi", "isi"),
    ],
)
def test_text_is_read_in_whatever_encoding_it_comes(head, body, expected):
    assert mapped(read(message(f"Content-Type: {head}", body=body))).text == expected


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("=?utf-8?b?TGFtcHU=?= =?utf-8?q?_mati?=", "Lampu mati"),
        ("Lampu\n mati", "Lampu mati"),
        ("=?utf-8?b?rusak", "=?utf-8?b?rusak"),
        ("=?x-unknown?q?Lampu?=", "=?x-unknown?q?Lampu?="),
        ("", None),
    ],
)
def test_a_subject_is_decoded_or_kept(subject, expected):
    assert mapped(read(message(f"Subject: {subject}"))).subject == expected


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("budi@warga.example", Complainant(email="budi@warga.example")),
        ('"Budi, S.H." <budi@warga.example>', Complainant(name="Budi, S.H.", email="budi@warga.example")),
        ("Budi <tanpa alamat>", Complainant(name="Budi")),
        ("", None),
    ],
)
def test_a_sender_is_a_name_and_an_address_as_far_as_they_are_given(sender, expected):
    assert mapped(read(message(f"From: {sender}"))).complainant == expected


@pytest.mark.parametrize(
    "head",
    [
        "Auto-Submitted: auto-generated",
        "Precedence: bulk",
        "List-Id: <berita.example>",
        "Content-Type: multipart/report; boundary=x",
        "From: postmaster@x.example",
    ],
)
def test_programs_are_told_by_their_headers(head):
    assert read(message(head))["is_automatic"]
    assert not read(message("Auto-Submitted: no", "From: warga@x.example"))["is_automatic"]


def test_a_message_inside_a_message_is_one_attachment():
    body = b"--x\nContent-Type: message/rfc822\n\nSubject: dalam\n\nrahasia dalam\n--x\n\nluar\n--x--\n"
    found = mapped(read(message('Content-Type: multipart/mixed; boundary="x"', body=body)))
    assert found.text == "luar\n[Lampiran: message/rfc822]"


def test_an_answer_is_told_without_what_it_repeats():
    quoting = "Masih mati\n\nOn Tue, Budi wrote:\n> Lampu mati\n>> lama\nTerima kasih"
    second = read(message("Message-ID: <2@x>", body=quoting.encode()))
    found = mapped(read(message("Message-ID: <1@x>")), second)
    assert found.text == "isi\n\n[2026-11-24 08:00]\nMasih mati\n\nTerima kasih"
    only = read(message("Message-ID: <2@x>", body=b"> Lampu mati"))
    assert mapped(read(message()), only).text.endswith("> Lampu mati")
    assert mapped(read(message(body=b"> kutipan pertama"))).text == "> kutipan pertama"


def test_only_harmless_ids_are_searched_for():
    found = read(
        message('Message-ID: <a"b@x>', 'In-Reply-To: <ok@x> <a\\b@x> <c" OR ALL "@x> nonsense', "References: <r@x>")
    )
    assert (found["message_id"], found["answers"]) == (None, ["<r@x>", "<ok@x>"])


def test_a_long_text_is_whole_up_to_the_limit():
    text = "kata " * 1700
    assert mapped(read(message(body=text.encode()))).text == text.strip()
    long = mapped(read(message(body=b"x" * 150_000)))
    assert (len(long.text), long.notices) == (100_000, ("text was cut at 100,000 characters",))


HOSTILE = ("<", "<a ", "<!--", "&", "<p>", "<style>", "<style></style", "<![", "&#", "<p ")


@pytest.mark.parametrize("piece", HOSTILE)
def test_the_time_for_hostile_markup_grows_no_faster_than_its_length(piece):
    def seconds(length: int) -> float:
        started = process_time()
        html_text(piece * (length // len(piece)))
        return process_time() - started

    assert seconds(TEXT_LIMIT) < 30 * max(seconds(TEXT_LIMIT // 10), 0.005)


def test_a_message_of_endless_parts_is_read_or_given_up():
    deep = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(3000))
    assert read(deep) is None or mapped(read(deep)).text is not None


HEADERS = ["From", "Subject", "Message-ID", "References", "Content-Type", "Content-Disposition", "Date", "Precedence"]


@given(st.binary(max_size=300), st.dictionaries(st.sampled_from(HEADERS), st.text(max_size=60), max_size=5))
def test_any_bytes_are_a_letter_or_none(body, head):
    lines = b"".join(f"{name}: {value}\n".encode("utf-8", "replace") for name, value in head.items())
    found = read(lines + b"\n" + body)
    assert found is None or isinstance(mapped(found), IncomingComplaint | Reject)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "html", "subject"]), inner),
    max_leaves=5,
)
LETTER = st.fixed_dictionaries({}, optional=dict.fromkeys(payload("complaint"), JSON))


@given(
    st.fixed_dictionaries({}, optional={"letters": st.lists(LETTER, max_size=3) | JSON, "is_shared_id": JSON}) | JSON
)
def test_mapping_never_raises(raw):
    assert isinstance(to_complaint(raw, DESK), IncomingComplaint | Reject)
