"""Pictures over REST: taken, stripped, flagged, refused when hostile, and reviewed before an approval."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import delete

from app.api.evidence_form import FORM_BYTES, MOST_BYTES
from app.complaint.lifecycle import Move
from app.db.session import writing
from app.db.tables.evidence import EvidenceFile
from app.main import MAX_BODY_BYTES
from app.settings import SettingsError
from tests.api.door import Door, settings_for
from tests.workqueue.desk import DAY, NOON, Desk
from tests.workqueue.pictures import moving, photo, png_of, saved_again

COMPLAINTS = "/api/v1/complaints"
BAD_FIELDS: tuple[tuple[str, dict[str, str]], ...] = (
    ("kind", {"kind": "during"}),
    ("note", {"note": "  "}),
    ("note", {"note": "x" * 2_001}),
    ("note", {"note": "nol \x00"}),
    ("lat", {"lat": "91", "lng": "106.8"}),
    ("lng", {"lat": "-6.2", "lng": "nan"}),
    ("lng", {"lat": "-6.2"}),
    ("lat", {"lng": "106.8"}),
    ("taken_at", {"taken_at": "2026-01-12 11:00"}),
    ("colour", {"colour": "red"}),
)


@pytest.fixture
async def desk(door: Door) -> AsyncIterator[Desk]:
    door.clock.now = NOON
    desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
    await desk.build()
    yield desk


async def _send(
    door: Door, found: int, content: bytes, role: str = "officer", unit: str = "kota", **fields: str
) -> Any:
    form = {"kind": "after", **fields}
    files = {"file": ("../../x.jpg", content, "image/jpeg")}
    path = f"{COMPLAINTS}/{found}/evidence"
    return await door.client.post(path, data=form, files=files, headers=await door.token(role, unit))


async def test_others_see_a_copy_without_what_the_camera_wrote(door: Door, desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    sent = await _send(door, found, photo(time="2020:01:01 10:00:00", place=(-6.2, 106.8)))
    assert sent.status_code == 201, sent.text
    assert "taken_before_report" in sent.json()["flags"]
    seen = await door.client.get(sent.json()["href"], headers=await door.token("officer", "kota"))
    assert seen.status_code == 200
    assert seen.headers["content-type"] == "image/jpeg"
    assert "sandbox" in seen.headers["content-security-policy"]
    assert not Image.open(BytesIO(seen.content)).getexif()


async def test_what_is_not_one_whole_picture_of_bearable_size_is_refused(door: Door, desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    for content in (png_of(60_000, 60_000), photo()[:2_000], moving(), b"GIF89a", b"<html>"):
        refused = await _send(door, found, content)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "file")
    assert await desk.rows("evidence") == []


async def test_the_picture_of_another_complaint_is_flagged_also_when_saved_anew(door: Door, desk: Desk) -> None:
    first = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    second = await desk.report("JK2", NOON - DAY, unit="kelurahan-a")
    assert (await _send(door, first, photo(3))).json()["flags"] == ["no_exif"]
    again = (await _send(door, second, saved_again(photo(3)))).json()
    assert again["flags"] == ["no_exif", "same_as_other_complaint"]
    assert again["matches"][0]["complaint_id"] == first


async def test_a_supervisor_reviews_and_the_history_tells_it(door: Door, desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    sent = (await _send(door, found, photo(4))).json()
    path = f"/api/v1/complaints/{found}/evidence/{sent['id']}/review"
    body = {"verdict": "refused", "reason": "Foto lama"}
    assert (await door.client.post(path, json=body, headers=await door.token("officer", "kota"))).status_code == 403
    done = await door.client.post(path, json=body, headers=await door.token("supervisor", "kota"))
    assert (done.status_code, done.json()["needs_review"]) == (200, False)
    assert done.json()["review"]["verdict"] == "refused"


async def test_viewers_send_nothing_and_foreign_complaints_are_not_there(door: Door, desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    assert (await _send(door, found, photo(), "viewer")).status_code == 403
    assert (await _send(door, found, photo(), unit="kelurahan-b")).status_code == 404


async def test_a_picture_from_beyond_the_limit_is_far_away(door: Door, desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a", lat=-6.1754, lng=106.8272)
    near = (await _send(door, found, photo(6, place=(-6.1755, 106.8272)))).json()
    far = (await _send(door, found, photo(7, place=(-6.2754, 106.8272)))).json()
    assert (near["flags"], far["flags"]) == ([], ["far_away"])


async def test_an_approval_waits_for_the_review_of_flagged_pictures(door: Door, desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    await desk.move(found, "accept")
    await desk.move(found, "submit", text="Sudah diperbaiki")
    sent = (await _send(door, found, photo(5))).json()
    moves, headers = f"/api/v1/complaints/{found}/moves", await door.token("supervisor", "kota")
    waits = await door.client.post(moves, json={"move": "approve"}, headers=headers)
    assert (waits.status_code, waits.json()["evidence"]) == (409, [sent["id"]])
    body = {"verdict": "accepted", "reason": "Cocok dengan lokasi"}
    path = f"/api/v1/complaints/{found}/evidence/{sent['id']}/review"
    assert (await door.client.post(path, json=body, headers=headers)).status_code == 200
    assert (await door.client.post(moves, json={"move": "approve"}, headers=headers)).status_code == 200


async def test_sending_again_answers_with_what_is_there(door: Door, desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    first, again = await _send(door, found, photo()), await _send(door, found, photo())
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.headers["location"] == again.headers["location"] == first.json()["href"].removesuffix("/file")
    one = await door.client.get(first.headers["location"], headers=await door.token("viewer", "kota"))
    assert one.json()["id"] == again.json()["id"]


async def test_a_bad_field_is_named(door: Door, desk: Desk) -> None:
    path = f"{COMPLAINTS}/{await desk.report('JK1', NOON - DAY, unit='kelurahan-a')}/evidence"
    who, files = await door.token("officer", "kota"), {"file": ("x.jpg", photo(), "image/jpeg")}
    for field, fields in BAD_FIELDS:
        refused = await door.client.post(path, data={"kind": "after", **fields}, files=files, headers=who)
        assert (refused.status_code, [each["field"] for each in refused.json()["errors"]]) == (422, [field])


async def test_what_is_no_form_or_too_large_is_refused_before_it_is_looked_at(door: Door, desk: Desk) -> None:
    path = f"{COMPLAINTS}/{await desk.report('JK1', NOON - DAY, unit='kelurahan-a')}/evidence"
    who = await door.token("officer", "kota")
    assert (await door.client.post(path, json={"kind": "after"}, headers=who)).status_code == 415
    assert (await door.client.post(path, data={"kind": "after"}, files={}, headers=who)).status_code in (415, 422)
    most = door.house.settings.evidence_max_bytes
    for size in (most + 1, most + FORM_BYTES, MOST_BYTES + 1):
        large = {"file": ("x.jpg", bytes(size), "image/jpeg")}
        refused = await door.client.post(path, data={"kind": "after"}, files=large, headers=who)
        assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


def test_the_route_reads_as_much_as_can_be_set_and_other_routes_do_not(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    assert settings_for(url, evidence_max_bytes=MOST_BYTES - FORM_BYTES).evidence_max_bytes > MAX_BODY_BYTES
    with pytest.raises(SettingsError, match="EVIDENCE_MAX_BYTES"):
        settings_for(url, evidence_max_bytes=MOST_BYTES - FORM_BYTES + 1)


async def test_private_pictures_are_hidden_and_who_sees_one_is_on_record(door: Door, desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a", is_private=True)
    sent = (await _send(door, found, photo(), unit="kelurahan-a")).json()
    viewer = await door.token("viewer", "kota")
    listed = (await door.client.get(f"{COMPLAINTS}/{found}/evidence", headers=viewer)).json()["items"]
    assert [(each["href"], each["note"]) for each in listed] == [(None, None)]
    assert (await door.client.get(sent["href"], headers=viewer)).status_code == 403
    assert await _actions(desk, "evidence.") == []
    seen = await door.client.get(sent["href"], headers=await door.token("officer", "kelurahan-a"))
    assert (seen.status_code, seen.headers["cache-control"]) == (200, "no-store")
    assert await _actions(desk, "evidence.") == [("evidence.read", f"complaint:{found}", {"evidence": sent["id"]})]


async def test_the_original_is_for_supervisors_and_always_on_record(door: Door, desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    content = photo(kind="WEBP", time="2026:01:12 11:00:00", place=(-6.2, 106.8))
    path = (await _send(door, found, content)).headers["location"] + "/original"
    assert (await door.client.get(path, headers=await door.token("officer", "kota"))).status_code == 403
    assert await _actions(desk, "evidence.") == []
    got = await door.client.get(path, headers=await door.token("supervisor", "kota"))
    assert (got.content, got.headers["content-type"]) == (content, "image/webp")
    assert got.headers["content-disposition"].startswith("attachment; ")
    assert "x.jpg" not in got.headers["content-disposition"]
    assert [action for action, *_ in await _actions(desk, "evidence.")] == ["evidence.original"]


async def test_the_pictures_of_one_complaint_are_not_those_of_another(door: Door, desk: Desk) -> None:
    one, two = [await desk.report(code, NOON - DAY, unit="kelurahan-a") for code in ("JK1", "JK2")]
    sent = (await _send(door, one, photo())).json()
    who = await door.token("supervisor", "kota")
    for end in ("", "/file", "/original"):
        foreign = await door.client.get(f"{COMPLAINTS}/{two}/evidence/{sent['id']}{end}", headers=who)
        absent = await door.client.get(f"{COMPLAINTS}/{two}/evidence/999{end}", headers=who)
        assert (foreign.status_code, absent.status_code) == (404, 404)


async def test_an_approval_names_the_evidence_that_waits(door: Door, desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    sent = (await _send(door, found, photo())).json()
    for move in (Move.ACCEPT, Move.SUBMIT):
        await desk.move(found, move, "ani")
    path, who = f"{COMPLAINTS}/{found}/moves", await door.token("supervisor", "kota")
    refused = await door.client.post(path, json={"move": "approve"}, headers=who)
    assert (refused.status_code, refused.json()["code"]) == (409, "evidence_unreviewed")
    assert refused.json()["evidence"] == [sent["id"]]
    body = {"move": "approve", "refs": ["JK1"]}
    many = await door.client.post(f"{COMPLAINTS}/moves", json=body, headers=who)
    assert many.json()["items"][0]["problem"]["code"] == "evidence_unreviewed"


async def test_a_picture_whose_term_is_over_leaves_what_was_known_of_it(door: Door, desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    sent = (await _send(door, found, photo())).json()
    async with writing(door.house.engine) as connection:
        await connection.execute(delete(EvidenceFile))
    who = await door.token("officer", "kota")
    (card,) = (await door.client.get(f"{COMPLAINTS}/{found}/evidence", headers=who)).json()["items"]
    assert (card["href"], card["is_kept"], card["sha256"]) == (None, False, sent["sha256"])
    assert (await door.client.get(sent["href"], headers=who)).status_code == 404


async def _actions(desk: Desk, start: str) -> list[tuple[str, str, Any]]:
    """What the trail says of actions that begin so."""
    rows = await desk.rows("audit")
    return [(row.action, row.subject, row.details) for row in rows if row.action.startswith(start)]
