"""API tokens: made once, shown once, kept as a hash; each belongs to an officer of its own or of a person."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, bindparam, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.errors import InvalidInput, NotFound
from app.complaint.roles import Role
from app.db.recent import Recent
from app.db.scope import Scope
from app.db.session import reading
from app.db.tables.people import ApiToken, ApiTokenUnit, Officer, OfficerUnit
from app.db.tables.units import Unit
from app.people import audit
from app.people.callers import Caller, covered_units, find_units, is_under_validator, scope_of
from app.people.credentials import TOKEN_PREFIX, digest, new_token
from app.people.token_scopes import check_scopes

OFFICER_PREFIX = "token-"
USE_INTERVAL = timedelta(minutes=1)
_SHOWN = len(TOKEN_PREFIX) + 6

_FIND = (
    select(
        ApiToken.id,
        ApiToken.role,
        ApiToken.officer_id,
        ApiToken.expires_at,
        ApiToken.revoked_at,
        ApiToken.scopes,
        Officer.username,
        Officer.is_active,
        ApiTokenUnit.unit_id,
        is_under_validator(ApiTokenUnit.unit_id).label("is_validator"),
    )
    .join(Officer, Officer.id == ApiToken.officer_id)
    .outerjoin(ApiTokenUnit, ApiTokenUnit.token_id == ApiToken.id)
    .where(ApiToken.token_hash == bindparam("token_hash"))
)


@dataclass(frozen=True, slots=True)
class NewToken:
    """What a token shall be; without units it covers the whole tree, without scopes it does all that its role may."""

    name: str
    role: Role
    units: Sequence[str] = ()
    expires_at: datetime | None = None
    scopes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """A token's id and the token itself, which nobody can show again."""

    id: int
    token: str


@dataclass(frozen=True, slots=True)
class TokenEntry:
    """What is known of a token; `officer` is the user name that its moves bear."""

    id: int
    name: str
    prefix: str
    role: Role
    officer: str
    units: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None
    scopes: tuple[str, ...]


async def create_token(connection: AsyncConnection, new: NewToken, *, actor: str, now: datetime) -> CreatedToken:
    """A new token, with an officer `token-<id>` of its own so that it can claim and be named in histories.

    Raises: InvalidInput, naming the field.
    """
    if not new.name.strip():
        raise InvalidInput("name", "must not be blank")
    if new.expires_at is not None and new.expires_at <= now:
        raise InvalidInput("expires_at", "must lie in the future")
    scopes = check_scopes(new.scopes)
    unit_ids = await find_units(connection, new.units)
    token = new_token()
    token_id = await _insert_token(connection, new, token, now)
    officer_id = await _insert_officer(connection, f"{OFFICER_PREFIX}{token_id}", new, now)
    await connection.execute(update(ApiToken).where(ApiToken.id == token_id).values(officer_id=officer_id))
    if unit_ids:
        await connection.execute(insert(ApiTokenUnit), [{"token_id": token_id, "unit_id": each} for each in unit_ids])
        await connection.execute(
            insert(OfficerUnit), [{"officer_id": officer_id, "unit_id": unit} for unit in unit_ids]
        )
    details: audit.Details = {
        "name": new.name,
        "role": str(new.role),
        "units": sorted(new.units),
        "scopes": scopes,
    }
    await audit.record(
        connection, actor=actor, action="token.create", subject=f"token {token_id}", details=details, now=now
    )
    return CreatedToken(token_id, token)


async def revoke_token(connection: AsyncConnection, token_id: int, *, scope: Scope, actor: str, now: datetime) -> None:
    """The token opens nothing from now on; revoking it again changes nothing.

    Raises: NotFound, when there is none within `scope`.
    """
    entry = await _find_entry(connection, token_id, scope)
    if entry.revoked_at is not None:
        return
    await connection.execute(update(ApiToken).where(ApiToken.id == token_id).values(revoked_at=now))
    own = (Officer.username == entry.officer, Officer.username == f"{OFFICER_PREFIX}{token_id}")
    await connection.execute(update(Officer).where(*own).values(is_active=False))
    await audit.record(connection, actor=actor, action="token.revoke", subject=f"token {token_id}", now=now)


async def list_tokens(
    connection: AsyncConnection, *, scope: Scope, after: int = 0, limit: int = 50, only: int | None = None
) -> list[TokenEntry]:
    """The tokens whose units all lie within `scope`, by id, above the id `after`."""
    statement = (
        select(
            *(ApiToken.__table__.c[name] for name in _ENTRY_COLUMNS),
            Officer.username.label("officer"),
        )
        .join(Officer, Officer.id == ApiToken.officer_id)
        .where(ApiToken.id > after)
        .order_by(ApiToken.id)
        .limit(limit)
    )
    if only is not None:
        statement = statement.where(ApiToken.id == only)
    if not scope.is_whole:
        covered = await covered_units(connection, scope)
        granted = select(ApiTokenUnit.token_id)
        beyond = granted.where(ApiTokenUnit.unit_id.not_in(covered))
        statement = statement.where(ApiToken.id.in_(granted), ApiToken.id.not_in(beyond))
    rows = (await connection.execute(statement)).mappings().all()
    units = await _units_of(connection, [row["id"] for row in rows])
    return [_entry(row, units[row["id"]]) for row in rows]


class Tokens:
    """Whose each token is. What was read of one serves for `remember_s` seconds: it may be revoked no later than that.

    One object for each process.
    """

    def __init__(self, remember_s: float) -> None:
        self._recent: Recent[str, tuple[Caller, datetime | None]] = Recent(remember_s)

    async def caller(self, engine: AsyncEngine, bearer: str, *, now: datetime) -> Caller | None:
        """Whose token this is; None when it is unknown, expired, revoked, or its officer has gone."""
        token_hash = digest(bearer)
        if token_hash is None:
            return None
        found = self._recent.get(token_hash)
        if found is None:
            asked_at = time.monotonic()
            async with reading(engine) as connection:
                found = await _find_holder(connection, token_hash)
            if found is None:
                return None
            self._recent.keep(token_hash, found, asked_at=asked_at)
        caller, expires_at = found
        return caller if expires_at is None or now < expires_at else None


async def note_use(connection: AsyncConnection, token_id: int, *, now: datetime) -> None:
    """Writes when the token was used, at most once a minute."""
    is_old = or_(ApiToken.used_at.is_(None), ApiToken.used_at <= now - USE_INTERVAL)
    await connection.execute(update(ApiToken).where(ApiToken.id == token_id, is_old).values(used_at=now))


async def _find_holder(connection: AsyncConnection, token_hash: str) -> tuple[Caller, datetime | None] | None:
    """Whose token this is and when it expires; None when there is none or it was ended."""
    rows = (await connection.execute(_FIND, {"token_hash": token_hash})).all()
    if not rows or rows[0].revoked_at is not None or not rows[0].is_active:
        return None
    first = rows[0]
    scope = scope_of([(row.unit_id, row.is_validator) for row in rows])
    caller = Caller(first.username, first.role, first.officer_id, first.id, scope, frozenset(first.scopes or ()))
    return caller, first.expires_at


_ENTRY_COLUMNS = ("id", "name", "prefix", "role", "created_at", "expires_at", "revoked_at", "used_at", "scopes")


async def _insert_token(connection: AsyncConnection, new: NewToken, token: str, now: datetime) -> int:
    statement = insert(ApiToken).values(
        name=new.name.strip(),
        prefix=token[:_SHOWN],
        token_hash=digest(token),
        role=new.role,
        created_at=now,
        expires_at=new.expires_at,
        scopes=check_scopes(new.scopes),
    )
    return int((await connection.execute(statement.returning(ApiToken.id))).scalar_one())


async def _insert_officer(connection: AsyncConnection, username: str, new: NewToken, now: datetime) -> int:
    statement = insert(Officer).values(
        username=username,
        name=new.name.strip(),
        role=new.role,
        is_active=True,
        failed_sign_ins=0,
        created_at=now,
    )
    return int((await connection.execute(statement.returning(Officer.id))).scalar_one())


def _entry(row: RowMapping, units: Sequence[str]) -> TokenEntry:
    return TokenEntry(**{**row, "scopes": tuple(row["scopes"] or ())}, units=tuple(units))


async def _find_entry(connection: AsyncConnection, token_id: int, scope: Scope) -> TokenEntry:
    found = await list_tokens(connection, scope=scope, limit=1, only=token_id)
    if not found:
        raise NotFound(f"token {token_id} is not known")
    return found[0]


async def _units_of(connection: AsyncConnection, token_ids: Sequence[int]) -> dict[int, list[str]]:
    statement = (
        select(ApiTokenUnit.token_id, Unit.code)
        .join(Unit, Unit.id == ApiTokenUnit.unit_id)
        .where(ApiTokenUnit.token_id.in_(token_ids))
        .order_by(Unit.code)
    )
    units: dict[int, list[str]] = defaultdict(list)
    for row in await connection.execute(statement):
        units[row.token_id].append(row.code)
    return units
