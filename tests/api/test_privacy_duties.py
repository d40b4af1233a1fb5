"""Duties towards complainants over REST: told before they are done, done with a reason, and on record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.db.session import reading, writing
from app.people.audit import entries, examine
from tests.api.door import opened, settings_for
from tests.api.test_personal_data import SEKAR, Office
from tests.api.test_personal_data import office as office
from tests.api.test_problems import assert_problem
from tests.workqueue.desk import NOON, Desk, table

PRIVACY = "/api/v1/admin/privacy"
WHY = {"reason": "Permintaan pelapor nomor 7"}


async def _post(office: Office, path: str, who: str = "whole", **body: Any) -> Any:
    return await office.door.client.post(PRIVACY + path, json={**WHY, **body}, headers=office.keys[who])


async def _trail(office: Office) -> list[tuple[str, str, Any]]:
    """What was done for privacy's sake, oldest first; the chain is whole."""
    async with reading(office.door.house.engine) as connection:
        found = await entries(connection, limit=50)
        assert (await examine(connection)).broken_id is None
    return [(each.action, each.subject, each.details) for each in found[::-1] if each.action.startswith("privacy.")]


@pytest.fixture
async def sekar(office: Office) -> int:
    """A complaint of Sekar's that names her, with a raw record; its id."""
    words = "Sekar Fiktif, 0812-0000-1234: lampu mati"
    found = await office.desk.report("JK1", NOON, unit="kelurahan-a", text=words)
    await office.identify(found, SEKAR)
    await office.desk.carry(found, "crm", "991", {"pelapor": "Sekar Fiktif"})
    return found


@pytest.mark.parametrize(
    ("asked", "by"),
    [
        ({"complaint": "JK1"}, None),
        ({"phone": "+62 81200001234"}, "phone"),
        ({"nik": "3171010101900001"}, "nik"),
    ],
    ids=["complaint", "phone", "nik"],
)
async def test_everything_held_about_somebody_is_told_and_that_is_on_record_first(
    office: Office, sekar: int, asked: dict[str, str], by: str | None
) -> None:
    answer = await _post(office, "/exports", **asked)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    (told,) = answer.json()["complaints"]
    assert (told["identities"][0]["name"], told["source_records"][0]["raw"]) == (
        "Sekar Fiktif",
        {"pelapor": "Sekar Fiktif"},
    )
    assert [(each["what"], each["details"]) for each in told["processing"]] == [("privacy.export", WHY)]
    search = [("privacy.export", "complainant", {**WHY, "by": by, "complaints": 1})] if by else []
    assert await _trail(office) == [("privacy.export", f"complaint:{sekar}", WHY), *search]


async def test_looking_for_somebody_of_whom_nothing_is_held_is_on_record_too(office: Office) -> None:
    assert (await _post(office, "/exports", email="tiada@contoh.id")).json()["complaints"] == []
    assert await _trail(office) == [("privacy.export", "complainant", {**WHY, "by": "email", "complaints": 0})]


WRONG: tuple[tuple[str, dict[str, str]], ...] = (
    ("complaint", {}),
    ("nik", {"phone": "0812-0000-1234", "nik": "3171010101900001"}),
    ("phone", {"phone": "0812"}),
    ("nik", {"nik": "317101"}),
    ("email", {"email": "sekar contoh.id"}),
    ("reason", {"complaint": "JK1", "reason": " " * 12}),
    ("reason", {"complaint": "JK1", "reason": "perlu"}),
    ("nama", {"complaint": "JK1", "nama": "Sekar"}),
)


async def test_what_is_asked_wrongly_is_named_and_tells_nothing(office: Office, sekar: int) -> None:
    for field, asked in WRONG:
        refused = assert_problem(await _post(office, "/exports", **asked), 422, "invalid_input")
        assert [each["field"] for each in refused["errors"]] == [field], asked
    assert_problem(await _post(office, "/exports", complaint="JK9"), 404, "not_found")
    assert await _trail(office) == []


async def test_a_complaint_is_restricted_and_opened_again(office: Office, sekar: int) -> None:
    for deed, holds in (("restrict", True), ("unrestrict", False)):
        answer = await _post(office, f"/complaints/JK1/{deed}")
        assert (answer.status_code, answer.json()["is_restricted"]) == (200, holds)
        hidden = (await office.get("/JK1", "supervisor")).json()
        assert (hidden["words"] == "hidden") is holds
        assert_problem(await _post(office, f"/complaints/JK1/{deed}"), 409, "conflict")
    subject = f"complaint:{sekar}"
    assert await _trail(office) == [("privacy.restrict", subject, WHY), ("privacy.unrestrict", subject, WHY)]


async def test_what_is_held_is_listed_and_cannot_be_erased_until_it_is_released(office: Office, sekar: int) -> None:
    held = (await _post(office, f"/complaints/{sekar}/hold")).json()["hold"]
    assert (held["ticket_code"], held["reason"]) == ("JK1", WHY["reason"])
    listed = await office.door.client.get(f"{PRIVACY}/holds", headers=office.keys["whole"])
    assert listed.json()["items"] == [held]
    for dry_run in (True, False):
        assert_problem(await _post(office, "/complaints/JK1/erase", dry_run=dry_run), 409, "conflict")
    assert (await _post(office, "/complaints/JK1/release")).json()["hold"] is None
    assert (await _post(office, "/complaints/JK1/erase", dry_run=False)).status_code == 200


async def test_an_erasure_is_told_first_and_then_done_with_its_proof(office: Office, sekar: int) -> None:
    tables = ("complaint", "identity", "source_record", "audit")
    before = [await office.desk.rows(name) for name in tables]
    told = (await _post(office, "/complaints/JK1/erase")).json()
    assert [await office.desk.rows(name) for name in tables] == before
    done = (await _post(office, "/complaints/JK1/erase", dry_run=False)).json()
    assert (told.pop("dry_run"), done.pop("dry_run")) == (True, False)
    assert told == done
    assert (done["identities"], done["records"], done["rejects"]) == (1, 1, 0)
    ((action, subject, details),) = await _trail(office)
    assert (action, subject, details["sha256"]) == ("privacy.erase", f"complaint:{sekar}", done["sha256"])
    assert "Sekar" not in (await office.get("/JK1", "whole")).text
    state = await office.door.client.get(f"{PRIVACY}/complaints/JK1", headers=office.keys["whole"])
    assert state.json()["erased_at"] == "2026-01-12T05:00:00Z"


@pytest.fixture
async def keeping(database_url: str) -> AsyncIterator[Office]:
    """An office that keeps identities for thirty days."""
    async with opened(settings_for(database_url, rate_limit="off", retention_identity_days=30)) as door:
        door.clock.now = NOON
        desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
        await desk.build()
        built = Office(door, desk)
        built.keys["whole"] = await door.token("admin")
        yield built


async def test_a_purge_is_told_first_and_goes_on_where_a_call_ended(
    keeping: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.people.retention._AT_ONCE", 1)
    monkeypatch.setattr("app.api.privacy._ROUNDS", 2)
    for number in range(3):
        found = await keeping.desk.report(f"JK{number}", NOON, unit="kelurahan-a")
        await keeping.identify(found, SEKAR)
    closed = update(table("complaint")).values(closed_at=NOON - timedelta(days=31))
    async with writing(keeping.door.house.engine) as connection:
        await connection.execute(closed)
    for dry_run, count, remaining in ((True, 3, 3), (False, 2, 1), (False, 1, 0), (False, 0, 0)):
        answer = (await _post(keeping, "/purge", dry_run=dry_run)).json()
        first, *others = answer["groups"]
        assert (first["group"], first["count"], answer["remaining"]) == ("identity", count, remaining)
        assert len(first["proofs"]) == (0 if dry_run else count)
        assert [each["count"] for each in others] == [0, 0, 0]
    trail = await _trail(keeping)
    assert [(action, subject, details["reason"]) for action, subject, details in trail] == [
        ("privacy.purge", "identity", WHY["reason"])
    ] * 3


@pytest.mark.parametrize("path", ["erase", "restrict"])
async def test_no_repeated_request_brings_back_what_is_erased_or_closed(office: Office, sekar: int, path: str) -> None:
    """Answers are kept for a day, for whoever lost one; what was done stays done once."""
    url, body = "/api/v1/complaints/JK1/moves", {"move": "respond", "text": "Kami periksa hari ini."}
    headers = await office.door.token("officer", "kelurahan-a") | {"Idempotency-Key": "sekali-saja"}
    first = await office.door.client.post(url, json=body, headers=headers)
    assert "Sekar" in first.json()["text"]
    done = await _post(office, f"/complaints/JK1/{path}", **({"dry_run": False} if path == "erase" else {}))
    assert done.status_code == 200, done.text
    again = await office.door.client.post(url, json=body, headers=headers)
    assert_problem(again, 409, "answer_emptied")
    answers = [row for row in await office.desk.rows("complaint_event") if row.move == "respond"]
    assert len(answers) == 1


async def test_an_erasure_that_is_only_told_leaves_kept_answers(office: Office, sekar: int) -> None:
    headers = await office.door.token("officer", "kelurahan-a") | {"Idempotency-Key": "sekali-saja"}
    asked = {"url": "/api/v1/complaints/JK1/notes", "json": {"text": "Sudah ditelepon."}, "headers": headers}
    first = await office.door.client.post(**asked)
    await _post(office, "/complaints/JK1/erase")
    assert (await office.door.client.post(**asked)).content == first.content
