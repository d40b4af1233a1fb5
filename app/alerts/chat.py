"""Alerts by chat, through the kept library `apprise` (the extra `notify`): which services, and how one is told."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from app.alerts.messages import Wording
from app.alerts.notifiers import CHAT, TIMEOUT, Answer, Endpoint, Notice, Person, Room
from app.alerts.signing import PURPOSE
from app.complaint.errors import InvalidInput
from app.outbound import ForbiddenHost, check_url
from app.vault import CannotOpen, Vault

CHAT_PURPOSE = "chat"
"""What the vault binds an officer's chat address to."""

_PUBLIC = frozenset(
    {
        "discord", "gchat", "line", "pover", "slack", "tgram", "twilio", "viber", "webex", "wecombot", "whapi",
        "whatsapp", "wxteams",
    }
)  # fmt: skip
"""Services at one public address that the library itself knows; nothing in the URL leads elsewhere."""
_HOSTED = {
    "json": "http", "jsons": "https", "form": "http", "forms": "https", "gotify": "http", "gotifys": "https",
    "matrix": "http", "matrixs": "https", "mmost": "http", "mmosts": "https", "nctalk": "http", "nctalks": "https",
    "ntfy": "http", "ntfys": "https", "rocket": "http", "rockets": "https", "signal": "http", "signals": "https",
    "synology": "http", "synologys": "https", "workflow": "https", "workflows": "https",
}  # fmt: skip
"""Services at the host that the URL names, and how it is called."""
_KNOBS = frozenset({"cto", "redirect", "retry", "rto", "verify", "wait"})
"""What an address may not set: how long, how often and how carefully the library calls is ours to say."""
_MAX_URL = 1_000
_MISSING = "chat is not set up: install tanggap[notify]"


def is_installed() -> bool:
    """Whether the library is there."""
    return importlib.util.find_spec("apprise") is not None


def check_chat_url(url: str, allowed_hosts: Sequence[str], *, field: str = "chat_url") -> None:
    """Nothing for a chat address that messages may go to.

    The library resolves names by itself, so what stands on a host of somebody's own must be listed by name: nothing
    else keeps a name from being led inside later.

    Raises: InvalidInput.
    """
    if len(url) > _MAX_URL:
        raise InvalidInput(field, f"is longer than {_MAX_URL} characters")
    try:
        _check(url, allowed_hosts)
    except ForbiddenHost as error:
        raise InvalidInput(field, str(error)) from error


def masked(url: str) -> str:
    """The address of a chat as it may be shown: the service, and the host where it is one of somebody's own.

    >>> masked("tgram://123456789:secret/12345"), masked("ntfys://token@chat.example:8443/topic")
    ('tgram://***', 'ntfys://chat.example/***')
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return f"{scheme}://{parts.hostname}/***" if scheme in _HOSTED else f"{scheme}://***"


class ChatNotifier:
    """Tells an officer, or a group, in the chat that was named; the library works in threads, beside the loop."""

    channel = CHAT

    def __init__(
        self,
        vault: Vault,
        wording: Wording,
        language: str = "id",
        *,
        allowed_hosts: Sequence[str] = (),
        timeout: timedelta = TIMEOUT,
    ) -> None:
        self._vault, self._wording, self._language = vault, wording, language
        self._allowed, self._timeout = allowed_hosts, timeout.total_seconds()
        # Loaded here and not with the program: it is large, and only a worker that has it needs it.
        self._library: Any = importlib.import_module("apprise") if is_installed() else None
        # What it would log of a failure holds the address, and with it the key.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)

    async def send(self, notice: Notice, *, now: datetime) -> Answer:
        """Tell the message; an address that may not be called any more is dead at once."""
        if self._library is None:
            return Answer(False, _MISSING, is_final=True)
        sealed, purpose, language = _address_of(notice.target)
        if not sealed:
            return Answer(False, "no address", is_final=True)
        try:
            url = self._vault.open(sealed, purpose).decode()
            _check(url, self._allowed)
        except CannotOpen as error:
            return Answer(False, f"the address cannot be read: {error}")
        except ForbiddenHost as error:
            return Answer(False, str(error), is_final=True)
        return await self._tell(url, notice, language or self._language)

    async def _tell(self, url: str, notice: Notice, language: str) -> Answer:
        asset = self._library.AppriseAsset(http_redirects=0, service_timeout=self._timeout)
        chat, letter = self._library.Apprise(asset=asset), self._wording.letter(notice.content, language)
        service = urlsplit(url).scheme
        if not chat.add(url):
            return Answer(False, f"the library does not know this {service} address", is_final=True)
        try:
            async with asyncio.timeout(self._timeout):
                is_delivered = await chat.async_notify(title=letter.subject, body=letter.text)
        except TimeoutError:
            return Answer(False, f"no answer within {self._timeout:g} s")
        return Answer(bool(is_delivered), f"{service}: {'taken' if is_delivered else 'refused or not reached'}")


def _address_of(target: Endpoint | Person | Room | None) -> tuple[bytes | None, str, str | None]:
    """The sealed address, what the vault bound it to, and the language that is read there."""
    match target:
        case Person():
            return target.sealed_chat_url, CHAT_PURPOSE, target.language
        case Room():
            return target.sealed_url, PURPOSE, None
        case _:
            return None, CHAT_PURPOSE, None


def _check(url: str, allowed_hosts: Sequence[str]) -> None:
    try:
        parts = urlsplit(url)
        scheme, host = parts.scheme.lower(), parts.hostname or ""
        # A key may stand where others have a port.
        port = None if scheme in _PUBLIC else parts.port
    except ValueError as error:
        raise ForbiddenHost("this is not the address of a chat") from error
    if knobs := _KNOBS & {name.lower() for name in parse_qs(parts.query, keep_blank_values=True)}:
        raise ForbiddenHost(f"the address of a chat may not set {', '.join(sorted(knobs))}")
    if scheme in _PUBLIC:
        return
    if scheme not in _HOSTED:
        known = ", ".join(sorted(_PUBLIC | _HOSTED.keys()))
        raise ForbiddenHost(f"the address of a chat begins with one of {known}")
    if not allowed_hosts:
        raise ForbiddenHost(f"{scheme} on a host of one's own needs that host in the list of allowed webhook hosts")
    shown = f"[{host}]" if ":" in host else host
    check_url(f"{_HOSTED[scheme]}://{shown}{f':{port}' if port else ''}/", allowed_hosts)
