"""Who asks: the part of a caller that decides what the queue shows and which moves it takes."""

from __future__ import annotations

from dataclasses import dataclass

from app.complaint.lifecycle import Status
from app.complaint.roles import Role, covers
from app.db.scope import Scope


@dataclass(frozen=True, slots=True)
class Asker:
    """The units, the role and, for moves, the officer of whoever asks."""

    scope: Scope
    role: Role
    officer_id: int | None = None

    @property
    def works(self) -> bool:
        """Whether the asker handles complaints, and so reads unmasked text."""
        return covers(self.role, Role.OFFICER)

    @property
    def leads(self) -> bool:
        """Whether the asker leads a unit, and so assigns, reopens and reads raw records."""
        return covers(self.role, Role.SUPERVISOR)

    @property
    def administers(self) -> bool:
        """Whether the asker answers for the installation, and so reads what is restricted."""
        return covers(self.role, Role.ADMIN)

    def handles(self, *, unit_id: int | None, assignee_id: int | None, status: Status) -> bool:
        """Whether a complaint that the asker may see lies with them, and so its private words may be read.

        It lies with who holds it, with the officers of its unit (not of the units above), with whoever leads a unit
        above, and with a validator while it awaits validation; what lies with no unit is for the whole tree's officers.
        """
        if not self.works:
            return False
        if self.leads or (assignee_id is not None and assignee_id == self.officer_id):
            return True
        if self.scope.unit_ids is None:
            return unit_id is None
        is_to_validate = self.scope.is_validator and status is Status.AWAITING_VALIDATION
        return unit_id in self.scope.unit_ids or is_to_validate
