"""The Open311 connector: spans of request time with a look-back, because the standard has no filter for changes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from connectors.contract import (
    Batch,
    Client,
    IncomingComplaint,
    Precedence,
    Raw,
    Reject,
    SourceTraits,
    Window,
)
from connectors.open311.client import MINUTE, Open311Client, Span
from connectors.open311.mapping import STATUS_WORDS, to_complaint
from connectors.open311.options import Open311Options
from connectors.open311.spans import SpanReader, unanswered_minute
from connectors.options import check_base_url, read_options

_CHECK_START = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Progress:
    """The cursor: the first instant ever asked for, the one through which the last full pass went, the one at which an
    interrupted pass goes on, and the minutes that the source cannot answer for."""

    first: datetime
    through: datetime | None = None
    next: datetime | None = None
    bad: tuple[datetime, ...] = ()

    def to_cursor(self) -> str:
        """The cursor as stored."""
        instants = {"first": self.first, "through": self.through, "next": self.next}
        stored: dict[str, object] = {name: at.isoformat() for name, at in instants.items() if at}
        return json.dumps({**stored, "bad": [at.isoformat() for at in self.bad]}, separators=(",", ":"))


@dataclass(slots=True)
class Open311Connector:
    """Requests of a GeoReport server, one batch a page, oldest span first. Its ids are no ticket codes of our city."""

    client: Open311Client
    options: Open311Options = field(default_factory=Open311Options)
    name: str = "open311"
    carries_ticket_codes: bool = False
    precedence: Precedence = field(default_factory=Precedence)
    traits: SourceTraits = field(init=False)

    def __post_init__(self) -> None:
        self.traits = SourceTraits(
            unit_root=self.options.unit_root,
            policy_families=("source",) if self.options.unit_root else None,
            status_words=STATUS_WORDS,
            timezone=self.options.timezone,
            is_windowed=True,
        )

    async def pull(self, client: Client, cursor: str | None, window: Window) -> AsyncIterator[Batch]:
        """See `Connector.pull`. Every pass reads the look-back again: only so is a change of an older request seen.

        A span that the source cannot answer for is cut until the minute is found that makes it fail; that minute is a
        reject, and the rest is read.
        """
        start, progress = plan(read_progress(cursor), window, self.options)
        passed_bad = {at for at in progress.bad if at < start}
        reader = SpanReader(self.client, client, window.until)
        spans = cut(start, window.until, timedelta(days=self.options.window_days), progress.bad)
        for index, span in enumerate(spans):
            held: Batch | None = None
            async for page in reader.pages(span):
                if held is not None:
                    yield held
                progress = replace(progress, next=span.start, bad=tuple(sorted(passed_bad | reader.bad)))
                held = self._batch(page, progress)
            is_last = index == len(spans) - 1
            following = replace(progress, next=None, through=window.until) if is_last else None
            progress = following or replace(progress, next=span.end)
            last = held or self._batch([], progress)
            yield replace(last, cursor=progress.to_cursor(), complete_through=window.until if is_last else None)

    async def check(self, client: Client) -> str:
        """See `Connector.check`."""
        span = Span(_CHECK_START, _CHECK_START + timedelta(days=1))
        items = await self.client.requests(client, span, 0) or []
        names = await self.client.service_names(client)
        return f"the server answers; it lists {len(names)} services and {len(items)} requests of {span.start:%Y-%m-%d}"

    def reread(self, raw: Raw) -> IncomingComplaint | Reject:
        """See `Rereading.reread`."""
        return unanswered_minute(raw) or to_complaint(raw, self.options)

    def _batch(self, items: Iterable[object], progress: Progress) -> Batch:
        mapped = [item if isinstance(item, Reject) else to_complaint(item, self.options) for item in items]
        complaints = tuple(one for one in mapped if isinstance(one, IncomingComplaint))
        rejects = tuple(one for one in mapped if isinstance(one, Reject))
        return Batch(complaints, rejects, progress.to_cursor())


def build(*, url: str, token: str | None, options: Mapping[str, str]) -> Open311Connector:
    """An Open311 connector for the base URL of a server's `requests`; the token is its API key.

    Raises: InvalidOption.
    """
    given = read_options(Open311Options, options)
    return Open311Connector(Open311Client(check_base_url(url), token, given), given)


def read_progress(cursor: str | None) -> Progress | None:
    """The progress that a cursor stands for; None for no cursor and for one that cannot be read."""
    try:
        stored = json.loads(cursor or "null")
        bad = tuple(map(_aware, stored.pop("bad", [])))
        return Progress(**{name: _aware(text) for name, text in stored.items()}, bad=bad)
    except (AttributeError, TypeError, ValueError):
        return None


def plan(progress: Progress | None, window: Window, options: Open311Options) -> tuple[datetime, Progress]:
    """The instant at which a pull starts, and the progress it starts with.

    >>> until = datetime.fromisoformat("2026-11-24T08:00:00+07:00")
    >>> plan(None, Window(until=until), Open311Options())[0].isoformat()
    '2026-10-25T08:00:00+07:00'
    """
    since, until = window.since, window.until
    if progress is None:
        start = min(since or until - timedelta(days=options.first_days), until)
        return start, Progress(first=start)
    if since is not None and since < progress.first:
        return since, replace(progress, first=since, next=since)
    start = progress.next or max(progress.first, until - timedelta(days=options.lookback_days))
    if progress.next is None and progress.through is not None:
        start = min(start, progress.through)
    return min(start, until), progress


def cut(start: datetime, until: datetime, length: timedelta, bad: Iterable[datetime]) -> list[Span]:
    """The spans from `start` to `until`, none longer than `length`; each known bad minute stands alone."""
    edges = {start, until}
    edges.update(edge for at in bad for edge in (at, at + MINUTE) if start < edge < until)
    at = start + length
    while at < until:
        edges.add(at)
        at += length
    ordered = sorted(edges)
    return [Span(one, two) for one, two in pairwise(ordered)] or [Span(start, until)]


def _aware(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a stored instant has no zone")
    return found
