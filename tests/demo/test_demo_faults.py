"""The faults of the make-believe sources: every kind, as often as asked for, and the same again by the same seed."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import orjson
import pytest
from starlette.testclient import TestClient

from app.demo.arrivals import WIB
from app.demo.faults import REPORT, Fault, FaultPlan
from app.demo.feeds import FeedsSettings, open_feeds

NOON = datetime(2026, 11, 24, 12, tzinfo=WIB)
BEARER = {"Authorization": "Bearer demo"}
MAP = "/api/public/dashboard/distribution-map"


def feeds(faults: float, seed: int = 7) -> TestClient:
    settings = FeedsSettings(token="demo", seed=seed, per_day=40, freeze_at=NOON, faults=faults)
    return TestClient(open_feeds(settings, now=lambda: NOON))


def day(client: TestClient, number: int = 20):
    on = f"2026-11-{number:02}"
    return client.get(MAP, params={"dateStart": on, "dateEnd": on, "zoneId": "", "isPrivacy": "0"})


def walk(client: TestClient, times: int = 12) -> list[tuple[int, bytes]]:
    """Some days and pages, asked for again and again, as (status, body)."""
    answers = []
    for _ in range(times):
        answers += [day(client, number) for number in range(15, 20)]
        answers.append(client.get("/reports", params={"limit": "50"}, headers=BEARER))
    return [(answer.status_code, answer.content) for answer in answers]


def test_without_faults_nothing_goes_wrong_and_there_is_nothing_to_tell():
    client = feeds(0.0)
    assert {status for status, _ in walk(client, 2)} == {200}
    assert client.get(REPORT).status_code == 404


def test_the_same_seed_is_the_same_trouble():
    assert walk(feeds(0.5)) == walk(feeds(0.5))
    assert walk(feeds(0.5)) != walk(feeds(0.5, seed=8))


def test_about_the_share_that_is_asked_for_goes_wrong_in_every_way():
    plan = FaultPlan(7, 0.25)
    drawn = Counter(plan.drawn(f"/{number}", 1, has_cursor=True) for number in range(8_000))
    assert set(drawn) == {None, *Fault}
    assert 0.23 < 1 - drawn[None] / 8_000 < 0.27
    assert min(drawn[fault] for fault in Fault) > 150
    assert Fault.EXPIRED not in {plan.drawn(f"/{number}", 1, has_cursor=False) for number in range(8_000)}


def test_asking_again_may_help():
    plan = FaultPlan(7, 0.9)
    assert None in {plan.drawn("/same", time, has_cursor=False) for time in range(1, 100)}


def test_what_went_wrong_is_told_and_the_share_can_be_changed():
    client = feeds(1.0)
    walk(client)
    told = client.get(REPORT).json()
    assert sum(told["happened"].values()) == 72
    assert told["share"] == 1.0
    assert client.post(REPORT, params={"share": "0"}).json()["share"] == 0.0
    assert {status for status, _ in walk(client, 2)} == {200}
    assert client.post(REPORT, params={"share": "2"}).status_code == 400


def test_faults_of_the_data_stay_when_delivery_is_sound():
    spoiled, sound = feeds(1.0), feeds(0.0)
    spoiled.post(REPORT, params={"share": "0"})
    for number in range(10, 24):
        clean = {record["id"]: record for record in day(sound, number).json()}
        found = day(spoiled, number).json()
        poison = [record for record in found if "createdAt" not in record]
        assert [record for record in found if "createdAt" in record] == list(clean.values())
        assert all(str(record["id"]).endswith("-x") for record in poison)
        assert day(spoiled, number).json() == found
    assert spoiled.get(REPORT).json()["poison"] > 5


def test_some_records_were_changed_by_a_clock_that_runs_ahead():
    spoiled, sound = feeds(1.0), feeds(0.0)
    spoiled.post(REPORT, params={"share": "0"})
    pages = [client.get("/reports", params={"limit": "200"}, headers=BEARER).json() for client in (spoiled, sound)]
    ahead, right = ({record["id"]: record["updated_at"] for record in page["data"]} for page in pages)
    early = {
        datetime.fromisoformat(ahead[code]) - datetime.fromisoformat(at) for code, at in right.items() if code in ahead
    }
    assert early == {timedelta(), timedelta(minutes=4)}


@pytest.mark.parametrize("fault", list(Fault))
def test_each_fault_is_what_it_says(fault, monkeypatch):
    client, sound = feeds(0.0001), feeds(0.0)
    client.get("/reports", params={"limit": "50"}, headers=BEARER)
    first = sound.get("/reports", params={"limit": "50"}, headers=BEARER).json()
    params = {"limit": "50", "cursor": first["next_cursor"]}
    clean = sound.get("/reports", params=params, headers=BEARER).json()["data"]
    monkeypatch.setattr(FaultPlan, "drawn", lambda *_, **__: fault)
    answer = client.get("/reports", params=params, headers=BEARER)
    if fault is Fault.LATE:
        assert answer.json()["data"] == clean
    elif fault is Fault.BROKEN:
        assert answer.status_code >= 500
    elif fault is Fault.BUSY:
        assert (answer.status_code, "retry-after" in answer.headers) == (429, True)
        if "date" in answer.headers:
            there, until = (parsedate_to_datetime(answer.headers[name]) for name in ("date", "retry-after"))
            assert until - there == timedelta(seconds=1)
    elif fault is Fault.EXPIRED:
        assert answer.status_code == 410
    elif fault is Fault.PAGE:
        assert answer.headers["content-type"].startswith("text/html")
    elif fault is Fault.CUT:
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(answer.content)
    elif fault is Fault.REPEATED:
        found = answer.json()["data"]
        assert found[: len(clean)] == clean and found[len(clean) :] == clean[: len(found) - len(clean)] != []
    else:
        assert fault is Fault.SHIFTED
        assert answer.json()["data"] == first["data"][-5:] + clean
