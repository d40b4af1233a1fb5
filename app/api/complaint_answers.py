"""What the complaint routes answer: the shapes of the queue with what every answer has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import orjson
from fastapi import Response
from typing_extensions import TypedDict

from app.api.freshness import SourceFreshness
from app.api.instants import rfc3339
from app.api.sheets import Cell, sheet
from app.workqueue.shapes import (
    ClocksCard,
    ComplaintCard,
    ComplaintDetail,
    HistoryEntry,
    SourceName,
    SourceRecordCard,
)

_TAG = re.compile(r'"(\d{1,18})"')


class FreshSource(SourceName):
    """A source that carries the complaint, and how far it is complete."""

    complete_through: str | None
    stale: bool


class ComplaintAnswer(ComplaintDetail):
    """One complaint as of now."""

    sources: list[FreshSource]  # type: ignore[misc]  # each source with what every answer says of sources
    as_of: datetime


class ComplaintPage(TypedDict):
    """A page of complaints."""

    items: list[ComplaintCard]
    next_cursor: str | None
    as_of: datetime
    sources: list[SourceFreshness]


class HistoryAnswer(TypedDict):
    """A page of a history, newest last."""

    items: list[HistoryEntry]
    next_cursor: str | None
    as_of: datetime
    sources: list[SourceFreshness]


class ClocksAnswer(ClocksCard):
    """Every cycle of every clock of a complaint, and whose time its wait was."""

    next_cursor: None
    as_of: datetime
    sources: list[SourceFreshness]


class SourceRecordsAnswer(TypedDict):
    """What each source says of a complaint."""

    items: list[SourceRecordCard]
    next_cursor: None
    as_of: datetime
    sources: list[SourceFreshness]


def json_answer(content: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
    """The content as JSON; instants end in `Z`."""
    return Response(orjson.dumps(content, option=orjson.OPT_UTC_Z), headers=headers, media_type="application/json")


def complaint_answer(card: ComplaintDetail, fresh: Sequence[SourceFreshness], *, now: datetime) -> Response:
    """One complaint, with its version as strong ETag. A source that is not pulled any more is stale."""
    known = {each["source"]: each for each in fresh}
    sources = [_fresh(each, known.get(each["source"])) for each in card["sources"]]
    return json_answer({**card, "sources": sources, "as_of": now}, {"ETag": f'"{card["version"]}"'})


def seen_versions(if_match: str | None) -> frozenset[int] | None:
    """The versions that an `If-Match` header names; None when it asks nothing. A weak tag names none.

    >>> seen_versions('"3", W/"4"'), seen_versions("*")
    (frozenset({3}), None)
    """
    if if_match is None or if_match.strip() == "*":
        return None
    tags = (_TAG.fullmatch(tag.strip()) for tag in if_match.split(","))
    return frozenset(int(tag[1]) for tag in tags if tag)


def complaints_sheet(cards: Iterable[ComplaintCard]) -> Response:
    """Complaints as a sheet, one row each."""
    return sheet("complaints", COLUMNS, (sheet_row(card) for card in cards))


COLUMNS = (
    "id", "ticket_code", "status", "source_status", "channel", "classification", "category", "unit", "unit_name",
    "assignee", "subject", "text", "lat", "lng", "address", "kelurahan_code", "is_private", "is_anonymous",
    "reported_at", "received_at", "updated_at", "promised_at", "next_clock", "next_due_at", "remaining_seconds",
    "breached", "sources", "hops", "rework_count", "version",
)  # fmt: skip


def sheet_row(card: ComplaintCard) -> list[Cell]:
    """The cells of one complaint, in the order of `COLUMNS`."""
    unit, due = card["unit"], card["next_due"]
    found: dict[str, object] = {**card, **card["location"]}
    found["sources"] = " ".join(each["source"] for each in card["sources"])
    found["unit"], found["unit_name"] = (unit["code"], unit["name"]) if unit else (None, None)
    if due is not None:
        found |= {"next_clock": due["clock"], "next_due_at": due["due_at"]}
        found |= {"remaining_seconds": due["remaining_seconds"], "breached": due["breached"]}
    return [_cell(found.get(name)) for name in COLUMNS]


def _cell(value: object) -> Cell:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, bool):
        return str(value).lower()
    return value if value is None or isinstance(value, int | float) else str(value)


def _fresh(source: SourceName, fresh: SourceFreshness | None) -> FreshSource:
    return FreshSource(
        source=source["source"],
        external_id=source["external_id"],
        changed_at=source["changed_at"],
        complete_through=fresh["complete_through"] if fresh else None,
        stale=fresh["stale"] if fresh else True,
    )
