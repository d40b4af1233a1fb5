"""Mail: real SMTP on loopback, what the letter is, what is tried again and what is dead at once."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import insert, update

from app.alerts.contents import AlertFacts, Alerts, Content, Correction, Digest, DigestItem, Incident
from app.alerts.delivery import Sent
from app.alerts.mail import MailNotifier, MailServer, compose, is_address
from app.alerts.notifiers import EMAIL, Answer, Notice, Person, UnreachableNotifier
from app.complaint.roles import Role
from app.db.session import writing
from app.db.states import DeliveryKind, DeliveryState
from tests.alerts.mail_sink import MailSink, receiving_mail
from tests.alerts.town import WORDING, Recorder, Town, at, hours, table
from tests.connectors.imap_server import _certificate

NOW = at("2026-01-15 18:11")
ONE = AlertFacts(
    id=7, complaint_id=42, ticket_code="JK2601120042", unit_code="dinas-a", unit_name="Dinas A", clock="respond",
    cycle=1, rule="kota.respond", step=100, due_at=at("2026-01-13 15:01"), raised_at=NOW,
)  # fmt: skip
BREACH = Alerts((ONE,))
SEKAR = Person(email="sekar@example.go.id")


@pytest.fixture
async def sink() -> AsyncIterator[MailSink]:
    async with receiving_mail() as opened:
        yield opened


def notifier(sink: MailSink, scheme: str = "smtp", login: str = "", **options: Any) -> MailNotifier:
    url = f"{scheme}://{login}127.0.0.1:{sink.port}?from=tanggap@example.go.id"
    return MailNotifier(MailServer.parse(url), WORDING, **options)


async def send(
    through: MailNotifier, content: Content = BREACH, to: Person = SEKAR, message_id: str = "msg_1"
) -> Answer:
    return await through.send(Notice(message_id, content, to), now=NOW)


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


async def test_a_breach_is_mailed_as_text_and_html_with_headers_of_a_machine(sink: MailSink) -> None:
    through = notifier(sink)
    assert await send(through) == Answer(True, "SMTP 250")
    await through.aclose()
    (message,) = sink.messages
    assert sink.recipients == ["sekar@example.go.id"]
    assert message["Subject"] == "[Tanggap] Lewat tenggat: JK2601120042, tanggapan pertama"
    assert (message["From"], message["To"]) == ("Tanggap <tanggap@example.go.id>", "sekar@example.go.id")
    assert message["Message-ID"] == "<msg_1@example.go.id>"
    assert (message["Auto-Submitted"], message["List-Id"]) == ("auto-generated", "Tanggap <tanggap.example.go.id>")
    assert message["Date"] == "Thu, 15 Jan 2026 18:11:00 +0700"
    assert message.get_content_type() == "multipart/alternative"
    for said in (part(message, "plain"), part(message, "html")):
        assert "Tenggat 13 Jan 2026 15.01 WIB, terlambat 2 hari 3 jam." in said
        assert "https://tanggap.example.go.id/complaints/JK2601120042" in said
    assert '<html lang="id">' in part(message, "html")


async def test_the_letter_is_in_the_language_of_who_reads_it(sink: MailSink) -> None:
    through = notifier(sink)
    await send(through, to=replace(SEKAR, language="en"))
    await through.aclose()
    assert sink.messages[0]["Subject"] == "[Tanggap] Overdue: JK2601120042, first response"
    assert "Due 13 Jan 2026 15:01 WIB, late by 2 days 3 hours." in part(sink.messages[0], "plain")


async def test_every_attempt_is_the_same_message(sink: MailSink) -> None:
    sink.data_answers = ["451 4.3.0 try again"]
    through = notifier(sink)
    assert await send(through) == Answer(False, "SMTP 451 4.3.0: the message is refused")
    assert await send(through) == Answer(True, "SMTP 250")
    await through.aclose()
    assert sink.messages[0]["Message-ID"] == "<msg_1@example.go.id>"


async def test_one_connection_carries_many_and_a_broken_one_is_replaced(sink: MailSink) -> None:
    through = notifier(sink)
    for number in range(5):
        assert (await send(through, message_id=f"msg_{number}")).is_delivered
    assert sink.connections == 1
    sink.drops_after = 1
    for number in range(5, 8):
        assert (await send(through, message_id=f"msg_{number}")).is_delivered
        await asyncio.sleep(0.05)
    await through.aclose()
    assert {message["Message-ID"] for message in sink.messages} == {f"<msg_{n}@example.go.id>" for n in range(8)}


async def test_many_at_once_share_a_few_connections(sink: MailSink) -> None:
    through = notifier(sink)
    answers = await asyncio.gather(*(send(through, message_id=f"msg_{number}") for number in range(40)))
    await through.aclose()
    assert all(answer.is_delivered for answer in answers)
    assert len(sink.messages) == 40 and sink.connections <= 4


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("550 5.1.1 no such user sekar", Answer(False, "SMTP 550 5.1.1: the recipient is refused", is_final=True)),
        ("450 4.2.1 busy", Answer(False, "SMTP 450 4.2.1: the recipient is refused")),
        ("421 closing", Answer(False, "SMTP 421: the recipient is refused")),
    ],
)
async def test_a_refusal_for_good_is_final_and_one_for_now_is_not(
    sink: MailSink, answer: str, expected: Answer
) -> None:
    sink.refusals = {"sekar@example.go.id": answer}
    through = notifier(sink)
    assert await send(through) == expected
    sink.refusals = {}
    assert (await send(through, message_id="msg_2")).is_delivered, "the connection is none the worse"
    await through.aclose()


async def test_a_message_refused_for_good_is_final(sink: MailSink) -> None:
    sink.data_answers = ["554 5.7.1 spam"]
    through = notifier(sink)
    assert await send(through) == Answer(False, "SMTP 554 5.7.1: the message is refused", is_final=True)
    await through.aclose()


async def test_a_server_that_does_not_answer_is_given_up_in_time(sink: MailSink) -> None:
    sink.is_silent = True
    assert await send(notifier(sink, timeout=timedelta(milliseconds=80))) == Answer(False, "no answer within 0.08 s")


async def test_a_server_that_is_not_there_is_tried_again(sink: MailSink) -> None:
    sink.port = 1
    assert await send(notifier(sink)) == Answer(False, "SMTPConnectError")


@pytest.mark.parametrize(
    ("email", "text"),
    [
        (None, "no address"),
        ("", "no address"),
        ("sekar@example.go.id\r\nBcc: all@example.org", "the address cannot be written to"),
        ("sekar@example.go.id, all@example.org", "the address cannot be written to"),
        ("<sekar@example.go.id>", "the address cannot be written to"),
        ("sekar", "the address cannot be written to"),
    ],
)
async def test_without_a_usable_address_it_is_dead_at_once(sink: MailSink, email: str | None, text: str) -> None:
    assert await send(notifier(sink), to=Person(email=email)) == Answer(False, text, is_final=True)
    assert sink.connections == 0


async def test_names_from_outside_begin_no_header_and_no_markup(sink: MailSink) -> None:
    evil = replace(ONE, ticket_code="JK1\r\nBcc: all@example.org", unit_name="<script>alert(1)</script>\r\nX: y")
    through = notifier(sink)
    await send(through, Alerts((evil,)))
    await through.aclose()
    (message,) = sink.messages
    assert message["Bcc"] is None and message["X"] is None
    assert sink.recipients == ["sekar@example.go.id"]
    assert "<script" not in part(message, "html") and "&lt;script&gt;" in part(message, "html")


async def test_a_password_goes_over_tls_alone() -> None:
    own, trusted = _contexts()
    async with receiving_mail(starttls=own) as sink:
        through = notifier(sink, "smtp+starttls", "tanggap:kata%20sandi@", context=trusted)
        assert await send(through) == Answer(True, "SMTP 250")
        await through.aclose()
        assert (sink.was_tls, sink.logins) == ([True], [("tanggap", "kata sandi")])
        assert not (await send(notifier(sink, "smtp+starttls"))).is_delivered, "a certificate of nobody we know"
    async with receiving_mail(tls=own) as sink:
        through = notifier(sink, "smtps", context=trusted)
        assert await send(through) == Answer(True, "SMTP 250")
        await through.aclose()
        assert sink.was_tls == [True]
    async with receiving_mail() as sink:
        assert (await send(notifier(sink, "smtp+starttls"))).text.startswith("SMTP"), "it offers none"
        assert sink.messages == []
    assert MailServer.parse("smtp://u:p@mail.example").starttls is True
    assert MailServer.parse("smtp://mail.example").starttls is None
    assert "hunter" not in repr(MailServer.parse("smtp://u:hunter@mail.example"))


def test_addresses_that_can_be_written_to() -> None:
    assert all(map(is_address, ["a@b.id", "a.b+c@d-e.go.id", "o'neil@x.id"]))
    assert not any(map(is_address, ["a@b@c", "a b@c.id", "@c.id", "a@", "ä@b.id", "a@b.id\n", f"{'a' * 250}@b.id"]))


def _item(complaint_id: int, **said: Any) -> DigestItem:
    return DigestItem(complaint_id=complaint_id, **said)


DIGEST = Digest(
    on=date(2026, 1, 15),
    overdue=30,
    due_today=1,
    items=(
        _item(1, ticket_code="JK1", unit_code="rt-a", unit_name="Rt A", clock="resolve", due_at=at("2026-01-14 07:00")),
        _item(2, ticket_code=None, unit_code=None, unit_name=None, clock="respond", due_at=at("2026-01-15 15:00")),
    ),
)
DOWN = Incident(
    key="source_down:crm", what="source_down", is_over=False, since=at("2026-01-15 03:00"), about={"source": "crm"}
)


@pytest.mark.parametrize(
    ("content", "language", "subject", "lines"),
    [
        (
            Alerts((ONE, replace(ONE, id=8, clock="resolve", step=90)), is_for_another=True, is_instead=True),
            "id",
            "[Tanggap] Lewat tenggat: JK2601120042, tanggapan pertama",
            [
                "Lewat tenggat: JK2601120042, tanggapan pertama, Dinas A. Tenggat 13 Jan 2026 15.01 WIB, "
                "terlambat 2 hari 3 jam.",
                "Segera jatuh tempo (90% waktu terpakai): JK2601120042, penyelesaian, Dinas A. "
                "Tenggat 13 Jan 2026 15.01 WIB.",
                "Anda menerima ini sebagai pengganti petugas yang sedang cuti.",
                "Anda menerima ini karena tidak ada petugas yang dapat dihubungi di tingkat yang seharusnya.",
            ],
        ),
        (
            Correction((ONE,)),
            "en",
            "[Tanggap] Correction: JK2601120042, first response",
            [
                "Correction of an earlier alert: JK2601120042, first response, Dinas A. By a record that came later, "
                "that alert does not stand any more (due 13 Jan 2026 15:01 WIB). Nothing needs to be done."
            ],
        ),
        (
            DIGEST,
            "id",
            "[Tanggap] Kamis, 15 Januari 2026: 30 lewat tenggat, 1 jatuh tempo hari ini",
            [
                "Kamis, 15 Januari 2026: 30 hitungan lewat tenggat, 1 jatuh tempo hari ini.",
                "JK1, penyelesaian, Rt A. Tenggat 14 Jan 2026 07.00 WIB, terlambat 1 hari 30 menit.",
                "#2, tanggapan pertama, belum ada unit. Tenggat 15 Jan 2026 15.00 WIB.",
                "Dan 29 lagi di antrean.",
            ],
        ),
        (
            DOWN,
            "en",
            "[Tanggap] Needs attention: source crm cannot be read",
            [
                "source crm cannot be read, since 15 Jan 2026 03:00 WIB.",
                "Look with: tanggap doctor, and tanggap source check NAME.",
            ],
        ),
        (
            replace(DOWN, is_reminder=True),
            "id",
            "[Tanggap] Masih perlu perhatian: sumber crm tidak dapat dibaca",
            [
                "sumber crm tidak dapat dibaca, masih berlangsung sejak 15 Jan 2026 03.00 WIB.",
                "Periksa dengan: tanggap doctor, dan tanggap source check NAMA.",
            ],
        ),
        (
            replace(DOWN, is_over=True),
            "id",
            "[Tanggap] Pulih: sumber crm tidak dapat dibaca",
            ["Sudah pulih: sumber crm tidak dapat dibaca (sejak 15 Jan 2026 03.00 WIB)."],
        ),
    ],
)
def test_every_kind_says_what_it_must(content: Content, language: str, subject: str, lines: list[str]) -> None:
    letter = WORDING.letter(content, language)
    assert letter.subject == subject
    assert [line.text for line in letter.lines] == lines
    assert letter == WORDING.letter(content, language)
    message = compose(letter, "msg_1", sender="a@b.id", recipient="c@d.id", now=NOW)
    assert message["Subject"] == subject and message["Content-Language"] == language


async def _add_officer(town: Town, **columns: Any) -> int:
    row = {
        "username": "sekar", "name": "Sekar", "role": Role.OFFICER, "is_active": True, "failed_sign_ins": 0,
        "created_at": NOW, **columns,
    }  # fmt: skip
    async with writing(town.engine) as connection:
        return await connection.scalar(insert(table("officer")).values(row).returning(table("officer").c.id)) or 0


async def _address(town: Town, officer_id: int, **columns: Any) -> None:
    """Turn what was raised into mail to an officer."""
    columns = {"channel": EMAIL, "recipient": f"officer:{officer_id}", **columns}
    async with writing(town.engine) as connection:
        await connection.execute(update(table("delivery")).values(columns))


async def _breach(town: Town) -> Any:
    start = at("2026-01-12 15:00")
    await town.report("JK1", start)
    await town.sweep(start + hours(25))
    return start + hours(25)


async def test_the_address_is_looked_up_when_it_is_sent_and_no_complainant_is_told_of(
    town: Town, sink: MailSink
) -> None:
    now = await _breach(town)
    officer = await _add_officer(town)
    await _address(town, officer)
    async with writing(town.engine) as connection:
        await connection.execute(update(table("officer")).values(email="sekar@example.go.id", language="en"))
    through = notifier(sink)
    assert await town.deliver(now, through) == Sent(delivered=1)
    await through.aclose()
    (message,), (delivery,) = sink.messages, await town.rows("delivery")
    assert message["Message-ID"] == f"<{delivery.id}@example.go.id>"
    assert message["Subject"].startswith("[Tanggap] Overdue: JK1")
    assert "Rahasia" not in message.as_string() and "0812-" not in message.as_string()


async def test_what_cannot_be_sent_is_dead_at_once_and_says_why(town: Town, sink: MailSink) -> None:
    now = await _breach(town)
    await _address(town, await _add_officer(town))
    assert await town.deliver(now, notifier(sink)) == Sent(dead=1)
    (delivery,), (attempt,) = await town.rows("delivery"), await town.rows("delivery_attempt")
    assert (delivery.state, delivery.attempts, attempt.answer) == (DeliveryState.DEAD, 1, "no address")
    assert (await town.rows("alert"))[0].state == "dead"


async def test_a_channel_that_is_not_set_up_is_dead_and_says_what_to_set(town: Town) -> None:
    now = await _breach(town)
    await _address(town, await _add_officer(town, email="sekar@example.go.id"))
    assert await town.deliver(now, UnreachableNotifier(EMAIL, "set TANGGAP_SMTP_URL")) == Sent(dead=1)
    assert (await town.rows("delivery_attempt"))[0].answer == "set TANGGAP_SMTP_URL"


async def test_somebody_who_has_left_is_told_nothing(town: Town) -> None:
    now = await _breach(town)
    await _address(town, await _add_officer(town, email="sekar@example.go.id", is_active=False))
    assert await town.deliver(now, Recorder(EMAIL)) == Sent(withdrawn=1)


async def test_a_digest_and_a_notice_need_no_alert(town: Town, sink: MailSink) -> None:
    officer = await _add_officer(town, email="sekar@example.go.id")
    digest = {"on": "2026-01-15", "overdue": 1, "due_today": 0, "items": []}
    notice = {"key": "k", "what": "unheard_of", "is_over": False, "since": NOW.isoformat(), "about": {}}
    rows = [
        {"id": "msg_d", "kind": DeliveryKind.DIGEST, "payload": digest, "recipient": f"officer:{officer}"},
        {"id": "msg_n", "kind": DeliveryKind.NOTICE, "payload": notice, "recipient": "operator:ops@example.go.id"},
    ]
    every = {"channel": EMAIL, "state": DeliveryState.PENDING, "attempts": 0, "next_attempt_at": NOW, "round": 1}
    async with writing(town.engine) as connection:
        await connection.execute(insert(table("delivery")), [{**row, **every} for row in rows])
    through = notifier(sink)
    assert await town.deliver(NOW, through) == Sent(delivered=2)
    await through.aclose()
    assert sorted(sink.recipients) == ["ops@example.go.id", "sekar@example.go.id"]


def _contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context, and one that trusts its certificate."""
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(_certificate())
        file.flush()
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.load_cert_chain(file.name)
        return own, ssl.create_default_context(cafile=file.name)
