"""Alerts and webhooks over REST: shapes, filters, pages, roles, units."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from standardwebhooks import Webhook as Verifier

from app.alerts.notifiers import Answer
from app.clock import utc_now
from app.complaint.roles import Role
from app.db.session import writing
from app.main import create_app
from app.people.tokens import NewToken, create_token
from app.settings import load_settings
from tests.alerts.sink import LOOPBACK, receiving
from tests.alerts.town import Recorder, Town, hours, table

Door = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def door(town: Town, database_url: str) -> AsyncIterator[Door]:
    """Opens a client that calls as a token of a role over units."""
    settings = load_settings(secret_key="k" * 32, database_url=database_url, allowed_webhook_hosts=LOOPBACK)
    app = create_app(settings)
    opened: list[httpx.AsyncClient] = []

    async def open_as(role: Role, *units: str) -> httpx.AsyncClient:
        async with writing(town.engine) as connection:
            new = NewToken(f"{role}-{len(opened)}", role, units, None)
            made = await create_token(connection, new, actor="test", now=utc_now())
        headers = {"Authorization": f"Bearer {made.token}"}
        transport = httpx.ASGITransport(app=app)
        opened.append(httpx.AsyncClient(transport=transport, base_url="http://test/api/v1", headers=headers))
        return opened[-1]

    async with app.router.lifespan_context(app):
        yield open_as
        for client in opened:
            await client.aclose()


async def _breaches(town: Town, *codes: str, unit: str | None = "rt-a") -> None:
    now = utc_now().replace(microsecond=0)
    for code in codes:
        await town.report(code, now - hours(25), unit=unit)
    await town.sweep(now)


async def test_an_alert_has_the_documented_shape(town: Town, door: Door) -> None:
    await _breaches(town, "JK1")
    await town.deliver(utc_now(), Recorder())
    answer = await (await door(Role.VIEWER)).get("/alerts")
    assert answer.status_code == 200
    page = answer.json()
    assert page.keys() == {"items", "next_cursor", "as_of", "sources"} and page["next_cursor"] is None
    (alert,) = page["items"]
    assert alert.keys() == {
        "id", "complaint", "unit", "clock", "cycle", "rule", "step", "level", "state", "due_at", "fired_at",
        "raised_at", "acknowledged_at", "acknowledged_by", "deliveries",
    }  # fmt: skip
    assert alert["complaint"] == {"id": 1, "ticket_code": "JK1"}
    assert alert["unit"] == {"code": "rt-a", "name": "Rt A"}
    assert (alert["rule"], alert["step"], alert["level"], alert["state"]) == (
        "kota.respond",
        100,
        "breach",
        "delivered",
    )
    assert alert["raised_at"].endswith("Z") and alert["acknowledged_at"] is None
    (delivery,) = alert["deliveries"]
    assert (delivery["channel"], delivery["recipient"], delivery["attempts"]) == ("console", "console", 1)
    assert "Sekar" not in answer.text


async def test_pages_show_every_alert_once_newest_first(town: Town, door: Door) -> None:
    await _breaches(town, *(f"JK{n}" for n in range(7)))
    client = await door(Role.VIEWER)
    seen: list[int] = []
    answer = await client.get("/alerts", params={"limit": 3})
    while True:
        seen += [alert["id"] for alert in answer.json()["items"]]
        cursor = answer.json()["next_cursor"]
        assert ("link" in answer.headers) is (cursor is not None)
        if cursor is None:
            break
        await _breaches(town, f"NEW{len(seen)}")
        answer = await client.get("/alerts", params={"limit": 3, "cursor": cursor})
    assert seen == sorted(range(1, 8), reverse=True)


FILTERS: list[tuple[dict[str, str], list[str]]] = [
    ({}, ["JK2", "JK1"]),
    ({"level": "breach"}, ["JK2", "JK1"]),
    ({"level": "notice,warning"}, []),
    ({"clock": "respond"}, ["JK2", "JK1"]),
    ({"clock": "resolve"}, []),
    ({"state": "pending,dead"}, ["JK2", "JK1"]),
    ({"state": "withdrawn"}, []),
    ({"unit": "dinas-a"}, ["JK1"]),
    ({"unit": "dinas-b"}, ["JK2"]),
    ({"unit": "kota"}, ["JK2", "JK1"]),
]
UNKNOWN = [
    {"state": "sent"},
    {"level": ""},
    {"clock": "respond,,resolve"},
    {"unit": "nowhere"},
    {"cursor": "AAAA"},
    {"limit": "0"},
    {"limit": "201"},
    {"colour": "red"},
]


async def test_filters_narrow_the_list(town: Town, door: Door) -> None:
    await _breaches(town, "JK1", unit="rt-a")
    await _breaches(town, "JK2", unit="dinas-b")
    client = await door(Role.VIEWER)
    for query, codes in FILTERS:
        items = (await client.get("/alerts", params=query)).json()["items"]
        assert [alert["complaint"]["ticket_code"] for alert in items] == codes, query


async def test_a_value_that_does_not_exist_is_named(door: Door) -> None:
    client = await door(Role.VIEWER)
    for query in UNKNOWN:
        answer = await client.get("/alerts", params=query)
        assert answer.status_code == 422, query
        assert [error["field"] for error in answer.json()["errors"]] == list(query)


async def test_alerts_outside_the_callers_units_are_absent(town: Town, door: Door) -> None:
    await _breaches(town, "JK1", unit="rt-a")
    stranger, owner = await door(Role.OFFICER, "dinas-b"), await door(Role.OFFICER, "dinas-a")
    assert (await stranger.get("/alerts")).json()["items"] == []
    assert len((await owner.get("/alerts")).json()["items"]) == 1
    for client, status in ((stranger, 404), (owner, 200)):
        assert (await client.get("/alerts/1")).status_code == status
        assert (await client.get("/alerts/1/deliveries")).status_code == status
        assert (await client.post("/alerts/1/acknowledge")).status_code == status
    absent = (await owner.get("/alerts/99")).json()
    assert absent["detail"] == (await stranger.get("/alerts/1")).json()["detail"].replace("1", "99")


async def test_an_officer_acknowledges_and_a_viewer_may_not(town: Town, door: Door) -> None:
    await _breaches(town, "JK1")
    assert (await (await door(Role.VIEWER)).post("/alerts/1/acknowledge")).status_code == 403
    assert (await (await door(Role.SERVICE)).post("/alerts/1/acknowledge")).status_code == 403
    officer = await door(Role.OFFICER)
    first = (await officer.post("/alerts/1/acknowledge")).json()
    again = (await officer.post("/alerts/1/acknowledge")).json()
    assert first["acknowledged_at"] is not None and first["acknowledged_by"]
    assert first == again and first["state"] == "withdrawn"
    assert [row.action for row in await town.rows("audit")].count("alert.acknowledge") == 1


async def test_every_attempt_can_be_read(town: Town, door: Door) -> None:
    await _breaches(town, "JK1")
    await town.deliver(utc_now(), Recorder())
    (delivery,) = (await (await door(Role.VIEWER)).get("/alerts/1/deliveries")).json()["items"]
    assert delivery["state"] == "delivered"
    assert [each["answer"] for each in delivery["tries"]] == ["heard"]


async def test_an_alert_that_was_told_with_another_lists_their_message(town: Town, door: Door) -> None:
    now = utc_now().replace(microsecond=0)
    await town.report("JK1", now - hours(130))
    await town.sweep(now)
    await town.deliver(now, Recorder(answers=[Answer(False, "SMTP 550", is_final=True)]))
    (delivery,) = await town.rows("delivery")
    head = await door(Role.SUPERVISOR)
    items = (await head.get("/alerts")).json()["items"]
    assert {(each["clock"], each["state"]) for each in items} == {("respond", "dead"), ("resolve", "dead")}
    other = next(each["id"] for each in items if each["id"] != delivery.alert_id)
    for alert_id in (delivery.alert_id, other):
        (told,) = (await head.get(f"/alerts/{alert_id}/deliveries")).json()["items"]
        assert (told["id"], [each["answer"] for each in told["tries"]]) == (delivery.id, ["SMTP 550"])
    assert (await head.post(f"/alerts/{other}/deliveries/{delivery.id}/replay")).json()["state"] == "pending"
    assert [each["state"] for each in (await head.get("/alerts")).json()["items"]] == ["pending", "pending"]


async def test_a_supervisor_replays_a_dead_message(town: Town, door: Door) -> None:
    await _breaches(town, "JK1")
    await town.deliver(utc_now(), Recorder(answers=[Answer(False, "SMTP 550", is_final=True)]))
    path = f"/alerts/1/deliveries/{(await town.rows('delivery'))[0].id}/replay"
    assert (await (await door(Role.OFFICER)).post(path)).status_code == 403
    assert (await (await door(Role.SUPERVISOR, "dinas-b")).post(path)).status_code == 404
    supervisor = await door(Role.SUPERVISOR, "dinas-a")
    replayed = await supervisor.post(path)
    assert (replayed.status_code, replayed.json()["state"], replayed.json()["attempts"]) == (200, "pending", 0)
    again = await supervisor.post(path)
    assert again.status_code == 409 and "only a dead one is replayed" in again.json()["detail"]
    assert (await supervisor.post("/alerts/1/deliveries/msg_none/replay")).status_code == 404
    assert [row.action for row in await town.rows("audit")].count("delivery.replay") == 1


async def test_a_webhook_that_was_switched_off_is_switched_on(town: Town, door: Door) -> None:
    client = await door(Role.ADMIN)
    made = (await client.post("/webhooks", json={"url": "http://127.0.0.1/", "events": ["notice"]})).json()
    async with writing(town.engine) as connection:
        await connection.execute(update(table("webhook")).values(off_at=utc_now(), failing_since=utc_now()))
    assert (await client.get(f"/webhooks/{made['id']}")).json()["off_at"].endswith("Z")
    for _ in range(2):
        on = await client.post(f"/webhooks/{made['id']}/enable")
        assert (on.status_code, on.json()["off_at"], on.json()["failing_since"]) == (200, None, None)
    assert (await client.post("/webhooks/99/enable")).status_code == 404
    assert [row.action for row in await town.rows("audit")].count("webhook.enable") == 1


async def test_a_webhook_is_made_with_a_secret_that_is_shown_once(town: Town, door: Door) -> None:
    client = await door(Role.SERVICE, "dinas-a")
    async with receiving() as sink:
        made = await client.post("/webhooks", json={"url": f"{sink.url}/hook?key=1", "events": ["alert"]})
        assert made.status_code == 201
        webhook = made.json()
        assert webhook["units"] == ["dinas-a"] and webhook["secret"].startswith("whsec_")
        assert made.headers["location"] == f"/api/v1/webhooks/{webhook['id']}"
        listed = (await client.get("/webhooks")).json()["items"]
        assert listed == [{name: value for name, value in webhook.items() if name != "secret"}]
        tried = (await client.post(f"/webhooks/{webhook['id']}/test")).json()
        assert (tried["delivered"], tried["answer"]) == (True, "HTTP 204")
        rotated = (await client.post(f"/webhooks/{webhook['id']}/rotate")).json()
        assert rotated["secret"] != webhook["secret"]
        await client.post(f"/webhooks/{webhook['id']}/test")
        first, second = sink.messages
        Verifier(webhook["secret"]).verify(first.body, first.headers)
        Verifier(rotated["secret"]).verify(second.body, second.headers)
        assert first.path == "/hook?key=1"
    assert (await client.delete(f"/webhooks/{webhook['id']}")).status_code == 204
    assert (await client.get(f"/webhooks/{webhook['id']}")).status_code == 404
    assert (await client.delete(f"/webhooks/{webhook['id']}")).status_code == 404
    actions = [row.action for row in await town.rows("audit") if row.action.startswith("webhook.")]
    assert actions == ["webhook.create", "webhook.rotate", "webhook.delete"]


async def test_the_address_of_a_webhook_is_shown_without_its_query(town: Town, door: Door) -> None:
    await (await door(Role.ADMIN)).post("/webhooks", json={"url": "http://127.0.0.1:9/hook?key=geheim"})
    await _breaches(town, "JK1")
    answer = await (await door(Role.VIEWER)).get("/alerts")
    recipients = [each["recipient"] for each in answer.json()["items"][0]["deliveries"]]
    assert recipients == ["console", "http://127.0.0.1:9/hook"]


async def test_viewers_and_officers_may_not_keep_webhooks(door: Door) -> None:
    for role in (Role.VIEWER, Role.OFFICER):
        client = await door(role)
        assert (await client.post("/webhooks", json={"url": "http://127.0.0.1/"})).status_code == 403
        assert (await client.get("/webhooks")).status_code == 403
        assert (await client.delete("/webhooks/1")).status_code == 403


MALFORMED: list[tuple[dict[str, Any], str]] = [
    ({}, "url"),
    ({"url": "http://10.0.0.1/hook"}, "url"),
    ({"url": "https://example.org/hook"}, "url"),
    ({"url": "http://127.0.0.1/", "events": ["everything"]}, "events"),
    ({"url": "http://127.0.0.1/", "units": ["nowhere"]}, "units"),
    ({"url": "http://127.0.0.1/", "levels": ["loud"]}, "levels"),
    ({"url": "http://127.0.0.1/", "secret": "mine"}, "secret"),
]


async def test_a_malformed_webhook_is_refused_by_field(door: Door) -> None:
    client = await door(Role.ADMIN)
    for body, field in MALFORMED:
        answer = await client.post("/webhooks", json=body)
        assert answer.status_code == 422, body
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await client.get("/webhooks")).json()["items"] == []


async def test_without_a_token_nothing_is_told(door: Door) -> None:
    client = await door(Role.VIEWER)
    for path in ("/alerts", "/alerts/1/deliveries", "/webhooks"):
        assert (await client.get(path, headers={"Authorization": "Bearer tgp_wrong"})).status_code == 401


async def test_a_message_that_failed_says_when_it_goes_again(town: Town, door: Door) -> None:
    client = await door(Role.ADMIN)
    await client.post("/webhooks", json={"url": "http://127.0.0.1:9/hook"})
    await _breaches(town, "JK1")
    await town.deliver(utc_now(), Recorder("webhook", answers=[Answer(False, "HTTP 503")]))
    deliveries = (await client.get("/alerts/1/deliveries")).json()["items"]
    (failed,) = [each for each in deliveries if each["channel"] == "webhook"]
    assert (failed["state"], failed["attempts"], failed["tries"][0]["answer"]) == ("pending", 1, "HTTP 503")
    assert failed["next_attempt_at"] > failed["tries"][0]["attempted_at"]
