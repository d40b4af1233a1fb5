"""`lock()`, `find()` and `advance()`: the one writer of a complaint's status, clocks and history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, bindparam, delete, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.attribution import held_seconds
from app.complaint.clocks import CaseFacts, ClockRow, Rulebook, headline, settle
from app.complaint.errors import NotFound
from app.complaint.events import CaseEvent, Effect
from app.complaint.history import Case, PauseFacts, StintFacts, fold_case
from app.complaint.lifecycle import OPEN, TERMINAL
from app.db.bulk import insert_rows
from app.db.case_rows import Stored, read_stored, slot_rows
from app.db.changes import Turn, reserve_ids, take_turn
from app.db.corrections import corrections, has_told_others, has_told_otherwise
from app.db.cursors import PREPARED
from app.db.moved import entries, moved_by_rules
from app.db.tables.alerts import AlertReview
from app.db.tables.complaints import Complaint, ComplaintEvent, FormerFacts, Pause, QueueSlot, SlaClock, Stint
from app.sla.clock import State

NEVER = datetime.fromisoformat("9998-01-01T00:00:00+00:00")
"""Where the queue puts what has no due time: after everything that has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """New entries for one complaint's history, and header values that no history holds (text, place, flags).

    `details` are what entries tell beside their columns, by key. `is_new`: `complaint_id` was reserved for it and
    `values` is the whole header. `bumps`: whether the version rises, as every change by an officer or a source does,
    and a recalculation does not.
    """

    complaint_id: int
    events: Sequence[CaseEvent] = ()
    values: Mapping[str, object] = field(default_factory=dict)
    details: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    is_new: bool = False
    bumps: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Advanced:
    """What a change came to."""

    complaint_id: int
    case: Case
    rows: Sequence[ClockRow]
    version: int


async def lock(connection: AsyncConnection, complaint_id: int) -> Any:
    """The complaint's header row, locked until the transaction ends.

    Raises: NotFound.
    """
    statement = select(*_complaint.c).where(Complaint.id == complaint_id).with_for_update()
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise NotFound(f"complaint {complaint_id} does not exist")
    return row


async def lock_all(connection: AsyncConnection, complaint_ids: Sequence[int]) -> None:
    """Lock the complaints in the order of their ids, so that two batches cannot block each other for ever."""
    if complaint_ids:
        wanted = select(Complaint.id).where(Complaint.id.in_(sorted(complaint_ids))).order_by(Complaint.id)
        await connection.execute(wanted.with_for_update())


async def find(connection: AsyncConnection, ref: str, condition: ColumnElement[bool] | None = None) -> int | None:
    """The id of the complaint that `ref`, a ticket code or else an id, names, if it meets the condition."""
    named = Complaint.ticket_code == ref
    if ref.isascii() and ref.isdigit() and len(ref) < 19:
        named = or_(named, Complaint.id == int(ref))
    is_by_id = Complaint.ticket_code.is_distinct_from(ref)
    is_met = (true() if condition is None else condition).label("is_met")
    statement = select(Complaint.id, is_met).where(named).order_by(is_by_id).limit(1).prefix_with(PREPARED)
    row = (await connection.execute(statement)).one_or_none()
    return row.id if row is not None and row.is_met else None


async def advance(
    connection: AsyncConnection, changes: Sequence[Change], rules: Rulebook, *, now: datetime
) -> list[Advanced]:
    """Write the changes: history, then status, clocks, stints and queue places as their fold gives them.

    The caller holds the locks of the complaints that exist, and the rules. Entries whose key the history holds already
    are ignored, and none is recorded in a past that is settled.
    """
    if not changes:
        return []
    stored = await read_stored(connection, [change.complaint_id for change in changes if not change.is_new])
    turn = await take_turn(connection)
    work = _Work(now=turn.recorded_at(now), change_no=turn.change_no, rules=rules)
    advanced = [work.take(_recorded(change, turn), stored.get(change.complaint_id)) for change in changes]
    await work.write(connection)
    return advanced


async def foresee(
    connection: AsyncConnection, changes: Sequence[Change], rules: Rulebook, *, now: datetime
) -> list[Advanced]:
    """What `advance` would make of the changes to complaints that exist; writes nothing."""
    stored = await read_stored(connection, [change.complaint_id for change in changes])
    work = _Work(now=now, change_no=0, rules=rules)
    return [work.take(change, stored.get(change.complaint_id)) for change in changes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refolded:
    """What a history amounts to as rows: the header's share, the clocks, the spans and queue places, the effects."""

    header: Mapping[str, Any]
    rows: Sequence[ClockRow]
    spans: Mapping[str, list[dict[str, Any]]]
    effects: Mapping[str, Effect]


def refold(complaint_id: int, stored: Stored, rules: Rulebook) -> Refolded:
    """What the stored history gives, to compare with what is stored."""
    case = fold_case(stored.events)
    rows = settle(case, facts_of(stored.header), rules, stored.held)
    header = _header_values(case, rows)
    spans = _span_rows(complaint_id, case, stored.events, stored.header["received_at"])
    spans["slot"] = sorted(
        slot_rows(complaint_id, header["unit_id"], header["queue_at"], rules) if header["is_open"] else [],
        key=lambda row: row["ancestor_id"],
    )
    return Refolded(header=header, rows=rows, spans=spans, effects=case.effects)


@dataclass(slots=True)
class _Work:
    """The rows that a batch of changes writes, gathered before the first statement."""

    now: datetime
    change_no: int
    rules: Rulebook
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def take(self, change: Change, stored: Stored | None) -> Advanced:
        added = _unheard(change.events, stored)
        header = dict(stored.header) if stored else {}
        was = (header.get("is_open", False), header.get("unit_id"), header.get("queue_at"))
        header.update(change.values)
        events = [*(stored.events if stored else ()), *added]
        case = fold_case(events)
        rows = settle(case, facts_of(header), self.rules, stored.held if stored else {})
        version = int(header.get("version", 0)) + change.bumps
        values = {**change.values, **_header_values(case, rows), "version": version, "change_no": self.change_no}
        if change.bumps:
            values["updated_at"] = self.now
        if change.is_new:
            self._put("complaint", {"id": change.complaint_id, **values})
        else:
            self._put("header", {"id_": change.complaint_id, **values})
        self._add_events(change, added, case, stored)
        self._add_clocks(change.complaint_id, rows, stored)
        if stored:
            self._add_former_facts(change, stored.header)
            self._add_consequences(change.complaint_id, added, rows, stored)
            if has_told_otherwise(stored.clocks, rows) or has_told_others(stored.clocks, stored.header, values):
                self._put("review", {"complaint_id": change.complaint_id})
        spans = _span_rows(change.complaint_id, case, events, header["received_at"])
        self._add_spans(change.complaint_id, spans, stored)
        self._add_slots(change.complaint_id, values, was, is_sure=change.bumps)
        return Advanced(complaint_id=change.complaint_id, case=case, rows=rows, version=version)

    def _put(self, kind: str, row: dict[str, Any]) -> None:
        self.rows.setdefault(kind, []).append(row)

    def _add_events(self, change: Change, added: Sequence[CaseEvent], case: Case, stored: Stored | None) -> None:
        for event in added:
            row = {name: getattr(event, name) for name in _EVENT_FIELDS}
            row |= {"effect": case.effects[event.key], "details": dict(change.details.get(event.key, {}))}
            self._put("event", {**row, "complaint_id": change.complaint_id})
        for key, effect in (stored.effects if stored else {}).items():
            if case.effects[key] is not effect:
                self._put("effect", {"complaint_id_": change.complaint_id, "key_": key, "effect": case.effects[key]})

    def _add_consequences(
        self, complaint_id: int, added: Sequence[CaseEvent], rows: Sequence[ClockRow], stored: Stored
    ) -> None:
        """What the new fold changes that nobody did just now goes on record too: new rules, breaches cleared late."""
        moved = moved_by_rules(stored.clocks, rows, self.rules)
        found = list(entries(complaint_id, moved, self.rules, change_no=self.change_no, now=self.now))
        if added:
            by_rules = {each.key for each in moved}
            others = [row for row in rows if row.key not in by_rules]
            found += corrections(complaint_id, stored.clocks, others, now=self.now)
        for row in found:
            self._put("event", {**_NO_EVENT, **row})

    def _add_former_facts(self, change: Change, header: Mapping[str, Any]) -> None:
        """What policies looked at is no entry of the history, so what it was until now is kept beside."""
        if any(name in change.values and change.values[name] != header[name] for name in FACTS):
            former = {name: header[name] for name in FACTS}
            self._put("facts", {"complaint_id": change.complaint_id, "replaced_at": self.now, **former})

    def _add_clocks(self, complaint_id: int, rows: Sequence[ClockRow], stored: Stored | None) -> None:
        former = stored.clocks if stored else {}
        for row in rows:
            values = {name: getattr(row, name) for name in CLOCK_FIELDS}
            if row.key not in former:
                self._put("clock", {"complaint_id": complaint_id, **values})
            elif any(former[row.key][name] != value for name, value in values.items()):
                self._put("clock_change", {"id_": former[row.key]["id"], **values})
        for key in former.keys() - {row.key for row in rows}:
            self._put("clock_gone", {"id_": former[key]["id"]})

    def _add_spans(
        self, complaint_id: int, spans: Mapping[str, Sequence[dict[str, Any]]], stored: Stored | None
    ) -> None:
        for kind, count in (("stint", stored.stint_count), ("pause", stored.pause_count)) if stored else ():
            if count:
                self._put(f"{kind}_gone", {"id_": complaint_id})
        for kind, rows in spans.items():
            for row in rows:
                self._put(kind, row)

    def _add_slots(
        self, complaint_id: int, values: dict[str, Any], was: tuple[Any, Any, Any], *, is_sure: bool
    ) -> None:
        """Places that `was` gives already stay; a recalculation is not sure of them, since units move in their tree."""
        if is_sure and was == (values["is_open"], values["unit_id"], values["queue_at"]):
            return
        if was[0] or not is_sure:
            self._put("slot_gone", {"id_": complaint_id})
        if values["is_open"]:
            for row in slot_rows(complaint_id, values["unit_id"], values["queue_at"], self.rules):
                self._put("slot", row)

    async def write(self, connection: AsyncConnection) -> None:
        """Each kind of row in one go, parents first."""
        for kind in ("event", "clock"):
            ids = await reserve_ids(connection, _INSERTS[kind], len(self.rows.get(kind, ())))
            for row, row_id in zip(self.rows.get(kind, ()), ids, strict=True):
                row["id"] = row_id
        for kind, table in _INSERTS.items():
            if kind == "complaint":
                await insert_rows(connection, table, self.rows.get(kind, ()))
        for kind, statement in _CHANGES.items():
            if rows := self.rows.get(kind):
                await connection.execute(statement, rows)
        if rows := self.rows.get("header"):
            await _update_headers(connection, rows)
        for kind, table in _INSERTS.items():
            if kind != "complaint":
                await insert_rows(connection, table, self.rows.get(kind, ()))


def _recorded(change: Change, turn: Turn) -> Change:
    if all(event.recorded_at > turn.settled_at for event in change.events):
        return change
    events = [replace(event, recorded_at=turn.recorded_at(event.recorded_at)) for event in change.events]
    return replace(change, events=events)


def _unheard(events: Sequence[CaseEvent], stored: Stored | None) -> list[CaseEvent]:
    """The entries that the history does not hold; of one that a source tells twice in one record the first."""
    known = {event.key for event in stored.events} if stored else set()
    found: dict[str, CaseEvent] = {}
    for event in events:
        if event.key not in known:
            found.setdefault(event.key, event)
    return list(found.values())


async def _update_headers(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Update headers; rows that set the same columns go together."""
    grouped: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        grouped.setdefault(tuple(sorted(row)), []).append(row)
    for names, group in grouped.items():
        values: dict[str, Any] = {name: bindparam(name) for name in names if name != "id_"}
        await connection.execute(update(_complaint).where(Complaint.id == bindparam("id_")).values(values), group)


def _span_rows(
    complaint_id: int, case: Case, events: Sequence[CaseEvent], received_at: datetime
) -> dict[str, list[dict[str, Any]]]:
    """The rows of a case's stints and pauses, numbered from 1."""
    spans: Mapping[str, tuple[tuple[str, ...], Sequence[object]]] = {
        "stint": (_STINT_FIELDS, case.stints),
        "pause": (_PAUSE_FIELDS, case.pauses),
    }
    found = {
        kind: [
            {"complaint_id": complaint_id, "ordinal": ordinal, **{name: getattr(span, name) for name in names}}
            for ordinal, span in enumerate(each, start=1)
        ]
        for kind, (names, each) in spans.items()
    }
    held = held_seconds(case, events, received_at=received_at)
    found["stint"] = [{**row, "held_s": held_s} for row, held_s in zip(found["stint"], held, strict=True)]
    return found


def facts_of(header: Mapping[str, Any]) -> CaseFacts:
    """What policies match on, from a complaint's header."""
    families = header.get("policy_families")
    return CaseFacts(
        connectors=tuple(header["connectors"]),
        category=header.get("category_code"),
        channel=header.get("channel"),
        classification=header.get("classification"),
        families=frozenset(families) if families is not None else None,
        source_due_at=header.get("source_due_at"),
        is_history=bool(header.get("is_history", False)),
    )


def _header_values(case: Case, rows: Sequence[ClockRow]) -> dict[str, Any]:
    """The header columns that are a fold of the history, with the headline timers."""
    first = headline(rows) if case.status in OPEN else None
    return {
        "status": case.status,
        "source_status": case.source_status,
        "is_open": case.status not in TERMINAL,
        "unit_id": case.unit_id,
        "assignee_id": case.assignee_id,
        "claim_expires_at": case.claim_expires_at,
        "reported_at": case.reported_at,
        "closed_at": case.closed_at,
        "promised_at": case.promised_at,
        "hops": case.hops,
        "rework_count": case.rework_count,
        "reopen_count": case.reopen_count,
        "conflict_count": case.conflict_count,
        "next_clock": first[0] if first else None,
        "next_due_at": first[1] if first else None,
        "queue_at": first[1] if first else NEVER,
        "respond_due_at": _due(rows, "respond"),
        "resolve_due_at": _due(rows, "resolve"),
        "is_missed": any(row.state is State.MISSED for row in rows),
    }


def _due(rows: Sequence[ClockRow], clock: str) -> datetime | None:
    """The earliest due time of the newest cycle of `clock`."""
    due = [(-row.cycle, row.due_at) for row in rows if row.clock == clock and row.due_at is not None]
    return min(due)[1] if due else None


_complaint: Table = Complaint.__table__  # type: ignore[assignment]
_event: Table = ComplaintEvent.__table__  # type: ignore[assignment]
_clock: Table = SlaClock.__table__  # type: ignore[assignment]
_slot: Table = QueueSlot.__table__  # type: ignore[assignment]
_stint: Table = Stint.__table__  # type: ignore[assignment]
_pause: Table = Pause.__table__  # type: ignore[assignment]
_review: Table = AlertReview.__table__  # type: ignore[assignment]

_NO_EVENT: dict[str, Any] = dict.fromkeys((each.name for each in fields(CaseEvent)), None)
CLOCK_FIELDS = tuple(each.name for each in fields(ClockRow))
FACTS = (
    "connectors", "category", "category_code", "channel", "classification", "policy_families", "source_due_at",
    "is_history",
)  # fmt: skip
"""The columns of a header that policies look at, or figures are sliced by."""
_EVENT_FIELDS = tuple(each.name for each in fields(CaseEvent))

_STINT_FIELDS = tuple(each.name for each in fields(StintFacts))
_PAUSE_FIELDS = tuple(each.name for each in fields(PauseFacts))

_INSERTS: Mapping[str, Table] = {
    "complaint": _complaint,
    "event": _event,
    "clock": _clock,
    "slot": _slot,
    "stint": _stint,
    "pause": _pause,
    "facts": FormerFacts.__table__,  # type: ignore[dict-item]
    "review": _review,
}
_CHANGES = {
    "effect": update(_event)
    .where(_event.c.complaint_id == bindparam("complaint_id_"), _event.c.key == bindparam("key_"))
    .values(effect=bindparam("effect")),
    "clock_change": update(_clock)
    .where(_clock.c.id == bindparam("id_"))
    .values({name: bindparam(name) for name in CLOCK_FIELDS}),
    "clock_gone": delete(_clock).where(_clock.c.id == bindparam("id_")),
    "slot_gone": delete(_slot).where(_slot.c.complaint_id == bindparam("id_")),
    "stint_gone": delete(_stint).where(_stint.c.complaint_id == bindparam("id_")),
    "pause_gone": delete(_pause).where(_pause.c.complaint_id == bindparam("id_")),
}
