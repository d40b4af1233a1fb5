"""A real SMTP receiver on loopback that keeps what it is sent and refuses as a test says."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class MailSink:
    """Where it is, what came, over how many connections; `refusals` of RCPT by address, of DATA for the next ones."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    connections: int = 0
    refusals: dict[str, str] = field(default_factory=dict)
    data_answers: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    was_tls: list[bool] = field(default_factory=list)
    is_silent: bool = False
    sender_answer: str = ""
    """What MAIL is refused with; empty takes every sender."""
    drops_after: int = 0
    """Messages after which a connection is cut off without a word; 0 never."""

    async def handle_MAIL(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.sender_answer:
            return self.sender_answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Session, envelope: Envelope, address: str, _: list[str]) -> str:
        if self.is_silent:
            await asyncio.Event().wait()
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        if self.data_answers:
            return self.data_answers.pop(0)
        message = email.message_from_bytes(envelope.original_content or b"", policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.recipients += envelope.rcpt_tos
        self.was_tls.append(server.transport.get_extra_info("sslcontext") is not None)
        if self.drops_after and len(self.messages) % self.drops_after == 0:
            asyncio.get_running_loop().call_later(0.02, server.transport.abort)
        return "250 kept"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"kata sandi", handled=False)


@contextlib.asynccontextmanager
async def receiving_mail(
    *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None
) -> AsyncIterator[MailSink]:
    """A sink that runs until the block ends; `tls` from the first byte, `starttls` when asked."""
    sink = MailSink()
    loop = asyncio.get_running_loop()
    open_ones: list[SMTP] = []

    def meet() -> SMTP:
        sink.connections += 1
        server = SMTP(
            sink, hostname="sink", tls_context=starttls, authenticator=sink.authenticate, loop=loop,
            auth_require_tls=starttls is not None, enable_SMTPUTF8=False,
        )  # fmt: skip
        open_ones.append(server)
        return server

    listener = await loop.create_server(meet, "127.0.0.1", 0, ssl=tls)
    sink.port = listener.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        listener.close()
        tasks = []
        for each in open_ones:
            if each.transport is not None:
                each.transport.abort()
            if (task := each._handler_coroutine) is not None:
                task.cancel()
                tasks.append(task)
        await asyncio.gather(*tasks, return_exceptions=True)
