"""One request to a source with rate limit, retries, time and size limits; every failure becomes one of our errors."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import parsedate_to_datetime

import httpx
import stamina
from aiolimiter import AsyncLimiter

from connectors import reading
from connectors.contract import AccessDenied, NotFound, RateLimited, Response, SourceUnavailable, UnexpectedPayload

MIB = 1024 * 1024

Dial = Callable[[str, int], Awaitable[ssl.SSLSocket]]
"""Opens a guarded TLS connection; it raises as httpx does (`app.outbound.dial`)."""

Now = Callable[[], datetime] | None


class Fetcher:
    """The `Client` of one source, over an HTTP client that is passed in (`app.outbound.outbound_client`).

    Requests are spaced evenly at `rate` a second. What may pass by itself (no answer, 5xx, a short Retry-After) is
    tried `attempts` times with exponential backoff and full jitter; a wait longer than `patience` is left to the
    caller as RateLimited. `timeout` covers one whole request, so a source that drips bytes cannot hold a run. Without
    `dial` it is a client for HTTP alone; `now` dates answers that do not say when they were given.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        rate: float = 5.0,
        attempts: int = 3,
        backoff: timedelta = timedelta(milliseconds=500),
        patience: timedelta = timedelta(seconds=15),
        timeout: timedelta = timedelta(seconds=60),
        max_bytes: int = 64 * MIB,
        dial: Dial | None = None,
        now: Now = None,
    ) -> None:
        self._http = http
        self._dial = dial
        self._now = now
        self._limiter = AsyncLimiter(1, 1 / rate)
        self._attempts = attempts
        self._backoff = backoff
        self._patience = patience
        self._timeout_s = timeout.total_seconds()
        self._max_bytes = max_bytes

    async def get(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """The whole answer of a GET.

        Raises: as `connectors.contract.Client` says.
        """
        waits = _Waits(self._backoff, self._patience)
        async for attempt in stamina.retry_context(on=waits, attempts=self._attempts, timeout=None):
            with attempt:
                await self._limiter.acquire()
                return await self._once(url, params, headers)
        raise SourceUnavailable("the source was not asked: no attempt is allowed")

    async def dial(self, host: str, port: int) -> ssl.SSLSocket:
        """A guarded TLS connection; what may pass by itself is tried again as for `get`.

        Raises: as `connectors.contract.Client` says.
        """
        waits = _Waits(self._backoff, self._patience)
        async for attempt in stamina.retry_context(on=waits, attempts=self._attempts, timeout=None):
            with attempt:
                await self._limiter.acquire()
                return await self._dial_once(host, port)
        raise SourceUnavailable("the source was not asked: no attempt is allowed")

    async def _dial_once(self, host: str, port: int) -> ssl.SSLSocket:
        if self._dial is None:
            raise AccessDenied(f"{host}:{port} may not be called: this client speaks HTTP alone")
        try:
            return await self._dial(host, port)
        except httpx.TransportError as error:
            raise SourceUnavailable(f"{host}:{port} could not be reached: {error}") from error
        except httpx.RequestError as error:
            raise AccessDenied(f"{host}:{port} may not be called: {error}") from error

    async def _once(self, url: str, params: Mapping[str, str] | None, headers: Mapping[str, str] | None) -> Response:
        place = _place(url)
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._http.stream("GET", url, params=params, headers=headers) as response,
            ):
                _raise_for_status(place, response, self._now)
                body = await self._body(place, response)
                _raise_for_no_data(response, body)
                return Response(response.status_code, response.headers, body)
        except TimeoutError as error:
            raise SourceUnavailable(f"{place} gave no whole answer within {self._timeout_s:g} s") from error
        except (httpx.TransportError, httpx.DecodingError, httpx.TooManyRedirects) as error:
            raise SourceUnavailable(f"{place} could not be read: {type(error).__name__}") from error
        except (httpx.RequestError, httpx.InvalidURL) as error:  # the client itself refuses to go there
            raise AccessDenied(f"{place} may not be called: {error}") from error

    async def _body(self, place: str, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._max_bytes:
                raise UnexpectedPayload(f"{place} sent more than {self._max_bytes:,} bytes")
        return bytes(body)


def _raise_for_no_data(response: httpx.Response, body: bytes) -> None:
    """Nothing for a body that is the data that was asked for; a web page in its place, or a part of it, is an outage
    that may pass at once. Of XML only the end is looked at: what else is wrong with it is found by whoever reads it."""
    wanted = response.request.headers.get("accept", "")
    if not any(kind in wanted for kind in ("json", "xml")):
        return
    whole = Response(response.status_code, response.headers, body)
    text = body.removeprefix(b"\xef\xbb\xbf").strip()
    kind = response.headers.get("content-type", "").split(";")[0].strip()
    if text[:1] != b"<" or kind == "text/html" or text[:15].lower().startswith((b"<!doctype html", b"<html")):
        decode_json(whole)
    elif text[-1:] != b">":
        raise SourceUnavailable(f"the source sent a body that is cut off ({kind}, {len(body):,} bytes)")


def decode_json(response: Response) -> object:
    """The JSON value of an answer: keys without white space around them, no half characters.

    The message of an error says kind and size of the body, never what is in it.

    Raises: SourceUnavailable for a body that is HTML, cut off or otherwise not JSON.
    """
    kind = response.headers.get("content-type", "no content type").split(";")[0].strip()
    described = f"{kind}, {len(response.body):,} bytes"
    text = _text(response)
    if kind == "text/html" or text.lstrip()[:1] == "<":
        raise SourceUnavailable(f"the source sent a page instead of JSON ({described})")
    try:
        return reading.json_value(text)
    except (ValueError, RecursionError) as error:
        raise SourceUnavailable(f"the source sent a body that is not whole JSON ({described})") from error


def _text(response: Response) -> str:
    """The text of a body: UTF-8, else in the encoding that it is said to have; what fits neither becomes U+FFFD."""
    message = Message()
    message["content-type"] = response.headers.get("content-type", "")
    for charset in ("utf-8-sig", str(message.get_content_charset() or "")):
        try:
            return response.body.decode(charset)
        except (LookupError, ValueError):
            continue
    return response.body.decode("utf-8-sig", "replace")


def _place(url: str) -> str:
    """Host and path of a URL, the part of it that messages may show."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError):
        return "an unreadable URL"
    return f"{parsed.host}{parsed.path}"


def _raise_for_status(place: str, response: httpx.Response, now: Now) -> None:
    """Nothing for an answer to read; else the error that says what the caller must do."""
    status = response.status_code
    if status in (401, 403):
        raise AccessDenied(f"{place} refuses our credentials ({status})", status=status)
    if status in (404, 410):
        raise NotFound(f"{place} has nothing there ({status})", is_gone=status == 410)
    if status == 429 or (status == 503 and "retry-after" in response.headers):
        raise RateLimited(f"{place} asks to wait ({status})", _retry_after(response.headers, now), status=status)
    if status in (408, 425) or status >= 500:
        raise SourceUnavailable(f"{place} failed ({status})", status=status)
    if not 200 <= status < 300:
        raise UnexpectedPayload(f"{place} refuses the request ({status})", status=status)


def _retry_after(headers: Mapping[str, str], now: Now) -> timedelta | None:
    """How long to wait by a Retry-After header in either form, never less than nothing; None where it cannot be read.

    A date is measured from the answer's own Date header, so that no clock but the source's matters; where it has none,
    from `now`.
    """
    value = headers.get("retry-after", "").strip()
    try:
        if value.isascii() and value.isdigit():
            return min(timedelta(seconds=int(value[:9])), timedelta(days=1))
        answered_at = now() if now is not None and "date" not in headers else _http_date(headers.get("date", ""))
        wait = _http_date(value) - answered_at
    except (TypeError, ValueError):
        return None
    return min(max(wait, timedelta()), timedelta(days=1))


def _http_date(value: str) -> datetime:
    found = parsedate_to_datetime(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class _Waits:
    """Whether to try again after an error, and how long to wait first."""

    def __init__(self, backoff: timedelta, patience: timedelta) -> None:
        self._backoff_s = backoff.total_seconds()
        self._patience = patience
        self._random = random.SystemRandom()
        self._failures = 0

    def __call__(self, error: Exception) -> float | bool:
        self._failures += 1
        if isinstance(error, RateLimited):
            is_short = error.retry_after is not None and error.retry_after <= self._patience
            return is_short and error.retry_after is not None and error.retry_after.total_seconds()
        if isinstance(error, SourceUnavailable):
            ceiling = min(self._backoff_s * 2 ** (self._failures - 1), self._patience.total_seconds())
            return self._random.uniform(0, ceiling)
        return False
