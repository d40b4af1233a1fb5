"""IMAP over TLS, read only: the standard library's client in a thread, on a guarded connection, within limits."""

from __future__ import annotations

import asyncio
import imaplib
import re
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, TypeVar

from connectors.contract import AccessDenied, Client, SourceUnavailable, UnexpectedPayload

T = TypeVar("T")

_COMMAND_S = 120.0
_SLACK = 4 * 1024 * 1024
_UIDS_A_SEARCH = 10_000
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UID = re.compile(rb"\bUID (\d{1,10})\b")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,12})\b")
_DATE = re.compile(rb'\bINTERNALDATE "\s?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"')
_PASSING = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]", "[CONTACTADMIN]")


@dataclass(frozen=True, slots=True)
class Letter:
    """One message as the server holds it; `content` is cut at the limit, `size` is that of the whole."""

    uid: int
    received_at: datetime | None
    size: int
    content: bytes


@dataclass(frozen=True, slots=True)
class MailboxClient:
    """One folder of one account; of each message no more than `max_bytes` are read."""

    host: str
    port: int
    user: str
    password: str
    folder: str
    max_bytes: int

    @asynccontextmanager
    async def session(self, client: Client) -> AsyncIterator[Session]:
        """The folder, opened for reading alone (EXAMINE).

        Raises: SourceUnavailable; AccessDenied for refused credentials; UnexpectedPayload for an absent folder.
        """
        link = await client.dial(self.host, self.port)
        session = Session(self, link)
        try:
            await session.open()
            yield session
        finally:
            await session.close()


class Session:
    """An open folder; every command has a time limit and a limit of bytes."""

    def __init__(self, box: MailboxClient, link: ssl.SSLSocket) -> None:
        self._box = box
        self._link = link
        self._imap: _Imap | None = None
        self.validity = 0
        self.count = 0
        self.next_uid = 0

    async def open(self) -> None:
        """Sign in and open the folder.

        Raises: as `MailboxClient.session`.
        """
        await self._run(self._connect)
        await self._run(self._sign_in)
        await self._run(self._examine)

    async def uids(self, after: int, *, since: date | None = None) -> list[int]:
        """The ids above one, in order; with `since` those received on that day or later."""
        found: list[int] = []
        for low in range(after + 1, self.next_uid, _UIDS_A_SEARCH):
            high = min(low + _UIDS_A_SEARCH, self.next_uid) - 1
            terms = ["UID", f"{low}:{high}"]
            if since is not None:
                terms += ["SINCE", f"{since.day}-{_MONTHS[since.month - 1]}-{since.year}"]
            # A range that ends beyond the last message names that message too.
            found += [uid for uid in await self._search(terms) if low <= uid <= high]
        return sorted(set(found))

    async def with_id(self, message_id: str) -> list[int]:
        """The messages of that Message-ID, oldest first."""
        return await self._search(["HEADER", "Message-ID", f'"{message_id}"'])

    async def answers_to(self, message_id: str) -> list[int]:
        """The messages that say that they answer that one, oldest first."""
        name = f'"{message_id}"'
        return await self._search(["OR", "HEADER", "References", name, "HEADER", "In-Reply-To", name])

    async def letter(self, uid: int) -> Letter | None:
        """A message, left unread as it was; None where it is gone."""
        wanted = f"(UID INTERNALDATE RFC822.SIZE BODY.PEEK[]<0.{self._box.max_bytes}>)"
        return _letter(uid, await self._run(lambda: self._uid("FETCH", str(uid), wanted)))

    async def close(self) -> None:
        """Sign out, if the server still listens, and hang up."""
        if self._imap is not None:
            with suppress(SourceUnavailable, UnexpectedPayload):
                await self._run(self._imap.logout)
        self._link.close()

    async def _search(self, terms: Sequence[str]) -> list[int]:
        found = await self._run(lambda: self._uid("SEARCH", *terms))
        words = b" ".join(part for part in found if isinstance(part, bytes)).split()
        return sorted({int(word) for word in words if word.isdigit() and len(word) <= 10})

    async def _run(self, command: Callable[[], T]) -> T:
        """The result of a blocking command; when its time is up the connection is cut, which ends its thread too."""
        if self._imap is not None:
            self._imap.left = self._box.max_bytes + _SLACK
        try:
            async with asyncio.timeout(_COMMAND_S):
                return await asyncio.to_thread(command)
        except TimeoutError as error:
            self._link.close()
            raise SourceUnavailable(f"{self._box.host} gave no whole answer in time") from error
        except (imaplib.IMAP4.abort, OSError, EOFError) as error:
            raise SourceUnavailable(f"{self._box.host} broke off: {type(error).__name__}") from error
        except imaplib.IMAP4.error as error:
            raise UnexpectedPayload(
                f"{self._box.host} answers in a way that is no IMAP, or refuses a command"
            ) from error

    def _connect(self) -> None:
        self._imap = _Imap(self._link, self._box.max_bytes + _SLACK)

    def _sign_in(self) -> None:
        imap, box = self._open_imap, self._box
        try:
            if "AUTH=PLAIN" in imap.capabilities:
                imap.authenticate("PLAIN", lambda _: f"\0{box.user}\0{box.password}".encode())
            else:
                imap.login(box.user, box.password)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            if any(code in str(error).upper() for code in _PASSING):
                raise SourceUnavailable(f"{box.host} cannot sign anybody in at present") from error
            raise AccessDenied(f"{box.host} refuses our credentials") from error

    def _examine(self) -> None:
        imap, box = self._open_imap, self._box
        quoted = box.folder.replace("\\", "\\\\").replace('"', '\\"')
        kind, answer = imap.select(f'"{quoted}"', readonly=True)
        if kind != "OK":
            raise UnexpectedPayload(f"there is no folder {box.folder} that may be read")
        self.count = _number(answer)
        self.validity = _number(imap.response("UIDVALIDITY")[1])
        self.next_uid = _number(imap.response("UIDNEXT")[1])
        if not self.validity or not self.next_uid:
            raise UnexpectedPayload(f"{box.host} does not say UIDVALIDITY and UIDNEXT, by which messages are followed")

    def _uid(self, command: str, *terms: str) -> list[Any]:
        imap = self._open_imap
        imap.untagged_responses.clear()
        kind, found = imap.uid(command, *terms)
        if kind != "OK":
            raise UnexpectedPayload(f"{self._box.host} refuses {command}")
        return list(found or ())

    @property
    def _open_imap(self) -> _Imap:
        if self._imap is None:
            raise SourceUnavailable(f"{self._box.host} is not connected")
        return self._imap


class _Imap(imaplib.IMAP4):
    """The standard client on a connection that is there already, which stops reading when its allowance is used up."""

    def __init__(self, link: ssl.SSLSocket, allowance: int) -> None:
        self._link = link
        self.left = allowance
        super().__init__()

    def _create_socket(self, timeout: float | None) -> ssl.SSLSocket:
        return self._link

    def read(self, size: int) -> bytes:
        self._spend(size)
        return super().read(size)

    def readline(self) -> bytes:
        line = super().readline()
        self._spend(len(line))
        return line

    def _spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise self.abort("the answer is larger than allowed")


def _letter(uid: int, parts: Sequence[Any]) -> Letter | None:
    """The message in a FETCH answer; other messages that the server mentions meanwhile do not count."""
    for index, part in enumerate(parts):
        if not isinstance(part, tuple) or len(part) != 2:
            continue
        after = parts[index + 1] if index + 1 < len(parts) else b""
        told = part[0] + b" " + (after if isinstance(after, bytes) else b"")
        found = _UID.search(told)
        if found and int(found[1]) == uid:
            size = _SIZE.search(told)
            return Letter(uid, _received(told), int(size[1]) if size else len(part[1]), part[1])
    return None


def _received(told: bytes) -> datetime | None:
    found = _DATE.search(told)
    if found is None:
        return None
    day, month, year, hour, minute, second, sign, hours, minutes = (part.decode() for part in found.groups())
    offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    try:
        month_number = _MONTHS.index(month.capitalize()) + 1
        at = datetime(int(year), month_number, int(day), int(hour), int(minute), int(second), tzinfo=timezone(offset))
    except ValueError:
        return None
    return at.astimezone(UTC)


def _number(answer: Sequence[Any]) -> int:
    last = answer[-1] if answer else None
    return int(last) if isinstance(last, bytes) and last.isdigit() and len(last) <= 10 else 0
