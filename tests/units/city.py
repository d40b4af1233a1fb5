"""A small city with two months of complaints of every kind, and a plain recount of what its rows say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from app.complaint.events import CaseEvent, EventKind, Timing
from app.complaint.lifecycle import OPEN, Move, Status
from app.db.changes import RULES, count_up
from app.db.complaints import Change, advance
from app.db.scope import Scope
from app.db.session import reading, writing
from app.units.directory import Directory, read_directory
from app.units.periods import Period, read_period
from app.units.status import Group, read_statuses
from app.units.status import Status as UnitStatus
from tests.workqueue.desk import _HEADER, _VERSION, WIB, Desk, _add, at, table

NOW = at("2026-03-02 10:20")
HOLDERS = ("kota", "dinas", "kecamatan", "kelurahan-a", "kelurahan-b", "sudin")
HOUR = timedelta(hours=1)
CITIZEN = ("respond", "resolve")


class City(Desk):
    """The desk's city, with a red flag beside its 24 hours, a target for hand-overs and one for validation."""

    async def build(self) -> None:
        await super().build()
        rules = {
            "flag.respond": ("flag", "respond", 6 * 24 * 60),
            "city.coordinate": ("city", "coordinate", 6 * 60),
            "city.validate": ("city", "validate", 48 * 60),
        }
        async with writing(self.engine) as connection:
            for name, (family, clock, minutes) in rules.items():
                policy_id = await _add(connection, "policy", name=name, family=family, kind="clock", clock=clock)
                await _add(connection, "policy_version", policy_id=policy_id, target_amount=minutes, **_VERSION)
            await count_up(connection, RULES)

    async def fill(self, count: int, *, seed: int = 7) -> None:
        """So many complaints of the last two months, each with a life of its own."""
        chance = Random(seed)
        changes = [self._complaint(number, chance) for number in range(1, count + 1)]
        async with writing(self.engine) as connection:
            await advance(connection, changes, await self.rules(connection), now=NOW)
            for change in changes[::3]:
                row = {"assignee_id": self.officers["ani"]}
                complaint = table("complaint")
                await connection.execute(complaint.update().where(complaint.c.id == change.complaint_id).values(row))

    def _complaint(self, number: int, chance: Random) -> Change:
        values = {**_HEADER, "ticket_code": f"JK{number:08}", "received_at": NOW}
        events = list(self._life(chance))
        kept = [events[0], *(event for event in events[1:] if event.occurred_at <= NOW)]
        return Change(complaint_id=number, events=kept, values=values, is_new=True)

    def _life(self, chance: Random) -> Iterator[CaseEvent]:
        when = NOW - timedelta(seconds=chance.randrange(60 * 86_400))
        yield self._event(chance, EventKind.REPORTED, when)
        if chance.random() < 0.06:
            return
        yield self._event(chance, EventKind.ASSIGNED, when, unit_id=self._holder(chance))
        for move in _course(chance):
            when += chance.choice((HOUR, 5 * HOUR, 30 * HOUR, 100 * HOUR)) * chance.random()
            when = when.replace(microsecond=0)
            more = {"unit_id": self._holder(chance)} if move is Move.FORWARD else {}
            yield self._event(chance, EventKind.MOVE, when, move=move, **more)
        if chance.random() < 0.1:
            yield self._event(chance, EventKind.STATUS, when + HOUR, status=Status.RESOLVED, timing=Timing.UNKNOWN)

    def _holder(self, chance: Random) -> int:
        return self.units[chance.choice(HOLDERS)]

    def _event(self, chance: Random, kind: EventKind, when: datetime, **values: Any) -> CaseEvent:
        return CaseEvent(kind=kind, occurred_at=when, recorded_at=when, key=f"{chance.getrandbits(64):x}", **values)

    async def directory(self, scope: Scope) -> Directory:
        async with reading(self.engine) as connection:
            return await read_directory(connection, scope, (await self.rules(connection)).ancestors)

    async def statuses(
        self, groups: Sequence[Group], period: Period, *, with_unrouted: bool = False
    ) -> list[UnitStatus]:
        async with reading(self.engine) as connection:
            return await read_statuses(
                connection, groups, await self.rules(connection), period=period, with_unrouted=with_unrouted, now=NOW
            )

    async def recount(self) -> Recount:
        return Recount(
            {row.id: row for row in await self.rows("unit")}, await self.rows("complaint"), await self.rows("sla_clock")
        )


def period(name: str = "30d") -> Period:
    return read_period(name, now=NOW, zone=WIB)


def _course(chance: Random) -> Sequence[Move]:
    """The moves of one life, as they might come."""
    work = [Move.ACCEPT, Move.RESPOND]
    if chance.random() < 0.4:
        work[:0] = [Move.FORWARD] * chance.randrange(1, 3)
    if chance.random() < 0.2:
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


@dataclass
class Recount:
    """Every row of the city, counted one by one with nothing but loops; parents are climbed, not looked up."""

    units: Mapping[int, Any]
    complaints: Sequence[Any]
    clocks: Sequence[Any]

    def lies_in(self, unit_id: int | None, group: Group) -> bool:
        if unit_id is None:
            return False
        unit = self.units[unit_id]
        if unit_id in group:
            return True
        return self.lies_in(unit.parent_id, group) or self.lies_in(unit.second_parent_id, group)

    def open_ones(self, group: Group) -> list[Any]:
        return [row for row in self.complaints if row.status in OPEN and self.lies_in(row.unit_id, group)]

    def cycles(self, group: Group, clock: str) -> list[Any]:
        """The strictest row of each cycle."""
        best: dict[tuple[int, int], Any] = {}
        for row in self.clocks:
            if row.clock != clock or not self.lies_in(row.unit_id, group):
                continue
            held = best.get((row.complaint_id, row.cycle))
            if held is None or _strictness(row) < _strictness(held):
                best[row.complaint_id, row.cycle] = row
        return list(best.values())

    def clock(self, group: Group, clock: str, span: Period) -> dict[str, Any]:
        cycles = self.cycles(group, clock)
        due = [row for row in cycles if _in(row.due_at, span)]
        stopped = [row for row in cycles if row.state in ("met", "missed") and _in(row.stopped_at, span)]
        return {
            "received": sum(_in(row.started_at, span) for row in cycles),
            "met": sum(row.state == "met" for row in due),
            "missed": sum(row.state == "missed" for row in due),
            "running_overdue": sum(row.state in ("running", "paused") for row in due),
            "times_s": tuple(sorted(row.elapsed_s for row in stopped)),
            "elapsed_s": sum(row.elapsed_s for row in stopped),
            "paused_s": sum(row.paused_s for row in stopped),
        }


def _strictness(row: Any) -> tuple[bool, float, str]:
    return row.due_at is None, row.due_at.timestamp() if row.due_at else 0, row.family


def _in(at: datetime | None, span: Period) -> bool:
    return at is not None and span.since <= at < span.until
