"""Officers: the people who sign in, with their role and units."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import Conflict, InvalidInput, NotFound
from app.complaint.roles import Role
from app.db.scope import Scope
from app.db.tables.people import Officer, OfficerUnit
from app.db.tables.units import Unit
from app.people import audit, passwords
from app.people.callers import covered_units, find_units
from app.people.tokens import OFFICER_PREFIX

USERNAME = re.compile(r"[a-z0-9](?:[a-z0-9._@-]{0,78}[a-z0-9])?")
VOUCHED_PREFIX = "oidc-"
# Words that the queue's filters use for something else, and those under which this service itself is in the trail.
RESERVED = frozenset({"me", "none", "worker", "oidc"})


@dataclass(frozen=True, slots=True)
class NewOfficer:
    """What an officer shall be; without a password nobody signs in, without units the whole tree is theirs."""

    username: str
    name: str
    role: Role
    units: Sequence[str] = ()
    password: str | None = None


@dataclass(frozen=True, slots=True)
class OfficerEntry:
    """What is known of an officer, without anything secret."""

    id: int
    username: str
    name: str
    role: Role
    units: tuple[str, ...]
    is_active: bool
    locked_until: datetime | None
    created_at: datetime
    is_external: bool
    """Whether another sign-in (OIDC) vouches for them and says their role and units."""


async def add_officer(connection: AsyncConnection, new: NewOfficer, *, actor: str, now: datetime) -> int:
    """The id of the new officer.

    Raises: InvalidInput, naming the field; Conflict, when the user name is taken.
    """
    _check(new)
    taken = await connection.scalar(select(Officer.id).where(Officer.username == new.username))
    if taken is not None:
        raise Conflict(f"officer {new.username} exists")
    unit_ids = await find_units(connection, new.units)
    officer_id = await _insert(connection, new, now)
    if unit_ids:
        await connection.execute(
            insert(OfficerUnit), [{"officer_id": officer_id, "unit_id": unit} for unit in unit_ids]
        )
    details: audit.Details = {"role": str(new.role), "units": sorted(new.units)}
    subject = f"officer {new.username}"
    await audit.record(connection, actor=actor, action="officer.create", subject=subject, details=details, now=now)
    return officer_id


async def list_officers(
    connection: AsyncConnection, *, scope: Scope, after: int = 0, limit: int = 50, only: int | None = None
) -> list[OfficerEntry]:
    """The people (not the tokens) whose units all lie within `scope`, by id, above the id `after`."""
    statement = (
        select(
            *(Officer.__table__.c[name] for name in _ENTRY_COLUMNS), Officer.subject.is_not(None).label("is_external")
        )
        .where(Officer.id > after, Officer.username.not_like(f"{OFFICER_PREFIX}%"))
        .order_by(Officer.id)
        .limit(limit)
    )
    if only is not None:
        statement = statement.where(Officer.id == only)
    if not scope.is_whole:
        held = select(OfficerUnit.officer_id)
        beyond = held.where(OfficerUnit.unit_id.not_in(await covered_units(connection, scope)))
        statement = statement.where(Officer.id.in_(held), Officer.id.not_in(beyond))
    rows = (await connection.execute(statement)).mappings().all()
    units = await _units_of(connection, [row["id"] for row in rows])
    return [OfficerEntry(**row, units=tuple(units[row["id"]])) for row in rows]


async def find_officer(connection: AsyncConnection, officer_id: int, *, scope: Scope) -> OfficerEntry:
    """The person of this id.

    Raises: NotFound, when there is none whose units all lie within `scope`.
    """
    found = await list_officers(connection, scope=scope, limit=1, only=officer_id)
    if not found:
        raise NotFound(f"officer {officer_id} is not known")
    return found[0]


async def find_by_username(connection: AsyncConnection, username: str, *, scope: Scope) -> OfficerEntry:
    """The person who signs in by this name.

    Raises: NotFound, when there is none whose units all lie within `scope`.
    """
    officer_id = await connection.scalar(select(Officer.id).where(Officer.username == username))
    found = await list_officers(connection, scope=scope, limit=1, only=officer_id or 0)
    if not found:
        raise NotFound(f"officer {username[:80]} is not known")
    return found[0]


_ENTRY_COLUMNS = ("id", "username", "name", "role", "is_active", "locked_until", "created_at")


async def is_free_username(connection: AsyncConnection, username: str) -> bool:
    """Whether a new officer may be called so."""
    if not USERNAME.fullmatch(username) or _is_reserved(username):
        return False
    return await connection.scalar(select(Officer.id).where(Officer.username == username)) is None


def _is_reserved(username: str) -> bool:
    return username in RESERVED or username.startswith((OFFICER_PREFIX, VOUCHED_PREFIX))


def _check(new: NewOfficer) -> None:
    if not USERNAME.fullmatch(new.username):
        raise InvalidInput("username", "must be 1 to 80 small letters, digits or . _ @ -, none of these at the ends")
    if _is_reserved(new.username):
        raise InvalidInput("username", "is reserved")
    if not new.name.strip():
        raise InvalidInput("name", "must not be blank")
    if new.password is not None:
        passwords.check(new.password, username=new.username)


async def _insert(connection: AsyncConnection, new: NewOfficer, now: datetime) -> int:
    statement = insert(Officer).values(
        username=new.username,
        name=new.name.strip(),
        role=new.role,
        password_hash=None if new.password is None else await passwords.hash_password(new.password),
        is_active=True,
        failed_sign_ins=0,
        created_at=now,
    )
    return int((await connection.execute(statement.returning(Officer.id))).scalar_one())


async def _units_of(connection: AsyncConnection, officer_ids: Sequence[int]) -> dict[int, list[str]]:
    statement = (
        select(OfficerUnit.officer_id, Unit.code)
        .join(Unit, Unit.id == OfficerUnit.unit_id)
        .where(OfficerUnit.officer_id.in_(officer_ids))
        .order_by(Unit.code)
    )
    units: dict[int, list[str]] = defaultdict(list)
    for row in await connection.execute(statement):
        units[row.officer_id].append(row.code)
    return units
