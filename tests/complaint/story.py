"""Histories written as a few lines: who said what, when, on days of January 2026 in Jakarta."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.complaint.clocks import CaseFacts, ClockRow, DatedCalendar, Rulebook, settle
from app.complaint.events import CaseEvent, EventKind, Timing
from app.complaint.history import Case, fold_case
from app.complaint.lifecycle import Move, Status
from app.sla.calendars import always_open, compile_calendar, parse_rules
from app.sla.clock import Target, TargetUnit
from app.sla.policy import Applies, PolicyVersion

WIB = ZoneInfo("Asia/Jakarta")
CRM, JAKI = 1, 2
RANKS = {CRM: 2, JAKI: 1}
KELURAHAN, SUDIN, BIRO = 10, 20, 90
OFFICER = 7
DAY_S = 86_400

OFFICE = {
    "timezone": "Asia/Jakarta",
    "week": {day: [["07:30", "16:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
}


def at(text: str) -> datetime:
    """`12 08:30` is 12 January 2026, 08:30 in Jakarta."""
    day, _, clock = text.partition(" ")
    hour, minute, *second = (int(part) for part in clock.split(":"))
    return datetime(2026, 1, int(day), hour, minute, *second, tzinfo=WIB)


def told(when: datetime | None) -> str | None:
    """An instant as these stories write it."""
    return when and when.astimezone(WIB).strftime("%d %H:%M")


def reported(when: str, source: int = JAKI) -> CaseEvent:
    return _entry(EventKind.REPORTED, when, source, "reported")


def word(when: str, status: Status | str, source: int = CRM, **values: Any) -> CaseEvent:
    """A source's word with its date."""
    status = Status(status)
    text = values.pop("word", f"kata {status}")
    return _entry(EventKind.STATUS, when, source, f"status:{text}", status=status, word=text, **values)


def look(since: str, when: str, status: Status | str, source: int = CRM, timing: Timing = Timing.OBSERVED) -> CaseEvent:
    """A source's word without a date: it was another one at `since`."""
    return word(when, status, source, timing=timing, earliest_at=at(since))


def first_look(since: str, when: str, status: Status | str, source: int = CRM) -> CaseEvent:
    """A word that was so when we first looked."""
    return look(since, when, status, source, Timing.UNKNOWN)


def given(when: str, unit: int, source: int = CRM, **values: Any) -> CaseEvent:
    """A source gives the complaint to a unit."""
    return _entry(EventKind.ASSIGNED, when, source, f"unit:{unit}", unit_id=unit, **values)


def reply(when: str, source: int = JAKI) -> CaseEvent:
    return _entry(EventKind.REPLIED, when, source, "reply", text="Sedang kami tangani", is_public=True)


def move(when: str, name: Move | str, **values: Any) -> CaseEvent:
    """An officer's move."""
    entry = {"kind": EventKind.MOVE, "move": Move(name), "actor_id": OFFICER, **values}
    return CaseEvent(occurred_at=at(when), recorded_at=at(when), key=f"move:{when}:{name}", **entry)


def _entry(kind: EventKind, when: str, source: int, key: str, **values: Any) -> CaseEvent:
    named = {"source_id": source, "rank": RANKS[source], **values}
    return CaseEvent(kind=kind, occurred_at=at(when), recorded_at=at(when), key=f"{source}:{when}:{key}", **named)


def policy(id_: int, clock: str, minutes: int | None, **values: Any) -> PolicyVersion:
    """A policy of the city on plain elapsed time, unless `values` say otherwise."""
    target = values.pop("target", None) or Target(TargetUnit.ELAPSED_MINUTE, minutes)
    named = {"policy": f"{clock}.{id_}", "family": "city", "version": 1, "calendar": "24x7", **values}
    return PolicyVersion(id=id_, clock=clock, target=target, **named)


POLICIES = (
    policy(1, "respond", 24 * 60),
    policy(2, "resolve", 7 * 24 * 60, extension_cap_s=30 * DAY_S, max_extensions=1),
    policy(3, "coordinate", 6 * 60, applies=Applies(cycles=(1,))),
    policy(4, "validate", 48 * 60),
    policy(5, "resolve", 60 * 24 * 60, family="law", honours=frozenset({"awaiting_complainant"})),
)


def rulebook(policies: Iterable[PolicyVersion] = POLICIES, **values: Any) -> Rulebook:
    """The rules of these stories: calendars `24x7` and `office`, three units, the bureau that validates."""
    calendars = {"24x7": always_open("Asia/Jakarta"), "office": compile_calendar(parse_rules(OFFICE))}
    chosen = tuple(policies)
    named = {
        "revision": 1,
        "policies": chosen,
        "calendars": {name: DatedCalendar(id_, each) for id_, (name, each) in enumerate(calendars.items(), start=1)},
        "policy_by_id": {each.id: each for each in chosen},
        "calendar_by_id": dict(enumerate(calendars.values(), start=1)),
        "ancestors": {KELURAHAN: (KELURAHAN, 1), SUDIN: (SUDIN, 1), BIRO: (BIRO,)},
        "unit_codes": {1: "kota", KELURAHAN: "kelurahan", SUDIN: "sudin", BIRO: "biro"},
        "validator_id": BIRO,
        "zone": WIB,
    }
    return Rulebook(**{**named, **values})


def facts(**values: Any) -> CaseFacts:
    named = {"connectors": ("crm", "jaki"), "category": None, "channel": "jaki", "classification": None}
    return CaseFacts(**{**named, "families": None, "source_due_at": None, "is_history": False, **values})


def rows(
    events: Iterable[CaseEvent], rules: Rulebook | None = None, **values: Any
) -> dict[tuple[str, int, str], ClockRow]:
    """The clock rows of a history by clock, cycle and family."""
    settled = settle(fold_case(events), facts(**values), rules or rulebook(), {})
    return {row.key: row for row in settled}


def clocks(*events: CaseEvent) -> dict[str, str]:
    """What each cycle of the city's clocks came to: `respond 1` -> `met 12 10:00`."""
    found = {}
    for (clock, cycle, family), row in rows(events).items():
        if family in ("city", ""):
            found[f"{clock} {cycle}"] = " ".join(part for part in (str(row.state), told(row.stopped_at)) if part)
    return found


def fold(*events: CaseEvent) -> Case:
    return fold_case(events)
