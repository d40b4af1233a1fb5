"""Who answers for a unit: officers and supervisors up the tree, with leave and delegates, read once for a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.hours import Quiet
from app.alerts.rules import ASSIGNEE, BUREAU, HEAD, OFFICERS, PersonalChannel
from app.complaint.roles import Role
from app.db.tables.people import Leave, Officer, OfficerUnit
from app.db.tables.units import Unit, UnitAncestor

WHOLE_TREE = 0
"""In the place of a unit: whoever has none, since the whole tree is theirs."""

_WAY_UP = (ASSIGNEE, OFFICERS, HEAD, *(f"{HEAD}+{above}" for above in range(1, 10)), BUREAU)
"""Where one goes on who finds nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An officer who is in, and how to reach them."""

    id: int
    channels: frozenset[str]
    quiet: Quiet | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """Somebody who is told: for whom they stand in, and the unit in whose hours they work."""

    person: Person
    stands_in_for: int | None
    unit_id: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Who is told, as what, and in whose place when nobody could be told there."""

    reached: Sequence[Reached]
    told_as: str
    instead_of: str | None


@dataclass(slots=True)
class Directory:
    """People by id, and their ids by unit; `delegates` has everybody who is away, None for no delegate."""

    people: Mapping[int, Person] = field(default_factory=dict)
    officers: Mapping[int, Sequence[int]] = field(default_factory=dict)
    heads: Mapping[int, Sequence[int]] = field(default_factory=dict)
    delegates: Mapping[int, int | None] = field(default_factory=dict)
    above: Mapping[int, Mapping[int, Sequence[int]]] = field(default_factory=dict)
    """For each unit the units so many levels above it, over either parent."""
    validators: Sequence[int] = ()

    def answer(
        self, who: str, *, unit_id: int | None, assignee_id: int | None, channels: Collection[str]
    ) -> Answer | None:
        """Whoever answers as `who`, or else the next one up who can be reached by a channel; None when nobody can."""
        for level in _WAY_UP[_WAY_UP.index(who) :]:
            named = self._at(level, unit_id, assignee_id)
            found = [self.stand_in(officer_id, unit) for officer_id, unit in named]
            reached = [each for each in found if each is not None and each.person.channels & set(channels)]
            if reached:
                return Answer(_each_once(reached), level, who if level != who else None)
        return None

    def _at(self, level: str, unit_id: int | None, assignee_id: int | None) -> list[tuple[int, int | None]]:
        """The ids of people at a level, with the unit that they are there for."""
        if level == ASSIGNEE:
            return [(assignee_id, unit_id)] if assignee_id is not None else []
        if level == OFFICERS:
            return [(each, unit_id) for each in self.officers.get(unit_id or WHOLE_TREE, ())]
        units = self._bureau() if level == BUREAU else self._above(unit_id, int(level.removeprefix(HEAD) or 0))
        return [(each, unit) for unit in units for each in self.heads.get(unit, ())]

    def _above(self, unit_id: int | None, levels: int) -> Sequence[int]:
        ways = self.above.get(unit_id or WHOLE_TREE, {})
        units = list(ways.get(levels, ()))
        # Whoever has no unit of their own is a supervisor of the top.
        return [*units, WHOLE_TREE] if ways and levels == max(ways) else units

    def _bureau(self) -> Sequence[int]:
        return self.validators if any(self.heads.get(each) for each in self.validators) else (WHOLE_TREE,)

    def stand_in(self, officer_id: int, unit_id: int | None) -> Reached | None:
        """The officer, or who stands in, over any chain of delegates; None where it ends or turns in a circle."""
        seen: set[int] = set()
        current: int | None = officer_id
        while current is not None and current in self.delegates and current not in seen:
            seen.add(current)
            current = self.delegates[current]
        person = self.people.get(current) if current is not None and current not in self.delegates else None
        return Reached(person, officer_id if seen else None, unit_id) if person is not None else None


def _each_once(reached: Sequence[Reached]) -> list[Reached]:
    """Who is there for themselves before who only stands in."""
    first = sorted(reached, key=lambda each: (each.stands_in_for is not None, each.person.id))
    return list({each.person.id: each for each in reversed(first)}.values())[::-1]


async def read_directory(
    connection: AsyncConnection, *, unit_ids: Collection[int], officer_ids: Collection[int], now: datetime
) -> Directory:
    """Everybody who may answer for the units, and the officers themselves, as they stand at `now`."""
    above = await _above(connection, unit_ids)
    validators = list(await connection.scalars(select(Unit.id).where(Unit.is_validator).order_by(Unit.id)))
    delegates = await read_delegates(connection, now)
    of_units = {each for ways in above.values() for level in ways.values() for each in level}.union(validators)
    wanted = {*officer_ids, *(each for each in delegates.values() if each is not None)}
    rows = await _officers(connection, own=unit_ids, all_units=of_units, officer_ids=wanted)
    by_role: dict[Role, dict[int, list[int]]] = {Role.OFFICER: defaultdict(list), Role.SUPERVISOR: defaultdict(list)}
    for row in rows:
        if row.role in by_role:
            by_role[row.role][row.unit_id or WHOLE_TREE].append(row.id)
    return Directory(
        people={row.id: person_of(row) for row in rows},
        officers=by_role[Role.OFFICER],
        heads=by_role[Role.SUPERVISOR],
        delegates=delegates,
        above=above,
        validators=validators,
    )


async def read_people(connection: AsyncConnection, officer_ids: Collection[int]) -> dict[int, Person]:
    """The officers who are in, by id."""
    statement = select(*_PERSON).where(Officer.id.in_(officer_ids), Officer.is_active)
    return {row.id: person_of(row) for row in await connection.execute(statement)} if officer_ids else {}


def person_of(row: Any) -> Person:
    """The person that a row of an officer describes."""
    channels = {PersonalChannel.EMAIL: row.email, PersonalChannel.CHAT: row.sealed_chat_url}
    return Person(
        id=row.id,
        channels=frozenset(str(channel) for channel, address in channels.items() if address),
        quiet=Quiet(row.quiet_from, row.quiet_to) if row.quiet_from is not None and row.quiet_to is not None else None,
    )


async def _above(connection: AsyncConnection, unit_ids: Collection[int]) -> dict[int, dict[int, list[int]]]:
    columns = (UnitAncestor.unit_id, UnitAncestor.ancestor_id, UnitAncestor.depth)
    statement = select(*columns).where(UnitAncestor.unit_id.in_(unit_ids)).order_by(UnitAncestor.ancestor_id)
    found: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in await connection.execute(statement) if unit_ids else ():
        found[row.unit_id][row.depth].append(row.ancestor_id)
    return found


async def read_delegates(connection: AsyncConnection, now: datetime) -> dict[int, int | None]:
    """Who is away and who stands in. Of two leaves at once, the one that was entered last counts."""
    statement = select(Leave.officer_id, Leave.delegate_id).where(Leave.starts_at <= now, Leave.ends_at > now)
    return {row.officer_id: row.delegate_id for row in await connection.execute(statement.order_by(Leave.id))}


async def _officers(
    connection: AsyncConnection, *, own: Collection[int], all_units: Collection[int], officer_ids: Collection[int]
) -> list[Any]:
    """A row for each officer and unit; officers of the units themselves, supervisors of all above them too."""
    supervises = and_(
        Officer.role == Role.SUPERVISOR, or_(OfficerUnit.unit_id.is_(None), OfficerUnit.unit_id.in_(all_units))
    )
    works = and_(Officer.role == Role.OFFICER, OfficerUnit.unit_id.in_(own))
    statement = (
        select(*_PERSON, Officer.role, OfficerUnit.unit_id)
        .outerjoin(OfficerUnit, OfficerUnit.officer_id == Officer.id)
        .where(Officer.is_active, or_(supervises, works, Officer.id.in_(officer_ids)))
        .order_by(Officer.id)
    )
    return list(await connection.execute(statement))


_PERSON = (Officer.id, Officer.email, Officer.sealed_chat_url, Officer.quiet_from, Officer.quiet_to)
