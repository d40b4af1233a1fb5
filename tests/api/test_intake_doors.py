"""Intake's doors: uploads, pushes, replays, backfills, notices, status words and suggestions over REST."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from standardwebhooks import Webhook

from app.clock import utc_now
from app.complaint.roles import Role
from app.db.metadata import metadata
from app.db.session import reading, writing
from app.db.tables.sources import Source
from app.importing import read_upload
from app.intake.pairing import pair_new
from app.intake.sources import NewSource, add_source
from app.intake.words import reread_learned
from app.pulling import Plant
from tests.api.door import Door
from tests.api.test_problems import assert_problem
from tests.sure import all_are_sure

IMPORTS = "/api/v1/imports"
HEADER = "case_enquiry_id,open_dt,target_dt,closed_dt,ontime,case_status,closure_reason,case_title,subject,reason,type"
HEADER += ",department,location,latitude,longitude,source"


def boston(number: int, opened: str = "2022-01-10 08:00:00") -> str:
    given = [str(number), opened, "", "", "ONTIME", "Open", "", "Street light", "Lights", "Lamps", "Outages"]
    return ",".join([*given, "PWDx", "1 Main St", "42.3", "-71.1", "Citizens Connect App"])


@pytest.fixture
def plant(door: Door) -> Plant:
    """A worker beside the door."""
    return Plant(door.house.settings, door.house.engine, door.house.rulebooks, door.house.vault)


async def rows(door: Door, name: str) -> list[Any]:
    async with reading(door.house.engine) as connection:
        return list(
            await connection.execute(select(metadata.tables[name]).order_by(*metadata.tables[name].primary_key))
        )


async def add_jaki(door: Door, name: str = "jaki") -> None:
    async with writing(door.house.engine) as connection:
        new = NewSource(name=name, connector="jaki", url="https://jaki.example", token="x")
        await add_source(connection, new, door.house.vault, now=door.clock.now)


def report(code: str, **values: Any) -> dict[str, Any]:
    return {
        "id": code,
        "title": "Lampu mati",
        "description": "Lampu jalan di depan pos RW mati sejak kemarin malam",
        "category": {"id": 1, "name": "Penerangan"},
        "status": "Menunggu",
        "privacy": "public",
        "location": {"lat": -6.19, "lng": 106.8},
        "created_at": "2026-06-02T07:00:00+07:00",
        "updated_at": "2026-06-02T07:00:00+07:00",
        "timeline": [],
        **values,
    }


async def push(door: Door, secret: str, value: object, id_: str = "msg_1", name: str = "jaki") -> Any:
    body = json.dumps(value)
    at = door.clock.now.astimezone(UTC)
    headers = {
        "webhook-id": id_,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(id_, at, body),
        "content-type": "application/json",
    }
    return await door.client.post(f"/api/v1/intake/{name}", content=body, headers=headers)


async def secret_of(door: Door, name: str = "jaki") -> str:
    await add_jaki(door, name)
    answer = await door.client.post(f"/api/v1/sources/{name}/push-secret", headers=await door.token())
    assert answer.status_code == 201
    assert answer.json()["url"].endswith(f"/api/v1/intake/{name}")
    return str(answer.json()["secret"])


# --- uploads ----------------------------------------------------------------------------------------------------------


async def upload(door: Door, content: bytes, **fields: str) -> Any:
    files = {"file": ("boston.csv", content, "text/csv")}
    data = {"profile": "boston311", **fields}
    return await door.client.post(IMPORTS, files=files, data=data, headers=await door.token())


def sheet(*lines: str) -> bytes:
    return "\n".join([HEADER, *lines, ""]).encode()


async def test_an_upload_waits_is_read_and_tells_what_became_of_its_rows(door: Door, plant: Plant) -> None:
    answer = await upload(door, sheet(boston(1), boston(2), boston(3, "never")))
    assert answer.status_code == 202, answer.text
    begun = answer.json()
    assert (begun["state"], begun["pulled"], begun["file_name"]) == ("waiting", 0, "boston.csv")
    assert await read_upload(plant)
    assert not await read_upload(plant)
    done = (await door.client.get(answer.headers["location"], headers=await door.token())).json()
    names = ("state", "pulled", "created", "rejected", "error")
    assert {name: done[name] for name in names} == dict(zip(names, ("done", 3, 2, 1, None), strict=True))
    assert done["run_id"] == (await rows(door, "source_run"))[0].id
    assert len(await rows(door, "complaint")) == 2
    listed = (await door.client.get(IMPORTS, headers=await door.token())).json()["items"]
    assert [each["id"] for each in listed] == [done["id"]]


async def test_the_refused_rows_are_a_sheet_with_reasons(door: Door, plant: Plant) -> None:
    at = (await upload(door, sheet(boston(1), boston(3, "never"), "=cmd()" + boston(4, "never")))).headers["location"]
    await read_upload(plant)
    answer = await door.client.get(f"{at}/rejects", headers=await door.token())
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    lines = answer.text.splitlines()
    assert len(lines) == 3
    assert lines[0].endswith("external_id,reason,row")
    assert lines[1].startswith("3,") and "never" in lines[1]
    assert lines[2].startswith("'=cmd()4,")


async def test_a_dry_run_stores_nothing_and_says_what_storing_would_come_to(door: Door, plant: Plant) -> None:
    await upload(door, sheet(boston(1)))
    await read_upload(plant)
    before = {name: await rows(door, name) for name in ("complaint", "source_record", "reject", "source", "source_run")}
    changed = boston(1).replace("Street light", "Lamp")
    at = (await upload(door, sheet(boston(1), changed, boston(2), boston(3, "never")), dry_run="true")).headers[
        "location"
    ]
    await read_upload(plant)
    done = (await door.client.get(at, headers=await door.token())).json()
    assert (done["created"], done["updated"], done["unchanged"], done["rejected"]) == (1, 1, 1, 1)
    assert {name: await rows(door, name) for name in before} == before


async def test_a_file_that_is_none_of_its_kind_fails_in_words_and_is_kept_no_longer(door: Door, plant: Plant) -> None:
    at = (await upload(door, b"a,b\n1,2\n")).headers["location"]
    await read_upload(plant)
    done = (await door.client.get(at, headers=await door.token())).json()
    assert done["state"] == "failed"
    assert "has no header with" in done["error"]
    assert [row.sealed_file for row in await rows(door, "import_job")] == [None]


async def test_a_packed_file_larger_than_any_other_body_is_taken(door: Door, plant: Plant) -> None:
    padding = boston(1).replace("Street light", "x" * 3_000_000)
    assert (await upload(door, sheet(padding))).status_code == 202
    packed = gzip.compress(sheet(boston(2)))
    assert (await upload(door, packed)).status_code == 202
    while await read_upload(plant):
        pass
    assert [row.state for row in await rows(door, "import_job")] == ["done", "done"]


async def test_an_import_whose_worker_died_is_read_by_another_one(door: Door, plant: Plant) -> None:
    await upload(door, sheet(boston(1), boston(2, "never")))
    job = metadata.tables["import_job"]
    dead = {"state": "running", "lease_owner": "dead:1", "lease_until": utc_now() - timedelta(seconds=1), "rejected": 7}
    async with writing(door.house.engine) as connection:
        await connection.execute(update(job).values(dead))
    assert await read_upload(plant)
    (done,) = await rows(door, "import_job")
    assert (done.state, done.created, done.rejected) == ("done", 1, 1)
    assert len(await rows(door, "import_reject")) == 1


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"profile": "nope"}, "profile"),
        ({"profile": "/etc/passwd.toml"}, "profile"),
        ({"dry_run": "yes"}, "dry_run"),
        ({"colour": "red"}, "colour"),
        ({"delimiter": "x" * 201}, "delimiter"),
        ({"delimiter": "xx"}, "delimiter"),
        ({"time_format": "%H:%M"}, "time_format"),
        ({"timezone": "Mars/Base"}, "timezone"),
    ],
)
async def test_what_an_upload_may_not_say(door: Door, fields: dict[str, str], wrong: str) -> None:
    answer = await upload(door, sheet(boston(1)), **fields)
    assert [error["field"] for error in assert_problem(answer, 422, "invalid_input")["errors"]] == [wrong]
    assert await rows(door, "import_job") == []


async def test_an_upload_needs_a_file_a_form_and_an_administrator(door: Door) -> None:
    headers = await door.token()
    answer = await door.client.post(IMPORTS, data={"profile": "boston311"}, files={}, headers=headers)
    assert_problem(answer, 415, "unsupported_media_type")
    answer = await door.client.post(IMPORTS, files={"other": b""}, data={"profile": "boston311"}, headers=headers)
    assert {error["field"] for error in assert_problem(answer, 422, "invalid_input")["errors"]} == {"file", "other"}
    answer = await door.client.post(IMPORTS, files={"file": b""}, headers=await door.token(Role.SUPERVISOR))
    assert_problem(answer, 403, "forbidden")
    assert_problem(await door.client.get(f"{IMPORTS}/7", headers=headers), 404, "not_found")


# --- pushes -----------------------------------------------------------------------------------------------------------


async def test_a_signed_push_needs_no_token_and_is_taken_in_once(door: Door) -> None:
    secret = await secret_of(door)
    answer = await push(door, secret, report("JK2606020001"))
    assert answer.status_code == 200, answer.text
    first = answer.json()
    assert (first["created"], first["repeat"], first["source"]) == (1, False, "jaki")
    again = (await push(door, secret, report("JK2606020001"))).json()
    assert again == {**first, "repeat": True}
    assert_problem(await push(door, secret, report("JK2606020002")), 409, "conflict")


async def test_strangers_are_told_nothing(door: Door) -> None:
    secret = await secret_of(door)
    await add_jaki(door, "other")
    wrong = "whsec_" + "QUJD" * 11
    refusals = [
        await push(door, wrong, report("JK2606020001")),
        await push(door, secret, report("JK2606020001"), name="other"),
        await push(door, secret, report("JK2606020001"), name="nowhere"),
        await door.client.post("/api/v1/intake/jaki", content=b"{}"),
    ]
    said = {assert_problem(answer, 401, "not_signed_in")["detail"] for answer in refusals}
    assert len(said) == 1
    assert await rows(door, "complaint") == []


async def test_an_old_message_is_refused(door: Door) -> None:
    secret = await secret_of(door)
    body, at = json.dumps(report("JK2606020001")), door.clock.now.astimezone(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", at, body),
    }
    door.clock.now += timedelta(minutes=6)
    answer = await door.client.post("/api/v1/intake/jaki", content=body, headers=headers)
    assert_problem(answer, 401, "not_signed_in")


async def test_a_push_without_records_is_malformed(door: Door) -> None:
    secret = await secret_of(door)
    answer = await push(door, secret, [])
    assert [error["field"] for error in assert_problem(answer, 422, "invalid_input")["errors"]] == ["body"]


# --- rejects, notices, words ------------------------------------------------------------------------------------------


async def test_rejects_are_replayed_one_and_all(door: Door) -> None:
    secret = await secret_of(door)
    broken = [report(f"JK260602000{number}", created_at="kemarin") for number in (1, 2)]
    assert (await push(door, secret, broken)).json()["rejected"] == 2
    headers = await door.token(Role.SUPERVISOR)
    listed = (await door.client.get("/api/v1/sources/jaki/rejects", headers=headers)).json()["items"]
    one = f"/api/v1/sources/jaki/rejects/{listed[0]['id']}/replay"
    answer = (await door.client.post(one, headers=headers)).json()
    assert (answer["replayed"], answer["still_rejected"]) == (0, 1)
    answer = (await door.client.post("/api/v1/sources/jaki/rejects/replay", headers=headers)).json()
    assert (answer["replayed"], answer["still_rejected"], answer["remaining"]) == (0, 2, 0)
    assert_problem(await door.client.post(one.replace(str(listed[0]["id"]), "999"), headers=headers), 404, "not_found")
    officer = await door.token(Role.OFFICER)
    assert_problem(await door.client.post(one, headers=officer), 403, "forbidden")


async def test_an_unknown_word_is_a_notice_until_it_is_taught(door: Door) -> None:
    secret = await secret_of(door)
    await push(door, secret, report("JK2606020001", status="Ditimbang"))
    headers = await door.token()
    notices = "/api/v1/sources/jaki/notices"
    listed = (await door.client.get(notices, headers=headers)).json()["items"]
    word = next(each for each in listed if each["kind"] == "unknown_status")
    assert (word["subject"], word["times_seen"], word["is_open"]) == ("ditimbang", 1, True)
    taught = {"word": " DITIMBANG ", "status": "in_progress"}
    answer = await door.client.put("/api/v1/admin/status-words", json=taught, headers=headers)
    assert answer.json() == {"connector": "", "word": "ditimbang", "status": "in_progress"}
    assert await reread_learned(door.house.engine, door.house.rulebooks, now=door.clock.now) == 1
    one = (await door.client.get("/api/v1/complaints/JK2606020001", headers=headers)).json()
    assert (one["status"], one["version"]) == ("in_progress", 2)
    listed = (await door.client.get(notices, headers=headers)).json()["items"]
    assert "unknown_status" not in [each["kind"] for each in listed]
    words = (await door.client.get("/api/v1/admin/status-words", headers=headers)).json()["items"]
    assert {"connector": "", "word": "ditimbang", "status": "in_progress"} in words


async def test_a_notice_is_closed_by_whoever_saw_to_it(door: Door) -> None:
    secret = await secret_of(door)
    await push(door, secret, report("JK2606020001", status="Ditimbang"))
    headers = await door.token(Role.SUPERVISOR)
    listed = (await door.client.get("/api/v1/sources/jaki/notices?limit=1", headers=headers)).json()
    first = listed["items"][0]
    closed = await door.client.post(f"/api/v1/sources/jaki/notices/{first['id']}/close", headers=headers)
    assert closed.json()["is_open"] is False
    await add_jaki(door, "other")
    elsewhere = await door.client.post(f"/api/v1/sources/other/notices/{first['id']}/close", headers=headers)
    assert_problem(elsewhere, 404, "not_found")
    rest = (await door.client.get("/api/v1/sources/jaki/notices", headers=headers)).json()["items"]
    assert first["id"] not in [each["id"] for each in rest]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"word": "a", "status": "unknown"}, "status"),
        ({"word": " ", "status": "resolved"}, "word"),
        ({"word": "a", "status": "resolved", "connector": "nope"}, "connector"),
        ({"word": "a", "status": "gone"}, "status"),
    ],
)
async def test_words_that_cannot_be_taught(door: Door, body: dict[str, str], field: str) -> None:
    answer = await door.client.put("/api/v1/admin/status-words", json=body, headers=await door.token())
    assert [error["field"] for error in assert_problem(answer, 422, "invalid_input")["errors"]] == [field]


# --- the past ---------------------------------------------------------------------------------------------------------


async def test_a_backfill_is_ordered_and_shows_its_progress(door: Door) -> None:
    await add_jaki(door)
    headers = await door.token(Role.SUPERVISOR)
    answer = await door.client.post(
        "/api/v1/sources/jaki/backfill", json={"from": "2026-05-01", "to": "2026-05-10"}, headers=headers
    )
    assert answer.status_code == 202
    ordered = answer.json()
    assert (ordered["from"], ordered["to"], ordered["days"], ordered["days_done"]) == (
        "2026-05-01",
        "2026-05-10",
        10,
        0,
    )
    listed = (await door.client.get("/api/v1/sources/jaki/backfills", headers=headers)).json()["items"]
    assert listed == [ordered]
    one = f"/api/v1/sources/jaki/backfills/{ordered['id']}"
    assert (await door.client.get(one, headers=headers)).json() == ordered
    await add_jaki(door, "other")
    assert_problem(await door.client.get(one.replace("jaki", "other"), headers=headers), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"from": "2026-05-02", "to": "2026-05-01"}, "to"),
        ({"from": "2026-05-02", "to": "2027-05-01"}, "to"),
        ({"from": "2026-05-02"}, "to"),
        ({"from": "2026-05-02", "to": "2026-05-02", "why": "x"}, "why"),
    ],
)
async def test_days_that_cannot_be_read(door: Door, body: dict[str, str], field: str) -> None:
    await add_jaki(door)
    answer = await door.client.post("/api/v1/sources/jaki/backfill", json=body, headers=await door.token())
    assert [error["field"] for error in assert_problem(answer, 422, "invalid_input")["errors"]] == [field]


async def test_a_comparison_can_be_called_for(door: Door) -> None:
    await add_jaki(door)
    headers = await door.token(Role.SUPERVISOR)
    answer = await door.client.post("/api/v1/sources/jaki/reconcile", headers=headers)
    assert (answer.status_code, answer.json()["items"]) == (202, [])
    assert (await door.client.get("/api/v1/sources/jaki/reconciliation", headers=headers)).json()["items"] == []
    async with writing(door.house.engine) as connection:
        await connection.execute(update(Source).values(every_s=None))
    assert_problem(await door.client.post("/api/v1/sources/jaki/reconcile", headers=headers), 409, "conflict")


# --- doubles ----------------------------------------------------------------------------------------------------------


async def test_an_officer_confirms_a_double_and_both_show_it(door: Door) -> None:
    secret = await secret_of(door)
    later = report("JK2606020002", created_at="2026-06-02T07:30:00+07:00")
    await push(door, secret, [report("JK2606020001"), later])
    await all_are_sure(door.house.engine)
    await pair_new(door.house.engine, now=door.clock.now)
    headers = {**await door.token(Role.OFFICER), "Accept-Language": "en"}
    (one,) = (await door.client.get("/api/v1/suggestions", headers=headers)).json()["items"]
    assert one["complaint"]["ticket_code"] == "JK2606020002"
    assert one["earlier"]["ticket_code"] == "JK2606020001"
    assert one["why"] == ["the same category", "texts 100% alike", "0 metres apart", "30 minutes apart"]
    at = f"/api/v1/suggestions/{one['id']}"
    answer = await door.client.post(f"{at}/confirm", json={"note": "one lamp"}, headers=headers)
    assert (answer.json()["state"], answer.json()["note"]) == ("confirmed", "one lamp")
    assert_problem(await door.client.post(f"{at}/refuse", json={}, headers=headers), 409, "conflict")
    for mine, other in (("JK2606020001", "JK2606020002"), ("JK2606020002", "JK2606020001")):
        related = (await door.client.get(f"/api/v1/complaints/{mine}", headers=headers)).json()["related"]
        assert [(each["ticket_code"], each["relation"]) for each in related] == [(other, "duplicate")]
    listed = await door.client.get("/api/v1/suggestions?state=confirmed&complaint=JK2606020001", headers=headers)
    assert [each["id"] for each in listed.json()["items"]] == [one["id"]]
    trail = (await door.client.get("/api/v1/admin/audit", headers=await door.token())).json()["items"]
    assert "suggestion.confirm" in [entry["action"] for entry in trail]


async def test_suggestions_are_for_officers(door: Door) -> None:
    assert_problem(
        await door.client.get("/api/v1/suggestions", headers=await door.token(Role.VIEWER)), 403, "forbidden"
    )
    headers = await door.token(Role.OFFICER)
    assert_problem(await door.client.post("/api/v1/suggestions/7/confirm", json={}, headers=headers), 404, "not_found")
