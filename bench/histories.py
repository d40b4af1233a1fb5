"""From a report of the make-believe city to the rows that storing it would have made, but for their ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from app.complaint.clocks import CLOSED_STATES, ClockRow, Rulebook
from app.complaint.events import CaseEvent, EventKind
from app.complaint.lifecycle import Status
from app.complaint.words import fold_word
from app.db.case_rows import Stored
from app.db.complaints import Refolded, refold
from app.demo.report import Channel, Report, State, state_at
from app.intake.reference import Reference
from app.sla.clock import Stored as StoredClock
from app.sla.clock import counting_calendar, highest_passed
from app.vault import Vault

Row = dict[str, Any]

_LOOK = timedelta(minutes=2)
"""How long after a change a source is read."""
_EVENT_FIELDS = tuple(each.name for each in fields(CaseEvent))
_CLOCK_FIELDS = tuple(each.name for each in fields(ClockRow))


@dataclass(slots=True)
class Historian:
    """What turns reports into rows: the rules, the words and labels of the sources by name, the key."""

    rules: Rulebook
    reference: Reference
    source_ids: Mapping[str, int]
    vault: Vault
    until: datetime
    unit_ids: dict[str | None, int | None] = field(default_factory=dict)
    """What a label was found to mean: the city has few."""

    def rows(self, complaint_id: int, report: Report) -> dict[str, list[Row]]:
        """The rows of one complaint by table; its status and clocks are the fold of its history, as everywhere."""
        state = state_at(report, self.until)
        connectors = ["crm", "jaki"] if report.channel is Channel.JAKI else ["crm"]
        events = list(self._events(report, state, connectors[-1]))
        header = {**self._content(report, connectors), "received_at": report.reported_at + _LOOK}
        folded = self._fold(complaint_id, header, events)
        seen = {"updated_at": state.updated_at + _LOOK}
        return {
            "complaint": [{"id": complaint_id, **header, **folded.header, **seen, "version": len(state.steps)}],
            "complaint_event": [self._event_row(complaint_id, event, folded) for event in events],
            "sla_clock": [_clock_row(complaint_id, row) for row in folded.rows],
            "stint": folded.spans["stint"],
            "pause": folded.spans["pause"],
            "queue_slot": folded.spans["slot"],
            "source_record": [self._record(complaint_id, name, report, state) for name in connectors],
        }

    def _events(self, report: Report, state: State, source: str) -> Iterator[CaseEvent]:
        yield self._event(report, source, EventKind.REPORTED, report.reported_at, "reported")
        holder = None
        for step in state.steps:
            unit_id = self._unit(step.unit)
            if unit_id is not None and unit_id != holder:
                key = f"unit:{int(step.at.timestamp())}:{unit_id}"
                yield self._event(report, source, EventKind.ASSIGNED, step.at, key, unit_id=unit_id)
                holder = unit_id
            word, folded = str(step.status), step.status.casefold()
            status = self.reference.words[folded]
            key = f"status:{int(step.at.timestamp())}:{folded}"
            yield self._event(report, source, EventKind.STATUS, step.at, key, status=status, word=word)

    def _unit(self, label: str | None) -> int | None:
        if label not in self.unit_ids:
            self.unit_ids[label] = self.reference.directory.unit(label)
        return self.unit_ids[label]

    def _event(
        self,
        report: Report,
        source: str,
        kind: EventKind,
        at: datetime,
        key: str,
        *,
        unit_id: int | None = None,
        status: Status | None = None,
        word: str | None = None,
    ) -> CaseEvent:
        source_id = self.source_ids[source]
        return CaseEvent(
            occurred_at=at,
            recorded_at=at + _LOOK,
            kind=kind,
            key=f"{source_id}:{report.code}:{key}",
            status=status,
            unit_id=unit_id,
            source_id=source_id,
            word=word,
            rank=1,
        )

    def _fold(self, complaint_id: int, header: Row, events: list[CaseEvent]) -> Refolded:
        """The fold; of an open one the steps of the ladder that have passed count as raised."""
        stored = Stored(header, events)
        folded = refold(complaint_id, stored, self.rules)
        if not folded.header["is_open"]:
            return folded
        stored.clocks = {row.key: {**_values(row), "raised_step": self._raised(row)} for row in folded.rows}
        return refold(complaint_id, stored, self.rules)

    def _raised(self, row: ClockRow) -> int:
        if row.policy_version_id is None or row.calendar_version_id is None or row.state in CLOSED_STATES:
            return 0
        policy = self.rules.policy_by_id[row.policy_version_id]
        stored = StoredClock(row.state, row.started_at, row.due_at, paused_s=row.paused_s, target_s=row.target_s)
        counted_on = self.rules.calendar(row.calendar_version_id, row.exception_unit_id)
        calendar = counting_calendar(policy.target, counted_on)
        repeat = timedelta(seconds=policy.repeat_s) if policy.repeat_s is not None else None
        passed = highest_passed(stored, calendar, thresholds=policy.thresholds, repeat=repeat, now=self.until)
        return passed.step if passed is not None else 0

    def _content(self, report: Report, connectors: list[str]) -> Row:
        """The header columns that no history holds."""
        village = self.reference.directory.village(report.village.name)
        lat, lng = report.point or (None, None)
        return {
            "ticket_code": report.code,
            "channel": str(report.channel),
            "classification": None,
            "category": report.crm_category,
            "category_code": self.reference.categories.get(fold_word(report.crm_category)),
            "subject": report.title,
            "text": report.text,
            "lat": lat,
            "lng": lng,
            "address": f"{report.street}, {report.near}",
            "kelurahan_code": village.code if village else None,
            "evidence_urls": [],
            "is_private": report.is_private,
            "is_anonymous": report.is_anonymous,
            "is_confidential": False,
            "is_history": False,
            "time_precision": "second",
            "source_due_at": None,
            "content_rank": 1,
            "handling_rank": 1,
            "connectors": connectors,
            "policy_families": None,
        }

    def _event_row(self, complaint_id: int, event: CaseEvent, folded: Refolded) -> Row:
        values = {name: getattr(event, name) for name in _EVENT_FIELDS}
        return {"complaint_id": complaint_id, **values, "effect": folded.effects[event.key], "details": {}}

    def _record(self, complaint_id: int, source: str, report: Report, state: State) -> Row:
        """What a source says; of the raw record no more than its code."""
        return {
            "source_id": self.source_ids[source],
            "external_id": report.code if source == "jaki" else str(report.number),
            "complaint_id": complaint_id,
            "content_hash": f"{report.number:064x}",
            "sealed_raw": self.vault.seal_json({"code": report.code}, "raw"),
            "source_status": str(state.status),
            "unit_label": state.unit,
            "reported_at": report.reported_at,
            "first_seen_at": report.reported_at + _LOOK,
            "changed_at": state.updated_at + _LOOK,
            "notices": [],
        }


def _values(row: ClockRow) -> Row:
    return {name: getattr(row, name) for name in _CLOCK_FIELDS}


def _clock_row(complaint_id: int, row: ClockRow) -> Row:
    return {"complaint_id": complaint_id, **_values(row)}
