"""Dead messages of every kind over REST: listed with their last answer, and sent again one by one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from app.alerts.digest import make_digests
from app.alerts.notifiers import EMAIL, Answer
from app.complaint.roles import Role
from app.db.session import writing
from app.db.states import DeliveryKind, DeliveryState
from tests.alerts.staff import hire, open_office
from tests.alerts.test_alert_api import Door, door
from tests.alerts.town import Recorder, Town, at, hours, table

__all__ = ["door"]

MONDAY = at("2026-01-12 07:30")
DIGEST_ID = "digest-20260112-1-email"
NOTICE = {"key": "disk", "what": "disk", "is_over": False, "since": MONDAY.isoformat(), "about": {}}
REFUSED = Answer(False, "SMTP 550", is_final=True)


async def _dead(town: Town) -> str:
    """A breach, a list of the morning and a word of the installation, all dead; the id of the first."""
    await open_office(town)
    await hire(town, "ani", Role.OFFICER, "rt-a")
    await town.report("JK1", MONDAY - hours(25))
    await town.sweep(MONDAY)
    (delivery,) = await town.rows("delivery")
    await make_digests(town.engine, town.rulebooks, now=MONDAY)
    pending = {"state": DeliveryState.PENDING, "attempts": 0, "next_attempt_at": MONDAY, "round": 1}
    row = {"id": "msg_0", "kind": DeliveryKind.NOTICE, "channel": EMAIL, "recipient": "operator:ops@example.go.id"}
    async with writing(town.engine) as connection:
        await connection.execute(insert(table("delivery")).values(**row, **pending, payload=NOTICE))
    sent = await town.deliver(MONDAY, Recorder(answers=[REFUSED]), Recorder(EMAIL, answers=[REFUSED] * 2))
    assert sent.dead == 3
    return str(delivery.id)


async def test_the_dead_of_every_kind_are_listed_with_their_last_answer(town: Town, door: Door) -> None:
    breach = await _dead(town)
    admin = await door(Role.ADMIN)
    items = (await admin.get("/deliveries/dead")).json()["items"]
    told: list[tuple[Any, ...]] = [(each["id"], each["kind"], each["alert_id"], each["about"]) for each in items]
    assert told == [(DIGEST_ID, "digest", None, "2026-01-12"), ("msg_0", "notice", None, "disk"), (breach, "alert", 1, None)]  # fmt: skip # noqa: E501
    assert {(each["state"], each["last"]["answer"], each["last"]["attempted_at"]) for each in items} == {
        ("dead", "SMTP 550", "2026-01-12T00:30:00Z")
    }
    assert [each["recipient"] for each in items] == ["officer:1", "operator:ops@example.go.id", "console"]
    some = await admin.get("/deliveries/dead", params={"kind": "digest,notice"})
    assert [each["kind"] for each in some.json()["items"]] == ["digest", "notice"]


async def test_pages_of_the_dead_show_each_once(town: Town, door: Door) -> None:
    breach = await _dead(town)
    admin, seen, query = await door(Role.ADMIN), list[str](), {"limit": 1}
    while True:
        page = (await admin.get("/deliveries/dead", params=query)).json()
        seen += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        query = {"limit": 1, "cursor": page["next_cursor"]}
    assert seen == [DIGEST_ID, "msg_0", breach]


async def test_a_dead_message_without_an_alert_is_sent_again_once_somebody_says_so(town: Town, door: Door) -> None:
    breach = await _dead(town)
    admin = await door(Role.ADMIN)
    for delivery_id in (DIGEST_ID, "msg_0", breach):
        again = await admin.post(f"/deliveries/{delivery_id}/replay")
        assert (again.status_code, again.json()["state"], again.json()["attempts"]) == (200, "pending", 0)
        assert (await admin.post(f"/deliveries/{delivery_id}/replay")).status_code == 409
    assert (await town.rows("alert"))[0].state == "pending"
    assert (await admin.get("/deliveries/dead")).json()["items"] == []
    subjects = [row.subject for row in await town.rows("audit") if row.action == "delivery.replay"]
    assert subjects == [f"delivery:{DIGEST_ID}", "delivery:msg_0", f"delivery:{breach}"]
    mail = Recorder(EMAIL)
    assert (await town.deliver(at("2099-01-01 08:00"), mail)).delivered == 2
    assert {notice.id for notice in mail.notices} == {DIGEST_ID, "msg_0"}


async def test_what_is_not_there_or_makes_no_sense_is_refused(town: Town, door: Door) -> None:
    admin = await door(Role.ADMIN)
    assert (await admin.post("/deliveries/msg_none/replay")).status_code == 404
    for query in ({"kind": "pigeon"}, {"kind": "digest,"}, {"cursor": "x"}):
        answer = await admin.get("/deliveries/dead", params=query)
        assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (422, list(query))
    foreign = await door(Role.ADMIN, "kota")
    assert (await foreign.get("/deliveries/dead")).status_code == 403
    assert (await foreign.post("/deliveries/msg_none/replay")).status_code == 403
