"""Which complaints a caller may see, as a value and as a condition in SQL."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, false, or_, select, true

from app.complaint.lifecycle import Status
from app.db.among import among
from app.db.tables.complaints import Complaint
from app.db.tables.units import UnitAncestor


@dataclass(frozen=True, slots=True)
class Scope:
    """The units a caller covers, each with all below it; `unit_ids` None is the whole tree and what is unrouted.

    A validator also sees what awaits validation, wherever it is.
    """

    unit_ids: tuple[int, ...] | None
    is_validator: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether nothing is hidden from the caller."""
        return self.unit_ids is None


WHOLE = Scope(None)


def visible(scope: Scope) -> ColumnElement[bool]:
    """The condition on `complaint` that keeps what the caller may see."""
    if scope.unit_ids is None:
        return true()
    if not scope.unit_ids and not scope.is_validator:
        return false()
    covered = select(UnitAncestor.unit_id).where(UnitAncestor.ancestor_id.in_(scope.unit_ids))
    inside = Complaint.unit_id.in_(covered)
    return or_(inside, Complaint.status == Status.AWAITING_VALIDATION) if scope.is_validator else inside


def visible_within(name: str, *, is_validator: bool) -> ColumnElement[bool]:
    """The same for a scope that is not the whole tree, whose units come as the list that is bound as `name`."""
    inside = lies_below(name)
    return or_(inside, Complaint.status == Status.AWAITING_VALIDATION) if is_validator else inside


def lies_below(name: str) -> ColumnElement[bool]:
    """The condition that a complaint lies with one of the units that are bound as `name`, or below one."""
    return Complaint.unit_id.in_(select(UnitAncestor.unit_id).where(among(UnitAncestor.ancestor_id, name)))
