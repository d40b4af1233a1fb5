"""The settings made into a deliverer over every channel; for worker, command line and test calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from app.alerts.chat import ChatNotifier
from app.alerts.delivery import Post
from app.alerts.mail import MailNotifier, MailServer
from app.alerts.messages import Wording
from app.alerts.notifiers import (
    EMAIL,
    ConsoleNotifier,
    Notifier,
    UnreachableNotifier,
    WebhookNotifier,
    webhook_client,
)
from app.clock import utc_now
from app.pulling import Plant


@asynccontextmanager
async def open_post(plant: Plant) -> AsyncIterator[Post]:
    """A deliverer; its connections are closed afterwards."""
    settings, wording = plant.settings, make_wording(plant)
    mail = make_mail(plant)
    async with webhook_client(settings.allowed_webhook_hosts) as client:
        notifiers: tuple[Notifier, ...] = (
            ConsoleNotifier(wording, settings.language),
            WebhookNotifier(client, plant.vault, wording),
            mail or UnreachableNotifier(EMAIL, "e-mail is not set up: set TANGGAP_SMTP_URL"),
            ChatNotifier(plant.vault, wording, settings.language, allowed_hosts=settings.allowed_webhook_hosts),
        )
        yield Post(
            engine=plant.engine,
            notifiers={each.channel: each for each in notifiers},
            clock=utc_now,
            lease=timedelta(seconds=settings.lease_seconds),
            retries=settings.webhook_retry_seconds,
        )
    if mail is not None:
        await mail.aclose()


def make_wording(plant: Plant) -> Wording:
    """How messages are worded here."""
    return Wording(zone=plant.settings.zone, public_url=plant.settings.public_url)


def make_mail(plant: Plant) -> MailNotifier | None:
    """The way to the mail server; None where none is set."""
    secret = plant.settings.smtp_url
    if secret is None:
        return None
    return MailNotifier(MailServer.parse(secret.get_secret_value()), make_wording(plant), plant.settings.language)
