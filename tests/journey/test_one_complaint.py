"""One complaint from a page that JAKI serves to a signed webhook about its breach, through the real commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.alerts.sink import Sink, receiving
from tests.connectors.servers import serving
from tests.journey.city import CODE, TOKEN, Jaki
from tests.journey.service import Tanggap, until

pytestmark = pytest.mark.timeout(180)


def _clock(complaint: dict[str, Any], clock: str, policy: str) -> dict[str, Any]:
    found = [each for each in complaint["clocks"] if each["clock"] == clock and each["policy"]["name"] == policy]
    assert len(found) == 1
    return dict(found[0])


async def _prepare(tanggap: Tanggap, jaki_url: str) -> dict[str, str]:
    """Reference data, the source, two officers' tokens and one that keeps webhooks."""
    assert tanggap.run("seed", "jakarta").returncode == 0
    added = tanggap.run(
        "source", "add", "jaki", "--connector", "jaki", "--url", jaki_url, "--token", TOKEN, "--every", "2s"
    )
    assert added.returncode == 0, added.stderr
    kelurahan = ("--unit", "31.71.07.1004")
    return {
        "admin": tanggap.json("token", "create", "--role", "admin")["token"],
        "first": tanggap.json("token", "create", "--role", "officer", *kelurahan)["token"],
        "second": tanggap.json("token", "create", "--role", "officer", *kelurahan)["token"],
        "bureau": tanggap.json("token", "create", "--role", "supervisor", "--unit", "biro-pemerintahan")["token"],
        "elsewhere": tanggap.json("token", "create", "--role", "officer", "--unit", "31.72")["token"],
    }


class Api:
    """The REST interface as each of several callers sees it."""

    def __init__(self, client: httpx.AsyncClient, tokens: dict[str, str]) -> None:
        self.client, self.tokens = client, tokens

    async def get(self, who: str, path: str, **query: str) -> httpx.Response:
        return await self.client.get(f"/api/v1{path}", params=query, headers=self._headers(who))

    async def post(self, who: str, path: str, **body: object) -> httpx.Response:
        return await self.client.post(f"/api/v1{path}", json=body, headers=self._headers(who))

    async def complaint(self) -> dict[str, Any] | None:
        answer = await self.get("admin", f"/complaints/{CODE}")
        return answer.json() if answer.status_code == 200 else None

    async def has_status(self, status: str) -> bool:
        complaint = await self.complaint()
        return complaint is not None and complaint["status"] == status

    def _headers(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[who]}"}


async def test_a_complaint_travels_from_a_served_page_to_a_signed_breach_webhook(database_url: str) -> None:
    jaki = Jaki(datetime.now(UTC) - timedelta(hours=30))
    async with serving(jaki.answer) as source, receiving() as sink:
        tanggap = Tanggap(
            database_url,
            {"ALLOWED_SOURCE_HOSTS": "127.0.0.1", "ALLOWED_WEBHOOK_HOSTS": "127.0.0.1", "RATE_LIMIT": "off"},
        )
        tokens = await _prepare(tanggap, source.url)
        async with tanggap.serving() as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
            api = Api(client, tokens)
            secret = await _subscribe(api, sink)
            await until(api.complaint)
            await _late_and_in_the_right_queue(api)
            await _told_once_and_signed(api, sink, secret)
            await _worked_on_by_one_officer(api)
            await _validated(api)
            await _reopened_by_the_source(api, jaki)
        verified = tanggap.json("sla", "verify")
        assert verified == {"complaints": 1, "differences": 0, "first": []}


async def _subscribe(api: Api, sink: Sink) -> str:
    made = await api.post("admin", "/webhooks", url=f"{sink.url}/hook", events=["alert"])
    assert made.status_code == 201, made.text
    return str(made.json()["secret"])


async def _late_and_in_the_right_queue(api: Api) -> None:
    complaint = await api.complaint()
    assert complaint is not None
    assert complaint["unit"] == {"code": "31.71.07.1004", "name": "Kelurahan Petamburan"}
    respond = _clock(complaint, "respond", "crm.respond")
    assert respond["state"] == "running"
    assert respond["breached_at"] == respond["due_at"]
    assert respond["remaining_seconds"] < 0
    queue = (await api.get("first", "/complaints", due="overdue")).json()
    assert [each["ticket_code"] for each in queue["items"]] == [CODE]
    assert (await api.get("elsewhere", "/complaints")).json()["items"] == []
    assert (await api.get("elsewhere", f"/complaints/{CODE}")).status_code == 404
    status = (await api.get("admin", "/units/31.71.07.1004/status")).json()
    assert status["overdue"]["value"] == 1


async def _told_once_and_signed(api: Api, sink: Sink, secret: str) -> None:
    async def arrived() -> list[Any]:
        return sink.messages

    await until(arrived)
    message = sink.messages[0]
    body = json.loads(message.body)
    Webhook(secret).verify(message.body, message.headers)
    assert body["data"]["complaint"]["ticket_code"] == CODE
    # Seen for the first time a day late, it raises one alert: the highest step that its clocks had passed.
    assert {each["data"]["id"] for each in map(_data, sink.messages)} == {body["data"]["id"]}
    alerts = (await api.get("admin", "/alerts")).json()["items"]
    posts = [each for alert in alerts for each in alert["deliveries"] if each["channel"] == "webhook"]
    assert [each["id"] for each in posts] == [message.headers["webhook-id"]]
    assert "trotoar" not in message.body.decode()


def _data(message: Any) -> dict[str, Any]:
    return dict(json.loads(message.body))


async def _worked_on_by_one_officer(api: Api) -> None:
    path = f"/complaints/{CODE}/moves"
    assert (await api.post("first", path, move="claim")).status_code == 200
    taken = await api.post("second", path, move="claim")
    assert taken.status_code == 409
    assert taken.headers["content-type"] == "application/problem+json"
    responded = await api.post("first", path, move="respond", text="Petugas meluncur.")
    assert _clock(responded.json(), "respond", "crm.respond")["state"] == "missed"
    for move in ("accept", "submit"):
        assert (await api.post("first", path, move=move)).status_code == 200
    assert (await api.post("first", path, move="approve")).status_code == 403
    illegal = await api.post("first", path, move="reopen", reason="belum")
    assert illegal.status_code in (403, 409)


async def _validated(api: Api) -> None:
    approved = await api.post("bureau", f"/complaints/{CODE}/moves", move="approve")
    assert approved.status_code == 200, approved.text
    assert approved.json()["status"] == "resolved"
    assert _clock(approved.json(), "resolve", "crm.resolve")["state"] == "met"
    words = [each["kind"] for each in (await api.get("admin", f"/complaints/{CODE}/history")).json()["items"]]
    assert words.count("move") == 5


async def _reopened_by_the_source(api: Api, jaki: Jaki) -> None:
    """A later dated word that is legal counts: the follow-up was refused after all."""
    # An officer's move comes after what sources say of the same second; this word is of the next one.
    jaki.say("TL Ditolak", datetime.now(UTC) + timedelta(seconds=1))
    assert (await api.post("admin", "/sources/jaki/pull")).status_code == 202
    await until(lambda: api.has_status("rework"))
    complaint = await api.complaint()
    assert complaint is not None
    assert [
        each["cycle"]
        for each in complaint["clocks"]
        if each["clock"] == "resolve" and each["policy"] and each["policy"]["name"] == "crm.resolve"
    ] == [1, 2]
