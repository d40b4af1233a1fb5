"""The account of one stored clock: the history folded again under the versions that its row names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook, counted
from app.complaint.cycles import Cycle
from app.complaint.errors import InvalidInput, NotFound
from app.complaint.history import Case, fold_case
from app.db.case_rows import Stored, read_stored
from app.db.complaints import facts_of
from app.db.tables.complaints import Complaint
from app.db.tables.rules import ReasonCode
from app.sla.catalogue import REASONS
from app.sla.clock import ClockEvent, EventKind, Outcome, Pause, Terms, trace
from app.sla.explain import Row, explain, instant_json
from app.sla.marks import Mark, marked
from app.sla.policy import OnChange, PolicyVersion
from app.workqueue.causes import Amendment, Cause, Causes, Hand, hands_of, read_amendments, read_causes
from app.workqueue.landmarks import landmarks


@dataclass(frozen=True, slots=True)
class CalendarName:
    """A calendar version; `unit` is the code of the unit whose exceptions it is read with."""

    name: str
    version: int
    unit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """All there is to say of one cycle under one policy, free of language; `zone` is where its instants are read.

    `stop` and `start` say what did it; `left_s` is what the former cycle had left, where this one goes on with it.
    `follows` says how the policy version took over a cycle that ran when it came in force, if it counts from then on.
    """

    ticket_code: str | None
    complaint_id: int
    cycle: Cycle
    cycles: int
    policy: PolicyVersion | None
    calendar: CalendarName | None
    terms: Terms
    zone: tzinfo
    outcome: Outcome
    rows: Sequence[Row]
    marks: Sequence[Mark]
    pauses: Sequence[Pause]
    hands: Sequence[Hand]
    unhonoured: Sequence[ClockEvent]
    start: Cause | None
    stop: Cause | None
    left_s: int | None
    follows: OnChange | None
    amendments: Sequence[Amendment]
    as_of: datetime
    inputs: Mapping[str, object]

    @property
    def hash(self) -> str:
        """The SHA-256 of the inputs, as canonical JSON: who has them can redo every figure."""
        return _sha256(self.inputs)


async def explain_clock(
    connection: AsyncConnection,
    complaint_id: int,
    rules: Rulebook,
    *,
    clock: str | None = None,
    cycle: int | None = None,
    policy: str | None = None,
    language: str,
    now: datetime,
) -> Account:
    """The account of a cycle as of `now`: by default of the newest one, under the policy by which it is due first.

    Without `clock` it is the one that is due next, and the first response where none is. `language` is that of the
    labels of pause reasons.

    Raises:
        NotFound: the complaint has no such clock or cycle, or the policy does not judge it.
        InvalidInput: no policy has that name.
    """
    stored = (await read_stored(connection, [complaint_id]))[complaint_id]
    case = fold_case(stored.events)
    cycles = [each for each in case.cycles if each.clock == (clock or _next_clock(stored))]
    chosen = _cycle(cycles, clock, cycle)
    row = _row(stored, chosen, policy, rules)
    causes = await read_causes(connection, case, stored.events, rules, language=language)
    labels = await _reason_labels(connection, language)
    code = await connection.scalar(select(Complaint.ticket_code).where(Complaint.id == complaint_id))
    gathered = _Gathered(case, stored, chosen, row, rules, causes, labels)
    amendments = await read_amendments(connection, complaint_id, chosen, row["family"])
    return gathered.account(complaint_id, code, len(cycles), amendments, now.replace(microsecond=0))


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What has been read for one account."""

    case: Case
    stored: Stored
    cycle: Cycle
    row: Mapping[str, Any]
    rules: Rulebook
    causes: Causes
    labels: Mapping[str, str]

    def account(
        self, complaint_id: int, code: str | None, cycles: int, amendments: Sequence[Amendment], now: datetime
    ) -> Account:
        cycle, causes, calendar = self.cycle, self.causes, self._calendar_name()
        plain, terms = self._counted()
        events = [self._named(event) for event in plain]
        as_of = max(now, plain[0].at)
        outcome, pauses, promises = trace(events, terms, as_of=as_of)
        until = outcome.stopped_at or as_of
        hands = hands_of(self.case, causes, cycle, until)
        waits = (each for each in cycle.events if each.kind is EventKind.PAUSE and plain[0].at <= each.at < until)
        unhonoured = [self._named(each) for each in waits if each not in plain]
        marks = landmarks(cycle, hands, promises, unhonoured, causes)
        return Account(
            ticket_code=code,
            complaint_id=complaint_id,
            cycle=cycle,
            cycles=cycles,
            policy=self._policy(),
            calendar=calendar,
            terms=terms,
            zone=self.rules.zone if calendar is None else terms.calendar.zone,
            outcome=outcome,
            rows=marked(explain(events, terms, as_of=as_of), marks, terms),
            marks=marks,
            pauses=pauses,
            hands=hands,
            unhonoured=unhonoured,
            start=causes.of(EventKind.START, cycle, plain[0].at),
            stop=causes.of(EventKind.STOP, cycle, until) if outcome.stopped_at else None,
            left_s=self._left_s() if cycle.carries else None,
            follows=self._follows(plain[0].at),
            amendments=amendments,
            as_of=as_of,
            inputs=_inputs(plain, terms, calendar, as_of=until),
        )

    def _counted(self) -> tuple[list[ClockEvent], Terms]:
        return counted(
            self.cycle,
            facts_of(self.stored.header),
            self.rules,
            policy_version_id=self.row["policy_version_id"],
            calendar_version_id=self.row["calendar_version_id"],
            exception_unit_id=self.row["exception_unit_id"],
            left_s=self._left_s(),
        )

    def _left_s(self) -> int | None:
        former = self.stored.clocks.get((self.cycle.clock, self.cycle.cycle - 1, self.row["family"]))
        return None if former is None else former["remaining_s"]

    def _policy(self) -> PolicyVersion | None:
        version_id = self.row["policy_version_id"]
        return None if version_id is None else self.rules.policy_by_id[version_id]

    def _follows(self, counted_from: datetime) -> OnChange | None:
        policy = self._policy()
        if policy is None or counted_from == self.cycle.events[0].at:
            return None
        return self.rules.origin(policy).on_change

    def _calendar_name(self) -> CalendarName | None:
        policy, version_id = self._policy(), self.row["calendar_version_id"]
        if policy is None or version_id is None:
            return None
        unit = self.rules.unit_codes.get(self.row["exception_unit_id"])
        return CalendarName(policy.calendar, self.rules.calendar_numbers[version_id], unit)

    def _named(self, event: ClockEvent) -> ClockEvent:
        """A pause with the words for its reason and with who asked for it."""
        if event.kind is not EventKind.PAUSE:
            return event
        cause = self.causes.of(event.kind, self.cycle, event.at)
        reason = event.reason if event.reason in REASONS["id"] else self.labels.get(event.reason or "", event.reason)
        return replace(event, reason=reason, actor=cause.actor if cause else None)


def _next_clock(stored: Stored) -> str:
    open_rows = (row for row in stored.clocks.values() if row["due_at"] is not None and row["state"].is_open)
    return min(((row["due_at"], row["clock"]) for row in open_rows), default=(None, "respond"))[1]


def _cycle(cycles: Sequence[Cycle], clock: str | None, number: int | None) -> Cycle:
    if not cycles:
        raise NotFound(f"the complaint has no clock {clock}")
    if number is None:
        return cycles[-1]
    if number > len(cycles):
        raise NotFound(f"clock {cycles[0].clock} has no cycle {number}; its newest is {len(cycles)}")
    return cycles[number - 1]


def _row(stored: Stored, cycle: Cycle, policy: str | None, rules: Rulebook) -> Mapping[str, Any]:
    """The stored row of a cycle: under the policy asked for, else the one that is due first."""
    rows = [row for key, row in stored.clocks.items() if key[:2] == (cycle.clock, cycle.cycle)]
    if not rows:
        raise NotFound(f"nothing is stored of cycle {cycle.cycle} of clock {cycle.clock}")
    if policy is None:
        return min(rows, key=lambda row: (row["due_at"] is None, row["due_at"] or row["started_at"], row["family"]))
    if policy not in {each.policy for each in rules.policy_by_id.values()}:
        raise InvalidInput("policy", f"no policy is called {policy!r}")
    for row in rows:
        if row["policy_version_id"] is not None and rules.policy_by_id[row["policy_version_id"]].policy == policy:
            return row
    raise NotFound(f"policy {policy} does not judge cycle {cycle.cycle} of clock {cycle.clock}")


async def _reason_labels(connection: AsyncConnection, language: str) -> Mapping[str, str]:
    label = ReasonCode.label_en if language == "en" else ReasonCode.label_id
    rows = await connection.execute(select(ReasonCode.code, label).where(ReasonCode.kind == "pause"))
    return {row[0]: row[1] for row in rows}


def _inputs(
    events: Sequence[ClockEvent], terms: Terms, calendar: CalendarName | None, *, as_of: datetime
) -> Mapping[str, object]:
    """What the figures follow from, and nothing else: no name and no word of the complaint."""
    named = None if calendar is None else {"name": calendar.name, "version": calendar.version, "unit": calendar.unit}
    target = terms.target
    return {
        "calendar": named and {**named, "sha256": _sha256(terms.calendar.rules.to_json())},
        "target": target and {"unit": str(target.unit), "amount": target.amount},
        "source_due_at": _told(terms.source_due_at),
        "carried_seconds": terms.carried_remaining_s,
        "extension_cap_seconds": None if terms.extension_cap is None else int(terms.extension_cap.total_seconds()),
        "max_extensions": terms.max_extensions,
        "events": [_event_json(event) for event in events],
        "as_of": instant_json(as_of),
    }


def _event_json(event: ClockEvent) -> dict[str, object]:
    shape: dict[str, object] = {"at": instant_json(event.at), "kind": str(event.kind)}
    if event.reason is not None:
        shape["reason"] = event.reason
    if event.promised_at is not None:
        shape["promised_at"] = instant_json(event.promised_at)
    if not event.is_dated:
        shape["is_dated"] = False
    return shape


def _told(at: datetime | None) -> str | None:
    return None if at is None else instant_json(at)


def _sha256(shape: Mapping[str, object]) -> str:
    text = json.dumps(shape, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
