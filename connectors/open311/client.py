"""The two calls of a GeoReport server that are needed: requests of a span of time, and the list of services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors import reading
from connectors.contract import Client, NotFound, Response, SourceUnavailable, UnexpectedPayload
from connectors.fetch import decode_json
from connectors.open311.markup import UnreadableMarkup, xml_value
from connectors.open311.options import Open311Options

_ENOUGH_TO_JUDGE = 3
_IDS = frozenset({"service_request_id", "token"})
_LISTS = ("service_requests", "requests", "services", "results", "data", "table", "features", "request", "service")
_ERRORS = frozenset({"description", "detail"})
_ONE = frozenset({"request", "service"})
_SERVICES_LIMIT = 5_000
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to `end`: what one call asks for."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    def halves(self) -> tuple[Span, Span]:
        """The span cut in two, a whole number of minutes after its start; it must be longer than one."""
        middle = self.start + max(self.length // 2 // MINUTE, 1) * MINUTE
        return Span(self.start, middle), Span(middle, self.end)


@dataclass(frozen=True, slots=True)
class Open311Client:
    """A GeoReport server at a base URL, with an API key where one is needed."""

    base_url: str
    api_key: str | None
    options: Open311Options

    async def requests(self, client: Client, span: Span, page: int) -> list[object] | None:
        """The records of one page, counted from 0; None where there is no such page.

        Raises: as `Client.get`; UnexpectedPayload where the answer is no list of requests as we know it.
        """
        options = self.options
        params = {"start_date": self._instant(span.start), "end_date": self._instant(span.end)}
        if options.extensions:
            params["extensions"] = "true"
        if options.page_size and options.size_name:
            params[options.size_name] = str(options.page_size)
        if options.page_name and (page or options.page_size):
            params[options.page_name] = str(options.first_page + page)
        try:
            response = await self._get(client, "requests", params)
        except NotFound as error:
            if page:
                return None
            raise UnexpectedPayload(f"there is no list of requests: {error}", status=error.status) from error
        return _checked(_items(decode(response), options.items))

    async def service_names(self, client: Client) -> Mapping[str, str]:
        """Service code -> name; empty where the server has no list of services.

        Raises: SourceUnavailable, RateLimited, AccessDenied.
        """
        try:
            found = _items(decode(await self._get(client, "services", {})), "")
        except (NotFound, UnexpectedPayload):
            return {}
        entries = (entry for entry in found[:_SERVICES_LIMIT] if isinstance(entry, dict))
        named = (
            (reading.identifier(one.get("service_code")), reading.plain(one.get("service_name"))) for one in entries
        )
        return {code: name for code, name in named if code and name}

    async def _get(self, client: Client, what: str, params: Mapping[str, str]) -> Response:
        fixed = {"jurisdiction_id": self.options.jurisdiction_id, "api_key": self.api_key}
        given = {name: value for name, value in fixed.items() if value}
        kind = "application/json" if self.options.format == "json" else "text/xml"
        headers = {"Accept": kind}
        if self.options.accept_encoding:
            headers["Accept-Encoding"] = self.options.accept_encoding
        return await client.get(
            f"{self.base_url}/{what}.{self.options.format}", params={**given, **params}, headers=headers
        )

    def _instant(self, at: datetime) -> str:
        """Whole seconds, in UTC or, for servers that refuse a zone, in the server's own time without one."""
        zone = UTC if self.options.start_date == "utc" else self.options.zone
        text = at.astimezone(zone).replace(tzinfo=None, microsecond=0).isoformat()
        return f"{text}Z" if self.options.start_date == "utc" else text


def decode(response: Response) -> object:
    """The value of an answer, JSON or XML as it turns out to be.

    Raises: SourceUnavailable for a web page, and for a body that is cut off or neither.
    """
    start = response.body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    kind = response.headers.get("content-type", "").split(";")[0].strip()
    if start != b"<" or kind == "text/html":
        return decode_json(response)
    try:
        found = xml_value(response.body)
    except UnreadableMarkup as error:
        raise SourceUnavailable(
            f"the source sent a body that cannot be read: {error} ({len(response.body):,} bytes)"
        ) from error
    if any(name.lower() == "html" for name in found):
        raise SourceUnavailable(f"the source sent a page instead of a list ({len(response.body):,} bytes)")
    return found


def _items(value: object, path: str) -> list[object]:
    """The records in an answer: at the given path, else where the known kinds of servers put them."""
    for name in filter(None, path.split(".")):
        if not isinstance(value, dict) or name not in value:
            raise UnexpectedPayload(f"the answer has no {path[:60]}")
        value = value[name]
    return _found(value)


def _found(value: object) -> list[object]:
    if value is None or value == "":
        return []
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise UnexpectedPayload(f"the answer is {type(value).__name__} where a list was expected")
    if value.keys() & _IDS:
        return [value]
    names = {name.lower(): name for name in value}
    for name in _LISTS:
        if name in names:
            inner = value[names[name]]
            return [inner] if name in _ONE and isinstance(inner, dict) else _found(inner)
    raise UnexpectedPayload(f"the answer has the keys {', '.join(sorted(value)[:10])[:200]} and no list of requests")


def _checked(items: list[object]) -> list[object]:
    """The records; a list of errors, or of things that are no requests, is none."""
    shapes = [one for one in items if isinstance(one, dict)]
    if shapes and all(one.keys() >= {"code"} and one.keys() & _ERRORS and not one.keys() & _IDS for one in shapes):
        codes = ", ".join(str(reading.plain(one.get("code")))[:20] for one in shapes[:3])
        raise UnexpectedPayload(f"the source answers with errors ({codes})")
    known = [one for one in shapes if one.keys() & _IDS or isinstance(one.get("properties"), dict)]
    if len(items) >= _ENOUGH_TO_JUDGE and not known:
        raise UnexpectedPayload(f"none of the {len(items)} records has a service_request_id")
    return items
