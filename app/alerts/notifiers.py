"""How a message leaves the house: the notifier protocol, the console, signed webhooks, and channels not set up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import httpx
import orjson
import structlog

from app.alerts.catalogue import LANGUAGES, TEXTS
from app.alerts.contents import (
    AlertFacts,
    Alerts,
    Content,
    Correction,
    Digest,
    DigestItem,
    Incident,
    Trial,
    seconds_late,
)
from app.alerts.messages import Wording
from app.alerts.signing import Secrets
from app.outbound import outbound_client
from app.vault import CannotOpen, Vault

CONSOLE = "console"
EMAIL = "email"
CHAT = "chat"
WEBHOOK = "webhook"
TIMEOUT = timedelta(seconds=10)
_MAX_ANSWER_BYTES = 64 * 1024

_log = structlog.stdlib.get_logger("tanggap.alerts")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a webhook is posted and the sealed secret that it is signed with."""

    url: str
    sealed_secret: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An officer or operator as they are reached; the language is the house's where they have not chosen."""

    email: str | None = None
    sealed_chat_url: bytes | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """A chat group, by its sealed address; it reads the language of the house."""

    sealed_url: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """One message for one recipient; `id` is the same however often it is sent. The console has no target."""

    id: str
    content: Content
    target: Endpoint | Person | Room | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said, in a few words that hold no secret; `is_final`: trying again would not help."""

    is_delivered: bool
    text: str
    is_final: bool = False


class Notifier(Protocol):
    """One channel."""

    channel: str

    async def send(self, notice: Notice, *, now: datetime) -> Answer:
        """Send once; a failure is an answer, not an exception."""


class ConsoleNotifier:
    """Writes each message as log lines with sentences that a person can read."""

    channel = CONSOLE

    def __init__(self, wording: Wording, language: str = "id") -> None:
        self._wording, self._language = wording, language

    async def send(self, notice: Notice, *, now: datetime) -> Answer:
        """Write a line for each alert, or one for anything else."""
        match notice.content:
            case Alerts(facts=facts):
                for each in facts:
                    self._write(each)
            case other:
                letter = self._wording.letter(other, self._language)
                _log.warning(str(other.kind), delivery=notice.id, text=letter.lines[0].text)
        return Answer(True, "written")

    def _write(self, facts: AlertFacts) -> None:
        _log.warning(
            "alert",
            alert=facts.id,
            complaint=facts.complaint_id,
            unit=facts.unit_code,
            clock=facts.clock,
            cycle=facts.cycle,
            rule=facts.rule,
            step=facts.step,
            severity=str(facts.level),
            text=self._wording.text(facts, self._language),
        )


class UnreachableNotifier:
    """A channel that this installation has not set up: what should go there is dead at once, and says what to set."""

    def __init__(self, channel: str, reason: str) -> None:
        self.channel, self._reason = channel, reason

    async def send(self, notice: Notice, *, now: datetime) -> Answer:
        """Refuse."""
        return Answer(False, self._reason, is_final=True)


class WebhookNotifier:
    """Posts each message to its endpoint, signed as Standard Webhooks says; any 2xx means that it has arrived.

    Source: Standard Webhooks, "Webhook consumers": 410 says that the receiver is gone and wants nothing any more.
    """

    channel = WEBHOOK

    def __init__(
        self, client: httpx.AsyncClient, vault: Vault, wording: Wording, *, timeout: timedelta = TIMEOUT
    ) -> None:
        self._client, self._vault, self._wording, self._timeout = client, vault, wording, timeout

    async def send(self, notice: Notice, *, now: datetime) -> Answer:
        """Post the message."""
        if not isinstance(notice.target, Endpoint):
            return Answer(False, "the webhook is gone", is_final=True)
        endpoint, body = notice.target, orjson.dumps(body_of(notice.content, self._wording))
        try:
            signature = Secrets.unseal(endpoint.sealed_secret, self._vault).headers(notice.id, body, at=now)
        except CannotOpen as error:
            return Answer(False, f"the secret cannot be read: {error}")
        headers = {"content-type": "application/json", **signature}
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                status = await self._status(endpoint.url, body, headers)
        except TimeoutError:
            return Answer(False, f"no answer within {self._timeout.total_seconds():g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer(False, f"{type(error).__name__}: {error}"[:200])
        if status == httpx.codes.GONE:
            return Answer(False, "HTTP 410: the receiver says that it is gone for good", is_final=True)
        return Answer(httpx.codes.is_success(status), f"HTTP {status}")

    async def _status(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        async with self._client.stream("POST", url, content=body, headers=headers) as response:
            # Read to its end, so that the connection serves the next message; what it says does not matter.
            with contextlib.suppress(httpx.HTTPError):
                async for _ in response.aiter_raw():
                    pass
            return response.status_code


def webhook_client(allowed_hosts: Sequence[str]) -> httpx.AsyncClient:
    """The guarded client that webhooks are posted with; the caller closes it."""
    return outbound_client(allowed_hosts=allowed_hosts, timeout=TIMEOUT, max_bytes=_MAX_ANSWER_BYTES)


def body_of(content: Content, wording: Wording) -> dict[str, object]:
    """The message as a webhook carries it; equal for every attempt. Alerts told together are under `joined`."""
    match content:
        case Alerts(facts=facts):
            at, told = facts[0].raised_at, _joined([payload(each, wording) for each in facts])
        case Correction(facts=facts):
            at, told = facts[0].raised_at, _joined(_corrected(content, wording))
        case Digest():
            at, told = wording.morning(content), _digest(content, wording)
        case Incident():
            at, told = content.since, _incident(content, wording)
        case Trial():
            return _trial(content)
    return {"type": str(content.kind), "timestamp": rfc3339(at), "data": told}


def payload(facts: AlertFacts, wording: Wording) -> dict[str, object]:
    """The alert as a webhook carries it; equal for every attempt."""
    return {
        "id": facts.id,
        **_whose(facts),
        "clock": facts.clock,
        "cycle": facts.cycle,
        "rule": facts.rule,
        "step": facts.step,
        "level": str(facts.level),
        "due_at": rfc3339(facts.due_at),
        "late_seconds": facts.late_s,
        "raised_at": rfc3339(facts.raised_at),
        "text_id": wording.text(facts, "id"),
        "text_en": wording.text(facts, "en"),
        "link": wording.link(facts),
    }


def _corrected(correction: Correction, wording: Wording) -> list[dict[str, object]]:
    """Each alert with the sentence that takes it back."""
    said = {f"text_{each}": wording.letter(correction, each).lines for each in LANGUAGES}
    return [
        payload(facts, wording) | {name: lines[n].text for name, lines in said.items()}
        for n, facts in enumerate(correction.facts)
    ]


def _joined(told: Sequence[dict[str, object]]) -> dict[str, object]:
    first, *others = told
    return {**first, "joined": others} if others else first


def _whose(about: AlertFacts | DigestItem) -> dict[str, object]:
    return {
        "complaint": {"id": about.complaint_id, "ticket_code": about.ticket_code},
        "unit": {"code": about.unit_code, "name": about.unit_name} if about.unit_code is not None else None,
    }


def _digest(digest: Digest, wording: Wording) -> dict[str, object]:
    morning = wording.morning(digest)
    items = [
        {
            **_whose(each),
            "clock": each.clock,
            "due_at": rfc3339(each.due_at),
            "late_seconds": seconds_late(each.due_at, morning),
            "link": wording.link(each),
        }
        for each in digest.items
    ]
    told = {"on": digest.on.isoformat(), "overdue": digest.overdue, "due_today": digest.due_today, "items": items}
    return told | {f"text_{each}": wording.letter(digest, each).lines[0].text for each in LANGUAGES}


def _incident(incident: Incident, wording: Wording) -> dict[str, object]:
    return {
        "key": incident.key,
        "what": incident.what,
        "is_over": incident.is_over,
        "is_reminder": incident.is_reminder,
        "at": rfc3339(incident.since),
        "about": dict(incident.about),
        **{f"text_{each}": wording.letter(incident, each).lines[0].text for each in LANGUAGES},
    }


def _trial(trial: Trial) -> dict[str, object]:
    texts = {f"text_{language}": TEXTS[language]["test"] for language in LANGUAGES}
    return {"type": "test", "timestamp": rfc3339(trial.at), "data": {"webhook": {"id": trial.webhook_id}, **texts}}


def rfc3339(at: datetime) -> str:
    """The instant in UTC with a Z.

    >>> rfc3339(datetime.fromisoformat("2026-01-12T15:01:00+07:00"))
    '2026-01-12T08:01:00Z'
    """
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
