"""How an officer is reached by alerts: addresses, language, quiet hours, whether the morning's list is wanted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import InvalidInput, NotFound
from app.db.tables.people import Officer
from app.people import audit

LANGUAGES = ("id", "en")
MAX_EMAIL = 254

_EMAIL = re.compile(r"[^@\s<>\",;:\\()\[\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """What is known; the address of a chat is a secret, so only whether there is one. Quiet hours are local HH:MM."""

    email: str | None
    has_chat: bool
    language: str | None
    quiet_from: str | None
    quiet_to: str | None
    gets_digest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSettings:
    """What shall be; `keeps_chat` leaves the sealed address of the chat as it is."""

    email: str | None = None
    sealed_chat_url: bytes | None = None
    keeps_chat: bool = True
    language: str | None = None
    quiet_from: str | None = None
    quiet_to: str | None = None
    gets_digest: bool = True


async def read_settings(connection: AsyncConnection, officer_id: int) -> AlertSettings:
    """How the officer is reached.

    Raises: NotFound.
    """
    row = (await connection.execute(select(*_COLUMNS).where(Officer.id == officer_id))).one_or_none()
    if row is None:
        raise NotFound(f"officer {officer_id} is not known")
    return AlertSettings(
        email=row.email,
        has_chat=row.sealed_chat_url is not None,
        language=row.language,
        quiet_from=_clock_time(row.quiet_from),
        quiet_to=_clock_time(row.quiet_to),
        gets_digest=row.gets_digest,
    )


async def change_settings(
    connection: AsyncConnection, officer_id: int, new: NewSettings, *, actor: str, now: datetime
) -> AlertSettings:
    """How the officer is reached from now on; the trail says what was changed, never an address.

    Raises: NotFound; InvalidInput, naming the field.
    """
    before = await read_settings(connection, officer_id)
    values = _checked(new)
    if not new.keeps_chat:
        values["sealed_chat_url"] = new.sealed_chat_url
    await connection.execute(update(Officer).where(Officer.id == officer_id).values(**values))
    after = await read_settings(connection, officer_id)
    changed = [name for name in AlertSettings.__slots__ if getattr(before, name) != getattr(after, name)]
    if new.sealed_chat_url is not None and "has_chat" not in changed:
        changed.append("chat_url")
    if changed:
        username = await connection.scalar(select(Officer.username).where(Officer.id == officer_id))
        await audit.record(
            connection,
            actor=actor,
            action="officer.alert-settings",
            subject=f"officer {username}",
            details={"changed": sorted(changed)},
            now=now,
        )
    return after


def _checked(new: NewSettings) -> dict[str, object]:
    if new.email is not None and (len(new.email) > MAX_EMAIL or not _EMAIL.fullmatch(new.email)):
        raise InvalidInput("email", "is no address that mail can be sent to")
    if new.language is not None and new.language not in LANGUAGES:
        raise InvalidInput("language", f"must be one of {', '.join(LANGUAGES)}")
    quiet_from, quiet_to = _minutes("quiet_from", new.quiet_from), _minutes("quiet_to", new.quiet_to)
    if (quiet_from is None) != (quiet_to is None):
        raise InvalidInput("quiet_to" if quiet_to is None else "quiet_from", "both ends of the quiet hours are needed")
    if quiet_from is not None and quiet_from == quiet_to:
        raise InvalidInput("quiet_to", "must differ from quiet_from")
    return {
        "email": new.email,
        "language": new.language,
        "quiet_from": quiet_from,
        "quiet_to": quiet_to,
        "gets_digest": new.gets_digest,
    }


def _minutes(field: str, text: str | None) -> int | None:
    """Minutes after midnight of a local time."""
    if text is None:
        return None
    match = _TIME.fullmatch(text) if text.isascii() else None
    if match is None:
        raise InvalidInput(field, "must be a local time such as 22:00")
    return int(match[1]) * 60 + int(match[2])


def _clock_time(minutes: int | None) -> str | None:
    return None if minutes is None else f"{minutes // 60:02d}:{minutes % 60:02d}"


_COLUMNS = (
    Officer.email, Officer.sealed_chat_url, Officer.language, Officer.quiet_from, Officer.quiet_to,
    Officer.gets_digest,
)  # fmt: skip
