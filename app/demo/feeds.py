"""The city's two sources over HTTP, in the wire shapes of CRM's public dashboard and of JAKI."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from heapq import nsmallest
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from app.demo.arrivals import WIB, midnight
from app.demo.city import FOUNDED_ON, City, Live
from app.demo.faults import FaultPlan, Faults
from app.demo.lives import MAX_LIFE
from app.demo.report import Channel, Report, updated_at
from app.demo.wire import crm_detail, crm_item, has_crm_detail, jaki_item

MAX_PAGE = 200
CURSOR_LIFE = timedelta(minutes=10)
MAX_LIST_DAYS = 400

Now = Callable[[], datetime]
Position = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class FeedsSettings:
    """A make-believe city and how it is served.

    `freeze_at` stops its time there. Otherwise a live report comes every `live_every` (None: none), from `live_from`
    on (None: from the start of the service); give the same `live_from` again to find the same reports again.
    `faults` is the share of answers, 0 to 1, that go wrong in one of the ways of real sources.

    Raises: ValueError for a naive time.
    """

    token: str = field(repr=False)
    seed: int = 2026
    per_day: int = 120
    history_days: int = 30
    freeze_at: datetime | None = None
    live_every: timedelta | None = timedelta(seconds=30)
    live_from: datetime | None = None
    faults: float = 0.0

    def __post_init__(self) -> None:
        for name, instant in (("freeze_at", self.freeze_at), ("live_from", self.live_from)):
            if instant is not None and instant.utcoffset() is None:
                raise ValueError(f"{name} has no time zone: {instant.isoformat()}")


def open_feeds(settings: FeedsSettings, *, now: Now) -> ASGIApp:
    """The service that the settings describe; `now` is asked for every request unless the city is frozen."""
    frozen_at = settings.freeze_at
    live = None
    if frozen_at is None and settings.live_every is not None:
        live = Live(since=settings.live_from or now(), every=settings.live_every)
    city = City(seed=settings.seed, per_day=settings.per_day, history_days=settings.history_days, live=live)
    clock = now if frozen_at is None else lambda: frozen_at
    feeds = create_feeds(city, now=clock, token=settings.token)
    return Faults(feeds, FaultPlan(settings.seed, settings.faults), clock) if settings.faults else feeds


def create_feeds(city: City, *, now: Now, token: str) -> Starlette:
    """CRM below `/api/public/dashboard` for everybody, JAKI at `/reports` for those who bring the token."""
    crm, jaki = _Crm(city, now), _Jaki(city, now, token)
    routes = [
        Route("/api/public/dashboard/distribution-map", crm.distribution_map),
        Route("/api/public/dashboard/detail", crm.detail),
        Route("/reports", jaki.reports),
        Route("/healthz", _health),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _refuse})


class _Crm:
    """CRM's public dashboard: lists by day, never a private report, no history."""

    def __init__(self, city: City, now: Now) -> None:
        self._city, self._now = city, now

    async def distribution_map(self, request: Request) -> Response:
        first, last = _day(request, "dateStart"), _day(request, "dateEnd")
        if request.query_params.get("zoneId"):
            raise HTTPException(400, "zoneId: unknown zone")
        if (last - first).days >= MAX_LIST_DAYS:
            raise HTTPException(400, f"dateEnd: more than {MAX_LIST_DAYS} days after dateStart")
        now = self._now()
        reports = self._city.reports(first, last, now=now)
        return _json([crm_item(report, now) for report in reports if not report.is_private])

    async def detail(self, request: Request) -> Response:
        number = request.query_params.get("id", "")
        if not (number.isascii() and number.isdigit()) or len(number) > 12:
            raise HTTPException(400, "id: not a number")
        report = self._city.by_number(int(number), now=self._now())
        if report is None or report.is_private:
            raise HTTPException(404, "complaint not found")
        if not has_crm_detail(report):
            raise HTTPException(403, "complaint cannot be shown")
        return _json(crm_detail(report))


class _Jaki:
    """JAKI's reports, longest unchanged first, so that one that changes meanwhile comes again instead of slipping."""

    def __init__(self, city: City, now: Now, token: str) -> None:
        self._city, self._now, self._token = city, now, token.encode()

    async def reports(self, request: Request) -> Response:
        self._authorise(request)
        now = self._now()
        since, after = _from_where(request, now)
        changed = ((_position(report, now), report) for report in self._changed(since, now))
        wanted = ((position, report) for position, report in changed if after is None or position > after)
        limit = _limit(request)
        page = nsmallest(limit + 1, wanted, key=lambda pair: pair[0])
        cursor = _write_cursor(now, since, page[limit - 1][0]) if len(page) > limit else None
        return _json({"data": [jaki_item(report, now) for _, report in page[:limit]], "next_cursor": cursor})

    def _authorise(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self._token):
            raise HTTPException(401, "bearer token missing or wrong", {"WWW-Authenticate": "Bearer"})

    def _changed(self, since: datetime | None, now: datetime) -> Iterator[Report]:
        """JAKI's reports that changed at or after `since`; without it, those of the last days, today included."""
        today = now.astimezone(WIB).date()
        if since is None:
            since = midnight(today - timedelta(days=self._city.history_days - 1))
            first = since.date()
        else:
            first = _first_day(since, today)
        for report in self._city.reports(first, today, now=now):
            if report.channel is Channel.JAKI and updated_at(report, now) >= since:
                yield report


def _first_day(since: datetime, today: date) -> date:
    """The first day whose reports can have changed at or after `since`, within what JAKI remembers."""
    zones = timedelta(days=1)  # its date elsewhere may be the next one here
    return max(since.date() - MAX_LIFE - zones, today - timedelta(days=MAX_LIST_DAYS))


def _position(report: Report, now: datetime) -> Position:
    return updated_at(report, now), report.code


def _from_where(request: Request, now: datetime) -> tuple[datetime | None, Position | None]:
    """What a request asks for: changes since when, and after which position of an earlier page."""
    cursor = request.query_params.get("cursor")
    if cursor:
        return _read_cursor(cursor, now)
    since = request.query_params.get("updated_since")
    return (_instant(since) if since else None), None


def _write_cursor(now: datetime, since: datetime | None, after: Position) -> str:
    content = [now.timestamp(), since and since.timestamp(), after[0].timestamp(), after[1]]
    return urlsafe_b64encode(orjson.dumps(content)).decode()


def _read_cursor(cursor: str, now: datetime) -> tuple[datetime | None, Position]:
    try:
        issued, since, at, code = orjson.loads(urlsafe_b64decode(cursor))
        is_old = now - _from_timestamp(issued) > CURSOR_LIFE
        read = (None if since is None else _from_timestamp(since)), (_from_timestamp(at), str(code))
    except (ValueError, TypeError, OverflowError) as error:
        raise HTTPException(400, "cursor: not one of ours") from error
    if is_old:
        raise HTTPException(410, "cursor: expired")
    return read


def _from_timestamp(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, WIB)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise HTTPException(400, "updated_since: not an ISO 8601 time") from error
    if instant.utcoffset() is None:
        raise HTTPException(400, "updated_since: no time zone")
    return max(instant, midnight(FOUNDED_ON))


def _day(request: Request, name: str) -> date:
    try:
        return date.fromisoformat(request.query_params.get(name, ""))
    except ValueError as error:
        raise HTTPException(400, f"{name}: not a day as YYYY-MM-DD") from error


def _limit(request: Request) -> int:
    """The wanted page size; more than the greatest is cut to it without a word, as real services do."""
    text = request.query_params.get("limit") or str(MAX_PAGE)
    if not (text.isascii() and text.isdigit()) or not int(text[:9]):
        raise HTTPException(400, "limit: not a number from 1 on")
    return min(int(text[:9]), MAX_PAGE)


async def _health(_: Request) -> Response:
    return _json({"status": "ok"})


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _json({"message": error.detail}, error.status_code, error.headers)


def _json(content: Any, status: int = 200, headers: Any = None) -> Response:
    return Response(orjson.dumps(content), status, headers, "application/json")
