"""PURE: what an incoming record means for what we hold: create, link, update or skip, and which entries it adds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.complaint.events import CaseEvent, EventKind, Timing
from app.complaint.lifecycle import Status
from app.complaint.privacy import mask, scrub
from app.complaint.words import fold_word
from app.intake.routing import Directory, route
from connectors.contract import Complainant, IncomingComplaint, Precedence, SourceEvent
from connectors.contract import EventKind as SourceEventKind

# A source's clock may run a little ahead of ours; beyond this a "dated" entry is no date.
_CLOCK_SKEW = timedelta(minutes=5)
_KEY_LENGTH = 80
_HANDOVER = frozenset({Status.COORDINATING, Status.DISPATCHED})


class Verdict(StrEnum):
    """What becomes of one incoming record."""

    CREATE = "create"
    LINK = "link"
    UPDATE = "update"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """What we hold of this very record: the hash of its newest form, its words, when we last looked at it."""

    id: int
    complaint_id: int
    content_hash: str
    source_status: str | None
    unit_label: str | None
    changed_at: datetime
    forgotten_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HeldComplaint:
    """What we hold of the complaint that the record belongs to."""

    id: int
    connectors: tuple[str, ...]
    content_rank: int
    handling_rank: int
    is_private: bool
    is_anonymous: bool
    is_confidential: bool
    unit_id: int | None
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SourceView:
    """The source of a batch: its words, how much its word weighs, and the instant of this look and of the last."""

    id: int
    connector: str
    precedence: Precedence
    words: Mapping[str, Status]
    directory: Directory
    categories: Mapping[str, str]
    families: tuple[str, ...] | None
    is_history: bool
    looked_at: datetime
    last_look_at: datetime | None

    def status(self, word: str) -> Status:
        """The canonical status of a word; one that nobody knows is UNKNOWN, never guessed."""
        return self.words.get(fold_word(word), Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one record, the entries it adds to the history and the header values it sets."""

    verdict: Verdict
    events: tuple[CaseEvent, ...] = ()
    values: Mapping[str, object] | None = None


def judge(
    incoming: IncomingComplaint, view: SourceView, record: HeldRecord | None, complaint: HeldComplaint | None
) -> Judgement:
    """What `incoming` means: `record` is what we hold of it, `complaint` the one it belongs to, by id or ticket code.

    An unchanged record costs this one comparison. Nothing that an officer did is undone here: entries only add to the
    history, whose fold decides.
    """
    if record is not None and record.content_hash == incoming.content_hash:
        return Judgement(Verdict.SKIP)
    is_unrouted = complaint is not None and complaint.unit_id is None
    events = tuple(_entries(incoming, view, record, is_unrouted=is_unrouted))
    values = _values(incoming, view, complaint)
    if complaint is None:
        return Judgement(Verdict.CREATE, events, values)
    return Judgement(Verdict.LINK if record is None else Verdict.UPDATE, events, values)


def forgotten(
    incoming: IncomingComplaint, record: HeldRecord | None, complaint: HeldComplaint | None
) -> IncomingComplaint:
    """The record without what was erased: of an erased complaint nothing raw and nobody, of a record whose identity is
    gone no identity again. Its hash stays, so that the same form of it is known the next time."""
    if complaint is not None and complaint.erased_at is not None:
        return replace(incoming, complainant=None, raw={}, events=tuple(map(_masked, incoming.events)), quoted_codes=())
    if record is not None and record.forgotten_at is not None:
        person = incoming.complainant or Complainant()
        told = (person.name, person.phone, person.email, person.national_id)
        raw = scrub(dict(incoming.raw), [each for each in told if each])
        assert isinstance(raw, dict)
        return replace(incoming, complainant=None, raw=raw)
    return incoming


def _masked(event: SourceEvent) -> SourceEvent:
    return replace(event, label=mask(event.label)) if event.kind is SourceEventKind.REPLY else event


def whole_second(at: datetime) -> datetime:
    """The instant cut to its second: the history counts in whole seconds, so that spans add up."""
    return at.replace(microsecond=0)


# --- entries of the history -------------------------------------------------------------------------------------------


def _entries(
    incoming: IncomingComplaint, view: SourceView, record: HeldRecord | None, *, is_unrouted: bool
) -> Iterator[CaseEvent]:
    yield _entry(incoming, view, EventKind.REPORTED, "reported", incoming.reported_at)
    # Nobody answers before the question, and nothing that is said to have happened then may stop a clock.
    dated = [event for event in incoming.events if incoming.reported_at <= event.at <= view.looked_at + _CLOCK_SKEW]
    for event in dated:
        yield _dated(incoming, view, event)
    yield from _replies_ahead(incoming, view, record)
    yield from _undated_status(incoming, view, record, dated)
    yield from _assignments(incoming, view, record, dated, is_unrouted=is_unrouted)


def _dated(incoming: IncomingComplaint, view: SourceView, event: SourceEvent) -> CaseEvent:
    at = whole_second(event.at)
    if event.kind is SourceEventKind.REPLY:
        key = f"reply:{_stamp(at)}"
        return _entry(incoming, view, EventKind.REPLIED, key, at, text=event.label, is_public=True)
    key = f"status:{_stamp(at)}:{fold_word(event.label)}"
    return _entry(incoming, view, EventKind.STATUS, key, at, status=view.status(event.label), word=event.label)


def _replies_ahead(incoming: IncomingComplaint, view: SourceView, record: HeldRecord | None) -> Iterator[CaseEvent]:
    """Replies whose date is none, since it lies after our look: that they were given is known, and by when. (A status
    needs none of this: the word that holds now is told beside the history.)"""
    for event in incoming.events:
        if event.kind is SourceEventKind.REPLY and event.at > view.looked_at + _CLOCK_SKEW:
            key = f"reply:{_stamp(event.at)}"
            yield _observed(incoming, view, record, EventKind.REPLIED, key, text=event.label)


def _undated_status(
    incoming: IncomingComplaint, view: SourceView, record: HeldRecord | None, dated: list[SourceEvent]
) -> Iterator[CaseEvent]:
    """The current status where the source's own history does not end with it."""
    word = incoming.source_status
    if word is None:
        return
    last = max((event for event in dated if event.kind is SourceEventKind.STATUS), key=_when, default=None)
    if last is not None and fold_word(last.label) == fold_word(word):
        return
    if record is not None and record.source_status is not None and fold_word(record.source_status) == fold_word(word):
        return
    status = view.status(word)
    if record is None and status is Status.RECEIVED:
        key = f"status:first:{fold_word(word)}"
        yield _entry(incoming, view, EventKind.STATUS, key, incoming.reported_at, status=status, word=word)
        return
    key = f"look:{_stamp(view.looked_at)}:{fold_word(word)}"
    after = last.at if last is not None else None
    yield _observed(incoming, view, record, EventKind.STATUS, key, status=status, word=word, after=after)


def _assignments(
    incoming: IncomingComplaint,
    view: SourceView,
    record: HeldRecord | None,
    dated: list[SourceEvent],
    *,
    is_unrouted: bool,
) -> Iterator[CaseEvent]:
    """Who held the complaint: the trail that the source dates, then the unit it names now.

    A unit that the source named before says nothing new, unless nobody has the complaint: then its village, or a label
    that has come to be known since, routes it at last.
    """
    trail, handed_over_at = _trail(view, dated)
    for held_by, since in trail:
        yield _assigned(incoming, view, held_by, since)
    holder = trail[-1][0] if trail else None
    unit_id = _routed(incoming, view, incoming.unit_label, incoming.source_status)
    if unit_id is None or unit_id == holder:
        return
    was = None
    if record is not None and not is_unrouted:
        was = _routed(incoming, view, record.unit_label, record.source_status)
    if unit_id == was:
        return
    since = _looked_since(incoming, view, record)
    if handed_over_at is not None and (record is None or handed_over_at > since):
        yield _assigned(incoming, view, unit_id, handed_over_at)
    elif record is None and holder is None and dated:
        yield _assigned(incoming, view, unit_id, min(event.at for event in dated))
    else:
        key = f"look:{_stamp(view.looked_at)}:unit:{unit_id}"
        yield _observed(incoming, view, record, EventKind.ASSIGNED, key, unit_id=unit_id)


def _trail(view: SourceView, dated: list[SourceEvent]) -> tuple[list[tuple[int, datetime]], datetime | None]:
    """Each unit that the source's own history names with when it got the complaint, and when the last of them gave it
    away to somebody whom the history does not name yet."""
    trail: list[tuple[int, datetime]] = []
    handed_over_at = None
    for event in sorted(dated, key=_when):
        if event.kind is not SourceEventKind.STATUS:
            continue
        unit_id = view.directory.unit(event.unit_label)
        if unit_id is not None and (not trail or unit_id != trail[-1][0]):
            trail.append((unit_id, handed_over_at or event.at))
            handed_over_at = None
        elif view.status(event.label) in _HANDOVER:
            # The unit named beside a hand-over is either who gave it away or who got it; here it is the former.
            handed_over_at = event.at
    return trail, handed_over_at


def _routed(incoming: IncomingComplaint, view: SourceView, label: str | None, word: str | None) -> int | None:
    status = view.status(word) if word is not None else None
    return route(view.directory, label=label, village=incoming.village, status=status)


def _assigned(incoming: IncomingComplaint, view: SourceView, unit_id: int, at: datetime) -> CaseEvent:
    return _entry(incoming, view, EventKind.ASSIGNED, f"unit:{_stamp(at)}:{unit_id}", at, unit_id=unit_id)


def _observed(
    incoming: IncomingComplaint,
    view: SourceView,
    record: HeldRecord | None,
    kind: EventKind,
    key: str,
    *,
    status: Status | None = None,
    word: str | None = None,
    text: str | None = None,
    unit_id: int | None = None,
    after: datetime | None = None,
) -> CaseEvent:
    """An entry that the source does not date: it lies between our last look, or what it dates last, and this one."""
    since, at = _looked_since(incoming, view, record), view.looked_at
    if after is not None:
        since, at = max(since, whole_second(after)), max(at, after)
    return _entry(
        incoming,
        view,
        kind,
        key,
        at,
        status=status,
        word=word,
        text=text,
        is_public=text is not None,
        unit_id=unit_id,
        timing=Timing.OBSERVED if record is not None else Timing.UNKNOWN,
        earliest_at=since,
    )


def _looked_since(incoming: IncomingComplaint, view: SourceView, record: HeldRecord | None) -> datetime:
    """The last instant at which we know that the record still said something else."""
    if record is None:
        return whole_second(incoming.reported_at)
    return whole_second(max(record.changed_at, view.last_look_at or record.changed_at))


def _entry(
    incoming: IncomingComplaint,
    view: SourceView,
    kind: EventKind,
    key: str,
    at: datetime,
    *,
    status: Status | None = None,
    word: str | None = None,
    text: str | None = None,
    is_public: bool = False,
    unit_id: int | None = None,
    timing: Timing = Timing.DATED,
    earliest_at: datetime | None = None,
) -> CaseEvent:
    return CaseEvent(
        occurred_at=whole_second(at),
        recorded_at=view.looked_at,
        kind=kind,
        key=_key(f"{view.id}:{incoming.external_id}:{key}"),
        status=status,
        word=word,
        text=text,
        is_public=is_public,
        unit_id=unit_id,
        source_id=view.id,
        timing=timing,
        earliest_at=earliest_at,
        rank=view.precedence.handling,
    )


def _key(text: str) -> str:
    """The key of an entry; a long one (sources have words of any length) is named by its hash."""
    if len(text) <= _KEY_LENGTH:
        return text
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _when(event: SourceEvent) -> datetime:
    return event.at


def _stamp(at: datetime) -> int:
    return int(at.timestamp())


# --- header values ----------------------------------------------------------------------------------------------------


def _values(incoming: IncomingComplaint, view: SourceView, complaint: HeldComplaint | None) -> dict[str, object]:
    """The header columns that this record may set: each group of fields follows the source whose word weighs more."""
    values: dict[str, object] = {
        "is_private": incoming.is_private or (complaint is not None and complaint.is_private),
        "is_anonymous": incoming.is_anonymous or (complaint is not None and complaint.is_anonymous),
        "is_confidential": incoming.is_confidential or (complaint is not None and complaint.is_confidential),
        "connectors": _connectors(view, complaint),
    }
    if incoming.due_at is not None or complaint is None:
        values["source_due_at"] = whole_second(incoming.due_at) if incoming.due_at else None
    if complaint is None or (complaint.erased_at is None and view.precedence.content >= complaint.content_rank):
        values.update(_content(incoming, view))
    if complaint is None or view.precedence.handling >= complaint.handling_rank:
        values.update(_handling(incoming, view))
    return values


def _connectors(view: SourceView, complaint: HeldComplaint | None) -> list[str]:
    held = complaint.connectors if complaint else ()
    return sorted({*held, view.connector})


def _content(incoming: IncomingComplaint, view: SourceView) -> dict[str, object]:
    village = view.directory.village(incoming.village)
    return {
        "content_rank": view.precedence.content,
        "channel": incoming.channel,
        "subject": incoming.subject,
        "text": incoming.text,
        "lat": incoming.lat,
        "lng": incoming.lng,
        "address": incoming.address,
        "kelurahan_code": village.code if village else None,
        "evidence_urls": list(incoming.evidence_urls),
        "time_precision": str(incoming.time_precision),
    }


def _handling(incoming: IncomingComplaint, view: SourceView) -> dict[str, object]:
    code = view.categories.get(fold_word(incoming.category)) if incoming.category else None
    return {
        "handling_rank": view.precedence.handling,
        "category": incoming.category,
        "category_code": code,
        "classification": incoming.classification,
    }
