"""Signing in: a password checked outside any transaction, with a lock after repeated failures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, or_, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.session import writing
from app.db.tables.people import Officer
from app.people import audit, passwords
from app.people.officers import USERNAME
from app.people.passwords import Verdict
from app.people.sessions import NewSession, open_session

MOST_FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that was counted, and what to check the password against."""

    officer_id: int
    password_hash: str | None


async def sign_in(
    engine: AsyncEngine, username: str, password: str, *, now: datetime, replacing: str | None = None
) -> NewSession | None:
    """A new session, or None: wrong name, wrong password, no longer active, or locked; it never tells which.

    The fifth wrong password in a row locks the officer for 15 minutes. `replacing` is the cookie the browser brought.
    The attempt is counted before the password is checked, so that many at once get no more than five guesses; the
    check takes a tenth of a second and holds no transaction.
    """
    async with writing(engine) as connection:
        attempt = await count_attempt(connection, username, now)
    verdict = await passwords.verify(attempt.password_hash if attempt else None, password)
    if attempt is None:
        return None
    async with writing(engine) as connection:
        subject = f"officer {username}"
        if not verdict.is_right:
            await audit.record(connection, actor=username, action="sign_in.refuse", subject=subject, now=now)
            return None
        await _forget_failures(connection, attempt.officer_id, verdict)
        await audit.record(connection, actor=username, action="sign_in", subject=subject, now=now)
        return await open_session(connection, attempt.officer_id, now=now, replacing=replacing)


async def count_attempt(connection: AsyncConnection, username: str, now: datetime) -> Attempt | None:
    """The officer to check against, one attempt the poorer; None when there is none or a lock holds."""
    if not USERNAME.fullmatch(username):
        return None
    failures = case((Officer.locked_until.is_not(None), 1), else_=Officer.failed_sign_ins + 1)
    statement = (
        update(Officer)
        .where(
            Officer.username == username,
            Officer.is_active,
            or_(Officer.locked_until.is_(None), Officer.locked_until <= now),
        )
        .values(
            failed_sign_ins=failures,
            locked_until=case((failures >= MOST_FAILURES, now + LOCKED_FOR), else_=None),
        )
        .returning(Officer.id, Officer.password_hash)
    )
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else Attempt(row.id, row.password_hash)


async def _forget_failures(connection: AsyncConnection, officer_id: int, verdict: Verdict) -> None:
    values: dict[str, object] = {"failed_sign_ins": 0, "locked_until": None}
    if verdict.rehashed is not None:
        values["password_hash"] = verdict.rehashed
    await connection.execute(update(Officer).where(Officer.id == officer_id).values(values))
