"""Reading one span of time: pages that repeat or never end, servers that cut lists off, rows that make them fail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from connectors.contract import Client, Raw, Reject, SourceUnavailable, hash_raw
from connectors.open311.client import MINUTE, Open311Client, Span
from connectors.open311.mapping import LISTED_NAME, lacks_name

_BAD_LIMIT = 8
_UNANSWERED = "the source fails whenever it is asked for the requests of this minute"
_SPAN_FIELDS = {"start_date", "end_date"}


class SpanReader:
    """The pages of spans, during one pull; `bad` are the minutes that the source could not answer for."""

    def __init__(self, source: Open311Client, client: Client, until: datetime) -> None:
        self._source = source
        self._client = client
        self._until = until
        self._is_up: bool | None = None
        self._names: dict[str, str] | None = None
        self.bad: set[datetime] = set()

    async def pages(self, span: Span) -> AsyncIterator[list[object]]:
        """The records of a span, page by page, each once; a minute that makes the source fail is a reject.

        Raises: SourceUnavailable for an outage: the source does not even answer for the last minute.
        """
        seen: dict[str, str] = {}
        waiting = [span]
        while waiting:
            current = waiting.pop()
            try:
                async for page in self._plain_pages(current, seen):
                    yield page
            except SourceUnavailable:
                if not await self._answers():
                    raise
            else:
                continue
            if current.length > MINUTE:
                waiting.extend(reversed(current.halves()))
            else:
                yield [self._reject(current)]

    async def _plain_pages(self, span: Span, seen: dict[str, str]) -> AsyncIterator[list[object]]:
        """The pages of a span until one brings no new id; where they are cut off, the halves of the span too: the only
        page is as full as the server ever makes one, or there is no end of pages."""
        options = self._source.options
        first_size = 0
        for number in range(options.page_limit):
            items = await self._source.requests(self._client, span, number) or []
            first_size = first_size if number else len(items)
            has_new, fresh = _take_in(items, seen)
            if fresh:
                yield await self._with_names(fresh)
            if not has_new or not options.page_name:
                is_cut_off = number <= 1 and first_size >= options.call_limit
                break
        else:
            is_cut_off = True
        if is_cut_off and span.length > MINUTE:
            for half in span.halves():
                async for page in self._plain_pages(half, seen):
                    yield page

    async def _answers(self) -> bool:
        """Whether the source answers at all: asked once a pull, for the last minute."""
        if self._is_up is None:
            try:
                await self._source.requests(self._client, Span(self._until - MINUTE, self._until), 0)
                self._is_up = True
            except SourceUnavailable:
                self._is_up = False
        return self._is_up

    def _reject(self, span: Span) -> Reject:
        self.bad.add(span.start)
        if len(self.bad) > _BAD_LIMIT:
            raise SourceUnavailable(f"the source fails for more than {_BAD_LIMIT} separate minutes")
        named = {"start_date": span.start.astimezone(UTC).isoformat(), "end_date": span.end.astimezone(UTC).isoformat()}
        return Reject(named, _UNANSWERED)

    async def _with_names(self, items: list[object]) -> list[object]:
        """The records, with the name of the service from the list of services where they leave it out."""
        if not any(map(lacks_name, items)):
            return items
        if self._names is None:
            self._names = dict(await self._source.service_names(self._client))
        return [self._named(item, self._names) for item in items]

    def _named(self, item: object, names: dict[str, str]) -> object:
        code = lacks_name(item)
        if not isinstance(item, dict) or code is None or code not in names:
            return item
        return {**item, LISTED_NAME: names[code]}


def unanswered_minute(raw: Raw) -> Reject | None:
    """The reject of a minute that the source could not answer for, read again: only asking the source can settle it.
    None for the raw form of anything else."""
    return Reject(raw, _UNANSWERED) if raw.keys() == _SPAN_FIELDS else None


def _take_in(items: list[object], seen: dict[str, str]) -> tuple[bool, list[object]]:
    """Whether any of the records has an id not yet seen in this span, and the ones that are new or have changed."""
    has_new, fresh = False, []
    for item in items:
        raw: dict[str, Any] = item if isinstance(item, dict) else {"value": item}
        digest = hash_raw(raw)
        key = str(raw.get("service_request_id") or digest)
        has_new = has_new or key not in seen
        if seen.get(key) != digest:
            fresh.append(item)
        seen[key] = digest
    return has_new, fresh
