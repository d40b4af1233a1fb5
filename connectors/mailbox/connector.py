"""The mailbox connector: new messages by their ids, each with the conversation that it belongs to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from connectors.contract import (
    Batch,
    Client,
    IncomingComplaint,
    InvalidOption,
    Precedence,
    Raw,
    Reject,
    SourceTraits,
    Window,
)
from connectors.mailbox.client import MailboxClient
from connectors.mailbox.conversation import Conversations
from connectors.mailbox.mapping import Desk, to_complaint
from connectors.options import check_range, check_zone, read_options

PORT = 993
_CHUNK = 20
_KIB = 1024


@dataclass(frozen=True, slots=True)
class MailboxOptions:
    """Whose mailbox is read, how far back at first, and how much of a message.

    Raises: InvalidOption for a value out of range.
    """

    user: str = ""
    folder: str = "INBOX"
    unit: str = ""
    first_days: int = 30
    message_kib: int = 1024
    timezone: str = "Asia/Jakarta"

    def __post_init__(self) -> None:
        if not self.user.strip() or not self.user.isprintable():
            raise InvalidOption("user", "is missing: it says as whom we sign in")
        if not (self.folder and self.folder.isascii() and self.folder.isprintable()):
            raise InvalidOption("folder", "must be written as the server lists it, in ASCII")
        check_range("first_days", self.first_days, low=0, high=3660)
        check_range("message_kib", self.message_kib, low=16, high=65_536)
        check_zone(self.timezone)


@dataclass(frozen=True, slots=True)
class Progress:
    """The cursor: under which numbering (UIDVALIDITY) the last message read has which id, and since when we ask."""

    validity: int
    uid: int
    since: datetime

    def to_cursor(self) -> str:
        """The cursor as stored."""
        stored = {"validity": self.validity, "uid": self.uid, "since": self.since.isoformat()}
        return json.dumps(stored, separators=(",", ":"))


@dataclass(slots=True)
class MailboxConnector:
    """Conversations of a mailbox, which is left as it is. An answer that names a ticket adds to it, but everything that
    another source says of that ticket weighs more."""

    client: MailboxClient
    options: MailboxOptions
    name: str = "mailbox"
    carries_ticket_codes: bool = True
    precedence: Precedence = field(default_factory=lambda: Precedence(content=0, handling=0))
    traits: SourceTraits = field(init=False)

    def __post_init__(self) -> None:
        self.traits = SourceTraits(timezone=self.options.timezone)

    async def pull(self, client: Client, cursor: str | None, window: Window) -> AsyncIterator[Batch]:
        """See `Connector.pull`. Where the server has numbered its messages anew, all since the first day are read
        again; they are known by their Message-ID."""
        async with self.client.session(client) as session:
            progress = plan(read_progress(cursor), window, session.validity, self.options)
            since = progress.since.astimezone(ZoneInfo(self.options.timezone)).date() - timedelta(days=1)
            uids = await session.uids(progress.uid, since=since)
            for start in range(0, max(len(uids), 1), _CHUNK):
                chunk, is_last = uids[start : start + _CHUNK], start + _CHUNK >= len(uids)
                conversations = Conversations(session)
                found = [record for uid in chunk for record in await conversations.of(uid)]
                progress = replace(progress, uid=max([progress.uid, *chunk]))
                yield self._batch(found, progress, window.until if is_last else None)

    async def check(self, client: Client) -> str:
        """See `Connector.check`."""
        async with self.client.session(client) as session:
            return f"the mailbox answers; its folder {self.options.folder} holds {session.count} messages"

    def reread(self, raw: Raw) -> IncomingComplaint | Reject:
        """See `Rereading.reread`."""
        return to_complaint(raw, Desk(ZoneInfo(self.options.timezone), self.options.unit or None))

    def _batch(self, found: list[Raw], progress: Progress, complete_through: datetime | None) -> Batch:
        mapped = list(map(self.reread, found))
        complaints = {one.external_id: one for one in mapped if isinstance(one, IncomingComplaint)}
        rejects = tuple(one for one in mapped if isinstance(one, Reject))
        return Batch(tuple(complaints.values()), rejects, progress.to_cursor(), complete_through)


def build(*, url: str, token: str | None, options: Mapping[str, str]) -> MailboxConnector:
    """A mailbox connector for `imaps://host[:port]`; the token is the password.

    Raises: InvalidOption.
    """
    host, port = _address(url)
    given = read_options(MailboxOptions, {"user": "", **options})
    if not token:
        raise InvalidOption("token", "is missing: it is the password of the mailbox")
    box = MailboxClient(host, port, given.user, token, given.folder, given.message_kib * _KIB)
    return MailboxConnector(box, given)


def read_progress(cursor: str | None) -> Progress | None:
    """The progress that a cursor stands for; None for no cursor and for one that cannot be read."""
    try:
        stored = json.loads(cursor or "null")
        since = datetime.fromisoformat(stored["since"])
        progress = Progress(int(stored["validity"]), int(stored["uid"]), since)
    except (KeyError, TypeError, ValueError):
        return None
    return progress if since.tzinfo else None


def plan(progress: Progress | None, window: Window, validity: int, options: MailboxOptions) -> Progress:
    """Where a pull goes on: after the last id read, or from the start where ids or the first day asked for changed."""
    if progress is None:
        since = window.since or window.until - timedelta(days=options.first_days)
        return Progress(validity, 0, min(since, window.until))
    since = min(window.since or progress.since, progress.since)
    is_same = progress.validity == validity and since == progress.since
    return Progress(validity, progress.uid if is_same else 0, since)


def _address(url: str) -> tuple[str, int]:
    try:
        parsed = urlsplit(url.strip())
        host, port = parsed.hostname, parsed.port or PORT
    except ValueError as error:
        raise InvalidOption("url", "is not an address like imaps://mail.example.go.id") from error
    if parsed.scheme != "imaps" or not host or parsed.username or parsed.path.strip("/") or parsed.query:
        raise InvalidOption("url", "must be imaps:// and a host, maybe with a port, and nothing else")
    return host, port
