"""Who asks: the part of a caller that decides what the queue shows and which moves it takes."""

from __future__ import annotations

from dataclasses import dataclass

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
        """Whether the asker handles complaints, and so reads private ones and unmasked text."""
        return covers(self.role, Role.OFFICER)

    @property
    def leads(self) -> bool:
        """Whether the asker leads a unit, and so assigns, reopens and reads raw records."""
        return covers(self.role, Role.SUPERVISOR)
