"""The fold of a complaint's history: where it stands, who held it, and the cycles of its clocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.complaint.claims import Claim
from app.complaint.cycles import Cycle, CycleBook
from app.complaint.events import CaseEvent, Effect, EventKind, Timing
from app.complaint.lifecycle import CANCELLED, OPEN, STEPS, TERMINAL, WAITING, Move, Status, may_follow

PAUSE_COMPLAINANT = "awaiting_complainant"

# At one instant a complaint is first reported, then given to a unit, then spoken about.
_ORDER = {EventKind.REPORTED: 0, EventKind.ASSIGNED: 1}
_OWNING = frozenset(Move) - {Move.CLAIM, Move.RELEASE, Move.ASSIGN, Move.RESPOND}


@dataclass(frozen=True, slots=True)
class StintFacts:
    """One unit's holding of the complaint."""

    unit_id: int
    assigned_at: datetime
    accepted_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class PauseFacts:
    """A span in which the complaint waited for somebody else than its unit."""

    reason: str
    started_at: datetime
    ended_at: datetime | None = None
    actor_id: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Closure:
    """A span in which nobody owed the citizen anything; open-ended while the complaint stays closed."""

    closed_at: datetime
    reopened_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the history of one complaint amounts to.

    `source_status` is the newest word that a source has said, verbatim, whether or not it counts; `effects` says what
    each entry, by its key, did, and `overruled_by` which officer's move stands against each source's word in conflict.
    """

    status: Status
    source_status: str | None
    unit_id: int | None
    assignee_id: int | None
    claim_expires_at: datetime | None
    reported_at: datetime
    closed_at: datetime | None
    promised_at: datetime | None
    hops: int
    rework_count: int
    reopen_count: int
    cycles: tuple[Cycle, ...]
    stints: tuple[StintFacts, ...]
    pauses: tuple[PauseFacts, ...]
    closures: tuple[Closure, ...]
    effects: dict[str, Effect]
    overruled_by: dict[str, str]

    @property
    def is_open(self) -> bool:
        """Whether somebody still owes the citizen something."""
        return self.status in OPEN

    @property
    def conflict_count(self) -> int:
        """How many of the sources' words an officer's move overrules."""
        return sum(effect is Effect.CONFLICT for effect in self.effects.values())


def fold_case(events: Iterable[CaseEvent]) -> Case:
    """The case that `events`, given as they arrived, amount to.

    Raises: ValueError when nothing says that the complaint was reported.
    """
    ordered = sorted(events, key=_position)
    reported = [event.occurred_at for event in ordered if event.kind is EventKind.REPORTED]
    if not reported:
        raise ValueError("a history without a report cannot be folded")
    walk = _Walk(reported_at=min(reported), ordered=ordered)
    for event in ordered:
        walk.effects[event.key] = walk.take(event)
    return walk.case()


def _position(event: CaseEvent) -> tuple[datetime, int, int, int]:
    """Where an entry stands; entries of one instant and source stay as they arrived."""
    return event.occurred_at, _ORDER.get(event.kind, 2), event.rank, event.source_id or 0


def _is_owning(event: CaseEvent) -> bool:
    return event.kind is EventKind.MOVE and event.move in _OWNING


def _is_dated_word(event: CaseEvent) -> bool:
    """Whether a source says when something happened: not that it came in, nor a word that nobody can read."""
    says_something = event.status not in (Status.RECEIVED, Status.UNKNOWN)
    return event.kind is EventKind.STATUS and says_something and event.timing is Timing.DATED


@dataclass(slots=True)
class _Walk:
    """The state of the fold between two entries."""

    reported_at: datetime
    ordered: Sequence[CaseEvent]
    status: Status = Status.RECEIVED
    known: Status = Status.RECEIVED
    word: str | None = None
    unit_id: int | None = None
    unit_rank: int = -1
    is_accepted: bool = False
    owner: CaseEvent | None = None
    closed_at: datetime | None = None
    promised_at: datetime | None = None
    closed_by_source: bool = False
    rework_count: int = 0
    reopen_count: int = 0
    stints: list[StintFacts] = field(default_factory=list)
    pauses: list[PauseFacts] = field(default_factory=list)
    closures: list[Closure] = field(default_factory=list)
    effects: dict[str, Effect] = field(default_factory=dict)
    overruled_by: dict[str, str] = field(default_factory=dict)
    claim: Claim = field(default_factory=Claim)
    book: CycleBook = field(default_factory=CycleBook)

    def __post_init__(self) -> None:
        for clock in ("respond", "resolve"):
            self.book.start(clock, self.reported_at)

    def take(self, event: CaseEvent) -> Effect:
        """Apply one entry; the answer is what it did."""
        at = max(event.occurred_at, self.reported_at)
        effect = self._apply(event, at)
        self.claim.follow(event, at, self.status, self.promised_at)
        return effect

    def _apply(self, event: CaseEvent, at: datetime) -> Effect:
        match event.kind:
            case EventKind.STATUS if event.status is not None:
                return self._hear(event, event.status, at)
            case EventKind.ASSIGNED if event.unit_id is not None:
                return self._assign_by_source(event, event.unit_id, at)
            case EventKind.REPLIED:
                self._answer(at, event)
            case EventKind.NOTE if event.is_public:
                self._answer(at, event)
            case EventKind.EXPIRED if event.move is Move.CLAIM:
                return Effect.APPLIED if self.claim.ends(event) else Effect.SHADOWED
            case EventKind.EXPIRED:
                return self._expire(at, event)
            case EventKind.MOVE if event.move is not None:
                self._move(event, event.move, at)
        return Effect.APPLIED

    def case(self) -> Case:
        """The finished value."""
        self.book.settle_units(self.unit_id)
        return Case(
            status=self.status,
            source_status=self.word,
            unit_id=self.unit_id,
            assignee_id=self.claim.holder_id,
            claim_expires_at=self.claim.expires_at,
            reported_at=self.reported_at,
            closed_at=self.closed_at if self.status in TERMINAL else None,
            promised_at=self.promised_at,
            hops=max(0, self._handovers()),
            rework_count=self.rework_count,
            reopen_count=self.reopen_count,
            cycles=self.book.all(),
            stints=tuple(self.stints),
            pauses=tuple(self.pauses),
            closures=tuple(self.closures),
            effects=self.effects,
            overruled_by=self.overruled_by,
        )

    def _handovers(self) -> int:
        return sum(before.unit_id != after.unit_id for before, after in zip(self.stints, self.stints[1:], strict=False))

    # --- words of sources -------------------------------------------------------------------------------------------

    def _hear(self, event: CaseEvent, status: Status, at: datetime) -> Effect:
        overruled = self._overruled(event)
        if overruled is not None and not _is_owning(overruled):
            return Effect.SHADOWED
        self.word = event.word
        if overruled is not None:
            return Effect.SHADOWED if status is self.status else self._conflict(event, overruled)
        if status is Status.UNKNOWN:
            if self.owner is None:
                self.status = Status.UNKNOWN
            return Effect.UNREADABLE
        if self.owner is not None and status is not self.status and not may_follow(self.status, status):
            return self._conflict(event, self.owner)
        self._enter(status, at, event)
        return Effect.APPLIED

    def _assign_by_source(self, event: CaseEvent, unit_id: int, at: datetime) -> Effect:
        overruled = self._overruled(event)
        if overruled is not None and _is_owning(overruled):
            return Effect.APPLIED if unit_id == self.unit_id else self._conflict(event, overruled)
        if event.rank < self.unit_rank:
            return Effect.SHADOWED
        self.unit_rank = event.rank
        self._assign(unit_id, at, event)
        return Effect.APPLIED

    def _conflict(self, event: CaseEvent, move: CaseEvent) -> Effect:
        self.overruled_by[event.key] = move.key
        return Effect.CONFLICT

    def _overruled(self, event: CaseEvent) -> CaseEvent | None:
        """The dated word or officer's move inside the span of an undated entry: it lies anywhere in that span."""
        if event.timing is Timing.DATED or event.earliest_at is None:
            return None
        for other in reversed(self.ordered):
            if other is event or not event.earliest_at < other.occurred_at <= event.occurred_at:
                continue
            if _is_owning(other) or (event.kind is EventKind.STATUS and _is_dated_word(other)):
                return other
        return None

    # --- officers' moves --------------------------------------------------------------------------------------------

    def _move(self, event: CaseEvent, move: Move, at: datetime) -> None:
        if move in (Move.CLAIM, Move.ASSIGN):
            self.claim.take(event)
        elif move is Move.RELEASE:
            self.claim.drop()
        elif move is Move.RESPOND:
            self._answer(at, event)
        if move not in _OWNING:
            return
        self.owner = event
        if move is Move.FORWARD and event.unit_id is not None:
            self.claim.drop()
            self._assign(event.unit_id, at, event)
        if move is Move.ASK_COMPLAINANT:
            self._speak(at, event)
        target = STEPS[move].target
        if target is not None:
            self._enter(target, at, event)

    # --- what follows from a change ---------------------------------------------------------------------------------

    def _assign(self, unit_id: int, at: datetime, event: CaseEvent) -> None:
        is_closed = self.status in TERMINAL
        if self.stints and (is_closed or unit_id == self.unit_id):
            return
        self._end_stint(at, "forwarded")
        for clock in ("coordinate", "handle"):
            self.book.stop(clock, at, event)
        self.unit_id = unit_id
        self.is_accepted = False
        self.stints.append(StintFacts(unit_id=unit_id, assigned_at=at))
        if is_closed:
            self._end_stint(at, str(self.status))
        else:
            self.book.start("coordinate", at, unit_id=unit_id, event=event)

    def _enter(self, status: Status, at: datetime, event: CaseEvent) -> None:
        before, self.status, self.known = self.known, status, status
        if status is Status.SCHEDULED:
            self._schedule(at, event)
        if status is before:
            return
        is_reopened = before in TERMINAL and status in OPEN
        is_new_cycle = is_reopened and self._reopen(at, event)
        self._leave(before, status, at, event)
        if status in CANCELLED:
            self.book.cancel_all(at)
        if status not in WAITING and status not in CANCELLED:
            self._accept(status, at, event, is_answer=not is_new_cycle)
        if status is Status.AWAITING_VALIDATION:
            for clock in ("resolve", "handle"):
                self.book.stop(clock, at, event)
            self.book.start("validate", at, unit_id=self.unit_id, event=event)
        elif status is Status.AWAITING_COMPLAINANT:
            self._pause(at, event)
        elif status is Status.REWORK:
            self.rework_count += not is_reopened
        elif status in TERMINAL:
            self._close(status, at, event)

    def _leave(self, before: Status, status: Status, at: datetime, event: CaseEvent) -> None:
        if before is Status.AWAITING_COMPLAINANT:
            self._end_pause(at)
            self.book.resume_all(at)
        if before is Status.AWAITING_VALIDATION and status not in CANCELLED:
            self.book.stop("validate", at, event)
            if status in OPEN:
                self.book.void_stop("resolve", at)
            if status in OPEN and self.is_accepted:
                self.book.turn_stop_into_pause("handle", at, reason=str(Status.AWAITING_VALIDATION))

    def _accept(self, status: Status, at: datetime, event: CaseEvent, *, is_answer: bool) -> None:
        if is_answer:
            self.book.stop("respond", at, event)
        self.book.stop("coordinate", at, event)
        if self.is_accepted or not self.stints or self.stints[-1].ended_at is not None:
            return
        self.is_accepted = True
        last = self.stints[-1]
        self.stints[-1] = StintFacts(last.unit_id, last.assigned_at, at)
        if status in OPEN:
            self.book.start("handle", at, unit_id=last.unit_id, event=event)

    def _schedule(self, at: datetime, event: CaseEvent) -> None:
        self.promised_at = event.promised_at or self.promised_at
        for clock in ("resolve", "handle"):
            self.book.extend(clock, at, event.promised_at)

    def _close(self, status: Status, at: datetime, event: CaseEvent) -> None:
        self.closed_at = at
        if not self.closures or self.closures[-1].reopened_at is not None:
            self.closures.append(Closure(at))
        self.closed_by_source = event.kind is EventKind.STATUS
        if status not in CANCELLED:
            self.book.stop_all(at, event)
        self._end_stint(at, str(status))

    def _reopen(self, at: datetime, event: CaseEvent) -> bool:
        """Whether the citizen's clocks begin a new cycle: not where an officer worked on what a source called done."""
        is_overruled = self.closed_by_source and event.kind is EventKind.MOVE and event.move is not Move.REOPEN
        for clock in ("respond", "resolve"):
            if is_overruled and self.closed_at is not None:
                self.book.take_back_end(clock, since=self.closed_at)
            else:
                self.book.start(clock, at, carries=True, event=event)
        if is_overruled:
            self.book.void_stop("resolve", at)
        self.reopen_count += not is_overruled
        self.closed_at = None
        closure = self.closures.pop()
        if not is_overruled:
            self.closures.append(Closure(closure.closed_at, at))
        if self.unit_id is not None:
            self.is_accepted = False
            self.stints.append(StintFacts(self.unit_id, at))
        return not is_overruled

    def _end_stint(self, at: datetime, outcome: str) -> None:
        if self.stints and self.stints[-1].ended_at is None:
            last = self.stints[-1]
            self.stints[-1] = StintFacts(last.unit_id, last.assigned_at, last.accepted_at, at, outcome)

    def _pause(self, at: datetime, event: CaseEvent) -> None:
        reason = event.reason_code or PAUSE_COMPLAINANT
        self.pauses.append(PauseFacts(reason, at, actor_id=event.actor_id, expires_at=event.expires_at))
        self.book.pause_all(at, reason)

    def _expire(self, at: datetime, event: CaseEvent) -> Effect:
        """A pause that lasted as long as it may ends by itself, if it has not ended before."""
        if self.status is not Status.AWAITING_COMPLAINANT or self.pauses[-1].expires_at != event.occurred_at:
            return Effect.SHADOWED
        self._enter(Status.IN_PROGRESS, at, event)
        return Effect.APPLIED

    def _answer(self, at: datetime, event: CaseEvent) -> None:
        """A public word answers the citizen."""
        self.book.stop("respond", at, event)
        self._speak(at, event)

    def _speak(self, at: datetime, event: CaseEvent) -> None:
        """A public word ends the wait for one, and begins the wait for the next."""
        self.book.stop("update", at, event)
        if self.status in OPEN:
            self.book.start("update", at, unit_id=self.unit_id, event=event)

    def _end_pause(self, at: datetime) -> None:
        if self.pauses and self.pauses[-1].ended_at is None:
            last = self.pauses[-1]
            self.pauses[-1] = replace(last, ended_at=at)
