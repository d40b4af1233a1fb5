"""How a message leaves the house: the notifier protocol, the console, and signed webhooks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import httpx
import orjson
import structlog

from app.alerts.messages import AlertFacts, Wording
from app.alerts.signing import Secrets
from app.outbound import outbound_client
from app.vault import CannotOpen, Vault

CONSOLE = "console"
WEBHOOK = "webhook"
TIMEOUT = timedelta(seconds=10)
_MAX_ANSWER_BYTES = 64 * 1024

_log = structlog.stdlib.get_logger("tanggap.alerts")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a webhook is posted and the sealed secret that it is signed with."""

    url: str
    sealed_secret: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """One message for one recipient; `id` is the same however often it is sent."""

    id: str
    alert: AlertFacts
    endpoint: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said, in a few words that hold no secret."""

    is_delivered: bool
    text: str


class Notifier(Protocol):
    """One channel."""

    channel: str

    async def send(self, notice: Notice, *, now: datetime) -> Answer:
        """Send once; a failure is an answer, not an exception."""


class ConsoleNotifier:
    """Writes each alert as a log line with a sentence that a person can read."""

    channel = CONSOLE

    def __init__(self, wording: Wording, language: str = "id") -> None:
        self._wording, self._language = wording, language

    async def send(self, notice: Notice, *, now: datetime) -> Answer:
        """Write the line."""
        facts = notice.alert
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
        return Answer(True, "written")


class WebhookNotifier:
    """Posts each alert to its endpoint, signed as Standard Webhooks says; any 2xx means that it has arrived."""

    channel = WEBHOOK

    def __init__(
        self, client: httpx.AsyncClient, vault: Vault, wording: Wording, *, timeout: timedelta = TIMEOUT
    ) -> None:
        self._client, self._vault, self._wording, self._timeout = client, vault, wording, timeout

    async def send(self, notice: Notice, *, now: datetime) -> Answer:
        """Post the alert."""
        if notice.endpoint is None:
            return Answer(False, "the webhook is gone")
        body = {
            "type": "alert",
            "timestamp": rfc3339(notice.alert.raised_at),
            "data": payload(notice.alert, self._wording),
        }
        return await self.post(notice.endpoint, notice.id, body, now=now)

    async def post(
        self, endpoint: Endpoint, message_id: str, message: Mapping[str, object], *, now: datetime
    ) -> Answer:
        """Post any message, signed; for alerts and for the test call alike."""
        body = orjson.dumps(message)
        try:
            signature = Secrets.unseal(endpoint.sealed_secret, self._vault).headers(message_id, body, at=now)
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


def payload(facts: AlertFacts, wording: Wording) -> dict[str, object]:
    """The alert as a webhook carries it; equal for every attempt."""
    return {
        "id": facts.id,
        "complaint": {"id": facts.complaint_id, "ticket_code": facts.ticket_code},
        "unit": {"code": facts.unit_code, "name": facts.unit_name} if facts.unit_code is not None else None,
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


def rfc3339(at: datetime) -> str:
    """The instant in UTC with a Z.

    >>> rfc3339(datetime.fromisoformat("2026-01-12T15:01:00+07:00"))
    '2026-01-12T08:01:00Z'
    """
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
