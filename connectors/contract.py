"""The contract between intake and every connector: values, protocol and errors; standard library only."""

from __future__ import annotations

import hashlib
import json
import ssl
import unicodedata
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

Raw = Mapping[str, Any]
"""A record as received; the only untyped value that crosses this contract."""

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


class TimePrecision(StrEnum):
    """How exactly a source states its times."""

    SECOND = "second"
    MINUTE = "minute"
    DAY = "day"


class EventKind(StrEnum):
    """What a dated entry of a source's own history says."""

    STATUS = "status"
    REPLY = "reply"


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """One dated entry of a source's history; `label` is the source's status word or the public reply, verbatim."""

    at: datetime
    kind: EventKind
    label: str
    unit_label: str | None = None

    def __post_init__(self) -> None:
        require_aware("event.at", self.at)


@dataclass(frozen=True, slots=True)
class Complainant:
    """An identity that a source gives; it goes only to the encrypted identity table."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    national_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingComplaint:
    """One record of a source in our words; times are aware, any zone.

    `source_status`, `category` and `unit_label` are the source's words, verbatim. `due_at` is the due time that the
    source itself states; `raw` is the record as received, `content_hash` the hash of that raw record. The words of one
    that `is_private` (as its source marks it) or `is_confidential` (whistleblowing) are for those who handle it alone;
    one that `is_anonymous` only hides its complainant. `notices` say what was left out or put right.

    Raises: ValueError for an empty `external_id` or a naive time.
    """

    external_id: str
    source_status: str | None
    channel: str
    category: str | None
    text: str
    reported_at: datetime
    raw: Raw
    content_hash: str
    ticket_code: str | None = None
    classification: str | None = None
    unit_label: str | None = None
    village: str | None = None
    lat: float | None = None
    lng: float | None = None
    address: str | None = None
    subject: str | None = None
    is_private: bool = False
    is_anonymous: bool = False
    is_confidential: bool = False
    updated_at: datetime | None = None
    due_at: datetime | None = None
    events: tuple[SourceEvent, ...] = ()
    time_precision: TimePrecision = TimePrecision.SECOND
    evidence_urls: tuple[str, ...] = ()
    quoted_codes: tuple[str, ...] = ()
    complainant: Complainant | None = None
    notices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.external_id:
            raise ValueError("external_id is empty")
        require_aware("reported_at", self.reported_at)
        for name, value in (("updated_at", self.updated_at), ("due_at", self.due_at)):
            if value is not None:
                require_aware(name, value)


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot become a complaint, kept aside whole with the reason in plain words."""

    raw: Raw
    reason: str
    external_id: str | None = None

    @property
    def content_hash(self) -> str:
        """The hash of the raw record; the same bad record seen again has the same one."""
        return hash_raw(self.raw)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one page or window brought, and the cursor to save in the same transaction.

    `complete_through` is the instant up to which nothing can be missing once this batch is stored; None where the
    batch cannot say so.
    """

    complaints: tuple[IncomingComplaint, ...]
    rejects: tuple[Reject, ...]
    cursor: str | None
    complete_through: datetime | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """What a pull is asked for: from `since` (None: the connector's default) up to `until`, the instant of the pull."""

    until: datetime
    since: datetime | None = None

    def __post_init__(self) -> None:
        require_aware("window.until", self.until)
        if self.since is not None:
            require_aware("window.since", self.since)


@dataclass(frozen=True, slots=True)
class Precedence:
    """Whose word wins where two sources bring one ticket: the higher number, for each group of fields.

    `content` is text, place and photos; `handling` is unit, category and, between equal instants, the status.
    """

    content: int = 1
    handling: int = 1


@dataclass(frozen=True, slots=True)
class SourceTraits:
    """What intake must know of a source beyond its records.

    `unit_root` (code, name) is set where unknown unit labels become units below a root of the source's own;
    `policy_families` limits which families of policies apply (None: all); `status_words` adds the source's own words
    (word as `fold_word` gives it -> canonical status). `is_windowed`: `pull` without a cursor reads just what was
    reported within its window, so that past days can be read by themselves; else it reads what changed since.
    """

    unit_root: tuple[str, str] | None = None
    policy_families: tuple[str, ...] | None = None
    status_words: Mapping[str, str] = field(default_factory=dict)
    timezone: str = "Asia/Jakarta"
    is_windowed: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of a source: status below 400, body whole and within the size limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client(Protocol):
    """The guarded client that a connector is given; it limits rate, time, size and reachable hosts."""

    async def get(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """The whole answer of an HTTP GET.

        Raises: SourceUnavailable, RateLimited, AccessDenied; `NotFound` for 404 and 410; `UnexpectedPayload` for the
        other refusals (400, 405, 422 ...) and for a body over the size limit.
        """
        ...

    async def dial(self, host: str, port: int) -> ssl.SSLSocket:
        """A blocking TLS connection with a time limit, for a source that speaks no HTTP; the caller closes it.

        Raises: SourceUnavailable, AccessDenied.
        """
        ...


class Connector(Protocol):
    """A kind of outside system, bound to its validated options.

    A connector never reads the clock, the database or the environment.
    """

    name: str
    carries_ticket_codes: bool
    precedence: Precedence
    traits: SourceTraits

    def pull(self, client: Client, cursor: str | None, window: Window) -> AsyncIterator[Batch]:
        """Batches, oldest first where the source allows.

        Raises: SourceUnavailable, RateLimited, AccessDenied, UnexpectedPayload.
        """
        ...

    async def check(self, client: Client) -> str:
        """One sentence that says what was reached; raises as `pull` does when the source cannot be read."""
        ...


@runtime_checkable
class Detailing(Protocol):
    """A connector whose list leaves out what a second call gives; intake asks only for new and changed records."""

    async def detail(self, client: Client, complaint: IncomingComplaint) -> IncomingComplaint:
        """The complaint completed by its detail call; unchanged where the source has no detail for it."""
        ...


@runtime_checkable
class Rereading(Protocol):
    """A connector that reads one raw record by itself: a reject after its mapping was mended, a stored record, a
    record that was pushed."""

    def reread(self, raw: Raw) -> IncomingComplaint | Reject:
        """What `pull` makes of the same record."""
        ...


class InvalidOption(Exception):
    """An option of a connector that is unknown, missing or has a bad value; `name` is the option."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


class ConnectorError(Exception):
    """A source could not be pulled; the subclass says what the caller must do, `status` what HTTP said, if it did."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class SourceUnavailable(ConnectorError):
    """No answer, a server error, or a body that cannot be read: try again, then again next time."""


class RateLimited(ConnectorError):
    """The source asks to wait; `retry_after` is how long, None where it does not say."""

    def __init__(self, message: str, retry_after: timedelta | None = None, *, status: int | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after


class AccessDenied(ConnectorError):
    """The source refuses our credentials: stop this source and tell an operator."""


class UnexpectedPayload(ConnectorError):
    """A readable answer that is not in the shape we know, or a request that the source refuses as malformed: stop
    and show the difference."""


class NotFound(ConnectorError):
    """The source has no such page or record (404), or no longer (410: `is_gone`)."""

    def __init__(self, message: str, *, is_gone: bool = False) -> None:
        super().__init__(message, status=410 if is_gone else 404)
        self.is_gone = is_gone


def require_aware(name: str, value: datetime) -> None:
    """Nothing for an aware instant.

    Raises: ValueError for a naive one.
    """
    if value.tzinfo is None or value.utcoffset() is None:
        raise ValueError(f"{name} has no time zone: {value.isoformat()}")


def fold_word(word: str) -> str:
    """The form in which words of a source are compared: case and white space do not count.

    >>> fold_word("  Menunggu   VALIDASI ")
    'menunggu validasi'
    """
    return " ".join(unicodedata.normalize("NFKC", word).casefold().split())


def hash_raw(raw: Raw) -> str:
    """SHA-256 of the raw record in canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(_CANONICAL.encode(raw).encode("utf-8", "surrogatepass")).hexdigest()
