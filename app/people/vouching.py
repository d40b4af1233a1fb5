"""Officers whom an OIDC issuer vouches for: a row on first sight, role and units as its newest token tells them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.errors import Forbidden
from app.db.session import reading, writing
from app.db.tables.people import Officer, OfficerUnit
from app.db.tables.units import Unit
from app.people import audit
from app.people.callers import Caller, is_under_validator, scope_of
from app.people.errors import NotSignedIn
from app.people.officer_changes import put_units
from app.people.officers import VOUCHED_PREFIX, is_free_username
from app.people.oidc import Vouched
from app.people.sessions import end_sessions

ACTOR = "oidc"
_log = structlog.get_logger(__name__)

_FIND = (
    select(
        Officer.id,
        Officer.username,
        Officer.role,
        Officer.is_active,
        Officer.claimed_at,
        OfficerUnit.unit_id,
        Unit.code,
        is_under_validator(OfficerUnit.unit_id).label("is_validator"),
    )
    .outerjoin(OfficerUnit, OfficerUnit.officer_id == Officer.id)
    .outerjoin(Unit, Unit.id == OfficerUnit.unit_id)
    .where(Officer.issuer == bindparam("issuer"), Officer.subject == bindparam("subject"))
)


async def admit(engine: AsyncEngine, vouched: Vouched, *, now: datetime) -> Caller:
    """The caller behind a token that was checked; their row is made or brought up to date where that is needed.

    An older token than the newest one seen says nothing new: what it grants may have been taken back since.

    Raises: NotSignedIn, when the officer has left; Forbidden, when no unit that the token names exists.
    """
    rows = await _find(engine, vouched)
    if not rows or _tells_something_new(rows, vouched):
        try:
            async with writing(engine) as connection:
                await _bring_up_to_date(connection, vouched, now)
        except IntegrityError:
            # Somebody else's request made the row at the same moment.
            _log.info("officer_made_twice")
        rows = await _find(engine, vouched)
    if not rows or not rows[0].is_active:
        raise NotSignedIn("the officer has left", was_refused=True)
    first = rows[0]
    return Caller(
        first.username, first.role, first.id, None, scope_of([(row.unit_id, row.is_validator) for row in rows])
    )


def _tells_something_new(rows: Sequence[Any], vouched: Vouched) -> bool:
    first = rows[0]
    if not first.is_active or (first.claimed_at is not None and first.claimed_at >= vouched.issued_at):
        return False
    held = {row.code for row in rows if row.code is not None}
    return first.role is not vouched.role or held != set(vouched.units or ())


async def _find(engine: AsyncEngine, vouched: Vouched) -> Sequence[Any]:
    async with reading(engine) as connection:
        return (await connection.execute(_FIND, {"issuer": vouched.issuer, "subject": vouched.subject})).all()


async def _bring_up_to_date(connection: AsyncConnection, vouched: Vouched, now: datetime) -> None:
    unit_ids = await _known_units(connection, vouched)
    is_them = (Officer.issuer == vouched.issuer, Officer.subject == vouched.subject)
    officer_id = await connection.scalar(select(Officer.id).where(*is_them))
    action = "officer.change"
    if officer_id is None:
        officer_id, action = await _add(connection, vouched, now), "officer.create"
    values = {"role": vouched.role, "claimed_at": vouched.issued_at}
    changed = update(Officer).where(Officer.id == officer_id).values(values).returning(Officer.username)
    username = (await connection.execute(changed)).scalar_one()
    await put_units(connection, int(officer_id), unit_ids)
    await end_sessions(connection, int(officer_id))
    details: audit.Details = {"role": str(vouched.role), "units": list(vouched.units or ())}
    subject = f"officer {username}"
    await audit.record(connection, actor=ACTOR, action=action, subject=subject, details=details, now=now)


async def _known_units(connection: AsyncConnection, vouched: Vouched) -> list[int]:
    """The units that the token names and that exist; a code that means nothing here grants nothing."""
    if vouched.units is None:
        return []
    known = list(await connection.scalars(select(Unit.id).where(Unit.code.in_(vouched.units)).order_by(Unit.id)))
    if not known:
        raise Forbidden("the token names no unit of this service")
    return known


async def _add(connection: AsyncConnection, vouched: Vouched, now: datetime) -> int:
    """A new row, under the issuer's user name where that is free: it never opens somebody else's account."""
    proof = hashlib.sha256(f"{vouched.issuer}\n{vouched.subject}".encode()).hexdigest()[:12]
    is_free = await is_free_username(connection, vouched.username)
    statement = insert(Officer).values(
        username=vouched.username if is_free else f"{VOUCHED_PREFIX}{proof}",
        name=vouched.name or f"{VOUCHED_PREFIX}{proof}",
        role=vouched.role,
        is_active=True,
        failed_sign_ins=0,
        created_at=now,
        issuer=vouched.issuer,
        subject=vouched.subject,
    )
    return int((await connection.execute(statement.returning(Officer.id))).scalar_one())
