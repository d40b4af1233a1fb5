"""What is told on the rows of a clock's account besides what they count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.complaint.cycles import Cycle
from app.sla.clock import ClockEvent, EventKind, Promise
from app.sla.explain import Note
from app.sla.marks import Mark
from app.workqueue.causes import Causes, Hand


def landmarks(
    cycle: Cycle, hands: Sequence[Hand], promises: Sequence[Promise], unhonoured: Sequence[ClockEvent], causes: Causes
) -> list[Mark]:
    """Hand-overs, promised dates, results sent back, waits that give no pause, and what the cycle goes on with."""
    found = [*_carried(cycle), *_hands(hands), *_promises(cycle, promises, causes), *_returned(cycle, causes)]
    found += [Mark(each.at, Note("not_honoured", reason=each.reason, actor=each.actor)) for each in unhonoured]
    return sorted(found, key=lambda mark: mark.at)


def _carried(cycle: Cycle) -> Iterator[Mark]:
    if cycle.carries:
        yield Mark(cycle.events[0].at, Note("carried"))


def _hands(hands: Sequence[Hand]) -> Iterator[Mark]:
    for hand in hands:
        key = "handed" if hand.former else "given" if hand.actor else "held"
        yield Mark(hand.at, Note(key, name=hand.unit, former=hand.former, actor=hand.actor))


def _promises(cycle: Cycle, promises: Sequence[Promise], causes: Causes) -> Iterator[Mark]:
    for each in promises:
        cause = causes.of(EventKind.EXTEND, cycle, each.at)
        actor = cause.actor if cause else None
        yield Mark(each.at, Note(str(each.effect), actor=actor, at=each.promised_at, then=each.due_at))


def _returned(cycle: Cycle, causes: Causes) -> Iterator[Mark]:
    """A stop that was taken back: the time since it counts."""
    stopped_at = None
    for event in cycle.events:
        if event.kind is EventKind.STOP:
            stopped_at = event.at
        elif event.kind is EventKind.VOID_STOP and stopped_at is not None:
            cause = causes.of(event.kind, cycle, event.at)
            yield Mark(event.at, Note("returned", actor=cause.actor if cause else None, at=stopped_at))
