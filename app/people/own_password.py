"""A person's own password: another one, for whoever knows the one before."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.errors import Conflict, InvalidInput
from app.db.session import writing
from app.db.tables.people import Officer
from app.people import audit, passwords
from app.people.sessions import end_sessions
from app.people.sign_in import Attempt, count_attempt


async def change_password(engine: AsyncEngine, username: str, current: str, new: str, *, now: datetime) -> None:
    """The officer has the new password, and every session of theirs has ended, the asking one too.

    A wrong `current` counts like a wrong password at the sign-in. Both checks hold no transaction.

    Raises: InvalidInput, naming the field; Conflict, when it was changed meanwhile.
    """
    passwords.check(new, username=username, field="new")
    async with writing(engine) as connection:
        attempt = await count_attempt(connection, username, now)
    verdict = await passwords.verify(attempt.password_hash if attempt else None, current)
    if attempt is None or not verdict.is_right:
        raise InvalidInput("current", "is wrong, or the account is locked for a while")
    new_hash = await passwords.hash_password(new)
    async with writing(engine) as connection:
        await _replace(connection, attempt, new_hash)
        await end_sessions(connection, attempt.officer_id)
        subject = f"officer {username}"
        await audit.record(connection, actor=username, action="officer.password", subject=subject, now=now)


async def _replace(connection: AsyncConnection, attempt: Attempt, new_hash: str) -> None:
    is_same = (Officer.id == attempt.officer_id, Officer.password_hash == attempt.password_hash)
    values = {"password_hash": new_hash, "failed_sign_ins": 0, "locked_until": None}
    done = await connection.execute(update(Officer).where(*is_same).values(values).returning(Officer.id))
    if done.first() is None:
        raise Conflict("the password was changed meanwhile")
