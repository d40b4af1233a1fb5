"""HEAD is answered as GET is, with its headers alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.api.door import Door
from tests.workqueue.desk import DAY, NOON, Desk

COMPLAINTS = "/api/v1/complaints"
OF_THE_MOMENT = {"x-request-id", "date"}


@pytest.fixture
async def keys(door: Door) -> AsyncIterator[dict[str, str]]:
    """The headers of an officer of the kelurahan that has JK1; JK2 lies with another."""
    door.clock.now = NOON
    desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
    await desk.build()
    await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    await desk.report("JK2", NOON - DAY, unit="kelurahan-b")
    yield await door.token("officer", "kelurahan-a")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{COMPLAINTS}?limit=1", 200),
        (f"{COMPLAINTS}?limit=1&format=csv", 200),
        (f"{COMPLAINTS}?limit=none", 422),
        (f"{COMPLAINTS}/JK1", 200),
        (f"{COMPLAINTS}/JK2", 404),
        ("/api/v1/units", 200),
        ("/api/v1/admin/audit", 403),
        ("/openapi.json", 200),
        ("/healthz", 200),
        ("/nowhere", 404),
    ],
)
async def test_head_has_the_status_and_the_headers_of_get_and_no_body(
    door: Door, keys: dict[str, str], path: str, status: int
) -> None:
    told = await door.client.get(path, headers=keys)
    head = await door.client.head(path, headers=keys)
    assert (told.status_code, head.status_code, head.content) == (status, status, b"")
    assert _lasting(head) == _lasting(told)


async def test_head_asks_who_is_there_and_whether_anything_changed(door: Door, keys: dict[str, str]) -> None:
    assert (await door.client.head(COMPLAINTS)).status_code == 401
    etag = (await door.client.head(COMPLAINTS, headers=keys)).headers["etag"]
    assert (await door.client.head(COMPLAINTS, headers=keys | {"If-None-Match": etag})).status_code == 304


async def test_what_is_no_question_has_no_head(door: Door, keys: dict[str, str]) -> None:
    assert (await door.client.head(f"{COMPLAINTS}/JK1/moves", headers=keys)).status_code == 405
    assert (await door.client.head("/api/v1/changes/stream", headers=keys)).status_code == 405
    assert (await door.client.head("/sign-in/callback?code=a&state=b")).status_code == 405


def _lasting(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in OF_THE_MOMENT}
