"""What a process remembers of tokens and sources for a moment, and when it asks again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, insert, update

from app.complaint.roles import Role
from app.db.session import writing
from app.db.tables.people import ApiToken
from app.db.tables.sources import Source
from app.people.tokens import NewToken, create_token
from tests.api.door import Door, opened, settings_for

QUEUE = "/api/v1/complaints"
MOMENT_S = 0.05


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened(settings_for(database_url, rate_limit="off", remember_seconds=1)) as door:
        yield door


@pytest.fixture
async def forgetful(database_url: str) -> AsyncIterator[Door]:
    async with opened(settings_for(database_url, rate_limit="off", remember_seconds=MOMENT_S)) as door:
        yield door


async def test_two_requests_within_a_second_look_the_token_and_the_sources_up_once(door: Door) -> None:
    headers = await door.token()
    await door.client.get(QUEUE, headers=headers)
    with _heard(door) as said:
        assert (await door.client.get(QUEUE, headers=headers)).status_code == 200
    assert said
    assert not [each for each in said if "token_hash" in each or "FROM source" in each]


async def test_a_token_that_another_process_revoked_opens_nothing_a_moment_later(forgetful: Door) -> None:
    headers = await forgetful.token()
    assert (await forgetful.client.get(QUEUE, headers=headers)).status_code == 200
    async with writing(forgetful.house.engine) as connection:
        await connection.execute(update(ApiToken).values(revoked_at=forgetful.clock.now))
    await asyncio.sleep(MOMENT_S)
    assert (await forgetful.client.get(QUEUE, headers=headers)).status_code == 401


async def test_a_token_that_is_remembered_ends_at_the_instant_it_expires(door: Door) -> None:
    expires_at = door.clock.now + timedelta(minutes=1)
    async with writing(door.house.engine) as connection:
        new = NewToken("sebentar", Role.VIEWER, expires_at=expires_at)
        made = await create_token(connection, new, actor="tests", now=door.clock.now)
    headers = {"Authorization": f"Bearer {made.token}"}
    assert (await door.client.get(QUEUE, headers=headers)).status_code == 200
    door.clock.now = expires_at
    assert (await door.client.get(QUEUE, headers=headers)).status_code == 401


async def test_a_token_that_is_not_known_is_asked_for_each_time(door: Door) -> None:
    """Nobody waits for a token that was just made, and invented ones fill no memory."""
    headers = {"Authorization": "Bearer tgp_unknown"}
    assert (await door.client.get(QUEUE, headers=headers)).status_code == 401
    with _heard(door) as said:
        assert (await door.client.get(QUEUE, headers=headers)).status_code == 401
    assert [each for each in said if "token_hash" in each]


async def test_a_source_that_is_remembered_turns_stale_in_its_time(door: Door) -> None:
    now = door.clock.now
    async with writing(door.house.engine) as connection:
        given = {"complete_through": now, "every_s": 60, "is_enabled": True, "created_at": now}
        await connection.execute(insert(Source).values(name="crm", connector="crm", **given, **_REST))
    headers = await door.token()
    (fresh,) = (await door.client.get(QUEUE, headers=headers)).json()["sources"]
    door.clock.now += timedelta(minutes=16)
    (stale,) = (await door.client.get(QUEUE, headers=headers)).json()["sources"]
    assert (fresh["stale"], stale["stale"]) == (False, True)


_REST = {"options": {}, "lease_no": 0, "failures": 0}


@contextmanager
def _heard(door: Door) -> Iterator[list[str]]:
    """The statements of the block."""
    said: list[str] = []

    def hear(_c: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    engine = door.house.engine.sync_engine
    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", hear)
