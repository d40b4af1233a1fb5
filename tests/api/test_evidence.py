"""Pictures over REST: taken, stripped, flagged, refused when hostile, and reviewed before an approval."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tests.api.door import Door
from tests.workqueue.desk import DAY, NOON, Desk
from tests.workqueue.pictures import moving, photo, png_of, saved_again


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
    path = f"/api/v1/complaints/{found}/evidence"
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


@pytest.mark.parametrize("content", [png_of(60_000, 60_000), photo()[:2_000], moving(), b"GIF89a", b"<html>"])
async def test_what_is_not_one_whole_picture_of_bearable_size_is_refused(
    door: Door, desk: Desk, content: bytes
) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    refused = await _send(door, found, content)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "file"
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
