"""Dead messages go again under the same id when somebody says so; old ones leave the record, alerts do not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.alerts.delivery import Sent
from app.alerts.notifiers import Answer
from app.alerts.replaying import purge_deliveries, replay, replay_all
from app.complaint.errors import Conflict, NotFound
from app.complaint.lifecycle import Status
from app.db.scope import WHOLE, Scope
from app.db.session import writing
from tests.alerts.town import Recorder, Town, at, hours

START = at("2026-01-12 15:00")
NOW = START + hours(25)
REFUSED = Answer(False, "SMTP 550", is_final=True)


async def _dead(town: Town, *codes: str) -> Recorder:
    """A breach of each complaint that died when it was sent."""
    for code in codes:
        await town.report(code, START)
    await town.sweep(NOW)
    console = Recorder(answers=[REFUSED] * len(codes))
    assert await town.deliver(NOW, console) == Sent(dead=len(codes))
    return console


async def _replay(town: Town, alert_id: int, delivery_id: str, scope: Scope = WHOLE) -> Any:
    async with writing(town.engine) as connection:
        return await replay(connection, alert_id, delivery_id, scope, now=NOW + hours(1))


async def _replay_all(town: Town, **asked: Any) -> int:
    async with writing(town.engine) as connection:
        return await replay_all(connection, **{"since": None, "now": NOW + hours(1), **asked})


async def test_a_dead_message_goes_again_under_the_same_id(town: Town) -> None:
    console = await _dead(town, "JK1")
    (delivery,) = await town.rows("delivery")
    view = await _replay(town, 1, delivery.id)
    assert (view.id, view.state, view.attempts) == (delivery.id, "pending", 0)
    assert (await town.rows("alert"))[0].state == "pending"
    assert await town.deliver(NOW + hours(1), console) == Sent(delivered=1)
    assert {notice.id for notice in console.notices} == {delivery.id}
    assert [row.answer for row in await town.rows("delivery_attempt")] == ["SMTP 550", "heard"]
    assert (await town.rows("alert"))[0].state == "delivered"


async def test_what_is_not_dead_or_not_theirs_is_not_replayed(town: Town) -> None:
    await _dead(town, "JK1")
    (delivery,) = await town.rows("delivery")
    foreign = Scope((town.units["dinas-b"],))
    for alert_id, delivery_id, scope in ((1, "msg_none", WHOLE), (99, delivery.id, WHOLE), (1, delivery.id, foreign)):
        with pytest.raises(NotFound):
            await _replay(town, alert_id, delivery_id, scope)
    await _replay(town, 1, delivery.id)
    with pytest.raises(Conflict, match="is pending; only a dead one is replayed"):
        await _replay(town, 1, delivery.id)


async def test_a_replayed_message_whose_reason_is_gone_is_withdrawn(town: Town) -> None:
    await _dead(town, "JK1")
    await town.hear(1, Status.RESOLVED, NOW + timedelta(minutes=5))
    await _replay(town, 1, (await town.rows("delivery"))[0].id)
    assert await town.deliver(NOW + hours(1), Recorder()) == Sent(withdrawn=1)


async def test_all_that_died_since_an_instant_go_again(town: Town) -> None:
    console = await _dead(town, "JK1", "JK2", "JK3")
    assert await _replay_all(town, since=NOW + timedelta(seconds=1)) == 0
    assert [await _replay_all(town, since=NOW, limit=2) for _ in range(3)] == [2, 1, 0]
    assert await town.deliver(NOW + hours(1), console) == Sent(delivered=3)
    assert await _replay_all(town) == 0


async def test_old_messages_leave_the_record_and_their_alerts_stay(town: Town) -> None:
    await _dead(town, "JK1", "JK2")
    await town.report("JK3", START)
    await town.sweep(NOW)

    async def purge(before: Any) -> int:
        async with writing(town.engine) as connection:
            return await purge_deliveries(connection, before=before)

    await _replay(town, 1, next(row.id for row in await town.rows("delivery") if row.alert_id == 1))
    assert await purge(NOW) == 0
    assert await purge(NOW + hours(1)) == 1
    assert {row.alert_id for row in await town.rows("delivery")} == {1, 3}, "what is pending stays"
    assert len(await town.rows("alert")) == 3
    await town.sweep(NOW + timedelta(seconds=1))
    assert len(await town.rows("alert")) == 3
