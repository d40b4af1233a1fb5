"""The query of the complaint list: strict values in, filters of the queue out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo

from fastapi import Request
from pydantic import BaseModel, Field

from app.api.bodies import Digits
from app.api.etags import Asked
from app.api.instants import parse_from, parse_to
from app.complaint.errors import InvalidInput
from app.complaint.lifecycle import Status
from app.workqueue.filters import Box, Clock, Due, Filters, Sort, Span, Verdict

MAX_VALUES = 100
"""Values in one filter."""

Member = TypeVar("Member", bound=StrEnum)


def _words(description: str, longest: int = 4_000) -> object:
    return Field(None, max_length=longest, description=description)


_SEVERAL = "Several values with commas between them."
_FROM = "An RFC 3339 instant, or a date: the start of that local day."
_TO = "An RFC 3339 instant, itself excluded, or a date: the end of that local day."

Words = Annotated[str | None, _words(_SEVERAL)]
From = Annotated[str | None, _words(_FROM, 40)]
To = Annotated[str | None, _words(_TO, 40)]


def _names(members: type[StrEnum]) -> object:
    return _words(f"Of {', '.join(members)}. {_SEVERAL}")


class ComplaintQuery(BaseModel):
    """What the list may be narrowed to; all filters hold at once."""

    unit: Annotated[str | None, _words(f"Codes of units, with all units below them. {_SEVERAL}")]
    unit_scope: Annotated[Literal["exact"] | None, Field(None, description="`exact`: without the units below.")]
    status: Annotated[str | None, _names(Status)]
    source: Words
    channel: Words
    category: Annotated[str | None, _words(f"Codes, or labels as the source spells them. {_SEVERAL}")]
    assignee: Annotated[str | None, _words(f"`me`, `none`, or a user name. {_SEVERAL}")]
    clock: Annotated[str | None, _names(Clock)]
    due: Annotated[str | None, _names(Due)]
    unrouted: Annotated[bool | None, Field(None, description="Whether no unit has it.")]
    handled_by: Annotated[str | None, _words(f"Codes of units that have or had it. {_SEVERAL}")]
    outcome: Annotated[str | None, _names(Verdict)]
    started_from: From
    started_to: To
    due_from: From
    due_to: To
    stopped_from: From
    stopped_to: To
    reported_from: From
    reported_to: To
    q: Annotated[str | None, _words("A ticket code or its beginning, or words in subject and text.", 200)]
    bbox: Annotated[str | None, _words("west,south,east,north in degrees.", 100)]
    sort: Annotated[Sort, Field(Sort.DUE, description="`due`: nearest due first, paused and closed last.")]
    limit: Annotated[int, Digits, Field(50, ge=1, le=200, description="Items on a page.")]
    cursor: Annotated[str | None, _words("`next_cursor` of the page before.", 2_000)]

    def filters(self, zone: ZoneInfo) -> Filters:
        """The filters; `zone` says when a day begins.

        Raises: InvalidInput, naming the parameter.
        """
        return Filters(
            units=_split("unit", self.unit),
            is_exact=self.unit_scope is not None,
            statuses=_members("status", self.status, Status),
            sources=_split("source", self.source),
            channels=_split("channel", self.channel),
            categories=_labels("category", self.category),
            assignees=_split("assignee", self.assignee),
            clocks=_members("clock", self.clock, Clock),
            due=_members("due", self.due, Due),
            is_unrouted=self.unrouted,
            handled_by=_split("handled_by", self.handled_by),
            verdicts=_members("outcome", self.outcome, Verdict),
            started_in=_span("started", self.started_from, self.started_to, zone),
            due_in=_span("due", self.due_from, self.due_to, zone),
            stopped_in=_span("stopped", self.stopped_from, self.stopped_to, zone),
            reported_in=_span("reported", self.reported_from, self.reported_to, zone),
            words=_search(self.q),
            box=_box(self.bbox),
        )


def queue_asked(request: Request) -> Asked:
    """What a list is about: the units of its filter."""
    return Asked(tuple(part.strip() for part in request.query_params.get("unit", "").split(",") if part))


def _split(field: str, text: str | None) -> tuple[str, ...]:
    """The parts of a comma list, each once.

    Raises: InvalidInput, when one is empty or there are too many.
    """
    if text is None:
        return ()
    parts = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not all(parts):
        raise InvalidInput(field, "must not be empty, nor have an empty value between its commas")
    if len(parts) > MAX_VALUES:
        raise InvalidInput(field, f"takes at most {MAX_VALUES} values")
    return parts


def _labels(field: str, text: str | None) -> tuple[str, ...]:
    """The parts of a comma list and the whole: sources have labels with commas of their own."""
    parts = _split(field, text)
    return (*parts, text.strip()) if text is not None and len(parts) > 1 else parts


def _members(field: str, text: str | None, members: type[Member]) -> tuple[Member, ...]:
    names = _split(field, text)
    unknown = next((name for name in names if name not in tuple(members)), None)
    if unknown is not None:
        raise InvalidInput(field, f"must be of {', '.join(members)}")
    return tuple(members(name) for name in names)


def _span(field: str, since: str | None, until: str | None, zone: ZoneInfo) -> Span:
    span = Span(parse_from(since, f"{field}_from", zone), parse_to(until, f"{field}_to", zone))
    if span.since is not None and span.until is not None and span.until < span.since:
        raise InvalidInput(f"{field}_to", f"lies before {field}_from")
    return span


def _search(text: str | None) -> str | None:
    if text is None:
        return None
    words = " ".join(text.split())
    if not words:
        raise InvalidInput("q", "must not be empty")
    return words


def _box(text: str | None) -> Box | None:
    if text is None:
        return None
    edges = tuple(_degrees(text))
    if len(edges) != 4 or not all(math.isfinite(edge) for edge in edges):
        raise InvalidInput("bbox", "must be four numbers: west,south,east,north")
    box = Box(*edges)
    if not (-180 <= box.west <= box.east <= 180 and -90 <= box.south <= box.north <= 90):
        raise InvalidInput("bbox", "must be west,south,east,north in degrees, west below east and south below north")
    return box


def _degrees(text: str) -> Iterator[float]:
    for part in text.split(","):
        try:
            yield float(part)
        except ValueError:
            yield math.nan
