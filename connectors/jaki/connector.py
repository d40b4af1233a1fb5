"""The JAKI connector: pages of what changed since the newest change seen, with a look-back over its edge."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.contract import (
    Batch,
    Client,
    IncomingComplaint,
    Precedence,
    Raw,
    Reject,
    SourceTraits,
    SourceUnavailable,
    Window,
)
from connectors.jaki.client import CursorExpired, JakiClient, Page
from connectors.jaki.mapping import to_complaint
from connectors.options import check_base_url, check_range, check_zone, read_options

_PASSES = 3
_REMEMBERED = 20_000
_REPEATS = 20
"""Pages in a row without a new id: so many may have arrived in front of us; beyond them the listing has no end."""
_CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class JakiOptions:
    """How many minutes before the newest change seen JAKI is read again, and the zone of times without offset.

    Raises: InvalidOption for a value out of range.
    """

    lookback_minutes: int = 10
    timezone: str = "Asia/Jakarta"

    def __post_init__(self) -> None:
        check_range("lookback_minutes", self.lookback_minutes, low=0, high=7 * 24 * 60)
        check_zone(self.timezone)


@dataclass(frozen=True, slots=True)
class Progress:
    """The cursor: since when changes are asked for, the page at which an interrupted pass goes on, and the newest
    change seen, by the server's clock."""

    updated_since: datetime | None = None
    page: str | None = None
    newest: datetime | None = None

    def to_cursor(self) -> str:
        """The cursor as stored."""
        return json.dumps(
            {
                "updated_since": self.updated_since and self.updated_since.isoformat(),
                "page": self.page,
                "newest": self.newest and self.newest.isoformat(),
            },
            separators=(",", ":"),
        )


class _Seen:
    """The last records of a pass: tells a listing that has come to its end, and one that moved under our feet."""

    def __init__(self) -> None:
        self._hashes: OrderedDict[str, str] = OrderedDict()
        self._pages: set[str] = set()
        self._repeats = 0
        self.has_shifted = False

    def wants_more(self, records: Iterable[tuple[str, str]]) -> bool:
        """Whether another page is worth asking for after the one of these (id, hash) pairs: after an empty one none is,
        nor after many that brought no new id. An id seen before with another hash is a shift."""
        count = new = 0
        for key, content_hash in records:
            before = self._hashes.pop(key, None)
            count, new = count + 1, new + (before is None)
            self.has_shifted = self.has_shifted or (before is not None and before != content_hash)
            self._hashes[key] = content_hash
            if len(self._hashes) > _REMEMBERED:
                self._hashes.popitem(last=False)
        self._repeats = 0 if new else self._repeats + 1
        return count > 0 and self._repeats <= _REPEATS

    def leads_on(self, page: str | None) -> bool:
        """Whether the cursor leads to a page not yet asked for in this pass."""
        if page is None or page in self._pages:
            return False
        self._pages.add(page)
        return True


@dataclass(slots=True)
class JakiConnector:
    """Reports of JAKI, one batch a page."""

    client: JakiClient
    options: JakiOptions = field(default_factory=JakiOptions)
    name: str = "jaki"
    carries_ticket_codes: bool = True
    precedence: Precedence = field(default_factory=lambda: Precedence(content=2, handling=1))
    traits: SourceTraits = field(default_factory=SourceTraits)

    async def pull(self, client: Client, cursor: str | None, window: Window) -> AsyncIterator[Batch]:
        """See `Connector.pull`. A pass whose cursor expires starts again; one during which records moved, so that
        others may have slipped between two pages, is read again: three passes at most."""
        zone = ZoneInfo(self.options.timezone)
        progress, passes, seen = read_progress(cursor) or Progress(updated_since=window.since), 1, _Seen()
        while True:
            try:
                page = await self.client.page(client, updated_since=progress.updated_since, cursor=progress.page)
            except CursorExpired as error:
                if passes == _PASSES:
                    raise SourceUnavailable("JAKI let the page cursor expire in every pass") from error
                progress, passes, seen = replace(progress, page=None), passes + 1, _Seen()
                continue
            complaints, rejects = _read(page, zone)
            goes_on = seen.wants_more(_keys(complaints, rejects)) and seen.leads_on(page.next_cursor)
            is_repeated = not goes_on and seen.has_shifted and passes < _PASSES
            is_complete = not goes_on and not is_repeated
            newest = _newest(progress.newest, complaints, window.until)
            progress = replace(progress, page=page.next_cursor if goes_on else None, newest=newest)
            progress = self._finished(progress) if is_complete else progress
            yield Batch(complaints, rejects, progress.to_cursor(), window.until if is_complete else None)
            if is_complete:
                return
            if is_repeated:
                passes, seen = passes + 1, _Seen()

    async def check(self, client: Client) -> str:
        """See `Connector.check`."""
        page = await self.client.page(client, updated_since=None, cursor=None)
        return f"JAKI answers; its first page has {len(page.records)} reports"

    def _finished(self, progress: Progress) -> Progress:
        """What the next pull starts with: a little before the newest change seen."""
        if progress.newest is None:
            return progress
        return replace(progress, updated_since=progress.newest - timedelta(minutes=self.options.lookback_minutes))

    def reread(self, raw: Raw) -> IncomingComplaint | Reject:
        """See `Rereading.reread`."""
        return to_complaint(raw, zone=ZoneInfo(self.options.timezone))


def build(*, url: str, token: str | None, options: Mapping[str, str]) -> JakiConnector:
    """A JAKI connector for a base URL.

    Raises: InvalidOption.
    """
    return JakiConnector(JakiClient(check_base_url(url), token), read_options(JakiOptions, options))


def read_progress(cursor: str | None) -> Progress | None:
    """The progress that a cursor stands for; None for no cursor and for one that cannot be read."""
    try:
        stored = json.loads(cursor or "null")
        since, newest = (_stored_instant(stored[name]) for name in ("updated_since", "newest"))
        page = stored["page"]
    except (KeyError, TypeError, ValueError):
        return None
    return Progress(since, page if isinstance(page, str) else None, newest)


def _stored_instant(text: str | None) -> datetime | None:
    found = None if text is None else datetime.fromisoformat(text)
    if found is not None and found.tzinfo is None:
        raise ValueError("a stored instant has no zone")
    return found


def _read(page: Page, zone: ZoneInfo) -> tuple[tuple[IncomingComplaint, ...], tuple[Reject, ...]]:
    mapped = [to_complaint(record, zone=zone) for record in page.records]
    complaints = tuple(one for one in mapped if isinstance(one, IncomingComplaint))
    return complaints, tuple(one for one in mapped if isinstance(one, Reject))


def _keys(complaints: tuple[IncomingComplaint, ...], rejects: tuple[Reject, ...]) -> Iterable[tuple[str, str]]:
    yield from ((one.external_id, one.content_hash) for one in complaints)
    yield from ((f"reject {one.content_hash}", one.content_hash) for one in rejects)


def _newest(known: datetime | None, complaints: tuple[IncomingComplaint, ...], until: datetime) -> datetime | None:
    """The newest change seen, never after `until`: a clock that runs ahead, or one wild time, must not make us skip
    what changes meanwhile."""
    times = [one.updated_at for one in complaints if one.updated_at and one.updated_at <= until + _CLOCK_SKEW]
    return min(max(times + ([known] if known else [])), until) if times or known else None
