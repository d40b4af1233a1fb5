"""One harmless message through a channel, to see whether it arrives; nothing of it is stored."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.contents import Trial
from app.alerts.notifiers import CHAT, Endpoint, Notice, Notifier, Person, Room
from app.alerts.outbox import message_id
from app.complaint.errors import Conflict, NotFound
from app.db.tables.people import Officer


@dataclass(frozen=True, slots=True)
class Aim:
    """Whom a test is for, and how they are reached."""

    to: str
    target: Endpoint | Person | Room | None
    webhook_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a test."""

    channel: str
    to: str
    delivered: bool
    answer: str
    took_ms: int


async def find_officer(connection: AsyncConnection, username: str, channel: str) -> Aim:
    """The officer as the channel reaches them.

    Raises: NotFound; Conflict for one who is not told anything, or not by this channel.
    """
    columns = (Officer.id, Officer.is_active, Officer.email, Officer.sealed_chat_url, Officer.language)
    row = (await connection.execute(select(*columns).where(Officer.username == username))).one_or_none()
    if row is None:
        raise NotFound(f"officer {username} is not known")
    if not row.is_active:
        raise Conflict(f"officer {username} is not active and is told nothing")
    field, address = ("chat_url", row.sealed_chat_url) if channel == CHAT else ("email", row.email)
    if not address:
        raise Conflict(f"officer {username} has no {field}: PUT /api/v1/admin/officers/{row.id}/alert-settings sets it")
    return Aim(username, Person(email=row.email, sealed_chat_url=row.sealed_chat_url, language=row.language))


def find_operators(emails: Sequence[str]) -> list[Aim]:
    """Those who run this installation.

    Raises: Conflict where nobody is named.
    """
    if not emails:
        raise Conflict("nobody to write to: set TANGGAP_OPERATOR_EMAIL, or name an officer with --to")
    return [Aim(email, Person(email=email)) for email in emails]


async def try_out(notifier: Notifier, aim: Aim, *, now: datetime) -> Outcome:
    """Send the test once and say what came back."""
    started = time.perf_counter()
    answer = await notifier.send(Notice(message_id(), Trial(now, aim.webhook_id), aim.target), now=now)
    took_ms = round((time.perf_counter() - started) * 1000)
    return Outcome(
        channel=notifier.channel, to=aim.to, delivered=answer.is_delivered, answer=answer.text, took_ms=took_ms
    )
