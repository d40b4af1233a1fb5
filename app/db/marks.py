"""The instants at which time alone changes what is shown of a unit: the last one that has passed, the next one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import CompoundSelect, Select, bindparam, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.among import among
from app.db.column_types import UtcDateTime
from app.db.tables.complaints import IS_OPEN, Complaint, SlaClock
from app.db.tables.units import Unit
from app.db.unit_changes import NO_UNIT
from app.sla.scorecard import AGE_LIMITS

CLOCKS = ("respond", "resolve", "coordinate", "handle", "validate", "update")


class Passing(StrEnum):
    """What passes: due times of cycles, their day or three days ahead; or an age of complaints."""

    DUE = "due"
    AGE = "age"


_OFFSETS: Mapping[Passing, tuple[timedelta, ...]] = {
    Passing.DUE: (timedelta(), timedelta(hours=24), timedelta(hours=72)),
    # The report itself too: a source's clock may run a little ahead of ours.
    Passing.AGE: (timedelta(), *(-limit for limit in AGE_LIMITS)),
}


@dataclass(frozen=True, slots=True)
class Marks:
    """The last instant that has passed and the next one; None is never. At the instant itself it has not passed."""

    last: datetime | None = None
    next: datetime | None = None

    def hold_at(self, now: datetime) -> bool:
        """Whether they are still the last and the next one."""
        return (self.last is None or self.last < now) and (self.next is None or now <= self.next)


async def read_marks(
    connection: AsyncConnection, passing: Passing, unit_ids: Collection[int], *, now: datetime
) -> dict[int, Marks]:
    """The marks of each unit by itself: some probes of an index each, however much the unit holds."""
    offsets = _OFFSETS[passing]
    values: dict[str, Any] = {f"edge_{place}": now + offset for place, offset in enumerate(offsets)}
    found: dict[int, list[tuple[Any, ...]]] = {each: [] for each in unit_ids}
    for unit_id, *edges in await connection.execute(_STATEMENTS[passing], {**values, "ids": list(unit_ids)}):
        found[unit_id].append(tuple(edges))
    if NO_UNIT in found:
        found[NO_UNIT] = [tuple(row) for row in await connection.execute(_UNHELD[passing], values)]
    return {unit_id: _marks(rows, offsets) for unit_id, rows in found.items()}


def _marks(rows: list[tuple[Any, ...]], offsets: tuple[timedelta, ...]) -> Marks:
    passed, coming = [], []
    for row in rows:
        for place, offset in enumerate(offsets):
            last, following = row[2 * place], row[2 * place + 1]
            passed += [last - offset] if last is not None else []
            coming += [following - offset] if following is not None else []
    return Marks(max(passed, default=None), min(coming, default=None))


def _edge(place: int) -> Any:
    return bindparam(f"edge_{place}", type_=UtcDateTime)


def _probes(column: Any, count: int, *conditions: Any) -> list[Any]:
    """The last value before each edge and the first one from it on, each a probe of an index."""
    found = []
    for place in range(count):
        before, after = column < _edge(place), column >= _edge(place)
        found += [
            select(func.max(column, type_=UtcDateTime)).where(*conditions, before).scalar_subquery(),
            select(func.min(column, type_=UtcDateTime)).where(*conditions, after).scalar_subquery(),
        ]
    return found


def _due_statement() -> CompoundSelect[Any]:
    """The due times of a unit's own cycles, and what its open complaints are due by: that may be another's cycle, as
    the verdict on what it submitted is the validating bureau's."""
    clock = union_all(*(select(literal(name, literal_execute=True).label("name")) for name in CLOCKS)).subquery("clock")
    conditions = (SlaClock.unit_id == Unit.id, SlaClock.clock == clock.c.name)
    probes = _probes(SlaClock.due_at, len(_OFFSETS[Passing.DUE]), *conditions)
    own = select(Unit.id, *probes).join(clock, literal(1) == 1).where(among(Unit.id, "ids"))
    probes = _probes(Complaint.queue_at, len(_OFFSETS[Passing.DUE]), Complaint.unit_id == Unit.id, IS_OPEN)
    return union_all(own, select(Unit.id, *probes).where(among(Unit.id, "ids")))


def _age_statement() -> Select[Any]:
    probes = _probes(Complaint.reported_at, len(_OFFSETS[Passing.AGE]), Complaint.unit_id == Unit.id)
    return select(Unit.id, *probes).where(among(Unit.id, "ids"))


_STATEMENTS: Mapping[Passing, Select[Any] | CompoundSelect[Any]] = {
    Passing.DUE: _due_statement(),
    Passing.AGE: _age_statement(),
}
# Few complaints stay without a unit: what none holds is read as it is.
_UNHELD = {
    Passing.DUE: select(*_probes(SlaClock.due_at, len(_OFFSETS[Passing.DUE]), SlaClock.unit_id.is_(None))),
    Passing.AGE: select(*_probes(Complaint.reported_at, len(_OFFSETS[Passing.AGE]), Complaint.unit_id.is_(None))),
}
