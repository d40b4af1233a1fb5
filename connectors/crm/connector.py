"""The CRM connector: day windows with a look-back, because CRM knows neither paging nor times of change."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
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
from connectors.crm.client import CrmClient
from connectors.crm.mapping import to_complaint, with_detail
from connectors.options import check_base_url, check_range, check_zone, read_options

_ONE_DAY = timedelta(days=1)
_BAD_DAYS, _BAD_DAYS_IN_A_ROW = 8, 3
_CHECK_DAY = date(2025, 1, 1)


@dataclass(frozen=True, slots=True)
class CrmOptions:
    """How far back CRM is read, in days, and the zone of its days and of times without offset.

    Raises: InvalidOption for a value out of range.
    """

    first_days: int = 30
    lookback_days: int = 45
    timezone: str = "Asia/Jakarta"

    def __post_init__(self) -> None:
        check_range("first_days", self.first_days, low=0, high=3660)
        check_range("lookback_days", self.lookback_days, low=0, high=3660)
        check_zone(self.timezone)


@dataclass(frozen=True, slots=True)
class Progress:
    """The cursor: the first day ever asked for, the day through which the last full pass went, and the day at which
    an interrupted pass goes on."""

    first: date
    through: date | None = None
    next: date | None = None

    def to_cursor(self) -> str:
        """The cursor as stored."""
        days = {"first": self.first, "through": self.through, "next": self.next}
        return json.dumps({name: day.isoformat() for name, day in days.items() if day}, separators=(",", ":"))


@dataclass(slots=True)
class CrmConnector:
    """Complaints of CRM, one batch a day, oldest day first.

    Statuses carry no time and the list has no filter for changes: open complaints are seen again by the look-back,
    which never reaches before the first day ever asked for.
    """

    client: CrmClient
    options: CrmOptions = field(default_factory=CrmOptions)
    name: str = "crm"
    carries_ticket_codes: bool = True
    precedence: Precedence = field(default_factory=lambda: Precedence(content=1, handling=2))
    traits: SourceTraits = field(default_factory=lambda: SourceTraits(is_windowed=True))

    async def pull(self, client: Client, cursor: str | None, window: Window) -> AsyncIterator[Batch]:
        """See `Connector.pull`. Days that CRM cannot answer for do not hold up the others; the pull still fails at its
        end and the next one goes on at the first of them. Three in a row, or more than a few, are an outage."""
        zone = ZoneInfo(self.options.timezone)
        today = window.until.astimezone(zone).date()
        day, progress = plan(read_progress(cursor), _day_of(window.since, zone), today, self.options)
        failures, in_a_row = list[SourceUnavailable](), 0
        while day <= today:
            try:
                complaints, rejects = _read(await self.client.list_day(client, day), zone)
            except SourceUnavailable as error:
                progress = progress if failures else replace(progress, next=day)
                failures, in_a_row = [*failures, error], in_a_row + 1
                if in_a_row == _BAD_DAYS_IN_A_ROW or len(failures) > _BAD_DAYS:
                    raise
            else:
                in_a_row, is_last = 0, day == today and not failures
                progress = _after(progress, day, is_last=is_last, is_held=bool(failures))
                yield Batch(complaints, rejects, progress.to_cursor(), window.until if is_last else None)
            day += _ONE_DAY
        if failures:
            raise failures[0]

    async def check(self, client: Client) -> str:
        """See `Connector.check`."""
        items = await self.client.list_day(client, _CHECK_DAY)
        return f"CRM answers; it lists {len(items)} complaints of {_CHECK_DAY.isoformat()}"

    async def detail(self, client: Client, complaint: IncomingComplaint) -> IncomingComplaint:
        """See `Detailing.detail`: village and evidence."""
        return with_detail(complaint, await self.client.detail(client, complaint.external_id))

    def reread(self, raw: Raw) -> IncomingComplaint | Reject:
        """See `Rereading.reread`."""
        return to_complaint(raw, zone=ZoneInfo(self.options.timezone))


def build(*, url: str, token: str | None, options: Mapping[str, str]) -> CrmConnector:
    """A CRM connector for a base URL.

    Raises: InvalidOption.
    """
    return CrmConnector(CrmClient(check_base_url(url), token), read_options(CrmOptions, options))


def read_progress(cursor: str | None) -> Progress | None:
    """The progress that a cursor stands for; None for no cursor and for one that cannot be read."""
    try:
        stored = json.loads(cursor or "null")
        return Progress(**{name: date.fromisoformat(day) for name, day in stored.items()})
    except (AttributeError, TypeError, ValueError):
        return None


def plan(progress: Progress | None, since: date | None, today: date, options: CrmOptions) -> tuple[date, Progress]:
    """The day at which a pull starts, and the progress it starts with.

    >>> plan(None, None, date(2026, 11, 24), CrmOptions())[0].isoformat()
    '2026-10-25'
    """
    if progress is None:
        start = min(since or today - timedelta(days=options.first_days), today)
        return start, Progress(first=start)
    if since is not None and since < progress.first:
        return since, replace(progress, first=since, next=since)
    start = progress.next or max(progress.first, today - timedelta(days=options.lookback_days))
    if progress.next is None and progress.through is not None:
        start = min(start, progress.through)
    return min(start, today), progress


def _after(progress: Progress, day: date, *, is_last: bool, is_held: bool) -> Progress:
    if is_held:
        return progress
    return replace(progress, through=day, next=None) if is_last else replace(progress, next=day + _ONE_DAY)


def _read(items: list[object], zone: ZoneInfo) -> tuple[tuple[IncomingComplaint, ...], tuple[Reject, ...]]:
    mapped = [to_complaint(item, zone=zone) for item in items]
    complaints = tuple(one for one in mapped if isinstance(one, IncomingComplaint))
    return complaints, tuple(one for one in mapped if isinstance(one, Reject))


def _day_of(instant: datetime | None, zone: ZoneInfo) -> date | None:
    return None if instant is None else instant.astimezone(zone).date()
