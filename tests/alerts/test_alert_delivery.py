"""Delivery: what is claimed is sent after commit, tried again on a schedule, and survives whoever dies half-way."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from app.alerts import webhooks
from app.alerts.acknowledging import acknowledge
from app.alerts.claims import Sends, claim
from app.alerts.delivery import RETRY_SECONDS, Sent, pause_after
from app.alerts.notifiers import Answer, Endpoint, Notice
from app.alerts.webhooks import NewWebhook
from app.complaint.lifecycle import Move, Status
from app.db.scope import WHOLE
from app.db.session import reading, writing
from app.db.verify import verify
from tests.alerts.town import VAULT, Recorder, Town, at, hours, table

START = at("2026-01-12 15:00")
NOW = START + hours(25)
DOWN = Answer(False, "HTTP 503")


async def _breach(town: Town, code: str = "JK1") -> int:
    complaint = await town.report(code, START)
    await town.sweep(NOW)
    return complaint


async def _states(town: Town) -> tuple[str, str]:
    (alert,), (delivery,) = await town.rows("alert"), await town.rows("delivery")
    return str(alert.state), str(delivery.state)


async def test_an_alert_is_delivered_once_and_every_attempt_is_on_record(town: Town) -> None:
    await _breach(town)
    console = Recorder()
    assert await town.deliver(NOW, console) == Sent(delivered=1)
    assert await town.deliver(NOW, console) == Sent()
    assert len(console.notices) == 1
    assert await _states(town) == ("delivered", "delivered")
    (delivery,), (attempt,) = await town.rows("delivery"), await town.rows("delivery_attempt")
    assert (delivery.attempts, delivery.delivered_at, delivery.next_attempt_at) == (1, NOW, None)
    assert (attempt.delivery_id, attempt.attempted_at, attempt.answer) == (delivery.id, NOW, "heard")
    assert attempt.took_ms >= 0


async def test_with_nothing_due_a_deliverer_asks_once_and_locks_nothing(town: Town) -> None:
    await _breach(town)
    await town.deliver(NOW, Recorder())
    with town.overheard() as heard:
        await town.deliver(NOW, Recorder())
    assert [statement.split()[0] for statement, _ in heard] == ["SELECT"]


async def test_the_console_writes_a_line_that_people_read(town: Town) -> None:
    await _breach(town)
    with capture_logs() as lines:
        await town.deliver(NOW)
    (line,) = lines
    assert line["text"].startswith("Lewat tenggat: JK1, tanggapan pertama, Rt A. Tenggat 13 Jan 2026 15.00 WIB")
    assert (line["unit"], line["rule"], line["step"], line["severity"]) == ("rt-a", "kota.respond", 100, "breach")
    assert "Sekar" not in str(line) and "0812-" not in str(line)


async def test_a_failed_message_goes_again_under_the_same_id_until_it_arrives(town: Town) -> None:
    await _breach(town)
    console = Recorder(answers=[DOWN, DOWN])
    moment = NOW
    assert await town.deliver(moment, console) == Sent(failed=1)
    assert await _states(town) == ("pending", "pending")
    assert await town.deliver(moment + timedelta(seconds=4), console) == Sent()
    moment += timedelta(seconds=6)
    assert await town.deliver(moment, console) == Sent(failed=1)
    moment += timedelta(seconds=34)
    assert await town.deliver(moment, console) == Sent(delivered=1)
    assert len({notice.id for notice in console.notices}) == 1
    assert [row.answer for row in await town.rows("delivery_attempt")] == ["HTTP 503", "HTTP 503", "heard"]


async def test_after_the_last_retry_a_message_is_dead_and_visible(town: Town) -> None:
    await _breach(town)
    console = Recorder(answers=[DOWN] * 3)
    for minute in range(3):
        await town.deliver(NOW + timedelta(minutes=minute), console, retries=(1, 1))
    assert await _states(town) == ("dead", "dead")
    assert await town.deliver(NOW + timedelta(days=9), console) == Sent()


@pytest.mark.parametrize(("attempts", "seconds"), list(enumerate(RETRY_SECONDS, start=1)))
def test_the_pauses_are_those_of_the_schedule_and_never_shorter(attempts: int, seconds: float) -> None:
    pauses = [pause_after(attempts, RETRY_SECONDS, f"msg_{n}") for n in range(50)]
    spans = [pause.total_seconds() for pause in pauses if pause is not None]
    assert len(spans) == 50 and len(set(spans)) > 1
    assert all(seconds <= span <= seconds * 1.1 for span in spans)


def test_there_is_no_pause_after_the_last_attempt() -> None:
    assert pause_after(len(RETRY_SECONDS) + 1, RETRY_SECONDS, "msg_1") is None
    assert pause_after(1, (), "msg_1") is None


async def test_a_deliverer_that_dies_between_claim_and_mark_loses_nothing(town: Town) -> None:
    await _breach(town)
    async with writing(town.engine) as connection:
        dead = await claim(
            connection, sends=Sends(["console"]), owner="dead", lease=timedelta(seconds=60), now=NOW, limit=9
        )
    console = Recorder()
    assert await town.deliver(NOW, console) == Sent(), "the claim holds while its lease runs"
    await _let_leases_run_out(town)
    assert await town.deliver(NOW, console) == Sent(delivered=1)
    assert [notice.id for notice in console.notices] == [each.notice.id for each in dead.claims]
    assert (await town.rows("delivery"))[0].attempts == 2


async def test_a_failure_that_comes_late_does_not_undo_a_delivery(town: Town) -> None:
    await _breach(town)
    slow, quick = _Slow(), Recorder()
    late = asyncio.create_task(town.deliver(NOW, slow))
    await slow.is_sending.wait()
    await _let_leases_run_out(town)
    assert await town.deliver(NOW, quick) == Sent(delivered=1)
    slow.may_answer.set()
    await late
    assert await _states(town) == ("delivered", "delivered")
    assert len(await town.rows("delivery_attempt")) == 2


async def test_any_number_of_deliverers_send_each_message_once(town: Town) -> None:
    for n in range(30):
        await town.report(f"JK{n}", START)
    await town.sweep(NOW)
    console = Recorder()
    sent = await asyncio.gather(*(town.deliver(NOW, console, batch=4) for _ in range(4)))
    assert sum(each.delivered for each in sent) == 30
    assert len({notice.id for notice in console.notices}) == len(console.notices) == 30


async def test_a_slow_target_holds_up_only_itself(town: Town) -> None:
    for n in range(9):
        await town.report(f"JK{n}", START)
    await town.sweep(NOW)
    slow = _Slow(first_only=True)
    running = asyncio.create_task(town.deliver(NOW, slow, batch=4))
    while [row.state for row in await town.rows("delivery")].count("delivered") < 8:
        assert not running.done()
        await asyncio.sleep(0)
    slow.may_answer.set()
    assert await running == Sent(delivered=8, failed=1)


async def test_a_flood_to_a_slow_target_leaves_the_others_their_places(town: Town) -> None:
    for n in range(30):
        await town.report(f"JK{n}", START)
    async with writing(town.engine) as connection:
        for name in ("slow", "quick"):
            await webhooks.create(
                connection, NewWebhook(url=f"http://127.0.0.1/{name}"), scope=WHOLE, created_by="t", vault=VAULT,
                allowed_hosts=("127.0.0.1",), now=NOW,
            )  # fmt: skip
    await town.sweep(NOW)
    hooks = _SlowHook("http://127.0.0.1/slow")
    running = asyncio.create_task(town.deliver(NOW, hooks, batch=10))
    while hooks.quick < 30:
        assert not running.done()
        await asyncio.sleep(0)
    hooks.may_answer.set()
    assert await running == Sent(delivered=30, failed=30)


async def test_a_message_that_breaks_its_channel_does_not_take_the_others_with_it(town: Town) -> None:
    for n in range(3):
        await town.report(f"JK{n}", START)
    await town.sweep(NOW)
    assert await town.deliver(NOW, _Broken()) == Sent(delivered=2, failed=1)
    answers = sorted(row.answer for row in await town.rows("delivery_attempt"))
    assert answers == ["heard", "heard", "internal error: RuntimeError"]


async def test_a_channel_that_this_process_does_not_know_is_left_to_one_that_does(town: Town) -> None:
    await _breach(town)
    assert await town.deliver(NOW, Recorder(channel="email")) == Sent()
    assert await _states(town) == ("pending", "pending")


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.IN_PROGRESS, Status.AWAITING_COMPLAINANT])
async def test_what_is_not_yet_sent_is_withdrawn_when_its_clock_stops(town: Town, status: Status) -> None:
    complaint = await _breach(town)
    await town.hear(complaint, status, NOW)
    console = Recorder()
    assert await town.deliver(NOW, console) == Sent(withdrawn=1)
    assert await _states(town) == ("withdrawn", "withdrawn")
    assert console.notices == []


async def test_what_is_not_yet_sent_is_withdrawn_when_its_clock_pauses(town: Town) -> None:
    complaint = await town.report("JK1", START)
    await town.move(complaint, Move.RESPOND, START + hours(1), text="Kami periksa", is_public=True)
    await town.sweep(START + timedelta(days=6))
    await town.move(complaint, Move.ASK_COMPLAINANT, START + timedelta(days=6), text="Di mana?")
    assert await town.deliver(START + timedelta(days=6), Recorder()) == Sent(withdrawn=1)


async def test_a_pending_retry_is_withdrawn_when_the_complaint_is_resolved_meanwhile(town: Town) -> None:
    complaint = await _breach(town)
    console = Recorder(answers=[DOWN])
    await town.deliver(NOW, console)
    await town.hear(complaint, Status.RESOLVED, NOW)
    assert await town.deliver(NOW + hours(1), console) == Sent(withdrawn=1)
    assert len(console.notices) == 1


async def test_acknowledgement_stops_the_ladder_and_withdraws_what_is_not_sent(town: Town) -> None:
    complaint = await _breach(town)
    (alert,) = await town.rows("alert")
    async with writing(town.engine) as connection:
        seen = await acknowledge(connection, alert.id, WHOLE, officer_id=None, now=NOW)
    assert (seen.acknowledged_at, seen.state) == (NOW, "withdrawn")
    assert (await town.clock(complaint, "respond")).next_fire_at is None
    assert await town.deliver(NOW, Recorder()) == Sent()
    await town.move(complaint, Move.CLAIM, NOW + hours(1))
    await town.sweep(NOW + timedelta(days=3))
    assert [row.step for row in await town.rows("alert") if row.rule == "kota.respond"] == [100]


async def test_what_alerts_write_on_a_clock_is_what_its_fold_says(town: Town) -> None:
    await _breach(town)
    await town.report("JK2", START)
    await town.sweep(NOW)
    async with writing(town.engine) as connection:
        await acknowledge(connection, (await town.rows("alert"))[0].id, WHOLE, officer_id=None, now=NOW)
    async with reading(town.engine) as connection:
        rules = await town.rulebooks.current(connection)
        assert [batch async for batch in verify(connection, rules)] == [(2, [])]


async def test_acknowledging_twice_keeps_the_first(town: Town) -> None:
    await _breach(town)
    (alert,) = await town.rows("alert")
    for minute in range(2):
        async with writing(town.engine) as connection:
            moment = NOW + timedelta(minutes=minute)
            await acknowledge(connection, alert.id, WHOLE, officer_id=None, now=moment)
    assert (await town.rows("alert"))[0].acknowledged_at == NOW


async def test_another_rule_on_the_same_clock_goes_on_after_an_acknowledgement(town: Town) -> None:
    complaint = await _breach(town)
    async with writing(town.engine) as connection:
        await acknowledge(connection, (await town.rows("alert"))[0].id, WHOLE, officer_id=None, now=NOW)
    await town.sweep(START + timedelta(days=14, minutes=1))
    assert (complaint, "respond", "uu.respond", 100) in await town.steps()


async def test_a_reading_connection_cannot_claim(town: Town) -> None:
    await _breach(town)
    async with reading(town.engine) as connection:
        await claim(connection, sends=Sends(["console"]), owner="x", lease=timedelta(seconds=60), now=NOW, limit=9)
    assert await town.deliver(NOW, Recorder()) == Sent(delivered=1), "what is not committed was never claimed"


async def _let_leases_run_out(town: Town) -> None:
    async with writing(town.engine) as connection:
        await connection.execute(update(table("delivery")).values(lease_until=at("2020-01-01 00:00")))


class _Slow:
    """A channel that waits to be told, and then fails."""

    channel = "console"

    def __init__(self, *, first_only: bool = False) -> None:
        self.is_sending, self.may_answer = asyncio.Event(), asyncio.Event()
        self._first_only = first_only

    async def send(self, notice: object, *, now: object) -> Answer:
        if self._first_only and self.is_sending.is_set():
            return Answer(True, "heard")
        self.is_sending.set()
        await self.may_answer.wait()
        return DOWN


class _SlowHook:
    """Webhooks of which one waits to be told, and then fails."""

    channel = "webhook"

    def __init__(self, slow: str) -> None:
        self._slow, self.quick, self.may_answer = slow, 0, asyncio.Event()

    async def send(self, notice: Notice, *, now: object) -> Answer:
        assert isinstance(notice.target, Endpoint)
        if notice.target.url != self._slow:
            self.quick += 1
            return Answer(True, "heard")
        await self.may_answer.wait()
        return DOWN


class _Broken:
    """A channel with a bug that its first message meets."""

    channel = "console"
    is_broken = True

    async def send(self, notice: object, *, now: object) -> Answer:
        if self.is_broken:
            self.is_broken = False
            raise RuntimeError("a bug")
        return Answer(True, "heard")
