"""The account of a clock as a head of unit reads it: a few paragraphs, one for each thing there is to say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from app.complaint.cycles import CITIZEN_CLOCKS
from app.complaint.events import EventKind, Timing
from app.sla.catalogue import REASONS
from app.sla.clock import ClockEvent, Pause, PromiseEffect, State, TargetUnit, counting_calendar, first_due
from app.sla.explain import Row, RowKind, render
from app.sla.marks import Mark
from app.sla.speech import Speech
from app.workqueue.account_sums import named_days, parts_of
from app.workqueue.catalogue import CLOCKS, CONFIDENCE, MOVES, TEXTS
from app.workqueue.causes import Amendment, Cause, Hand
from app.workqueue.explaining import Account

_TOLD = frozenset(PromiseEffect) | {"returned"}
"""Marks that the prose tells by themselves; the others are part of what it says of units and pauses."""


def prose(account: Account, language: str) -> str:
    """The account in Indonesian or English, its instants in the zone of its calendar."""
    return "\n\n".join(" ".join(lines) for lines in _Telling(account, language).paragraphs() if lines)


class _Telling:
    """One account in one language."""

    def __init__(self, account: Account, language: str) -> None:
        self.account = account
        self.language = language
        self.words = TEXTS[language]
        self.calendar = counting_calendar(account.terms.target, account.terms.calendar)
        self.speech = Speech(language, account.zone)

    def paragraphs(self) -> Iterator[list[str]]:
        yield [self._title(), *self._rule()]
        yield [*self._carry(), *self._course()]
        yield [*self._sum()]
        yield [*self._special_days()]
        yield [*self._pauses()]
        yield [*self._hands()]
        yield [self._told(mark) for mark in self.account.marks if mark.note.key in _TOLD]
        yield [*self._doubts(), *(self._amendment(each) for each in self.account.amendments)]

    # --- what it is judged by -----------------------------------------------------------------------------------------

    def _title(self) -> str:
        account = self.account
        ticket = account.ticket_code or self._say("anonymous", id=account.complaint_id)
        clock = CLOCKS[self.language][account.cycle.clock]
        return self._say("title", ticket=ticket, clock=clock, cycle=account.cycle.cycle, cycles=account.cycles)

    def _rule(self) -> Iterator[str]:
        policy, calendar = self.account.policy, self.account.calendar
        if policy is None:
            yield self._say("unjudged")
            return
        yield self._say("policy", policy=policy.policy, version=policy.version, target=self._target())
        if policy.basis:
            confidence = CONFIDENCE[self.language].get(policy.confidence or "", policy.confidence)
            yield self._say("basis", basis=policy.basis, confidence=confidence)
        if calendar is not None:
            key = "calendar" if calendar.unit is None else "exception"
            yield self._say(key, name=calendar.name, version=calendar.version, unit=calendar.unit)

    def _target(self) -> str:
        target = self.account.terms.target
        assert target is not None
        amount = target.amount or 0
        span = self.speech.span(amount * 60, in_days=target.unit is TargetUnit.ELAPSED_MINUTE)
        return self._say(target.unit, count=amount, span=span)

    # --- how it went --------------------------------------------------------------------------------------------------

    def _carry(self) -> Iterator[str]:
        left_s = self.account.left_s
        if left_s is not None:
            yield self._say("carried", span=self._counted(left_s)) if left_s > 0 else self._say("carried_none")

    def _course(self) -> Iterator[str]:
        outcome = self.account.outcome
        assert outcome.started_at is not None
        yield self._say("start", at=self._at(outcome.started_at), cause=self._beginning())
        yield from self._due()
        if outcome.stopped_at is not None:
            yield self._say("stop", at=self._at(outcome.stopped_at), cause=self._cause(self.account.stop))
        else:
            yield self._say(outcome.state, at=self._at(self.account.as_of))
        yield from self._verdict()

    def _beginning(self) -> str:
        """Why the cycle counts from its start on."""
        account = self.account
        if account.follows is None:
            return self._cause(account.start)
        return self._say(account.follows, span=self._counted(account.terms.carried_remaining_s or 0))

    def _due(self) -> Iterator[str]:
        outcome, first = self.account.outcome, self._first_due()
        if outcome.due_at is None or first is None:
            return
        if first == outcome.due_at:
            yield self._say("due", at=self._at(first))
        else:
            yield self._say("due_moved", first=self._at(first), at=self._at(outcome.due_at))

    def _first_due(self) -> datetime | None:
        started_at = self.account.outcome.started_at
        return None if started_at is None else first_due(started_at, self.account.terms, self.calendar)

    def _verdict(self) -> Iterator[str]:
        """What the cycle came to, or how much is left of it."""
        outcome = self.account.outcome
        left_s = outcome.remaining_s
        if outcome.state is State.CANCELLED:
            yield self._say("cancelled")
        elif outcome.state is State.UNJUDGED:
            yield self._say("unjudged_stop")
        elif left_s is not None:
            yield self._left(outcome.state, left_s, is_breached=outcome.breached_at is not None)

    def _left(self, state: State, left_s: int, *, is_breached: bool) -> str:
        span = self._counted(left_s)
        if state is State.MET:
            return self._say("met_left", span=span) if left_s else self._say("met")
        if state is State.MISSED:
            return self._say("missed", span=span)
        if is_breached:
            return self._say("overdue", span=span)
        return self._say("due_paused" if state is State.PAUSED else "left", span=span)

    # --- what was counted ---------------------------------------------------------------------------------------------

    def _sum(self) -> Iterator[str]:
        rows = self.account.rows
        if not rows:
            return
        parts = parts_of(rows)
        end = self.words["end_stop" if self.account.outcome.stopped_at else "end_now"]
        told = [self._say(part, span=self._span(seconds)) for part, seconds in parts.items() if seconds and part]
        late_s = sum(row.counted_s for row in rows if row.kind is RowKind.AFTER_DUE)
        if late_s:
            told[0] = self._say("after_due", span=self._span(parts["open"]), late=self._span(late_s))
        yield f"{self._say('sum', whole=self._whole(sum(parts.values())), end=end)} {self.speech.all_of(told)}."

    def _whole(self, seconds: int) -> str:
        """In days, as people think of it; and as its parts are told, where those are in hours."""
        spans = [self.speech.span(seconds, in_days=True), self._span(seconds)]
        return spans[0] if spans[0] == spans[1] else f"{spans[0]} ({spans[1]})"

    def _special_days(self) -> Iterator[str]:
        holidays = [row for row in self.account.rows if row.kind is RowKind.HOLIDAY]
        hours = [row for row in self.account.rows if row.note.key in ("open_period", "open_day")]
        for key, rows in (("holidays", holidays), ("hours", hours)):
            if rows:
                yield self._say(key, days="; ".join(self._by_source(rows)))

    def _by_source(self, rows: Iterable[Row]) -> Iterator[str]:
        """The named days of the rows, those of one decree together."""
        found: dict[str | None, list[str]] = defaultdict(list)
        for row, first, last in named_days(rows, self.account.zone):
            name = row.note.name or render(row.note, self.language)
            found[row.source].append(f"{name} ({self.speech.days(first, last)})")
        for source, days in found.items():
            told = self.speech.all_of(days)
            yield self._say("by_source", days=told, source=source) if source else told

    # --- what happened on the way -------------------------------------------------------------------------------------

    def _pauses(self) -> Iterator[str]:
        due_at = self._first_due()
        for pause in self.account.pauses:
            yield self._pause(pause)
            if pause.to_at is not None and pause.due_at is not None and pause.due_at != due_at:
                yield self._say("then_due", at=self._at(pause.due_at))
                due_at = pause.due_at
        for wait in self.account.unhonoured:
            yield self._say("not_honoured", start=self._at(wait.at), reason=self._reason(wait), by=self._by(wait.actor))

    def _pause(self, pause: Pause) -> str:
        end = pause.to_at or self.account.as_of
        covered_s = self.calendar.position(end) - self.calendar.position(pause.from_at)
        is_worth = covered_s or self.calendar.is_always_open
        worth = self._say("uncounted" if is_worth else "worth_nothing", span=self._counted(covered_s))
        key = "paused_from" if pause.to_at else "paused_since"
        told = {"start": self._at(pause.from_at), "end": self._at(end), "by": self._by(pause.actor)}
        return self._say(key, reason=self._reason(pause), worth=worth, **told)

    def _hands(self) -> Iterator[str]:
        hands = self.account.hands
        yield from (self._hand(hand) for hand in hands)
        if self.account.cycle.clock in CITIZEN_CLOCKS and any(hand.former for hand in hands):
            yield self._say("hand_over_rule")

    def _hand(self, hand: Hand) -> str:
        key = "handed" if hand.former else "given" if hand.actor else "held"
        return self._say(key, unit=hand.unit, former=hand.former, at=self._at(hand.at), by=self._by(hand.actor))

    def _told(self, mark: Mark) -> str:
        """A mark as a sentence of its own."""
        what = render(replace(mark.note, actor=None), self.language, self.account.zone)
        return self._say("told", at=self._at(mark.at), by=self._by(mark.note.actor), what=what)

    def _doubts(self) -> Iterator[str]:
        """How well the figures are known."""
        cycle = self.account.cycle
        if cycle.timing is Timing.OBSERVED:
            yield self._say("observed", span=self.speech.span(cycle.error_s or 0, in_days=True))
        elif cycle.timing is Timing.UNKNOWN:
            yield self._say("unknown")
        if self.account.outcome.is_provisional:
            yield self._say("provisional")

    def _amendment(self, amendment: Amendment) -> str:
        if amendment.kind is EventKind.CORRECTED:
            return self._say("corrected", at=self._at(amendment.at))
        old, new = (self._due_in(amendment.details.get(name)) for name in ("old", "new"))
        key = "recalculated" if old != new else "recalculated_same" if new else "recalculated_paused"
        nothing = self.words["nothing"]
        return self._say(key, at=self._at(amendment.at), old=old or nothing, new=new or nothing)

    def _due_in(self, told: object) -> str | None:
        due_at = told.get("due_at") if isinstance(told, dict) else None
        return self._at(datetime.fromisoformat(due_at)) if due_at else None

    # --- words --------------------------------------------------------------------------------------------------------

    def _say(self, key: str, **gaps: object) -> str:
        return self.words[key].format(**gaps)

    def _at(self, at: datetime) -> str:
        return self.speech.instant(at)

    def _span(self, seconds: int) -> str:
        return self.speech.span(seconds, in_days=self.calendar.is_always_open)

    def _counted(self, seconds: int) -> str:
        """A span of the clock's own time."""
        span = self._span(seconds)
        return span if self.calendar.is_always_open else self._say("working", span=span)

    def _by(self, actor: str | None) -> str:
        return self._say("by", actor=actor) if actor else ""

    def _reason(self, wait: Pause | ClockEvent) -> str:
        return REASONS[self.language].get(wait.reason or "", wait.reason or "")

    def _cause(self, cause: Cause | None) -> str:
        if cause is None:
            return self.words["uncaused"]
        if cause.kind is EventKind.STATUS:
            return self._say("status", actor=cause.actor, word=cause.word)
        if cause.kind is EventKind.REPORTED:
            key = "reported" if cause.actor is None else "reported_source" if cause.is_source else "reported_officer"
            return self._say(key, actor=cause.actor)
        word = "noted" if cause.kind is EventKind.NOTE else str(cause.kind)
        what = MOVES[self.language][cause.move] if cause.move else self.words[word]
        return what + self._by(cause.actor)
