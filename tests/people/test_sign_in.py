"""Signing in: right and wrong passwords, the lock, and what the trail says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.complaint.roles import Role
from app.db.session import reading, writing
from app.db.tables.people import Officer, Session
from app.people import audit
from app.people.officers import NewOfficer, add_officer
from app.people.sessions import NewSession, close_session, find_session
from app.people.sign_in import LOCKED_FOR, sign_in

NOW = datetime(2026, 6, 2, 2, 0, tzinfo=UTC)
PASSWORD = "mawar-melati-77"


@pytest.fixture
async def people(engine: AsyncEngine) -> AsyncEngine:
    """A database with the officer siti."""
    async with writing(engine) as connection:
        new = NewOfficer("siti", "Siti", Role.OFFICER, password=PASSWORD)
        await add_officer(connection, new, actor="tests", now=NOW)
    return engine


async def test_the_right_password_opens_a_session(people: AsyncEngine) -> None:
    session = await sign_in(people, "siti", PASSWORD, now=NOW)
    assert session is not None
    async with reading(people) as connection:
        found = await find_session(connection, session.secret, NOW)
        assert found is not None
        assert (found.caller.name, found.caller.role, found.caller.token_id) == ("siti", Role.OFFICER, None)
        stored = (await connection.execute(select(Session.token_hash))).scalar_one()
        assert session.secret not in stored


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("siti", "salah-sekali-1"),
        ("siti", ""),
        ("siti", PASSWORD + "x" * 300),
        ("nobody", PASSWORD),
        ("SITI", PASSWORD),
        ("a\0b", PASSWORD),
        ("", PASSWORD),
        ("siti", "\ud800"),
    ],
)
async def test_anything_else_opens_nothing(people: AsyncEngine, username: str, password: str) -> None:
    assert await sign_in(people, username, password, now=NOW) is None


async def test_the_fifth_wrong_password_locks_for_fifteen_minutes(people: AsyncEngine) -> None:
    await _fail(people, 5)
    assert await sign_in(people, "siti", PASSWORD, now=NOW + LOCKED_FOR - timedelta(seconds=1)) is None
    assert await sign_in(people, "siti", PASSWORD, now=NOW + LOCKED_FOR) is not None


async def test_four_wrong_passwords_and_a_right_one_lock_nothing(people: AsyncEngine) -> None:
    for _ in range(2):
        await _fail(people, 4)
        assert await sign_in(people, "siti", PASSWORD, now=NOW) is not None


async def test_after_a_lock_the_count_begins_anew(people: AsyncEngine) -> None:
    await _fail(people, 5)
    later = NOW + LOCKED_FOR
    await _fail(people, 4, now=later)
    assert await sign_in(people, "siti", PASSWORD, now=later) is not None


async def test_guesses_at_once_are_no_more_than_five(people: AsyncEngine) -> None:
    guesses = (sign_in(people, "siti", "salah-sekali-1", now=NOW) for _ in range(9))
    await asyncio.gather(*guesses)
    async with reading(people) as connection:
        refusals = [
            entry for entry in await audit.entries(connection, before=None, limit=50) if "refuse" in entry.action
        ]
    assert len(refusals) == 5


async def test_an_officer_who_left_is_out_at_once(people: AsyncEngine) -> None:
    session = await sign_in(people, "siti", PASSWORD, now=NOW)
    assert session is not None
    async with writing(people) as connection:
        await connection.execute(update(Officer).values(is_active=False))
    assert await sign_in(people, "siti", PASSWORD, now=NOW) is None
    assert not await _is_open(people, session)


async def test_signing_out_ends_the_session_for_good(people: AsyncEngine) -> None:
    session = await sign_in(people, "siti", PASSWORD, now=NOW)
    assert session is not None and await _is_open(people, session)
    async with writing(people) as connection:
        await close_session(connection, session.secret)
    assert not await _is_open(people, session)


async def test_a_hash_of_older_parameters_is_made_anew(people: AsyncEngine) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024).hash(PASSWORD)
    async with writing(people) as connection:
        await connection.execute(update(Officer).values(password_hash=weak))
    for _ in range(2):
        assert await sign_in(people, "siti", PASSWORD, now=NOW) is not None
    async with reading(people) as connection:
        assert await connection.scalar(select(Officer.password_hash)) != weak


async def test_an_officer_without_a_password_cannot_sign_in(people: AsyncEngine) -> None:
    async with writing(people) as connection:
        await connection.execute(update(Officer).values(password_hash=None))
    assert await sign_in(people, "siti", "nobody has this password", now=NOW) is None


async def test_the_trail_tells_of_sign_ins_but_no_password(people: AsyncEngine) -> None:
    await _fail(people, 1)
    await sign_in(people, "siti", PASSWORD, now=NOW)
    async with reading(people) as connection:
        trail = await audit.entries(connection, before=None, limit=9)
    assert [entry.action for entry in trail] == ["sign_in", "sign_in.refuse", "officer.create"]
    assert not any(PASSWORD in str(entry) for entry in trail)


async def _fail(engine: AsyncEngine, times: int, *, now: datetime = NOW) -> None:
    for _ in range(times):
        assert await sign_in(engine, "siti", "salah-sekali-1", now=now) is None


async def _is_open(engine: AsyncEngine, session: NewSession) -> bool:
    async with reading(engine) as connection:
        return await find_session(connection, session.secret, NOW) is not None
