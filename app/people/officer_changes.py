"""Officers change: name, role, units, password, whether they are in; what is theirs ends with what it rested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import Conflict, InvalidInput
from app.complaint.roles import Role
from app.db.tables.people import Officer, OfficerUnit
from app.people import audit, passwords
from app.people.callers import Caller, demand_cover, find_units
from app.people.officers import OfficerEntry, find_officer
from app.people.sessions import end_sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficerChange:
    """What shall be otherwise; None leaves it as it is. Units are the whole list; an empty one is the whole tree."""

    name: str | None = None
    role: Role | None = None
    units: Sequence[str] | None = None
    is_active: bool | None = None
    password: str | None = None


async def change_officer(
    connection: AsyncConnection, officer_id: int, change: OfficerChange, *, by: Caller, now: datetime
) -> OfficerEntry:
    """The officer as they are then. Another role, other units, a new password or leaving ends every session of theirs.

    Raises: NotFound, outside the caller's units; InvalidInput; Forbidden, for units that are not the caller's to grant;
    Conflict, for one's own role, units or leaving, and for what another sign-in decides.
    """
    before = await find_officer(connection, officer_id, scope=by.scope)
    _check(before, change, by)
    named = {"name": change.name and change.name.strip(), "role": change.role, "is_active": change.is_active}
    values: dict[str, object] = {
        name: value for name, value in named.items() if value is not None and value != getattr(before, name)
    }
    changed = sorted(values)
    if change.units is not None and set(change.units) != set(before.units):
        await _replace_units(connection, officer_id, change.units, by)
        changed.append("units")
    if change.password is not None:
        values |= {"password_hash": await passwords.hash_password(change.password)}
        values |= {"failed_sign_ins": 0, "locked_until": None}
        changed.append("password")
    if not changed:
        return before
    if values:
        await connection.execute(update(Officer).where(Officer.id == officer_id).values(**values))
    if changed != ["name"]:
        await end_sessions(connection, officer_id)
    after = await find_officer(connection, officer_id, scope=by.scope)
    await _tell(connection, before, after, changed, actor=by.name, now=now)
    return after


async def unlock_officer(connection: AsyncConnection, officer_id: int, *, by: Caller, now: datetime) -> OfficerEntry:
    """The officer may sign in again at once; one who is not locked stays as they are.

    Raises: NotFound, outside the caller's units.
    """
    found = await find_officer(connection, officer_id, scope=by.scope)
    unlocked = update(Officer).where(Officer.id == officer_id, Officer.failed_sign_ins > 0)
    done = await connection.execute(unlocked.values(failed_sign_ins=0, locked_until=None).returning(Officer.id))
    if done.first() is None:
        return found
    subject = f"officer {found.username}"
    await audit.record(connection, actor=by.name, action="officer.unlock", subject=subject, now=now)
    return await find_officer(connection, officer_id, scope=by.scope)


def _check(before: OfficerEntry, change: OfficerChange, by: Caller) -> None:
    if change.name is not None and not change.name.strip():
        raise InvalidInput("name", "must not be blank")
    if change.password is not None:
        passwords.check(change.password, username=before.username)
    is_theirs = any(value is not None for value in (change.role, change.units, change.is_active))
    if is_theirs and before.id == by.officer_id:
        raise Conflict("nobody changes their own role or units, or shuts themselves out: ask another administrator")
    if before.is_external and any(value is not None for value in (change.role, change.units, change.password)):
        raise Conflict(
            f"officer {before.username} gets role, units and sign-in from another sign-in: change them there"
        )


async def _replace_units(connection: AsyncConnection, officer_id: int, codes: Sequence[str], by: Caller) -> None:
    unit_ids = await find_units(connection, codes)
    await demand_cover(connection, by.scope, unit_ids)
    await put_units(connection, officer_id, unit_ids)


async def put_units(connection: AsyncConnection, officer_id: int, unit_ids: Sequence[int]) -> None:
    """These are the officer's units, and no others."""
    await connection.execute(delete(OfficerUnit).where(OfficerUnit.officer_id == officer_id))
    if unit_ids:
        rows = [{"officer_id": officer_id, "unit_id": unit_id} for unit_id in unit_ids]
        await connection.execute(insert(OfficerUnit), rows)


async def _tell(
    connection: AsyncConnection,
    before: OfficerEntry,
    after: OfficerEntry,
    changed: Sequence[str],
    *,
    actor: str,
    now: datetime,
) -> None:
    """What is another one now, as it was and as it is; never a password or a name."""
    details: dict[str, str | int | bool | list[str] | None] = {"changed": sorted(changed)}
    if "role" in changed:
        details |= {"role_before": str(before.role), "role": str(after.role)}
    if "units" in changed:
        details |= {"units_before": list(before.units), "units": list(after.units)}
    if "is_active" in changed:
        details["is_active"] = after.is_active
    subject = f"officer {after.username}"
    await audit.record(connection, actor=actor, action="officer.change", subject=subject, details=details, now=now)
