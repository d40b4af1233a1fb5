"""Pushed messages: only genuine ones, each taken in once, by the mapping of the pulls and beside them."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, timedelta

import pytest
from standardwebhooks import Webhook

from app.complaint.errors import Conflict, InvalidInput
from app.db.session import writing
from app.intake.beside import Desk
from app.intake.connecting import connect_rereading
from app.intake.push import MOST_RECORDS, Message, forget_messages, make_push_secret, push_secret, receive
from connectors.contract import Batch
from connectors.registry import CONNECTORS, json_value
from tests.intake.feeds import crm, jaki
from tests.intake.records import incoming
from tests.intake.station import VAULT
from tests.intake.test_pull import Told, tally

CODE, OTHER = "JK2601120001", "JK2601120002"
SECRET = "whsec_" + "QUJD" * 11


def message(value, now, id_="msg_1", secret=SECRET, at=None):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    sent_at = (at or now).astimezone(UTC)
    signature = Webhook(secret).sign(id_, sent_at, body.decode("utf-8", "replace"))
    return Message(id_, str(int(sent_at.timestamp())), signature, body)


async def push(station, value, id_="msg_1", name="jaki"):
    source = await station.source(name)
    connector = connect_rereading(source, VAULT, CONNECTORS)
    desk = Desk(station.rulebooks, VAULT, "push", station.now)
    sent = message(value, station.now, id_)
    async with writing(station.engine) as connection:
        return await receive(connection, desk, source, connector, sent, read_json=json_value)


@pytest.mark.parametrize(
    ("changed", "is_genuine"),
    [
        ({}, True),
        ({"body": b"[]"}, False),
        ({"id": "msg_2"}, False),
        ({"id": ""}, False),
        ({"id": "x" * 201}, False),
        ({"timestamp": "0"}, False),
        ({"timestamp": "9" * 400}, False),
        ({"timestamp": "\u0661"}, False),
        ({"signature": ""}, False),
        ({"signature": "v1,AAAA"}, False),
        ({"body": b"\xff"}, False),
    ],
    ids=str,
)
def test_only_what_was_signed_with_the_secret_is_genuine(changed, is_genuine):
    now = incoming(CODE, "12 08:00").reported_at
    good = message([{"id": CODE}], now)
    names = {name: getattr(good, name) for name in ("id", "timestamp", "signature", "body")}
    assert Message(**{**names, **changed}).is_genuine(SECRET, now=now) is is_genuine


@pytest.mark.parametrize(("late", "is_genuine"), [(299, True), (-299, True), (301, False), (-301, False)])
def test_a_message_is_genuine_for_five_minutes(late, is_genuine):
    now = incoming(CODE, "12 08:00").reported_at
    sent = message([], now, at=now - timedelta(seconds=late))
    assert sent.is_genuine(SECRET, now=now) is is_genuine


def test_one_of_several_signatures_is_enough_while_a_secret_is_changed():
    now = incoming(CODE, "12 08:00").reported_at
    good = message([], now)
    both = Message(good.id, good.timestamp, f"v1,AAAA v2,BBBB {good.signature}", good.body)
    assert both.is_genuine(SECRET, now=now)


async def test_a_source_has_no_secret_until_one_is_made_and_only_the_newest_fits(station):
    source = await station.source("jaki")
    assert push_secret(source, VAULT) is None
    async with writing(station.engine) as connection:
        await make_push_secret(connection, source, VAULT)
        second = await make_push_secret(connection, source, VAULT)
    assert push_secret(await station.source("jaki"), VAULT) == second


async def test_what_is_pushed_is_what_a_pull_would_have_brought(station, feeds):
    record = jaki(CODE, "12 08:00")
    assert (await push(station, record)).tally.as_columns() == tally(created=1)
    assert (await station.complaint(CODE)).subject == "Lampu jalan mati"
    feeds.jaki = [record]
    assert await station.pull("jaki") == tally(unchanged=1)
    (run,) = [row for row in await station.rows("source_run") if row.kind == "push"]
    assert (run.state, run.pulled, run.created) == ("done", 1, 1)
    assert await station.differences() == []


@pytest.mark.parametrize("shape", [lambda records: records, lambda records: {"data": records}], ids=["list", "page"])
async def test_a_message_may_hold_many_records_and_a_bad_one_is_kept_aside(station, shape):
    records = [jaki(CODE, "12 08:00"), {"id": OTHER}, "teks", jaki(OTHER, "12 08:00")]
    assert (await push(station, shape(records))).tally.as_columns() == tally(created=2, rejected=2)


async def test_the_same_message_again_is_answered_and_not_stored_again(station):
    first = await push(station, jaki(CODE, "12 08:00"))
    station.now += timedelta(hours=2)
    again = await push(station, jaki(CODE, "12 08:00"))
    assert (first.is_repeat, again.is_repeat) == (False, True)
    assert (again.run_id, again.tally) == (first.run_id, first.tally)
    assert len([row for row in await station.rows("source_run") if row.kind == "push"]) == 1


async def test_another_body_under_a_known_id_is_a_conflict(station):
    await push(station, jaki(CODE, "12 08:00"))
    with pytest.raises(Conflict, match="came before with another body"):
        await push(station, jaki(OTHER, "12 08:00"))


async def test_ids_are_forgotten_after_a_while_and_the_records_are_unchanged(station):
    await push(station, jaki(CODE, "12 08:00"))
    async with writing(station.engine) as connection:
        await forget_messages(connection, before=station.now + timedelta(seconds=1))
    again = await push(station, jaki(CODE, "12 08:00"))
    assert (again.is_repeat, again.tally.as_columns()) == (False, tally(unchanged=1))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[]", "holds no records"),
        (b"17", "holds no records"),
        (b"[" + b"1," * MOST_RECORDS + b"1]", "send at most"),
    ],
    ids=["cut", "bytes", "none", "number", "many"],
)
async def test_a_body_without_records_is_malformed(station, body, words):
    with pytest.raises(InvalidInput, match=words):
        await push(station, body)
    assert [row for row in await station.rows("source_run") if row.kind == "push"] == []


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_record_that_is_nested_too_deeply_to_be_told_from_others_is_malformed(station):
    """The reading of a record goes a little less deep than the reading of the body that holds it."""
    outcomes = set()
    for levels in range(800, 1000, 2):
        body = json.dumps(jaki(CODE, "12 08:00")).encode()[:-1] + b',"more":' + b"[" * levels + b"]" * levels + b"}"
        try:
            outcomes.add((await push(station, body, f"msg_{levels}")).tally.pulled)
        except InvalidInput as error:
            outcomes.add(error.message)
    assert {1, "is not JSON"} <= outcomes <= {1, "is not JSON", "is nested too deeply"}


async def test_a_pushed_record_is_completed_by_the_detail_of_the_next_pull(station, feeds):
    feeds.crm, feeds.villages = [crm(991, CODE, "12 08:00")], {991: "Petamburan"}
    await push(station, crm(991, CODE, "12 08:00"), name="crm")
    assert (await station.complaint(CODE)).kelurahan_code is None
    assert await station.pull("crm") == tally(updated=1)
    assert (await station.complaint(CODE)).kelurahan_code is not None
    assert await station.pull("crm") == tally(unchanged=1)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_a_push_and_a_pull_of_the_same_records_at_once_make_one_complaint_of_each(station):
    """In opposite orders, so that each meets rows of the other."""
    codes = [f"JK26011200{number:02}" for number in range(60)]
    records = [incoming(code, "12 08:00", ticket_code=code, raw={"id": code}) for code in codes]

    class Rereads(Told):
        def reread(self, raw):
            return next(each for each in records if each.external_id == raw["id"])

    async def pushes():
        source, desk = await station.source("jaki"), Desk(station.rulebooks, VAULT, "push", station.now)
        for number, code in enumerate(reversed(codes)):
            sent = message({"id": code}, station.now, f"msg_{number}")
            async with writing(station.engine) as connection:
                await receive(connection, desk, source, Rereads(), sent, read_json=json_value)

    batches = [Batch(tuple(records[start : start + 10]), (), None) for start in range(0, 60, 10)]
    await asyncio.gather(pushes(), station.store("jaki", Told(), *batches))
    assert len(await station.rows("complaint")) == len(await station.rows("source_record")) == 60
    runs = await station.rows("source_run")
    assert sum(row.created for row in runs) == 60
    assert sum(row.pulled for row in runs) == 120
    assert await station.differences() == []
