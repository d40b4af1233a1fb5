"""Whether the mail server would take our messages, found out without sending one; for `tanggap doctor`."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from datetime import timedelta

import aiosmtplib

from app.alerts.mail import MailServer, client_of
from app.alerts.notifiers import TIMEOUT

_SETTING = "TANGGAP_SMTP_URL"


class _Refused(Exception):
    """What the mail server would not do, and what to do about it."""


async def check_mail(
    server: MailServer, *, patience: timedelta = TIMEOUT, context: ssl.SSLContext | None = None
) -> str | None:
    """What keeps messages from being handed over, in one line without a secret; None when nothing does."""
    client = client_of(server, timeout=patience, context=context, is_bare=True)
    try:
        async with asyncio.timeout(patience.total_seconds()):
            await _connect(client, server)
            await _secure(client, server)
            await _sign_in(client, server)
            await _name_sender(client, server)
    except _Refused as error:
        return f"the mail server {server.host}:{server.port} {error}"
    except TimeoutError:
        return f"the mail server {server.host}:{server.port} {_silent(patience)}"
    except (aiosmtplib.SMTPException, OSError) as error:
        return f"the mail server {server.host}:{server.port} broke off ({type(error).__name__}): see its log"
    finally:
        await _leave(client)
    return None


async def _connect(client: aiosmtplib.SMTP, server: MailServer) -> None:
    try:
        await client.connect()
    except aiosmtplib.SMTPConnectResponseError as error:
        raise _Refused(
            f"turns us away (SMTP {error.code}): see its log, and whether this machine may use it"
        ) from error
    except aiosmtplib.SMTPConnectTimeoutError as error:
        raise _Refused(_silent(timedelta(seconds=client.timeout or 0))) from error
    except aiosmtplib.SMTPConnectError as error:
        raise _Refused(_unreachable(error.__cause__, server)) from error


async def _secure(client: aiosmtplib.SMTP, server: MailServer) -> None:
    await client.ehlo()
    can = client.supports_extension("starttls")
    if server.starttls and not can:
        raise _Refused(f"offers no STARTTLS at this port: use smtps:// or another port in {_SETTING}")
    if server.starttls is not False and can:
        try:
            await client.starttls()
        except (ssl.SSLError, aiosmtplib.SMTPException) as error:
            raise _Refused(_no_tls(error, server)) from error
        await client.ehlo()


async def _sign_in(client: aiosmtplib.SMTP, server: MailServer) -> None:
    if server.username is None:
        return
    if not client.supports_extension("auth"):
        raise _Refused(
            f"takes no user name at this port: use another port, or leave user and password out of {_SETTING}"
        )
    try:
        await client.login(server.username, server.password or "")
    except aiosmtplib.SMTPAuthenticationError as error:
        raise _Refused(
            f"refuses the user name or password (SMTP {error.code}): mend them in {_SETTING}; signs such as @ : / are "
            "written %40 %3A %2F there"
        ) from error


async def _name_sender(client: aiosmtplib.SMTP, server: MailServer) -> None:
    try:
        await client.mail(server.sender)
    except aiosmtplib.SMTPResponseException as error:
        advice = f"say another one with ?from= behind the host in {_SETTING}, or give a user name"
        raise _Refused(f"takes nothing from {server.sender} (SMTP {error.code}): {advice}") from error
    await client.rset()


async def _leave(client: aiosmtplib.SMTP) -> None:
    if client.is_connected:
        with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            await client.quit(timeout=1)
    client.close()


def _unreachable(cause: BaseException | None, server: MailServer) -> str:
    if isinstance(cause, ssl.SSLError):
        return _no_tls(cause, server)
    if isinstance(cause, socket.gaierror):
        return f"has a name that nobody knows: mend the host in {_SETTING}"
    if isinstance(cause, ConnectionRefusedError):
        return f"refuses connections: mend the port in {_SETTING}, or start it"
    what = type(cause).__name__ if cause is not None else "it hung up"
    return f"cannot be reached ({what}): look at host and port in {_SETTING}, the network and its firewalls"


def _no_tls(error: BaseException, server: MailServer) -> str:
    found: BaseException | None = error
    while found is not None and not isinstance(found, ssl.SSLError):
        found = found.__cause__ or found.__context__
    if isinstance(found, ssl.SSLCertVerificationError):
        return (
            f"has a certificate that does not hold for {server.host} ({found.verify_message}): name it in {_SETTING} "
            "as its certificate does, or have this machine trust who issued it"
        )
    return f"speaks no TLS at this port: use smtp+starttls:// or another port in {_SETTING}"


def _silent(patience: timedelta) -> str:
    return (
        f"did not answer within {patience.total_seconds():g} s: look at host and port in {_SETTING} (465 wants "
        "smtps://, 587 smtp+starttls://) and at firewalls"
    )
