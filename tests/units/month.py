"""A month of a small city that goes on: late and corrected entries, changes of rules and of categories, two parents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import insert

from app.complaint.events import CaseEvent, EventKind, Timing
from app.complaint.lifecycle import Move, Status
from app.db.changes import RULES, count_up
from app.db.complaints import Change, advance
from app.db.moved import Occasion
from app.db.rejudge import rejudge
from app.db.session import writing
from tests.units.city import HOLDERS, HOUR, City
from tests.workqueue.desk import _HEADER, _VERSION, _add, at, table

BEGIN = at("2026-01-20 00:00")
THEN = at("2026-02-24 10:20")
"""Where the figures are asked for, and asked for again a week later."""
END = at("2026-03-03 10:20")
CHANGES = {
    at("2026-02-05 09:00"): ("city.respond", 12 * 60),
    at("2026-02-27 09:00"): ("city.resolve", 2 * 24 * 60),
}
"""When which policy got which other target."""
RENAMED = (at("2026-02-09 08:00"), at("2026-02-26 08:00"))
"""When sources corrected categories and channels."""
CATEGORIES = ("jalan", "pohon", None)
CHANNELS = ("JAKI", "Twitter", "E-mail")


@dataclass
class Life:
    """One complaint: its header as it was first told, and all that will be recorded of it."""

    values: dict[str, Any]
    sources: Sequence[str]
    events: list[CaseEvent] = field(default_factory=list)


class Month(City):
    """The city, filled only as far as its time has come."""

    lives: dict[int, Life]
    told: datetime

    async def begin(self, count: int, *, seed: int = 11) -> None:
        """The whole month is thought out; nothing of it has happened yet."""
        chance = Random(seed)
        self.lives = {number: self._life_of(number, chance) for number in range(1, count + 1)}
        self.told = BEGIN
        async with writing(self.engine) as connection:
            rows = [{"code": code, "name": code, "is_active": True} for code in CATEGORIES if code]
            await connection.execute(insert(table("category")).values(rows))

    async def go_on_to(self, instant: datetime) -> None:
        """All that is recorded up to the instant, in the order of its recording."""
        stops = sorted({each for each in (*CHANGES, *RENAMED, instant) if self.told < each <= instant})
        for stop in stops:
            await self._record_until(stop)
            if stop in CHANGES:
                await self._change_rules(stop)
            if stop in RENAMED:
                await self._rename(stop)
            self.told = stop

    async def _record_until(self, instant: datetime) -> None:
        changes = []
        for number, life in self.lives.items():
            events = [event for event in life.events if self.told < event.recorded_at <= instant]
            is_new = life.events[0].recorded_at > self.told
            if events:
                values = life.values if is_new else {}
                changes.append(Change(complaint_id=number, events=events, values=values, is_new=is_new))
        async with writing(self.engine) as connection:
            await advance(connection, changes, await self.rules(connection), now=instant)
            for change in changes:
                if change.is_new:
                    await self._carry(connection, change.complaint_id)

    async def _carry(self, connection: Any, number: int) -> None:
        life = self.lives[number]
        for name in life.sources:
            row = {"source_id": self.sources[name], "external_id": str(number), "complaint_id": number}
            row |= {"content_hash": f"{number}", "sealed_raw": b"", "notices": [], "changed_at": BEGIN}
            row |= {"reported_at": BEGIN, "first_seen_at": life.events[0].recorded_at}
            await _add(connection, "source_record", **row)

    async def _change_rules(self, instant: datetime) -> None:
        name, minutes = CHANGES[instant]
        policies = {row.name: row.id for row in await self.rows("policy")}
        version = {**_VERSION, "version": 2, "target_amount": minutes, "published_at": instant}
        async with writing(self.engine) as connection:
            await _add(connection, "policy_version", policy_id=policies[name], **version)
            await count_up(connection, RULES)
        known = [row.id for row in await self.rows("complaint")]
        async with writing(self.engine) as connection:
            await rejudge(connection, known, await self.rules(connection), Occasion(1, "shorter"), now=instant)

    async def _rename(self, instant: datetime) -> None:
        """Every seventh complaint gets another category and channel, as far as it is known."""
        changes = [
            Change(complaint_id=row.id, values={"category_code": "pohon", "channel": "Twitter"})
            for row in await self.rows("complaint")
            if row.id % 7 == instant.day % 7
        ]
        async with writing(self.engine) as connection:
            await advance(connection, changes, await self.rules(connection), now=instant)

    # --- lives ------------------------------------------------------------------------------------------------------

    def _life_of(self, number: int, chance: Random) -> Life:
        reported_at = BEGIN + timedelta(seconds=chance.randrange(int((END - BEGIN).total_seconds())))
        category = chance.choice(CATEGORIES)
        values = {
            **_HEADER,
            "ticket_code": f"JK{number:08}",
            "is_private": chance.random() < 0.1,
            "channel": chance.choice(CHANNELS),
            "category": f"Kategori {category}" if category else None,
            "category_code": category,
            "connectors": ["jaki"],
        }
        life = Life(values, chance.choice((("jaki",), ("crm",), ("crm", "jaki"))))
        life.events = self._events_of(number, reported_at, chance)
        values["received_at"] = life.events[0].recorded_at
        return life

    def _events_of(self, number: int, reported_at: datetime, chance: Random) -> list[CaseEvent]:
        """The report first; then, as it was recorded, what happened: one in six entries comes days later."""
        seen_at = reported_at + timedelta(minutes=chance.choice((0, 3, 600)))
        first = _event(number, 0, EventKind.REPORTED, reported_at, seen_at, source_id=self.sources["jaki"])
        rest = []
        for place, (kind, when, more) in enumerate(self._happenings(reported_at, chance), start=1):
            lag = timedelta(days=chance.randrange(1, 9)) if chance.random() < 1 / 6 else timedelta(minutes=2)
            rest.append(_event(number, place, kind, when, max(when + lag, seen_at), **more))
        return [
            first,
            *sorted((event for event in rest if event.recorded_at <= END), key=lambda each: each.recorded_at),
        ]

    def _happenings(self, when: datetime, chance: Random) -> Iterator[tuple[EventKind, datetime, dict[str, Any]]]:
        if chance.random() < 0.08:
            return
        holder = {"unit_id": self.units[chance.choice(HOLDERS)], "source_id": self.sources["jaki"]}
        yield EventKind.ASSIGNED, when, holder
        for move in self._course(chance):
            when = (when + chance.choice((HOUR, 5 * HOUR, 30 * HOUR, 90 * HOUR)) * chance.random()).replace(
                microsecond=0
            )
            more: dict[str, Any] = {"move": move, "actor_id": self.officers["gita"]}
            if move is Move.FORWARD:
                more["unit_id"] = self.units[chance.choice(HOLDERS)]
            if move is Move.ASSIGN:
                more["assignee_id"] = self.officers["ani"]
            yield EventKind.MOVE, when, more
        if chance.random() < 0.1:
            told = {"status": Status.RESOLVED, "timing": Timing.UNKNOWN, "source_id": self.sources["crm"]}
            yield EventKind.STATUS, when + HOUR, told

    def _course(self, chance: Random) -> list[Move]:
        work = [Move.ACCEPT, Move.RESPOND]
        if chance.random() < 0.4:
            work[:0] = [Move.FORWARD] * chance.randrange(1, 3)
        if chance.random() < 0.3:
            work.append(Move.ASSIGN)
        if chance.random() < 0.25:
            work += [Move.ASK_COMPLAINANT, Move.COMPLAINANT_ANSWERED]
        ends = (
            [Move.SUBMIT, Move.APPROVE],
            [Move.SUBMIT, Move.SEND_BACK, Move.SUBMIT, Move.APPROVE],
            [Move.SUBMIT, Move.APPROVE, Move.REOPEN, Move.SUBMIT, Move.APPROVE],
            [Move.SUBMIT],
            [Move.REJECT],
            [Move.WITHDRAW],
        )
        course = work + chance.choice(ends)
        return course[: chance.randrange(len(course) + 1)] if chance.random() < 0.4 else course


def _event(number: int, place: int, kind: EventKind, when: datetime, seen_at: datetime, **more: Any) -> CaseEvent:
    return CaseEvent(kind=kind, occurred_at=when, recorded_at=seen_at, key=f"{number}:{place}", **more)
