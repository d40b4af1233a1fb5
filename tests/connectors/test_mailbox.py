"""The mailbox: which messages belong together, what stops a pull, and that the mailbox stays as it was."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from app.outbound import dial, outbound_client
from connectors.contract import (
    AccessDenied,
    Client,
    InvalidOption,
    SourceUnavailable,
    UnexpectedPayload,
    Window,
)
from connectors.fetch import Fetcher
from connectors.mailbox import client as imap
from connectors.mailbox import conversation as imap_conversation
from connectors.mailbox import letters as imap_letters
from connectors.mailbox.connector import MailboxConnector, MailboxOptions, Progress, build, plan, read_progress
from connectors.registry import CONNECTORS
from tests.connectors.imap_server import Mailbox, serving_imap

WIB = ZoneInfo("Asia/Jakarta")
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=WIB)
WINDOW = Window(until=NOON + timedelta(hours=8))
USER = "pengaduan@kota.example"


@dataclass
class Desk:
    """A connector before a mailbox."""

    mailbox: Mailbox
    connector: MailboxConnector
    client: Client

    async def pull(self, cursor=None, window=WINDOW):
        return [batch async for batch in self.connector.pull(self.client, cursor, window)]


@contextlib.asynccontextmanager
async def desk(mailbox: Mailbox, **options: str) -> AsyncIterator[Desk]:
    async with serving_imap(mailbox) as place, outbound_client() as http:
        guarded = partial(dial, allowed_hosts=["127.0.0.1"], context=place.trusted)
        connector = build(url=place.url, token="kata sandi", options={"user": USER, **options})
        yield Desk(mailbox, connector, Fetcher(http, rate=1000, dial=guarded))


def letter(
    name: str, text: str = "Lampu mati", *, answers: str = "", subject: str = "Lampu", sender: str = "budi"
) -> str:
    head = [f"From: Budi <{sender}@warga.example>", f"Message-ID: <{name}@warga.example>", f"Subject: {subject}"]
    if answers:
        head.append("In-Reply-To: " + " ".join(f"<{one}@warga.example>" for one in answers.split()))
    return "\n".join([*head, "", text, ""])


def box(*letters: str, **more) -> Mailbox:
    found = Mailbox(**more)
    for number, content in enumerate(letters):
        found.add(content, NOON + timedelta(hours=number))
    return found


def complaints(batches):
    return [one for batch in batches for one in batch.complaints]


def rejects(batches):
    return [one for batch in batches for one in batch.rejects]


async def test_the_mailbox_is_opened_read_only_and_left_as_it_was():
    async with desk(box(letter("1"))) as at:
        await at.pull()
        assert "answers" in await at.connector.check(at.client)
        assert "1 messages" in await at.connector.check(at.client)
    verbs = {command.split()[0] for command in at.mailbox.commands}
    assert verbs == {"CAPABILITY", "AUTHENTICATE", "EXAMINE", "UID", "LOGOUT"}
    assert at.mailbox.flags == set()
    assert all("BODY.PEEK" in command for command in at.mailbox.commands if "FETCH" in command)


async def test_an_answer_is_added_to_the_complaint_that_it_answers():
    async with desk(box(letter("1"), letter("2", "Masih mati", answers="1"), letter("3", "Lain"))) as at:
        first, other = complaints(await at.pull())
    assert (first.external_id, other.external_id) == ("<1@warga.example>", "<3@warga.example>")
    assert first.text == "Lampu mati\n\n[2026-11-24 13:00]\nMasih mati"
    assert first.reported_at == NOON


async def test_an_answer_to_an_answer_belongs_to_the_first_message_too():
    letters = [letter("1", "satu"), letter("2", "dua", answers="1"), letter("3", "tiga", answers="2")]
    async with desk(box(*letters)) as at:
        (found,) = complaints(await at.pull())
        at.mailbox.add(letter("4", "empat", answers="3"), NOON + timedelta(hours=5))
        (later,) = complaints(await at.pull())
    assert [word in found.text for word in ("satu", "dua", "tiga")] == [True] * 3
    assert later.external_id == found.external_id
    assert later.text.endswith("[2026-11-24 17:00]\nempat")


async def test_only_what_is_new_is_read_and_brings_its_conversation_along():
    async with desk(box(letter("1", "satu"), letter("2", "lain"))) as at:
        first = await at.pull()
        at.mailbox.add(letter("3", "susulan", answers="1"), NOON + timedelta(hours=4))
        second = await at.pull(first[-1].cursor)
        third = await at.pull(second[-1].cursor)
    (found,) = complaints(second)
    assert (found.external_id, "susulan" in found.text) == ("<1@warga.example>", True)
    assert (complaints(third), third[-1].complete_through) == ([], WINDOW.until)


async def test_an_answer_that_names_a_ticket_belongs_to_it_and_a_first_message_only_quotes_it():
    letters = [
        letter("1", subject="Re: [JK2611240042] Laporan Anda"),
        letter("2", subject="BLS: jk2611240042"),
        letter("3", subject="Laporan JK2611240043 belum selesai"),
        letter("4", subject="Terima kasih").replace("\n\n", "\nIn-Reply-To: <JK2611240044.1@tanggap.example>\n\n"),
    ]
    async with desk(box(*letters)) as at:
        found = complaints(await at.pull())
    assert [one.ticket_code for one in found] == ["JK2611240042", None, None, "JK2611240044"]
    assert found[2].quoted_codes == ("JK2611240043",)
    assert at.connector.carries_ticket_codes
    assert (at.connector.precedence.content, at.connector.precedence.handling) == (0, 0)


async def test_what_a_program_wrote_is_a_reject_and_part_of_no_conversation():
    note = letter("2", "Saya cuti", answers="1").replace("From:", "Auto-Submitted: auto-replied\nFrom:")
    bounce = letter("3", "x").replace("budi@", "MAILER-DAEMON@")
    async with desk(box(letter("1"), note, bounce)) as at:
        batches = await at.pull()
    assert [one.text for one in complaints(batches)] == ["Lampu mati"]
    assert len(rejects(batches)) == 2
    assert all("a program wrote" in one.reason for one in rejects(batches))


async def test_a_message_that_cannot_be_read_is_a_reject_and_the_others_come(monkeypatch):
    def read(content, **more):
        return None if b"racun" in content else original(content, **more)

    original = imap_letters.read_letter
    monkeypatch.setattr(imap_conversation, "read_letter", read)
    async with desk(box(letter("1"), letter("2", "racun"), letter("3"))) as at:
        batches = await at.pull()
        again = await at.pull()
    assert len(complaints(batches)) == 2
    (reject,) = rejects(batches)
    assert "no letter that can be read" in reject.reason
    assert "racun" in reject.raw["head"]
    assert rejects(again) == [reject]


async def test_two_messages_of_one_id_are_two_complaints_and_one_that_came_twice_is_one():
    letters = [letter("1", "satu"), letter("1", "satu"), letter("1", "dua", sender="siti")]
    async with desk(box(*letters)) as at:
        found = complaints(await at.pull())
    assert [one.text for one in found] == ["satu", "dua"]
    assert found[1].external_id.startswith("sha256-")


async def test_a_message_without_an_id_keeps_its_own_when_the_server_numbers_anew():
    without = "From: a@b.example\nSubject: Tanpa\n\nisi\n"
    async with desk(box(letter("1"), without)) as at:
        before = complaints(batches := await at.pull())
        at.mailbox.validity = 8
        for one in at.mailbox.messages:
            one.uid += 100
        after = complaints(again := await at.pull(batches[-1].cursor))
    assert after == before
    assert (read_progress(again[-1].cursor).validity, read_progress(again[-1].cursor).uid) == (8, 102)


async def test_an_answer_to_what_is_gone_is_a_complaint_of_its_own_and_a_deleted_message_no_trouble():
    async with desk(box(letter("1"), letter("2", "Masih mati", answers="1"), letter("3"))) as at:
        first = await at.pull()
        at.mailbox.delete(1)
        at.mailbox.add(letter("4", "Halo?", answers="1 2"), NOON)
        (found,) = complaints(await at.pull(first[-1].cursor))
    assert (found.external_id, found.text) == ("<2@warga.example>", "Masih mati\n\n[2026-11-24 12:00]\nHalo?")


async def test_a_conversation_that_goes_in_a_circle_ends():
    async with desk(box(letter("1", "satu", answers="2"), letter("2", "dua", answers="1"))) as at:
        found = complaints(await at.pull())
    assert all("satu" in one.text and "dua" in one.text for one in found)


async def test_many_messages_come_in_batches_and_go_on_after_each():
    async with desk(box(*(letter(str(number)) for number in range(45)))) as at:
        whole = await at.pull()
        started = at.connector.pull(at.client, None, WINDOW)
        first = await anext(started)
        await started.aclose()
        rest = await at.pull(first.cursor)
    assert [len(batch.complaints) for batch in whole] == [20, 20, 5]
    assert [batch.complete_through for batch in whole] == [None, None, WINDOW.until]
    assert [len(batch.complaints) for batch in rest] == [20, 5]


async def test_the_first_pull_goes_back_as_far_as_told():
    mailbox = box(letter("3"))
    mailbox.add(letter("1"), NOON - timedelta(days=40), uid=7)
    mailbox.add(letter("2"), NOON - timedelta(days=20), uid=9)
    async with desk(mailbox) as at:
        assert len(complaints(await at.pull())) == 2
        far = Window(until=WINDOW.until, since=NOON - timedelta(days=60))
        first = await at.pull(None, WINDOW)
        assert len(complaints(await at.pull(first[-1].cursor, far))) == 3


async def test_an_empty_mailbox_is_empty_and_complete():
    async with desk(box()) as at:
        batches = await at.pull()
    assert [(one.complaints, one.complete_through) for one in batches] == [((), WINDOW.until)]


@pytest.mark.parametrize("has_plain", [True, False])
async def test_both_ways_of_signing_in_serve_and_a_refusal_stops_the_source(has_plain):
    async with desk(box(letter("1"), has_plain=has_plain)) as at:
        assert len(complaints(await at.pull())) == 1
        at.mailbox.refusal = "[AUTHENTICATIONFAILED] no"
        with pytest.raises(AccessDenied) as caught:
            await at.pull()
        assert "kata sandi" not in str(caught.value)
        at.mailbox.refusal = "[UNAVAILABLE] later"
        with pytest.raises(SourceUnavailable):
            await at.pull()


@pytest.mark.parametrize("fault", [{"drop_at": "EXAMINE"}, {"drop_at": "UID SEARCH"}, {"cut_in": "UID FETCH"}])
async def test_a_server_that_hangs_up_is_an_outage_and_nothing_is_lost(fault):
    async with desk(box(letter("1"), **fault)) as at:
        with pytest.raises(SourceUnavailable):
            await at.pull()
        at.mailbox.drop_at = at.mailbox.cut_in = ""
        assert len(complaints(await at.pull())) == 1


async def test_a_message_is_announced_larger_than_allowed_and_is_not_read():
    async with desk(box(letter("1"), huge=True)) as at:
        with pytest.raises(SourceUnavailable):
            await at.pull()


async def test_a_server_that_falls_silent_is_given_up(monkeypatch):
    monkeypatch.setattr(imap, "_COMMAND_S", 0.2)
    async with desk(box(letter("1"))) as at:
        at.mailbox.stalls = True
        with pytest.raises(SourceUnavailable, match="in time"):
            await at.pull()


async def test_an_absent_folder_stops_the_source():
    async with desk(box(letter("1")), folder="Aduan") as at:
        with pytest.raises(UnexpectedPayload, match="Aduan"):
            await at.pull()


async def test_of_a_large_message_only_the_beginning_is_read_and_that_is_noted():
    async with desk(box(letter("1", "awal " + "x" * 100_000)), message_kib="16") as at:
        (found,) = complaints(await at.pull())
    assert len(found.text) < 17_000
    assert found.notices == ("a message over the size limit was read in part",)


async def test_a_host_outside_the_list_is_never_called():
    async with serving_imap(box(letter("1"))) as place, outbound_client() as http:
        connector = build(url=place.url, token="x", options={"user": USER})
        for allowed in ((), ("mail.example",)):
            client = Fetcher(http, rate=1000, dial=partial(dial, allowed_hosts=allowed, context=place.trusted))
            with pytest.raises(AccessDenied, match="list of allowed hosts"):
                await connector.check(client)
        with pytest.raises(AccessDenied, match="HTTP alone"):
            await connector.check(Fetcher(http, rate=1000))


async def test_the_unit_that_reads_the_mailbox_gets_what_comes():
    async with desk(box(letter("1")), unit="KELURAHAN PETAMBURAN") as at:
        (found,) = complaints(await at.pull())
    assert found.unit_label == "KELURAHAN PETAMBURAN"


@pytest.mark.parametrize(
    ("url", "token", "options", "name"),
    [
        ("https://mail.example", "x", {"user": "a"}, "url"),
        ("imaps://", "x", {"user": "a"}, "url"),
        ("imaps://a:b@mail.example", "x", {"user": "a"}, "url"),
        ("imaps://mail.example/INBOX", "x", {"user": "a"}, "url"),
        ("imaps://mail.example:0x", "x", {"user": "a"}, "url"),
        ("imaps://mail.example", None, {"user": "a"}, "token"),
        ("imaps://mail.example", "x", {}, "user"),
        ("imaps://mail.example", "x", {"user": "a\r\nA1 DELETE INBOX"}, "user"),
        ("imaps://mail.example", "x", {"user": "a", "folder": "a\r\nb"}, "folder"),
        ("imaps://mail.example", "x", {"user": "a", "message_kib": "1"}, "message_kib"),
        ("imaps://mail.example", "x", {"user": "a", "rate": "5"}, "rate"),
    ],
)
def test_what_cannot_be_is_named(url, token, options, name):
    with pytest.raises(InvalidOption) as caught:
        CONNECTORS["mailbox"].build(url=url, token=token, options=options)
    assert caught.value.name == name


@pytest.mark.parametrize("cursor", [None, "", "nonsense", "[]", '{"validity": 1, "uid": 2, "since": "2026-01-01"}'])
def test_a_cursor_that_cannot_be_read_starts_afresh(cursor):
    assert read_progress(cursor) is None


def test_a_pull_starts_over_where_the_numbering_or_the_first_day_changed():
    options, since = MailboxOptions(user="a"), NOON - timedelta(days=3)
    done = Progress(7, 40, since)
    assert read_progress(done.to_cursor()) == done
    assert plan(done, WINDOW, 7, options) == done
    assert plan(done, WINDOW, 8, options) == Progress(8, 0, since)
    earlier = Window(until=NOON, since=since - timedelta(days=9))
    assert plan(done, earlier, 7, options) == Progress(7, 0, earlier.since)
