"""Sessions of signed-in browsers: an opaque cookie kept as a hash, with a token against forged forms."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.people import Officer, OfficerUnit, Session
from app.people.callers import Caller, is_under_validator, scope_of
from app.people.credentials import digest, new_secret

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
"""A session ends 12 hours after its last use, and after a week whatever its use."""
SEEN_INTERVAL = timedelta(minutes=1)

_FIND = (
    select(
        Session.token_hash,
        Session.csrf_token,
        Session.created_at,
        Session.seen_at,
        Session.expires_at,
        Officer.id,
        Officer.username,
        Officer.role,
        Officer.is_active,
        OfficerUnit.unit_id,
        is_under_validator(OfficerUnit.unit_id).label("is_validator"),
    )
    .join(Officer, Officer.id == Session.officer_id)
    .outerjoin(OfficerUnit, OfficerUnit.officer_id == Officer.id)
    .where(Session.token_hash == bindparam("token_hash"))
)


@dataclass(frozen=True, slots=True)
class NewSession:
    """What the browser gets: the cookie's secret and the CSRF token for its forms."""

    secret: str
    csrf_token: str


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that is open, whose it is, and whether its last use is worth writing."""

    caller: Caller
    csrf_token: str
    token_hash: str
    is_stale: bool

    def accepts(self, csrf_token: str | None) -> bool:
        """Whether a form or script shows this session's CSRF token."""
        shown = (csrf_token or "").encode(errors="replace")
        return hmac.compare_digest(shown, self.csrf_token.encode())


async def open_session(
    connection: AsyncConnection, officer_id: int, *, now: datetime, replacing: str | None = None
) -> NewSession:
    """A new session of a new secret; the one that the browser brought ends, as do the officer's expired ones."""
    gone = or_(
        Session.token_hash == (digest(replacing) if replacing else None),
        (Session.officer_id == officer_id) & (Session.expires_at <= now),
    )
    await connection.execute(delete(Session).where(gone))
    new = NewSession(new_secret(), new_secret())
    await connection.execute(
        insert(Session).values(
            token_hash=digest(new.secret),
            officer_id=officer_id,
            csrf_token=new.csrf_token,
            created_at=now,
            seen_at=now,
            expires_at=now + IDLE,
        )
    )
    return new


async def find_session(connection: AsyncConnection, secret: str, now: datetime) -> OpenSession | None:
    """The session of this cookie; None when it is unknown, expired, or its officer has gone."""
    token_hash = digest(secret)
    rows = (await connection.execute(_FIND, {"token_hash": token_hash})).all() if token_hash else []
    if not rows:
        return None
    first = rows[0]
    if first.expires_at <= now or not first.is_active:
        return None
    scope = scope_of([(row.unit_id, row.is_validator) for row in rows])
    caller = Caller(first.username, first.role, first.id, None, scope)
    return OpenSession(caller, first.csrf_token, first.token_hash, now - first.seen_at >= SEEN_INTERVAL)


async def extend_session(connection: AsyncConnection, token_hash: str, *, now: datetime) -> None:
    """The session's last use was now; it stays open for another span of idleness, within its week."""
    created_at = await connection.scalar(select(Session.created_at).where(Session.token_hash == token_hash))
    if created_at is None:
        return
    expires_at = min(now + IDLE, created_at + LONGEST)
    await connection.execute(
        update(Session).where(Session.token_hash == token_hash).values(seen_at=now, expires_at=expires_at)
    )


async def close_session(connection: AsyncConnection, secret: str) -> None:
    """The session has ended; one that is unknown has too."""
    await connection.execute(delete(Session).where(Session.token_hash == digest(secret)))


async def end_sessions(connection: AsyncConnection, officer_id: int) -> None:
    """Every session of the officer has ended: what they may do has changed, or how they prove who they are."""
    await connection.execute(delete(Session).where(Session.officer_id == officer_id))
