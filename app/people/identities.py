"""Who complained: opened for one complaint at a time, and never without a line on record before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.complaints import Complaint, Identity
from app.db.tables.sources import Source
from app.people.audit import record
from app.vault import CannotOpen, Vault

IDENTITY = "identity"
"""What the vault binds an identity to."""
FIELDS = ("name", "phone", "email", "national_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What one source told of the complainant."""

    source: str
    name: str | None
    phone: str | None
    email: str | None
    national_id: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads an identity, and why."""

    name: str
    reason: str
    at: datetime


async def read_identity(connection: AsyncConnection, complaint_id: int, reader: Reader, vault: Vault) -> list[Person]:
    """The complainant as each source told of them; the reading is on record first, in the same transaction."""
    await record(
        connection,
        actor=reader.name,
        action="identity.read",
        subject=f"complaint:{complaint_id}",
        details={"reason": reader.reason},
        now=reader.at,
    )
    return await open_identities(connection, complaint_id, vault)


async def open_identities(connection: AsyncConnection, complaint_id: int, vault: Vault) -> list[Person]:
    """The same without a line: whoever calls this puts on record what it is for."""
    statement = (
        select(Identity.sealed, Identity.received_at, Source.name.label("source"))
        .join(Source, Source.id == Identity.source_id)
        .where(Identity.complaint_id == complaint_id)
        .order_by(Identity.source_id)
    )
    return [
        Person(source=row.source, received_at=row.received_at, **opened(row.sealed, vault))
        for row in await connection.execute(statement)
    ]


async def known_names(connection: AsyncConnection, complaint_id: int, vault: Vault) -> list[str]:
    """All that the sources told of the complainant and that can still be opened, to be taken out of other places."""
    sealed = await connection.scalars(select(Identity.sealed).where(Identity.complaint_id == complaint_id))
    return [name for each in sealed for name in names_in(each, vault)]


def names_in(sealed: bytes, vault: Vault) -> list[str]:
    """What a sealed identity tells; nothing, when its key is lost: such a one must still be erasable."""
    try:
        return [each for each in opened(sealed, vault).values() if each]
    except CannotOpen:
        return []


def opened(sealed: bytes, vault: Vault) -> dict[str, str | None]:
    """Name, phone, e-mail address and NIK of a sealed identity; what it does not tell is None."""
    told = vault.open_json(sealed, IDENTITY)
    assert isinstance(told, dict)
    return {name: told.get(name) for name in FIELDS}


async def is_anonymous(connection: AsyncConnection, complaint_id: int) -> bool:
    """Whether the complainant asked to be known by nobody."""
    return bool(await connection.scalar(select(Complaint.is_anonymous).where(Complaint.id == complaint_id)))
