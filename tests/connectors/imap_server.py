"""A small real IMAP server over TLS on loopback: enough of RFC 3501 for a client that only reads, and its faults."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import email
import ipaddress
import re
import ssl
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


@dataclass
class Stored:
    """One message in the folder."""

    uid: int
    received_at: datetime
    content: bytes

    @property
    def date(self) -> str:
        at = self.received_at
        return f"{at.day:2}-{MONTHS[at.month - 1]}-{at.year} {at:%H:%M:%S} {at:%z}"

    def header(self, name: str) -> str:
        return str(email.message_from_bytes(self.content).get(name) or "")


@dataclass
class Mailbox:
    """What the server holds, whom it lets in, how it misbehaves, and every command that it was given."""

    messages: list[Stored] = field(default_factory=list)
    password: str = "kata sandi"
    validity: int = 7
    refusal: str = ""
    cut_in: str = ""
    drop_at: str = ""
    huge: bool = False
    stalls: bool = False
    has_plain: bool = True
    commands: list[str] = field(default_factory=list)
    flags: set[int] = field(default_factory=set)

    def add(self, content: bytes | str, received_at: datetime, uid: int | None = None) -> int:
        number = uid or max([one.uid for one in self.messages], default=0) + 1
        raw = content if isinstance(content, bytes) else content.encode()
        self.messages.append(Stored(number, received_at, raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")))
        return number

    def delete(self, uid: int) -> None:
        self.messages = [one for one in self.messages if one.uid != uid]

    @property
    def next_uid(self) -> int:
        return max([one.uid for one in self.messages], default=0) + 1


@dataclass
class Place:
    """Where a server is, and the authority that its certificate is signed by."""

    port: int
    trusted: ssl.SSLContext

    @property
    def url(self) -> str:
        return f"imaps://127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def serving_imap(mailbox: Mailbox) -> AsyncIterator[Place]:
    """A running server for one mailbox."""
    certificate = _certificate()
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(certificate)
        file.flush()
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.load_cert_chain(file.name)
        trusted = ssl.create_default_context(cafile=file.name)
    open_tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_tasks.add(task)
        try:
            await _Talk(reader, writer, mailbox).go()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            open_tasks.discard(task)
            writer.transport.abort()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=own)
    try:
        yield Place(listener.sockets[0].getsockname()[1], trusted)
    finally:
        listener.close()
        for task in list(open_tasks):
            task.cancel()
        await asyncio.gather(*open_tasks, return_exceptions=True)
        await listener.wait_closed()


class Hangup(ConnectionError):
    """The server breaks off in the middle."""


class _Talk:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mailbox: Mailbox) -> None:
        self.reader, self.writer, self.mailbox = reader, writer, mailbox

    async def go(self) -> None:
        await self.say("* OK ready")
        while line := (await self.reader.readline()).decode():
            tag, _, rest = line.strip().partition(" ")
            words = [quoted.replace('\\"', '"') or bare for quoted, bare in WORD.findall(rest)]
            name = words[0].upper() + (f" {words[1].upper()}" if words[0].upper() == "UID" else "")
            self.mailbox.commands.append(name if name in ("LOGIN", "AUTHENTICATE") else rest.strip())
            if self.mailbox.stalls:
                await asyncio.Event().wait()
            if name == self.mailbox.drop_at:
                raise Hangup
            if await self.answer(tag, name, words):
                return

    async def answer(self, tag: str, name: str, words: list[str]) -> bool:
        match name:
            case "CAPABILITY":
                await self.say(f"* CAPABILITY IMAP4rev1{' AUTH=PLAIN' if self.mailbox.has_plain else ''}")
            case "AUTHENTICATE":
                await self.say("+ ")
                given = base64.b64decode(await self.reader.readline()).decode()
                return await self.sign_in(tag, given.split("\0")[1:])
            case "LOGIN":
                return await self.sign_in(tag, words[1:3])
            case "EXAMINE":
                return await self.examine(tag, words[1])
            case "UID SEARCH":
                found = [one.uid for one in self.mailbox.messages if _fits(one, words[2:], self.mailbox.messages)]
                await self.say("* SEARCH " + " ".join(map(str, found)))
            case "UID FETCH":
                await self.fetch(int(words[2]), rest=" ".join(words[3:]))
            case "LOGOUT":
                await self.say("* BYE")
            case _:
                await self.say(f"{tag} BAD unknown")
                return False
        await self.say(f"{tag} OK done")
        return name == "LOGOUT"

    async def sign_in(self, tag: str, given: list[str]) -> bool:
        if self.mailbox.refusal or given != ["pengaduan@kota.example", self.mailbox.password]:
            await self.say(f"{tag} NO {self.mailbox.refusal or '[AUTHENTICATIONFAILED] wrong'}")
        else:
            await self.say(f"{tag} OK welcome")
        return False

    async def examine(self, tag: str, folder: str) -> bool:
        if folder != "INBOX":
            await self.say(f"{tag} NO no such folder")
            return False
        await self.say(f"* {len(self.mailbox.messages)} EXISTS")
        await self.say(f"* OK [UIDVALIDITY {self.mailbox.validity}] ok")
        await self.say(f"* OK [UIDNEXT {self.mailbox.next_uid}] ok")
        await self.say(f"{tag} OK [READ-ONLY] done")
        return False

    async def fetch(self, uid: int, *, rest: str) -> None:
        limit = re.search(r"BODY\.PEEK\[\]<0\.(\d+)>", rest)
        for number, one in enumerate(self.mailbox.messages, start=1):
            if one.uid != uid:
                continue
            if limit is None:
                self.mailbox.flags.add(uid)
            content = one.content[: int(limit[1])] if limit else one.content
            size = 10**11 if self.mailbox.huge else len(content)
            # Another client reads meanwhile: its news stands between.
            await self.say(f"* {number + 1} FETCH (FLAGS (\\Seen) UID {uid + 1})")
            head = f'* {number} FETCH (UID {uid} INTERNALDATE "{one.date}" RFC822.SIZE {len(one.content)} BODY[]<0>'
            self.writer.write(f"{head} {{{size}}}\r\n".encode())
            if self.mailbox.cut_in == "UID FETCH":
                self.writer.write(content[: len(content) // 2])
                await self.writer.drain()
                raise Hangup
            self.writer.write(content + b")\r\n")
            await self.writer.drain()

    async def say(self, line: str) -> None:
        self.writer.write(f"{line}\r\n".encode())
        await self.writer.drain()


def _fits(one: Stored, terms: list[str], every: list[Stored]) -> bool:
    """Whether a message fits the search: UID range, SINCE, HEADER, OR; all terms together."""
    terms, fits = list(terms), True
    while terms:
        fits = _take(one, terms, every) and fits
    return fits


def _take(one: Stored, terms: list[str], every: list[Stored]) -> bool:
    key = terms.pop(0).upper()
    if key == "OR":
        first, second = _take(one, terms, every), _take(one, terms, every)
        return first or second
    if key == "HEADER":
        name, value = terms.pop(0), terms.pop(0)
        return value.lower() in one.header(name).lower()
    if key == "SINCE":
        day, month, year = terms.pop(0).split("-")
        return one.received_at.date() >= dt.date(int(year), MONTHS.index(month) + 1, int(day))
    assert key == "UID", key
    low, _, high = terms.pop(0).partition(":")
    newest = max(other.uid for other in every)
    # As RFC 3501 has it: a range that lies beyond the last message is that message.
    bounds = sorted((min(int(low), newest), min(int(high or low), newest)))
    return bounds[0] <= one.uid <= bounds[1]


def _certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return signed.public_bytes(serialization.Encoding.PEM) + private
