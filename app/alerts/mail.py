"""Alerts by e-mail: one message as mail programs read it, and the connections to the mail server that carry many."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from app.alerts.messages import Letter, Wording
from app.alerts.notifiers import EMAIL, TIMEOUT, Answer, Notice, Person

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_PERMANENT = range(500, 600)

# Plain letters alone, so that every server can take the message.
_POLICY = SMTP.clone(cte_type="7bit")
_CONNECTIONS = 4
_TURN_S = 30.0
"""How long a message waits for a connection; together with its own time this stays below the lease of its claim."""
_IDLE_S = 20.0
"""A connection that carried nothing for so long is not trusted to be open still."""
_MESSAGES_EACH = 100


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over and in whose name; its text form does not show the password."""

    host: str
    port: int
    is_tls: bool
    starttls: bool | None
    """True: or nothing is sent; None: where the server offers it; False: not on this machine itself."""
    sender: str
    username: str | None
    password: str | None

    @classmethod
    def parse(cls, url: str) -> MailServer:
        """The server of `smtp://`, `smtp+starttls://` or `smtps://user:password@host:port?from=address`.

        A password is never sent in the clear to another machine.

        >>> server = MailServer.parse("smtp+starttls://u:p%40ss@mail.example?from=tanggap@example.go.id")
        >>> server.port, server.starttls, server.password, server.sender
        (587, True, 'p@ss', 'tanggap@example.go.id')
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        username, password = (unquote(each) if each else None for each in (parts.username, parts.password))
        starttls: bool | None = None
        if parts.scheme == "smtp+starttls" or (password and host not in _LOOPBACK):
            starttls = True
        elif host in _LOOPBACK:
            starttls = False
        (sender,) = parse_qs(parts.query).get("from", [f"tanggap@{host}"])
        is_tls = parts.scheme == "smtps"
        port = parts.port or _PORTS[parts.scheme]
        return cls(host, port, is_tls, False if is_tls else starttls, sender, username, password)

    @property
    def domain(self) -> str:
        """What message ids and the list are named after."""
        return self.sender.rpartition("@")[2]

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port})"


def is_address(text: str) -> bool:
    """Whether it can be written to; nothing in it could begin another header or recipient.

    >>> is_address("sekar@example.go.id"), is_address("a@b.example\\r\\nBcc: c@d.example"), is_address("a@b, c@d")
    (True, False, False)
    """
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


def compose(letter: Letter, delivery_id: str, *, sender: str, recipient: str, now: datetime) -> EmailMessage:
    """The letter as text and HTML; its Message-ID is the same however often it is sent."""
    domain = sender.rpartition("@")[2]
    message = EmailMessage(policy=_POLICY)
    message["From"] = formataddr(("Tanggap", sender))
    message["To"] = recipient
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{delivery_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["List-Id"] = f"Tanggap <tanggap.{domain}>"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    # Any header of content that is set before moves into the first part.
    message["Content-Language"] = letter.language
    return message


class MailNotifier:
    """Hands each message to the mail server, over connections that serve one message after the other."""

    channel = EMAIL

    def __init__(
        self,
        server: MailServer,
        wording: Wording,
        language: str = "id",
        *,
        timeout: timedelta = TIMEOUT,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._server, self._wording, self._language = server, wording, language
        self._timeout, self._context = timeout.total_seconds(), context
        self._free: list[_Wire] = []
        self._turn = asyncio.Semaphore(_CONNECTIONS)

    async def send(self, notice: Notice, *, now: datetime) -> Answer:
        """Mail the message; what the server refuses for good is not tried again."""
        person = notice.target
        if not isinstance(person, Person) or not person.email:
            return Answer(False, "no address", is_final=True)
        if not is_address(person.email):
            return Answer(False, "the address cannot be written to", is_final=True)
        letter = self._wording.letter(notice.content, person.language or self._language)
        message = compose(letter, notice.id, sender=self._server.sender, recipient=person.email, now=now)
        try:
            async with asyncio.timeout(_TURN_S):
                await self._turn.acquire()
        except TimeoutError:
            return Answer(False, f"no connection to the mail server was free within {_TURN_S:g} s")
        try:
            async with asyncio.timeout(self._timeout):
                return await self._hand_over(message, person.email)
        except TimeoutError:
            return Answer(False, f"no answer within {self._timeout:g} s")
        except (aiosmtplib.SMTPException, OSError) as error:
            return _refusal(error)
        finally:
            self._turn.release()

    async def aclose(self) -> None:
        """Take leave of the mail server."""
        while self._free:
            await self._free.pop().close()

    async def _hand_over(self, message: EmailMessage, recipient: str) -> Answer:
        kept = await self._kept()
        if kept is not None:
            with contextlib.suppress(aiosmtplib.SMTPServerDisconnected):
                return await self._carry(kept, message, recipient)
        # A kept connection that the server has closed meanwhile says nothing of the message.
        return await self._carry(await self._connected(), message, recipient)

    async def _carry(self, wire: _Wire, message: EmailMessage, recipient: str) -> Answer:
        """Send over a connection, which is kept for the next message unless more than this one went wrong."""
        try:
            await wire.client.sendmail(self._server.sender, [recipient], message.as_bytes())
        except (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPRecipientsRefused):
            await self._keep(wire)
            raise
        except BaseException:
            wire.client.close()
            raise
        await self._keep(wire)
        return Answer(True, "SMTP 250")

    async def _keep(self, wire: _Wire) -> None:
        wire.carried, wire.used_at = wire.carried + 1, time.monotonic()
        if not wire.client.is_connected or wire.carried >= _MESSAGES_EACH:
            await wire.close()
        else:
            self._free.append(wire)

    async def _kept(self) -> _Wire | None:
        while self._free:
            wire = self._free.pop()
            if wire.client.is_connected and time.monotonic() - wire.used_at < _IDLE_S:
                return wire
            await wire.close()
        return None

    async def _connected(self) -> _Wire:
        client = client_of(self._server, timeout=timedelta(seconds=self._timeout), context=self._context)
        await client.connect()
        return _Wire(client)


def client_of(
    server: MailServer, *, timeout: timedelta, context: ssl.SSLContext | None = None, is_bare: bool = False
) -> aiosmtplib.SMTP:
    """A client that signs in when it connects, as the server's address says; a bare one leaves that to its user."""
    return aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=None if is_bare else server.username,
        password=None if is_bare else server.password,
        use_tls=server.is_tls,
        start_tls=False if is_bare else server.starttls,
        timeout=timeout.total_seconds(),
        tls_context=context,
        # The name of this machine would be asked for over the network, and is nobody's business.
        local_hostname=server.domain,
    )


@dataclass(slots=True)
class _Wire:
    """One connection, how many messages it carried, and when the last one."""

    client: aiosmtplib.SMTP
    carried: int = 0
    used_at: float = 0.0

    async def close(self) -> None:
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await self.client.quit()
        self.client.close()


def _refusal(error: aiosmtplib.SMTPException | OSError) -> Answer:
    """What the server said, by its numbers alone: its words may hold the address."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        refused = error.recipients[0]
        return Answer(False, _numbers(refused, "the recipient is refused"), is_final=refused.code in _PERMANENT)
    if isinstance(error, aiosmtplib.SMTPDataError):
        return Answer(False, _numbers(error, "the message is refused"), is_final=error.code in _PERMANENT)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return Answer(False, _numbers(error, type(error).__name__))
    return Answer(False, type(error).__name__)


def _numbers(error: aiosmtplib.SMTPResponseException, what: str) -> str:
    enhanced = _ENHANCED.search(error.message)
    return f"SMTP {error.code}{f' {enhanced[0]}' if enhanced else ''}: {what}"
