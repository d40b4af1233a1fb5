"""The tree of units as one caller may see it: codes and ids, parents and children, what lies above what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import InvalidInput, NotFound
from app.db.scope import Scope
from app.db.tables.units import Unit

_COLUMNS = (
    Unit.id, Unit.code, Unit.name, Unit.type, Unit.parent_id, Unit.second_parent_id, Unit.is_validator, Unit.is_active,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class UnitCard:
    """One unit; `parent_ids` is who it answers to, then the area it works in where that is another one."""

    id: int
    code: str
    name: str
    type: str
    parent_ids: tuple[int, ...]
    is_validator: bool
    is_active: bool


@dataclass(frozen=True, slots=True)
class Directory:
    """The units that a scope covers, by code; all others do not exist for its holder.

    `ancestors` lists a unit's ancestors, itself first, whatever the scope.
    """

    units: Mapping[int, UnitCard]
    ancestors: Mapping[int, tuple[int, ...]]

    def find(self, code: str) -> UnitCard:
        """The unit of this code.

        Raises: NotFound, when it is absent or outside the scope.
        """
        found = next((unit for unit in self.units.values() if unit.code == code), None)
        if found is None:
            raise NotFound(f"unit {code} does not exist")
        return found

    def named(self, field: str, code: str) -> UnitCard:
        """The unit that a filter names.

        Raises: InvalidInput, naming the filter, when it is absent or outside the scope.
        """
        try:
            return self.find(code)
        except NotFound as error:
            raise InvalidInput(field, f"no unit is called {code!r}") from error

    def children(self, unit_id: int) -> list[UnitCard]:
        """The active units right below, over either parent."""
        return [unit for unit in self.active() if unit_id in unit.parent_ids]

    def all_below(self, unit_id: int) -> list[UnitCard]:
        """The units right below, over either parent, closed ones too."""
        return [unit for unit in self.units.values() if unit_id in unit.parent_ids]

    def tops(self) -> list[UnitCard]:
        """The units that have no parent here; those that no longer work only where no other does."""
        tops = [unit for unit in self.units.values() if not any(parent in self.units for parent in unit.parent_ids)]
        return [unit for unit in tops if unit.is_active] or tops

    def active(self) -> list[UnitCard]:
        """Every unit that still works."""
        return [unit for unit in self.units.values() if unit.is_active]

    def of_type(self, unit_type: str, units: Iterable[UnitCard]) -> list[UnitCard]:
        """Those of `units` that are of a type.

        Raises: InvalidInput, when no unit here is.
        """
        known = sorted({unit.type for unit in self.units.values()})
        if unit_type not in known:
            raise InvalidInput("type", f"must be one of {', '.join(known)}")
        return [unit for unit in units if unit.type == unit_type]

    def parent_codes(self, unit: UnitCard) -> list[str]:
        """The codes of the parents that exist here."""
        return [self.units[parent].code for parent in unit.parent_ids if parent in self.units]

    def way_up(self, unit: UnitCard) -> list[UnitCard]:
        """The units above, topmost first, over the first parent at each step."""
        way: list[UnitCard] = []
        above = self._parent(unit)
        while above is not None:
            way.insert(0, above)
            above = self._parent(above)
        return way

    def by_parent(self) -> dict[int | None, list[UnitCard]]:
        """The active units by the parents they have here; those without one under None."""
        found: dict[int | None, list[UnitCard]] = defaultdict(list)
        for unit in self.active():
            parents = [parent for parent in unit.parent_ids if parent in self.units]
            for parent in parents or (None,):
                found[parent].append(unit)
        return found

    def _parent(self, unit: UnitCard) -> UnitCard | None:
        return next((self.units[parent] for parent in unit.parent_ids if parent in self.units), None)


async def read_directory(
    connection: AsyncConnection, scope: Scope, ancestors: Mapping[int, tuple[int, ...]]
) -> Directory:
    """The directory of what `scope` covers, ordered by code."""
    rows = await connection.execute(select(*_COLUMNS))
    # Not by the database: it may sort as a dictionary does, b before C, and pages go by what lies behind a code.
    cards = sorted((_card(*row) for row in rows), key=attrgetter("code"))
    covered = None if scope.unit_ids is None else set(scope.unit_ids)
    return Directory({card.id: card for card in cards if _is_covered(card.id, covered, ancestors)}, ancestors)


def _card(
    unit_id: int,
    code: str,
    name: str,
    unit_type: str,
    parent_id: int | None,
    second_parent_id: int | None,
    is_validator: bool,
    is_active: bool,
) -> UnitCard:
    parents = dict.fromkeys(parent for parent in (parent_id, second_parent_id) if parent is not None)
    return UnitCard(unit_id, code, name, unit_type, tuple(parents), is_validator, is_active)


def _is_covered(unit_id: int, covered: set[int] | None, ancestors: Mapping[int, Sequence[int]]) -> bool:
    return covered is None or not covered.isdisjoint(ancestors.get(unit_id, (unit_id,)))
