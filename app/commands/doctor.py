"""`tanggap doctor`: what is wrong with this installation, in plain words, and what to do about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import typer
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.chat_check import check_chats
from app.alerts.mail import MailServer
from app.alerts.mail_check import check_mail
from app.alerts.messages import say_matter
from app.alerts.webhooks import notice_webhooks
from app.clock import utc_now
from app.commands.frame import open_plant, run, say, show
from app.commands.sources import Json
from app.complaint.errors import DomainError
from app.db.changes import are_changes_ahead, database_now
from app.db.heartbeats import is_recent, last_beat
from app.db.migrate import head, revision_of
from app.db.session import reading
from app.db.states import AlertState
from app.db.tables.alerts import Alert
from app.db.tables.complaints import Complaint
from app.db.tables.people import Officer
from app.db.tables.rules import Policy
from app.db.tables.units import Unit
from app.intake.notices import open_notice_counts
from app.intake.sources import list_sources, open_reject_counts
from app.people.keys import count_outdated
from app.pulling import Plant
from app.settings import Settings
from app.watching import find_faults

_SKEW = timedelta(seconds=5)
_TOLD_AS_FAULTS = frozenset({"source_rejects", "calendar", "disk", "alerts_late", "webhook_off"})
"""What operators are told of by themselves too; the other matters have findings of their own here."""


class Unwell(DomainError):
    """The installation has faults that need somebody."""


def doctor(as_json: Json = False) -> None:
    """Say what is wrong with this installation, in plain words; 0 = nothing is."""
    findings = run(_examine())
    if as_json:
        show({"findings": findings}, as_json=True)
    for finding in () if as_json else findings:
        typer.echo(f"- {finding}")
    if findings:
        raise Unwell(f"{len(findings)} things need attention")
    say("Nothing is wrong.")


async def _examine() -> list[str]:
    async with open_plant() as plant:
        findings = [*plant.settings.weaknesses(), *await _mail(plant.settings)]
        try:
            async with reading(plant.engine) as connection:
                return findings + [each async for each in _look(plant, connection)]
        except (SQLAlchemyError, OSError) as error:
            return [*findings, f"the database does not answer ({type(error).__name__}): check TANGGAP_DATABASE_URL"]


async def _look(plant: Plant, connection: AsyncConnection) -> AsyncIterator[str]:
    revision = await revision_of(connection)
    if revision != head():
        yield f"the database stands at revision {revision or 'none'}, this program needs {head()}: run tanggap migrate"
        return
    if not await connection.scalar(select(func.count()).select_from(Unit)):
        yield "there are no units: run tanggap seed jakarta"
    if not await connection.scalar(select(func.count()).select_from(Policy)):
        yield "there are no policies, so no clock has a due time: run tanggap seed jakarta"
    async for finding in _machine(connection):
        yield finding
    async for finding in _sources(connection):
        yield finding
    async for finding in _data(connection):
        yield finding
    async for finding in _keys(plant, connection):
        yield finding
    async for finding in _messages(plant, connection):
        yield finding
    async for fault in find_faults(plant, connection, utc_now()):
        if fault.what in _TOLD_AS_FAULTS:
            what, advice = say_matter(fault.key, fault.what, fault.about, "en")
            yield f"{what}. {advice}" if advice else what


async def _machine(connection: AsyncConnection) -> AsyncIterator[str]:
    now = utc_now()
    skew = abs(await database_now(connection) - now)
    if skew > _SKEW:
        yield f"this machine's clock and the database's differ by {skew.total_seconds():.0f} s: set the time on both"
    if await are_changes_ahead(connection):
        yield "changes are numbered below the newest one, so nobody who polls is told: run tanggap migrate"
    if not is_recent(await last_beat(connection), now):
        yield "no worker is running, so nothing is pulled and no alert is raised: run tanggap worker"


async def _sources(connection: AsyncConnection) -> AsyncIterator[str]:
    rejects, notices = await open_reject_counts(connection), await open_notice_counts(connection)
    rows = await list_sources(connection)
    if not rows:
        yield "there is no source: add one with tanggap source add"
    for row in rows:
        if row.last_error:
            yield f"source {row.name} fails: {row.last_error}"
        elif row.every_s is not None and row.last_success_at is None:
            yield f"source {row.name} was never pulled: try tanggap pull {row.name}"
        if count := rejects.get(row.id):
            yield f"source {row.name} has {count} rejects that wait for a mapping or a replay"
        if count := notices.get(row.id):
            yield f"source {row.name} has {count} notices about its data: tanggap source notices {row.name}"


async def _data(connection: AsyncConnection) -> AsyncIterator[str]:
    unknown = await connection.scalar(select(func.count()).where(Complaint.status == "unknown"))
    if unknown:
        yield f"{unknown} complaints carry a status word that nobody knows: add it to the status words"
    unrouted = await connection.scalar(select(func.count()).where(Complaint.is_open, Complaint.unit_id.is_(None)))
    if unrouted:
        yield f"{unrouted} open complaints belong to no unit: see the queue with unrouted=true"
    dead = await connection.scalar(select(func.count()).where(Alert.state == AlertState.DEAD))
    if dead:
        yield f"{dead} alerts could not be delivered to anybody: see GET /api/v1/alerts?state=dead"


async def _messages(plant: Plant, connection: AsyncConnection) -> AsyncIterator[str]:
    settings = plant.settings
    if settings.smtp_url is None:
        is_mailed = Officer.is_active, Officer.email.is_not(None)
        count = await connection.scalar(select(func.count()).where(*is_mailed)) or 0
        if count or settings.operator_email:
            whom = f"{count} officers" if count else "those who run this installation"
            yield f"{whom} are to be told by e-mail, and it is not set up: set TANGGAP_SMTP_URL"
    elif not settings.operator_email and not await notice_webhooks(connection):
        yield "nobody is told when something is wrong with this installation: set TANGGAP_OPERATOR_EMAIL"
    async for finding in check_chats(connection, plant.vault, settings.allowed_webhook_hosts):
        yield finding


async def _mail(settings: Settings) -> list[str]:
    if settings.smtp_url is None:
        return []
    fault = await check_mail(MailServer.parse(settings.smtp_url.get_secret_value()))
    return [fault] if fault is not None else []


async def _keys(plant: Plant, connection: AsyncConnection) -> AsyncIterator[str]:
    is_changing = bool(plant.settings.data_key_old)
    count = await count_outdated(connection, plant.vault, is_sample=not is_changing)
    if count and is_changing:
        yield f"{count} sealed values still need a former data key: run tanggap privacy rotate-key"
    elif count:
        yield "values are under another data key: list it in TANGGAP_DATA_KEY_OLD and run tanggap privacy rotate-key"
    elif is_changing:
        yield "no sealed value needs a former data key any more: take TANGGAP_DATA_KEY_OLD out a day from now"
